"""Every page: axe finds nothing serious, light or dark, it fits 320 pixels, and the browser complains about nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.conftest import fresh, publish
from tests.live import fetch
from tests.tools.payloads import publish_body
from tests.tools.visitor import Person, sign_up

pytestmark = pytest.mark.browser

README = """# ledger

Words, a [link](https://example.com), `code` and a list:

- [x] one
- two

```js
import { Ledger } from '@acme/ledger' // a comment
await new Ledger({ currency: 'EUR', strict: true }).post({ amount: 1200, account: 'a-long-name-for-an-account' })
```

| option | default | what it does |
| --- | --- | --- |
| `currency` | `EUR` | the currency of every account that names none, which is a long sentence |
"""
LONG = "a-name-that-is-so-long-that-it-cannot-fit-on-one-line-of-any-telephone"


@dataclass(frozen=True)
class Scene:
    """alice with an org, a private package of hers, a private and a public one of the org."""

    alice: Person
    names: dict[str, str]

    def __call__(self, path: str) -> str:
        return path.format(**self.names)


@pytest.fixture(scope="package")
def scene(registry, tmp_path_factory) -> Scene:
    """Enough of everything for a page to show all its parts."""
    alice, bob = (sign_up(registry, fresh(name), tmp_path_factory.mktemp(name)) for name in ("alice", "bob"))
    org = fresh("acme")
    names = {"alice": alice.name, "bob": bob.name, "org": org, "nobody": fresh("nobody")}
    alice.browser.submit("/org/new", name=org, title="Acme Payments")
    alice.browser.submit(f"/org/{org}/members", user=bob.name, role="developer")
    alice.browser.submit(f"/org/{org}/teams/new", name="payments", description="Moves money.")
    more = {"description": "Double-entry bookkeeping.", "keywords": ["money", "ledger"], "readme": README}
    names["own"] = publish(alice, f"@{alice.name}/{LONG}", **more)
    names["private"] = publish(alice, f"@{org}/ledger", dependencies={"left-pad": "^1.0.0"}, **more)
    publish(alice, names["private"], "1.1.0", dependencies={"left-pad": "^1.0.0"}, **more)
    names["public"] = publish(alice, f"@{org}/{LONG}", access="public", **more)
    alice.browser.submit(
        f"/package/{names['own']}/access/people", f"/package/{names['own']}/access", user=bob.name, permission="read"
    )
    alice.browser.submit(f"/package/{names['private']}/deprecate", version="1.0.0", message="use 1.1.0")
    alice.browser.submit("/settings/tokens", name="build server", access="read-only", days="30")
    names["login"] = json.loads(fetch(registry, "-/v1/login", method="POST", body={})[1])["loginUrl"]
    upload = publish_body(names["private"], "1.2.0", scripts={"postinstall": "node install.js"}, readme=README)
    staged = fetch(registry, f"-/stage/package/{names['private'].replace('/', '%2f')}", alice.token, "POST", upload)
    names["staged"] = json.loads(staged[1])["stageId"]
    hook = {"type": "package", "name": names["private"], "endpoint": "https://example.com/hook", "secret": "secret"}
    names["hook"] = json.loads(fetch(registry, "-/npm/v1/hooks/hook", alice.token, "POST", hook)[1])["id"]
    return Scene(alice, names)


STRANGERS = """
/
/connect
/login
/signup
/password/reset
/search?q={org}
/search?q=zzzzzz
/package/{public}
/package/{public}/access
/package/{private}
/~{alice}
"""
ALICES = """
/
/~{alice}
/~{bob}
/orgs
/org/new
/connect
/search?q={org}
/package/{own}
/package/{own}/access
/package/{own}/access?make=public
/package/{private}
/package/{private}/v/1.0.0
/package/{private}/versions
/package/{private}/dependencies
/package/{private}/access
/package/{private}/access?explain={bob}
/package/{public}/access?make=restricted
/package/{private}/activity
/package/{private}/settings
/package/{private}/staged
/package/{private}/staged/{staged}
/package/{private}/deprecate
/package/{private}/unpublish
/package/{nobody}
/org/{org}
/org/{org}/members
/org/{org}/teams
/org/{org}/teams/new
/org/{org}/teams/payments
/org/{org}/teams/payments/delete
/org/{org}/activity
/org/{org}/settings
/settings/profile
/settings/email
/settings/password
/settings/tokens
/settings/two-factor
/settings/webhooks
/settings/webhooks/{hook}
/settings/become-org
/trust/@{org}
/logout
{login}
"""


def faults(page: Page, **options) -> list[str]:
    """What axe calls serious or critical."""
    found = Axe().run(page, options={"resultTypes": ["violations"], **options}).response["violations"]
    return [
        f"{each['id']}: {each['help']}: {node['target']}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


def look_at(page: Page, address: str) -> None:
    """The page in both colour schemes, and on the narrowest telephone."""
    page.emulate_media(color_scheme="light")
    page.goto(address)
    assert faults(page) == []
    page.emulate_media(color_scheme="dark")
    assert faults(page, runOnly=["color-contrast"]) == []  # the other scheme has other colours and nothing else
    page.set_viewport_size({"width": 320, "height": 640})
    too_wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert too_wide <= 0, f"{too_wide} pixels too wide"


@pytest.mark.parametrize("path", STRANGERS.split())
def test_a_page_for_a_stranger(visit, scene, path):
    look_at(visit(), scene(path))


@pytest.mark.parametrize("path", ALICES.split())
def test_a_page_for_alice(visit, scene, path):
    look_at(visit(scene.alice), scene(path))


def test_empty_pages_teach_on_the_narrowest_telephone_too(visit, join, registry):
    empty = join("newcomer")
    page = visit(empty)
    for path in ("/", f"/~{empty.name}"):
        look_at(page, path)
        commands = page.locator(".copy code").all_inner_texts()
        assert commands[0] == f"npm config set registry {registry.registry}"
        assert len(commands) == 3


def test_slash_goes_to_the_search_and_copy_copies(visit, scene):
    page = visit()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(scene("/package/{public}"))
    page.get_by_role("button", name="Copy the install command").click()
    assert page.evaluate("navigator.clipboard.readText()") == scene("npm i {public}")
    page.keyboard.press("/")
    page.keyboard.type(scene("{public}"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?**")
    assert page.locator(".results h2 a").first.inner_text() == scene("{public}")
