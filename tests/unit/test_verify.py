"""`manage.py verify` finds what is not as it has to be, says it in words, and how to mend it."""

from __future__ import annotations

import gzip
from datetime import date
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from orgs.models import Membership, Role, Seat, Team
from packages import blobs, packuments
from packages.models import (
    DistTag,
    Document,
    DocumentPart,
    DownloadCount,
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
