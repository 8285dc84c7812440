"""The page of a package's versions: tags, how each version came, filters, deprecation by range, and Undo."""

from __future__ import annotations

import html
import json
import re

import pytest
from django.utils import timezone

from accounts import tokens
from accounts.actor import Actor
from accounts.models import AuditEvent, Token
from packages import releases, sharing
from packages.models import DistTag, Package, Version
from registry_site.errors import Invalid
from tests.policy.world import snapshot
from tests.tools.sessions import sign_in

HTML = {"accept": "text/html"}
NAME = "@uma/x"
PAGE = f"/package/{NAME}/versions"
NUMBERS = ("1.0.0", "1.1.0", "1.10.0", "2.0.0-rc.1", "2.0.0")


@pytest.fixture
def package(publish, uma):
    for number in NUMBERS:
        publish(uma, NAME, number, access="public")
    return Package.objects.get()


@pytest.fixture
def browser(client, uma):
    sign_in(client, uma)
    return client


def read(client, path: str = PAGE, **headers) -> str:
    answer = client.get(path, headers=HTML | headers)
    assert answer.status_code == 200
    return answer.content.decode()


def follow(client, answer) -> str:
    return read(client, answer["Location"])


def rows(page: str) -> list[str]:
    """The numbers that the list shows."""
    return [number for number in NUMBERS if f'<strong><a href="/package/{NAME}/v/{number}">' in page]


def notes() -> dict[str, str]:
    return dict(Version.objects.exclude(deprecated="").values_list("number", "deprecated"))


def tags() -> dict[str, str]:
    return dict(DistTag.objects.values_list("name", "version__number"))


def undo(client, page: str, name: str) -> None:
    """Press Undo in the notice of this page; the fields are hidden ones before the button."""
    form = next(each for each in re.findall(r"<form.*?</form>", page, re.S) if ">Undo<" in each)
    address = re.search(r'action="([^"]+)"', form)[1]
    fields = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form)
    sent = {key: html.unescape(value) for key, value in fields if key != "csrfmiddlewaretoken"}
    assert address == f"/package/{NAME}/{name}"
    client.post(address, sent, headers=HTML)


# --- what it shows -----------------------------------------------------------------------------------------------


def test_an_insider_sees_how_a_version_came_and_a_stranger_only_what_the_document_says(
    client, package, publish, uma, dave
):
    token, _ = tokens.issue(uma, uma.user, kind=Token.Kind.GRANULAR, name="build server")
    publish(Actor(uma.user, token, credential=token.prefix), NAME, "3.0.0")
    for actor, sees in ((uma, True), (dave, False), (None, False)):
        client.logout()
        if actor:
            sign_in(client, actor)
        shown = read(client)
        assert "uma" in shown
        for secret in (token.prefix, "build server", "Who moved tags"):
            assert (secret in shown) is sees, secret
        assert ("Deprecate" in shown) is sees


def test_a_reader_sees_the_token_and_not_its_name(client, package, publish, uma, gina):
    sharing.grant_person(uma, NAME, "gina", "read")
    token, _ = tokens.issue(uma, uma.user, kind=Token.Kind.GRANULAR, name="build server")
    publish(Actor(uma.user, token, credential=token.prefix), NAME, "3.0.0")
    sign_in(client, gina)
    shown = read(client)
    assert token.prefix in shown
    assert "build server" not in shown
    assert "Point it there" not in shown


def test_it_says_who_moved_which_tag(browser, package, uma):
    releases.set_tag(uma, NAME, "lts", "1.1.0")
    releases.remove_tag(uma, NAME, "lts")
    shown = read(browser)
    assert "pointed <code>lts</code> at 1.1.0" in shown
    assert "removed <code>lts</code>" in shown
    assert "pointed <code>latest</code> at 2.0.0" in shown


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?q=1.1", ["1.1.0", "1.10.0"]),
        ("?q=v2", ["2.0.0-rc.1", "2.0.0"]),
        ("?q=%3C2.0.0-0", ["1.0.0", "1.1.0", "1.10.0"]),
        ("?q=%3E%3D1.1.0+%3C2.0.0", ["1.1.0", "1.10.0"]),
        ("?q=1.x", ["1.0.0", "1.1.0", "1.10.0"]),
        ("?state=deprecated", ["1.0.0"]),
        ("?q=2&state=deprecated", []),
        ("?q=" + "9" * 5000, []),
        ("?q=%00", []),
        ("?q=<script>", []),
        ("?page=7", list(NUMBERS)),
    ],
)
def test_it_is_filtered_by_number_range_and_deprecation(client, package, uma, query, found):
    releases.deprecate(uma, NAME, {"1.0.0": "old"})
    shown = read(client, PAGE + query)
    assert rows(shown) == found
    if not found:
        assert "No version matches" in shown
        assert "<script>" not in shown


def test_it_costs_the_same_for_many_versions(browser, publish, uma, package, django_assert_max_num_queries):
    template = Version.objects.get(number="1.0.0")
    for n in range(200):
        template.pk, template.number, template.folded = None, f"3.{n}.0", f"3.{n}.0"
        template.blob, template.published_at = f"x/{n}", timezone.now()
        template.save()
    releases.deprecate_range(uma, NAME, "3.x", "old")
    with django_assert_max_num_queries(12):
        shown = read(browser, PAGE + "?q=%3E%3D3&page=2")
    assert "Page 2 of 4" in shown
    assert "q=%3E%3D3&amp;page=3" in shown


# --- tags --------------------------------------------------------------------------------------------------------


def test_latest_is_moved_and_moved_back(browser, package):
    page = follow(browser, browser.post(f"{PAGE}/tags", {"tag": "latest", "version": "1.1.0"}, headers=HTML))
    assert tags() == {"latest": "1.1.0"}
    undo(browser, page, "versions/tags")
    assert tags() == {"latest": "2.0.0"}


def test_a_tag_is_set_and_removed_each_with_undo(browser, package):
    page = follow(browser, browser.post(f"{PAGE}/tags", {"tag": "lts", "version": "1.1.0"}, headers=HTML))
    undo(browser, page, "versions/tags")
    assert tags() == {"latest": "2.0.0"}
    browser.post(f"{PAGE}/tags", {"tag": "lts", "version": "1.1.0"}, headers=HTML)
    page = follow(browser, browser.post(f"{PAGE}/tags", {"tag": "lts", "version": ""}, headers=HTML))
    assert tags() == {"latest": "2.0.0"}
    undo(browser, page, "versions/tags")
    assert tags()["lts"] == "1.1.0"


@pytest.mark.parametrize(("tag", "number"), [("1.0", "1.0.0"), ("lts", "9.9.9"), ("latest", ""), ("", "1.0.0")])
def test_a_tag_that_cannot_be_is_refused_beside_the_box(browser, package, tag, number):
    before = snapshot()
    answer = browser.post(f"{PAGE}/tags", {"tag": tag, "version": number}, headers=HTML)
    assert answer.status_code == 422
    assert 'id="tag-error"' in answer.content.decode()
    assert snapshot() == before


def test_htmx_gets_the_cards_as_they_were_filtered(browser, package):
    sent = {"tag": "lts", "version": "1.1.0", "here": "q=1.1"}
    card = browser.post(f"{PAGE}/tags", sent, headers=HTML | {"hx-request": "true"}).content.decode()
    assert card.lstrip().startswith('<div id="package-history"') or 'id="package-history"' in card[:200]
    assert rows(card) == ["1.1.0", "1.10.0"]
    assert "<html" not in card


@pytest.mark.parametrize("who", ["gina", "dave"])
def test_nobody_but_publishers_moves_tags(request, client, package, uma, who):
    request.getfixturevalue("gina")
    sharing.grant_person(uma, NAME, "gina", "read")
    sign_in(client, request.getfixturevalue(who))
    before = snapshot()
    assert client.post(f"{PAGE}/tags", {"tag": "lts", "version": "1.0.0"}, headers=HTML).status_code == 403
    assert snapshot() == before


# --- deprecation -------------------------------------------------------------------------------------------------


def test_a_range_is_previewed_and_deprecated_with_undo(browser, package, uma):
    releases.deprecate(uma, NAME, {"1.0.0": "ancient"})
    form = f"/package/{NAME}/deprecate"
    preview = read(browser, form + "?version=%3C2.0.0-0&message=use+2", **{"hx-request": "true"})
    assert "3 of 5 versions" in preview
    assert "<html" not in preview
    assert "3 of 5 versions" in read(browser, form + "?version=%3C2.0.0-0&message=use+2")
    page = follow(browser, browser.post(form, {"version": "<2.0.0-0", "message": "use 2"}, headers=HTML))
    assert "3 versions deprecated" in page
    assert notes() == dict.fromkeys(("1.0.0", "1.1.0", "1.10.0"), "use 2")
    undo(browser, page, "deprecate")
    assert notes() == {"1.0.0": "ancient"}


def test_one_click_takes_a_deprecation_back(browser, package, uma):
    releases.deprecate(uma, NAME, {"1.0.0": "ancient"})
    assert "Take the deprecation of 1.0.0 back" in read(browser)
    sent = {"version": "1.0.0", "message": ""}
    page = follow(browser, browser.post(f"/package/{NAME}/deprecate", sent, headers=HTML))
    assert notes() == {}
    undo(browser, page, "deprecate")
    assert notes() == {"1.0.0": "ancient"}


def test_different_messages_are_an_event_each_in_one_transaction(package, uma):
    releases.deprecate(uma, NAME, {"1.0.0": "ancient", "1.1.0": "old", "1.10.0": "old"})
    events = AuditEvent.objects.filter(action="version.deprecated")
    assert [event.facts for event in events.order_by("pk")] == [
        {"versions": ["1.0.0"], "message": "ancient"},
        {"versions": ["1.1.0", "1.10.0"], "message": "old"},
    ]


@pytest.mark.parametrize("text", ["", "latest", "1.2.3.4", ">", "<0.1", "9" * 500, "\0"])
def test_what_is_no_range_or_holds_nothing_changes_nothing(browser, package, uma, text):
    before = snapshot()
    answer = browser.post(f"/package/{NAME}/deprecate", {"version": text, "message": "x"}, headers=HTML)
    assert answer.status_code == 422
    assert 'id="error"' in answer.content.decode()
    with pytest.raises(Invalid):
        releases.deprecate_range(uma, NAME, text, "x")
    assert snapshot() == before


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("*", "1.0.0 1.1.0-a 1.1.0 2.0.0-rc.1 2.0.0 2.1.0-b"),
        ("2.0.0", "2.0.0"),
        ("2.0.0-rc.1", "2.0.0-rc.1"),
        ("<2", "1.0.0 1.1.0-a 1.1.0"),
        ("1.x", "1.0.0 1.1.0-a 1.1.0"),
        (">=1.1.0", "1.1.0 2.0.0-rc.1 2.0.0 2.1.0-b"),
        (">=2.0.0-rc.0 <2.0.0", "2.0.0-rc.1"),
        ("^2.0.0-0", "2.0.0-rc.1 2.0.0 2.1.0-b"),
        ("1.0.0 || 2.1.0-b", "1.0.0 2.1.0-b"),
    ],
)
def test_which_versions_a_range_holds(text, found):
    numbers = "1.0.0 1.1.0-a 1.1.0 2.0.0-rc.1 2.0.0 2.1.0-b".split()
    assert releases.matching(numbers, text) == found.split()


@pytest.mark.parametrize("back", ["x", "[]", '{"1.0.0": 1}', '{"9.9.9": "x"}'])
def test_an_undo_that_was_tampered_with_changes_nothing(browser, package, back):
    before = snapshot()
    answer = browser.post(f"/package/{NAME}/deprecate", {"back": back}, headers=HTML)
    assert answer.status_code == 422
    assert snapshot() == before


def test_undo_is_asked_of_the_policy_like_any_change(client, package, dave):
    sign_in(client, dave)
    before = snapshot()
    sent = {"back": json.dumps({"1.0.0": "mine"})}
    assert client.post(f"/package/{NAME}/deprecate", sent, headers=HTML).status_code == 403
    assert snapshot() == before


def test_an_empty_list_of_the_filter_teaches(client, package):
    assert "Type how a number begins" in read(client, PAGE + "?q=7.7")
