"""Asks upstream registries what is wrong with versions, and keeps the last answer: the next audit may get no other.

Names that are ours are sorted out by whoever calls; what comes back is taken only about names that were asked for.
"""

from __future__ import annotations

import hashlib
import logging
import re
import time
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import orjson
from django.conf import settings
from django.core.cache import cache  # shared by all workers; forgets by itself
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from packages import ranges
from packages.links import link
from packages.models import (
    Advisory,
    AdvisoryCheck,
    DownloadRecord,
    Mirror,
    MirrorAlert,
    MirrorDocument,
    Severity,
)
from packages.names import MAX_VERSION
from packages.upstream import alerts, client, ownership, registries
from packages.upstream.client import UpstreamError
from packages.upstream.registries import Registry

logger = logging.getLogger(__name__)

PATH = "-/npm/v1/security/advisories/bulk"
SECONDS = 5  # for all registries together: an install waits for it, in the background
JOB_SECONDS = 30
MOST_BYTES = 16 * 2**20
MOST_OF_A_NAME = 200  # advisories
MOST_VERSIONS = 100  # of a name, that are asked about again with the next ones
FAILED_SECONDS = 30  # how long a registry that did not answer is left alone
A_BATCH = 500  # names of one question of the daily job
MOST_ALERTS = 20  # of one advisory
_SEVERITIES = {**{word: word for word in Severity.values}, "info": "low", "medium": "moderate"}
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")
_ODD = re.compile(r"[^!-~]")
_WEAKNESS = re.compile(r"CWE-[0-9]{1,6}", re.ASCII)
_END = re.compile(r"<\s*([0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.-]*)\s*$", re.ASCII)
_FIELDS = ("severity", "title", "range", "fixed_in", "url", "cwes", "score", "vector", "withdrawn_at")

Asked = Mapping[str, Iterable[str]]  # versions by name


def refresh(asked: Asked) -> None:
    """Have what upstream knows of these versions in the database, asking for what is not known or too old.

    asked: names that are not ours. A registry that fails or is slow leaves the last known answer as it is; nothing is
    raised. Never call it inside a transaction.
    """
    if not settings.UPSTREAM_AUDIT or settings.UPSTREAM_OFFLINE:
        return
    ends = time.monotonic() + SECONDS
    for registry, names in _by_registry(_stale(asked)).items():
        left = ends - time.monotonic()
        if left > 0 and not cache.get(_kept("failed", registry.url)):
            _ask(registry, names, left)


def refresh_used() -> int:
    """Ask about every mirrored version that somebody downloaded lately; gives how many names. For the daily job."""
    if not settings.UPSTREAM_AUDIT or settings.UPSTREAM_OFFLINE or not registries.is_on():
        return 0
    since = timezone.now().date() - timedelta(days=settings.DOWNLOAD_RECORD_DAYS)
    used: dict[str, list[str]] = {}
    rows = DownloadRecord.objects.filter(mirrored=True, day__gte=since).order_by("name")
    for name, number in rows.values_list("name", "number").distinct():
        used.setdefault(name, []).append(number)
    names = list(used)
    for start in range(0, len(names), A_BATCH):
        batch = names[start : start + A_BATCH]
        ours = ownership.ours(batch)
        for registry, some in _by_registry({name: set(used[name]) for name in batch if name not in ours}).items():
            _ask(registry, some, JOB_SECONDS)
    return len(names)


def _stale(asked: Asked) -> dict[str, set[str]]:
    """What has to be asked: of mirrored names, with the versions that were asked about before."""
    wanted = {name: set(numbers) for name, numbers in asked.items() if numbers}
    since = timezone.now() - timedelta(seconds=settings.UPSTREAM_MAX_AGE)
    for check in AdvisoryCheck.objects.filter(name__in=list(wanted)):
        if check.checked_at > since and wanted[check.name] <= set(check.versions):
            del wanted[check.name]
        else:
            wanted[check.name] |= set(check.versions[:MOST_VERSIONS])
    return wanted


def _by_registry(wanted: Mapping[str, set[str]]) -> dict[Registry, dict[str, set[str]]]:
    found: dict[Registry, dict[str, set[str]]] = {}
    for name, numbers in wanted.items():
        registry = registries.for_name(name)
        if registry is not None:
            found.setdefault(registry, {})[name] = numbers
    return found


def _ask(registry: Registry, wanted: Mapping[str, set[str]], seconds: float) -> None:
    mirrored = _mirrored(wanted)
    # Names that nobody mirrored leave no row, or strangers could fill the table with names; the question is remembered.
    others = {name: numbers for name, numbers in wanted.items() if name not in mirrored}
    answered = _kept("answered", registry.url, _body(others).decode())
    names = mirrored if cache.get(answered) else wanted
    if not names:
        return
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    try:
        answer = client.post(registry, PATH, _body(names), headers, most=MOST_BYTES, seconds=seconds)
        if answer.status != 200:
            raise UpstreamError(f"{registry.host} answered with {answer.status}")
        said = _read(answer.body, names)
    except UpstreamError as error:
        logger.warning("advisories could not be asked for: %s", error)
        cache.set(_kept("failed", registry.url), True, FAILED_SECONDS)
        return
    _keep(names, said, mirrored)
    cache.set(answered, True, max(1, settings.UPSTREAM_MAX_AGE))


def _mirrored(wanted: Mapping[str, set[str]]) -> dict[str, set[str]]:
    known = Mirror.objects.filter(name__in=list(wanted), package__isnull=False)
    return {name: wanted[name] for name in known.values_list("name", flat=True)}


def _body(names: Mapping[str, set[str]]) -> bytes:
    return orjson.dumps({name: sorted(numbers) for name, numbers in sorted(names.items())})


def _read(body: bytes, names: Mapping[str, set[str]]) -> dict[tuple[str, str], Advisory]:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UpstreamError("the answer is not JSON") from error
    if not isinstance(said, dict):
        raise UpstreamError("the answer is no list of advisories")
    found: dict[tuple[str, str], Advisory] = {}
    for name in names.keys() & said.keys():
        entries = said[name] if isinstance(said[name], list) else []
        for entry in entries[:MOST_OF_A_NAME]:
            advisory = _entry(name, names[name], entry)
            if advisory is not None:
                found[name, advisory.key] = advisory
    return found


def _entry(name: str, asked: Iterable[str], entry: Any) -> Advisory | None:
    key = entry.get("id") if isinstance(entry, dict) else None
    if isinstance(key, bool) or not isinstance(key, int | str) or not 0 < len(str(key)) <= 60 or "/" in str(key):
        return None
    said = entry.get("vulnerable_versions")
    # A range that cannot be read is still about the versions that were asked for, or it would not have come.
    wanted = said if isinstance(said, str) and ranges.is_range(said) else " || ".join(sorted(asked))[:1000]
    cvss = entry.get("cvss") if isinstance(entry.get("cvss"), dict) else {}
    score, vector = cvss.get("score"), cvss.get("vectorString")
    is_score = isinstance(score, int | float) and not isinstance(score, bool) and 0 < score <= 10
    weaknesses = entry.get("cwe") if isinstance(entry.get("cwe"), list) else []
    url = entry.get("url")
    return Advisory(
        name=name,
        key=_line(str(key), 60),
        severity=_SEVERITIES.get(str(entry.get("severity")), Severity.HIGH),
        title=_line(entry.get("title"), 200) or "Vulnerable versions",
        range=wanted,
        fixed_in=_fixed_in(wanted),
        url=url if link(url) and not _ODD.search(url) else "",
        cwes=[each for each in weaknesses[:20] if isinstance(each, str) and _WEAKNESS.fullmatch(each)],
        score=float(score) if is_score else None,
        vector=_line(vector, 200),
    )


def _fixed_in(wanted: str) -> str:
    # Upstream does not say it, but a range that ends below a version does.
    match = _END.search(wanted)
    return match[1] if match and len(match[1]) <= MAX_VERSION and not ranges.inside(wanted, [match[1]]) else ""


def _line(text: Any, most: int) -> str:
    return _UNPRINTABLE.sub(" ", text).strip()[:most] if isinstance(text, str) else ""


def _keep(
    names: Mapping[str, set[str]], said: Mapping[tuple[str, str], Advisory], mirrored: Mapping[str, set[str]]
) -> None:
    now = timezone.now()
    known = {(each.name, each.key): each for each in _about(names)}
    changed = [row for place, row in said.items() if place not in known or _differs(known[place], row)]
    gone = [
        row
        for place, row in known.items()
        if place not in said and row.withdrawn_at is None and ranges.inside(row.range, names[row.name])
    ]
    checks = [
        AdvisoryCheck(name=name, versions=sorted(numbers)[:1000], checked_at=now) for name, numbers in mirrored.items()
    ]
    news = [row for row in changed if (row.name, row.key) not in known or known[row.name, row.key].range != row.range]
    told = _told(news)
    with transaction.atomic():
        Advisory.objects.bulk_create(
            changed, update_conflicts=True, unique_fields=["name", "key"], update_fields=_FIELDS, batch_size=100
        )
        Advisory.objects.filter(pk__in=[row.pk for row in gone]).update(withdrawn_at=now)
        # A version that mends something may come out of a cooldown, so documents are built anew.
        touched = {row.name for row in (*changed, *gone)}
        Mirror.objects.filter(name__in=touched).update(revision=F("revision") + 1)
        # What mends an advisory is let through the cooldown, so that their documents may be others now.
        told_of = {row.name for row in changed} | {row.name for row in known.values() if row.pk in gone}
        MirrorDocument.objects.filter(mirror__name__in=told_of).delete()
        AdvisoryCheck.objects.bulk_create(
            checks,
            update_conflicts=True,
            unique_fields=["name"],
            update_fields=["versions", "checked_at"],
            batch_size=100,
        )
    for name, number, text in told:
        alerts.alert(MirrorAlert.Kind.ADVISORY, name, number, text)


def _about(names: Iterable[str]) -> QuerySet[Advisory]:
    return Advisory.objects.filter(package=None, name__in=list(names)).defer("text", "html")


def _differs(known: Advisory, said: Advisory) -> bool:
    return any(getattr(known, field) != getattr(said, field) for field in _FIELDS)


def _told(news: list[Advisory]) -> list[tuple[str, str, str]]:
    downloaded: dict[str, set[str]] = {}
    rows = DownloadRecord.objects.filter(name__in={each.name for each in news}).order_by()
    for name, number in rows.values_list("name", "number").distinct():
        downloaded.setdefault(name, set()).add(number)
    return [
        (each.name, number, f"{each.title} ({each.severity}, {each.label})")
        for each in news
        for number in ranges.inside(each.range, sorted(downloaded.get(each.name, ())))[:MOST_ALERTS]
    ]


def _kept(*words: str) -> str:
    return "advisories-" + hashlib.sha256("\n".join(words).encode()).hexdigest()
