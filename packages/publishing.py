"""Publishing a version, from the parsed upload to the committed row."""

from __future__ import annotations

import re

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.actor import Actor
from accounts.models import Scope
from accounts.tokens import SHAPE
from orgs.models import DEVELOPERS, Team
from packages import access, blobs, manifests, packuments, plans, readmes, tarballs
from packages.changes import Unchanged, changing
from packages.models import Access, DistTag, Package, Permission, PersonGrant, TeamGrant, Version
from packages.names import PackageName
from packages.wire import Upload
from registry_site.errors import AlreadyPublished, Invalid, Refusal

MAX_VERSIONS = 10_000
MAX_TAGS = 100
OUR_TOKEN = re.compile(SHAPE.pattern.encode())  # a tarball that carries one would give it away


def publish(actor: Actor, upload: Upload) -> Version:
    """Keep the bytes, then list the version; the same bytes again succeed and change nothing.

    upload: as `wire.read_put` gave it; its spooled tarball is gone afterwards, whatever happens.
    Raises SignInRequired, NotAllowed, PaymentRequired, Invalid, AlreadyPublished, Unavailable.
    Source: `npm publish`, PUT /PKG with an attachment.
    """
    try:
        name = PackageName.parse(upload.name)
        package = access.find_or_claim(actor, name)  # the policy, before anything costly
        _require_plan(package, name, upload)
        if package and (same := _published(package, upload)):
            return same
        facts = tarballs.inspect(upload.tarball.path, forbidden=OUR_TOKEN)
        version = _prepare(actor, name, upload, facts)
        # Before the row: a listed version has its bytes.
        version.blob = blobs.keep(upload.tarball.sha512, upload.tarball.path)
        return _list(actor, name, package, upload, version)
    finally:
        upload.tarball.discard()


def _list(actor: Actor, name: PackageName, package: Package | None, upload: Upload, version: Version) -> Version:
    try:
        with transaction.atomic():
            package, claimed = (package, False) if package else _claim(actor, name, upload.access)
            facts = {"version": version.number, "tags": list(upload.tags), "integrity": version.integrity}
            with changing(package, actor, "version.published", claimed=claimed, **facts) as package:
                if same := _published(package, upload):
                    raise Unchanged
                first = not package.versions.filter(unpublished_at=None).exists()
                package.unpublished_at = None
                _require_room(package)
                version.package = package
                version.published_at = timezone.now()  # now, not when its upload began: never before its package
                version.save()
                _move_tags(package, version, upload.tags, first)
    except IntegrityError:
        # Another spelling of a used number, or the same number at the same moment: the database is the judge.
        blobs.discard(version.blob)
        raise _taken(name.full, upload.version) from None
    except Refusal:
        blobs.discard(version.blob)
        raise
    if version.pk is None:
        blobs.discard(version.blob)
        return same
    return version


def _claim(actor: Actor, name: PackageName, level: str | None) -> tuple[Package, bool]:
    scope = Scope.objects.get(name=name.scope) if name.scope else None
    level = (level or Access.RESTRICTED) if scope else Access.PUBLIC
    package, created = Package.objects.get_or_create(name=name.full, defaults={"scope": scope, "access": level})
    if created:
        _give_first_grants(actor, package)
    elif package.unpublished_at is not None:  # it returns with the grants it had, and with the level that is asked now
        package.access = level
        package.save(update_fields=["access"])
    return package, created


def _give_first_grants(actor: Actor, package: Package) -> None:
    if package.scope is None:
        PersonGrant.objects.create(package=package, user=actor.user, permission=Permission.OWNER)
    elif package.in_org:
        developers = Team.objects.get(org__scope=package.scope, name=DEVELOPERS)
        TeamGrant.objects.create(package=package, team=developers, permission=Permission.WRITE)


def _prepare(actor: Actor, name: PackageName, upload: Upload, facts: tarballs.Facts) -> Version:
    differing = manifests.differences(facts.package_json, upload.manifest)
    if differing:
        raise Invalid(
            f"package.json in the tarball differs from what was sent: {', '.join(differing)}", code="manifest_mismatch"
        )
    manifest = manifests.derive(facts, upload.manifest)
    manifests.check(manifest)
    tarball = upload.tarball
    dist = {
        "integrity": tarball.integrity,
        "shasum": tarball.sha1,
        "fileCount": facts.file_count,
        "unpackedSize": facts.unpacked_size,
    }
    person = {"name": actor.name, "email": actor.public_email}
    full, abbreviated = packuments.version_parts(name, manifest | {"_npmUser": person}, dist)
    return Version(
        number=upload.version,
        folded=upload.version.lower(),
        integrity=tarball.integrity,
        shasum=tarball.sha1,
        size=tarball.size,
        unpacked_size=facts.unpacked_size,
        file_count=facts.file_count,
        full=full,
        abbreviated=abbreviated,
        readme=facts.readme or "",
        readme_filename=facts.readme_filename or "",
        readme_html=readmes.render(facts.readme or ""),
        published_by=actor.user,
        published_via=actor.credential,
    )


def _published(package: Package, upload: Upload) -> Version | None:
    version = package.versions.filter(folded=upload.version.lower()).first()
    if version is None:
        return None
    same = version.number == upload.version and version.integrity == upload.tarball.integrity
    if same and version.unpublished_at is None:
        return version
    raise _taken(package.name, upload.version)


def _taken(name: str, number: str) -> AlreadyPublished:
    # npm's own sentence: people and scripts know it.
    return AlreadyPublished(
        f"You cannot publish over the previously published versions: {number}. "
        f"{name} needs a new version number, also when the old one was unpublished."
    )


def _require_plan(package: Package | None, name: PackageName, upload: Upload) -> None:
    if name.scope:
        scope = package.scope if package else Scope.objects.get(name=name.scope)
        level = package.access if package else upload.access or Access.RESTRICTED
        plans.require_paid_scope(scope, level)
    elif upload.access == Access.RESTRICTED:
        raise Invalid("a package without a scope is always public; give it a scope to keep it private")


def _require_room(package: Package) -> None:
    if package.versions.count() >= MAX_VERSIONS:
        raise Invalid(f"{package.name} has {MAX_VERSIONS} versions, the most a package can have")


def _move_tags(package: Package, version: Version, tags: tuple[str, ...], first: bool) -> None:
    names = dict.fromkeys([*tags, "latest"] if first or not tags else tags)
    for name in names:
        DistTag.objects.update_or_create(package=package, name=name, defaults={"version": version})
    if package.tags.count() > MAX_TAGS:
        raise Invalid(f"{package.name} has {MAX_TAGS} tags, the most a package can have")
