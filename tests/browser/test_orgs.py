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

    page.get_by_label("User name or e-mail").fill(bob.name)
    page.get_by_label("User name or e-mail").press("Enter")
    expect(page.get_by_role("heading", name=f"{bob.name} is invited as developer")).to_be_visible()
    his = visit(bob, scripts=scripts)
    his.goto("/orgs")
    his.get_by_role("link", name="See the invitation").click()
    his.get_by_role("button", name=f"Join {org}").click()
    expect(his.get_by_text(f"You are a member of {org}.")).to_be_visible()
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


def test_a_click_in_the_matrix_takes_a_seat_and_undo_gives_it_back(visit, join, scripts):
    alice, bob, org = join("alice"), join("bob"), fresh("acme")
    alice.browser.submit("/org/new", name=org, title="")
    alice.browser.submit(f"/org/{org}/members", user=bob.name, role="developer")
    alice.browser.submit(f"/org/{org}/teams/new", name="readers", description="")
    page = visit(alice, scripts=scripts)
    page.goto(f"/org/{org}/members")
    page.get_by_role("link", name="By team").click()
    cell = page.get_by_role("button", name=f"{bob.name} in readers")
    expect(cell).to_have_attribute("aria-pressed", "false")
    cell.click()
    expect(page.get_by_text(f"{bob.name} joined readers.")).to_be_visible()
    expect(cell).to_have_attribute("aria-pressed", "true")
    if scripts:
        expect(cell).to_be_focused()
    assert ask(alice, f"-/team/{org}/readers/user?format=cli") == [bob.name]
    page.get_by_role("button", name="Undo").click()
    expect(cell).to_have_attribute("aria-pressed", "false")
    assert ask(alice, f"-/team/{org}/readers/user?format=cli") == []


def test_an_org_gets_another_name_and_its_old_address_leads_on(visit, join, scripts):
    alice, org, new = join("alice"), fresh("acme"), fresh("globex")
    alice.browser.submit("/org/new", name=org, title="")
    page = visit(alice, scripts=scripts)
    page.goto(f"/org/{org}/settings")
    page.get_by_role("link", name="Rename").click()
    page.get_by_label("New name").fill(new)
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_text(f"{org} is called {new} now")).to_be_visible()
    page.goto(f"/org/{org}/teams")
    expect(page).to_have_url(re.compile(f"/org/{new}/teams$"))


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
