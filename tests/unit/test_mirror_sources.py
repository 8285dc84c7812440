"""A name has one source (F8, F9), and what upstream has is looked at twice (F16, F17)."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.utils import timezone

from accounts import departure
from accounts.actor import Actor, operator
from accounts.models import AuditEvent
from orgs import organizations
from packages import packuments, publishing, releases, scopes
from packages.models import Mirror, MirrorAlert, MirrorVersion, Package, Version
from packages.rules import sets
from packages.rules.engine import Block
from packages.rules.values import Values
from registry_site.errors import NotAllowed, Refusal
from tests.conftest import login_token
from tests.tools import payloads
from tests.tools.upstream_stub import integrity

pytestmark = pytest.mark.django_db
ASKED_FOR = "{name}", "{name}/latest", "{name}/-/{base}-99.0.0.tgz", "-/package/{name}/dist-tags", "{name}?write=true"
PAGES = "/package/{name}", "/package/{name}/versions", "/package/{name}/v/99.0.0"


def age() -> None:
    Mirror.objects.update(checked_at=timezone.now() - timedelta(hours=1), failed_at=None)


def unpublish(actor: Actor, name: str) -> None:
    releases.unpublish(actor, name, revision(name))


def revision(name: str) -> str:
    return packuments.revision_of(Package.objects.get(name=name))


def nowhere(npm, client, upstream, name: str, *, mirrored: bool = False) -> None:
    """Upstream has version 99.0.0 of the name; nobody here gets it and upstream is not asked."""
    upstream.publish(name, "99.0.0")
    asked = len(upstream.requests)
    for path in ASKED_FOR:
        answer = npm.get(path.format(name=name.replace("/", "%2f"), base=name.rpartition("/")[2]))
        assert b"99.0.0" not in answer.content or answer.status_code == 404, path
    for page in PAGES:
        answer = client.get(page.format(name=name))
        assert answer.status_code == 404 or b"99.0.0" not in answer.content, page
    bulk = npm.post("-/npm/v1/security/advisories/bulk", {name: ["99.0.0"], "express": ["1.0.0"]})
    assert bulk.status_code == 200
    new = upstream.requests[asked:]
    assert not [each.raw for each in new if each.holds(name)]
    assert not Version.objects.filter(number="99.0.0").exists()
    assert not Package.objects.filter(name=name, mirrored=True).exists()


# --- F8: what was ours stays ours --------------------------------------------------------------------------------


def test_f8_a_deleted_package_does_not_fall_through(npm, client, upstream, alice, acme, publish):
    publish(alice, "@acme/ledger", "1.0.0")
    unpublish(alice, "@acme/ledger")
    nowhere(npm, client, upstream, "@acme/ledger")


def test_f8_a_deleted_name_without_a_scope_does_not_fall_through(npm, client, upstream, alice, publish):
    publish(alice, "acme-ledger", "1.0.0")
    unpublish(alice, "acme-ledger")
    upstream.requests.clear()
    nowhere(npm, client, upstream, "acme-ledger")


def test_f8_a_deleted_version_does_not_fall_through(npm, client, upstream, alice, acme, publish):
    publish(alice, "@acme/ledger", "1.0.0", access="public")
    publish(alice, "@acme/ledger", "1.1.0")
    releases.unpublish_versions(alice, "@acme/ledger", frozenset({"1.0.0"}), revision("@acme/ledger"))
    upstream.publish("@acme/ledger", "1.1.0")
    nowhere(npm, client, upstream, "@acme/ledger")
    assert list(npm.get("@acme/ledger").json()["versions"]) == ["1.0.0"]
    assert npm.get("@acme/ledger/-/ledger-1.1.0.tgz").status_code == 404
    assert not [each for each in upstream.requests if each.holds("ledger")]


def test_f8_the_scope_of_a_deleted_org_does_not_fall_through(npm, client, upstream, alice):
    organizations.create(alice, "gone")
    scopes.delete(alice, "gone")
    nowhere(npm, client, upstream, "@gone/ledger")


def test_f8_the_scope_of_a_person_who_left_does_not_fall_through(npm, client, upstream, uma):
    departure.delete(replace(uma, recent=True), uma.name)
    nowhere(npm, client, upstream, "@uma/ledger")


def test_f8_a_name_that_was_given_up_by_renaming_does_not_fall_through(npm, client, upstream, alice):
    organizations.create(alice, "before")
    scopes.rename(alice, "before", "after")
    nowhere(npm, client, upstream, "@before/ledger")
    nowhere(npm, client, upstream, "@after/ledger")


@pytest.mark.parametrize("name", ["acme-ledger", "@acme/ledger", "@corp-x/ledger"])
def test_f8_a_reserved_pattern_is_ours_ahead(npm, client, upstream, settings, name):
    settings.RESERVED_NAMES = ["acme-*", "@acme", "@corp-*"]
    nowhere(npm, client, upstream, name)


# --- F9: what was upstream becomes ours --------------------------------------------------------------------------


def test_f9_a_scope_that_becomes_ours_takes_cached_copies_away(npm, client, upstream, alice, publish, blob_files):
    upstream.publish("@acme/ledger", "1.0.0", {"index.js": "theirs"})
    assert npm.get("@acme/ledger").status_code == 200
    link = "@acme/ledger/-/ledger-1.0.0.tgz"
    assert npm.get(link).getvalue()
    assert len(blob_files()) == 1
    first = MirrorVersion.objects.get().integrity
    upstream.requests.clear()

    organizations.create(alice, "acme")
    assert npm.get("@acme/ledger").status_code == 404
    assert npm.get(link).status_code == 404
    assert not Package.objects.exists()
    assert not Version.objects.exists()
    assert MirrorVersion.objects.get().integrity == first  # what was first said of the bytes is kept
    assert "shadowed" in MirrorAlert.objects.values_list("kind", flat=True)
    publish(alice, "@acme/ledger", "1.0.0")
    mine = npm.as_(login_token(alice)).get("@acme/ledger").json()["versions"]["1.0.0"]["dist"]["integrity"]
    assert mine != first
    nowhere(npm, client, upstream, "@acme/ledger")


def test_f9_what_was_cached_does_not_keep_its_new_owner_from_publishing(
    npm, upstream, alice, publish, blob_files, django_capture_on_commit_callbacks
):
    upstream.publish("@acme/ledger", "1.0.0", {"index.js": "theirs"})
    assert npm.get("@acme/ledger/-/ledger-1.0.0.tgz").getvalue()
    with django_capture_on_commit_callbacks(execute=True):
        organizations.create(alice, "acme")
    mine = publish(alice, "@acme/ledger", "1.0.0")
    assert list(Version.objects.all()) == [mine]
    assert len(blob_files()) == 1
    assert not mine.package.mirrored


def test_f9_publishing_a_name_of_upstream_is_refused_in_words(upstream, alice, settings, blob_files, npm):
    upstream.publish("left", "1.0.0")
    npm.get("left")
    settings.SPOOL_DIR.mkdir(parents=True, exist_ok=True)
    for name in ("left", "right"):
        upstream.publish(name, "1.0.0")
        before = AuditEvent.objects.count()
        with pytest.raises(NotAllowed) as refused:
            publishing.publish(alice, payloads.upload(name, "2.0.0", settings.SPOOL_DIR))
        assert "scope" in refused.value.message
        assert AuditEvent.objects.count() == before
    assert not Version.objects.exists()
    assert blob_files() == []


def test_f9_an_upstream_that_is_away_is_no_free_name(upstream, alice, settings, blob_files):
    upstream.publish("left", "1.0.0")
    upstream.stop()
    settings.SPOOL_DIR.mkdir(parents=True, exist_ok=True)
    with pytest.raises(Refusal):
        publishing.publish(alice, payloads.upload("left", "2.0.0", settings.SPOOL_DIR))
    assert not Package.objects.exists()
    assert blob_files() == []


def test_f9_a_reserved_name_that_is_cached_is_not_served_any_more(npm, client, upstream, settings):
    upstream.publish("acme-ledger", "1.0.0")
    assert npm.get("acme-ledger").status_code == 200
    settings.RESERVED_NAMES = ["acme-*"]
    upstream.requests.clear()
    age()
    npm.get("acme-ledger")
    npm.get("acme-ledger/-/acme-ledger-1.0.0.tgz")
    assert upstream.requests == []


# --- F16: rules --------------------------------------------------------------------------------------------------


def hold(**values) -> None:
    kept = sets.write(operator(), "", Values(**values), name="Rules", why="for the tests")
    sets.activate(operator(), "", kept.number)


def test_f16_a_fresh_version_waits_in_the_index_and_at_its_tarball(npm, upstream, blob_files):
    now = timezone.now()
    data = upstream.publish("left", "1.0.0", at=now - timedelta(days=30))
    upstream.publish("left", "1.0.1", at=now - timedelta(hours=1))
    hold(cooldown=7)
    document = npm.get("left").json()
    assert (document["dist-tags"]["latest"], list(document["versions"])) == ("1.0.0", ["1.0.0"])
    assert npm.get("-/package/left/dist-tags").json()["latest"] == "1.0.0"
    assert npm.get("left/latest").json()["version"] == "1.0.0"
    refused = npm.get("left/-/left-1.0.1.tgz")
    assert refused.status_code == 451
    assert "left@1.0.1" in refused.json()["error"]
    assert npm.get("left/1.0.1").status_code == 451
    assert npm.head("left/-/left-1.0.1.tgz").status_code == 451
    assert not [each for each in upstream.requests if each.path.endswith(".tgz")]
    assert blob_files() == []
    assert npm.get("left/-/left-1.0.0.tgz").getvalue() == data


@pytest.mark.parametrize("asked_before", [None, "application/vnd.npm.install-v1+json"])
def test_f16_a_lockfile_is_answered_by_what_the_whole_packument_says(npm, upstream, asked_before):
    now = timezone.now()
    data = upstream.publish("left", "1.0.0", at=now - timedelta(days=300))
    upstream.publish("left", "1.0.1", at=now - timedelta(hours=5))
    upstream.publish("copied", "1.0.0", at=now - timedelta(days=300), license="GPL-3.0-only")
    if asked_before:
        assert {npm.get(name, accept=asked_before).status_code for name in ("left", "copied")} == {200}
    hold(cooldown=7, licenses=("GPL-3.0-only",))
    assert npm.get("left/-/left-1.0.0.tgz").getvalue() == data
    refused = npm.get("left/-/left-1.0.1.tgz")
    assert (refused.status_code, "upstream published it 5 hours ago" in refused.json()["error"]) == (451, True)
    refused = npm.get("copied/-/copied-1.0.0.tgz")
    assert (refused.status_code, "GPL-3.0-only" in refused.json()["error"]) == (451, True)


def test_f16_a_blocked_version_is_refused_although_it_is_cached(npm, upstream):
    upstream.publish("left", "1.0.0")
    upstream.publish("left", "1.0.1")
    assert npm.get("left/-/left-1.0.1.tgz").getvalue()
    hold(blocked=(Block("left", "1.0.1", "it steals tokens"),))
    refused = npm.get("left/-/left-1.0.1.tgz")
    assert refused.status_code == 451
    assert "it steals tokens" in refused.json()["error"]
    assert npm.get("left").json()["dist-tags"]["latest"] == "1.0.0"


def test_f16_upstream_cannot_make_a_version_older_afterwards(npm, upstream):
    now = timezone.now()
    upstream.publish("left", "1.0.0", at=now - timedelta(days=30))
    upstream.publish("left", "1.0.1", at=now - timedelta(hours=1))
    hold(cooldown=7)
    npm.get("left")
    old = (now - timedelta(days=300)).isoformat()
    upstream.edit("left", lambda document: document["time"].update({"1.0.1": old, "modified": now.isoformat()}))
    age()
    assert list(npm.get("left").json()["versions"]) == ["1.0.0"]


# --- F17: signatures of upstream ---------------------------------------------------------------------------------


@pytest.fixture
def signed(upstream):
    """`signed(number)` publishes left, signed as npm's registry does it. of: which version the signature speaks of."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    keyid = "SHA256:" + base64.b64encode(hashlib.sha256(public).digest()).decode().rstrip("=")
    listed = {"keyid": keyid, "keytype": "ecdsa-sha2-nistp256", "scheme": "ecdsa-sha2-nistp256", "expires": None}
    upstream.keys.append(listed | {"key": base64.b64encode(public).decode()})

    def run(number: str, *, of: str | None = None) -> bytes:
        data = upstream.publish("left", number)
        text = f"left@{of or number}:{integrity(data)}".encode()
        signature = base64.b64encode(key.sign(text, ec.ECDSA(hashes.SHA256()))).decode()
        signatures = [{"keyid": keyid, "sig": signature}]
        upstream.edit("left", lambda document: document["versions"][number]["dist"].update(signatures=signatures))
        return data

    return run


def test_f17_a_right_signature_goes_through_with_the_key_that_verifies_it(npm, upstream, signed):
    data = signed("1.0.0")
    dist = npm.get("left").json()["versions"]["1.0.0"]["dist"]
    assert npm.get("left/-/left-1.0.0.tgz").getvalue() == data
    keys = {key["keyid"] for key in npm.get("-/npm/v1/keys").json()["keys"]}
    assert {each["keyid"] for each in dist["signatures"]} <= keys
    assert not MirrorAlert.objects.exists()


def test_f17_a_wrong_signature_is_told_to_operators(npm, signed):
    signed("1.0.0")
    signed("1.0.1", of="6.6.6")
    npm.get("left")
    npm.get("left/-/left-1.0.1.tgz")
    assert list(MirrorAlert.objects.values_list("kind", "number")) == [("signature", "1.0.1")]
