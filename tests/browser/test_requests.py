"""Asking for access to a package of one's org, deciding on it, and looking an error up."""

from __future__ import annotations

import json
import time

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import fresh, publish
from tests.browser.test_pages import look_at
from tests.live import fetch

pytestmark = pytest.mark.browser


@pytest.fixture
def company(join):
    """alice owns an org with a private package that only the team payments has; bob is a member in no such team."""
    alice, bob, org = join("alice"), join("bob"), fresh("acme")
    alice.browser.submit("/org/new", name=org, title="")
    for path, body in (("team", {"name": "payments"}), ("user", {"user": bob.name})):
        assert fetch(alice.registry, f"-/org/{org}/{path}", alice.token, "PUT", body)[0] < 300
    name = publish(alice, f"@{org}/ledger")
    grant = {"package": name, "permissions": "read-only"}
    assert fetch(alice.registry, f"-/team/{org}/payments/package", alice.token, "PUT", grant)[0] < 300
    assert fetch(alice.registry, f"-/team/{org}/developers/package", alice.token, "DELETE", {"package": name})[0] < 300
    return alice, bob, org, name


def test_a_member_asks_and_an_owner_grants_it(visit, company, scripts):
    alice, bob, org, name = company
    his = visit(bob, scripts=scripts)
    assert his.goto(f"/package/{name}").status == 404
    his.get_by_label("What do you need it for?").fill("for the invoices")
    his.get_by_role("button", name="Ask for access").click()
    expect(his.get_by_text("You asked just now")).to_be_visible()

    hers = visit(alice, scripts=scripts)
    hers.goto(f"/package/{name}/access")
    hers.get_by_role("link", name=f"Decide on the request of {bob.name}").click()
    expect(hers.get_by_text("for the invoices")).to_be_visible()
    hers.get_by_role("button", name=f"Grant the request of {bob.name}").click()
    expect(hers.get_by_text(f"{bob.name} has access to {name}.")).to_be_visible()
    assert his.goto(f"/package/{name}").status == 200


def test_a_request_is_declined(visit, company, scripts):
    alice, bob, org, name = company
    his = visit(bob, scripts=scripts)
    his.goto(f"/package/@{org}/nothing")
    with his.expect_response(lambda answer: answer.request.method == "POST"):
        his.get_by_role("button", name="Ask for access").click()
    hers = visit(alice, scripts=scripts)
    hers.goto(f"/org/{org}/requests")
    expect(hers.get_by_text("There is no package of this name.")).to_be_visible()
    hers.get_by_role("button", name=f"Decline the request of {bob.name}").click()
    expect(hers.get_by_text(f"The request of {bob.name} was declined.")).to_be_visible()
    expect(hers.get_by_text("Nobody waits.")).to_be_visible()


def test_the_pages_fit_and_axe_finds_nothing(visit, company):
    alice, bob, org, name = company
    his, hers = visit(bob), visit(alice)
    assert look_at(his, f"/package/{name}") == []
    with his.expect_response(lambda answer: answer.request.method == "POST"):
        his.get_by_role("button", name="Ask for access").click()
    assert look_at(his, f"/package/{name}") == []
    assert look_at(hers, f"/org/{org}/requests") == []
    assert look_at(hers, f"/package/{name}/access") == []


def test_what_npm_printed_is_looked_up_on_the_website(visit, company):
    alice, bob, org, name = company
    status, answer, headers = fetch(bob.registry, name.replace("/", "%2f"), bob.token)
    reference = json.loads(answer)["error"].rpartition("(reference ")[2].rstrip(")")
    assert (status, reference) == (404, headers["X-Request-ID"])
    for person in (bob, alice):  # who asked, and who manages it
        page = visit(person)
        last = time.monotonic() + 60
        while f"GET /npm/{name}" not in person.browser.get(f"/errors/{reference}").text and time.monotonic() < last:
            time.sleep(0.2)  # it is written a second later
        assert look_at(page, f"/errors/{reference}") == []
        expect(page.get_by_text(f"GET /npm/{name}")).to_be_visible()
