"""Long work in portions, so that nobody else waits long to write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

BATCH = 100
Each = TypeVar("Each")


def batches(each: Iterable[Each], size: int = BATCH) -> Iterator[list[Each]]:
    """The same things in lists of at most `size`."""
    rest = iter(each)
    while some := list(islice(rest, size)):
        yield some
