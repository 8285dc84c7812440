"""What the log says of requests and errors, and what it never says."""

from __future__ import annotations

import io
import json
import logging
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured

from accounts import urls
from registry_site import logs
from tests.conftest import login_token
from tests.tools import log_lines
from tests.tools.sessions import sign_in

pytestmark = pytest.mark.django_db

SECRET = "npm_" + "S3cr3tS3cr3t" * 4


@pytest.fixture
def said():
    """Every line so far of a logger, as the JSON formatter wrote it."""
    with log_lines.kept() as kept:
        yield lambda name="": kept.of(name)


@pytest.fixture
def access_log(settings, caplog, said):
    settings.ACCESS_LOG = True
    with caplog.at_level(logging.INFO, "registry.access"):
        yield lambda: said("registry.access")


def record(message: str, *values, **more) -> logging.LogRecord:
    return logging.LogRecord("a.logger", logging.ERROR, __file__, 1, message, values, more.pop("exc_info", None))


# --- lines -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("formatter", [logs.Text(), logs.Json()])
@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {SECRET}",
        f"the token {SECRET} is unknown",
        f"https://registry/-/v1/done?token={SECRET}",
        "postgres://app:S3cr3tS3cr3t@db/registry does not answer",
        "{'password': 'S3cr3tS3cr3t', 'name': 'bob'}",
        "password=S3cr3tS3cr3t&name=bob",
        "Basic Ym9iOlMzY3IzdFMzY3IzdA==",
        '{"client_secret": "S3cr3tS3cr3t"}',
        "Cookie: sessionid=S3cr3tS3cr3t; theme=dark",
    ],
)
def test_a_line_leaves_out_what_opens_something(formatter, text):
    line = formatter.format(record("it failed: %s", text))
    assert "S3cr3t" not in line
    assert "Ym9iOlMz" not in line
    assert logs.LEFT_OUT in line or "\\u2026" in line


@pytest.mark.parametrize(
    "text",
    [
        "this token expired on 3 November; run npm login to get a new one",
        "the token npm_Hq3Z… is read-only",
        "https://npm.example.com:8443/npm/@acme/ledger/-/ledger-1.0.0.tgz",
        "alice@example.com was invited to acme",
    ],
)
def test_a_line_keeps_what_opens_nothing(text):
    assert text in logs.Text().format(record("%s", text))


def test_secrets_of_the_settings_are_in_no_line(settings):
    settings.UPSTREAM_TOKEN, settings.SECRET_KEY = "upstream-canary", "key-canary-key"
    settings.UPSTREAMS = [{"scope": "@corp", "url": "https://npm.corp.example", "token": "scoped-canary"}]
    logs._own_secrets.cache_clear()
    try:
        line = logs.Text().format(record("upstream-canary key-canary-key scoped-canary other"))
    finally:
        logs._own_secrets.cache_clear()
    assert "canary" not in line
    assert "other" in line


def test_nothing_begins_a_line_of_its_own():
    line = logs.Text().format(record("agent %s", "x\nERROR forged\r\x1b[31mred\x00\u2028"))
    assert line.splitlines() == ["ERROR a.logger agent x\\nERROR forged\\x0d\\x1b[31mred\\x00\\x2028"]
    assert len(logs.Json().format(record("agent %s", "x\ny\u2028z")).splitlines()) == 1


def test_a_traceback_is_whole_in_json_and_set_in_as_text():
    try:
        raise ValueError("first\nERROR forged password=S3cr3tS3cr3t")
    except ValueError:
        failed = record("it failed", exc_info=sys.exc_info())
    line = json.loads(logs.Json().format(failed))
    assert "Traceback" in line["traceback"]
    assert "S3cr3t" not in line["traceback"]
    first, *rest = logs.Text().format(failed).splitlines()
    assert first == "ERROR a.logger it failed"
    assert all(each.startswith("    ") for each in rest)


def test_the_server_itself_writes_its_lines_alike():
    said = io.StringIO()
    theirs = logging.getLogger("a.server")
    theirs.addHandler(logging.StreamHandler(said))
    theirs.propagate = False
    logs.adopt("a.server")
    theirs.error("Error handling request %s", f"/npm/x?token={SECRET}\nERROR forged")
    assert said.getvalue() == "ERROR a.server Error handling request /npm/x?token=…\\nERROR forged\n"


# --- requests ----------------------------------------------------------------------------------------------------


def test_a_request_has_one_line_that_says_who_and_what(npm, uma, publish, access_log):
    publish(uma, "@uma/x")
    token = login_token(uma)
    answer = npm.as_(token).get("@uma/x?write=true&token=" + SECRET, user_agent="npm/12 " + "x" * 500)
    (line,) = access_log()
    assert line["request_id"] == answer["X-Request-ID"]
    assert {key: line[key] for key in ("method", "path", "route", "status", "actor", "credential", "address")} == {
        "method": "GET", "path": "/npm/@uma/x", "route": "read.packument", "status": 200,
        "actor": "uma", "credential": token[:8], "address": "127.0.0.1",
    }  # fmt: skip
    assert line["bytes"] == len(answer.content)
    assert line["milliseconds"] >= 0
    assert len(line["agent"]) == 200
    assert SECRET not in str(line)
    assert token not in str(line)


def test_a_refusal_is_found_by_the_reference_that_was_shown(npm, access_log):
    answer = npm.as_(SECRET).get(f"{SECRET}")
    (line,) = access_log()
    assert line["request_id"] in answer.json()["error"]
    assert line["status"] == 401
    assert SECRET not in str(line)


def test_a_page_says_whose_session_it_was(client, alice, access_log):
    sign_in(client, alice)
    client.get("/settings/profile")
    client.get("/static/css/base.css")
    page, static = access_log()
    assert (page["actor"], page["credential"]) == ("alice", "session")
    assert static["route"] == "static"


def test_keys_that_are_part_of_an_address_are_left_out(client, npm, access_log):
    npm.get("-/v1/done/poll-secret-of-a-login")
    client.get("/setup/first-admin:1xUqBO:nnlUt9CstvvW5SFKkin")
    client.get("/no/such/page/" + "k" * 50)
    assert [line["path"] for line in access_log()] == ["/npm/-/v1/done/…", "/setup/…", "/no/such/page/…"]


def test_probes_and_an_access_log_that_is_off_say_nothing(client, settings, said, caplog):
    with caplog.at_level(logging.INFO, "registry.access"):
        client.get("/")
        settings.ACCESS_LOG = True
        client.get("/healthz/live")
    assert said("registry.access") == []


def test_an_error_that_nobody_foresaw_is_logged_with_its_id_and_without_its_request(client, monkeypatch, said):
    def breaks(request):
        raise ImproperlyConfigured("something inside is wrong")

    ping = next(each for each in urls.protocol if str(each.pattern) == "ping")
    monkeypatch.setitem(ping.callback.handlers, "GET", breaks)
    client.raise_request_exception = False
    answer = client.get(
        f"/npm/-/ping?secret={SECRET}",
        headers={"authorization": f"Bearer {SECRET}", "cookie": "sessionid=hunter2hunter2"},
    )
    assert answer.status_code == 500
    assert answer.json()["request_id"] == answer["X-Request-ID"]
    line = said("django.request")[-1]
    assert line["request_id"] == answer["X-Request-ID"]
    assert "something inside is wrong" in line["traceback"]
    assert SECRET not in str(said())
    assert "hunter2" not in str(said())
    assert "inside" not in answer.content.decode()
