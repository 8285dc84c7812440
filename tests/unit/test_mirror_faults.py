"""An upstream registry that fails or lies (F1, F4, F5, F6, F10, F13, F14, F18): nothing of it is kept or served."""

from __future__ import annotations

import gzip
import json
import socket
from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from packages.models import Mirror, MirrorAlert, MirrorVersion, Package, Version
from packages.upstream import client, fetching
from packages.upstream.client import UpstreamError
from packages.upstream.registries import Registry
from registry_site import env
from registry_site.errors import UpstreamFailed
from tests.conftest import login_token
from tests.tools.upstream_stub import SHORT, UpstreamStub

pytestmark = pytest.mark.django_db
TARBALL = "/left/-/left-1.0.0.tgz"
HTML = {"body": b"<!doctype html><title>Sign in</title>", "headers": {"Content-Type": "text/html"}}


@pytest.fixture
def kept(settings, blob_files):
    """What is stored of upstream: versions with their bytes, files in the store, files that wait in the spool."""

    def run() -> tuple[list[str], list[str], list[str]]:
        spool = settings.SPOOL_DIR.iterdir() if settings.SPOOL_DIR.exists() else ()
        return sorted(Version.objects.values_list("number", flat=True)), blob_files(), [each.name for each in spool]

    return run


NOTHING = ([], [], [])


def age(**columns: int) -> None:
    """Make what is known older, in seconds: `age(checked_at=600)`."""
    for row in Mirror.objects.all():
        for column, seconds in columns.items():
            if getattr(row, column):
                setattr(row, column, getattr(row, column) - timedelta(seconds=seconds))
        row.save()


def alerts() -> set[tuple[str, str]]:
    return set(MirrorAlert.objects.values_list("kind", "number"))


def content(answer) -> bytes:
    return answer.getvalue()


def collect(answer, into: bytearray) -> None:
    for chunk in answer.streaming_content:
        into += chunk


# --- F1: where upstream may be -----------------------------------------------------------------------------------


def test_f1_an_inner_address_is_asked_only_where_operators_allow_it(npm, upstream, settings, kept):
    settings.EGRESS_ALLOWED_NETWORKS = []
    upstream.publish("left")
    answer = npm.get("left")
    assert answer.status_code == 503
    assert "cannot be asked right now" in answer.json()["error"]
    assert upstream.requests == []
    assert kept() == NOTHING
    assert not Package.objects.exists()


@pytest.mark.parametrize("url", ["file:///etc/passwd", "gopher://127.0.0.1/", "127.0.0.1:4873", "ftp://example.com"])
def test_f1_an_upstream_that_is_no_web_address_stops_the_start(monkeypatch, url):
    monkeypatch.setenv("UPSTREAM_URL", url)
    with pytest.raises(ImproperlyConfigured, match="UPSTREAM_URL"):
        env.address("UPSTREAM_URL")


@pytest.mark.parametrize("host", ["user:word@127.0.0.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "0.0.0.0"])
def test_f1_other_spellings_and_user_names_are_refused(npm, upstream, settings, kept, host):
    settings.EGRESS_ALLOWED_NETWORKS = []
    settings.UPSTREAM_URL = f"http://{host}:{upstream.port}"
    assert npm.get("left").status_code == 503
    assert upstream.requests == []
    assert kept() == NOTHING


def test_f1_https_needs_a_certificate_and_the_internet_needs_https(npm, upstream, settings, kept, monkeypatch):
    settings.UPSTREAM_URL = upstream.url.replace("http:", "https:")
    assert npm.get("left").status_code == 503
    row = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 80))
    settings.UPSTREAM_URL = "http://upstream.example"
    # No longer than that: the object store is found by its name, too.
    with monkeypatch.context() as names:
        names.setattr(socket, "getaddrinfo", lambda *args, **kwargs: [row])
        refused = npm.get("right")
    assert refused.status_code == 503
    assert "http is not https" in refused.json()["error"]
    assert upstream.requests == []
    assert kept() == NOTHING


# --- F4: packuments that are none --------------------------------------------------------------------------------


def _document(**changes) -> bytes:
    dist = {"tarball": "http://127.0.0.1/left/-/left-1.0.0.tgz", "shasum": "0" * 40}
    manifest = {"name": "left", "version": "1.0.0", "dist": dist}
    return json.dumps({"name": "left", "dist-tags": {}, "versions": {"1.0.0": manifest}, **changes}).encode()


NO_PACKUMENTS = {
    "another name": {"body": _document(name="right")},
    "no JSON": {"body": b"{"},
    "nothing": {"body": b""},
    "HTML": HTML,
    "a list": {"body": b"[]"},
    "a number too many": {"body": b"NaN"},
    "no versions": {"body": _document(versions=[])},
    "100001 versions": {"body": _document(versions={f"1.0.{number}": {} for number in range(100_001)})},
    "deep": {"body": b'{"name":"left","versions":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001},
    "five million values": {"body": b'{"name":"left","versions":{},"x":[' + b"[]," * 2_500_000 + b"[]]}"},
    "no text": {"body": b'{"name":"left","versions":{"\xff\xfe":{}}}'},
    "versions of others only": {"body": _document(versions={"1.0.0": {"name": "right", "version": "1.0.0"}})},
    "65 MB": {"huge": 65 << 20},
    "a gzip bomb": {
        "body": gzip.compress(b'{"name":"left","versions":{}' + b" " * (70 << 20) + b"}", 1),
        "headers": {"Content-Encoding": "gzip"},
    },
    "broken gzip": {"body": gzip.compress(_document())[:-9], "headers": {"Content-Encoding": "gzip"}},
    "cut off": {"cut": 40},
    "longer than it is": {"length": 100_000},
}


@pytest.mark.parametrize("fault", NO_PACKUMENTS.values(), ids=NO_PACKUMENTS)
def test_f4_what_is_no_packument_is_not_kept_and_the_last_good_one_stays(npm, upstream, kept, fault):
    upstream.publish("left", "1.0.0")
    upstream.fault("/left", **fault)
    refused = npm.get("left")
    assert refused.status_code in (502, 503)
    assert kept() == NOTHING
    assert not MirrorVersion.objects.exists()
    assert not Package.objects.exists()

    upstream.heal()
    age(failed_at=31)
    good = npm.get("left")
    assert good.json()["dist-tags"] == {"latest": "1.0.0"}
    assert "Warning" not in good
    upstream.fault("/left", **fault)
    age(checked_at=600)
    stale = npm.get("left")
    assert (stale.status_code, stale.content) == (200, good.content)
    assert stale["Warning"].startswith("110 ")


def test_f4_versions_that_are_something_else_are_left_out_and_the_others_stay(npm, upstream, kept):
    for number in ("1.0.0", "1.0.1", "1.0.2", "1.0.3", "1.0.4", "1.0.5"):
        upstream.publish("left", number)

    def spoil(document):
        versions = document["versions"]
        versions["1.0.1"]["name"] = "right"
        versions["1.0.2"]["version"] = "9.9.9"
        versions["1.0.3"]["scripts"] = {"__proto__": {"polluted": True}}
        versions["1.0.4"]["dist"]["tarball"] = "file:///etc/passwd"
        versions["01.x"] = versions["1.0.0"]

    upstream.edit("left", spoil)
    document = npm.get("left").json()
    assert list(document["versions"]) == ["1.0.0", "1.0.5"]
    assert "__proto__" not in json.dumps(document)
    assert set(document["time"]) <= {"created", "modified", "1.0.0", "1.0.5"}
    for number in ("1.0.1", "1.0.2", "1.0.3", "1.0.4"):
        assert npm.get(f"left/-/left-{number}.tgz").status_code == 404
    assert not [each for each in upstream.requests if each.path.endswith(".tgz")]
    assert kept() == NOTHING


def test_f4_of_a_key_that_is_there_twice_one_is_meant_everywhere(npm, upstream):
    body = _document().replace(b'"version": "1.0.0"', b'"version": "6.6.6", "version": "1.0.0"')
    upstream.fault("/left", body=body)
    answer = npm.get("left")
    assert answer.json()["versions"]["1.0.0"]["version"] == "1.0.0"
    assert b"6.6.6" not in answer.content


def test_f4_links_lead_here_whatever_upstream_says_and_another_host_without_https_is_not_asked(npm, upstream, kept):
    with UpstreamStub() as other:
        other.publish("left", "1.0.0")
        upstream.publish("left", "1.0.0")
        link = other.url + TARBALL
        upstream.edit("left", lambda document: document["versions"]["1.0.0"]["dist"].update(tarball=link))
        dist = npm.get("left").json()["versions"]["1.0.0"]["dist"]
        assert dist["tarball"] == f"http://testserver/npm{TARBALL}"
        assert npm.get(TARBALL).status_code in (502, 503)
        assert other.requests == []
    assert kept() == NOTHING


def test_f4_an_https_registry_is_never_left_for_http():
    registry = Registry("https://registry.example", "secret")
    for url in ("http://registry.example/left.tgz", "http://files.example/left.tgz"):
        with (
            pytest.raises(UpstreamError, match="without https"),
            client.opened(registry, url, most=1, seconds=1),
        ):
            pass


# --- F5: bytes and digests ---------------------------------------------------------------------------------------


def test_f5_wrong_bytes_are_not_kept_not_served_and_told_to_operators(npm, upstream, kept):
    upstream.publish("left", "1.0.0")
    other = upstream.publish("right", "1.0.0")
    upstream.fault(TARBALL, body=other)
    refused = npm.get(TARBALL)
    assert refused.status_code == 502
    assert "other bytes" in refused.json()["error"]
    assert kept() == NOTHING
    assert alerts() == {("refused", "1.0.0")}
    asked = len(upstream.requests)
    assert npm.get(TARBALL).status_code == 502
    assert len(upstream.requests) == asked  # and it is not fetched again at once
    MirrorVersion.objects.update(refused_at=timezone.now() - timedelta(minutes=6))
    upstream.heal()
    assert content(npm.get(TARBALL)) == upstream.tarball(TARBALL)


def test_f5_a_shasum_alone_is_enough_by_policy_and_our_digest_is_added(npm, upstream, settings, kept):
    data = upstream.publish("left", "1.0.0")
    upstream.edit("left", lambda document: document["versions"]["1.0.0"]["dist"].pop("integrity"))
    settings.UPSTREAM_SHA1 = False
    assert npm.get(TARBALL).status_code == 502
    assert kept() == NOTHING
    assert not [each for each in upstream.requests if each.path == TARBALL]

    settings.UPSTREAM_SHA1 = True
    upstream.fault(TARBALL, body=data + b"more")
    assert npm.get(TARBALL).status_code == 502
    assert kept() == NOTHING
    MirrorVersion.objects.update(refused_at=None)
    upstream.heal()
    assert content(npm.get(TARBALL)) == data
    assert Version.objects.get().integrity.startswith("sha512-")


def test_f5_the_digest_that_was_said_first_counts_for_ever(npm, upstream, kept):
    first = upstream.publish("left", "1.0.0")
    said = npm.get("left").json()["versions"]["1.0.0"]["dist"]
    upstream.publish("left", "1.0.0", {"index.js": "steal()"})
    age(checked_at=600)
    dist = npm.get("left").json()["versions"]["1.0.0"]["dist"]
    assert (dist["integrity"], dist["shasum"]) == (said["integrity"], said["shasum"])
    assert ("changed", "1.0.0") in alerts()
    assert npm.get(TARBALL).status_code == 502
    assert kept() == NOTHING
    MirrorVersion.objects.update(refused_at=None)
    upstream.fault(TARBALL, body=first)
    assert content(npm.get(TARBALL)) == first


def test_f5_a_digest_that_got_lost_is_not_forgotten_here(npm, upstream, kept):
    upstream.publish("left", "1.0.0")
    said = npm.get("left").json()["versions"]["1.0.0"]["dist"]["integrity"]
    other = upstream.publish("left", "1.0.0", {"index.js": "steal()"})
    upstream.edit("left", lambda document: document["versions"]["1.0.0"]["dist"].pop("integrity"))
    age(checked_at=600)
    assert npm.get("left").json()["versions"]["1.0.0"]["dist"]["integrity"] == said
    upstream.fault(TARBALL, body=other)
    assert npm.get(TARBALL).status_code == 502
    assert kept() == NOTHING


# --- F6: tarballs that do not arrive -----------------------------------------------------------------------------


BROKEN = {
    "cut off": {"cut": 50},
    "cut off at once": {"cut": 0},
    "a length too long": {"length": 1_000_000},
    "a dripping one": {"drip": 0.05},
    "a late one": {"delay": 1.5},
    "an endless one": {"huge": 3 << 20},
    "a missing one": {"status": 404},
    "a failing one": {"status": 500},
    "a refused one": {"status": 403},
    "one that says it is zipped": {"headers": {"Content-Encoding": "gzip"}},
    "one to elsewhere": {"status": 302, "headers": {"Location": "http://127.0.0.2:9/"}},
    "one in circles": {"status": 302, "headers": {"Location": TARBALL}},
    "one to a file": {"status": 302, "headers": {"Location": "file:///etc/passwd"}},
}


@pytest.mark.parametrize("fault", BROKEN.values(), ids=BROKEN)
def test_f6_half_a_tarball_is_none_and_the_next_request_may_try(npm, upstream, kept, monkeypatch, fault):
    monkeypatch.setattr(fetching, "SECONDS", 1)
    monkeypatch.setattr(fetching, "MOST_BYTES", 2 << 20)
    data = upstream.publish("left", "1.0.0")
    upstream.fault(TARBALL, **fault)
    refused = npm.get(TARBALL)
    assert refused.status_code in (502, 503)
    assert refused.json()["error"]
    assert kept() == NOTHING
    upstream.heal()
    monkeypatch.setattr(fetching, "SECONDS", 60)
    MirrorVersion.objects.update(refused_at=None)
    answer = npm.get(TARBALL)
    assert (answer.status_code, content(answer)) == (200, data)
    assert kept()[0] == ["1.0.0"]
    assert kept()[2] == []


def test_f6_a_length_too_short_is_not_what_was_said(npm, upstream, kept):
    upstream.publish("left", "1.0.0")
    upstream.fault(TARBALL, length=30)
    assert npm.get(TARBALL).status_code in (502, 503)
    assert kept() == NOTHING


def test_f6_a_large_tarball_that_is_wrong_never_arrives_whole(npm, upstream, kept, monkeypatch):
    monkeypatch.setattr(fetching, "WHOLE_FIRST", 1000)
    noise = "".join(str(number**3) for number in range(60_000))
    data = upstream.publish("left", "1.0.0", {"noise.txt": noise})
    upstream.fault(TARBALL, body=data[:-1] + b"!")
    arrived = bytearray()
    with pytest.raises(UpstreamFailed, match="other bytes"):
        collect(npm.get(TARBALL), arrived)
    assert len(arrived) < len(data)
    assert kept() == NOTHING
    upstream.heal()
    MirrorVersion.objects.update(refused_at=None)
    assert content(npm.get(TARBALL)) == data


# --- F10: what is remembered of a failure ------------------------------------------------------------------------


def test_f10_a_missing_name_is_believed_for_five_minutes(npm, upstream):
    for _ in range(3):
        assert npm.get("left").status_code == 404
    assert len(upstream.requests) == 1
    upstream.publish("left", "1.0.0")
    age(checked_at=299)
    assert npm.get("left").status_code == 404
    age(checked_at=2)
    assert npm.get("left").status_code == 200


@pytest.mark.parametrize(
    "fault",
    [*({"status": status} for status in (400, 401, 403, 408, 410, 429, 500, 502, 503)), {"cut": 0}, HTML],
    ids=lambda fault: str(fault.get("status", "broken")),
)
def test_f10_an_error_is_never_a_missing_name_and_is_believed_for_half_a_minute(npm, upstream, kept, fault):
    upstream.publish("left", "1.0.0")
    upstream.fault("/left", **fault)
    for path in ("left", TARBALL, "left/latest", "-/package/left/dist-tags"):
        answer = npm.get(path)
        assert answer.status_code in (502, 503), path
        assert "try again" in answer.json()["error"] or answer.status_code == 502
    assert len(upstream.requests) == 1
    assert kept() == NOTHING
    age(failed_at=31)
    upstream.heal()
    assert npm.get("left").status_code == 200


def test_f10_a_stopped_upstream_is_no_missing_name(npm, upstream, kept):
    upstream.publish("left", "1.0.0")
    upstream.stop()
    for method in (npm.get, npm.head):
        assert method("left").status_code == 503
    assert kept() == NOTHING


# --- F13: what upstream gets to know -----------------------------------------------------------------------------


def test_f13_our_token_goes_to_its_own_host_and_nothing_of_a_client_goes_along(npm, upstream, settings, alice):
    settings.UPSTREAM_TOKEN = "upstream-secret"
    upstream.publish("left", "1.0.0")
    secret = login_token(alice)
    more = {
        "cookie": "sessionid=abc",
        "referer": "install secret-app",
        "npm-session": "123",
        "npm-command": "install",
        "x-forwarded-for": "10.1.2.3",
        "user-agent": "npm/12 workspaces/true acme",
        "accept": f"{SHORT}; q=1.0",
        "if-none-match": '"ours"',
    }
    assert npm.as_(secret).get("left", **more).status_code == 200
    assert content(npm.as_(secret).get(TARBALL, **more))
    assert len(upstream.requests) == 2
    for asked in upstream.requests:
        assert asked.headers["authorization"] == "Bearer upstream-secret"
        assert set(asked.headers) <= {"host", "user-agent", "accept", "accept-encoding", "authorization"}
        for word in (secret, "sessionid", "secret-app", "acme", "10.1.2.3", "alice", "ours"):
            assert not asked.holds(word)


def test_f13_another_host_never_sees_our_token(npm, upstream, settings, monkeypatch):
    settings.UPSTREAM_TOKEN = "upstream-secret"
    # Another host has to be https; that is not what this test is about.
    monkeypatch.setattr(client, "_require_kept_safe", lambda registry, url: None)
    data = upstream.publish("left", "1.0.0")
    with UpstreamStub() as other:
        other.publish("left", "1.0.0")
        upstream.fault(TARBALL, status=302, headers={"Location": f"{other.url}{TARBALL}"})
        assert content(npm.get(TARBALL)) == data
        upstream.publish("left", "2.0.0")
        link = f"{other.url}/left/-/left-2.0.0.tgz"
        upstream.edit("left", lambda document: document["versions"]["2.0.0"]["dist"].update(tarball=link))
        other.publish("left", "2.0.0")
        age(checked_at=600)
        npm.get("left")
        assert npm.get("left/-/left-2.0.0.tgz").status_code == 200
        assert len(other.requests) == 2
        assert not other.heard("upstream-secret")
        assert not any("authorization" in each.headers for each in other.requests)


def test_f13_the_token_is_in_no_answer_and_in_nothing_that_is_kept(npm, upstream, settings, caplog):
    settings.UPSTREAM_TOKEN = "upstream-secret"
    upstream.fault("/left", status=401, body=b'{"error": "no upstream-secret"}')
    answer = npm.get("left")
    assert answer.status_code == 503
    assert b"upstream-secret" not in answer.content
    assert "upstream-secret" not in Mirror.objects.get().failure + caplog.text


# --- F14: upstream goes back in time -----------------------------------------------------------------------------


def test_f14_an_older_packument_is_not_taken_for_the_newest(npm, upstream):
    upstream.publish("left", "1.0.0", at=timezone.now() - timedelta(days=2))
    older = upstream.document("left")
    upstream.publish("left", "1.0.1", at=timezone.now() - timedelta(days=1))
    assert npm.get("left").json()["dist-tags"] == {"latest": "1.0.1"}
    upstream.put("left", older)
    age(checked_at=600)
    assert npm.get("left").json()["dist-tags"] == {"latest": "1.0.1"}
    assert ("rolled_back", "") in alerts()


def test_f14_a_removed_version_keeps_its_digest_and_its_bytes(npm, upstream):
    data = upstream.publish("left", "1.0.0")
    upstream.publish("left", "1.0.1")
    assert content(npm.get(TARBALL)) == data
    upstream.remove("left", "1.0.0")
    upstream.edit("left", lambda document: document["time"].update(modified=timezone.now().isoformat()))
    age(checked_at=600)
    assert list(npm.get("left").json()["versions"]) == ["1.0.1"]
    row = MirrorVersion.objects.get(number="1.0.0")
    assert row.removed_at
    assert ("removed", "1.0.0") in alerts()
    assert content(npm.get(TARBALL)) == data  # who has a lockfile still installs

    upstream.publish("left", "1.0.0", {"index.js": "steal()"})
    age(checked_at=600)
    assert npm.get("left").json()["versions"]["1.0.0"]["dist"]["integrity"] == row.integrity
    assert ("changed", "1.0.0") in alerts()
    assert content(npm.get(TARBALL)) == data


def test_f14_a_package_that_is_gone_upstream_stays_for_those_who_have_it(npm, upstream):
    data = upstream.publish("left", "1.0.0")
    assert npm.get("left").status_code == 200
    assert content(npm.get(TARBALL)) == data
    upstream.remove("left")
    age(checked_at=600)
    assert npm.get("left").status_code == 200
    assert content(npm.get(TARBALL)) == data
    assert ("gone", "") in alerts()


def test_f14_what_is_frozen_for_days_is_served_with_a_warning(npm, upstream):
    upstream.publish("left", "1.0.0")
    npm.get("left")
    upstream.stop()
    age(checked_at=3 * 86_400)
    answer = npm.get("left")
    assert answer.status_code == 200
    day = (timezone.now() - timedelta(days=3)).strftime("%d %b %Y")
    assert answer["Warning"].startswith("110 ")
    assert day in answer["Warning"]


# --- F18: names in addresses -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "left%2f..%2f..%2fadmin", "..%2f..%2fetc", "left%0d%0aX-Evil:%201", "left%00", "left%20pad", "%2e%2e",
        "@evil%2f..%2fx", "@evil%2f%2e%2e", "left%3fwrite=true", "left%23x", "http:%2f%2fevil.example%2fx",
        "left%5cx", "l%C3%A9ft", "@evil%0d%0a%2fx", ".left", "_left", "x" * 215, "@%2fx", "@evil%2f",
    ],
)  # fmt: skip
def test_f18_a_malformed_name_is_never_part_of_an_address(npm, upstream, kept, path):
    assert npm.get(path).status_code in (400, 404, 405, 422)
    assert npm.get(f"{path}/-/x-1.0.0.tgz").status_code in (400, 404, 405, 422)
    assert upstream.requests == []
    assert kept() == NOTHING
    assert not Mirror.objects.exists()


@pytest.mark.parametrize(
    "link",
    [
        "/x.tgz\r\nX-Evil: 1", "/x.tgz HTTP/1.1\r\nHost: evil\r\n\r\nGET /", "/x y.tgz", "/\u00e9.tgz",
        "@evil.example/x.tgz",
    ],
)  # fmt: skip
def test_f18_a_link_of_upstream_cannot_smuggle_a_request(npm, upstream, kept, link):
    upstream.publish("left", "1.0.0")
    upstream.edit("left", lambda document: document["versions"]["1.0.0"]["dist"].update(tarball=upstream.url + link))
    assert npm.get(TARBALL).status_code in (404, 502, 503)
    assert {each.path for each in upstream.requests} <= {"/left", "/\u00e9.tgz"}
    assert not any("x-evil" in each.headers for each in upstream.requests)
    assert kept() == NOTHING


def test_f18_the_slash_of_a_scope_is_quoted(npm, upstream):
    upstream.publish("@types/node", "1.0.0")
    assert npm.get("@types/node").status_code == 200
    assert [each.raw for each in upstream.requests] == ["/@types%2Fnode"]
