"""The recall of a version: who downloaded it, why it is recalled, what depends on it, and the mail to whoever has it.

Operators see everybody, in the admin site. Those who manage a package see, of a version that is recalled, the people
and machines that have access to it through its org or its grants; of all others, and of versions that nobody recalled,
they see how many there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts import audit, notices
from accounts.actor import Actor
from accounts.models import AuditEvent, User
from orgs.models import Membership, Role
from packages import access, advisories, ranges, reasons, records
from packages.access import Action
from packages.manifests import clean_message
from packages.models import Dependency, DownloadRecord, MirrorVersion, Package, Version
from packages.records import Counts
from registry_site.errors import Conflict, Invalid, NotAllowed, NotFound

REST = timedelta(days=1)
MAX_REASON = 500
MOST_DEPENDENTS = 20
TOLD = "version.recalled"


@dataclass(frozen=True)
class Recall:
    """A version that may have to be recalled, as one actor may see it.

    why: whole sentences; empty when nobody recalled it. shown: the records that the actor sees one by one.
    counts: of all records; named: how many tokens and addresses are shown. quarantined: why it is held, "" when it is
    not. told_at: when those who have it were warned, within a day.
    """

    name: str
    number: str
    is_private: bool
    why: list[str]
    quarantined: str
    shown: QuerySet[DownloadRecord]
    counts: Counts
    named: int
    told_at: datetime | None

    @property
    def others(self) -> int:
        """How many tokens and addresses got it that the actor sees no names of."""
        return self.counts.callers - self.named


@dataclass(frozen=True)
class Affected:
    """A package here that depends on the version's package. asks: the range; gets_it: whether the version is in it."""

    package: Package
    asks: str
    gets_it: bool


def of_own(actor: Actor, name: str, number: str) -> Recall:
    """The recall of a version of a package that the actor manages, also of one that was taken away whole.

    Raises as `access.find`, NotFound for a number that was never published.
    """
    package = _managed(actor, name)
    version = _version(package, number)
    why = _why_own(package, version)
    found = records.of(name, number).filter(mirrored=False)
    theirs = _insiders(package) if why else Q(pk=None)
    counts, named = records.counts(found, theirs)
    quarantined = version.quarantine_reason if version.quarantined_at else ""
    shown, told_at = found.filter(theirs), _told_at(name, number)
    return Recall(name, number, package.is_private, why, quarantined, shown, counts, named, told_at)


def of_any(actor: Actor, name: str, number: str) -> Recall:
    """The recall of any version, for operators; nobody needs to know the package. Raises NotAllowed for others."""
    _require_operator(actor)
    package = Package.objects.filter(name=name).first()
    why, quarantined = _why_mirrored(name, number)
    version = package.versions.filter(number=number).first() if package and not package.mirrored else None
    if version is not None:
        why += _why_own(package, version)
        quarantined = version.quarantine_reason if version.quarantined_at else ""
    elif package is not None:
        why += _advised(package, number)
    found = records.of(name, number)
    counts, _ = records.counts(found)
    is_private, told_at = package is not None and package.is_private, _told_at(name, number)
    return Recall(name, number, is_private, why, quarantined, found, counts, counts.callers, told_at)


def dependents(packages: QuerySet[Package] | None, name: str, number: str) -> list[Affected]:
    """The packages here whose latest version asks for a package, those first whose range takes the version.

    packages: those that may be shown; None for all. At most `MOST_DEPENDENTS`, and one more to show that there are.
    """
    asking = Dependency.objects.filter(name=name).select_related("package").order_by("package__name", "kind")
    if packages is not None:
        asking = asking.filter(Exists(packages.order_by().filter(pk=OuterRef("package"))))
    found = [
        Affected(each.package, each.range, bool(ranges.inside(each.range, [number])))
        for each in asking[: MOST_DEPENDENTS + 1]
    ]
    return sorted(found, key=lambda each: not each.gets_it)


def warn(actor: Actor, name: str, number: str, reason: str) -> int:
    """Tell everybody who downloaded a version, by mail, why they should not use it; how many were told.

    Of service accounts the owners of their org hear. reason: what the mail quotes, one line.
    Raises as `of_own` for those who manage the package, NotAllowed for a version of theirs that is not recalled,
    Invalid for an empty reason, Conflict when there is nobody to tell, no mail server, or they were told within a day.
    """
    reason = clean_message(reason.strip())
    if not 0 < len(reason) <= MAX_REASON:
        raise Invalid(f"say why, in up to {MAX_REASON} characters; whoever downloaded it reads it")
    if not notices.is_on():
        raise Conflict("this registry has no mail server; take the list along as CSV instead")
    by_operator = actor.credential == "operator"
    recall = of_any(actor, name, number) if by_operator else of_own(actor, name, number)
    if not (by_operator or recall.why):
        raise NotAllowed(f"{name}@{number} is not recalled: unpublish it or publish an advisory first")
    found = records.of(name, number) if by_operator else records.of(name, number).filter(mirrored=False)
    with transaction.atomic():
        package = Package.objects.select_for_update(of=("self",)).filter(name=name).select_related("scope").first()
        if at := _told_at(name, number):
            raise Conflict(f"they were told at {at:%H:%M on %-d %B}; once a day is enough")
        people = _people(found)
        if not people:
            raise Conflict("nobody with an account downloaded it; addresses without a token get no mail")
        _mail(actor, package, f"{name}@{number}", reason, people)
        org = package.scope.name if package and package.in_org else ""
        audit.record(actor, TOLD, package=name, org=org, version=number, count=len(people), reason=reason)
    return len(people)


def _managed(actor: Actor, name: str) -> Package:
    try:
        return access.find(actor, Action.MANAGE, name)
    except NotFound:
        if not actor.is_signed_in:
            raise
        return access.find_unpublished(actor, name)


def _version(package: Package, number: str) -> Version:
    light = ("number", "package", "unpublished_at", "quarantined_at", "quarantine_reason")
    version = package.versions.filter(number=number).only(*light).first()
    if version is None:
        raise NotFound(f"{package.name} has no version {number}")
    return version


def _why_own(package: Package, version: Version) -> list[str]:
    why = []
    if version.quarantined_at is not None:
        why.append(f"An operator put it into quarantine: {version.quarantine_reason}")
    if version.unpublished_at is not None:
        why.append(f"It was unpublished on {version.unpublished_at:%-d %B %Y}.")
    return why + _advised(package, version.number)


def _advised(package: Package, number: str) -> list[str]:
    touching = advisories.touching(advisories.standing_of(package), number)
    return [f"An advisory is about it, {each.get_severity_display().lower()}: {each.title}" for each in touching]


def _why_mirrored(name: str, number: str) -> tuple[list[str], str]:
    row = MirrorVersion.objects.filter(mirror__name=name, number=number).first()
    why, reason = [], row.quarantine_reason if row and row.quarantined_at else ""
    if reason:
        why.append(f"An operator put it into quarantine: {reason}")
    if row is not None and row.removed_at is not None:
        why.append(f"Upstream is without it since {row.removed_at:%-d %B %Y}.")
    return why, reason


def _insiders(package: Package) -> Q:
    people = Q(user__in=list(reasons.of(package)))
    if package.scope is None:
        return people
    return people | Q(token__holder=package.scope_id) | Q(user=None, machine__startswith=f"{package.scope.name}/")


def _require_operator(actor: Actor) -> None:
    if actor.credential != "operator":
        raise NotAllowed("only operators of this registry do this, in the admin site")


def _told_at(name: str, number: str) -> datetime | None:
    told = AuditEvent.objects.filter(package=name, action=TOLD, facts__version=number, at__gt=timezone.now() - REST)
    return told.values_list("at", flat=True).first()


def _people(found: QuerySet[DownloadRecord]) -> list[User]:
    orgs = found.exclude(token__holder=None).order_by().values("token__holder")
    owners = Membership.objects.filter(org__scope__in=orgs, role=Role.OWNER).order_by().values("user")
    theirs = Q(pk__in=found.exclude(user=None).order_by().values("user")) | Q(pk__in=owners)
    return list(User.objects.filter(theirs, is_active=True).exclude(email="").order_by("pk"))


def _mail(actor: Actor, package: Package | None, what: str, reason: str, people: Iterable[User]) -> None:
    who = f"An operator of {settings.REGISTRY_NAME}" if actor.credential == "operator" else actor.name
    notices.tell(
        people,
        notices.Kind.RECALLS,
        f"{what}, which you downloaded, should not be used",
        f"{who} wrote: {reason}",
        f"{what} was downloaded with your account, or by a machine of an organization that you own. Install another "
        "version, look for this one in your lockfiles, and on machines where its scripts ran, replace what they "
        "could read: tokens, passwords, keys.",
        link=("See its versions", notices.page("package-versions", package.name)) if package else None,
    )
