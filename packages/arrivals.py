"""An upload on its way in: what publishing and staging ask of it, and the content that comes out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from accounts.actor import Actor
from accounts.bearer import SHAPE
from accounts.models import Scope
from orgs.models import DEVELOPERS, FirstGrant, Team
from packages import blobs, manifests, packuments, plans, quotas, readmes, reserve, tarballs, trust
from packages.models import Access, Package, Permission, PersonGrant, StagedVersion, TeamGrant, UsedNumber, Version
from packages.names import PackageName
from packages.wire import Upload
from registry_site.errors import AlreadyPublished, Invalid, Refusal

OUR_TOKEN = re.compile(SHAPE.pattern.encode())  # a tarball that carries one would give it away


class Repeated(Exception):
    """Raised inside `stored` when the same upload arrived meanwhile: its row, and nothing more to keep."""

    def __init__(self, found: Any) -> None:
        self.found = found


@contextmanager
def stored(actor: Actor, name: PackageName, upload: Upload) -> Iterator[dict[str, Any]]:
    """The columns of the upload's `Content`, looked into and with its bytes in the store.

    Before any row: a listed version has its bytes. When what follows is refused, the bytes go again.
    Raises Invalid for a tarball or a manifest that breaks a rule, AlreadyPublished as `require_unused`, OverQuota when
    its scope is full, Unavailable when the store does not take it or is nearly full.
    """
    require_room(actor, name, upload.tarball.size)
    reserve.require()
    require_unused(name.full, upload.version, upload.tarball.integrity)
    columns = _inspect(actor, name, upload)
    columns["blob"] = blobs.keep(upload.tarball.sha512, upload.tarball.path)
    try:
        yield columns
    except (Refusal, Repeated):  # after any other fault a row may name them; sweep_blobs finds out
        blobs.discard(columns["blob"])
        raise


def require_room(actor: Actor, name: PackageName, size: int) -> None:
    """Raises OverQuota when the scope of a name is full; never for what operators bring in."""
    if actor.credential != "operator" and name.scope:
        quotas.require_room(Scope.objects.filter(name=name.scope).first(), name, size)


def published(package: Package, upload: Upload) -> Version | None:
    """The version with just these bytes, when the number is published already.

    Raises AlreadyPublished when the number was used for others, in any spelling, also when it was unpublished.
    """
    version = package.versions.filter(folded=upload.version.lower()).first()
    if version is None:
        return None
    same = version.number == upload.version and version.integrity == upload.tarball.integrity
    if same and version.unpublished_at is None and version.quarantined_at is None:
        return version
    raise taken(package.name, upload.version)


def require_unused(name: str, number: str, integrity: str) -> None:
    """Raises AlreadyPublished when the number had other bytes, in a time that this database does not know."""
    used = UsedNumber.objects.filter(name=name, folded=number.lower()).first()
    if used is not None and used.integrity != integrity:
        raise taken(name, number)


def waiting(package: Package, upload: Upload) -> StagedVersion | None:
    """What is staged under the upload's number, in any spelling."""
    return package.staged.filter(folded=upload.version.lower()).first()


def taken(name: str, number: str) -> AlreadyPublished:
    """The refusal of a number that was published; npm's own sentence: people and scripts know it."""
    return AlreadyPublished(
        f"You cannot publish over the previously published versions: {number}. "
        f"{name} needs a new version number, also when the old one was unpublished."
    )


def held(name: str, number: str) -> AlreadyPublished:
    """The refusal of a number that is staged."""
    return AlreadyPublished(
        f"You cannot publish over the previously published versions: {number}. {name}@{number} is staged: "
        f"approve it or reject it first (npm stage list {name})"
    )


def require_plan(package: Package | None, name: PackageName, level: str | None) -> None:
    """Raises PaymentRequired, and Invalid for a private package without a scope.

    package: None for a new one. level: as the upload asked, None when it did not.
    """
    if name.scope:
        scope = package.scope if package else Scope.objects.get(name=name.scope)
        plans.require_paid_scope(scope, package.access if package else level or Access.RESTRICTED)
    elif level == Access.RESTRICTED:
        raise Invalid("a package without a scope is always public; give it a scope to keep it private")


def claim(actor: Actor, name: PackageName, level: str | None, **more: Any) -> tuple[Package, bool]:
    """The row of a name that `claims.find_or_claim` found free, and whether it is new; for a write transaction.

    level: of a new row. more: its other columns. A new row comes with the grants that let people work on it.
    """
    scope = Scope.objects.get(name=name.scope) if name.scope else None
    level = first_level(scope, level)
    columns = {"scope": scope, "access": level, **more}
    package, created = Package.objects.get_or_create(name=name.full, defaults=columns)
    if created and package.scope is None:
        PersonGrant.objects.create(package=package, user=actor.user, permission=Permission.OWNER)
    elif created:
        give_first_grants(package)
    return package, created


def first_level(scope: Scope | None, asked: str | None) -> str:
    """The access level of a package that becomes visible: private in a scope unless public was asked for."""
    return (asked or Access.RESTRICTED) if scope else Access.PUBLIC


def give_first_grants(package: Package) -> None:
    """Give a new package of an org to its team `developers`, as the org wants it; for a write transaction."""
    if package.in_org:
        developers = Team.objects.select_related("org").get(org__scope=package.scope, name=DEVELOPERS)
        if developers.org.first_grant != FirstGrant.NONE:
            TeamGrant.objects.create(package=package, team=developers, permission=developers.org.first_grant)


def _inspect(actor: Actor, name: PackageName, upload: Upload) -> dict[str, Any]:
    facts = tarballs.inspect(upload.tarball.path, forbidden=OUR_TOKEN)
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
    if actor.is_signed_in:  # not so for what an operator brings in of somebody who is not here
        manifest["_npmUser"] = {"name": actor.name, "email": actor.public_email} | trust.mark_of(actor)
    full, abbreviated = packuments.version_parts(name, manifest, dist)
    return {
        "number": upload.version,
        "folded": upload.version.lower(),
        "integrity": tarball.integrity,
        "shasum": tarball.sha1,
        "size": tarball.size,
        "unpacked_size": facts.unpacked_size,
        "file_count": facts.file_count,
        "full": full,
        "abbreviated": abbreviated,
        "readme": facts.readme or "",
        "readme_filename": facts.readme_filename or "",
        "readme_html": readmes.render(facts.readme or "", [path for path, _, _ in facts.files]),
        "published_by": actor.user,
        "published_via": actor.credential,
    }
