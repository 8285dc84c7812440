"""Search over what is ours, what is mirrored and what upstream has: in that order, and no name of ours leaves."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest
from django.core.cache import caches

from accounts.actor import NOBODY
from orgs import organizations
from packages import discovery, packuments, releases, search, suggestions
from packages.models import Package
from packages.upstream import finding, mirroring
from packages.upstream.client import UpstreamError
from tests.conftest import login_token
from tests.tools.sessions import sign_in

HTML = {"accept": "text/html"}
HTMX = {"accept": "text/html", "hx-request": "true"}


@pytest.fixture(autouse=True)
def nothing_kept():
    caches["upstream"].clear()


@pytest.fixture
def shelf(upstream, publish, alice):
    """Packages about pads: one of alice's for all, a private one of hers, one that is mirrored, two more upstream."""
    publish(alice, "@alice/pad", access="public", description="a pad of ours")
    publish(alice, "@alice/billing-core", description="a pad nobody knows")
    for name in ("left-pad", "right-pad", "padding"):
        upstream.publish(name, "1.2.0", description=f"{name} pads strings", keywords=["pad"])
    mirroring.find(NOBODY, "view", "left-pad")
    upstream.requests.clear()
    return upstream


def asked(upstream) -> list[str]:
    return [each.raw for each in upstream.asked("/-/v1/search")]


def plain(page) -> str:
    return re.sub(r"(csrf\w*.{1,12}?)[A-Za-z0-9]{64}|[a-z0-9]{10}(?=</code>)", r"\1", page.content.decode())


def names(answer) -> list[str]:
    return [each["package"]["name"] for each in answer.json()["objects"]]


def test_npm_search_lists_ours_then_mirrored_then_upstream(npm, shelf, alice):
    answer = npm.as_(login_token(alice)).get("-/v1/search?text=pad")
    assert names(answer) == ["@alice/pad", "left-pad", "@alice/billing-core", "padding", "right-pad"] or names(
        answer
    ) == ["@alice/pad", "@alice/billing-core", "left-pad", "padding", "right-pad"]
    assert answer.json()["total"] == 5
    mirrored = next(each["package"] for each in answer.json()["objects"] if each["package"]["name"] == "left-pad")
    assert mirrored["version"] == "1.2.0"
    assert all(each["package"]["maintainers"] and each["package"]["date"] for each in answer.json()["objects"])


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_npm_search_pages_over_both(npm, shelf, size):
    whole = names(npm.get("-/v1/search?text=pad"))
    assert whole == ["@alice/pad", "left-pad", "padding", "right-pad"]
    pages = [npm.get(f"-/v1/search?text=pad&size={size}&from={start}") for start in range(0, 5, size)]
    assert [name for page in pages for name in names(page)] == whole
    assert {page.json()["total"] for page in pages} == {4}
    assert len(asked(shelf)) == 1  # the answer is kept


def test_npm_search_while_upstream_is_down(npm, shelf):
    shelf.stop()
    answer = npm.get("-/v1/search?text=pad")
    assert names(answer) == ["@alice/pad", "left-pad"]
    assert answer.json()["total"] == 2


def test_a_failure_is_not_waited_for_again(npm, shelf):
    shelf.fault("/-/v1/search", status=500)
    for _ in range(3):
        assert names(npm.get("-/v1/search?text=pad")) == ["@alice/pad", "left-pad"]
    assert len(asked(shelf)) == 1


def test_upstream_has_three_seconds(shelf, monkeypatch):
    monkeypatch.setattr(finding, "SECONDS", 0.3)
    shelf.fault("/-/v1/search", drip=0.05)
    with pytest.raises(UpstreamError):  # which is whole, for whoever waits
        finding.find("pad")


def test_names_of_ours_upstream_are_left_out(npm, shelf, alice, publish):
    publish(alice, "pad-loose")
    shelf.publish("pad-loose", "99.0.0", description="a lookalike")
    shelf.publish("@alice/pad", "99.0.0")
    shelf.publish("@alice/pad-more", "99.0.0")
    answer = npm.get("-/v1/search?text=pad")
    assert names(answer) == ["@alice/pad", "pad-loose", "left-pad", "padding", "right-pad"]
    assert "99.0.0" not in answer.content.decode()


STAYING = [
    "billing-core",
    "BILLING-core",
    "ｂｉｌｌｉｎｇ-core",
    "@alice/billing-core",
    "alice/billing-core",
    "%40alice%2fbilling%2Dcore",
    "billing core",
    "billing-core@1.0.0",
    '"billing-core"',
    "pads,billing-core",
    "billing-\u200bcore",
    "keywords:billing-core pad",
    "@alice pad",
    "alice pad",
    "@acme/none",
    "acme pad",
    "scope:alice pad",
    "scope:elsewhere pad",
    "maintainer:alice pad",
    "author:dana pad",
    "is:private pad",
    "not:unstable pad",
    "license:MIT pad",
    "held-back thing",
    "@held/thing",
    "",
    "   ",
]


def test_what_could_be_a_name_of_ours_stays_here(npm, client, shelf, alice, dave, settings):
    settings.RESERVED_NAMES = ["held-*", "@held"]
    organizations.create(alice, "acme", "Acme Inc")
    for actor in (None, dave, alice):
        caller = npm.as_(login_token(actor)) if actor else npm
        if actor:
            sign_in(client, actor)
        for text in STAYING:
            assert caller.get("-/v1/search?" + urlencode({"text": text})).status_code == 200
            for path in ("/search/upstream", "/search/suggest"):
                assert client.get(path, {"q": text}, headers=HTMX).status_code in (200, 404)
            assert shelf.requests == [], text


def test_what_stays_here_looks_as_if_upstream_had_nothing(client, shelf):
    hidden, missing = "billing-core", "nothing-here"
    pages = [client.get("/search/upstream", {"q": text}, headers=HTMX) for text in (hidden, missing)]
    whole = [client.get("/search", {"q": text}, headers=HTML) for text in (hidden, missing)]
    for first, second in (pages, whole):
        assert plain(first).replace(hidden, missing) == plain(second)


def test_in_an_enterprise_registry_every_name_of_ours_stays(shelf, settings):
    assert finding.may_leave("mad")
    Package.objects.filter(name="@alice/pad").update(name="@alice/mad")
    assert finding.may_leave("mad")
    settings.REGISTRY_MODE = "enterprise"
    assert not finding.may_leave("mad")


def test_what_was_unpublished_stays_here_for_ever(shelf, alice):
    package = Package.objects.get(name="@alice/billing-core")
    releases.unpublish(alice, package.name, packuments.revision_of(package))
    assert not finding.may_leave("billing-core")


def test_nobody_goes_along(npm, shelf, alice):
    npm.as_(login_token(alice)).get("-/v1/search?text=pad&from=0")
    (sent,) = shelf.asked("/-/v1/search")
    assert not sent.holds("alice")
    assert not sent.holds("npm_")
    assert "cookie" not in sent.headers
    assert "authorization" not in sent.headers


@pytest.mark.parametrize(
    ("name", "value"), [("UPSTREAM_SEARCH", False), ("UPSTREAM_OFFLINE", True), ("UPSTREAM_URL", "")]
)
def test_an_operator_can_keep_searches_here(npm, client, shelf, settings, name, value):
    setattr(settings, name, value)
    assert names(npm.get("-/v1/search?text=pad")) == ["@alice/pad", "left-pad"]
    page = client.get("/search?q=pad", headers=HTML)
    assert page.status_code == 200
    assert "upstream-results" not in page.content.decode()
    assert client.get("/search/upstream?q=pad", headers=HTML).status_code == 404
    assert shelf.requests == []


STRANGE = [
    b"<html>",
    b"[]",
    b'{"objects": {}}',
    b'{"objects": [1, null, {}, {"package": []}, {"package": {"name": 1, "version": "1.0.0"}}]}',
    b'{"objects": [{"package": {"name": "../x", "version": "1.0.0"}}]}',
    b'{"objects": [{"package": {"name": "x", "version": "latest"}}]}',
    b'{"objects": [{"package": {"name": "<b>", "version": "1.0.0"}}]}',
]


@pytest.mark.parametrize("body", STRANGE)
def test_odd_answers_show_nothing(npm, client, shelf, body):
    shelf.fault("/-/v1/search", body=body)
    assert names(npm.get("-/v1/search?text=pad")) == ["@alice/pad", "left-pad"]
    assert client.get("/search/upstream?q=pad", headers=HTML).status_code == 200


def test_long_and_odd_texts_are_cut(shelf):
    shelf.edit("padding", lambda said: said.update(description="pad \x1b[31m" + "x" * 9_000))
    found = {each.name: each for each in finding.find("pad")}
    assert len(found["padding"].description) == finding.MAX_DESCRIPTION
    assert "\x1b" not in found["padding"].description


def test_a_huge_answer_is_not_read(shelf):
    shelf.fault("/-/v1/search", huge=finding.MOST_BYTES * 8)
    with pytest.raises(UpstreamError):
        finding.find("pad")


def test_the_page_shows_ours_and_mirrored_and_offers_the_rest(client, shelf):
    page = client.get("/search?q=pad", headers=HTML)
    assert [each.name for each in page.context["page"]] == ["@alice/pad", "left-pad"]
    assert {each.value: each.count for each in page.context["facets"].levels} == {
        "": 2,
        "restricted": 0,
        "public": 1,
        "mirrored": 1,
    }
    text = page.content.decode()
    assert 'hx-get="/search/upstream?q=pad"' in text
    assert "from 127.0.0.1" in text
    assert shelf.requests == []
    for query in ("q=", "q=pad&access=public", "q=is:mirrored+pad", "q=pad&keyword=pad"):
        assert "upstream-results" not in client.get(f"/search?{query}", headers=HTML).content.decode()


def test_the_fragment_and_its_page(client, shelf):
    part = client.get("/search/upstream?q=pad", headers=HTMX).content.decode()
    whole = client.get("/search/upstream?q=pad", headers=HTML).content.decode()
    for text in (part, whole):
        assert '/package/padding"' in text
        assert '/package/left-pad"' not in text
    assert "<html" not in part
    assert "<html" in whole


def test_the_fragment_while_upstream_fails(client, shelf):
    shelf.fault("/-/v1/search", status=503)
    answer = client.get("/search/upstream?q=pad", headers=HTMX)
    assert answer.status_code == 200
    assert "does not answer right now" in answer.content.decode()


def test_the_fragment_costs_few_queries(client, shelf, alice, django_assert_max_num_queries):
    sign_in(client, alice)
    for _ in range(2):
        with django_assert_max_num_queries(12):
            client.get("/search/upstream?q=pad", headers=HTMX)


def test_without_words_ours_come_first(shelf, alice):
    found = [each.name for each in search.search(alice, "")]
    assert found == ["@alice/billing-core", "@alice/pad", "left-pad"]
    assert [each.name for each in search.search(alice, "", sort="name")] == sorted(found)


def test_suggestions_mix_both_and_ask_nobody(client, shelf):
    assert [each.name for each in suggestions.while_typing(NOBODY, "pad")] == ["@alice/pad", "left-pad"]
    part = client.get("/search/suggest?q=pad", headers=HTMX).content.decode()
    assert "Mirrored" in part
    assert shelf.requests == []


def test_a_mirrored_package_that_only_upstream_finds_is_listed_once(shelf):
    shelf.edit("left-pad", lambda said: said.update(description="a tool for margins"))
    assert [each.name for each in discovery.beyond(NOBODY, "margins")] == ["left-pad"]
    listing = discovery.page(NOBODY, "pad", 0, 20)
    assert [each.name for each in listing.here] == ["@alice/pad", "left-pad"]
