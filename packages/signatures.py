"""The registry's signature on every version it lists: it published this name and number with these bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from accounts import audit
from accounts.actor import Actor
from packages import keyring, packuments
from packages.changes import maintaining
from packages.keyring import Key
from packages.models import Package, Version

_TOUCHED = ("full", "abbreviated", "signed_with")
BATCH = 200  # versions in one transaction: others wait for it


def sign(version: Version) -> None:
    """Sign a version that is about to be listed; the row is not saved.

    Outside of any transaction, because it reads files, and right before the one that lists the version: a key that
    was replaced long ago is not good for it. Raises Unavailable when there is no key to sign with.
    Source: `npm publish`, and the release of a staged version.
    """
    _sign(version, version.manifest["name"], keyring.current())


def public_keys() -> list[dict[str, Any]]:
    """The keys that signatures are verified with, newest first, as npm and pnpm read them. Raises Unavailable.

    Source: `npm audit signatures`, `pnpm audit signatures`, GET /-/npm/v1/keys.
    """
    return [
        {
            "expires": key.expires.isoformat(timespec="milliseconds").replace("+00:00", "Z") if key.expires else None,
            "keyid": key.id,
            "keytype": keyring.SCHEME,
            "scheme": keyring.SCHEME,
            "key": key.public_base64,
        }
        for key in keyring.every()
    ]


def rotate(actor: Actor) -> list[Key]:
    """Make a new key and sign with it from now on; gives all keys, newest first.

    What was signed before stays good: clients compare a key's end with the time of publication.
    Raises as `keyring.rotate`. Source: `manage.py rotate_signing_key`.
    """
    key = keyring.rotate()
    with transaction.atomic():
        audit.record(actor, "key.rotated", key=key.id)
    return keyring.every()


def sign_listed(actor: Actor, *, everything: bool = False) -> Iterator[tuple[Package, int]]:
    """Sign the versions that have no good signature; gives each package when it is done, and how many it were.

    everything: sign all of them anew, with the newest key, as after a key was stolen.
    Clients count a version without signature as a failure once there are keys. Raises NotAllowed for anybody but an
    operator, Unavailable. Source: `manage.py sign_versions`, and every start.
    """
    key = keyring.current()
    wanted = _published_here() if everything else _unsigned()
    # All of them at once, as numbers: rows of a cursor that is open while they change may come twice or never.
    for pk in list(wanted.order_by().values_list("package", flat=True).distinct()):
        package = Package.objects.get(pk=pk)
        mine, count, last = wanted.filter(package=package).order_by("pk"), 0, 0
        while batch := list(mine.filter(pk__gt=last).only(*_TOUCHED, "number", "integrity")[:BATCH]):
            for version in batch:
                _sign(version, package.name, key)
            with maintaining(package, actor, "versions.signed", count=len(batch), key=key.id):
                for version in batch:
                    version.save(update_fields=_TOUCHED)
            count, last = count + len(batch), batch[-1].pk
        yield package, count


def count_unsigned() -> int:
    """How many versions have no good signature; quick, and 0 on all but the first start. Raises Unavailable."""
    return _unsigned().count()


def _sign(version: Version, name: str, key: Key) -> None:
    signature = {"keyid": key.id, "sig": key.sign(f"{name}@{version.number}:{version.integrity}")}
    packuments.amend(version, signatures=[signature])
    version.signed_with = key.id


def _published_here() -> QuerySet[Version]:
    return Version.objects.filter(package__mirrored=False)


def _unsigned() -> QuerySet[Version]:
    keys = keyring.every()
    # Which keys were used is read from the index alone; a version's own row is long.
    used = set(Version.objects.order_by("signed_with").values_list("signed_with", flat=True).distinct())
    lacking = Q(signed_with__in=used - {key.id for key in keys})
    for key in keys:
        if key.expires is not None:
            lacking |= Q(signed_with=key.id, published_at__gte=key.expires)
    return _published_here().filter(lacking)
