"""The one door for writes to a package: locked, asked again, counted, recorded, all in one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.actor import Actor
from packages import access
from packages.access import Action
from packages.models import Package

# What each change is called in the audit log, and what the policy asks for it.
CHANGES: dict[str, Action] = {
    "version.published": Action.PUBLISH,
    "version.deprecated": Action.PUBLISH,
    "tag.set": Action.PUBLISH,
    "tag.removed": Action.PUBLISH,
    "version.unpublished": Action.MANAGE,
    "package.unpublished": Action.MANAGE,
    "access.set": Action.MANAGE,
    "package.converted": Action.MANAGE,
    "person.granted": Action.MANAGE,
    "person.revoked": Action.MANAGE,
    "team.granted": Action.MANAGE,
    "team.revoked": Action.MANAGE,
}


class Unchanged(Exception):
    """Raised inside `changing` when there turns out to be nothing to do: no revision, no event."""


@contextmanager
def changing(
    package: Package, actor: Actor, change: str, *, person: str = "", claimed: bool = False, **facts
) -> Iterator[Package]:
    """Change a package: gives its locked row, and on leaving counts the revision and writes the audit event.

    change: a key of CHANGES; person, facts: what the audit event says besides.
    claimed: the package was made by this transaction, so that the right to add it to its scope is enough.
    The stored documents need no touch: they carry the revision they were built for, and the next reader sees that
    they are stale. Raises what the policy raises, when the right was taken away meanwhile.
    """
    with transaction.atomic():
        Package.objects.select_for_update().get(pk=package.pk)
        locked = access.recheck(actor, CHANGES[change], package, claimed=claimed)
        try:
            with transaction.atomic():
                yield locked
        except Unchanged:
            return
        _copy_latest(locked)
        locked.revision += 1
        locked.modified_at = timezone.now()
        locked.save()
        org = locked.scope.name if locked.in_org else ""
        audit.record(actor, change, package=locked.name, org=org, person=person, **facts)


def _copy_latest(package: Package) -> None:
    tag = package.tags.filter(name="latest").select_related("version").first()
    package.latest = tag.version if tag else None
    if package.latest is not None:
        manifest = package.latest.manifest
        description, keywords = manifest.get("description"), manifest.get("keywords")
        package.description = description if isinstance(description, str) else ""
        package.keywords = (
            [word for word in keywords if isinstance(word, str)][:50] if isinstance(keywords, list) else []
        )
