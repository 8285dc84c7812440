"""Versions that wait for a person: uploaded by anybody who may publish, released or rejected with two-factor."""

from __future__ import annotations

import base64
import hashlib
import time
import uuid
from datetime import timedelta
from typing import Any, BinaryIO

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from accounts.actor import Actor, Power
from packages import access, arrivals, blobs, claims, ledger, provenance, publishing, signatures, telling
from packages.access import Action
from packages.changes import Unchanged, changing, maintaining
from packages.models import Content, Package, StagedVersion, Version
from packages.names import PackageName
from packages.wire import Upload
from registry_site.errors import Conflict, Invalid, NotAllowed, NotFound, Unavailable

MAX_STAGED = 20  # of one package: a number that is staged is taken
KEPT = timedelta(days=30)


def stage(actor: Actor, upload: Upload) -> StagedVersion:
    """Keep an upload that nobody can install until a person approves it; it holds its number, and a new name, too.

    upload: as for `publishing.publish`. The same upload again gives the same staged version and changes nothing.
    Raises SignInRequired, NotAllowed, PaymentRequired, Invalid, AlreadyPublished for a number that is published or
    staged, Unavailable. No one-time password is asked for, whatever the package says.
    Source: `npm stage publish`, POST /-/stage/package/PKG.
    """
    try:
        name = PackageName.parse(upload.name)
        package = claims.find_or_claim(actor, name, Action.STAGE)
        arrivals.require_plan(package, name, upload.access)
        if package and (same := _same(package, upload)):
            return same
        with arrivals.stored(actor, name, upload) as columns:
            return _keep(actor, name, package, upload, columns)
    except arrivals.Repeated as repeated:
        return repeated.found
    finally:
        upload.tarball.discard()


def listed(actor: Actor, name: str = "") -> QuerySet[StagedVersion]:
    """What waits in the packages the actor may publish to, newest first; of one package when it is named.

    Raises SignInRequired, NotAllowed for a token that only reads.
    Source: `npm stage list [PKG]`.
    """
    found = _theirs(actor).defer("full", "abbreviated", "readme", "readme_html", "provenance")
    return found.filter(package__name=name) if name else found


def find(actor: Actor, key: str | uuid.UUID) -> StagedVersion:
    """The staged version of this key. Raises as `listed`, NotFound in the same words for unknown and hidden.

    Source: `npm stage view STAGE-ID`.
    """
    found = _theirs(actor).filter(key=_uuid(key)).first()
    if found is None:
        raise NotFound(f"{key} is no staged version, or you may not publish to its package")
    return found


def open_tarball(actor: Actor, key: str | uuid.UUID) -> tuple[StagedVersion, BinaryIO]:
    """A staged version and its bytes. Raises as `find`, Unavailable when the store does not give them.

    Source: `npm stage download STAGE-ID`.
    """
    staged = find(actor, key)
    return staged, blobs.open_blob(staged.blob, staged.size)


def approve(actor: Actor, key: str | uuid.UUID, *, integrity: str = "") -> Version:
    """Release a staged version: from now on it is installed like any other. Done twice, it is done once.

    integrity: of the bytes that were reviewed, when the client says so. What is released are the bytes of this key,
    which never change, with the tag and access level they were staged with.
    Raises as `find`; NotAllowed for what is no person or has no two-factor, OneTimePassRequired, PaymentRequired,
    Conflict when other bytes were reviewed, Unavailable when the bytes are damaged.
    Source: `npm stage approve STAGE-ID`.
    """
    _require_person(actor)
    actor.require_second_factor()
    if done := _released(actor, key):
        return done
    try:
        staged = find(actor, key)
    except NotFound:
        if done := _released(actor, key):  # by somebody else, between the two looks
            return done
        raise
    if integrity and integrity != staged.integrity:
        raise Conflict(f"{staged.package.name}@{staged.number} is not what was reviewed; look at it again")
    _require_whole(staged)
    _release(actor, staged)
    done = _released(actor, key)
    if done is None:
        raise NotFound(f"{staged.package.name}@{staged.number} was rejected meanwhile")
    return done


def reject(actor: Actor, key: str | uuid.UUID) -> None:
    """Remove a staged version and its bytes; its number is free again.

    A package that was never published stays as a name without versions, held by those who may publish to it.
    Raises as `find`; NotAllowed for what is no person, OneTimePassRequired where the person has two-factor on,
    Conflict when it was released meanwhile.
    Source: `npm stage reject STAGE-ID`.
    """
    _require_person(actor)
    if actor.user is not None and actor.user.has_two_factor:
        actor.require_second_factor()
    if done := _released(actor, key):
        raise Conflict(f"{done} was released meanwhile; deprecate or unpublish it instead")
    staged = find(actor, key)
    with changing(staged.package, actor, "version.rejected", **_facts(staged)) as package:
        gone, _ = package.staged.filter(pk=staged.pk).delete()
        if not gone:
            raise Conflict(f"{staged.package.name}@{staged.number} was released or rejected meanwhile")
    blobs.discard(staged.blob)


def expire(actor: Actor, *, older_than: timedelta = KEPT) -> list[str]:
    """Remove what waited longer than this, so that no number is held for ever; gives what they were.

    Source: `manage.py expire_staged`.
    """
    gone = []
    old = StagedVersion.objects.filter(staged_at__lt=timezone.now() - older_than).select_related("package__scope")
    for staged in old.select_related("published_by"):
        try:
            with maintaining(staged.package, actor, "version.expired", **_facts(staged)) as package:
                if not package.staged.filter(pk=staged.pk).delete()[0]:
                    raise Conflict("it was released or rejected meanwhile")
        except Conflict:
            continue
        blobs.discard(staged.blob)
        gone.append(f"{package.name}@{staged.number}")
    return gone


def current(staged: StagedVersion) -> Version | None:
    """What is installed today where the staged version will be: the version of its tag, else the latest."""
    tags = staged.package.tags.filter(name__in={staged.tag, "latest"}).select_related("version__published_by")
    by_name = {tag.name: tag.version for tag in tags}
    return by_name.get(staged.tag) or by_name.get("latest")


def stager(staged: StagedVersion) -> str:
    """Who staged it: a person's name, or the trusted publisher's; "" for a person who left."""
    return staged.published_by.username if staged.published_by else staged.workflow


def level(staged: StagedVersion) -> str:
    """The access level it is released with: its package's, or for a package that is not listed what was asked for."""
    package = staged.package
    if package.unpublished_at is None:
        return package.access
    return arrivals.first_level(package.scope, staged.access)


def _keep(
    actor: Actor, name: PackageName, package: Package | None, upload: Upload, columns: dict[str, Any]
) -> StagedVersion:
    staged = StagedVersion(
        key=uuid.uuid4(),
        tag=_tag(upload),
        access=upload.access or "",
        provenance=upload.provenance or "",
        **columns,
    )
    kept_at = time.time()
    provenance.attach(upload.provenance, staged)  # its uploader hears of a refusal, not who releases it
    same = None
    try:
        with transaction.atomic():
            # Hidden, and private where it can be: nothing of it shows before the first release.
            hidden = {"unpublished_at": timezone.now()}
            package, claimed = (package, False) if package else arrivals.claim(actor, name, None, **hidden)
            with changing(package, actor, "version.staged", claimed=claimed, **_facts(staged)) as package:
                if same := _same(package, upload):
                    raise Unchanged
                if package.staged.count() >= MAX_STAGED:
                    raise Invalid(f"{name} has {MAX_STAGED} staged versions, the most a package can have; review some")
                blobs.require_young(kept_at)
                arrivals.require_room(actor, name, staged.size)  # asked again: others published meanwhile
                staged.package = package
                staged.save()
    except IntegrityError:
        raise arrivals.held(name.full, upload.version) from None
    if same is not None:
        raise arrivals.Repeated(same)
    return staged


def _theirs(actor: Actor) -> QuerySet[StagedVersion]:
    actor.require(Power.STAGE)
    theirs = access.publishable_by(actor).order_by().filter(pk=OuterRef("package"))
    found = StagedVersion.objects.filter(Exists(theirs))
    return found.select_related("package__scope", "published_by").order_by("-staged_at", "-pk")


def _same(package: Package, upload: Upload) -> StagedVersion | None:
    if arrivals.published(package, upload):
        raise arrivals.taken(package.name, upload.version)
    staged = arrivals.waiting(package, upload)
    if staged is None:
        return None
    asked = (upload.version, upload.tarball.integrity, _tag(upload), upload.access or "")
    if asked != (staged.number, staged.integrity, staged.tag, staged.access):
        raise arrivals.held(package.name, upload.version)
    return staged


def _tag(upload: Upload) -> str:
    if len(upload.tags) > 1:
        raise Invalid("a staged version has one tag; add others after its release (npm dist-tag add)")
    return upload.tags[0] if upload.tags else "latest"


def _release(actor: Actor, staged: StagedVersion) -> None:
    columns = {field.name: getattr(staged, field.name) for field in Content._meta.get_fields()}
    version = Version(staged_as=staged.key, **columns)
    attested = provenance.attach(staged.provenance, version)
    signatures.sign(version)
    arrivals.require_unused(staged.package.name, staged.number, staged.integrity)
    ledger.note(staged.package.name, staged.number, staged.integrity)
    with changing(staged.package, actor, "version.released", **_facts(staged)) as package:
        gone, _ = package.staged.filter(pk=staged.pk).delete()
        if not gone:
            raise Unchanged  # approved, or rejected, at the same moment
        staged.package = package
        package.access = level(staged)
        arrivals.require_plan(package, PackageName.parse(package.name), None)
        publishing.enter(package, version, (staged.tag,))
        provenance.keep(version, attested)
        telling.published(actor, package, version.number)


def _released(actor: Actor, key: str | uuid.UUID) -> Version | None:
    if (known := _uuid(key)) is None:
        return None
    packages = access.publishable_by(actor).order_by().values("pk")
    return Version.objects.filter(staged_as=known, package__in=packages).select_related("package").first()


def _require_person(actor: Actor) -> None:
    actor.require(Power.READ)
    token = actor.token
    if actor.is_machine or (token is not None and token.bypass_two_factor):
        raise NotAllowed("a person decides about staged versions; run npm login, or open the package on the website")
    actor.require(Power.WRITE)


def _require_whole(staged: StagedVersion) -> None:
    with blobs.open_blob(staged.blob, staged.size) as tarball:
        found = hashlib.file_digest(tarball, "sha512").digest()
    if staged.integrity != "sha512-" + base64.b64encode(found).decode():
        raise Unavailable(f"the stored tarball of {staged.package.name}@{staged.number} is damaged; stage it again")


def _facts(staged: StagedVersion) -> dict[str, str]:
    return {
        "version": staged.number,
        "tag": staged.tag,
        "integrity": staged.integrity,
        "stage": str(staged.key),
        "staged_by": stager(staged),
    }


def _uuid(key: str | uuid.UUID) -> uuid.UUID | None:
    try:
        return key if isinstance(key, uuid.UUID) else uuid.UUID(key)
    except ValueError:
        return None
