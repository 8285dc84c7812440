"""Search in the upstream registry: what may be asked there, and what came back, fit to be shown.

A search text leaves this registry only when nothing in it is a name that others must not learn. The decision does not
look at who asks: a name that stays here for one person and leaves with the next has left.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlencode

import orjson
from django.conf import settings
from django.core.cache import caches
from django.db.models import Q

from accounts.actor import NOBODY
from accounts.models import Scope
from packages import access
from packages.manifests import license_of
from packages.models import Package
from packages.names import PackageName, parse_version
from packages.queries import Query
from packages.upstream import client, ownership, registries
from packages.upstream.client import UpstreamError
from packages.upstream.registries import Registry
from registry_site.errors import Invalid

MOST = 100  # results of one search; who looks further looks there
MOST_BYTES = 2 * 2**20
SECONDS = 3.0
KEPT_SECONDS = 300
PAUSE_SECONDS = 30  # after a failure nobody waits for the next one
MAX_DESCRIPTION = 300
MAX_KEYWORDS = 20
MAX_WORD = 60
_CACHE = "upstream"
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_APART = re.compile(r"[^a-z0-9._-]+")
_EDGES = "._-"


@dataclass(frozen=True)
class Found:
    """A package that upstream names. date: when that version was published, "" when upstream does not say it well."""

    name: str
    version: str
    description: str = ""
    keywords: tuple[str, ...] = ()
    date: str = ""
    license: str = ""
    publisher: str = ""

    @property
    def published_at(self) -> datetime | None:
        return datetime.fromisoformat(self.date) if self.date else None


def is_offered(text: str) -> bool:
    """Whether a search for this text goes on upstream at all, as far as the text's form and the settings say.

    What is asked with a qualifier of ours, such as `scope:` or `is:private`, is about what is here.
    """
    query = Query.parse(text)
    inside = query.scope or query.maintainer or query.license or query.is_ or query.not_
    on = settings.UPSTREAM_SEARCH and not settings.UPSTREAM_OFFLINE and registries.default() is not None
    return bool(on and query.words and not inside)


def may_leave(text: str) -> bool:
    """Whether upstream may be sent this text: it is offered, and holds no name of ours that is not open to everybody.

    That is the full name of such a package, its name without the scope, a scope, and what `RESERVED_NAMES` says, as a
    word, as a part of one, or spelled in several words. Three queries.
    """
    if not is_offered(text):
        return False
    words = _spellings(Query.parse(text))
    if any(ownership.is_reserved(word) for word in words):
        return False
    plain = {word.partition("/")[0].removeprefix("@") for word in words}
    if Scope.objects.filter(name__in=plain).exists():
        return False
    named = Q(name__in=words)
    for word in words:
        named |= Q(name__endswith=f"/{word}")
    known = Package.objects.filter(named, mirrored=False)
    return not known.exclude(pk__in=access.visible_to(NOBODY, unpublished=True).order_by().values("pk")).exists()


def find(text: str) -> list[Found]:
    """What upstream finds for a text, its first so many; nothing for a text that stays here.

    Names that are ours are not among them, whatever upstream has under them.
    Raises UpstreamError when upstream does not answer in time, or not sensibly.
    """
    registry = registries.default()
    if registry is None or not may_leave(text):
        return []
    found = _asked(registry, " ".join(_sent(Query.parse(text))))
    ours = ownership.ours([each.name for each in found])
    return [each for each in found if each.name not in ours]


def _sent(query: Query) -> list[str]:
    return [*query.words, *(f"keywords:{word}" for word in query.keywords)]


def _spellings(query: Query) -> set[str]:
    # Whatever a reader of upstream's log could take for a name: each word, its parts, and words written together.
    words = [_folded(word) for word in (*query.words, *query.keywords)]
    parts = {part for word in words for part in _APART.split(word)}
    free = [_folded(word).strip("@") for word in query.words]
    joined = {glue.join(free) for glue in ("", "-", ".", "_")} | {"/".join(free), "@" + "/".join(free)}
    every = {*words, *parts, *joined}
    return {word for each in every for word in (each, each.strip(_EDGES)) if word.strip(_EDGES + "@/")}


def _folded(word: str) -> str:
    return _UNPRINTABLE.sub("", unicodedata.normalize("NFKC", unquote(word))).lower()


def _asked(registry: Registry, text: str) -> list[Found]:
    kept, paused = _key(registry, text), _key(registry, "")
    cache = caches[_CACHE]
    known = cache.get_many([kept, paused])
    if kept in known:
        return [Found(**each) for each in known[kept]]
    if paused in known:
        raise UpstreamError(f"{registry.host} did not answer a moment ago")
    try:
        found = _answer(registry, text)
    except UpstreamError:
        cache.set(paused, True, PAUSE_SECONDS)
        raise
    cache.set(kept, [asdict(each) for each in found], KEPT_SECONDS)
    return found


def _key(registry: Registry, text: str) -> str:
    return "search:" + hashlib.sha256(f"{registry.url} {text}".encode()).hexdigest()


def _answer(registry: Registry, text: str) -> list[Found]:
    path = "-/v1/search?" + urlencode({"text": text, "size": MOST})
    answer = client.get(registry, path, {"Accept": "application/json"}, most=MOST_BYTES, seconds=SECONDS)
    if answer.status != 200:
        raise UpstreamError(f"{registry.host} answered a search with {answer.status}")
    try:
        said = orjson.loads(answer.body)
    except orjson.JSONDecodeError as error:
        raise UpstreamError(f"{registry.host} answered a search with something else") from error
    objects = said.get("objects") if isinstance(said, dict) else None
    if not isinstance(objects, list):
        raise UpstreamError(f"{registry.host} answered a search with something else")
    read = (_read(each.get("package")) for each in objects[:MOST] if isinstance(each, dict))
    return list({each.name: each for each in read if each is not None}.values())


def _read(said: Any) -> Found | None:
    if not isinstance(said, dict) or not isinstance(said.get("name"), str) or not isinstance(said.get("version"), str):
        return None
    try:
        name, version = PackageName.parse(said["name"], old=True).full, parse_version(said["version"])
    except Invalid:
        return None
    keywords = said.get("keywords") if isinstance(said.get("keywords"), list) else []
    publisher = said.get("publisher") if isinstance(said.get("publisher"), dict) else {}
    return Found(
        name,
        version,
        _text(said.get("description"), MAX_DESCRIPTION),
        tuple(word for each in keywords[:MAX_KEYWORDS] if (word := _text(each, MAX_WORD))),
        _date(said.get("date")),
        _text(license_of(said), MAX_WORD),
        _text(publisher.get("username"), MAX_WORD),
    )


def _text(value: Any, most: int) -> str:
    if not isinstance(value, str):
        return ""
    text = " ".join(_UNPRINTABLE.sub(" ", value[: 4 * most]).encode(errors="ignore").decode().split())
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _date(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 40:
        return ""
    try:
        found = datetime.fromisoformat(value)
        return (found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)).isoformat()
    except (ValueError, OverflowError):
        return ""
