"""Staged versions: they hold a number and are nothing else until a person with two-factor releases or rejects them."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import call_command
from django.utils import timezone

from accounts import bearer, tokens
from accounts.actor import NOBODY, Actor, operator
from accounts.models import AuditEvent, Scope, Token
from orgs import organizations
from packages import access, blobs, publishing, releases, sharing, staging
from packages.access import Action
from packages.models import DistTag, Package, PersonGrant, StagedVersion, TeamGrant, Version
from packages.packuments import revision_of
from registry_site.errors import (
    AlreadyPublished,
    Conflict,
    Invalid,
    NotAllowed,
    NotFound,
    OneTimePassRequired,
    PaymentRequired,
    Refusal,
    SignInRequired,
    Unavailable,
)
from tests.conftest import login_token, person
from tests.policy.world import snapshot
from tests.tools import payloads, sessions
from tests.unit.test_changes import at_once, many_connections  # noqa: F401 - a fixture

X = "@acme/x"


@pytest.fixture
def nothing_kept(blob_files, settings):
    """Everything that a refusal must not change, to be compared with what it was before."""
    return lambda: (snapshot(), blob_files(), sorted(Path(settings.SPOOL_DIR).glob("*")))


def protected(actor: Actor, *, shown: bool = True) -> Actor:
    """The person with two-factor on, whose request shows it."""
    Authenticator.objects.get_or_create(user=actor.user, type=Authenticator.Type.TOTP, defaults={"data": {}})
    actor.user.forget_two_factor()
    return replace(actor, second_factor=shown)


def with_token(actor: Actor, kind: str = Token.Kind.GRANULAR, *, shown: bool = False, **limits) -> Actor:
    """The person's command line, with a token of these limits."""
    token, _ = tokens.issue(actor, actor.user, kind=kind, **limits)
    return replace(actor, token=token, credential=token.prefix, second_factor=shown)


def workflow(name: str, permission: str = Token.Permission.WRITE) -> Actor:
    """A trusted publisher of this package."""
    token = Token.objects.create(
        kind=Token.Kind.TRUSTED, key=uuid.uuid4(), digest=uuid.uuid4().hex, prefix="npm_abcd", permission=permission,
        packages=[name], publisher="GitHub Actions", expires_at=timezone.now() + timedelta(hours=1),
    )  # fmt: skip
    return Actor(token=token, credential=token.publisher)


def tags_of(name: str) -> dict[str, str]:
    return dict(DistTag.objects.filter(package__name=name).values_list("name", "version__number"))


@pytest.fixture
def package(acme, publish, alice) -> Package:
    """@acme/x with 1.0.0: bob's team may publish, erin's may read."""
    publish(alice, X)
    sharing.grant_team(alice, X, "acme", "core", "read-write")
    sharing.grant_team(alice, X, "acme", "readers", "read-only")
    sharing.revoke_team(alice, X, "acme", "developers")
    return Package.objects.get(name=X)


@pytest.fixture
def staged(package, stage, alice) -> StagedVersion:
    return stage(alice, X, "1.1.0", tag="next")


# --- who -----------------------------------------------------------------------------------------------------------

ROLES = {  # what each is answered, with two-factor on and shown; None: it is done
    "dave": NotFound,
    "carol": NotFound,
    "erin": NotFound,
    "olga": NotFound,
    "bob": None,
    "frank": None,
    "alice": None,
}


def attempt(refusal: type[Refusal] | None, nothing_kept, call):
    """The call does what it does, or is refused with nothing changed."""
    if refusal is None:
        return call()
    before = nothing_kept()
    with pytest.raises(refusal) as raised:
        call()
    assert type(raised.value) is refusal
    assert nothing_kept() == before
    return raised.value


@pytest.mark.parametrize("verb", [staging.approve, staging.reject, staging.find, staging.open_tarball])
@pytest.mark.parametrize("who", ROLES)
def test_who_publishes_decides_and_to_others_it_does_not_exist(request, staged, olga, dave, nothing_kept, who, verb):
    actor = protected(request.getfixturevalue(who))
    refused = attempt(ROLES[who], nothing_kept, lambda: verb(actor, str(staged.key)))
    if ROLES[who]:
        unknown = uuid.uuid4()
        with pytest.raises(NotFound) as missing:
            verb(actor, str(unknown))
        assert missing.value.message.replace(str(unknown), "KEY") == refused.message.replace(str(staged.key), "KEY")


@pytest.mark.parametrize("verb", [staging.approve, staging.reject, staging.find, staging.open_tarball])
def test_nobody_is_asked_to_log_in_whatever_the_key(staged, nothing_kept, verb):
    for key in (staged.key, uuid.uuid4(), "x"):
        attempt(SignInRequired, nothing_kept, lambda key=key: verb(NOBODY, key))
    with pytest.raises(SignInRequired):
        staging.listed(NOBODY)


@pytest.mark.parametrize("who", ROLES)
def test_the_list_is_of_what_one_may_publish(request, staged, olga, dave, who):
    shown = staging.listed(request.getfixturevalue(who))
    assert [each.key for each in shown] == ([] if ROLES[who] else [staged.key])
    assert shown.filter(package__name=X).count() == staging.listed(request.getfixturevalue(who), X).count()


CREDENTIALS = {  # bob's: how it is made, what staging, looking, rejecting and approving answer
    "session": (lambda bob: protected(bob), None, None, None, None),
    "session, long ago": (
        lambda bob: protected(bob, shown=False), None, None, OneTimePassRequired, OneTimePassRequired
    ),
    "session, no two-factor": (lambda bob: bob, None, None, None, NotAllowed),
    "login, code": (lambda bob: with_token(protected(bob), "login", shown=True), None, None, None, None),
    "login": (lambda bob: with_token(protected(bob), "login"), None, None, OneTimePassRequired, OneTimePassRequired),
    "login, no two-factor": (lambda bob: with_token(bob, "login"), None, None, None, NotAllowed),
    "granular, code": (lambda bob: with_token(protected(bob), shown=True), None, None, None, None),
    "granular of it, code": (
        lambda bob: with_token(protected(bob), shown=True, packages=[X]), None, None, None, None
    ),
    "stage-only, code": (
        lambda bob: with_token(protected(bob), shown=True, permission="read-write-stage-only"),
        None, None, NotAllowed, NotAllowed,
    ),
    "CI": (lambda bob: with_token(bob, bypass_two_factor=True), None, None, NotAllowed, NotAllowed),
    "CI, code": (
        lambda bob: with_token(protected(bob), shown=True, bypass_two_factor=True), None, None, NotAllowed, NotAllowed
    ),
    "read-only, code": (
        lambda bob: with_token(protected(bob), shown=True, permission="read-only"),
        NotAllowed, NotAllowed, NotAllowed, NotAllowed,
    ),
    "other package, code": (
        lambda bob: with_token(protected(bob), shown=True, packages=["@acme/y"]),
        NotAllowed, NotFound, NotFound, NotFound,
    ),
    "workflow": (lambda bob: workflow(X), None, None, NotAllowed, NotAllowed),
    "workflow that stages": (
        lambda bob: workflow(X, Token.Permission.STAGE), None, None, NotAllowed, NotAllowed
    ),
    "workflow of another": (lambda bob: workflow("@acme/y"), NotAllowed, NotFound, NotAllowed, NotAllowed),
}  # fmt: skip


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_every_kind_of_credential(staged, stage, bob, nothing_kept, credential):
    make, staging_says, looking_says, rejecting_says, approving_says = CREDENTIALS[credential]
    actor = make(bob)
    attempt(staging_says, nothing_kept, lambda: stage(actor, X, "1.2.0"))
    attempt(looking_says, nothing_kept, lambda: staging.find(actor, staged.key))
    attempt(approving_says, nothing_kept, lambda: staging.approve(actor, staged.key))
    other = stage(bob, X, "1.3.0")
    attempt(rejecting_says, nothing_kept, lambda: staging.reject(actor, other.key))


@pytest.mark.parametrize("two_factor", ["publish", "automation"])
@pytest.mark.parametrize("credential", ["login", "stage-only, code", "CI", "session, long ago", "workflow"])
def test_staging_never_asks_for_a_code_also_where_publishing_does(package, stage, bob, two_factor, credential):
    Package.objects.update(two_factor=two_factor)
    assert stage(CREDENTIALS[credential][0](bob), X, "1.2.0").number == "1.2.0"


def test_who_may_only_stage_publishes_nothing(package, publish, bob, nothing_kept):
    for credential in ("stage-only, code", "workflow that stages"):
        actor = CREDENTIALS[credential][0](bob)
        attempt(NotAllowed, nothing_kept, lambda actor=actor: publish(actor, X, "1.2.0"))


def test_auth_only_still_means_a_code_for_a_decision(staged, bob, nothing_kept):
    actor = with_token(protected(bob), "login")
    actor.user.two_factor_mode = "auth-only"
    actor.user.save()
    attempt(OneTimePassRequired, nothing_kept, lambda: staging.approve(actor, staged.key))
    attempt(OneTimePassRequired, nothing_kept, lambda: staging.reject(actor, staged.key))


STAGERS = [
    ("nobody", X, SignInRequired),
    ("dave", X, NotAllowed),
    ("dave", "@acme/new", NotAllowed),
    ("dave", "@nowhere/x", NotAllowed),
    ("olga", X, NotAllowed),
    ("erin", X, NotAllowed),
    ("carol", X, NotAllowed),
    ("dave", "taken", NotAllowed),
    ("dave", "lodash", NotAllowed),
    ("dave", "constructor", Invalid),
]


@pytest.mark.parametrize(("who", "name", "refusal"), STAGERS)
def test_who_may_not_publish_may_not_stage(
    request, package, publish, stage, uma, dave, olga, nothing_kept, who, name, refusal
):
    publish(uma, "taken")
    publish(uma, "lodash")
    Package.objects.filter(name="lodash").update(mirrored=True)
    actor = NOBODY if who == "nobody" else request.getfixturevalue(who)
    attempt(refusal, nothing_kept, lambda: stage(actor, name, "9.0.0"))


def test_a_right_that_is_taken_away_ends_it_for_what_waits_too(staged, alice, bob, nothing_kept):
    actor = protected(bob)
    sharing.grant_team(alice, X, "acme", "core", "read-only")
    attempt(NotFound, nothing_kept, lambda: staging.approve(actor, staged.key))
    organizations.remove_member(alice, "acme", "bob")
    attempt(NotFound, nothing_kept, lambda: staging.reject(actor, staged.key))


# --- numbers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("again", ["1.1.0-rc", "1.1.0-RC"])
@pytest.mark.parametrize("manifest", [{}, {"description": "other"}])
def test_a_staged_number_is_not_published_and_npms_sentence_says_why(
    package, publish, stage, bob, nothing_kept, again, manifest
):
    stage(bob, X, "1.1.0-rc")
    refused = attempt(AlreadyPublished, nothing_kept, lambda: publish(bob, X, again, **manifest))
    assert refused.message.startswith(f"You cannot publish over the previously published versions: {again}.")
    assert "is staged" in refused.message


@pytest.mark.parametrize(
    ("number", "more"),
    [("1.1.0", {"description": "other"}), ("1.1.0", {"tag": "latest"}), ("1.1.0", {"access": "public"})],
)
def test_another_upload_under_a_staged_number_is_refused(staged, stage, bob, nothing_kept, number, more):
    more = {"tag": "next", **more}
    attempt(AlreadyPublished, nothing_kept, lambda: stage(bob, X, number, **more))


def test_another_spelling_of_a_staged_number_is_refused(package, stage, bob, nothing_kept):
    stage(bob, X, "1.1.0-rc")
    attempt(AlreadyPublished, nothing_kept, lambda: stage(bob, X, "1.1.0-RC"))


@pytest.mark.parametrize("unpublished", [False, True])
@pytest.mark.parametrize("more", [{}, {"description": "other"}])
def test_a_number_that_was_ever_published_is_not_staged(
    package, publish, stage, alice, nothing_kept, unpublished, more
):
    publish(alice, X, "1.1.0")
    if unpublished:
        releases.unpublish_versions(alice, X, frozenset({"1.1.0"}), revision_of(Package.objects.get()))
    attempt(AlreadyPublished, nothing_kept, lambda: stage(alice, X, "1.0.0", **more))


def test_the_same_upload_again_is_the_same_staged_version(staged, stage, alice, bob, nothing_kept):
    before = nothing_kept()
    assert stage(alice, X, "1.1.0", tag="next").key == staged.key
    assert stage(bob, X, "1.1.0", tag="next").key == staged.key
    assert nothing_kept()[:2] == before[:2]


def test_a_rejected_number_is_free_again(staged, publish, stage, bob, blob_files):
    staging.reject(bob, staged.key)
    assert not StagedVersion.objects.exists()
    assert len(blob_files()) == 1
    again = stage(bob, X, "1.1.0", description="better")
    assert again.key != staged.key
    staging.reject(bob, again.key)
    assert publish(bob, X, "1.1.0").number == "1.1.0"


def test_a60_a_package_has_twenty_staged_versions_at_most(package, stage, bob, nothing_kept):
    for number in range(staging.MAX_STAGED):
        stage(bob, X, f"2.0.{number}")
    attempt(Invalid, nothing_kept, lambda: stage(bob, X, "3.0.0"))
    staging.reject(bob, staging.listed(bob)[0].key)
    stage(bob, X, "3.0.0")


def test_a60_what_nobody_reviews_is_dropped_after_thirty_days(package, stage, bob, blob_files):
    old, young = stage(bob, X, "2.0.0"), stage(bob, X, "2.0.1")
    StagedVersion.objects.filter(pk=old.pk).update(staged_at=timezone.now() - timedelta(days=31))
    before = Package.objects.get().revision
    call_command("expire_staged")
    assert StagedVersion.objects.get() == young
    assert len(blob_files()) == 2
    event = AuditEvent.objects.first()
    assert (event.action, event.package, event.facts["version"]) == ("version.expired", X, "2.0.0")
    assert Package.objects.get().revision == before
    assert staging.expire(operator()) == []


def test_only_an_operator_lets_them_expire(package, stage, bob, alice, nothing_kept):
    staged = stage(bob, X, "2.0.0")
    StagedVersion.objects.filter(pk=staged.pk).update(staged_at=timezone.now() - timedelta(days=31))
    attempt(NotAllowed, nothing_kept, lambda: staging.expire(alice))


def test_a_refused_stage_keeps_nothing(package, stage, bob, nothing_kept):
    secret = login_token(bob)
    attempt(Invalid, nothing_kept, lambda: stage(bob, X, "2.0.0", files={".npmrc": secret}))


# --- the first of a name -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "grants"), [("@uma/new", 0), ("loose", 1)])
@pytest.mark.parametrize("asked", [None, "public"])
def test_a_first_stage_holds_the_name_and_shows_nothing(stage, publish, uma, dave, nothing_kept, name, grants, asked):
    stage(uma, name, access=asked)
    package = Package.objects.get()
    assert package.unpublished_at is not None
    assert (package.access, package.revision) == ("restricted" if name[0] == "@" else "public", 0)
    assert PersonGrant.objects.count() == grants
    assert not Version.objects.exists()
    for actor in (uma, dave, NOBODY):
        with pytest.raises(NotFound):
            access.find(actor, Action.VIEW, name)
    attempt(NotAllowed, nothing_kept, lambda: publish(dave, name, "2.0.0"))
    attempt(NotAllowed, nothing_kept, lambda: stage(dave, name, "2.0.0"))


def test_an_unscoped_name_is_never_private(stage, uma, nothing_kept):
    attempt(Invalid, nothing_kept, lambda: stage(uma, "loose", access="restricted"))


def test_a_new_org_package_is_the_developers_while_it_waits(acme, stage, carol, alice):
    staged = stage(carol, "@acme/new")
    grant = TeamGrant.objects.get()
    assert (grant.team.name, grant.permission) == ("developers", "write")
    assert staging.find(alice, staged.key) == staged


@pytest.mark.parametrize(("asked", "level"), [(None, "restricted"), ("restricted", "restricted"), ("public", "public")])
def test_the_first_release_has_the_access_that_its_upload_asked_for(stage, uma, asked, level):
    staged = stage(uma, "@uma/new", access=asked, tag="next")
    Package.objects.update(created_at=timezone.now() - timedelta(days=9))
    version = staging.approve(protected(uma), staged.key)
    package = Package.objects.get()
    assert (package.access, package.unpublished_at, package.revision) == (level, None, 1)
    assert package.created_at == version.published_at, "when the name was held is nobody's business"
    assert tags_of("@uma/new") == {"next": "1.0.0", "latest": "1.0.0"}


def test_a_publish_passes_what_waits_of_a_new_name(stage, publish, uma):
    staged = stage(uma, "@uma/new", "1.0.0", access="public")
    publish(uma, "@uma/new", "2.0.0")
    package = Package.objects.get()
    assert (package.access, package.latest.number) == ("restricted", "2.0.0")
    staging.approve(protected(uma), staged.key)
    package.refresh_from_db()
    assert package.access == "restricted", "a later release leaves the level alone"


def test_a_name_whose_only_staged_version_was_rejected_stays_held_and_hidden(stage, publish, uma, dave):
    staged = stage(uma, "loose")
    staging.reject(uma, staged.key)
    assert Package.objects.get().unpublished_at is not None
    with pytest.raises(NotAllowed):
        publish(dave, "loose")
    publish(uma, "loose")


def test_what_waits_returns_a_package_that_was_unpublished_private(stage, publish, uma):
    publish(uma, "@uma/x", access="public")
    staged = stage(uma, "@uma/x", "2.0.0")
    releases.unpublish(uma, "@uma/x", revision_of(Package.objects.get()))
    staging.approve(protected(uma), staged.key)
    assert Package.objects.get().access == "restricted"
    assert tags_of("@uma/x") == {"latest": "2.0.0"}


# --- the decision --------------------------------------------------------------------------------------------------


def test_a_release_is_a_version_with_the_bytes_and_the_name_of_who_staged_it(staged, npm, alice, bob):
    key, blob, uploaded = staged.key, staged.blob, staged.staged_at
    version = staging.approve(protected(bob), key, integrity=staged.integrity)
    assert not StagedVersion.objects.exists()
    assert (version.number, version.blob, version.published_by) == ("1.1.0", blob, alice.user)
    assert version.published_at > uploaded
    assert tags_of(X) == {"latest": "1.0.0", "next": "1.1.0"}
    event = AuditEvent.objects.first()
    assert (event.action, event.actor_name, event.facts["staged_by"]) == ("version.released", "bob", "alice")
    assert event.facts["integrity"] == version.integrity
    document = npm.as_(login_token(bob)).get(X).json()
    assert document["versions"]["1.1.0"]["dist"]["integrity"] == version.integrity
    assert document["versions"]["1.1.0"]["dist"]["signatures"]
    assert document["time"]["1.1.0"] > document["time"]["1.0.0"]
    served = npm.as_(login_token(bob)).get(f"{X}/-/x-1.1.0.tgz").getvalue()
    with blobs.open_blob(blob, version.size) as kept:
        assert kept.read() == served


def test_a_release_twice_is_one_release(staged, alice, bob, nothing_kept):
    first = staging.approve(protected(bob), staged.key)
    before = nothing_kept()
    assert staging.approve(protected(bob), staged.key) == first
    assert staging.approve(protected(alice), str(staged.key)) == first
    assert nothing_kept() == before


def test_the_reviewed_bytes_are_the_released_ones(staged, bob, nothing_kept):
    attempt(Conflict, nothing_kept, lambda: staging.approve(protected(bob), staged.key, integrity="sha512-other"))


@pytest.mark.parametrize("harm", ["gone", "longer", "other"])
def test_damaged_bytes_are_not_released(folder, staged, bob, nothing_kept, harm):
    file = folder / staged.blob
    data = file.read_bytes()
    bob = protected(bob)
    if harm == "gone":
        file.unlink()
    else:
        file.write_bytes(data + b"x" if harm == "longer" else bytes(reversed(data)))
    attempt(Unavailable, nothing_kept, lambda: staging.approve(bob, staged.key))


@pytest.mark.parametrize("key", ["", "x", "None", "null", "00000000-0000-0000-0000-000000000000", "' or 1=1"])
def test_a_key_that_is_none_is_not_found_and_no_other_version_is_meant(staged, bob, nothing_kept, key):
    bob = protected(bob)
    for verb in (staging.approve, staging.reject, staging.find):
        attempt(NotFound, nothing_kept, lambda verb=verb: verb(bob, key))


def test_what_was_released_is_not_rejected(staged, bob, nothing_kept):
    bob = protected(bob)
    staging.approve(bob, staged.key)
    attempt(Conflict, nothing_kept, lambda: staging.reject(bob, staged.key))


def test_what_was_rejected_is_gone(staged, bob, nothing_kept):
    bob = protected(bob)
    staging.reject(bob, staged.key)
    event = AuditEvent.objects.first()
    assert (event.action, event.actor_name, event.facts["staged_by"]) == ("version.rejected", "bob", "alice")
    for verb in (staging.approve, staging.reject, staging.find):
        attempt(NotFound, nothing_kept, lambda verb=verb: verb(bob, staged.key))


def test_a_private_package_is_not_released_into_a_scope_that_no_longer_pays(stage, uma, settings, nothing_kept):
    settings.PRIVATE_PACKAGES = "subscribers"
    attempt(PaymentRequired, nothing_kept, lambda: stage(uma, "@uma/new"))
    Scope.objects.filter(name="uma").update(plan=Scope.Plan.PAID)
    staged, actor = stage(uma, "@uma/new"), protected(uma)
    Scope.objects.filter(name="uma").update(plan=Scope.Plan.FREE)
    attempt(PaymentRequired, nothing_kept, lambda: staging.approve(actor, staged.key))
    Package.objects.update(access="restricted")
    staging.reject(actor, staged.key)
    released = staging.approve(actor, stage(uma, "@uma/new", access="public").key)
    assert released.package.access == "public"


@pytest.mark.parametrize("limit", ["MAX_VERSIONS", "MAX_TAGS"])
def test_a_full_package_takes_no_release_and_keeps_what_waits(staged, bob, monkeypatch, nothing_kept, limit):
    bob = protected(bob)
    monkeypatch.setattr(publishing, limit, 1)
    attempt(Invalid, nothing_kept, lambda: staging.approve(bob, staged.key))


def test_a_staged_version_has_one_tag(package, bob, settings, nothing_kept):
    settings.SPOOL_DIR.mkdir(parents=True, exist_ok=True)

    def two_tags():
        upload = payloads.upload(X, "2.0.0", settings.SPOOL_DIR)
        return staging.stage(bob, replace(upload, tags=("a", "b")))

    attempt(Invalid, nothing_kept, two_tags)


def test_the_sweep_knows_what_waits(folder, staged, blob_files):
    import os

    for file in folder.glob("*/*/*"):
        os.utime(file, (0, 0))
    call_command("sweep_blobs")
    assert len(blob_files()) == 2


# --- the registry's addresses ----------------------------------------------------------------------------------------


def test_the_shapes_that_clients_read(package, npm, bob):
    caller = npm.as_(login_token(bob))
    body = payloads.publish_body(X, "1.1.0", tag="next")
    answer = caller.post("-/stage/package/@acme%2fx", body)
    assert answer.status_code == 201
    key = answer.json()["stageId"]
    assert caller.post("-/stage/package/@acme%2fx", body).json()["stageId"] == key
    item = caller.get(f"-/stage/{key}").json()
    assert item.pop("createdAt")
    assert item == {
        "id": key, "packageName": X, "version": "1.1.0", "tag": "next", "actor": "bob", "actorType": "user",
        "access": "private", "shasum": body["versions"]["1.1.0"]["dist"]["shasum"],
    }  # fmt: skip
    listed = caller.get("-/stage?page=0&perPage=100").json()
    assert {**listed, "items": [each["id"] for each in listed["items"]]} == {
        "items": [key], "total": 1, "page": 0, "perPage": 100,
    }  # fmt: skip
    tarball = caller.get(f"-/stage/{key}/tarball")
    assert tarball["Content-Type"] == "application/octet-stream"
    assert len(tarball.getvalue()) == int(tarball["Content-Length"])
    assert caller.get(f"-/stage/{key.upper()}").status_code == 200


def test_pages_of_the_list(package, stage, npm, bob):
    keys = [str(stage(bob, X, f"2.0.{number}").key) for number in range(13)]
    caller = npm.as_(login_token(bob))

    def ids(query: str) -> list[str]:
        return [each["id"] for each in caller.get(f"-/stage{query}").json()["items"]]

    assert ids("") == keys[::-1][:10], "ten a page, newest first"
    assert ids("?page=1") == keys[::-1][10:]
    assert ids("?page=1&perPage=5") == keys[::-1][5:10]
    assert ids("?page=9") == ids("?package=@acme/none") == ids("?package=%00") == []
    assert len(ids("?perPage=1000&package=%40acme%2Fx")) == 13
    assert len(ids("?perPage=0")) == 1
    assert len(ids("?perPage=-1")) == len(ids("?page=x&perPage=1e3")) == 10


def test_a_workflow_is_no_user(package, stage, npm, bob):
    staged = stage(workflow(X), X, "1.1.0")
    item = npm.as_(login_token(bob)).get(f"-/stage/{staged.key}").json()
    assert (item["actor"], item["actorType"]) == ("GitHub Actions", "trusted automation")


def test_a_release_asks_for_a_code_and_says_how(staged, npm, bob, nothing_kept):
    protected(bob)
    caller = npm.as_(login_token(bob))
    before = nothing_kept()
    for method, path in (("POST", f"-/stage/{staged.key}/approve"), ("DELETE", f"-/stage/{staged.key}")):
        answer = caller._send(method, path, headers={"npm-auth-type": "web", "npm-command": "stage"})
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"] == "OTP"
        assert {"authUrl", "doneUrl"} <= answer.json().keys()
    assert nothing_kept() == before


@pytest.mark.parametrize("body", [None, b"null", b"{}", b""])
def test_the_body_of_an_approval_is_not_looked_at(staged, npm, bob, body):
    from accounts.models import OneTimePass

    protected(bob)
    token, secret = tokens.issue(bob, bob.user, kind=Token.Kind.LOGIN)
    until = timezone.now() + timedelta(minutes=1)
    OneTimePass.objects.create(user=bob.user, token=token, digest=bearer.digest("123456"), good_until=until)
    answer = npm.as_(secret).post(f"-/stage/{staged.key}/approve", body, npm_otp="123456")
    assert (answer.status_code, answer.json()["message"]) == (201, f"{X}@1.1.0 is published")


def test_a_body_that_is_no_publish_is_refused(package, npm, bob, nothing_kept):
    caller = npm.as_(login_token(bob))
    before = nothing_kept()
    for body in (
        {"_id": X, "name": X, "_rev": "1", "versions": {}},
        b"x",
        b"",
        [],
        payloads.publish_body("@acme/y", "1.0.0"),
    ):
        assert caller.post("-/stage/package/@acme%2fx", body).status_code in (400, 422)
    assert nothing_kept() == before


# --- the pages -------------------------------------------------------------------------------------------------------

HTML = {"accept": "text/html"}


def signed_in(client, actor: Actor, *, code_shown: bool = False):
    sessions.sign_in(client, actor, method="mfa" if code_shown else "password")
    return client


def test_the_review_says_what_to_look_at_and_escapes_it(package, stage, client, bob):
    script = "node x.js && echo '<script>alert(1)</script>'"
    staged = stage(bob, X, "1.1.0", scripts={"postinstall": script}, files={"<b>.js": "<i>\u202e</i>\n"})
    shown = signed_in(client, bob).get(f"/package/{X}/staged/{staged.key}", headers=HTML)
    text = shown.content.decode()
    assert "Runs something new when it is installed" in text
    assert "alert(1)&lt;/script&gt;" in text
    assert "+&lt;i&gt;\\u202e&lt;/i&gt;" in text
    assert "&lt;b&gt;.js" in text
    assert "<script>alert" not in text
    assert "<i>" not in text
    assert "npm stage approve " + str(staged.key) in text


def test_the_tarball_of_a_review_is_downloaded_and_never_shown(staged, client, bob):
    answer = signed_in(client, bob).get(f"/package/{X}/staged/{staged.key}/tarball", headers=HTML)
    assert answer["Content-Disposition"] == 'attachment; filename="x-1.1.0.tgz"'
    assert len(answer.getvalue()) == staged.size


def test_a_page_releases_what_it_showed_and_nothing_else(staged, client, bob, nothing_kept):
    address, protected_bob = f"/package/{X}/staged/{staged.key}/approve", protected(bob)
    for sent in ({}, {"integrity": "sha512-other"}):
        before = nothing_kept()
        answer = signed_in(client, protected_bob, code_shown=True).post(address, sent, headers=HTML)
        assert answer.status_code in (409,), answer.status_code
        assert nothing_kept() == before
    answer = client.post(address, {"integrity": staged.integrity}, headers=HTML)
    assert (answer.status_code, answer["Location"]) == (302, f"/package/{X}")
    assert Version.objects.filter(number="1.1.0").exists()


def test_a_page_asks_for_the_second_factor_and_for_the_tick(staged, client, bob, nothing_kept):
    address = f"/package/{X}/staged/{staged.key}"
    before = nothing_kept()
    refused = signed_in(client, bob).post(f"{address}/approve", {"integrity": staged.integrity}, headers=HTML)
    assert refused.status_code == 403
    protected(bob)
    for verb, sent in (("approve", {"integrity": staged.integrity}), ("reject", {"sure": "on"})):
        asked = signed_in(client, bob).post(f"{address}/{verb}", sent, headers=HTML)
        assert asked.status_code == 302
        assert "/reauthenticate" in asked["Location"]
    unticked = signed_in(client, bob, code_shown=True).post(f"{address}/reject", headers=HTML)
    assert (unticked.status_code, unticked["Location"]) == (302, address)
    assert client.get(f"{address}/reject", headers=HTML).status_code == 405
    assert nothing_kept() == before


def test_the_package_says_to_who_may_publish_that_something_waits(staged, client, bob, erin):
    page = signed_in(client, bob).get(f"/package/{X}", headers=HTML).content.decode()
    assert "1 version waits for a review." in page
    assert "waits for a review" not in signed_in(client, erin).get(f"/package/{X}", headers=HTML).content.decode()
    assert f"{X} 1.1.0" in signed_in(client, bob).get("/", headers=HTML).content.decode()
    assert f"{X} 1.1.0" not in signed_in(client, erin).get("/", headers=HTML).content.decode()


def test_the_list_says_when_nothing_waits(package, client, bob):
    page = signed_in(client, bob).get(f"/package/{X}/staged", headers=HTML).content.decode()
    assert "Nothing waits" in page
    assert "npm stage publish" in page


# --- at the same moment ----------------------------------------------------------------------------------------------


@pytest.fixture
def pair(many_connections, publish):  # noqa: F811
    """alice and bob, developers of acme with two-factor shown, and @acme/x 1.0.0."""
    alice, bob = person("alice"), person("bob")
    organizations.create(alice, "acme")
    organizations.set_member(alice, "acme", "bob")
    publish(alice, X)
    return protected(alice), protected(bob)


def actions() -> list[str]:
    return list(AuditEvent.objects.filter(package=X).order_by("pk").values_list("action", flat=True))


def test_two_approvals_at_once_are_one(pair, stage, blob_files):
    alice, bob = pair
    key = stage(alice, X, "1.1.0").key
    done = at_once(lambda: staging.approve(alice, key), lambda: staging.approve(bob, key))
    assert [getattr(each, "number", each) for each in done] == ["1.1.0", "1.1.0"]
    assert Version.objects.filter(number="1.1.0").count() == 1
    assert actions().count("version.released") == 1
    assert len(blob_files()) == 2


def test_an_approval_and_a_rejection_at_once_leave_one_winner(pair, stage, blob_files):
    alice, bob = pair
    for number in ("1.1.0", "1.2.0", "1.3.0"):
        key = stage(alice, X, number).key
        done = at_once(lambda key=key: staging.approve(alice, key), lambda key=key: staging.reject(bob, key))
        released = Version.objects.filter(number=number).first()
        assert sum(isinstance(each, Refusal) for each in done) == 1, done
        assert actions().count("version.released") + actions().count("version.rejected") == int(number[2])
        if released:
            blobs.open_blob(released.blob, released.size).close()
    assert not StagedVersion.objects.exists()
    assert len(blob_files()) == Version.objects.count()


def test_a_publish_and_a_stage_of_one_number_at_once_leave_one(pair, stage, publish, blob_files):
    alice, bob = pair
    done = at_once(lambda: publish(alice, X, "1.1.0"), lambda: stage(bob, X, "1.1.0"))
    assert sum(isinstance(each, AlreadyPublished) for each in done) == 1, done
    assert Version.objects.filter(number="1.1.0").count() + StagedVersion.objects.count() == 1
    assert len(blob_files()) == 2


def test_two_first_stages_of_one_name_both_wait(pair, stage):
    alice, bob = pair
    done = at_once(lambda: stage(alice, "@acme/new", "1.0.0"), lambda: stage(bob, "@acme/new", "2.0.0"))
    assert {getattr(each, "number", each) for each in done} == {"1.0.0", "2.0.0"}
    assert Package.objects.filter(name="@acme/new").count() == 1


def test_the_same_upload_staged_twice_at_once_is_one(pair, stage, blob_files):
    alice, _ = pair
    done = at_once(lambda: stage(alice, X, "1.1.0"), lambda: stage(alice, X, "1.1.0"))
    assert len({getattr(each, "key", each) for each in done}) == 1, done
    assert len(blob_files()) == 2
    assert actions().count("version.staged") == 1
