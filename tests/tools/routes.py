"""Every page of the website, read from the address table itself: no test has to know of a new one."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import get_resolver
from django.urls.resolvers import URLResolver


def pages() -> Iterator[tuple[str, set[str]]]:
    """Each page's route name, once, and what the parts of its address are called; the admin site's are not there."""
    seen = set()
    for name, parts in _walk(get_resolver().url_patterns):
        if name not in seen:
            seen.add(name)
            yield name, parts


def _walk(patterns) -> Iterator[tuple[str, set[str]]]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            if pattern.namespace != "admin":
                yield from _walk(pattern.url_patterns)
        elif pattern.name and not hasattr(pattern.callback, "handlers"):  # the others are the registry's endpoints
            yield pattern.name, set(pattern.pattern.regex.groupindex)
