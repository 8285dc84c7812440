"""Whether what this registry holds is as it has to be: asked of the database and the storage alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from accounts.actor import Actor
from packages.verification import documents, log, mirrored, names, numbers, people, tarballs, versions
from packages.verification.wrong import Wrong

__all__ = ["Wrong", "look", "mend"]


def look(tell: Callable[[int], None], *, quick: bool = False, sample: int | None = 1000) -> Iterator[Wrong]:
    """All that is wrong, while the registry runs; what changes meanwhile is asked twice.

    tell: hears how many tarballs and documents were looked at. quick: do not read the bytes of tarballs, only lengths.
    sample: how many documents are made anew and compared, those that changed last; None for all.
    Raises OSError when the storage does not answer. Source: `manage.py verify`.
    """
    yield from versions.look()
    yield from people.look()
    yield from names.look()
    yield from numbers.look(tell)
    yield from log.look(tell)
    yield from documents.look(tell, sample)
    yield from mirrored.look(tell, sample)
    yield from tarballs.look(tell, quick=quick)


def mend(actor: Actor, *, sample: int | None = 1000) -> tuple[int, int]:
    """Mend what can be mended without losing anything: gives how many documents went, to be built anew by their next
    readers, and how many numbers were written into the ledger.

    sample: as for `look`. Raises NotAllowed for anybody but an operator, OSError.
    """
    return documents.mend(actor, sample) + mirrored.mend(actor, sample), numbers.mend()
