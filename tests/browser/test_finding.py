"""Search and Connect in the browser: names while one types, filters, and the client that arrives."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import publish
from tests.live import fetch

pytestmark = pytest.mark.browser


def test_names_while_one_types_are_chosen_with_the_arrows(visit, join):
    alice = join("alice")
    for base in ("ledger", "ledger-cli"):
        publish(alice, f"@{alice.name}/{base}")
    page = visit(alice)
    page.goto("/orgs")
    page.keyboard.press("/")
    page.keyboard.type(f"@{alice.name}/led")
    box = page.get_by_role("combobox", name="Search packages")
    options = page.get_by_role("listbox").get_by_role("option")
    expect(options).to_have_count(2)
    expect(box).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowUp")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")  # back to the text
    expect(box).not_to_have_attribute("aria-activedescendant", re.compile("."))
    page.keyboard.press("Escape")
    expect(options).to_have_count(0)
    expect(box).to_have_value(f"@{alice.name}/led")
    page.keyboard.type("ger")
    expect(options).to_have_count(2)
    page.keyboard.press("ArrowDown")
    expect(box).to_have_attribute("aria-activedescendant", "suggestion-1")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/package/@{alice.name}/ledger")


def test_enter_searches_when_no_name_was_chosen(visit, join, scripts):
    alice = join("alice")
    publish(alice, f"@{alice.name}/ledger")
    page = visit(alice, scripts=scripts)
    page.goto("/")
    page.locator("#search").fill(f"@{alice.name}/led")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?**")
    expect(page.locator(".results mark").first).to_be_visible()


def test_filters_narrow_down_and_are_removed(visit, join, scripts):
    alice = join("alice")
    publish(alice, f"@{alice.name}/open", access="public", license="MIT")
    publish(alice, f"@{alice.name}/closed", license="ISC")
    page = visit(alice, scripts=scripts)
    page.goto(f"/search?q={alice.name}")
    expect(page.locator(".result")).to_have_count(2)
    page.get_by_role("navigation", name="Filters").get_by_role("link", name=re.compile("MIT")).click()
    expect(page.locator(".result")).to_have_count(1)
    expect(page).to_have_url(re.compile("license=MIT"))
    page.get_by_role("link", name="Remove the filter License: MIT").click()
    expect(page.locator(".result")).to_have_count(2)
    page.go_back()
    expect(page.locator(".result")).to_have_count(1)


def test_the_commands_change_with_the_choice(visit, join, scripts):
    alice = join("alice")
    page = visit(alice, scripts=scripts)
    page.goto("/connect")
    page.get_by_role("radio", name="yarn 4").check()
    if not scripts:
        page.get_by_role("button", name="Show the commands").click()
    expect(page.get_by_role("heading", name="yarn 4 · everything from here")).to_be_visible()
    page.get_by_role("radio", name="Only the scope").check()
    if not scripts:
        page.get_by_role("button", name="Show the commands").click()
    expect(page.get_by_role("heading", name=f"yarn 4 · only @{alice.name} from here")).to_be_visible()
    expect(page).to_have_url(re.compile("client=yarn"))


def test_the_page_flips_when_the_client_arrives(visit, join, registry, scripts):
    alice = join("alice")
    page = visit(alice, scripts=scripts)
    page.goto("/connect")
    expect(page.get_by_text("Waiting for the first request")).to_be_visible()
    page.wait_for_timeout(2500)  # until the serving process looks again
    fetch(registry, "-/whoami", alice.token, user_agent="npm/12.0.1 node/v24.1.0 linux x64")
    if not scripts:
        page.get_by_role("link", name="Check now").click()
    expect(page.get_by_text(f"as {alice.name} from npm 12.0.1 on linux")).to_be_visible()
