"""Another npm registry: asked for names, packuments and tarballs, as its clients ask; ours is one, too.

Every address is checked as webhooks are (`EGRESS_ALLOWED_NETWORKS`), and the token goes to its own origin alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote, urlsplit

import orjson
from django.conf import settings

from packages.models import Access
from packages.moving import sources
from packages.moving.sources import MOST_PACKAGES, Found, Told
from packages.names import PackageName
from packages.upstream import client, reading
from packages.upstream.client import UpstreamError
from packages.upstream.registries import Registry
from packages.wire.intents import Spooled
from registry_site.egress import EgressError
from registry_site.errors import Conflict, Invalid, Malformed, NotFound, Unavailable, UpstreamFailed

SECONDS = 300
MOST_LISTING = 64 << 20
PAGE = 250
LABEL = 60
_SCOPE = re.compile(r"@[a-z0-9][a-z0-9._-]*", re.ASCII)


class Remote:
    """The registry as a Source.

    wanted: gives the names, for which it may ask the registry itself. access: the level of every package, "" for what
    the registry shows to somebody without a token: those packages are public, the rest are private.
    """

    is_near = False

    def __init__(self, url: str, token: str, wanted: Callable[[Remote], list[str]], access: str = "") -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise Invalid("the registry is an address such as https://npm.example.com/, without a password in it")
        if url.rstrip("/").removesuffix("/npm") == settings.SITE_URL:
            raise Conflict("this is the address of this registry; name the one to move from")
        self.registry = Registry(url.rstrip("/"), token)
        self.label = self.registry.host[:LABEL]
        self._wanted, self._access = wanted, access

    def names(self) -> list[str]:
        """The names that were asked for. Raises Unavailable, Invalid when the registry does not say."""
        found = list(dict.fromkeys(self._wanted(self)))
        if len(found) > MOST_PACKAGES:
            raise Invalid(f"these are more than {MOST_PACKAGES} packages; move some scopes at a time")
        return found

    def package(self, name: str) -> Found:
        """The whole packument. Raises NotFound, Unavailable, Malformed."""
        parsed = sources.parsed(name)
        answer = self._get(self.registry.package(parsed.full), most=reading.MOST_BYTES)
        if answer is None:
            raise NotFound("it has no such package, or the token may not read it")
        read = reading.read(answer, parsed, is_full=True)
        return Found(
            name=parsed,
            versions=sources.versions_of(read),
            level=self._access or self._level(parsed),
            tags=read.document["dist-tags"],
            modified_at=read.modified_at,
            maintainers=sources.people_of(read.document.get("maintainers")),
            left=read.dropped,
        )

    @contextmanager
    def tarball(self, found: Found, told: Told) -> Iterator[Spooled]:
        """The bytes behind the link of its packument. Raises UpstreamFailed, TooLarge: one may fail, others come."""
        headers = {"Accept-Encoding": "identity"}
        most = settings.MAX_TARBALL + 1
        try:
            with client.opened(self.registry, told.place, headers, most=most, seconds=SECONDS) as reply:
                if reply.status != 200:
                    raise UpstreamFailed(f"{self.label} answered with {reply.status}")
                with sources.spooled(reply.chunks()) as spooled:
                    yield spooled
        except (UpstreamError, EgressError) as error:
            raise UpstreamFailed(f"it cannot be fetched: {error}") from error

    def in_scope(self, scope: str) -> list[str]:
        """The names of a scope that the registry tells of: by npm's own lists, and by its search."""
        if not _SCOPE.fullmatch(scope):
            raise Invalid(f"{scope} is no scope; write it as in @acme")
        bare = scope.removeprefix("@")
        found = set(self._searched(f"scope:{bare}")) | set(self._searched(scope))
        for path in (f"-/org/{quote(bare)}/package", f"-/user/{quote(bare)}/package"):
            with suppress(Unavailable, Invalid, Malformed):  # few have these, and some fail on what they do not know
                said = self._json(self.registry.address(path), missing={})
                found |= set(said if isinstance(said, dict) else ())
        return sorted(name for name in found if name.startswith(f"{scope}/"))

    def everything(self) -> list[str]:
        """Every name that the registry tells of: by its old list of all, or by its search."""
        said = self._json(self.registry.address("-/all"), missing=None)
        if isinstance(said, dict) and said:
            return sorted(name for name in said if not name.startswith("_"))
        return sorted(set(self._searched("")))

    def _searched(self, text: str) -> Iterator[str]:
        start, seen = 0, set[str]()
        while start < MOST_PACKAGES:
            address = self.registry.address(f"-/v1/search?text={quote(text, safe='')}&size={PAGE}&from={start}")
            said = self._json(address, missing={})
            objects = said.get("objects") if isinstance(said, dict) else None
            names = [_name(each) for each in objects] if isinstance(objects, list) else []
            if seen.issuperset(names):  # the end, or a registry that knows no pages
                return
            yield from filter(None, names)
            seen.update(names)
            start += len(names)

    def _level(self, name: PackageName) -> str:
        if not self.registry.token:
            return Access.PUBLIC
        stranger = Registry(self.registry.url)
        address = stranger.package(name.full)
        asked = client.opened(stranger, address, most=reading.MOST_BYTES, seconds=SECONDS, follow=False)
        with _telling(), asked as reply:
            if reply.status != 200:
                return Access.RESTRICTED
            try:
                reading.read(reply.body(), name, is_full=True)
            except Malformed:  # a page to sign in, say: that is no package for everybody
                return Access.RESTRICTED
        return Access.PUBLIC

    def _json(self, address: str, *, missing: Any) -> Any:
        body = self._get(address, most=MOST_LISTING)
        if body is None:
            return missing
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            raise Malformed(f"{self.label} did not answer with JSON") from None

    def _get(self, address: str, *, most: int) -> bytes | None:
        registry = self.registry
        with (
            _telling(),
            client.opened(registry, address, {"Accept": "application/json"}, most=most, seconds=SECONDS) as reply,
        ):
            if reply.status in (404, 405, 501) or (not registry.token and reply.status in (401, 403)):
                return None
            if reply.status in (401, 403):
                raise Invalid(f"{self.label} refuses the token")
            if reply.status != 200:
                raise Unavailable(f"{self.label} answered with {reply.status}")
            return reply.body()


@contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except (UpstreamError, EgressError) as error:
        raise Unavailable(str(error)) from error


def _name(entry: Any) -> str:
    package = entry.get("package") if isinstance(entry, dict) else None
    name = package.get("name") if isinstance(package, dict) else None
    return name if isinstance(name, str) else ""
