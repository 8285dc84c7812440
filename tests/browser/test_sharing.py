"""A private package is shared with people, and opened and closed to everyone."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ask, found, permissions, publish, row
from tests.live import fetch

pytestmark = pytest.mark.browser


def add(page: Page, name: str) -> None:
    """Type a name into the field for collaborators and press Enter."""
    page.get_by_label("User name").first.fill(name)
    page.get_by_label("User name").first.press("Enter")


def test_a_collaborator_is_added_by_enter_changed_by_a_click_removed_by_x_and_brought_back(visit, join, scripts):
    alice, bob = join("alice"), join("bob")
    name = publish(alice, f"@{alice.name}/notebook")
    page = visit(alice, scripts=scripts)
    page.goto(f"/package/{name}")
    page.get_by_role("link", name="Add a collaborator").click()

    add(page, bob.name)
    expect(page.get_by_role("status").filter(has_text=f"{bob.name} has read.")).to_be_visible()
    hers = row(page, bob.name)
    expect(hers.get_by_role("button", name="read", exact=True)).to_have_attribute("aria-pressed", "true")
    assert permissions(alice, name)[bob.name] == "read"
    assert fetch(bob.registry, name, bob.token)[0] == 200

    hers.get_by_role("button", name="read-write").click()
    expect(hers.get_by_role("button", name="read-write")).to_have_attribute("aria-pressed", "true")
    assert permissions(alice, name)[bob.name] == "write"

    page.get_by_role("button", name=f"Remove {bob.name}").click()
    expect(page.get_by_text(f"1 person loses it: {bob.name}.")).to_be_visible()
    page.get_by_label(f"Type {bob.name} to confirm").fill(bob.name)
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"{bob.name} was removed.")).to_be_visible()
    expect(hers).to_have_count(0)
    assert fetch(bob.registry, name, bob.token)[0] == 404

    page.get_by_role("button", name="Undo").click()
    expect(hers.get_by_role("button", name="read-write")).to_have_attribute("aria-pressed", "true")
    assert permissions(alice, name)[bob.name] == "write"


def test_an_unknown_name_is_refused_beside_the_field_with_a_suggestion(visit, join, scripts):
    alice, bob = join("alice"), join("bobby")
    name = publish(alice, f"@{alice.name}/notebook")
    page = visit(alice, scripts=scripts)
    page.goto(f"/package/{name}/access")
    typed = f"{bob.name}x"
    add(page, typed)
    field = page.get_by_label("User name").first
    expect(field).to_have_value(typed)
    expect(field).to_have_attribute("aria-invalid", "true")
    error = page.get_by_role("alert")
    expect(error).to_contain_text("there is no user")
    expect(error).to_contain_text(f"did you mean {bob.name}")
    expect(field).to_have_accessible_description(error.inner_text())
    assert permissions(alice, name) == {alice.name: "write"}


def test_what_npm_shares_shows_on_the_page(visit, join):
    alice, bob = join("alice"), join("bob")
    name = publish(alice, f"@{alice.name}/notebook")
    page = visit(alice)
    page.goto(f"/package/{name}/access")
    expect(row(page, bob.name)).to_have_count(0)
    document = ask(alice, f"{name}?write=true")
    maintainers = [*document["maintainers"], {"name": bob.name, "email": ""}]
    change = {"_id": name, "_rev": document["_rev"], "maintainers": maintainers}
    ask(alice, f"{name}/-rev/{document['_rev']}", "PUT", change)
    page.reload()
    expect(row(page, bob.name)).to_be_visible()


def test_private_vanishes_from_another_persons_search_at_once_and_public_comes_back(visit, join, scripts):
    alice, dave = join("alice"), join("dave")
    word = f"unmistakable{alice.name}"
    name = publish(alice, f"@{alice.name}/{word}", access="public")
    hers, his = visit(alice, scripts=scripts), visit(dave, scripts=scripts)
    assert found(his, word) == [name]

    hers.goto(f"/package/{name}/access")
    hers.get_by_role("button", name="Private", exact=True).click()
    expect(hers.get_by_role("heading", name=f"Make {name} private?")).to_be_visible()
    expect(hers.get_by_text(f"except 1 person with access of their own: {alice.name}.")).to_be_visible()
    assert found(his, word) == [name]  # a preview changes nothing

    hers.get_by_label(f"Type {name} to confirm").fill("yes")
    hers.get_by_role("button", name="Make private").click()
    expect(hers.get_by_role("alert")).to_have_text(f"Type {name} to confirm.")
    hers.get_by_label(f"Type {name} to confirm").fill(name)
    hers.get_by_role("button", name="Make private").click()
    expect(hers.get_by_text(f"{name} is private now.")).to_be_visible()
    expect(hers.get_by_role("heading", level=1)).to_have_text(f"{name} Private")
    assert found(his, word) == []
    assert found(hers, word) == [name]
    expect(hers.locator(".results .badge")).to_have_text("Private")
    assert his.goto(f"/package/{name}").status == 404

    hers.goto(f"/package/{name}/access")
    hers.get_by_role("button", name="Public", exact=True).click()
    expect(hers.get_by_text("Today 1 person can.")).to_be_visible()
    hers.get_by_label(f"Type {name} to confirm").fill(name)
    hers.get_by_role("button", name="Make public").click()
    expect(hers.get_by_text(f"{name} is public now.")).to_be_visible()
    expect(hers.get_by_role("heading", level=1)).to_have_text(name)
    assert found(his, word) == [name]


def test_a_preview_can_be_sent_to_a_colleague_and_left_alone(visit, join, scripts):
    alice = join("alice")
    name = publish(alice, f"@{alice.name}/notebook")
    page = visit(alice, scripts=scripts)
    page.goto(f"/package/{name}/access?make=public")
    page.get_by_role("link", name="Keep private").click()
    expect(page.get_by_label(f"Type {name} to confirm")).to_have_count(0)
    assert ask(alice, f"-/package/{name.replace('/', '%2f')}/visibility") == {"public": False}


def test_somebody_who_only_reads_sees_who_to_ask_and_no_controls(visit, join):
    alice, bob = join("alice"), join("bob")
    name = publish(alice, f"@{alice.name}/notebook")
    hers = visit(alice)
    hers.goto(f"/package/{name}/access")
    add(hers, bob.name)
    expect(row(hers, bob.name)).to_be_visible()
    his = visit(bob)
    his.goto(f"/package/{name}/access")
    expect(row(his, alice.name)).to_be_visible()
    expect(his.get_by_role("main").get_by_role("button")).to_have_text(["Explain"])


def test_hidden_and_missing_look_the_same(visit, join, scripts):
    alice, dave = join("alice"), join("dave")
    hidden = publish(alice, f"@{alice.name}/abc")
    missing = f"@{alice.name}/xyz"
    for visitor in (visit(dave, scripts=scripts), visit(scripts=scripts)):
        shown = []
        for name in (hidden, missing):
            answer = visitor.goto(f"/package/{name}")
            assert answer.status == 404
            request_id = visitor.get_by_role("main").locator("code").inner_text()
            text = visitor.get_by_role("main").inner_html().replace(request_id, "ID")
            shown.append(text.replace(name, "NAME").replace(quote(name), "NAME"))
        assert shown[0] == shown[1]
        expect(visitor.get_by_role("heading", level=1)).to_have_text("Not found")
