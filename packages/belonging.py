"""A database and its storage belong together: both know one id, and a registry does not start on another's tarballs.

An empty folder in the place of a volume that was not mounted, a backup of the one without the other, an address of
another registry: else the first install that fails would tell, and the first publish would go to the wrong place.
"""

from __future__ import annotations

import logging
import secrets

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection, transaction

from accounts import audit
from accounts.actor import operator
from packages import blobs
from packages.blobs.folder import FolderStore
from packages.blobs.store import Store
from packages.models import KnownStorage, StagedVersion, Version
from registry_site import spool
from registry_site.errors import Conflict

logger = logging.getLogger(__name__)

MARKER = "registry-id"  # beside the folders of the tarballs
MEANT = "if it is meant, run manage.py prepare --adopt-storage"


def known() -> str:
    """The id of the storage that this database has; "" before the first `prepare`. Raises DatabaseError."""
    return KnownStorage.objects.values_list("name", flat=True).first() or ""


def found(store: Store) -> str:
    """The id that a storage says of itself, "" when it says none. Raises OSError."""
    try:
        with store.open(MARKER, store.size(MARKER)) as body:
            return body.read().decode("ascii", "replace").strip()
    except FileNotFoundError:
        return ""


def require() -> None:
    """Goes on when the storage in use is this database's, and marks it where neither has anything to lose.

    Raises Conflict when it is not, OSError when it does not answer, DatabaseError.
    """
    expected, store = known(), blobs.store()
    if not expected or (there := found(store)) == expected:
        return
    if _has_versions() or not _is_empty(store):
        raise _apart(there)
    mark(store, expected)


def require_at_start() -> None:
    """The same for a process that is about to serve, of a folder: no volume that is missing is mounted by itself.

    What does not answer is left to `/healthz/ready`. Raises ImproperlyConfigured.
    """
    if not isinstance(blobs.store(), FolderStore):
        return
    try:
        require()
    except (DatabaseError, OSError) as error:
        logger.warning("whether the storage is this database's could not be looked up: %s", error)
    except Conflict as error:
        raise ImproperlyConfigured(error.message) from error
    finally:
        connection.close()


def is_apart() -> bool:
    """Whether the storage that answers is another than this database knows. Raises OSError, DatabaseError.

    A bucket does not lose its marker while a registry runs; one without is looked at by `prepare` alone.
    """
    expected, store = known(), blobs.store()
    there = found(store) if expected else ""
    if there == expected:
        return False
    return bool(there) or (isinstance(store, FolderStore) and _has_versions())


def settle(*, anyway: bool = False) -> None:
    """Let the database and the storage in use know each other, for the one that makes a registry ready.

    anyway: also when one of them says that it is another's. Raises as `require`.
    """
    expected, store = known(), blobs.store()
    there = found(store)
    if expected and not anyway:
        require()
        return
    if not anyway and (_is_strange(there, store) or (not there and _lacks_the_newest(store))):
        raise _apart(there)
    if not expected:
        expected = there or secrets.token_hex(16)
        KnownStorage.objects.create(name=expected)
    if there != expected:
        mark(store, expected)
        if anyway:
            with transaction.atomic():
                audit.record(operator(), "storage.adopted", storage=expected)


def mark(store: Store, name: str = "") -> None:
    """Write into a storage that it is this database's. name: its id, when it is known. Raises OSError."""
    if not (name := name or known()):
        return
    with spool.folder("marker") as folder:
        draft = folder / MARKER
        draft.write_text(name)
        store.put(MARKER, draft)


def _has_versions() -> bool:
    return Version.objects.filter(erased_at=None).exists() or StagedVersion.objects.exists()


def _is_empty(store: Store) -> bool:
    return next(iter(store.keys()), None) is None


def _is_strange(there: str, store: Store) -> bool:
    return bool(there) and not _has_versions() and not _is_empty(store)


def _lacks_the_newest(store: Store) -> bool:
    # Of a registry that is older than its marker.
    newest = Version.objects.filter(erased_at=None).order_by("-pk").first()
    if newest is None:
        return False
    try:
        return store.size(newest.blob) != newest.size
    except FileNotFoundError:
        return True


def _apart(there: str) -> Conflict:
    if there:
        return Conflict(
            "the storage (STORAGE_URL) has tarballs of another registry than the database (DATABASE_URL) knows; "
            f"correct one of them, bring this registry's database back (manage.py restore), or {MEANT}"
        )
    return Conflict(
        "the storage (STORAGE_URL) is not the one this database had: it is empty, or only some files were copied; "
        f"is its volume mounted? Bring the tarballs back (manage.py restore BACKUPS --tarballs), or {MEANT}"
    )
