"""People come and go: sign up, log in and out, approve npm, forget a password, become an org."""

from __future__ import annotations

import json
import re
import time

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ask, fresh, log_in, publish
from tests.live import fetch
from tests.tools.visitor import PASSWORD

pytestmark = pytest.mark.browser


def test_sign_up_sign_out_sign_in(visit, scripts):
    page, name = visit(scripts=scripts), fresh("newcomer")
    page.goto("/")
    page.get_by_role("navigation").get_by_role("link", name="Sign up").click()
    page.get_by_label("Username").fill(name)
    page.get_by_label("Email").fill(f"{name}@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Make account").click()
    menu = page.get_by_label(f"Account menu of {name}")
    menu.click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("navigation").get_by_role("link", name="Sign in")).to_be_visible()
    expect(menu).to_have_count(0)
    log_in(page, name)


def test_a_taken_name_is_refused_beside_its_field(visit, join, scripts):
    alice, page = join("alice"), visit(scripts=scripts)
    page.goto("/signup")
    page.get_by_label("Username").fill(alice.name)
    page.get_by_label("Email").fill("somebody@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Make account").click()
    expect(page.get_by_label("Username")).to_have_accessible_description(re.compile("taken|not available|already"))


@pytest.mark.parametrize("decision", ["Approve", "Deny"])
def test_an_npm_login_is_decided_in_the_browser(visit, join, registry, scripts, decision):
    alice = join("alice")
    started = json.loads(fetch(registry, "-/v1/login", method="POST", body={})[1])
    done = started["doneUrl"].removeprefix(registry.registry)
    assert fetch(registry, done)[0] == 202

    page = visit(alice, scripts=scripts)
    page.goto(started["loginUrl"])
    page.get_by_role("button", name=decision).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "You are logged in" if decision == "Approve" else "Denied"
    )
    status, answer, _ = fetch(registry, done)
    if decision == "Deny":
        assert status >= 400
        assert b"token" not in answer
    else:
        token = json.loads(answer)["token"]
        assert json.loads(fetch(registry, "-/whoami", token)[1]) == {"username": alice.name}


def test_a_stranger_who_approves_logs_in_first_and_comes_back(visit, join, registry):
    alice, page = join("alice"), visit()
    started = json.loads(fetch(registry, "-/v1/login", method="POST", body={})[1])
    page.goto(started["loginUrl"])
    page.get_by_label("Username or email").fill(alice.name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("button", name="Approve")).to_be_visible()


def test_a_forgotten_password_is_reset_by_mail(visit, join, registry, scripts):
    alice, page = join("alice"), visit(scripts=scripts)
    page.goto("/login")
    page.get_by_role("link", name="Forgot your password?").click()
    page.get_by_label("Email").fill(f"{alice.name}@example.com")
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Look in your mail")
    page.goto(reset_link(registry, alice.name))
    page.get_by_label("New Password", exact=True).fill("another horse battery")
    if (again := page.get_by_label("New Password (again)")).count():
        again.fill("another horse battery")
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your password is changed")
    log_in(visit(scripts=scripts), alice.name, "another horse battery")


def test_a_user_turns_into_an_org(visit, join, scripts):
    team, bob, new_name = join("shared"), join("bob"), fresh("alice")
    name = publish(team, f"@{team.name}/tool")
    page = visit(team, scripts=scripts)
    page.goto("/settings/become-org")
    page.get_by_label("Your new user name").fill(new_name)
    page.get_by_label(f"Type {team.name} to confirm").fill("something else")
    page.get_by_role("button", name="Turn into an organization").click()
    expect(page.get_by_role("alert")).to_have_text(f"Type {team.name} to confirm.")
    page.get_by_label(f"Type {team.name} to confirm").fill(team.name)
    page.get_by_role("button", name="Turn into an organization").click()
    expect(page).to_have_url(re.compile(f"/org/{team.name}$"))
    expect(page.get_by_role("link", name=name)).to_be_visible()
    expect(page.get_by_label(f"Account menu of {new_name}")).to_be_visible()
    assert ask(team, "-/whoami") == {"username": new_name}
    assert ask(team, f"-/org/{team.name}/user") == {new_name: "owner"}
    assert bob.name not in page.content()


def reset_link(registry, name: str) -> str:
    """The link in the mail that the worker printed, waited for."""
    last = time.monotonic() + 90
    while time.monotonic() < last:
        mails = registry.log.split(f"To: {name}@example.com")[1:]
        if mails and (link := re.search(r"http\S+/password/reset/key/\S+", mails[-1])):
            return link[0]
        time.sleep(0.1)
    raise AssertionError(f"no mail to {name}")
