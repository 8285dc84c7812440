"""The cache that all processes of all hosts share, with what to do while it is away.

Counts of tries are in it. Without it they go on in the memory of each process: fewer hosts know of each other, and
nobody tries without end, nor is locked out.
"""

from __future__ import annotations

import logging
from typing import Any

from django.core.cache.backends.db import DatabaseCache
from django.core.cache.backends.locmem import LocMemCache
from django.db import DatabaseError, InterfaceError

logger = logging.getLogger(__name__)

MOST = 10_000  # entries in the memory of each process


class SharedCache(DatabaseCache):
    """A table of the database; memory of this process for what the database does not do."""

    def __init__(self, table: str, params: dict[str, Any]) -> None:
        super().__init__(table, params)
        self._own = LocMemCache("while-the-shared-one-is-away", params | {"OPTIONS": {"MAX_ENTRIES": MOST}})

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        return self._try("get", key, default, version)

    def set(self, key: str, value: Any, *args: Any, **more: Any) -> None:
        self._try("set", key, value, *args, **more)

    def add(self, key: str, value: Any, *args: Any, **more: Any) -> bool:
        return self._try("add", key, value, *args, **more)

    def delete(self, key: str, version: int | None = None) -> bool:
        return self._try("delete", key, version)

    def _try(self, verb: str, *args: Any, **more: Any) -> Any:
        try:
            return getattr(super(), verb)(*args, **more)
        except (DatabaseError, InterfaceError):
            logger.warning("the shared cache does not answer; this process counts for itself", exc_info=True)
            return getattr(self._own, verb)(*args, **more)
