"""How the registry answers: JSON, npm's shape, no cookie, no redirect, no state of the browser."""

from __future__ import annotations

import gzip
import os

import pytest
from django.db import OperationalError

from accounts.models import AuditEvent
from registry_site import errors
from tests.conftest import login_token
from tests.tools import payloads

REFUSALS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.Refusal)]


@pytest.mark.parametrize(
    "kind", [kind for kind in REFUSALS if kind is not errors.Refusal], ids=lambda kind: kind.__name__
)
def test_every_refusal_has_a_status_and_a_code(kind):
    refusal = kind("say what to do")
    assert 400 <= errors.status_of(refusal) <= 503
    assert errors.status_of(type("Special", (kind,), {})("x")) == errors.status_of(refusal)
    assert refusal.code
    assert kind("x", code="more").code == "more"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("get", "nothing-here", 404),
        ("get", "-/nothing/here", 404),
        ("post", "-/nothing", 404),
        ("delete", "x", 405),
        ("post", "x", 405),
        ("put", "-/ping", 405),
        ("get", "-/whoami", 401),
        ("put", "x", 401),
        ("get", "-/_changes", 404),
        ("get", "a/b/c/d/e", 404),
        ("get", "@a", 404),
        ("get", "@a/", 404),
        ("get", "..%2f..%2fetc", 404),
        ("get", "%2e%2e", 404),
        ("get", "%E0%A4%A", 404),
    ],
)
def test_an_error_is_json_in_npms_shape_without_a_cookie(npm, db, method, path, status):
    answer = getattr(npm, method)(path)
    assert answer.status_code == status
    assert set(answer.json()) == {"error", "message", "code"}
    assert answer.json()["error"] == answer.json()["message"] or status == 405
    assert not answer.cookies
    assert "Location" not in answer
    assert answer["Cache-Control"].startswith("private")
    assert answer["X-Request-ID"]


def test_405_names_what_is_allowed(npm, db):
    assert npm.delete("-/whoami")["Allow"] == "GET"


@pytest.mark.parametrize("path", ["/npm", "/left-pad", "/@acme/x", "/@acme%2fx", "/-/nothing", "/npmx/-/ping"])
def test_a_client_without_npm_in_its_address_gets_json_that_says_the_right_one(client, db, path):
    answer = client.get(path, headers={"accept": "application/json"})
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/json"
    if "/-/" not in path:
        assert "http://testserver/npm/" in answer.json()["error"]


@pytest.mark.parametrize("path", ["/-/ping", "/npm/-/ping", "/npm/"])
def test_the_registrys_own_endpoints_answer_at_both_addresses(client, db, path):
    assert client.get(path).json() == {}


@pytest.mark.parametrize("path", ["-/ping", "-/whoami", "x"])
def test_head_says_what_get_says(npm, db, path):
    get, head = npm.get(path), npm.head(path)
    assert head.status_code == get.status_code
    assert {key: value for key, value in head.headers.items() if key != "X-Request-ID"} == {
        key: value for key, value in get.headers.items() if key != "X-Request-ID"
    }


def test_a_session_changes_nothing_at_the_registry(npm, client, publish, uma):
    publish(uma, "@uma/x")
    client.force_login(uma.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert npm.get("@uma/x").status_code == 404
    assert npm.put("@uma%2fx", payloads.publish_body("@uma/x", "1.0.1")).status_code == 401
    assert npm.get("-/whoami").status_code == 401


def test_a_bearer_changes_nothing_on_pages(client, publish, uma):
    publish(uma, "@uma/x")
    sent = {"authorization": f"Bearer {login_token(uma)}", "accept": "text/html"}
    assert client.get("/package/@uma/x", headers=sent).status_code == 404
    assert client.get("/settings/tokens", headers=sent).status_code == 302
    assert client.get("/admin/", headers=sent).status_code == 302


def test_the_registry_asks_for_no_csrf_token_and_pages_do(uma):
    from django.test import Client

    from tests.tools.registry_client import RegistryClient

    strict = Client(enforce_csrf_checks=True)
    caller = RegistryClient(strict, login_token(uma))
    assert caller.put("@uma%2fx", payloads.publish_body("@uma/x", "1.0.0")).status_code == 201
    strict.force_login(uma.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    seen = AuditEvent.objects.count()
    for path, sent in (
        ("/package/@uma/x/access/level", {"access": "public", "confirm": "@uma/x"}),
        ("/settings/tokens", {"name": "x", "access": "read-write", "days": "1"}),
        ("/org/new", {"name": "newco"}),
    ):
        assert strict.post(path, sent, headers={"accept": "text/html"}).status_code == 403
    assert AuditEvent.objects.count() == seen


# --- bodies ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"\xff", 400),
        (b"{", 400),
        (b"[" * 50_000, 400),
        (b"[" * 100_000, 413),
        (b'{"user": NaN}', 400),
        (b'{"user": "\\ud800"}', 422),
        (b'{"user": "x\\u0000"}', 422),
        (b'{"user": 1}', 400),
        (b'{"user": "' + b"x" * (1 << 20) + b'"}', 413),
        (b"\xef\xbb\xbf{}", 400),
    ],
)
def test_a_body_that_is_not_what_the_route_reads_is_refused_and_changes_nothing(npm, acme, alice, body, status):
    caller = npm.as_(login_token(alice))
    seen = AuditEvent.objects.count()
    answer = caller.put("-/org/acme/user", body)
    assert answer.status_code == status
    assert set(answer.json()) == {"error", "message", "code"}
    assert AuditEvent.objects.count() == seen


@pytest.mark.parametrize("path", ["@alice%2fx", "@alice%2fx/-rev/1-x"])
def test_a8_a_compressed_document_is_415(npm, acme, alice, path):
    answer = npm.as_(login_token(alice)).put(path, payloads.publish_body("@alice/x", "1.0.0"), content_encoding="gzip")
    assert answer.status_code == 415


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (gzip.compress(b'{"user": "dave"}', mtime=0), "gzip", 200),
        (gzip.compress(b'{"user": "' + b"x" * (1 << 20) + b'"}', mtime=0), "gzip", 413),
        (gzip.compress(b'{"user": "bob"}', mtime=0)[:-9], "gzip", 400),
        (gzip.compress(b'{"user": "bob"}', mtime=0) + b"more", "gzip", 400),
        (b'{"user": "bob"}', "gzip", 400),
        (b'{"user": "bob"}', "br", 415),
    ],
)
def test_a8_a_small_body_may_come_in_gzip_and_stays_small(npm, acme, alice, dave, body, encoding, status):
    caller = npm.as_(login_token(alice))
    seen = AuditEvent.objects.count()
    answer = caller.put("-/org/acme/user", body, content_encoding=encoding)
    assert answer.status_code == status
    assert (AuditEvent.objects.count() > seen) is (status == 200)


@pytest.mark.parametrize("path", ["-/org/acme/user", "@alice%2fx"])
def test_a2_a_chunked_body_is_411_not_an_empty_one(npm, acme, alice, path):
    assert npm.as_(login_token(alice)).put(path, {}, transfer_encoding="chunked").status_code == 411


def test_nobody_learns_what_a_route_reads_before_the_credential_is_fine(npm, db):
    for body in (b"", b"{", b"x" * 5_000_000):
        assert npm.put("x", body).status_code == 401


def test_a5_a_body_over_the_limit_is_413_with_the_limit_in_it(npm, uma, settings, blob_files):
    settings.MAX_TARBALL = 1 << 20
    big = os.urandom(1 << 21).hex()
    body = payloads.publish_body("@uma/x", "1.0.0", files={"x.txt": big})
    answer = npm.as_(login_token(uma)).put("@uma%2fx", body)
    assert answer.status_code == 413
    assert "1 MB" in answer.json()["error"]
    assert not blob_files()


# --- our own faults ----------------------------------------------------------------------------------------------


def test_a_database_that_does_not_answer_is_503_with_a_time_to_retry(npm, db, settings):
    from django.db import connection

    def dead(execute, sql, params, many, context):
        raise OperationalError("could not connect")

    with connection.execute_wrapper(dead):
        answer = npm.get("x")
    assert answer.status_code == 503
    assert answer["Retry-After"]
    assert "could not connect" not in answer.content.decode()


def test_a_fault_of_ours_is_json_without_details(client, db):
    from django.db import connection

    def broken(execute, sql, params, many, context):
        raise RuntimeError("secret detail")

    client.raise_request_exception = False
    with connection.execute_wrapper(broken):
        answer = client.get("/npm/x")
    assert answer.status_code == 500
    assert "secret detail" not in answer.content.decode()
    assert answer.json()["request_id"]
