"""`manage.py verify` finds what is not as it has to be, says it in words, and how to mend it."""

from __future__ import annotations

import gzip
import hashlib
from datetime import date
from io import StringIO

import orjson
import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from accounts import audit
from orgs.models import Membership, Role, Seat, Team
from packages import blobs, ledger, packuments
from packages.models import (
    DistTag,
    Document,
    DocumentPart,
    DownloadCount,
    Mirror,
    MirrorDocument,
    MirrorVersion,
    Package,
    PersonGrant,
    TeamGrant,
    Version,
)
from tests.tools import cast

BASE = "http://testserver/npm"


@pytest.fixture
def world(folder, acme, alice, bob, uma, publish):
    """A registry with packages of every kind, and read documents."""
    publish(alice, "@acme/ledger", "1.0.0")
    publish(alice, "@acme/ledger", "1.1.0", tag="next")
    publish(uma, "@uma/x", "1.0.0", access="public")
    publish(uma, "plain", "1.0.0")
    for package in Package.objects.all():
        packuments.read(package, BASE, abbreviated=False, compressed=True)


def run(*words: str) -> str:
    told = StringIO()
    call_command("verify", *words, stdout=told, stderr=told)
    return told.getvalue()


def wrong(*words: str) -> str:
    told = StringIO()
    with pytest.raises(CommandError, match="wrong"):
        call_command("verify", *words, stdout=told, stderr=told)
    return told.getvalue()


def version(name: str, number: str = "1.0.0") -> Version:
    return Version.objects.get(package__name=name, number=number)


def test_a_registry_that_is_as_it_has_to_be(world, stage, uma):
    stage(uma, "@uma/x", "2.0.0")
    assert "Everything" in run()
    assert "Everything" in run("--quick", "--all")
    assert "Everything" in run("--documents", "0")


def test_i7_each_version_is_in_the_audit_log_once(world, alice):
    row = version("@acme/ledger")
    Version.objects.filter(pk=row.pk).update(number="9.9.9")
    ledger.note("@acme/ledger", "9.9.9", row.integrity)
    said = wrong()
    assert "@acme/ledger@9.9.9: no event tells of it" in said
    Version.objects.filter(pk=row.pk).update(number="1.0.0")
    with transaction.atomic():
        audit.record(alice, "version.published", package="@acme/ledger", org="acme", version="1.0.0", integrity="")
    assert "tells 2 times that it was published" in wrong()


def damage(row: Version) -> None:
    (blobs.store().root / row.blob).write_bytes(bytes(row.size))


def test_bytes_are_read_and_compared(world):
    damage(version("@uma/x"))
    assert "@uma/x@1.0.0: the bytes of its tarball are not those that were published; bring it back" in wrong()
    assert "Everything" in run("--quick"), "which looks at lengths"


def test_a_tarball_that_is_gone_or_cut_is_found_by_the_quick_look(world):
    blobs.discard(version("@uma/x").blob)
    (blobs.store().root / version("plain").blob).write_bytes(b"cut")
    told = wrong("--quick")
    assert "@uma/x@1.0.0: its tarball is not in the storage" in told
    assert "plain@1.0.0: its tarball has 3 bytes" in told


def test_what_was_erased_needs_no_bytes(world):
    row = version("@acme/ledger", "1.0.0")
    blobs.discard(row.blob)
    DistTag.objects.filter(version=row).update(version=version("@acme/ledger", "1.1.0"))
    at = row.published_at
    Version.objects.filter(pk=row.pk).update(unpublished_at=at, erased_at=at)
    Package.objects.filter(pk=row.package_id).update(latest=version("@acme/ledger", "1.1.0"), revision=99)
    assert "Everything" in run()


def _tag_off_the_list(alice):
    row = version("@acme/ledger", "1.1.0")
    Version.objects.filter(pk=row.pk).update(unpublished_at=row.published_at)


def _tag_of_another_package(alice):
    DistTag.objects.filter(name="next").update(version=version("plain"))


def _no_latest(alice):
    DistTag.objects.filter(package__name="plain").delete()


def _lists_show_another(alice):
    Package.objects.filter(name="@acme/ledger").update(latest=version("@acme/ledger", "1.1.0"))


def _org_without_owner(alice):
    Membership.objects.filter(role=Role.OWNER).update(role=Role.ADMIN)


def _seat_of_a_stranger(alice):
    other = cast.org(alice, "other", "Other", [], [])
    Seat.objects.create(team=Team.objects.get(org__scope__name="acme", name="core"), membership=other.memberships.get())


def _grant_of_another_org(alice):
    other = cast.org(alice, "other", "Other", [], [])
    package = Package.objects.get(name="@acme/ledger")
    TeamGrant.objects.create(package=package, team=other.teams.get(), permission="read")


def _nobodys_package(alice):
    PersonGrant.objects.filter(package__name="plain").delete()


def _spelling(alice):
    Version.objects.filter(package__name="plain").update(folded="2.0.0")


def _other_name(alice):
    Package.objects.filter(name="@uma/x").update(name="@ume/x")


def _mirrored_name_of_ours(alice):
    Package.objects.create(name="@acme/mirrored", mirrored=True, access="public", scope=None)


def _documents_say_another_digest(alice):
    Version.objects.filter(package__name="plain").update(integrity=version("@uma/x").integrity)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_tag_off_the_list, "@acme/ledger: its tag next points at"),
        (_tag_of_another_package, "@acme/ledger: its tag next points at"),
        (_no_latest, "plain: it has versions on its list, and no tag latest"),
        (_lists_show_another, "@acme/ledger: lists show another version"),
        (_org_without_owner, "the org acme: it has no owner"),
        (_seat_of_a_stranger, "the team acme:core: alice sits in it"),
        (_grant_of_another_org, "@acme/ledger: the team other:developers of another org has read on it"),
        (_nobodys_package, "plain: it has no owner"),
        (_spelling, "plain@1.0.0: other spellings of it are found as 2.0.0"),
        (_other_name, "@ume/x: it is kept under the scope @uma"),
        (_mirrored_name_of_ours, "@acme/mirrored: it is mirrored, and the name is ours"),
        (_documents_say_another_digest, "plain@1.0.0: its documents say another integrity"),
    ],
)
def test_what_is_wrong_is_said_with_what_mends_it(world, alice, spoil, words):
    spoil(alice)
    told = wrong("--quick", "--documents", "0")
    (line,) = [line for line in told.splitlines() if line.startswith(words)]
    assert "; " in line


def test_a_count_of_another_package(world):
    row = version("plain")
    package = Package.objects.get(name="@uma/x")
    DownloadCount.objects.create(package=package, version=row, day=date(2026, 1, 1), count=1)
    assert "are counted for @uma/x" in wrong("--quick")


def test_wrong_documents_are_found_and_built_anew(world, npm):
    right = npm.get("@uma/x").json()
    Document.objects.filter(package__name="@uma/x").update(full_gzip=gzip.compress(b'{"name": "@uma/x"}'))
    Document.objects.filter(package__name="plain").update(abbreviated_gzip=b"no gzip")
    told = wrong()
    assert "@uma/x: the document for" in told
    assert "plain: the document for" in told
    assert "2 documents removed" in run("--mend")
    assert not DocumentPart.objects.filter(document__package__name="@uma/x").exists()
    assert npm.get("@uma/x").json()["versions"] == right["versions"]


def test_a_document_of_a_revision_that_never_was(world):
    Document.objects.filter(package__name="plain").update(revision=99)
    assert "plain: the document for http://testserver/npm is of a revision that its package never had" in wrong()
    assert "1 documents removed" in run("--mend")
    assert "Everything" in run()


# --- the ledger ---------------------------------------------------------------------------------------------------


def test_numbers_that_are_not_in_the_ledger_are_written_down(world, settings, tmp_path):
    settings.LEDGER_URL = (tmp_path / "another").as_uri()
    told = wrong("--quick")
    assert "@acme/ledger@1.1.0: its number is not in the ledger; run manage.py verify --mend" in told
    assert "4 numbers written down" in run("--mend", "--quick")
    assert "0 numbers written down" in run("--mend", "--quick")
    assert {each.number for each in ledger.entries()} == {"1.0.0", "1.1.0"}


def test_a_ledger_that_knows_other_bytes_is_told_and_left(world, settings, tmp_path):
    settings.LEDGER_URL = (tmp_path / "another").as_uri()
    for row in Version.objects.select_related("package"):
        ledger.note(
            row.package.name, row.number.upper(), "sha512-AAAA" if row.package.name == "plain" else row.integrity
        )
    assert "plain@1.0.0: the ledger knows its number with other bytes" in wrong("--quick")
    assert len(wrong("--quick", "--mend").splitlines()) == 2
    row = version("plain")
    ledger.note("plain", "1.0.0", row.integrity)
    assert "Everything" in run("--quick"), "two wanted the number at once, and one of them has it"


# --- mirrored packages --------------------------------------------------------------------------------------------


@pytest.fixture
def mirrored(world, npm, upstream):
    upstream.publish("left-pad", "1.0.0")
    upstream.publish("left-pad", "1.3.0")
    for accept in ("application/json", "application/vnd.npm.install-v1+json"):
        assert npm.get("/left-pad", accept=accept).status_code == 200
    assert npm.get("/left-pad/-/left-pad-1.3.0.tgz").status_code == 200
    return Mirror.objects.get(name="left-pad")


def test_what_is_mirrored_is_as_it_has_to_be(mirrored):
    assert "Everything" in run()
    assert "Everything" in run("--quick", "--documents", "0")


def test_mirrored_tarballs_are_read_as_all_others_are(mirrored):
    damage(version("left-pad", "1.3.0"))
    assert "left-pad@1.3.0: the bytes of its tarball are not those" in wrong()


def _other_digest(mirror):
    mirror.versions.filter(number="1.3.0").update(integrity=version("plain").integrity)


def _never_listed(mirror):
    mirror.versions.filter(number="1.3.0").update(version=None)


def _kept_as_another(mirror):
    row = version("left-pad", "1.3.0")
    mirror.versions.filter(number="1.3.0").update(version=None)
    mirror.versions.filter(number="1.0.0").update(version=row)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_other_digest, "left-pad@1.3.0: what is kept is not what upstream first said of it"),
        (_never_listed, "left-pad@1.3.0: it is kept, and upstream never listed it"),
        (_kept_as_another, "left-pad@1.0.0: it is kept as left-pad@1.3.0"),
    ],
)
def test_kept_tarballs_are_those_that_upstream_first_spoke_of(mirrored, spoil, words):
    spoil(mirrored)
    (line,) = [line for line in wrong("--quick", "--documents", "0").splitlines() if line.startswith(words)]
    assert "; " in line


def _rewritten(change) -> None:
    for row in MirrorDocument.objects.all():
        said = orjson.loads(gzip.decompress(row.body_gzip))
        change(said)
        body = orjson.dumps(said)
        etag = hashlib.blake2b(body, digest_size=16).hexdigest()
        MirrorDocument.objects.filter(pk=row.pk).update(body_gzip=gzip.compress(body), etag=etag)


def _lists_more(said):
    said["versions"]["9.9.9"] = said["versions"]["1.3.0"]


def _leads_elsewhere(said):
    said["versions"]["1.3.0"]["dist"]["tarball"] = "https://elsewhere.example/left-pad.tgz"


def _says_other_bytes(said):
    said["versions"]["1.3.0"]["dist"]["shasum"] = "0" * 40


def _says_another_name(said):
    said["name"] = "right-pad"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_lists_more, "lists 9.9.9, which upstream never did"),
        (_leads_elsewhere, "leads elsewhere for 1.3.0"),
        (_says_other_bytes, "says other bytes of 1.3.0 than upstream first did"),
        (_says_another_name, "is not the one that was built"),
    ],
)
def test_wrong_mirrored_documents_are_found_and_built_anew(mirrored, npm, change, words):
    right = npm.get("/left-pad").json()
    _rewritten(change)
    assert f"left-pad: the mirrored document for {BASE} {words}" in wrong()
    assert "2 documents removed" in run("--mend")
    assert npm.get("/left-pad").json() == right
    assert "Everything" in run()


def test_a_mirrored_document_that_cannot_be_read_or_lists_what_is_in_quarantine(mirrored):
    MirrorDocument.objects.update(body_gzip=b"no gzip")
    assert "left-pad: the mirrored document for http://testserver/npm cannot be read" in wrong()
    run("--mend")
    MirrorVersion.objects.filter(number="1.0.0").update(quarantined_at="2026-01-01T00:00:00Z")
    assert "Everything" in run(), "no document is there"


def test_a_mirrored_document_of_a_revision_that_never_was(mirrored):
    MirrorDocument.objects.update(revision=99)
    assert "is of a revision that upstream never had" in wrong()
    run("--mend")
    assert "Everything" in run()
