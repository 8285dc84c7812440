"""The log as it is written, line by line, for tests that read it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from registry_site import logs


class Kept(logging.Handler):
    """Lines in both formats, made at the moment they are said."""

    def __init__(self) -> None:
        super().__init__()
        self.json: list[dict[str, Any]] = []
        self.text: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.json.append(json.loads(logs.Json().format(record)))
        self.text.append(logs.Text().format(record))

    def of(self, logger: str) -> list[dict[str, Any]]:
        """Those of one logger and all below it."""
        return [line for line in self.json if line["logger"].startswith(logger)]


@contextmanager
def kept(level: int | None = None) -> Iterator[Kept]:
    """Keep every line from now on. level: how much the root logger says meanwhile, when not as usual."""
    root, handler = logging.getLogger(), Kept()
    before = root.level
    root.addHandler(handler)
    root.setLevel(before if level is None else level)
    try:
        yield handler
    finally:
        root.setLevel(before)
        root.removeHandler(handler)
