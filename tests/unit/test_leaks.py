"""Attacks on what is hidden: every way to ask, and the answer of a name that never existed (attacks.md, group C).

The grid in tests/policy proves who sees what (C1); here is how else one may ask. C6 is in test_search.py; there is more
of C9 in test_audit.py, of C14 in test_people.py, of C24 and C25 in test_tokens.py, of C30 in test_settings.py.
"""

from __future__ import annotations

import gzip
import re
from threading import Event

import pytest
from django.test import Client

from accounts.models import Scope
from orgs import organizations, teams
from packages import conversion, sharing
from registry_site.errors import Refusal
from tests.conftest import login_token, person
from tests.tools import payloads
from tests.tools.registry_client import RegistryClient
from tests.unit.test_changes import at_once, many_connections  # noqa: F401 - a fixture

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
ABBREVIATED = "application/vnd.npm.install-v1+json"
HIDDEN, MISSING, SHOWN = "@uma/hidden", "@uma/absent", "@uma/shown"


@pytest.fixture
def world(publish, uma, dave):
    publish(uma, HIDDEN, description="quiet words")
    publish(uma, SHOWN, access="public")


def plain(answer) -> tuple:
    """An answer without what differs for every request and without the name that was asked for."""
    text = answer.getvalue()
    packed = answer.get("Content-Encoding") == "gzip" and text.startswith(b"\x1f\x8b")
    text = gzip.decompress(text) if packed else text
    for name in (HIDDEN, MISSING):
        for spelling in (name, name.replace("/", "%2f"), name.replace("/", "%2F"), name[5:], name.upper()):
            text = text.replace(spelling.encode(), b"NAME")
    text = re.sub(rb"[0-9A-Za-z]{64}", b"CSRF", text.replace(answer["X-Request-ID"].encode(), b"ID"))
    headers = {key: value for key, value in answer.headers.items() if key not in ("X-Request-ID", "Location")}
    if packed:  # the bytes of pages are padded at random, so that their size tells nothing
        headers.pop("Content-Length", None)
    return (
        answer.status_code,
        text,
        headers,
        answer.get("Location", "").replace("hidden", "NAME").replace("absent", "NAME"),
    )


def same(ask) -> None:
    """The same question about the hidden and the missing name has the same answer."""
    assert plain(ask(HIDDEN)) == plain(ask(MISSING))


def strangers(npm, dave) -> list[RegistryClient]:
    return [npm, npm.as_(login_token(dave))]


DOORS = ["{}", "{}?write=true", "{}/1.0.0", "{}/latest", "{}/^1.0.0", "{}/-/{base}-1.0.0.tgz"]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PATCH", "POST"])
def test_c2_every_method_decides_alike_and_head_says_what_get_says(npm, world, uma, dave, door, method):
    for caller in strangers(npm, dave):
        same(lambda name, caller=caller: caller._send(method, door.format(name, base=name[5:])))
    mine = npm.as_(login_token(uma))
    get, head = (mine._send(verb, door.format(HIDDEN, base="hidden")) for verb in ("GET", "HEAD"))
    assert head.status_code == get.status_code
    assert {**head.headers, "X-Request-ID": ""} == {**get.headers, "X-Request-ID": ""}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("accept", ["application/json", ABBREVIATED])
def test_c4_a_known_etag_of_a_hidden_package_brings_no_304(npm, world, uma, dave, door, accept):
    door = door.format(HIDDEN, base="hidden")
    etag = npm.as_(login_token(uma)).get(door, accept=accept).get("ETag", '"guessed"')
    for caller in strangers(npm, dave):
        for known in (etag, "*", f"W/{etag}", '"guessed"'):
            refused = caller.get(
                door, accept=accept, if_none_match=known, if_modified_since="Fri, 01 Jan 2100 00:00:00 GMT"
            )
            assert refused.status_code == 404
            same(lambda name, caller=caller, known=known: caller.get(name, accept=accept, if_none_match=known))


@pytest.mark.parametrize(
    "ranges", ["bytes=0-0", "bytes=0-", "bytes=-1", "bytes=9999999-", "bytes=" + ",".join(["0-0"] * 1000)]
)
def test_c5_a_range_is_whole_or_hidden(npm, world, dave, ranges):
    for caller in strangers(npm, dave):
        same(lambda name, caller=caller: caller.get(f"{name}/-/{name[5:]}-1.0.0.tgz", range=ranges))
        shown = caller.get(f"{SHOWN}/-/shown-1.0.0.tgz", range=ranges)
        assert shown.status_code == 200
        assert len(shown.getvalue()) == int(shown["Content-Length"])


OTHER_DOORS = """-/package/{}/dist-tags -/package/{}/visibility -/package/{}/access -/package/{}/collaborators
    -/npm/v1/attestations/{}@1.0.0 -/package/{}/collaborators?user=uma -/package/{}/collaborators?format=cli
    -/npm/v1/downloads/point/last-week/{} -/stage/{} -/v1/search?text={}""".split()


@pytest.mark.parametrize("door", OTHER_DOORS)
def test_c8_no_other_door_says_more(npm, world, dave, door):
    for caller in strangers(npm, dave):
        if "search" in door:
            assert (
                caller.get(door.format(HIDDEN)).json()["total"] == caller.get(door.format(MISSING)).json()["total"] == 0
            )
        else:
            same(lambda name, caller=caller: caller.get(door.format(name.replace("/", "%2f"))))


@pytest.mark.parametrize(
    "feed", ["-/all", "-/_changes", "-/npm/v1/tokens", "-/stage", "_all_docs", "_changes", "-/user/uma/package"]
)
def test_c8_no_list_names_it(npm, world, uma, dave, feed):
    hers = login_token(uma)
    for caller in strangers(npm, dave):
        answer = caller.get(feed)
        assert b"hidden" not in answer.content
        assert hers[:8].encode() not in answer.content
        answers_all = feed.startswith(("-/all", "-/user", "-/npm/v1/tokens", "-/stage"))
        assert answer.status_code in (401, 404) or answers_all


@pytest.mark.parametrize(
    "where",
    [
        "/org/acme",
        "/org/acme/teams",
        "/org/acme/teams/core",
        "/org/acme/members",
        "/org/acme/activity",
        "/search?q=hidden",
        "/",
        "/~carol",
    ],
)
def test_c9_no_page_of_an_org_names_a_package_to_a_member_who_may_not_see_it(
    client, acme, publish, alice, carol, where
):
    publish(alice, "@acme/hidden", description="quiet words")
    sharing.grant_team(alice, "@acme/hidden", "acme", "core", "read-write")
    client.force_login(carol.user, backend=BACKEND)
    shown = client.get(where, headers={"accept": "text/html"})
    assert shown.status_code == 200
    text = shown.content.decode().replace('value="hidden"', "").replace("q=hidden", "").replace("hidden\u201d", "")
    assert "@acme/hidden" not in text
    assert "quiet words" not in text


def test_c9_the_number_of_packages_of_an_org_counts_what_the_viewer_sees(client, acme, publish, alice, carol):
    publish(alice, "@acme/hidden")
    publish(alice, "@acme/shown", access="public")
    seen = []
    for actor in (alice, carol, None):
        client.logout()
        if actor:
            client.force_login(actor.user, backend=BACKEND)
        context = client.get("/org/acme", headers={"accept": "text/html"}).context
        seen.append((context["package_count"], context["private_count"]))
    assert seen == [(2, 1), (1, 0), (1, 0)]


@pytest.mark.parametrize(
    "body", [{"package": HIDDEN, "permissions": "read-only"}, {"package": MISSING, "permissions": "read-only"}]
)
def test_c9_granting_a_hidden_package_to_ones_own_team_says_what_it_says_of_a_missing_one(
    npm, world, acme, alice, body
):
    answer = npm.as_(login_token(alice)).put("-/team/acme/core/package", body)
    assert answer.status_code == 404
    missing = f"{body['package']} is not in this registry, or you do not have access to it"
    assert answer.json()["error"].startswith(missing)


ODD = [
    ("GET", "{}/"),
    ("GET", "/{}"),
    ("GET", "{encoded}"),
    ("GET", "{twice}"),
    ("GET", "{upper}"),
    ("GET", "{};x"),
    ("GET", "{}?t=123"),
    ("GET", "{}?write=true&rev=1-x"),
    ("GET", "{}//1.0.0"),
    ("GET", "{}/1.0.0/"),
    ("GET", "{}/-/"),
    ("GET", "{}/-/other-1.0.0.tgz"),
    ("GET", "{}/-/{base}-1.0.0.TGZ"),
    ("GET", "{}/-/{base}-1.0.0.tgz.sig"),
    ("GET", "{}/-/{base}-9.9.9.tgz"),
    ("GET", "{}/9.9.9"),
    ("GET", "{}%00"),
    ("DELETE", "{}"),
    ("DELETE", "{}/-rev/1-x"),
    ("PUT", "{}/-rev/1-x"),
    ("DELETE", "{}/-/{base}-1.0.0.tgz/-rev/1-x"),
    ("PUT", "-/package/{encoded}/dist-tags/next"),
    ("DELETE", "-/package/{encoded}/dist-tags/next"),
    ("POST", "-/package/{encoded}/access"),
    ("PATCH", "-/package/{encoded}/access"),
]


@pytest.mark.parametrize(("method", "path"), ODD)
def test_c10_odd_addresses_and_methods_tell_nothing_apart(npm, world, dave, method, path):
    def ask(caller, name: str):
        encoded, body = name.replace("/", "%2f"), {"_id": name, "versions": {}, "_rev": "1-x", "access": "public"}
        words = {"encoded": encoded, "twice": name.replace("/", "%252f"), "upper": name.upper(), "base": name[5:]}
        return caller._send(method, path.format(name, **words), body if method in ("PUT", "POST") else None)

    for caller in [*strangers(npm, dave), npm.as_("npm_wrong")]:
        same(lambda name, caller=caller: ask(caller, name))


PAGES = [
    "",
    "/",
    "/v/1.0.0",
    "/versions",
    "/dependencies",
    "/access",
    "/activity",
    "/deprecate",
    "/unpublish",
    "/access?make=public",
    "?x=1",
]


@pytest.mark.parametrize("where", PAGES)
@pytest.mark.parametrize("signed_in", [True, False])
def test_c10_c12_pages_tell_nothing_apart_not_even_by_size(client, world, dave, where, signed_in):
    if signed_in:
        client.force_login(dave.user, backend=BACKEND)
    for more in ({}, {"hx-request": "true"}, {"accept-encoding": "gzip"}, {"if-none-match": "*"}):
        same(lambda name, more=more: client.get(f"/package/{name}{where}", headers={"accept": "text/html"} | more))
        same(lambda name, more=more: client.get(f"/package/{name}{where}", headers=more))


@pytest.mark.parametrize("form", ["access/level", "access/people", "access/teams", "deprecate", "unpublish"])
def test_c10_forms_tell_nothing_apart(client, world, dave, form):
    client.force_login(dave.user, backend=BACKEND)
    same(
        lambda name: client.post(
            f"/package/{name}/{form}", {"confirm": name, "access": "public", "user": "dave", "permission": "read"}
        )
    )


@pytest.mark.parametrize("encoding", ["", "gzip"])
@pytest.mark.parametrize("accept", ["application/json", ABBREVIATED, "text/html", "*/*", ""])
def test_c12_headers_and_size_of_hidden_and_missing_are_the_same(npm, world, dave, accept, encoding):
    for caller in strangers(npm, dave):
        same(lambda name, caller=caller: caller.get(name, accept=accept, accept_encoding=encoding))
        refused = caller.get(HIDDEN, accept=accept, accept_encoding=encoding)
        assert "ETag" not in refused
        assert "Last-Modified" not in refused


@pytest.mark.parametrize("who", ["dave", "gina"])
def test_c13_publishing_over_a_hidden_name_and_over_a_free_one_is_the_same_403(
    request, npm, publish, world, uma, gina, who
):
    """gina was given another package of the scope, which makes the names in it no more visible to her."""
    sharing.grant_person(uma, SHOWN, "gina", "read")
    caller = npm.as_(login_token(request.getfixturevalue(who)))
    answers = [caller.put(name.replace("/", "%2f"), payloads.publish_body(name, "1.0.1")) for name in (HIDDEN, MISSING)]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert plain(answers[0]) == plain(answers[1])


def test_c14_an_org_of_a_taken_a_retired_and_a_reserved_name_is_refused_in_the_same_words(world, acme, dave):
    Scope.objects.create(name="retired", kind="org")
    told = set()
    for name in ("acme", "uma", "retired", "admin"):
        with pytest.raises(Refusal) as refusal:
            organizations.create(dave, name)
        told.add((refusal.value.message.replace(name, "NAME"), refusal.value.code))
    assert len(told) == 1


@pytest.mark.parametrize("door", ["{}", "{}/-/x-1.0.0.tgz"])
def test_c16_while_the_level_is_toggled_each_answer_is_wholly_old_or_new(many_connections, publish, door):  # noqa: F811
    uma, done = person("uma"), Event()
    publish(uma, "@uma/x", access="public")
    wrong: list = []

    def toggle() -> None:
        for number in range(6):
            sharing.set_access(uma, "@uma/x", "restricted" if number % 2 == 0 else "public")
            status = RegistryClient(Client()).get(door.format("@uma/x")).status_code
            if status != (404 if number % 2 == 0 else 200):
                wrong.append((number, status))
        done.set()

    def read() -> set[int]:
        seen = set()
        while not done.is_set():
            answer = RegistryClient(Client()).get(door.format("@uma/x"))
            body = answer.getvalue()
            whole = len(body) == int(answer["Content-Length"])
            seen.add(answer.status_code if whole else -1)
        return seen

    found = at_once(toggle, read, read)
    assert found[0] is None, found
    assert wrong == []
    assert found[1] | found[2] <= {200, 404}


def test_c17_a_shared_cache_never_gives_one_persons_bytes_to_another(npm, client, world, uma, dave):
    mine, theirs = npm.as_(login_token(uma)), npm.as_(login_token(dave))
    doors = [
        HIDDEN,
        f"{HIDDEN}/1.0.0",
        f"{HIDDEN}/-/hidden-1.0.0.tgz",
        "-/v1/search?text=hidden",
        "-/package/@uma%2fhidden/dist-tags",
        "-/whoami",
        SHOWN,
    ]
    for door in doors:
        for caller in (mine, theirs, npm):
            answer = caller.get(door)
            assert answer["Cache-Control"].startswith("private"), door
            assert "public" not in answer["Cache-Control"]
            assert {"Authorization", "Accept"} <= set(answer["Vary"].split(", "))
    for page in ("/", "/search?q=x", f"/package/{SHOWN}", "/~uma", "/login"):
        answer = client.get(page, headers={"accept": "text/html"})
        assert "no-store" in answer["Cache-Control"]
        assert "Cookie" in answer["Vary"]


def test_c18_what_was_asked_for_is_what_comes(npm, client, world):
    for accept in ("text/html", "*/*", "application/json", "image/png", ""):
        assert npm.get(SHOWN, accept=accept)["Content-Type"] == "application/json"
        assert npm.get(HIDDEN, accept=accept)["Content-Type"] == "application/json"
    assert npm.get(SHOWN, accept=ABBREVIATED)["Content-Type"] == ABBREVIATED
    for page in (f"/package/{SHOWN}", "/search?q=shown", "/~uma"):
        for more in ({}, {"hx-request": "true"}, {"hx-request": "true", "hx-target": "results"}):
            answer = client.get(page, headers={"accept": "text/html"} | more)
            assert answer["Content-Type"].startswith("text/html")
            assert "HX-Request" in answer["Vary"]
    assert client.get(f"/package/{SHOWN}", headers={"accept": ABBREVIATED})["Content-Type"].startswith("text/html")


def test_c20_an_old_name_leads_nowhere_and_names_nothing(client, npm, world, uma, dave):
    conversion.become_org(uma, "uma-person")
    client.force_login(dave.user, backend=BACKEND)
    for address in ("/~uma", f"/package/{HIDDEN}", "/~uma/hidden"):
        answer = client.get(address, headers={"accept": "text/html"})
        assert answer.status_code == 404
        assert "Location" not in answer
        assert "Link" not in answer
        assert "uma-person" not in answer.content.decode()
        assert 'rel="canonical"' not in answer.content.decode()


def test_c22_an_audit_tells_nothing_and_asks_nobody(npm, world, uma, django_assert_max_num_queries):
    with django_assert_max_num_queries(6):
        answer = npm.post("-/npm/v1/security/advisories/bulk", {HIDDEN: ["1.0.0"], SHOWN: ["1.0.0"]})
    assert answer.json() == {}
    for older in ("-/npm/v1/security/audits", "-/npm/v1/security/audits/quick"):
        report = npm.post(older, {"requires": {HIDDEN: "1", SHOWN: "1"}})
        assert report.json()["advisories"] == {}
        assert report.json()["metadata"]["dependencies"] == 0


def test_c24_a_token_loses_what_its_person_loses_in_the_same_instant(npm, acme, publish, alice, bob):
    publish(alice, "@acme/hidden")
    sharing.grant_team(alice, "@acme/hidden", "acme", "core", "read-write")
    from accounts import tokens
    from accounts.models import Token

    narrow = tokens.issue(bob, bob.user, kind=Token.Kind.GRANULAR, packages=["@acme/hidden"], scopes=["acme"])[1]
    callers = [npm.as_(login_token(bob)), npm.as_(narrow)]
    for end, again in (
        (lambda: teams.remove(alice, "acme", "core", "bob"), lambda: teams.add(alice, "acme", "core", "bob")),
        (
            lambda: sharing.revoke_team(alice, "@acme/hidden", "acme", "core"),
            lambda: sharing.grant_team(alice, "@acme/hidden", "acme", "core", "read-only"),
        ),
        (lambda: organizations.remove_member(alice, "acme", "bob"), lambda: None),
    ):
        assert [caller.get("@acme/hidden").status_code for caller in callers] == [200, 200]
        end()
        assert [caller.get("@acme/hidden").status_code for caller in callers] == [404, 404]
        assert [caller.get("@acme/hidden/-/hidden-1.0.0.tgz").status_code for caller in callers] == [404, 404]
        again()


@pytest.mark.parametrize(
    "address", ["/settings/tokens/1/revoke", "/login/npm/1", "/invitation/1", "/setup/1", "/npm/-/v1/done/1"]
)
def test_c25_nothing_is_named_by_a_number_that_can_be_counted(client, world, uma, dave, address):
    login_token(uma)
    RegistryClient(client).post("-/v1/login", {})
    client.force_login(dave.user, backend=BACKEND)
    assert client.get(address, headers={"accept": "text/html"}).status_code == 404
    assert client.post(address, {"decision": "approve"}, headers={"accept": "text/html"}).status_code in (404, 405)


def test_c29_nothing_private_is_left_in_a_shared_browser(client, world, uma):
    client.force_login(uma.user, backend=BACKEND)
    for page in (f"/package/{HIDDEN}", f"/package/{HIDDEN}/access", "/", "/settings/tokens", "/orgs"):
        assert client.get(page, headers={"accept": "text/html"})["Cache-Control"] == "private, no-store"
    out = client.post("/logout")
    assert out["Clear-Site-Data"] == '"cache", "storage"'
    assert client.get(f"/package/{HIDDEN}", headers={"accept": "text/html"}).status_code == 404


def test_c29_htmx_keeps_no_copy_of_a_page(client, world, uma):
    client.force_login(uma.user, backend=BACKEND)
    page = client.get(f"/package/{HIDDEN}", headers={"accept": "text/html"}).content.decode()
    config = re.search(r'<meta name="htmx-config" content=\'([^\']*)\'', page)
    assert config
    assert '"historyCacheSize":0' in config.group(1).replace(" ", "").replace("&quot;", '"')


def test_c30_an_error_page_says_nothing_about_the_inside(client, world, uma):
    from django.db import connection

    def broken(execute, sql, params, many, context):
        raise RuntimeError("secret detail")

    client.force_login(uma.user, backend=BACKEND)
    client.raise_request_exception = False
    with connection.execute_wrapper(broken):
        answer = client.get(f"/package/{HIDDEN}", headers={"accept": "text/html"})
    assert answer.status_code == 500
    for word in ("secret detail", "Traceback", "SECRET_KEY", "registry_site/"):
        assert word not in answer.content.decode()
