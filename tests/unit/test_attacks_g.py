"""Resources that somebody wants to use up; the test's name says which case it is."""

from __future__ import annotations

import base64
import io
import json
import logging
import tracemalloc

import pytest
from django.core.cache import caches
from django.db import OperationalError, connection

from accounts import refusals, sightings
from accounts.models import AuditEvent, RefusedRequest
from packages import admission, audits, files, gate, highlighting, queries, quotas, ranges, readmes
from packages.models import Package, Quota, Version
from packages.names import PackageName, clean_version, parse_tag
from packages.packuments import kept
from packages.wire import read_put
from registry_site import logs, middleware
from registry_site.errors import Refusal
from tests.conftest import login_token
from tests.tools import payloads
from tests.tools.sessions import sign_in

pytestmark = pytest.mark.django_db
PAGE = {"accept": "text/html"}
MEGABYTE = 2**20


def entries_of_the_shared_cache() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM shared_cache")
        return cursor.fetchone()[0]


class Endless(io.RawIOBase):
    """The body of a publish whose tarball is made while it is read; nothing of it is kept."""

    def __init__(self, size: int) -> None:
        head = {"_id": "@uma/x", "name": "@uma/x", "versions": {}, "_attachments": {"@uma/x-1.0.0.tgz": {"data": "D"}}}
        before, after = json.dumps(head).split('"D"')
        self._parts = [before.encode() + b'"', b'"' + after.encode()]
        self._left = size // 3 * 4
        self.length = sum(map(len, self._parts)) + self._left

    def read(self, size: int = -1) -> bytes:
        if len(self._parts) == 2:
            return self._parts.pop(0)
        if self._left:
            take = min(size & ~3, self._left)
            self._left -= take
            return base64.b64encode(bytes(take // 4 * 3))
        return self._parts.pop(0) if self._parts else b""


def test_g1_a_large_upload_is_never_whole_in_memory(tmp_path):
    body = Endless(48 * MEGABYTE)
    tracemalloc.start()
    try:
        with pytest.raises(Refusal):  # it names no version; that is found out when all of it was read
            read_put(PackageName.parse("@uma/x"), body, body.length, spool=tmp_path, max_tarball=64 * MEGABYTE)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * MEGABYTE
    assert not list(tmp_path.iterdir())


def test_g2_a_process_takes_so_many_uploads_and_goes_on_serving_readers(npm, uma, publish, settings, monkeypatch):
    publish(uma, "@uma/x")
    monkeypatch.setattr(gate, "WAITING", 0)
    monkeypatch.setattr(admission, "SMALL", 0)
    caller = npm.as_(login_token(uma))
    with gate.uploads.passing("one", 1, 2, 1), gate.uploads.passing("another", 1, 2, 1):
        settings.UPLOADS_AT_ONCE = 2
        answer = caller.put("@uma%2fx", payloads.publish_body("@uma/x", "1.1.0"))
        assert (answer.status_code, answer["Retry-After"]) == (503, "10")
        assert caller.get("@uma%2fx").status_code == 200
    assert settings.UPLOADS_AT_ONCE < 16, "fewer than threads"


@pytest.mark.parametrize("token", [None, "npm_" + "x" * 36, "nonsense"])
def test_g4_uploads_of_strangers_are_refused_before_their_body(npm, settings, token, django_assert_max_num_queries):
    body = json.dumps(payloads.publish_body("@uma/x", "1.0.0")).encode() + b" " * MEGABYTE
    npm.as_(token).put("@uma%2fx", body)
    with django_assert_max_num_queries(1):
        assert npm.as_(token).put("@uma%2fx", body).status_code == 401
    assert not settings.SPOOL_DIR.exists()
    assert gate.uploads.size == 0


def test_g5_a_large_document_is_built_once_and_then_not_again(npm, uma, publish, django_assert_num_queries):
    first = publish(uma, "@uma/x", access="public")
    columns = {field.attname: getattr(first, field.attname) for field in Version._meta.concrete_fields}
    more = [columns | {"number": f"2.{n}.0", "folded": f"2.{n}.0", "blob": f"{n}"} for n in range(500)]
    Version.objects.bulk_create(Version(**{k: v for k, v in each.items() if k != "id"}) for each in more)
    Package.objects.update(revision=99)
    answers = [
        npm.get("@uma%2fx", accept=accept) for accept in ("application/json", "application/vnd.npm.install-v1+json")
    ]
    for answer, accept in zip(answers, ("application/json", "application/vnd.npm.install-v1+json"), strict=True):
        with django_assert_num_queries(1):
            same = npm.get("@uma%2fx", accept=accept, if_none_match=answer["ETag"])
        assert (same.status_code, same.content) == (304, b"")


def test_g6_names_that_are_missing_cost_one_look_and_leave_nothing(npm, uma, django_assert_max_num_queries):
    caller = npm.as_(login_token(uma))
    caller.get("@uma%2fnothing")
    before = entries_of_the_shared_cache()
    with django_assert_max_num_queries(3 * 20):  # the token, the name, and whether to say more in the refusal
        for n in range(20):
            assert caller.get(f"@uma%2fnothing-{n}").status_code == 404
    assert entries_of_the_shared_cache() == before
    assert middleware._known_view.cache_info().maxsize == 4096
    assert not [key for key in kept._kept if "nothing" in str(key)] if hasattr(kept, "_kept") else True


def test_g8_a_file_and_a_scope_over_their_limit_are_refused_with_the_limit_and_the_use(npm, uma, publish, settings):
    publish(uma, "@uma/x")
    caller = npm.as_(login_token(uma))
    settings.MAX_TARBALL = MEGABYTE
    answer = caller.put("@uma%2fx", b" " * 40 * MEGABYTE)
    assert (answer.status_code, "over 1 MB" in answer.json()["error"]) == (413, True)
    Quota.objects.update_or_create(scope=quotas.Scope.objects.get(name="uma"), defaults={"versions": 1})
    answer = caller.put("@uma%2fx", payloads.publish_body("@uma/x", "1.1.0"))
    assert (answer.status_code, "uses 1 of 1" in answer.json()["error"]) == (413, True)


def test_g9_below_the_reserve_nothing_is_published_and_reading_goes_on(npm, client, uma, publish, settings):
    publish(uma, "@uma/x")
    settings.STORAGE_RESERVE_MB = 10**9
    caller = npm.as_(login_token(uma))
    answer = caller.put("@uma%2fx", payloads.publish_body("@uma/x", "1.1.0"))
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_low")
    assert caller.get("@uma/x/-/x-1.0.0.tgz").status_code == 200
    sign_in(client, uma)
    assert "Nothing can be published right now" in client.get("/", headers=PAGE).content.decode()


@pytest.mark.parametrize("path", ["-/npm/v1/security/advisories/bulk", "-/npm/v1/security/audits/quick"])
def test_g10_an_audit_of_a_hundred_thousand_names_is_refused(npm, path):
    many = {f"p{n}": ["1.0.0"] for n in range(100_000)}
    asked = many if path.endswith("bulk") else {"dependencies": {name: {"version": "1.0.0"} for name in many}}
    answer = npm.post(path, asked)
    assert answer.status_code == 413
    some = {f"p{n}": ["1.0.0"] for n in range(audits.MOST_NAMES + 1)}
    asked = some if path.endswith("bulk") else {"dependencies": {name: {"version": "1.0.0"} for name in some}}
    assert npm.post(path, asked).status_code == 413


@pytest.mark.parametrize("path", ["/npm/-/v1/search", "/npm/@uma%2fx", "/search", "/package/@uma/x"])
def test_g12_endless_headers_and_questions_are_refused_or_ignored(client, path):
    for query in ("&".join(f"a{n}=1" for n in range(2000)), "text=" + "x" * 100_000, "q=" + "%20" * 30_000):
        assert client.get(f"{path}?{query}", headers=PAGE).status_code < 500
    for name in ("accept", "accept-encoding", "accept-language", "if-none-match", "range", "user-agent", "cookie"):
        assert client.get(path, headers={name: "a," * 50_000}).status_code < 500, name
    assert client.get(path + "x" * 100_000, headers=PAGE).status_code < 500


def test_g13_failed_logins_write_no_event_and_refusals_are_bounded(npm, uma, publish, monkeypatch):
    monkeypatch.setattr(refusals, "A_CALLERS_MINUTE", 5)
    monkeypatch.setattr(refusals, "_minute_began", -1000.0)
    before = AuditEvent.objects.count()
    body = {"_id": "org.couchdb.user:uma", "name": "uma", "password": "wrong", "type": "user"}
    for _ in range(20):
        npm.put("-/user/org.couchdb.user:uma", body)
        npm.get("@uma%2fnothing")
    refusals.write()
    assert AuditEvent.objects.count() == before
    assert RefusedRequest.objects.count() <= 5
    assert sightings.MOST <= 100_000 if hasattr(sightings, "MOST") else True
    publish(uma, "@uma/x")
    assert AuditEvent.objects.count() > before, "changes are always written down"


def test_g14_mails_are_limited_by_who_sends_and_by_who_gets_them(settings):
    for limit in ("mail", "password-reset", "password-reset-name", "confirmation", "invitation", "invitation-again"):
        assert settings.RATES[limit], limit  # asked for in tests/unit/test_rate_limits.py


def test_g16_what_is_shown_of_large_packages_is_bounded():
    assert files.MAX_UNPACKED <= 256 * MEGABYTE
    assert (highlighting.MAX_SHOWN, highlighting.MAX_LINES) <= (MEGABYTE, 10_000)
    assert highlighting.SECONDS <= 1 >= readmes.SECONDS


def test_g17_without_a_connection_it_is_a_503_and_the_process_lives(
    npm, client, monkeypatch, django_assert_num_queries
):
    from packages.protocol import find

    def away(*args, **more):
        raise OperationalError("couldn't get a connection after 2.00 sec")

    monkeypatch.setattr(find.discovery, "page", away)
    answer = npm.get("-/v1/search?text=x")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    with django_assert_num_queries(0):
        assert client.get("/healthz/live").status_code == 200


def test_g18_nothing_that_a_client_sends_begins_a_line_of_the_log_or_fills_it(npm, settings, caplog):
    settings.ACCESS_LOG = True
    agent = "npm/11\r\nERROR everything is lost \x1b[31m" + "x" * MEGABYTE
    with caplog.at_level(logging.INFO, "registry.access"):
        npm.get("@uma%2fx%0aERROR", user_agent=agent)
    for shape in ("text", "json"):
        formatters = logs.configuration(shape, "INFO", with_access=True)["formatters"]
        maker = next(iter(formatters.values()))["()"]
        formatter = maker() if callable(maker) else logs.__dict__[maker.rpartition(".")[2]]()
        lines = [formatter.format(record) for record in caplog.records]
        assert lines
        assert all("\n" not in line and "\r" not in line and "\x1b" not in line for line in lines)
        assert all(len(line) < 10_000 for line in lines)


HOSTILE = [
    " " * 100_000,
    "a" * 100_000,
    "-" * 100_000,
    "@" * 100_000,
    "1." * 50_000,
    "a:" * 50_000,
    "\u0300" * 100_000,
    "\ufdfa" * 20_000,
    "^" * 50_000 + "1",
    "|| " * 30_000,
    "1 - " * 20_000,
]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_g20_no_text_takes_long_to_be_refused(npm, text):
    for read in (PackageName.parse, clean_version, parse_tag, ranges.is_range):
        try:
            read(text)
        except Refusal:
            continue
    queries.Query.parse(text[: queries.MAX_TEXT])
    logs.redact(text)
    assert npm.get(f"-/v1/search?text={text[:4000]}").status_code < 500


def test_the_shared_cache_holds_so_many_that_nobody_pushes_counters_out():
    assert caches["default"]._max_entries >= 20_000
