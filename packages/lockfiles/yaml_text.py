"""YAML from a file that somebody sent, as tables, lists and texts: no number, no date, no object of any kind.

The loaders of the library go down with their own call stack, and a file of brackets alone ends the whole process; so
its parser is asked for one event after another.
"""

from __future__ import annotations

from typing import Any

import yaml

from registry_site.errors import Invalid

MOST_DEEP = 50
# The parser in C reads a large lockfile in a second, the other in a minute; some systems have only that one.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def documents(data: bytes) -> list[dict[str, Any]]:
    """The documents of a YAML file that are tables. Raises Invalid for anything that no client would write."""
    found: list[Any] = []
    try:
        for event in yaml.parse(data, LOADER):
            if isinstance(event, yaml.DocumentStartEvent):
                builder = _Builder()
            elif isinstance(event, yaml.DocumentEndEvent):
                found += builder.done
            elif not isinstance(event, yaml.StreamStartEvent | yaml.StreamEndEvent):
                builder.take(event)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Invalid("it is not YAML") from error
    return [each for each in found if isinstance(each, dict)]


class _Builder:
    def __init__(self) -> None:
        self.done: list[Any] = []
        self._open: list[list[Any]] = [self.done]  # values of what is not closed yet, the innermost last

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._open[-1].append(event.value)
        elif isinstance(event, yaml.CollectionStartEvent):
            if len(self._open) > MOST_DEEP:
                raise Invalid("it is nested too deep")
            self._open.append([])
        elif isinstance(event, yaml.CollectionEndEvent):
            values = self._open.pop()
            self._open[-1].append(_table(values) if isinstance(event, yaml.MappingEndEvent) else values)
        else:
            raise Invalid("it repeats parts of itself by reference, which no client writes")


def _table(values: list[Any]) -> dict[str, Any]:
    pairs = zip(values[::2], values[1::2], strict=True)
    return {key: value for key, value in pairs if isinstance(key, str)}
