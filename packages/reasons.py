"""Why somebody may use a package: pages explain access with it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Value, When

from accounts.models import User
from orgs.models import Membership, Role, Seat
from packages.models import Package, Permission
from packages.policy import BY_PERMISSION, OWNER, WRITER, Standing

LEADS = (Role.OWNER, Role.ADMIN)


@dataclass(frozen=True)
class Reason:
    """Why a person stands where they stand.

    via: `scope`, `role`, `team`, `grant`; name: the team's or org's name, "" where there is none.
    """

    standing: Standing
    via: str
    name: str = ""

    def __str__(self) -> str:
        held = "read-write" if self.standing >= WRITER else "read"
        match self.via:
            case "scope":
                return f"holds the scope @{self.name}"
            case "role":
                return f"{self.name} of the org"
            case "team":
                return f"the team {self.name} has {held}"
            case _:
                return "owner of the package" if self.standing == OWNER else f"was given {held}"


Reasons = dict[int, list[Reason]]  # by user id, the strongest first


def of(package: Package) -> dict[int, Reason]:
    """Everyone with a standing of reader or more, by user id, each with the strongest reason for it.

    package: with its scope. One query in an org, else one or two.
    """
    return strongest(every(package))


def strongest(found: Reasons) -> dict[int, Reason]:
    """The strongest reason of each person, of what `every` gave."""
    return {user_id: reasons[0] for user_id, reasons in found.items()}


def every(package: Package, among: Collection[int] | None = None) -> Reasons:
    """As `of`, with all reasons of each person, the strongest first: one of them may go, and another stays.

    among: the ids of those who are asked about; None for everyone.
    """
    found: Reasons = {}

    def offer(user_id: int, reason: Reason) -> None:
        found.setdefault(user_id, []).append(reason)

    if package.in_org:
        for user_id, via, name, given in _in_org(package, among):
            offer(user_id, Reason(OWNER if via == "role" else BY_PERMISSION[Permission(given)], via, name))
    else:
        holder = package.scope.user_id if package.scope is not None else None
        if holder is not None and (among is None or holder in among):
            offer(holder, Reason(OWNER, "scope", package.scope.name))
        grants = package.person_grants if among is None else package.person_grants.filter(user__in=among)
        for user_id, permission in grants.values_list("user", "permission"):
            offer(user_id, Reason(BY_PERMISSION[Permission(permission)], "grant"))
    for reasons in found.values():
        reasons.sort(key=lambda reason: (-reason.standing, reason.via != "role", reason.name))
    return found


def _in_org(package: Package, among: Collection[int] | None) -> QuerySet:
    members = Membership.objects.standing().filter(org__scope=package.scope_id).order_by()
    if among is not None:
        members = members.filter(user__in=among)
    leads = members.filter(role__in=LEADS)
    seats = Seat.objects.filter(team__grants__package=package, membership__in=members.values("pk")).order_by()
    return leads.values_list("user", Value("role"), "role", Value("")).union(
        seats.values_list("membership__user", Value("team"), "team__name", "team__grants__permission"), all=True
    )


def in_org(package: Package) -> QuerySet[Membership]:
    """The active members who may use an org's package, in the order of what they may, then by name."""
    seats = Seat.objects.filter(team__grants__package=package, membership=OuterRef("pk")).order_by()
    writes = Exists(seats.filter(team__grants__permission=Permission.WRITE))
    rank = Case(When(role__in=LEADS, then=Value(0)), When(writes, then=Value(1)), default=Value(2))
    members = Membership.objects.standing().filter(org__scope=package.scope_id, user__is_active=True)
    inside = members.filter(Q(role__in=LEADS) | Exists(seats)).select_related("user")
    return inside.order_by(rank, "user__username")


def managers(package: Package) -> QuerySet[User]:
    """The people who manage a package, to be told of what happens to it."""
    theirs = [user_id for user_id, reason in of(package).items() if reason.standing == OWNER]
    return User.objects.filter(pk__in=theirs, is_active=True)


def the_public() -> str:
    """What the readers of a public package are called in this mode."""
    return "everyone" if settings.REGISTRY_MODE == "public" else "everyone who is logged in"
