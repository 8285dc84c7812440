"""Every page: axe finds nothing serious, light or dark, nothing moves, it fits 320 pixels, nobody complains."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date, timedelta

import pytest
from axe_playwright_python.base import AXE_SCRIPT
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
FILES = {
    "README.md": README,
    "src/index.js": "'use strict'\n\n/* a comment\n   of two lines */\nexport const a = `x ${1}` // and one\n" * 40,
    "src/deep/er/a-file-with-a-name-that-is-so-long-that-it-cannot-fit-on-one-line-of-any-telephone.ts": "let x: 1\n",
    "logo.png": "\x89PNG\0",
}
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
    people = f"/org/{org}/members"
    alice.browser.submit(f"/org/{org}/invitations", people, user="new@example.com", role="admin", teams="payments")
    names["carol"] = sign_up(registry, fresh("carol"), tmp_path_factory.mktemp("carol")).name
    alice.browser.submit(f"/org/{org}/invitations", people, user=names["carol"], role="developer")
    alice.browser.submit(f"/org/{org}/tokens", name="deploy", access="read-write", days="30")
    empty = names["empty"] = fresh("empty")
    alice.browser.submit("/org/new", name=empty, title="")
    more = {"description": "Double-entry bookkeeping.", "keywords": ["money", "ledger"], "readme": README}
    names["own"] = publish(alice, f"@{alice.name}/{LONG}", **more)
    names["private"] = publish(alice, f"@{org}/ledger", dependencies={"left-pad": "^1.0.0"}, files=FILES, **more)
    names["left"] = publish(alice, f"@{org}/left", access="public")
    needed = {"left-pad": "^1.0.0", names["left"]: "^2.0.0", "over-there": "file:../there"}
    publish(alice, names["private"], "1.1.0", dependencies=needed, bundleDependencies=["left-pad"], **more)
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
    told = {"range": "<1.1.0", "severity": "high", "title": "Totals can be forged by whoever sends the amounts"}
    address = f"/package/{names['private']}/advisories"
    made = alice.browser.submit(address, text="Upgrade **now**.", fixed_in="1.1.0", cwes="CWE-345", **told)
    names["advisory"] = made.address.rpartition("/")[2]
    said = {"cooldown": "14", "blocked": f"{LONG}@<2 # because of {LONG}", "licenses": "GPL-3.0", "scripts": "no"}
    alice.browser.submit(f"/org/{org}/rules/new", name="Rules of the house", why="Worms.", **said)
    until = {"rule": "scripts", "owner": alice.name, "until": f"{date.today() + timedelta(days=9)}"}
    alice.browser.submit(f"/org/{org}/rules/1")
    made = f"/org/{org}/rules/exceptions"
    alice.browser.submit(made, f"/org/{org}/rules", package=LONG, reason="We need it.", **until)
    alice.browser.submit(f"/org/{org}/rules/new", name="Rules of the house", why="More worms.", cooldown="30")
    names["gone"] = publish(alice, f"@{alice.name}/gone")
    alice.browser.submit(f"/package/{names['gone']}/unpublish", version="all", confirm=names["gone"])
    hook = {"type": "package", "name": names["private"], "endpoint": "https://example.com/hook", "secret": "secret"}
    names["hook"] = json.loads(fetch(registry, "-/npm/v1/hooks/hook", alice.token, "POST", hook)[1])["id"]
    hook["endpoint"] = "http://127.0.0.1:1/"  # refused at once, and nothing of it leaves
    names["told"] = json.loads(fetch(registry, "-/npm/v1/hooks/hook", alice.token, "POST", hook)[1])["id"]
    its = f"/settings/webhooks/{names['told']}"
    sent = alice.browser.submit(f"{its}/do", its, do="test")
    names["message"] = re.search(rf"{names['told']}/messages/(\d+)", sent.text)[1]
    return Scene(alice, names)


STRANGERS = """
/
/connect
/login
/signup
/password/reset
/search?q={org}
/search?q=zzzzzz
/search?q=is:public&sort=downloads
/connect?client=yarn&place=github&scope=acme&from=scope
/package/{public}
/package/{public}/access
/org/{org}
/package/{public}/code
/package/{public}/compare
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
/connect?client=pnpm&place=ci
/search?q={org}
/search?q={org}&access=restricted&sort=recent
/~{alice}?sort=recent
/settings/feeds
/settings/storage
/package/{own}
/package/{own}/access
/package/{own}/access?make=public
/package/{private}
/package/{private}/v/1.0.0
/package/{private}/versions
/package/{private}/dependencies
/package/{private}/dependents
/package/{private}/v/1.0.0/dependencies
/package/{left}/dependents
/package/{private}/code
/package/{private}/v/1.0.0/code
/package/{private}/v/1.0.0/code/src
/package/{private}/v/1.0.0/code/src/index.js
/package/{private}/v/1.0.0/code/logo.png
/package/{private}/compare
/package/{private}/compare/1.0.0...1.1.0
/package/{private}/access
/package/{private}/access?explain={bob}
/package/{private}/access?explain={org}:payments
/package/{public}/access?make=restricted
/package/{private}/activity
/package/{private}/advisories
/package/{private}/advisories/{advisory}
/package/{own}/advisories
/advisories
/advisories?severity=low
/package/{private}/settings
/package/{private}/staged
/package/{private}/staged/{staged}
/package/{private}/versions?q=%3E%3D7
/package/{private}/deprecate
/package/{private}/deprecate?version=%3C2
/package/{gone}/restore
/package/{private}/unpublish
/package/{private}/v/1.0.0/recall
/package/{nobody}
/org/{org}
/org/{org}/members
/org/{org}/members?role=owner&two_factor=off
/org/{org}/members/teams
/org/{org}/tokens
/org/{org}/rename
/org/{org}/delete
/org/{empty}
/org/{empty}/rename
/org/{empty}/delete
/org/{org}/activity?what=teams&since=2020-01-01
/org/{org}/teams
/org/{org}/teams/new
/org/{org}/teams/payments
/org/{org}/teams/payments/delete
/org/{org}/teams/payments/edit
/org/{org}/activity
/org/{org}/requests
/org/{org}/rules
/org/{org}/rules/new
/org/{org}/rules/1
/org/{org}/rules/2
/org/{empty}/rules
/rules
/rules?package={public}
/org/{org}/settings
/settings/profile
/settings/email
/settings/password
/settings/tokens
/settings/sessions
/settings/sign-ins
/settings/notifications
/settings/delete
/settings/two-factor
/settings/webhooks
/settings/webhooks/{hook}
/settings/webhooks/{told}
/settings/webhooks/{told}/messages/{message}
/settings/become-org
/trust/@{org}
/logout
{login}
"""


A_TEST = 10  # pages that one test looks at: each test costs a browser window of its own
MOVED = """() => new Promise(done => {
  const moved = []
  new PerformanceObserver(list => moved.push(...list.getEntries())).observe({type: 'layout-shift', buffered: true})
  const told = each => each.value.toFixed(4) + each.sources.map(source => ' ' + source.node?.outerHTML?.slice(0, 90))
  const seen = each => each.value > 0.0005  // less is a pixel or two while a busy machine still reads the page
  requestAnimationFrame(() => requestAnimationFrame(() => done(moved.filter(seen).map(told))))
})"""


def faults(page: Page, **options) -> list[str]:
    """What axe calls serious or critical."""
    page.evaluate(f"() => {{ if (!window.axe) {{ {AXE_SCRIPT} }} }}")
    found = page.evaluate("options => axe.run(options)", {"resultTypes": ["violations"], **options})["violations"]
    return [
        f"{each['id']}: {each['help']}: {node['target']}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


def look_at(page: Page, address: str) -> list[str]:
    """What is wrong with a page, in both colour schemes, and on the narrowest telephone."""
    page.set_viewport_size({"width": 1280, "height": 800})
    page.emulate_media(color_scheme="light")
    page.goto(address)
    wrong = [f"moved by {each}" for each in page.evaluate(MOVED)]
    wrong += faults(page)
    page.emulate_media(color_scheme="dark")
    dark = faults(page, runOnly=["color-contrast"])  # the other scheme has other colours and nothing else
    page.set_viewport_size({"width": 320, "height": 640})
    too_wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wrong + [f"dark: {each}" for each in dark] + ([f"{too_wide} pixels too wide"] if too_wide > 0 else [])


def in_groups(paths: str) -> list:
    """The pages as parameters of tests, some to each; a test is called after its pages, so that -k finds them."""
    pages = paths.split()
    groups = [pages[at : at + A_TEST] for at in range(0, len(pages), A_TEST)]
    return [pytest.param(group, id=" ".join(group)) for group in groups]


def wrong_with(page: Page, scene: Scene, paths: list[str]) -> dict[str, list[str]]:
    """Of these pages those with which something is wrong, and what."""
    return {path: wrong for path in paths if (wrong := look_at(page, scene(path)))}


@pytest.mark.parametrize("paths", in_groups(STRANGERS))
def test_pages_for_a_stranger(visit, scene, paths):
    assert wrong_with(visit(), scene, paths) == {}


@pytest.mark.parametrize("paths", in_groups(ALICES))
def test_pages_for_alice(visit, scene, paths):
    assert wrong_with(visit(scene.alice), scene, paths) == {}


def test_empty_pages_teach_on_the_narrowest_telephone_too(visit, join, registry):
    empty = join("newcomer")
    page = visit(empty)
    for path in ("/", f"/~{empty.name}"):
        assert look_at(page, path) == []
        commands = page.locator(".copy code").all_inner_texts()
        assert commands[0] == f"npm config set registry {registry.registry}"
        assert len(commands) == 3


def test_slash_goes_to_the_search_and_copy_copies(visit, scene):
    page = visit()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(scene("/package/{public}"))
    page.get_by_role("button", name="Copy the install command").click()
    for _ in range(100):  # the browser copies a moment later
        if copied := page.evaluate("navigator.clipboard.readText()"):
            break
        page.wait_for_timeout(100)
    assert copied == scene("npm i {public}")
    page.keyboard.press("/")
    page.keyboard.type(scene("{public}"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?**")
    assert page.locator(".results h2 a").first.inner_text() == scene("{public}")
