"""Errors with a reference: what the caller, and whoever manages the package, can look up; and nobody else."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import refusals, tokens
from accounts.models import RefusedRequest, Token
from packages import decisions
from registry_site.errors import NotFound
from tests.conftest import login_token
from tests.tools import payloads
from tests.tools.sessions import sign_in

HIDDEN, MISSING = "@uma/hidden", "@uma/absent"
PAGE = {"accept": "text/html"}


@pytest.fixture(autouse=True)
def nothing_waits():
    refusals.forget()
    yield
    refusals.forget()


@pytest.fixture
def hidden(publish, uma):
    return publish(uma, HIDDEN).package


def reference(answer) -> str:
    found = answer["X-Request-ID"]
    refusals.write()
    return found


def granular(actor, **limits) -> str:
    return tokens.issue(actor, actor.user, kind=Token.Kind.GRANULAR, **limits)[1]


def test_the_sentence_that_npm_prints_ends_with_the_reference(npm, hidden, dave):
    answer = npm.as_(login_token(dave)).get(HIDDEN)
    assert len(answer["X-Request-ID"]) == 10
    assert answer.json()["error"].endswith(f"(reference {answer['X-Request-ID']})")
    assert answer.json()["error"] == answer.json()["message"]


@pytest.mark.parametrize("name", [HIDDEN, MISSING])
def test_the_caller_reads_what_was_decided_and_not_whether_it_exists(client, npm, hidden, dave, name):
    seen = reference(npm.as_(login_token(dave)).get(name, user_agent="npm/12.0.0"))
    decision = decisions.find(dave, seen)
    refused = decision.refused
    assert (refused.method, refused.path, refused.status, refused.agent) == ("GET", f"/npm/{name}", 404, "npm/12.0.0")
    assert refused.message == f"{name} is not in this registry, or you do not have access to it"
    sign_in(client, dave)
    page = client.get(f"/errors/{seen}", headers=PAGE)
    assert (page.status_code, refused.message[:20] in page.content.decode()) == (200, True)


def test_for_a_hidden_and_a_missing_name_the_caller_reads_the_same(client, npm, hidden, dave):
    bearer = npm.as_(login_token(dave))
    sign_in(client, dave)
    pages = []
    for name in (HIDDEN, MISSING):
        seen = reference(bearer.get(name))
        text = client.get(f"/errors/{seen}", headers=PAGE).content.decode()
        pages.append(re.sub(r"<time.*?</time>", "", text.replace(name, "NAME").replace(seen, "ID")))
    cut = [page[page.index("<main") : page.index("<dt>When")] for page in pages]
    assert cut[0] == cut[1]


def test_the_owner_of_the_package_reads_it_and_strangers_do_not(client, npm, hidden, uma, dave, hugo, olga):
    seen = reference(npm.as_(login_token(dave)).get(HIDDEN))
    assert not decisions.find(uma, seen).own
    for stranger in (hugo, olga):
        with pytest.raises(NotFound) as other:
            decisions.find(stranger, seen)
        with pytest.raises(NotFound) as none:
            decisions.find(stranger, "zzzzzzzzzz")
        assert str(other.value).replace(seen, "") == str(none.value).replace("zzzzzzzzzz", "")
    assert client.get(f"/errors/{seen}", headers=PAGE).status_code == 302  # nobody: to sign in, whatever it is
    assert client.get("/errors/zzzzzzzzzz", headers=PAGE).status_code == 302
    sign_in(client, hugo)
    assert client.get(f"/errors/{seen}", headers=PAGE).status_code == 404


def test_of_an_anonymous_request_the_owner_reads_alone(npm, hidden, uma, dave):
    seen = reference(npm.get(HIDDEN))
    assert decisions.find(uma, seen).about == ["The request came without a token or a session: nobody was signed in."]
    with pytest.raises(NotFound):
        decisions.find(dave, seen)


def test_a_token_that_ended_is_the_callers_own(npm, hidden, uma, dave):
    token, secret = tokens.issue(dave, dave.user, kind=Token.Kind.GRANULAR)
    Token.objects.filter(pk=token.pk).update(expires_at=timezone.now() - timedelta(days=1))
    answer = npm.as_(secret).get(HIDDEN)
    assert (answer.status_code, "this token expired on" in answer.json()["error"]) == (401, True)
    decision = decisions.find(dave, reference(answer))
    assert decision.about[0].startswith("The token expired on")
    assert decision.refused.credential == token.prefix
    theirs = decisions.find(uma, decision.refused.reference)
    assert len(theirs.about) == 1  # what else the token reaches is its person's alone


def test_a_read_only_and_a_limited_token_say_so(npm, hidden, uma):
    body = payloads.publish_body(HIDDEN, "1.0.1")
    for secret, words in (
        (granular(uma, permission="read-only"), "is read-only"),
        (granular(uma, packages=["@uma/other"]), "is limited to other packages"),
    ):
        answer = npm.as_(secret).put("@uma%2fhidden", body)
        decision = decisions.find(uma, reference(answer))
        assert (answer.status_code, words in decision.refused.message) == (403, True)
        assert any("installs" in each for each in decision.about)


def test_a_page_carries_a_reference_that_its_person_may_look_up(client, hidden, dave):
    sign_in(client, dave)
    for path in (f"/package/{HIDDEN}", "/nothing/here"):
        page = client.get(path, headers=PAGE)
        seen = reference(page)
        assert (page.status_code, f'href="/errors/{seen}"' in page.content.decode()) == (404, True)
        assert decisions.find(dave, seen).refused.credential == "session"


def test_a_cookie_beside_a_bearer_is_nobodys(client, npm, hidden, uma):
    sign_in(client, uma)
    seen = reference(npm.get(MISSING))
    assert RefusedRequest.objects.get(reference=seen).user is None


def test_secrets_in_addresses_are_not_kept(client, npm, uma):
    secret = login_token(uma)
    caller = npm.as_(login_token(uma))
    for path in (f"-/user/token/{secret[:-1]}x", f"-/nothing/{secret}/x", "-/npm/v1/tokens/token/" + "a" * 64):
        caller.delete(path)
    sign_in(client, uma)
    client.get(f"/nothing/{secret}", headers=PAGE)
    refusals.write()
    paths = list(RefusedRequest.objects.values_list("path", flat=True))
    assert len(paths) >= 2
    assert all(secret[:-1] not in path and "a" * 40 not in path for path in paths)


def test_a_flood_writes_a_bounded_number_of_rows(npm, hidden, monkeypatch):
    monkeypatch.setattr(refusals, "A_CALLERS_MINUTE", 5)
    monkeypatch.setattr(refusals, "_minute_began", -1000.0)
    for _ in range(20):
        npm.get(HIDDEN)
        npm.get("-/nothing")  # neither a caller nor a package: nobody could look it up
    refusals.write()
    assert RefusedRequest.objects.count() == 5


def test_old_rows_go(npm, hidden, dave, uma, monkeypatch):
    seen = reference(npm.as_(login_token(dave)).get(HIDDEN))
    RefusedRequest.objects.update(at=timezone.now() - timedelta(days=15))
    with pytest.raises(NotFound):
        decisions.find(dave, seen)
    monkeypatch.setattr(refusals, "_purged_at", -10_000.0)
    reference(npm.as_(login_token(dave)).get(HIDDEN))
    assert RefusedRequest.objects.count() == 1
    monkeypatch.setattr(refusals, "_purged_at", -10_000.0)
    monkeypatch.setattr(refusals, "MOST_ROWS", 2)
    for _ in range(4):
        npm.as_(login_token(dave)).get(HIDDEN)
    refusals.write()
    assert RefusedRequest.objects.count() == 2


def test_who_is_too_fast_gets_a_page_of_ours_with_a_reference(client, settings, db):
    settings.ACCOUNT_RATE_LIMITS = {"reset_password": "1/m/ip"}
    answers = [client.post("/password/reset", {"email": "x@example.com"}, headers=PAGE) for _ in range(2)]
    assert answers[-1].status_code == 429
    assert "Slow down" in answers[-1].content.decode()
    assert answers[-1]["X-Request-ID"] in answers[-1].content.decode()


def test_the_admin_site_refuses_with_a_reference_too(client, db, olga):
    sign_in(client, olga)
    for path, status in (("/admin/accounts/auditevent/add/", 403), ("/admin/nothing/", 404)):
        page = client.get(path, headers=PAGE)
        seen = reference(page)
        assert (page.status_code, seen in page.content.decode()) == (status, True)
        assert decisions.find(olga, seen).refused.status == status
