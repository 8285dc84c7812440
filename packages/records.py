"""Who downloaded which version: written later, so that no download waits, and forgotten after some time.

One row for each version, day and token, or address where there is no token: a busy build server writes one, not
thousands. `DOWNLOAD_RECORD_DAYS` says how long they are kept; 0 keeps none and writes none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Max, Min, Q, QuerySet, Sum
from django.utils import timezone

from accounts.actor import Actor
from accounts.models import Token, User
from packages.models import DownloadRecord, Package
from packages.models.records import MAX_CLIENT
from registry_site.later import Later

MOST = 100_000  # kinds of downloads that wait
ROWS = 50  # in one statement
PURGED = 5_000  # rows in one transaction
_COLUMNS = (
    "name", "number", "mirrored", "caller", "user", "token", "credential", "machine", "address", "client", "day",
    "first_at", "last_at", "count",
)  # fmt: skip

Key = tuple[str, str, str, date]  # name, number, caller, day


@dataclass(frozen=True)
class Download:
    """Downloads that wait to be written, all of one key."""

    name: str
    number: str
    mirrored: bool
    caller: str
    user_id: int | None
    token_id: int | None
    credential: str
    machine: str
    address: str | None
    client: str
    first_at: datetime
    last_at: datetime
    count: int = 1


@dataclass(frozen=True)
class Counts:
    """How many got something: people, machines (service accounts and workflows), addresses without a token, tokens."""

    people: int = 0
    machines: int = 0
    addresses: int = 0
    tokens: int = 0
    callers: int = 0
    downloads: int = 0

    @property
    def sentence(self) -> str:
        """For alerts and pages; it says for how long downloads are remembered."""
        within = f"in the last {settings.DOWNLOAD_RECORD_DAYS} days"
        if not settings.DOWNLOAD_RECORD_DAYS:
            return "Who downloads is not remembered here (DOWNLOAD_RECORD_DAYS is 0)."
        if not self.callers:
            return f"Nobody downloaded it here {within}."
        parts = [
            _counted(self.people, "person", "people"),
            _counted(self.machines, "service account or workflow", "service accounts or workflows"),
            _counted(self.addresses, "address without a token", "addresses without a token"),
        ]
        *first, last = [each for each in parts if each] or [_counted(self.tokens, "token", "tokens")]
        said = f"{', '.join(first)} and {last}" if first else last
        with_tokens = f", with {_counted(self.tokens, 'token', 'tokens')}" if self.tokens and self.people else ""
        return f"{said} downloaded it here {within}{with_tokens}."


@dataclass
class Caller:
    """What one token, or one address without a token, downloaded of a version. last: its newest record."""

    first_at: datetime
    last_at: datetime
    count: int
    last: DownloadRecord


def noting(actor: Actor, agent: str, package: Package, number: str) -> Callable[[], None]:
    """What to call when a whole tarball of a version was delivered: it remembers who got it.

    agent: the client's user agent. It asks the database nothing, neither now nor then.
    """
    if not settings.DOWNLOAD_RECORD_DAYS:
        return lambda: None
    token, now = actor.token, timezone.now()
    download = Download(
        name=package.name,
        number=number,
        mirrored=package.mirrored,
        caller=f"token {token.pk}" if token else f"address {actor.address or 'unknown'}",
        user_id=actor.user.pk if actor.user else None,
        token_id=token.pk if token else None,
        credential=token.prefix if token else "",
        machine=token.publisher if token else "",
        address=actor.address,
        client=agent[:MAX_CLIENT],
        first_at=now,
        last_at=now,
    )
    return lambda: _keep(download)


def of(name: str, number: str = "") -> QuerySet[DownloadRecord]:
    """What is remembered of a version, or of all versions of a package."""
    found = DownloadRecord.objects.filter(name=name)
    return found.filter(number=number) if number else found


def counts(found: QuerySet[DownloadRecord], among: Q | None = None) -> tuple[Counts, int]:
    """How many these are, and how many tokens and addresses `among` them. One query."""
    facts = found.order_by().aggregate(
        among=Count("caller", distinct=True, filter=among),
        people=Count("user", distinct=True),
        machines=Count("machine", distinct=True, filter=~Q(machine="")),
        addresses=Count("caller", distinct=True, filter=Q(credential="")),
        tokens=Count("caller", distinct=True, filter=~Q(credential="")),
        callers=Count("caller", distinct=True),
        downloads=Sum("count"),
    )
    inside = facts.pop("among")
    return Counts(**facts | {"downloads": facts["downloads"] or 0}), inside


def callers(found: QuerySet[DownloadRecord]) -> QuerySet:
    """These records put together by token or address, the last download first; slice it, and give it to `told`."""
    together = (
        found.order_by()
        .values("caller")
        .annotate(first=Min("first_at"), last=Max("last_at"), all=Sum("count"), newest=Max("pk"))
    )
    return together.order_by("-last", "-newest")


def told(rows: list[dict]) -> list[Caller]:
    """Rows of `callers` with person, token, last address and client. One query for all of them."""
    newest = DownloadRecord.objects.select_related("user", "token").in_bulk([row["newest"] for row in rows])
    return [
        Caller(row["first"], row["last"], row["all"], newest[row["newest"]]) for row in rows if row["newest"] in newest
    ]


def purge() -> int:
    """Forget what is older than `DOWNLOAD_RECORD_DAYS`, the oldest first, so many at a time that no download waits long
    to be written down; gives how many rows it was."""
    kept_since = timezone.now().date() - timedelta(days=settings.DOWNLOAD_RECORD_DAYS)
    past = DownloadRecord.objects.order_by("day")
    past = past.filter(day__lt=kept_since) if settings.DOWNLOAD_RECORD_DAYS else past
    gone = 0
    while keys := list(past.values_list("pk", flat=True)[:PURGED]):
        gone += DownloadRecord.objects.filter(pk__in=keys).delete()[0]
    return gone


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}" if count else ""


def _keep(download: Download) -> None:
    now = timezone.now()
    key = (download.name, download.number, download.caller, now.date())
    later.keep(key, replace(download, first_at=now, last_at=now))


def _merged(older: Download, newer: Download) -> Download:
    # What could not be written comes back as the newer of the two, so that time decides.
    last = max(older, newer, key=lambda each: each.last_at)
    return replace(last, first_at=min(older.first_at, newer.first_at), count=older.count + newer.count)


def _write(downloads: dict[Key, Download]) -> None:
    users = set(User.objects.filter(pk__in={each.user_id for each in downloads.values()}).values_list("pk", flat=True))
    tokens = set(
        Token.objects.filter(pk__in={each.token_id for each in downloads.values()}).values_list("pk", flat=True)
    )
    fields = [DownloadRecord._meta.get_field(name) for name in _COLUMNS]
    table, columns = DownloadRecord._meta.db_table, ", ".join(field.column for field in fields)
    # Sorted, so that two processes lock rows in the same order.
    listed = sorted(downloads.items(), key=lambda item: item[0])
    with transaction.atomic(), connection.cursor() as cursor:
        for start in range(0, len(listed), ROWS):
            rows = [_row(key, each, users, tokens) for key, each in listed[start : start + ROWS]]
            values = ", ".join([f"({', '.join(['%s'] * len(fields))})"] * len(rows))
            cursor.execute(
                f"INSERT INTO {table} ({columns}) VALUES {values} "  # noqa: S608 - our own names # nosec B608
                "ON CONFLICT (name, number, caller, day) DO UPDATE SET "
                f"count = {table}.count + excluded.count, last_at = excluded.last_at, "
                "address = excluded.address, client = excluded.client",
                [field.get_db_prep_save(getattr(row, field.attname), connection) for row in rows for field in fields],
            )


def _row(key: Key, download: Download, users: set[int], tokens: set[int]) -> DownloadRecord:
    facts = vars(download) | {"day": key[3]}
    # An account or a token that is gone meanwhile: the rest is still true.
    facts["user_id"] = facts["user_id"] if facts["user_id"] in users else None
    facts["token_id"] = facts["token_id"] if facts["token_id"] in tokens else None
    return DownloadRecord(**facts)


later: Later[Key, Download] = Later("download records", _write, most=MOST, merge=_merged)
