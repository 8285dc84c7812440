"""An org from nothing: members, a team, a package for the team, and a member who goes."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ask, fresh, publish, row
from tests.live import fetch

pytestmark = pytest.mark.browser


def test_an_org_gets_a_member_a_team_and_a_package_and_the_member_leaves(visit, join, scripts):
    alice, bob, org = join("alice"), join("bob"), fresh("acme")
    page = visit(alice, scripts=scripts)
    page.goto("/orgs")
    page.get_by_role("link", name="New organization").last.click()
    page.get_by_label("Name").fill(org)
    page.get_by_role("button", name="Create").click()

    page.get_by_label("User name").fill(bob.name)
    page.get_by_label("User name").press("Enter")
    expect(page.get_by_text(f"{bob.name} is developer of {org}.")).to_be_visible()
    name = publish(alice, f"@{org}/ledger")

    page.get_by_role("link", name=re.compile("^Teams")).click()
    page.get_by_role("link", name="New team").click()
    page.get_by_label("Name").fill("payments")
    page.get_by_role("button", name="Create").click()
    page.get_by_label("Package", exact=True).fill(name)
    page.get_by_label("Permission").select_option(label="read-write")
    page.get_by_role("button", name="Add package").click()
    expect(page.get_by_text(f"payments has read-write on {name}.")).to_be_visible()
    page.get_by_label("Member", exact=True).fill(bob.name)
    page.get_by_label("Member", exact=True).press("Enter")
    expect(page.get_by_text(f"{bob.name} joined payments.")).to_be_visible()
    if scripts:
        expect(page.get_by_label("Member", exact=True)).to_be_focused()
    assert ask(alice, f"-/team/{org}/payments/user?format=cli") == [bob.name]
    assert ask(alice, f"-/team/{org}/payments/package") == {name: "write"}
    assert fetch(bob.registry, name, bob.token)[0] == 200

    page.goto(f"/org/{org}/members")
    page.get_by_role("button", name=f"Remove {bob.name}").click()
    expect(page.get_by_role("heading", name=f"Remove {bob.name} from {org}?")).to_be_visible()
    if scripts:
        expect(page.get_by_label(f"Type {bob.name} to confirm")).to_be_focused()
    page.get_by_label(f"Type {bob.name} to confirm").fill("bob?")
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text(f"Type {bob.name} to confirm.")
    page.get_by_label(f"Type {bob.name} to confirm").fill(bob.name)
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.get_by_text(f"{bob.name} was removed from {org}")).to_be_visible()
    expect(row(page, bob.name)).to_have_count(0)
    assert ask(alice, f"-/org/{org}/user") == {alice.name: "owner"}
    assert ask(alice, f"-/team/{org}/payments/user?format=cli") == []
    assert fetch(bob.registry, name, bob.token)[0] == 404


def test_a_team_is_given_a_package_from_the_packages_page(visit, join, scripts):
    alice, org = join("alice"), fresh("acme")
    alice.browser.submit("/org/new", name=org, title="")
    ask(alice, f"-/org/{org}/team", "PUT", {"name": "readers", "description": ""})
    name = publish(alice, f"@{org}/ledger")
    page = visit(alice, scripts=scripts)
    page.goto(f"/package/{name}/access")
    page.get_by_label("Team", exact=True).fill("readers")
    page.get_by_label("Team", exact=True).press("Enter")
    expect(page.get_by_text("The team readers has read.")).to_be_visible()
    readers = row(page, "readers")
    readers.get_by_role("button", name="read-write").click()
    expect(readers.get_by_role("button", name="read-write")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Remove the team readers").click()
    expect(readers).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(readers).to_be_visible()
    assert ask(alice, f"-/team/{org}/readers/package") == {name: "write"}


def test_an_unknown_member_is_refused_beside_the_field(visit, join, scripts):
    alice, bob, org = join("alice"), join("bobby"), fresh("acme")
    alice.browser.submit("/org/new", name=org, title="")
    page = visit(alice, scripts=scripts)
    page.goto(f"/org/{org}/members")
    page.get_by_label("User name").fill(f"{bob.name}x")
    page.get_by_label("User name").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text(f"did you mean {bob.name}")
    expect(page.get_by_label("User name")).to_have_value(f"{bob.name}x")
