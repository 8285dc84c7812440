"""What happened in an org, narrowed down by who, what, package and time; and the same as a file, for owners."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_date

from accounts import audit, extracts
from accounts.models import AuditEvent
from accounts.views.stepping import require_recent
from orgs import access as org_access
from orgs.access import Action
from orgs.models import Org
from packages import changes
from packages.views.orgs import org_head
from packages.views.paging import page_of
from registry_site import sheets

A_PAGE = 50
MOST_ROWS = 100_000  # of one file
# What somebody looks for, and how the actions begin that are meant.
WHAT = {
    "versions": ("Versions and tags", ("version", "tag.")),
    "access": ("Access", ("access.", "person.", "package.", "team.granted", "team.revoked")),
    "members": ("Members", ("member.", "invitation.")),
    "teams": ("Teams", ("team.",)),
    "tokens": ("Tokens and workflows", ("service.", "trust.", "token.")),
    "settings": ("Settings", ("org.",)),
    "rules": ("Rules", ("rules.",)),
}


@dataclass(frozen=True)
class Wanted:
    """Which events somebody looks for; empty stands for all of them."""

    who: str = ""
    what: str = ""
    package: str = ""
    since: date | None = None
    until: date | None = None

    @classmethod
    def read(cls, query) -> Wanted:
        """What an address asks for; words that mean nothing ask for nothing."""
        who, package = (query.get(name, "").replace("\0", "").strip()[:214] for name in ("who", "package"))
        what = query.get("what", "")
        since, until = (_day(query.get(name, "")) for name in ("since", "until"))
        return cls(who.lower().removeprefix("@"), what if what in WHAT else "", package, since, until)

    @property
    def query(self) -> str:
        """As it stands in an address."""
        return urlencode({name: value for name, value in vars(self).items() if value})

    def of(self, org: Org, events: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        """Those of these events that are meant."""
        if self.who:
            events = events.filter(Q(actor_name=self.who) | Q(person=self.who))
        if self.package:
            # Looked for among the packages, which are fewer than the events; no row of theirs ever goes.
            named = org.scope.packages.filter(name__icontains=self.package).order_by().values("name")
            events = events.filter(Q(package__in=named) | Q(package=self.package))
        if self.what:
            begins = Q()
            for beginning in WHAT[self.what][1]:
                begins |= Q(action__startswith=beginning)
            events = events.filter(begins)
        if self.since:
            events = events.filter(at__gte=_midnight(self.since))
        if self.until:
            events = events.filter(at__lt=_midnight(self.until + timedelta(days=1)))
        return events


def activity(request, org: str) -> HttpResponse:
    """What happened in an org; of packages, only what the viewer may see."""
    found = org_access.find(request.actor, Action.PEOPLE, org)
    wanted = Wanted.read(request.GET)
    page = page_of(request, wanted.of(found, changes.heard_in(request.actor, found)), A_PAGE)
    context = {
        "tab": "activity",
        "page": page,
        "wanted": wanted,
        "kinds": [(word, title) for word, (title, _) in WHAT.items()],
    }
    return render(request, "pages/org_activity.html", org_head(request, found) | context)


def sheet(request, org: str) -> HttpResponse:
    """The same events as CSV, for owners."""
    found = org_access.find(request.actor, Action.MEMBERS, org)
    require_recent(request)
    events = Wanted.read(request.GET).of(found, changes.heard_in(request.actor, found))[:MOST_ROWS]
    head = ["when", "who", "credential", "from", "action", "what", "package", "person"]
    rows = (
        [
            event.at.isoformat(timespec="seconds"),
            event.actor_name,
            event.credential,
            event.address,
            event.action,
            audit.sentence(event),
            event.package,
            event.person,
        ]
        for event in events.iterator()
    )
    return sheets.download(f"{found.name}-activity", head, rows)


def lines(request, org: str) -> HttpResponse:
    """The same events as lines of JSON, with all that is known of each."""
    found = org_access.find(request.actor, Action.MEMBERS, org)
    require_recent(request)
    events = Wanted.read(request.GET).of(found, changes.heard_in(request.actor, found))[:MOST_ROWS]
    return sheets.sent(f"{found.name}-activity.jsonl", "application/jsonl", extracts.for_owners(events.iterator()))


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def _day(text: str) -> date | None:
    try:
        found = parse_date(text)
    except ValueError:
        return None
    return found if found and found.year < 9999 else None
