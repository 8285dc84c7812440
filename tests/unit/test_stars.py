"""Stars: only one's own, only of what one may see, and nothing else changes."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import tokens
from accounts.models import AuditEvent, Token
from packages import sharing, stars
from packages.models import Package, Star
from packages.packuments import revision_of
from registry_site.errors import NotAllowed, NotFound, SignInRequired
from tests.conftest import login_token

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@pytest.fixture
def shelf(publish, uma):
    publish(uma, "@uma/open", access="public")
    publish(uma, "@uma/closed")


def granular(actor, **limits) -> str:
    return tokens.issue(actor, actor.user, kind=Token.Kind.GRANULAR, **limits)[1]


def starred() -> set[tuple[str, str]]:
    return set(Star.objects.values_list("package__name", "user__username"))


def whole(name: str, users: dict, versions=("1.0.0",)) -> dict:
    """What pnpm sends in the end: the document again, with other users."""
    package = Package.objects.get(name=name)
    listed = {number: {"name": name, "version": number} for number in versions}
    return {"_id": name, "name": name, "_rev": revision_of(package), "versions": listed, "users": users}


@pytest.mark.parametrize("way", ["verb", "npm", "pnpm", "pnpm 2", "pnpm 3"])
def test_a_star_is_set_and_taken_back_and_nothing_else_changes(npm, shelf, dave, way):
    his = npm.as_(login_token(dave))
    before = Package.objects.get(name="@uma/open").revision, AuditEvent.objects.count()
    document = npm.get("@uma%2fopen").content

    def put(on: bool):
        users = {"dave": True} if on else {}
        revision = revision_of(Package.objects.get(name="@uma/open"))
        match way:
            case "verb":
                return stars.set_star(dave, "@uma/open", on)
            case "npm":
                body = {"_id": "@uma/open", "_rev": revision, "users": users}
                return his.put("@uma%2fopen", body)
            case "pnpm":
                send = his.put if on else his.delete
                return send("-/user/v1/star", {"name": "@uma/open", "package": "@uma/open"})
            case "pnpm 2":
                return (his.put if on else his.delete)("-/user/package/@uma%2fopen/star")
            case _:
                return his.put(f"@uma%2fopen/-rev/{revision}", whole("@uma/open", users))

    for on in (True, True, False, False):
        answer = put(on)
        assert answer is None or answer.status_code in (200, 201), answer.content
        assert starred() == ({("@uma/open", "dave")} if on else set())
    assert (Package.objects.get(name="@uma/open").revision, AuditEvent.objects.count()) == before
    assert npm.get("@uma%2fopen").content == document


def test_only_the_callers_own_entry_is_believed(npm, shelf, dave, hugo):
    stars.set_star(hugo, "@uma/open", True)
    his = npm.as_(login_token(dave))
    revision = revision_of(Package.objects.get(name="@uma/open"))
    his.put("@uma%2fopen", {"_id": "@uma/open", "_rev": revision, "users": {"dave": True, "uma": True}})
    assert starred() == {("@uma/open", "hugo"), ("@uma/open", "dave")}
    his.put("@uma%2fopen", {"_id": "@uma/open", "_rev": revision, "users": {}})
    assert starred() == {("@uma/open", "hugo")}


def test_a_document_does_not_grow_with_stars(npm, shelf, dave, uma):
    stars.set_star(dave, "@uma/open", True)
    for caller in (npm, npm.as_(login_token(dave)), npm.as_(login_token(uma))):
        for query in ("", "?write=true"):
            assert "users" not in caller.get(f"@uma%2fopen{query}").json()


def test_what_is_hidden_cannot_be_starred(npm, shelf, dave):
    his = npm.as_(login_token(dave))
    for name in ("@uma/closed", "@uma/nothing"):
        with pytest.raises(NotFound):
            stars.set_star(dave, name, True)
    body = {"_id": "@uma/closed", "_rev": "1-a", "users": {"dave": True}}
    answers = [
        his.put("@uma%2fclosed", body),
        his.put("-/user/v1/star", {"package": "@uma/closed"}),
        his.put("-/user/package/@uma%2fclosed/star"),
        his.put("@uma%2fclosed/-rev/1-a", whole("@uma/closed", {"dave": True})),
    ]
    assert [answer.status_code for answer in answers] == [404] * 4
    assert not starred()


def test_who_is_not_logged_in_stars_nothing(npm, shelf):
    from accounts.actor import NOBODY

    with pytest.raises(SignInRequired):
        stars.set_star(NOBODY, "@uma/open", True)
    assert npm.put("-/user/v1/star", {"package": "@uma/open"}).status_code == 401
    assert npm.get("-/user/v1/star").status_code == 401
    assert not starred()


@pytest.mark.parametrize("limits", [{"permission": "read-only"}, {"permission": "no-access"}, {"packages": ["@uma/x"]}])
def test_a_token_that_changes_nothing_there_stars_nothing(npm, shelf, dave, limits):
    his = npm.as_(granular(dave, **limits))
    assert his.put("-/user/v1/star", {"package": "@uma/open"}).status_code == 403
    assert his.put("@uma%2fopen", {"_id": "@uma/open", "_rev": "1-a", "users": {"dave": True}}).status_code == 403
    assert not starred()
    allowed = npm.as_(granular(dave, packages=["@uma/open"]))
    assert allowed.put("-/user/v1/star", {"package": "@uma/open"}).status_code == 200


def test_a_star_asks_for_no_one_time_password(npm, shelf, dave):
    from allauth.mfa.models import Authenticator

    Authenticator.objects.create(user=dave.user, type="totp", data={"secret": "x"})
    assert npm.as_(login_token(dave)).put("-/user/v1/star", {"package": "@uma/open"}).status_code == 200
    assert starred()


def test_a_trusted_publisher_stars_nothing(shelf, dave):
    from accounts.actor import Actor

    token = Token(kind=Token.Kind.TRUSTED, packages=["@uma/open"], publisher="CI", prefix="npm_x")
    with pytest.raises(NotAllowed):
        stars.set_star(Actor(token=token), "@uma/open", True)


def test_pnpms_document_with_a_version_less_is_an_unpublish_and_no_star(npm, publish, shelf, uma, dave):
    publish(uma, "@uma/open", "1.1.0")
    revision = revision_of(Package.objects.get(name="@uma/open"))
    answer = npm.as_(login_token(dave)).put(f"@uma%2fopen/-rev/{revision}", whole("@uma/open", {"dave": True}))
    assert answer.status_code == 403
    assert not starred()
    assert npm.as_(login_token(uma)).put(
        f"@uma%2fopen/-rev/{revision}", whole("@uma/open", {"uma": True})
    ).status_code in (200, 201)
    assert list(npm.get("@uma%2fopen").json()["versions"]) == ["1.0.0"]
    assert not starred()


def test_lists_show_what_the_asker_may_see(npm, shelf, uma, hugo, dave):
    sharing.grant_person(uma, "@uma/closed", "hugo", "read")
    for name in ("@uma/open", "@uma/closed"):
        stars.set_star(hugo, name, True)
    for caller, shown in ((npm.as_(login_token(hugo)), 2), (npm.as_(login_token(uma)), 2), (npm, 1)):
        assert len(caller.get("-/user/hugo/stars").json()) == shown
        assert len(caller.get('-/_view/starredByUser?key="hugo"').json()["rows"]) == shown
        assert b"closed" not in caller.get("-/user/hugo/stars").content or shown == 2
    assert npm.as_(login_token(hugo)).get("-/user/v1/star").json() == ["@uma/closed", "@uma/open"]
    sharing.revoke_person(uma, "@uma/closed", "hugo")
    assert npm.as_(login_token(hugo)).get("-/user/v1/star").json() == ["@uma/open"]
    assert npm.get("-/user/nobody-here/stars").status_code == 404
    assert npm.get("-/_view/starredByUser?key=%00").status_code == 404


def test_the_button_works_as_a_form_and_as_a_fragment(client, shelf, dave):
    client.force_login(dave.user, backend=BACKEND)
    page = client.get("/package/@uma/open").content.decode()
    assert 'action="/package/@uma/open/star"' in page
    assert "starred by 0 people" in page
    assert client.post("/package/@uma/open/star", {"starred": "yes"}).url == "/package/@uma/open"
    assert "starred by 1 person" in client.get("/package/@uma/open").content.decode()
    fragment = client.post("/package/@uma/open/star", {"starred": "no"}, headers={"hx-request": "true"})
    assert "<html" not in fragment.content.decode()
    assert 'aria-pressed="false"' in fragment.content.decode()
    assert not starred()
    assert client.get("/package/@uma/open/star").status_code == 405


def test_a_visitor_who_stars_is_sent_to_sign_in(client, shelf):
    answer = client.post("/package/@uma/open/star", {"starred": "yes"})
    assert answer.status_code == 302
    assert "/login" in answer.url
    assert not starred()


def test_a_persons_page_lists_stars_of_what_the_viewer_may_see(client, shelf, uma, dave):
    stars.set_star(uma, "@uma/closed", True)
    stars.set_star(uma, "@uma/open", True)
    client.force_login(uma.user, backend=BACKEND)
    assert [each.name for each in client.get("/~uma").context["starred"]] == ["@uma/open", "@uma/closed"]
    client.force_login(dave.user, backend=BACKEND)
    assert [each.name for each in client.get("/~uma").context["starred"]] == ["@uma/open"]


def test_a_list_of_stars_takes_as_many_queries_for_ten_as_for_one(npm, publish, uma):
    counts = []
    for many in (1, 10):
        for n in range(many):
            publish(uma, f"star{many}-{n}")
            stars.set_star(uma, f"star{many}-{n}", True)
        with CaptureQueriesContext(connection) as queries:
            npm.get("-/user/uma/stars")
        counts.append(len(queries))
    assert counts[0] == counts[1]
