"""Which upstream registry has a name: only what an operator configured, never what a client says."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from urllib.parse import quote, urlsplit

from django.conf import settings


@dataclass(frozen=True)
class Registry:
    """A registry that is mirrored. url: without a last slash; token: shown to its own origin alone."""

    url: str
    token: str = field(default="", repr=False)

    @property
    def host(self) -> str:
        """Its host and port, as people write them."""
        return urlsplit(self.url).netloc.rpartition("@")[2]

    @property
    def origin(self) -> tuple[str, str]:
        """Scheme and host with port."""
        return origin_of(self.url)

    def address(self, path: str) -> str:
        """The whole address of a path. path: without a first slash, quoted already."""
        return f"{self.url}/{path}"

    def package(self, name: str) -> str:
        """The address of a packument: the slash of a scoped name is quoted, as every npm client does."""
        return self.address(quote(name, safe="@"))


def origin_of(url: str) -> tuple[str, str]:
    """Scheme and host with port of an address."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.rpartition("@")[2].lower()


def is_on() -> bool:
    """Whether anything is mirrored here."""
    return bool(settings.UPSTREAM_URL or settings.UPSTREAMS)


def default() -> Registry | None:
    """The registry of names that no scope pattern claims; None when there is none."""
    return Registry(settings.UPSTREAM_URL, settings.UPSTREAM_TOKEN) if settings.UPSTREAM_URL else None


def for_name(name: str) -> Registry | None:
    """The registry that has a package of this name, if any has; None when no upstream may be asked.

    The longest pattern of `UPSTREAMS` that fits the scope wins.
    """
    scope = name.partition("/")[0] if name.startswith("@") else ""
    fitting = [each for each in settings.UPSTREAMS if scope and fnmatchcase(scope, each["scope"])]
    if fitting:
        best = max(fitting, key=lambda each: len(each["scope"]))
        return Registry(best["url"], best["token"])
    return default()


def every() -> list[Registry]:
    """All of them, the default first."""
    scoped = [Registry(each["url"], each["token"]) for each in settings.UPSTREAMS]
    found = [*filter(None, [default()]), *scoped]
    return list({each.url: each for each in found}.values())
