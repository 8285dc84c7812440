"""What people do most is done without a mouse: Tab, Enter, and letters."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ask, permissions, publish, row

pytestmark = pytest.mark.browser
MOST_TABS = 60


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what has the focus is called this."""
    wanted = page.get_by_label(name, exact=True).or_(page.get_by_role("button", name=name, exact=True)).or_(
        page.get_by_role("link", name=name, exact=True)
    )  # fmt: skip
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if wanted.and_(page.locator(":focus")).count():
            return
    raise AssertionError(f"Tab never comes to {name}")


def test_add_a_collaborator(visit, join):
    alice, bob, carol = join("alice"), join("bob"), join("carol")
    name = publish(alice, f"@{alice.name}/notebook")
    page = visit(alice)
    page.goto(f"/package/{name}")
    tab_to(page, "Add a collaborator")
    page.keyboard.press("Enter")
    tab_to(page, "User name")
    page.keyboard.type(bob.name)
    page.keyboard.press("Enter")
    expect(row(page, bob.name)).to_be_visible()

    expect(page.get_by_label("User name").first).to_be_focused()  # the work goes on with the next name
    page.keyboard.type(carol.name)
    page.keyboard.press("Enter")
    expect(row(page, carol.name)).to_be_visible()

    tab_to(page, f"Remove {bob.name}")
    page.keyboard.press("Enter")
    expect(page.get_by_label(f"Type {bob.name} to confirm")).to_be_focused()
    page.keyboard.type(bob.name)
    page.keyboard.press("Enter")
    expect(row(page, bob.name)).to_have_count(0)
    assert permissions(alice, name) == {alice.name: "write", carol.name: "read"}


def test_make_it_public(visit, join):
    alice = join("alice")
    name = publish(alice, f"@{alice.name}/notebook")
    page = visit(alice)
    page.goto(f"/package/{name}/access")
    tab_to(page, "Public")
    page.keyboard.press("Enter")
    expect(page.get_by_label(f"Type {name} to confirm")).to_be_focused()
    page.keyboard.type(name)
    tab_to(page, "Make public")
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"{name} is public now.")).to_be_visible()
    assert ask(alice, f"-/package/{name.replace('/', '%2f')}/visibility") == {"public": True}


def test_the_page_can_be_reached_past_the_top(visit):
    page = visit()
    page.goto("/login")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")
