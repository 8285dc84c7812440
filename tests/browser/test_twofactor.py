"""Two-factor in a real browser: a passkey that Chromium makes, an app with and without JavaScript."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.live import fetch
from tests.tools.payloads import publish_body
from tests.tools.sessions import code
from tests.tools.visitor import PASSWORD, Person

pytestmark = pytest.mark.browser
PICTURES = Path(__file__).resolve().parents[2] / ".cache/pictures"


@pytest.fixture
def here(registry) -> str:
    """The website under a name: a browser keeps passkeys for names, and not for an address such as 127.0.0.1."""
    return registry.url.replace("127.0.0.1", "localhost")


def plug_in(page: Page) -> None:
    """A security key in the machine, touched by an invisible finger whenever it asks."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def sign_in(page: Page, address: str, name: str) -> None:
    page.goto(f"{address}/login")
    page.get_by_label("Username or email").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in", exact=True).click()


def sign_out(page: Page, name: str) -> None:
    page.get_by_label(f"Account menu of {name}").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("navigation").get_by_role("link", name="Sign in")).to_be_visible()


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


def publish(person: Person, name: str, **headers: str):
    """What npm would be answered: (status, JSON)."""
    path = name.replace("/", "%2f")
    body = publish_body(name, "1.0.0")
    status, answer, _ = fetch(person.registry, path, person.token, "PUT", body, **headers)
    return status, json.loads(answer)


def test_a_passkey_is_added_signs_in_and_approves_a_publish(visit, join, registry, here):
    alice, page = join("alice"), visit()
    plug_in(page)
    sign_in(page, here, alice.name)
    expect(page.get_by_label(f"Account menu of {alice.name}")).to_be_visible()
    page.goto(f"{here}/settings/two-factor")
    picture(page, "two-factor-off")
    page.get_by_role("link", name="Add a passkey").click()
    picture(page, "passkey-add")
    page.get_by_label("Name").fill("laptop")
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    assert len(re.findall(r"\d{8}", page.locator(".recovery-codes code").inner_text())) == 10
    picture(page, "recovery-codes")
    page.get_by_role("link", name="I kept them").click()
    expect(page.get_by_role("listitem").filter(has_text="laptop")).to_be_visible()
    picture(page, "two-factor-on")

    sign_out(page, alice.name)
    page.goto(f"{here}/login")
    picture(page, "login")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_label(f"Account menu of {alice.name}")).to_be_visible()

    sign_out(page, alice.name)
    sign_in(page, here, alice.name)
    expect(page.get_by_role("heading", name="Your second factor")).to_be_visible()
    picture(page, "second-factor")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_label(f"Account menu of {alice.name}")).to_be_visible()

    name = f"@{alice.name}/thing"
    status, asked = publish(alice, name, npm_auth_type="web", npm_command="publish")
    assert status == 401
    page.goto(asked["authUrl"].replace("127.0.0.1", "localhost"))
    picture(page, "approve-command")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Approved")
    picture(page, "approved")
    done = json.loads(fetch(registry, asked["doneUrl"].removeprefix(registry.registry))[1])
    assert publish(alice, name, npm_otp=done["token"])[0] == 201


def test_a_stale_session_shows_its_passkey_again(visit, join, registry, here):
    alice, page = join("alice"), visit()
    plug_in(page)
    sign_in(page, here, alice.name)
    page.goto(f"{here}/settings/two-factor/passkeys/add")
    page.get_by_label("Name").fill("laptop")
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    sign_out(page, alice.name)

    page.goto(f"{here}/login")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_label(f"Account menu of {alice.name}")).to_be_visible()
    page.goto(f"{here}/reauthenticate")
    expect(page.get_by_role("heading", name="Is it you?")).to_be_visible()
    picture(page, "reauthenticate")
    expect(page.get_by_role("link", name="Use a code")).to_be_visible()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="Is it you?")).to_have_count(0)
    page.goto(f"{here}/settings/two-factor")
    page.get_by_role("link", name="Rename laptop").click()
    page.get_by_label("Name").fill("blue key")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Remove blue key").click()
    picture(page, "passkey-remove")
    page.get_by_role("button", name="Remove the passkey").click()
    expect(page.get_by_role("status").filter(has_text="Two-factor is off")).to_be_visible()
    sign_out(page, alice.name)
    sign_in(page, here, alice.name)
    expect(page.get_by_label(f"Account menu of {alice.name}")).to_be_visible()


def test_a_passkey_that_fails_says_so(visit, join, here):
    alice, page = join("alice"), visit()
    sign_in(page, here, alice.name)
    page.goto(f"{here}/settings/two-factor/passkeys/add")
    page.evaluate("void (navigator.credentials.create = async () => { throw new DOMException('no') })")
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("The passkey was not used")


def test_an_app_is_set_up_used_and_removed(visit, join, scripts):
    alice, page = join("alice"), visit()
    page = visit(alice, scripts=scripts)
    page.goto("/settings/two-factor")
    page.get_by_role("link", name="Set up an app").click()
    qr = page.get_by_alt_text("QR code of the secret below")
    expect(qr).to_be_visible()
    if scripts:
        assert qr.evaluate("image => image.complete && image.naturalWidth > 0"), "the policy lets the picture through"
        picture(page, "app")
    secret = page.locator(".copy code").inner_text()
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Turn it on").click()
    expect(page.get_by_label("Code")).to_have_accessible_description(re.compile("Incorrect code"))
    assert page.locator(".copy code").inner_text() == secret, "the same secret, for another try"
    page.get_by_label("Code").fill(code(secret))
    page.get_by_role("button", name="Turn it on").click()
    codes = re.findall(r"\d{8}", page.locator(".recovery-codes code").inner_text())
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as a file").click()
    assert Path(download.value.path()).read_text().split() == codes

    page.get_by_label(f"Account menu of {alice.name}").click()
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.get_by_role("button", name="Sign out").click()
    page.goto("/login")
    page.get_by_label("Username or email").fill(alice.name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_label("Code").fill(codes[0])
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_label(f"Account menu of {alice.name}")).to_be_visible()

    page.goto("/settings/two-factor")
    page.get_by_label("Only then").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Only then")).to_be_checked()
    assert publish(alice, f"@{alice.name}/thing")[0] == 201, "it publishes without asking"
    page.get_by_role("link", name="Remove the app").click()
    page.get_by_role("button", name="Remove the app").click()
    expect(page.get_by_role("link", name="Set up an app")).to_be_visible()


def test_a_token_says_what_it_will_do(visit, join, scripts):
    alice = join("alice")
    page = visit(alice, scripts=scripts)
    page.goto("/settings/tokens")
    page.get_by_label("Name", exact=True).fill("build server")
    page.get_by_label("Packages", exact=True).select_option("read-write")
    page.get_by_label("Only these").fill(f"@{alice.name}")
    page.get_by_label("Only from").fill("192.0.2.0/24")
    page.get_by_label("Days").fill("5")
    if scripts:
        page.get_by_label("Never ask").check()
        expect(page.locator("#token-summary")).to_contain_text(f"installs and publishes everything in @{alice.name}")
        picture(page, "tokens")
    page.get_by_role("button", name="Create token").click()
    expect(page.get_by_text("It is shown this once")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="build server")).to_contain_text("only from 192.0.2.0/24")
    if scripts:
        picture(page, "token-made")


def test_who_has_no_second_factor_is_asked_for_the_password(visit, join):
    page = visit(join("alice"))
    page.goto("/reauthenticate")
    picture(page, "reauthenticate-password")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Is it you?")).to_have_count(0)
