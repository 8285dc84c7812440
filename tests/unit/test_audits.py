"""`npm audit` through this registry: own advisories, upstream's of its own names, and nothing of ours outside."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta

import pytest
from django.utils import timezone

from packages import advising, advisories, audits
from packages.advising import Draft
from packages.models import Advisory, AdvisoryCheck, DownloadRecord, Mirror, MirrorAlert
from packages.upstream import audits as upstream_audits
from packages.upstream import mirroring
from tests.conftest import login_token

pytestmark = pytest.mark.django_db
BULK = "-/npm/v1/security/advisories/bulk"
PATH = f"/{BULK}"
ENTRY = {
    "id": 1106913,
    "url": "https://github.com/advisories/GHSA-35jh-r3h4-6jhm",
    "title": "Command Injection in left-pad",
    "severity": "high",
    "vulnerable_versions": "<1.3.0",
    "cwe": ["CWE-77"],
    "cvss": {"score": 7.2, "vectorString": "CVSS:3.1/AV:N/AC:L/PR:H/UI:N/S:U/C:H/I:H/A:H"},
}


@pytest.fixture(autouse=True)
def forgetful():
    """What the cache knows of the last test's upstream is forgotten."""
    from django.core.cache import cache

    cache.clear()


@pytest.fixture
def left_pad(upstream, alice):
    """left-pad, mirrored, with an advisory upstream."""
    for number in ("1.2.0", "1.3.0", "1.3.1"):
        upstream.publish("left-pad", number)
    mirroring.refresh("left-pad")
    upstream.advisories["left-pad"] = [ENTRY]
    upstream.requests.clear()
    return upstream


def sent(stub):
    return [json.loads(each.body) for each in stub.asked(PATH, "POST")]


def test_upstream_is_asked_once_for_all_names_and_answers_as_it_did(npm, left_pad):
    asked = {"left-pad": ["1.2.0"], "is-odd": ["3.0.1"], "@types/node": ["20.0.0"]}
    assert npm.post(BULK, asked).json() == {"left-pad": [ENTRY]}
    assert sent(left_pad) == [asked]
    assert Advisory.objects.get().fixed_in == "1.3.0"
    assert npm.post(BULK, asked).json() == {"left-pad": [ENTRY]}
    assert npm.post(BULK, {"left-pad": ["1.3.0"]}).json() == {}
    assert sent(left_pad)[1:] == [{"left-pad": ["1.2.0", "1.3.0"]}]


def test_what_is_ours_never_leaves(npm, left_pad, settings, acme, alice, dave, publish):
    settings.RESERVED_NAMES = ["secret-*", "@future"]
    publish(alice, "@acme/ledger")
    publish(dave, "loose")
    left_pad.requests.clear()  # whether upstream has a new name without scope, it was asked before that was ours
    names = ["@acme/ledger", "@acme/never-was", "loose", "secret-plan", "@future/x", "@alice/y", "not a name", "../x"]
    asked = {name: ["1.0.0"] for name in names} | {"left-pad": ["1.2.0"]}
    assert list(npm.post(BULK, asked).json()) == ["left-pad"]
    assert sent(left_pad) == [{"left-pad": ["1.2.0"]}]
    for name in ("acme", "loose", "secret", "future", "alice"):
        assert not left_pad.heard(name)
    tree = {"name": "our-app", "requires": {}, "dependencies": {each: {"version": "1.0.0"} for each in names}}
    npm.post("-/npm/v1/security/audits", tree)
    npm.post("-/npm/v1/security/audits/quick", tree | {"name": "our-app"})
    assert len(sent(left_pad)) == 1
    assert not left_pad.heard("our-app")


def test_a_name_of_ours_has_no_advisories_of_upstream(npm, upstream, alice, publish):
    Advisory.objects.create(name="lookalike", key="5", severity="high", title="Theirs", range="*")
    publish(alice, "lookalike")
    upstream.requests.clear()
    assert npm.post(BULK, {"lookalike": ["1.0.0"]}).json() == {}
    assert advisories.affecting(alice, "lookalike") == []
    assert not upstream.heard("lookalike")


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500}, {"status": 404}, {"body": b"<html>"}, {"body": b"[]"}, {"cut": 5}, {"huge": 20 * 2**20},
        {"status": 302, "headers": {"location": "http://127.0.0.1:1/"}},
    ],
)  # fmt: skip
def test_when_upstream_fails_the_last_answer_and_own_advisories_count(
    npm, left_pad, acme, alice, bob, publish, settings, fault
):
    publish(alice, "@acme/ledger", access="public")
    made = advising.publish(alice, "@acme/ledger", Draft("*", "low", "Ours"))
    asked = {"left-pad": ["1.2.0"], "@acme/ledger": ["1.0.0"]}
    npm.post(BULK, asked)
    settings.UPSTREAM_MAX_AGE = 0
    AdvisoryCheck.objects.update(checked_at=timezone.now() - timedelta(days=1))
    left_pad.requests.clear()
    from django.core.cache import cache

    cache.clear()
    left_pad.fault(PATH, **fault)
    answer = npm.post(BULK, asked)
    assert answer.status_code == 200
    assert answer.json()["left-pad"] == [ENTRY]
    assert answer.json()["@acme/ledger"][0]["id"] == made.number
    npm.post(BULK, asked)
    assert len(sent(left_pad)) == 1  # it is left alone for a while


def test_a_slow_upstream_holds_up_nobody_for_long(npm, left_pad, monkeypatch):
    monkeypatch.setattr(upstream_audits, "SECONDS", 0.3)
    left_pad.fault(PATH, delay=20)
    assert npm.post(BULK, {"left-pad": ["1.2.0"]}).json() == {}  # who waits for it learns more


@pytest.mark.parametrize("setting", [{"UPSTREAM_AUDIT": False}, {"UPSTREAM_OFFLINE": True}])
def test_switched_off_it_asks_nobody(npm, left_pad, settings, setting):
    npm.post(BULK, {"left-pad": ["1.2.0"]})
    left_pad.requests.clear()
    for name, value in setting.items():
        setattr(settings, name, value)
    AdvisoryCheck.objects.all().delete()
    assert list(npm.post(BULK, {"left-pad": ["1.2.0"]}).json()) == ["left-pad"]
    assert not left_pad.requests


def test_what_upstream_says_is_taken_apart(npm, left_pad):
    odd = [
        {"id": True, "title": "no id"},
        {"id": "x/../y", "title": "a path"},
        {"id": 7, "title": "T\x1b[31m" + "x" * 500, "url": "javascript:alert(1)", "severity": "terrible"},
        {"id": 8, "title": ["no text"], "vulnerable_versions": "not a range", "cwe": "CWE-1", "cvss": [1]},
        "no entry",
    ]
    left_pad.fault(PATH, body=json.dumps({"left-pad": odd, "express": [ENTRY], "@acme/x": "?"}).encode())
    found = npm.post(BULK, {"left-pad": ["1.2.0"]}).json()
    assert list(found) == ["left-pad"]
    seven, eight = sorted(found["left-pad"], key=lambda each: each["id"])
    # What has no range that can be read is about the version that was asked for.
    assert [seven["vulnerable_versions"], eight["vulnerable_versions"]] == ["1.2.0", "1.2.0"]
    assert (seven["id"], len(seven["title"]), "\x1b" in seven["title"], seven["severity"]) == (7, 200, False, "high")
    assert seven["url"].endswith("/package/left-pad/advisories/7")
    assert (eight["title"], eight["cwe"]) == ("Vulnerable versions", [])
    assert not Advisory.objects.filter(name="express").exists()


def test_an_advisory_that_upstream_takes_back_is_gone(npm, left_pad, settings):
    settings.UPSTREAM_MAX_AGE = 0
    assert list(npm.post(BULK, {"left-pad": ["1.2.0"]}).json()) == ["left-pad"]
    left_pad.advisories["left-pad"] = []
    assert npm.post(BULK, {"left-pad": ["1.2.0", "1.3.0"]}).json() == {}
    left_pad.advisories["left-pad"] = [ENTRY]
    assert list(npm.post(BULK, {"left-pad": ["1.2.0", "1.3.1"]}).json()) == ["left-pad"]
    assert Advisory.objects.count() == 1


def test_operators_hear_of_versions_that_were_downloaded(npm, left_pad):
    for number in ("1.2.0", "1.3.1"):
        DownloadRecord.objects.create(
            name="left-pad", number=number, mirrored=True, caller="token 1", day=timezone.now().date()
        )
    assert upstream_audits.refresh_used() == 1
    assert sent(left_pad) == [{"left-pad": ["1.2.0", "1.3.1"]}]
    (alert,) = MirrorAlert.objects.filter(kind=MirrorAlert.Kind.ADVISORY)
    assert (alert.name, alert.number) == ("left-pad", "1.2.0")


def test_documents_are_built_anew_when_something_becomes_known(npm, left_pad):
    before = Mirror.objects.get(name="left-pad").revision
    npm.post(BULK, {"left-pad": ["1.2.0"]})
    assert Mirror.objects.get(name="left-pad").revision == before + 1
    AdvisoryCheck.objects.all().delete()
    npm.post(BULK, {"left-pad": ["1.2.0"]})
    assert Mirror.objects.get(name="left-pad").revision == before + 1


def test_the_version_that_mends_is_known(left_pad):
    def said(key, wanted):
        Advisory.objects.create(name="left-pad", key=key, severity="high", title="x", range=wanted)

    said("1", "<1.3.0")
    assert list(advisories.fixed_versions("left-pad")) == ["1.3.0"]
    assert list(advisories.fixed_versions("left-pad", ["1.0.0", "1.3.1", "2.0.0"])) == ["1.3.1"]
    said("2", "=1.3.0")
    assert list(advisories.fixed_versions("left-pad")) == ["1.3.1"]
    assert advisories.fixed_versions("unknown") == {}


def test_the_older_report_names_places(npm, left_pad, acme, alice, publish):
    publish(alice, "@acme/ledger")
    made = advising.publish(alice, "@acme/ledger", Draft("<2", "critical", "Ours", fixed_in="2.0.0"))
    tree = {
        "name": "app",
        "dependencies": {
            ".": {"dependencies": {"left-pad": {"version": "1.2.0"}}},
            "@acme/ledger": {"version": "1.0.0", "dependencies": {"left-pad": {"version": "1.2.0"}}},
        },
    }
    for path in ("-/npm/v1/security/audits", "-/npm/v1/security/audits/quick"):
        report = npm.as_(login_token(alice)).post(path, tree).json()
        assert report["metadata"]["vulnerabilities"] == {"info": 0, "low": 0, "moderate": 0, "high": 2, "critical": 1}
        own = report["advisories"][str(made.number)]
        assert own["findings"] == [{"version": "1.0.0", "paths": ["@acme/ledger"]}]
        assert own["patched_versions"] == ">=2.0.0"
        (theirs,) = report["advisories"]["1106913"]["findings"]
        assert sorted(theirs["paths"]) == [".>left-pad", "@acme/ledger>left-pad"]
        assert list(npm.post(path, tree).json()["advisories"]) == ["1106913"]


def test_g10_bodies_are_limited(npm, client):
    many = {f"p{n}": ["1.0.0"] for n in range(10_001)}
    assert npm.post(BULK, many).status_code == 413
    assert npm.post(BULK, {"p": [f"1.0.{n}" for n in range(50_001)]}).status_code == 413
    bomb = gzip.compress(b" " * (3 << 20))
    headers = {"content-encoding": "gzip"}
    answer = client.post(f"/npm/{BULK}", bomb, content_type="application/json", headers=headers)
    assert answer.status_code == 413
    for wrong in ("[]", '{"a": "1.0.0"}', "{"):
        assert client.post(f"/npm/{BULK}", wrong, content_type="application/json").status_code == 400
    deep = {"version": "1.0.0"}
    for _ in range(70):
        deep = {"version": "1.0.0", "dependencies": {"x": deep}}
    assert npm.post("-/npm/v1/security/audits", {"dependencies": {"x": deep}}).status_code == 400


def test_g10_an_audit_that_would_take_too_long_is_refused(npm, alice, publish, monkeypatch):
    monkeypatch.setattr(audits, "MOST_COMPARISONS", 3)
    publish(alice, "@alice/x", access="public")
    advising.publish(alice, "@alice/x", Draft("*", "low", "Ours"))
    assert npm.post(BULK, {"@alice/x": ["1.0.0", "1.0.1", "1.0.2"]}).status_code == 200
    answer = npm.post(BULK, {"@alice/x": ["1.0.0", "1.0.1", "1.0.2", "1.0.3"]})
    assert answer.status_code == 413
    assert "in parts" in answer.json()["error"]


def test_ten_thousand_names_cost_few_queries(npm, django_assert_max_num_queries):
    asked = audits.read({f"p{n}": ["1.0.0"] for n in range(10_000)})
    from accounts.actor import NOBODY

    with django_assert_max_num_queries(90):
        assert audits.affected(NOBODY, asked) == {}


def test_strangers_fill_no_table(npm, left_pad):
    npm.post(BULK, {f"made-up-{n}": ["1.0.0"] for n in range(50)})
    assert not AdvisoryCheck.objects.exists()
    npm.post(BULK, {f"made-up-{n}": ["1.0.0"] for n in range(50)})
    assert len(sent(left_pad)) == 1
