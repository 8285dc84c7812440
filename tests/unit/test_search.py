"""Search and listings: of what the viewer may see, in a stable order, totals included."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from packages import search, sharing
from packages.models import Version
from packages.queries import MAX_WORDS, Query
from tests.conftest import login_token
from tests.fuzz.every import EVERY


@pytest.fixture
def shelf(publish, uma, dave):
    """Public and private packages of uma, and one of dave."""
    publish(uma, "@uma/ledger", access="public", description="double entry", keywords=["money", "books"])
    publish(uma, "@uma/ledger-ui", "0.1.0", access="public", description="screens", keywords=["ui"])
    publish(uma, "@uma/ledger-secret", description="quiet ledger", keywords=["money"])
    publish(dave, "ledgerless", description="none of it")
    publish(dave, "@dave/other", access="public", description="knows ledger too")


def names(actor, text: str, **more) -> list[str]:
    return [each.name for each in search.search(actor, text, **more)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ledger", ["@uma/ledger", "ledgerless", "@uma/ledger-ui", "@dave/other"]),
        ("LEDGER", ["@uma/ledger", "ledgerless", "@uma/ledger-ui", "@dave/other"]),
        ("@uma/ledger", ["@uma/ledger", "@uma/ledger-ui"]),
        ("ledger screens", ["@uma/ledger-ui"]),
        ("entry", ["@uma/ledger"]),
        ("scope:uma", ["@uma/ledger", "@uma/ledger-ui"]),
        ("scope:@uma ledger-ui", ["@uma/ledger-ui"]),
        ("maintainer:dave", ["@dave/other", "ledgerless"]),
        ("author:dave none", ["ledgerless"]),
        ("keywords:money", ["@uma/ledger"]),
        ("keywords:ui,books", ["@uma/ledger", "@uma/ledger-ui"]),
        ("keywords:mone", []),
        ("ledger not:unstable", ["@uma/ledger", "ledgerless", "@dave/other"]),
        ("ledger is:unstable", ["@uma/ledger-ui"]),
        ("nothing-like-it", []),
        ("100%", []),
        ("_", []),
        ("\\", []),
        ("'; drop table", []),
    ],
)
def test_a_stranger_finds_the_public_ones_best_first(shelf, hugo, text, found):
    assert names(hugo, text) == found


def test_an_empty_text_lists_everything_by_name(shelf, hugo, uma):
    assert names(hugo, "") == sorted(names(hugo, ""))
    assert len(names(hugo, "  ")) == 4
    assert "@uma/ledger-secret" in names(uma, "")


@pytest.mark.parametrize(
    "text", ["ledger", "scope:uma", "author:uma", "keywords:money", "quiet", "", "@uma/ledger-secret", "secret"]
)
def test_c6_what_is_hidden_is_in_no_result_no_total_and_no_page(npm, client, shelf, uma, dave, text):
    mine, theirs, anon = npm.as_(login_token(uma)), npm.as_(login_token(dave)), npm
    assert "@uma/ledger-secret" in [
        each["package"]["name"] for each in mine.get(f"-/v1/search?text={text}&size=250").json()["objects"]
    ]
    for caller in (theirs, anon):
        for query in (f"text={text}&size=250", f"text={text}&size=1", f"text={text}&from=1", f"text={text}&from=9999"):
            answer = caller.get(f"-/v1/search?{query}")
            assert b"secret" not in answer.content
            assert answer.json()["total"] == len(names(dave, text))
    for more in ("", "&access=restricted", "&sort=recent", "&sort=name", "&page=99"):
        page = client.get(f"/search?q={text}{more}", headers={"accept": "text/html"})
        assert page.status_code == 200
        assert "quiet ledger" not in page.content.decode()
        assert {each.value: each.count for each in page.context["facets"].levels}["restricted"] == 0


def test_the_levels_of_the_search_page_count_what_the_viewer_sees(client, shelf, uma):
    client.force_login(uma.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    page = client.get("/search?q=ledger&access=restricted", headers={"accept": "text/html"})
    levels = [(each.value, each.label, each.count) for each in page.context["facets"].levels]
    assert levels == [("", "All", 5), ("restricted", "Private", 1), ("public", "Public", 4)]
    assert [each.name for each in page.context["page"]] == ["@uma/ledger-secret"]


@pytest.mark.parametrize(
    "query",
    [
        "size=0",
        "size=-1",
        "size=x",
        "size=9999999999",
        "from=-5",
        "from=1e3",
        "size=\u0661",
        "text=%00x",
        "text=" + "x" * 9000,
    ],
)
def test_odd_numbers_and_texts_get_an_answer(npm, shelf, query):
    answer = npm.get(f"-/v1/search?{query}")
    assert answer.status_code == 200
    assert len(answer.json()["objects"]) <= 250


def test_pages_of_results_do_not_overlap(npm, shelf):
    seen = []
    for start in range(0, 5, 2):
        seen += [
            each["package"]["name"]
            for each in npm.get(f"-/v1/search?text=ledger&size=2&from={start}").json()["objects"]
        ]
    assert len(seen) == len(set(seen)) == 4


def test_every_result_has_what_npm_prints(npm, shelf):
    for each in npm.get("-/v1/search?text=ledger").json()["objects"]:
        package = each["package"]
        assert package["maintainers"], "npm crashes without"
        assert package["publisher"]["username"] in ("uma", "dave")
        assert package["version"]
        assert package["date"]
        assert package["links"]["npm"].endswith(f"/package/{package['name']}")
        assert isinstance(package["keywords"], list)


def test_b25_long_texts_are_cut_to_a_few_words():
    assert len(Query.parse("word " * 5000).words) == MAX_WORDS
    assert Query.parse(" " * 20_000).words == ()
    assert Query.parse("a\0b").words == ("ab",)


def test_an_unknown_qualifier_is_a_word():
    query = Query.parse("colour:red keywords:a,,b is:unstable not:insecure")
    assert query.words == ("colour:red",)
    assert query.keywords == ("a", "b")
    assert (query.is_, query.not_) == ({"unstable"}, {"insecure"})


def test_the_lists_of_a_scope_and_a_person_hide_what_search_hides(npm, shelf, uma, dave):
    for caller, shown in ((npm.as_(login_token(uma)), True), (npm.as_(login_token(dave)), False), (npm, False)):
        assert ("@uma/ledger-secret" in caller.get("-/user/uma/package").json()) is shown


# --- what clients read -------------------------------------------------------------------------------------------


def objects(caller, text: str, more: str = "") -> list[dict]:
    return caller.get(f"-/v1/search?text={text}{more}").json()["objects"]


def test_a_result_is_what_the_public_registry_gives(npm, publish, uma, hugo, gina):
    links = {
        "homepage": "https://ledger.example/",
        "repository": {"type": "git", "url": "git+https://git.example/ledger.git"},
        "bugs": {"url": "https://git.example/ledger/issues"},
    }
    publish(uma, "@uma/ledger", "0.2.0", access="public", license="MIT", keywords=["money"], **links)
    for name, permission in (("hugo", "read-write"), ("gina", "read")):
        sharing.grant_person(uma, "@uma/ledger", name, permission)
    (found,) = objects(npm, "ledger")
    package = found["package"]
    assert package["links"] == {
        "npm": "http://testserver/package/@uma/ledger",
        "homepage": "https://ledger.example/",
        "repository": "https://git.example/ledger",
        "bugs": "https://git.example/ledger/issues",
    }
    assert (package["scope"], package["version"], package["license"]) == ("uma", "0.2.0", "MIT")
    assert [each["username"] for each in package["maintainers"]] == ["uma", "hugo"]
    assert package["publisher"]["username"] == "uma"
    assert found["downloads"] == {"weekly": 0, "monthly": 0}
    assert found["flags"] == {"insecure": 0, "unstable": True}
    assert datetime.fromisoformat(package["date"])


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "https://u:p@x.example/", "https://[", 7, None, {"url": []}]
)
def test_a44_a_link_that_no_browser_should_follow_is_left_out(npm, publish, uma, address):
    publish(uma, "@uma/ledger", access="public", homepage=address, repository=address, bugs=address)
    (found,) = objects(npm, "ledger")
    assert set(found["package"]["links"]) == {"npm"}


def test_the_maintainer_of_an_orgs_package_is_the_org(npm, publish, acme, alice):
    publish(alice, "@acme/ledger", access="public")
    for caller in (npm, npm.as_(login_token(alice))):
        (found,) = objects(caller, "ledger")
        assert [each["username"] for each in found["package"]["maintainers"]] == ["acme"]
        assert b"bob" not in caller.get("-/v1/search?text=ledger").content


def test_downloads_of_results(npm, shelf):
    from packages.models import DownloadCount

    today = timezone.now().date()
    version = Version.objects.get(package__name="@uma/ledger")
    for ago, count in ((0, 1), (6, 2), (7, 4), (29, 8), (30, 16)):
        day = today - timedelta(days=ago)
        DownloadCount.objects.create(package=version.package, version=version, day=day, count=count)
    found = {each["package"]["name"]: each["downloads"] for each in objects(npm, "ledger")}
    assert found["@uma/ledger"] == {"weekly": 3, "monthly": 15}
    assert found["ledgerless"] == {"weekly": 0, "monthly": 0}


@pytest.mark.parametrize("path", ["-/v1/search?text=ledger&size=250", "-/all"])
def test_a_list_takes_as_many_queries_for_thirty_packages_as_for_two(npm, publish, uma, hugo, path):
    counts = []
    for many in (2, 28):
        for n in range(many):
            publish(uma, f"ledger{many}-{n}", description="x" * 50)
            sharing.grant_person(uma, f"ledger{many}-{n}", "hugo", "read-write")
        with CaptureQueriesContext(connection) as queries:
            assert npm.get(path).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert not any("readme_html" in each["sql"] for each in queries)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ledger is:insecure", []),
        ("ledgerless not:insecure", ["ledgerless"]),
        ("ledgerless boost-exact:false", ["ledgerless"]),
        ("this:ledger", []),
        ("scope:uma keywords:money,ui maintainer:uma not:unstable", ["@uma/ledger"]),
    ],
)
def test_the_other_qualifiers(shelf, hugo, text, found):
    assert names(hugo, text) == found


def test_pages_and_totals_hold_whatever_is_hidden_between(npm, publish, uma, dave):
    for n in range(12):
        publish(uma, f"@uma/many{n:02}", access="public" if n % 2 else None)
    seen = []
    for start in range(0, 12, 2):
        answer = npm.as_(login_token(dave)).get(f"-/v1/search?text=many&size=2&from={start}").json()
        assert answer["total"] == 6
        seen += [each["package"]["name"] for each in answer["objects"]]
    assert seen == [f"@uma/many{n:02}" for n in range(1, 12, 2)]


def test_the_map_of_npm_2_is_of_what_one_may_see(npm, shelf, uma, dave):
    for caller, shown in ((npm.as_(login_token(uma)), True), (npm.as_(login_token(dave)), False), (npm, False)):
        answer = caller.get("-/all")
        found = answer.json()
        assert list(found)[0] == "_updated"
        assert ("@uma/ledger-secret" in found) is (b"quiet" in answer.content) is shown
        ledger = found["@uma/ledger"]
        assert ledger["versions"] == {"1.0.0": "latest"}
        assert ledger["maintainers"][0]["name"] == "uma"
        assert ledger["time"]["modified"]


def test_the_map_since_a_moment_has_what_changed_since(npm, shelf, publish, dave, time_machine):
    time_machine.move_to(timezone.now() + timedelta(days=1), tick=False)
    moment = npm.get("-/all").json()["_updated"]
    assert list(npm.get(f"-/all/since?stale=update_after&startkey={moment}").json()) == ["_updated"]
    publish(dave, "newer")
    assert list(npm.get(f"-/all/since?stale=update_after&startkey={moment}").json()) == ["_updated", "newer"]
    for odd in ("", "x", "-1", "9" * 40, "１"):
        assert npm.get(f"-/all/since?startkey={odd}").status_code == 200


def test_the_map_has_an_end(npm, shelf, monkeypatch):
    from packages.protocol import find

    monkeypatch.setattr(find, "MOST", 2)
    assert len(npm.get("-/all").json()) == 3


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from(EVERY["search"].words).map(bytes.decode) | st.text(max_size=5), max_size=8).map("".join)
)
def test_no_text_is_a_fault_of_the_database(npm, db, text):
    assert npm.get("-/v1/search?" + urlencode({"text": text})).status_code == 200
