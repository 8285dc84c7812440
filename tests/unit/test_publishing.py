"""Publishing: private unless said otherwise, once per number, whole or not at all."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from accounts.models import AuditEvent
from orgs import organizations
from packages import access, blobs, publishing, releases, sharing
from packages.access import Action
from packages.models import DistTag, Package, PersonGrant, TeamGrant, Version
from packages.packuments import revision_of
from packages.wire import Spooled
from registry_site.errors import AlreadyPublished, Invalid, NotAllowed, NotFound, Refusal, SignInRequired
from tests.conftest import login_token
from tests.policy.world import snapshot
from tests.tools import payloads


@pytest.fixture
def nothing_kept(blob_files, settings):
    """Everything that a refusal must not change, to be compared with what it was before."""
    return lambda: (snapshot(), blob_files(), sorted(Path(settings.SPOOL_DIR).glob("*")))


def tags_of(name: str) -> dict[str, str]:
    return dict(DistTag.objects.filter(package__name=name).values_list("name", "version__number"))


# --- what a first publish makes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "name", "asked", "level"),
    [
        ("uma", "@uma/x", None, "restricted"),
        ("uma", "@uma/x", "restricted", "restricted"),
        ("uma", "@uma/x", "public", "public"),
        ("alice", "@acme/x", None, "restricted"),
        ("alice", "@acme/x", "public", "public"),
        ("uma", "loose", None, "public"),
        ("uma", "loose", "public", "public"),
    ],
)
def test_a_scoped_package_is_private_unless_its_first_publish_says_public(
    request, acme, publish, who, name, asked, level
):
    publish(request.getfixturevalue(who) if who == "uma" else request.getfixturevalue("alice"), name, access=asked)
    package = Package.objects.get()
    assert (package.access, package.revision) == (level, 1)
    event = AuditEvent.objects.first()
    assert (event.action, event.package, event.org) == ("version.published", name, "acme" if "acme" in name else "")
    assert event.facts["version"] == "1.0.0"


@pytest.mark.parametrize("asked", ["public", "restricted", None])
@pytest.mark.parametrize("level", ["public", "restricted"])
def test_a_later_publish_leaves_the_access_level_alone(publish, uma, asked, level):
    publish(uma, "@uma/x", access=level)
    publish(uma, "@uma/x", "1.0.1", access=asked)
    assert Package.objects.get().access == level


def test_no_row_of_a_private_package_is_ever_public(publish, uma):
    """The level is in the statement that makes the row; nothing corrects it afterwards."""
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        publish(uma, "@uma/x")
    written = [
        q["sql"] for q in queries if q["sql"].startswith(("INSERT", "UPDATE")) and "packages_package" in q["sql"]
    ]
    assert written
    assert not any("'public'" in sql for sql in written)


def test_an_unscoped_package_cannot_be_private(publish, uma, nothing_kept):
    before = nothing_kept()
    with pytest.raises(Invalid, match="always public"):
        publish(uma, "loose", access="restricted")
    assert nothing_kept() == before


def test_a_new_org_package_gives_developers_read_write(acme, publish, alice, frank):
    publish(frank, "@acme/x")
    grant = TeamGrant.objects.get()
    assert (grant.team.name, grant.permission) == ("developers", "write")
    assert not PersonGrant.objects.exists()


def test_a_later_publish_does_not_give_developers_back_what_was_taken(acme, publish, alice):
    publish(alice, "@acme/x")
    sharing.revoke_team(alice, "@acme/x", "acme", "developers")
    publish(alice, "@acme/x", "1.0.1")
    assert not TeamGrant.objects.exists()


def test_any_member_adds_a_package_to_the_orgs_scope_also_one_in_no_team(acme, publish, carol):
    publish(carol, "@acme/x")
    assert Version.objects.get().published_by == carol.user
    with pytest.raises(NotFound):
        access.find(carol, Action.VIEW, "@acme/x")  # it belongs to the developers, and carol is not one of them


def test_whoever_publishes_an_unscoped_name_first_owns_it(publish, uma):
    publish(uma, "loose")
    assert PersonGrant.objects.get().permission == "owner"


@pytest.mark.parametrize("tag", ["next", "beta", "latest"])
def test_a_first_publish_under_another_tag_also_sets_latest(publish, uma, tag):
    publish(uma, "@uma/x", "1.0.0-rc.1", tag=tag)
    assert tags_of("@uma/x") == {tag: "1.0.0-rc.1", "latest": "1.0.0-rc.1"}


def test_a_later_publish_moves_only_its_own_tag(publish, uma):
    publish(uma, "@uma/x", "1.0.0")
    publish(uma, "@uma/x", "2.0.0", tag="next")
    assert tags_of("@uma/x") == {"latest": "1.0.0", "next": "2.0.0"}
    publish(uma, "@uma/x", "0.9.0")
    assert tags_of("@uma/x")["latest"] == "0.9.0", "latest moves because a publish said so"


def test_the_stored_bytes_are_those_that_were_sent_and_everything_said_about_them_is_true(npm, publish, uma):
    version = publish(uma, "@uma/x", access="public")
    served = npm.get("@uma/x/-/x-1.0.0.tgz").getvalue()
    with blobs.open_blob(version.blob, version.size) as blob:
        assert blob.read() == served
    dist = npm.get("@uma/x").json()["versions"]["1.0.0"]["dist"]
    assert (
        dist["integrity"] == version.integrity == "sha512-" + base64.b64encode(hashlib.sha512(served).digest()).decode()
    )
    assert dist["shasum"] == version.shasum == hashlib.sha1(served).hexdigest()
    assert version.size == len(served)
    assert dist["fileCount"] == 2


def test_the_spooled_file_is_gone_afterwards(publish, uma, settings):
    publish(uma, "@uma/x")
    with pytest.raises(NotAllowed):
        publish(uma, "@acme/x")
    assert not list(Path(settings.SPOOL_DIR).iterdir())


# --- a number is used once ---------------------------------------------------------------------------------------


def test_a49_the_same_bytes_again_succeed_and_change_nothing(npm, publish, uma, nothing_kept):
    first = publish(uma, "@uma/x")
    before = nothing_kept()
    assert publish(uma, "@uma/x").pk == first.pk
    caller = npm.as_(login_token(uma))
    events = AuditEvent.objects.count()
    assert caller.put("@uma%2fx", payloads.publish_body("@uma/x", "1.0.0")).status_code == 201
    assert AuditEvent.objects.count() == events
    assert nothing_kept()[1:] == before[1:]
    assert Package.objects.get().revision == 1


def test_a50_other_bytes_under_a_used_number_are_403_in_npms_words(npm, publish, uma, nothing_kept):
    publish(uma, "@uma/x")
    caller = npm.as_(login_token(uma))
    before = nothing_kept()
    refused = caller.put("@uma%2fx", payloads.publish_body("@uma/x", "1.0.0", description="other"))
    assert refused.status_code == 403
    assert refused.json()["error"].startswith("You cannot publish over the previously published versions: 1.0.0.")
    assert nothing_kept() == before


def test_somebody_who_may_not_publish_learns_nothing_from_the_same_bytes(publish, uma, dave, nothing_kept):
    publish(uma, "@uma/x")
    before = nothing_kept()
    with pytest.raises(NotAllowed, match="may not publish to the scope"):
        publish(dave, "@uma/x")
    assert nothing_kept() == before


@pytest.mark.parametrize("whole", [True, False])
def test_an_unpublished_number_is_never_used_again_not_even_by_the_same_bytes(publish, uma, nothing_kept, whole):
    publish(uma, "@uma/x")
    publish(uma, "@uma/x", "1.0.1")
    revision = revision_of(Package.objects.get())
    if whole:
        releases.unpublish(uma, "@uma/x", revision)
    else:
        releases.unpublish_versions(uma, "@uma/x", frozenset({"1.0.1"}), revision)
    before = nothing_kept()
    for manifest in ({}, {"description": "other"}):
        with pytest.raises(AlreadyPublished):
            publish(uma, "@uma/x", "1.0.0", **manifest)
    assert nothing_kept() == before


@pytest.mark.parametrize("again", ["1.0.0-ALPHA", "1.0.0-Alpha"])
def test_b18_a_number_that_differs_in_case_only_is_refused(publish, uma, nothing_kept, again):
    publish(uma, "@uma/x", "1.0.0-alpha")
    before = nothing_kept()
    with pytest.raises(AlreadyPublished):
        publish(uma, "@uma/x", again)
    assert nothing_kept() == before


def test_b17_builds_of_one_version_are_one_version(publish, uma, nothing_kept):
    publish(uma, "@uma/x", "1.0.0+a")
    assert Version.objects.get().number == "1.0.0"
    before = nothing_kept()
    for again in ("1.0.0+b", "1.0.0"):
        with pytest.raises(AlreadyPublished):
            publish(uma, "@uma/x", again)
    assert nothing_kept() == before


def test_an_unpublished_package_returns_private_to_its_holder_with_a_new_number(publish, uma, dave):
    publish(uma, "@uma/x", access="public")
    releases.unpublish(uma, "@uma/x", revision_of(Package.objects.get()))
    with pytest.raises(NotAllowed):
        publish(dave, "@uma/x", "2.0.0")
    publish(uma, "@uma/x", "2.0.0", tag="next")
    package = Package.objects.get()
    assert (package.access, package.unpublished_at) == ("restricted", None)
    assert tags_of("@uma/x") == {"next": "2.0.0", "latest": "2.0.0"}


def test_an_unpublished_unscoped_name_stays_with_its_owner(publish, uma, dave, nothing_kept):
    publish(uma, "loose")
    releases.unpublish(uma, "loose", revision_of(Package.objects.get()))
    before = nothing_kept()
    with pytest.raises(NotAllowed, match="not available"):
        publish(dave, "loose", "2.0.0")
    assert nothing_kept() == before
    publish(uma, "loose", "2.0.0")
    assert PersonGrant.objects.get().user == uma.user


# --- whole or not at all -----------------------------------------------------------------------------------------

REFUSED = [
    ("nobody", "@uma/x", SignInRequired),
    ("dave", "@uma/x", NotAllowed),
    ("dave", "@acme/x", NotAllowed),
    ("dave", "@nowhere/x", NotAllowed),
    ("olga", "@acme/x", NotAllowed),
    ("erin", "@acme/kept", NotAllowed),
    ("carol", "@acme/kept", NotAllowed),
    ("dave", "taken", NotAllowed),
    ("dave", "lodash", NotAllowed),
    ("dave", "constructor", Invalid),
    ("dave", "node_modules", Invalid),
]


@pytest.mark.parametrize(("who", "name", "refusal"), REFUSED)
def test_a_refused_publish_keeps_nothing(
    request, acme, publish, alice, uma, dave, olga, nothing_kept, who, name, refusal
):
    from accounts.actor import NOBODY

    publish(alice, "@acme/kept")
    sharing.revoke_team(alice, "@acme/kept", "acme", "developers")
    sharing.grant_team(alice, "@acme/kept", "acme", "readers", "read-only")
    publish(uma, "taken")
    publish(uma, "lodash")
    Package.objects.filter(name="lodash").update(mirrored=True)
    before = nothing_kept()
    with pytest.raises(refusal):
        publish(NOBODY if who == "nobody" else request.getfixturevalue(who), name, "9.0.0")
    assert nothing_kept() == before


DIFFERING = [
    {"dependencies": {"left-pad": "1.0.0"}},
    {"scripts": {"postinstall": "sh x"}},
    {"bin": {"x": "x.js"}},
    {"version": "1.0.1"},
    {"name": "@uma/y"},
    {"os": ["linux"]},
    {"engines": {"node": ">=99"}},
    {"peerDependencies": {"react": "*"}},
]


@pytest.mark.parametrize("inside", DIFFERING, ids=lambda each: next(iter(each)))
def test_a28_a_manifest_that_differs_from_the_tarballs_package_json_is_refused(npm, uma, nothing_kept, inside):
    body = payloads.publish_body("@uma/x", "1.0.0")
    data = payloads.tarball({"name": "@uma/x", "version": "1.0.0"} | inside)
    body["_attachments"]["@uma/x-1.0.0.tgz"] |= {"data": base64.b64encode(data).decode(), "length": len(data)}
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()
    body["versions"]["1.0.0"]["dist"] = {"integrity": integrity, "shasum": hashlib.sha1(data).hexdigest()}
    caller = npm.as_(login_token(uma))
    before = nothing_kept()
    refused = caller.put("@uma%2fx", body)
    assert refused.status_code == 422, refused.content
    assert refused.json()["code"] == "manifest_mismatch"
    assert next(iter(inside)) in refused.json()["error"]
    assert nothing_kept() == before


def test_a_tarball_that_holds_a_token_of_ours_is_not_published(publish, uma, nothing_kept):
    secret = login_token(uma)
    before = nothing_kept()
    with pytest.raises(Invalid, match="access token"):
        publish(uma, "@uma/x", files={".npmrc": f"//localhost/npm/:_authToken={secret}\n"})
    assert nothing_kept() == before


def test_a_store_that_takes_nothing_is_our_fault_and_leaves_no_row(npm, uma, folder):
    folder.write_text("a file where the folder should be")
    caller = npm.as_(login_token(uma))
    before = snapshot()
    refused = caller.put("@uma%2fx", payloads.publish_body("@uma/x", "1.0.0"))
    assert refused.status_code == 503
    assert refused["Retry-After"]
    assert snapshot() == before


@pytest.mark.parametrize("limit", ["MAX_VERSIONS", "MAX_TAGS"])
def test_a_full_package_takes_no_more_and_keeps_no_blob(publish, uma, monkeypatch, nothing_kept, limit):
    publish(uma, "@uma/x")
    monkeypatch.setattr(publishing, limit, 1)
    before = nothing_kept()
    with pytest.raises(Invalid, match="the most a package can have"):
        publish(uma, "@uma/x", "1.0.1", tag="next")
    assert nothing_kept() == before


# --- meanwhile ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Meanwhile(Spooled):
    """A tarball during whose inspection something happens: after the first check, before the lock."""

    then: Any = None

    def __getattribute__(self, name: str):
        if name == "path" and (then := object.__getattribute__(self, "__dict__").pop("then", None)):
            then()
        return object.__getattribute__(self, name)


def publish_while(actor, name: str, number: str, spool: Path, then, **more):
    spool.mkdir(parents=True, exist_ok=True)
    upload = payloads.upload(name, number, spool, **more)
    return publishing.publish(actor, replace(upload, tarball=Meanwhile(**vars(upload.tarball), then=then)))


def test_a_right_removed_while_the_upload_ran_refuses(acme, publish, alice, bob, settings, blob_files):
    publish(alice, "@acme/x")
    sharing.grant_team(alice, "@acme/x", "acme", "core", "read-write")
    kept = blob_files()
    with pytest.raises(NotFound):
        publish_while(
            bob, "@acme/x", "1.0.1", settings.SPOOL_DIR, lambda: organizations.remove_member(alice, "acme", "bob")
        )
    assert list(Version.objects.values_list("number", flat=True)) == ["1.0.0"]
    assert blob_files() == kept
    assert AuditEvent.objects.first().action == "member.removed"


def test_read_write_that_became_read_while_the_upload_ran_refuses(publish, uma, hugo, settings, blob_files):
    publish(uma, "@uma/x")
    sharing.grant_person(uma, "@uma/x", "hugo", "read-write")
    kept = blob_files()
    with pytest.raises(NotAllowed):
        publish_while(
            hugo, "@uma/x", "1.0.1", settings.SPOOL_DIR, lambda: sharing.grant_person(uma, "@uma/x", "hugo", "read")
        )
    assert Version.objects.count() == 1
    assert blob_files() == kept


def test_a_member_removed_while_the_first_upload_ran_adds_no_package(acme, alice, bob, settings, blob_files):
    with pytest.raises(Refusal):
        publish_while(
            bob, "@acme/x", "1.0.0", settings.SPOOL_DIR, lambda: organizations.remove_member(alice, "acme", "bob")
        )
    assert not Package.objects.exists()
    assert not blob_files()


def test_a_name_taken_while_the_upload_ran_stays_with_the_first(publish, uma, dave, settings, blob_files):
    with pytest.raises(NotAllowed):
        publish_while(dave, "loose", "1.0.0", settings.SPOOL_DIR, lambda: publish(uma, "loose", "2.0.0"))
    assert list(Version.objects.values_list("number", flat=True)) == ["2.0.0"]
    assert PersonGrant.objects.get().user == uma.user
    assert len(blob_files()) == 1


def test_the_same_publish_finished_meanwhile_counts_once(publish, uma, settings, blob_files):
    done = publish_while(uma, "@uma/x", "1.0.0", settings.SPOOL_DIR, lambda: publish(uma, "@uma/x"))
    assert done == Version.objects.get()
    assert len(blob_files()) == 1
    assert AuditEvent.objects.filter(action="version.published").count() == 1


@pytest.mark.parametrize("number", ["1.0.0", "1.0.0-alpha"])
def test_other_bytes_under_the_number_meanwhile_refuse(publish, uma, settings, blob_files, number):
    with pytest.raises(AlreadyPublished):
        publish_while(
            uma,
            "@uma/x",
            number.upper(),
            settings.SPOOL_DIR,
            lambda: publish(uma, "@uma/x", number, description="other"),
        )
    assert Version.objects.count() == 1
    assert len(blob_files()) == 1
