"""What was installed from upstream lately, as far as this registry remembers it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Q

from orgs.models import Org
from packages.models import DownloadCount, DownloadRecord, MirrorVersion, TokenUse

MOST = 200_000  # rows of one question: versions and days
FACTS = ("published_at", "seen_at", "deprecated", "license", "has_install_script")


@dataclass
class Row:
    """What the engine asks of a version."""

    number: str
    published_at: datetime | None
    seen_at: datetime
    deprecated: str
    license: str
    has_install_script: bool


@dataclass(frozen=True)
class Install:
    """Downloads of one version on one day, by one caller where that is known."""

    name: str
    row: Row
    day: date
    count: int
    user: int | None = None
    caller: str = ""


def counted(since: date) -> Iterator[Install]:
    """What all installed since a day, by version and day. One query."""
    of = "version__mirrored_as__"
    rows = DownloadCount.objects.filter(day__gte=since, package__mirrored=True).exclude(version__mirrored_as=None)
    columns = ("package__name", "day", "count", f"{of}number", *(f"{of}{fact}" for fact in FACTS))
    for name, day, count, *facts in rows.order_by().values_list(*columns)[:MOST].iterator():
        yield Install(name, Row(*facts), day, count)


def recorded(org: Org, since: date) -> list[Install]:
    """What the members and the service accounts of an org installed since a day, by whom. Two queries."""
    records = DownloadRecord.objects.filter(mirrored=True, day__gte=since)
    theirs = Q(user__in=org.memberships.values("user")) | Q(token__in=org.scope.service_tokens.values("pk"))
    columns = ("name", "number", "day", "count", "user", "caller")
    rows = list(records.filter(theirs).order_by().values_list(*columns)[:MOST])
    if not rows:
        return []
    known = MirrorVersion.objects.exclude(version=None).values_list("mirror__name", "number", *FACTS)
    facts = {(name, number): Row(number, *more) for name, number, *more in known.iterator()}
    return [
        Install(name, facts[name, number], day, count, user, caller)
        for name, number, day, count, user, caller in rows
        if (name, number) in facts
    ]


def callers(names: set[str], since: date) -> tuple[bool, list[tuple[str, str, int | None, str]]]:
    """Who installed versions of these packages since a day: name, number, the id of the person, the caller.

    The first value says whether the number counts: where downloads are not remembered by version, the last use of
    each token knows the package alone. Two queries at most.
    """
    records = DownloadRecord.objects.filter(mirrored=True, day__gte=since, name__in=names).order_by()
    rows = list(records.values_list("name", "number", "user", "caller")[:MOST])
    if rows:
        return True, rows
    uses = TokenUse.objects.filter(package__name__in=names, what=TokenUse.What.DOWNLOAD, at__date__gte=since).order_by()
    known = uses.values_list("package__name", "token", "token__user")[:MOST]
    return False, [(name, "", user, str(token)) for name, token, user in known]
