"""The search page: what stands beside the results, what is marked in them, what comes before and instead of them."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from accounts.actor import NOBODY, Actor
from packages import facets, popularity, releases, search, sharing, suggestions
from packages.models import DownloadCount, Package, PersonGrant, Version
from packages.queries import Filters, Query
from tests.tools.sessions import sign_in

HTML = {"accept": "text/html"}
HTMX = {"accept": "text/html", "hx-request": "true"}


@pytest.fixture
def shelf(publish, uma, dave, acme, alice):
    """Packages that differ in all that one can narrow by."""
    publish(uma, "@uma/ledger", access="public", description="double entry", keywords=["Money", "books"], license="MIT")
    publish(uma, "@uma/ledger-secret", keywords=["money", "hush"], license="UNLICENSED")
    publish(dave, "ledgerless", description="no ledger <b>at</b> all", license={"type": "MIT"})
    publish(alice, "@acme/ledger", "2.0.0", description="for acme", keywords=["money"], license="ISC")
    publish(dave, "@dave/other", access="public", description="knows ledger too", keywords=["books"])
    releases.deprecate(dave, "@dave/other", {"1.0.0": "gone"})


def look(client, query: str, headers=HTML):
    return client.get(f"/search?{query}", headers=headers)


def shown(page) -> list[str]:
    return [each.name for each in page.context["page"]]


def counts(actor, text: str, name: str, **chosen) -> dict[str, int]:
    filters = Filters(**chosen)
    found = facets.of(actor, text, filters, search.search(actor, text, filters=filters))
    if name == "access":
        return {each.value: each.count for each in found.levels}
    choices = [each.choices for each in found.more if each.name == name]
    return {each.value: each.count for each in choices[0]} if choices else {}


def test_the_columns_that_search_narrows_by_follow_the_latest_version(shelf, publish, dave):
    assert dict(Package.objects.values_list("name", "license"))["ledgerless"] == "MIT"
    assert Package.objects.get(name="@dave/other").deprecated
    publish(dave, "@dave/other", "1.0.1", license="0BSD")
    other = Package.objects.get(name="@dave/other")
    assert (other.deprecated, other.license) == (False, "0BSD")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=ledger", ["@uma/ledger", "ledgerless", "@dave/other"]),
        ("q=ledger&scope=uma", ["@uma/ledger"]),
        ("q=ledger&maintainer=dave", ["ledgerless", "@dave/other"]),
        ("q=ledger&keyword=books", ["@uma/ledger", "@dave/other"]),
        ("q=ledger&license=MIT", ["@uma/ledger", "ledgerless"]),
        ("q=ledger&deprecated=yes", ["@dave/other"]),
        ("q=ledger&deprecated=no", ["@uma/ledger", "ledgerless"]),
        ("q=ledger&access=restricted", []),
        ("q=ledger&access=mirrored", []),
        ("q=ledger&access=odd&deprecated=maybe&sort=odd", ["@uma/ledger", "ledgerless", "@dave/other"]),
        ("q=license:mit", ["@uma/ledger", "ledgerless"]),
        ("q=is:deprecated", ["@dave/other"]),
        ("q=ledger not:deprecated scope:uma", ["@uma/ledger"]),
        ("q=is:private", []),
        ("q=scope:uma&scope=dave", []),
    ],
)
def test_a_stranger_narrows_down(client, shelf, query, found):
    page = look(client, query)
    assert shown(page) == found
    assert page.context["facets"].total == page.context["page"].paginator.count == len(found)


def test_facets_count_what_the_viewer_sees(shelf, uma, alice, gina):
    assert counts(NOBODY, "ledger", "access") == {"": 3, "restricted": 0, "public": 3}
    assert counts(uma, "ledger", "access") == {"": 4, "restricted": 1, "public": 3}
    assert counts(alice, "ledger", "scope") == {"acme": 1, "dave": 1, "uma": 1}
    assert counts(NOBODY, "ledger", "keyword") == {"books": 2, "money": 1}
    assert counts(uma, "ledger", "keyword") == {"books": 2, "money": 2, "hush": 1}
    assert counts(NOBODY, "ledger", "license") == {}  # one choice narrows nothing down
    assert counts(uma, "ledger", "license") == {"MIT": 2, "UNLICENSED": 1}
    assert counts(NOBODY, "ledger", "maintainer") == {"dave": 2, "uma": 1}
    assert counts(NOBODY, "ledger", "deprecated") == {"no": 2, "yes": 1}
    sharing.grant_person(uma, "@uma/ledger-secret", "gina", "read")
    assert counts(gina, "ledger", "access")["restricted"] == 1
    sharing.grant_person(uma, "@uma/ledger", "gina", "read-write")
    assert counts(NOBODY, "ledger", "maintainer") == {"dave": 2, "gina": 1, "uma": 1}


def test_a_choice_in_one_facet_changes_the_numbers_of_the_others(shelf):
    assert counts(NOBODY, "ledger", "scope", license="MIT") == {"uma": 1}
    assert counts(NOBODY, "ledger", "scope", scope="uma") == {"dave": 1, "uma": 1}
    assert counts(NOBODY, "ledger", "deprecated", scope="uma") == {}
    assert counts(NOBODY, "ledger", "scope", scope="none-such")["none-such"] == 0


def test_links_keep_the_rest_and_chosen_filters_can_be_removed(client, shelf):
    page = look(client, "q=ledger&scope=uma&sort=name&page=3").content.decode()
    links = [unescape(each) for each in re.findall(r'href="(\?[^"]*)"', page)]
    assert "?q=ledger&sort=name" in links  # the chip
    assert "?q=ledger&scope=uma&sort=name&keyword=books" in links
    assert "?q=ledger&scope=uma&sort=downloads" in links
    assert 'aria-label="Remove the filter Scope: @uma"' in page
    assert not any("page=" in each for each in links)


def test_e9_what_matches_is_marked_and_nothing_else_is_markup(client, shelf, publish, dave):
    page = look(client, "q=ledger").content.decode()
    assert 'href="/package/ledgerless"><mark>ledger</mark>less</a>' in page
    assert "no <mark>ledger</mark> &lt;b&gt;at&lt;/b&gt; all" in page
    for text in ("<script>", "&lt;", '"><img>', "(", "[", ".*", "\\"):
        answer = client.get("/search", {"q": text, "scope": text, "license": text}, headers=HTML)
        assert answer.status_code == 200
        assert "<img>" not in answer.content.decode()


@pytest.mark.parametrize("sort", [*search.SORTS, "odd"])
def test_every_order_shows_the_same_packages(client, shelf, dave, sort):
    version = Version.objects.get(package__name="@dave/other")
    DownloadCount.objects.create(package=version.package, version=version, day=timezone.now().date(), count=7)
    popularity.count_again()
    found = shown(look(client, f"q=ledger&sort={sort}"))
    assert sorted(found) == ["@dave/other", "@uma/ledger", "ledgerless"]
    assert sort != "downloads" or found[0] == "@dave/other"


def test_htmx_gets_the_results_alone(client, shelf):
    part = look(client, "q=ledger&scope=uma", HTMX | {"hx-target": "search-results"})
    assert "<html" not in part.content.decode()
    assert shown(part) == ["@uma/ledger"]


# --- near names, and names while one types -----------------------------------------------------------------------


@pytest.mark.parametrize("text", ["legder", "ledgre", "leger", "@uma/ledgr", "edger"])
def test_near_names_are_of_what_one_may_see(client, shelf, uma, dave, text):
    assert "@uma/ledger" in suggestions.nearest(dave, text)
    assert not {"@uma/ledger-secret", "@acme/ledger"} & set(suggestions.nearest(dave, text))
    page = look(client, f"q={text}").content.decode()
    assert 'href="/package/@uma/ledger"' in page or text == "edger"
    assert "secret" not in page


def test_nothing_is_near_a_hidden_name_for_strangers(shelf, dave, uma):
    assert "@uma/ledger-secret" not in suggestions.nearest(dave, "ledger-secrte")
    assert suggestions.nearest(dave, "husshh-secret") == []
    assert suggestions.nearest(uma, "ledger-secrte")[0] == "@uma/ledger-secret"
    assert suggestions.nearest(dave, "x") == suggestions.nearest(dave, "") == []


def test_suggestions_obey_the_policy(client, shelf, uma):
    def names() -> list[str]:
        answer = client.get("/search/suggest?q=ledger", headers=HTMX)
        assert "<html" not in answer.content.decode()
        return re.findall(r'data-href="/package/([^"]+)"', answer.content.decode())

    assert names() == ["@uma/ledger", "ledgerless", "@dave/other"]
    sign_in(client, uma)
    assert "@uma/ledger-secret" in names()


def test_suggestions_are_few_and_a_browser_gets_the_results(client, publish, dave):
    for n in range(10):
        publish(dave, f"ledger{n}")
    answer = client.get("/search/suggest?q=ledger", headers=HTMX)
    assert answer.content.decode().count('role="option"') == suggestions.MOST
    assert client.get("/search/suggest?q=ledger 1&x=2", headers=HTML)["location"] == "/search?q=ledger+1"
    assert client.get("/search/suggest?q=%20", headers=HTMX).content.strip() == b""


def test_strangers_are_suggested_nothing_in_enterprise_mode(client, shelf, settings):
    settings.REGISTRY_MODE = "enterprise"
    answer = client.get("/search/suggest?q=ledger", headers=HTMX)
    assert b"ledger" not in answer.content
    assert b"data-suggest" not in client.get("/login", headers=HTML).content


# --- many -------------------------------------------------------------------------------------------------------


@pytest.fixture
def crowd(db, dave, uma) -> Actor:
    """2,000 packages of many scopes; gives a person who was given 300 private ones."""
    users = get_user_model().objects
    people = [users.create(username=f"person{n}", email=f"p{n}@example.com") for n in range(40)]
    words, licenses = ("money", "cli", "ui", "http"), ("MIT", "ISC", "Apache-2.0")
    Package.objects.bulk_create(
        Package(
            name=f"@{people[n % 40].username}/tool{n}",
            scope=people[n % 40].scope,
            access="restricted" if n % 2 else "public",
            description=f"tool number {n}",
            keywords=[words[n % 4], f"word{n % 97}"],
            license=licenses[n % 3],
            deprecated=n % 9 == 0,
        )
        for n in range(2_000)
    )
    private = Package.objects.filter(access="restricted").order_by("pk")[:300]
    PersonGrant.objects.bulk_create(PersonGrant(package=each, user=dave.user, permission="read") for each in private)
    return dave


@pytest.mark.parametrize(
    "query",
    ["q=tool", "q=tool&scope=person1&keyword=cli&license=MIT&sort=downloads", "", "q=tol1", "q=tool&page=50", "q=zzzz"],
)
def test_a_page_of_results_takes_at_most_twelve_queries(client, crowd, query, django_assert_max_num_queries):
    sign_in(client, crowd)
    with django_assert_max_num_queries(12):
        page = look(client, query)
    assert page.status_code == 200
    if query == "q=tool":
        assert (page.context["facets"].total, page.context["facets"].is_more) == (search.MOST, True)
        private = look(client, "q=tool&access=restricted").context["facets"]
        assert (private.total, private.is_more) == (300, False)
    with django_assert_max_num_queries(5):
        client.get("/search/suggest?q=tool", headers=HTMX)


def test_an_unusual_query_is_read():
    query = Query.parse("license:MIT is:private not:deprecated scope:@Acme ledger")
    assert (query.license, query.scope, query.words) == ("mit", "acme", ("ledger",))
    assert (query.is_, query.not_) == ({"private"}, {"deprecated"})
