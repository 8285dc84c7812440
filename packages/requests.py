"""Asking for access: members of an org ask for a package of it that they cannot see; owners and admins decide.

Whether there is such a package, a member must not learn: every name of the org's scope can be asked for, and the answer
is the same. Scopes of users have no such list of people, so there is nothing to ask for there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from accounts import audit, limiting, notices
from accounts.actor import Actor, Power
from accounts.models import User
from orgs import access as org_access
from orgs import teams
from orgs.models import Membership, Org, Role, Seat, Team
from packages import access, sharing
from packages.models import MAX_MESSAGE, AccessRequest, Package, TeamGrant
from packages.names import PackageName
from registry_site.errors import Conflict, Invalid, NotFound

LIFETIME = timedelta(days=30)
_LEADS = (Role.OWNER, Role.ADMIN)


@dataclass(frozen=True)
class Way:
    """How a request can be granted: into a team that has the package, or the package to a team of the asker's.

    value: what `approve` takes, `join TEAM` or `read TEAM` or `write TEAM`.
    """

    value: str
    label: str


@dataclass(frozen=True)
class Waiting:
    """A request, and how it can be granted; `exists` is False when the org has no package of this name."""

    request: AccessRequest
    exists: bool
    ways: list[Way] = field(default_factory=list)


@dataclass(frozen=True)
class Offer:
    """Whether a member may ask for a name, and when they did already."""

    may: bool
    name: str
    org: str = ""
    asked: datetime | None = None


def offer(actor: Actor, name: str) -> Offer:
    """Whether the actor may ask for this name: as a member, and no owner or admin, of the org that holds its scope.

    The same for every name of the scope that the actor cannot see, whether it exists or not.
    """
    membership = _member(actor, name)
    if membership is None or _sees(actor, name):
        return Offer(False, name)
    mine = _open().filter(membership=membership, name=name).first()
    return Offer(True, name, membership.org.name, mine.created_at if mine else None)


def ask(actor: Actor, name: str, message: str = "") -> None:
    """Ask the org's owners and admins for a package by its name; asking again while it waits changes nothing.

    Raises NotFound, in the words of a missing name, for everyone who is no member; Conflict for what the actor sees
    already, Invalid for a long message, TooManyRequests.
    """
    actor.require(Power.GOVERN)
    membership = _member(actor, name)
    if membership is None:
        raise access.missing(actor, name)
    if _sees(actor, name):
        raise Conflict(f"you can see {name} already")
    message = " ".join(message.split())
    if len(message) > MAX_MESSAGE:
        raise Invalid(f"a message has at most {MAX_MESSAGE} characters")
    with transaction.atomic():
        Membership.objects.select_for_update().get(pk=membership.pk)
        mine = AccessRequest.objects.filter(membership__user=actor.user)
        mine.filter(closed_at=None, created_at__lte=timezone.now() - LIFETIME).update(closed_at=timezone.now())
        if mine.filter(membership=membership, name=name, closed_at=None).exists():
            return
        _require_patience(mine)
        asked = AccessRequest.objects.create(membership=membership, name=name, message=message)
        org = membership.org.name
        audit.record(actor, "access.asked", package=name, org=org, person=actor.name)
        notices.tell(
            _leads(membership.org),
            notices.Kind.ASKED,
            f"{actor.name} asks for access to {name}",
            f"{actor.name}, a member of {org}, asks for access to {name}.",
            *([f"“{message}”"] if message else []),
            "Grant it or decline it. The request runs out after 30 days.",
            link=("Look at the request", reverse("org-requests", args=[org]) + f"#request-{asked.pk}"),
        )


def waiting_for(actor: Actor) -> QuerySet[AccessRequest]:
    """The open requests that the actor may decide, newest first, each with its membership, user and org."""
    if actor.user is None or actor.token is not None:
        return AccessRequest.objects.none()
    leads = Membership.objects.standing().filter(user=actor.user, role__in=_LEADS).order_by()
    found = _open().filter(membership__org__in=leads.values("org"), membership__user__is_active=True)
    return found.select_related("membership__user", "membership__org__scope")


def with_ways(actor: Actor, requests: list[AccessRequest]) -> list[Waiting]:
    """These requests of one org, each with the ways to grant it. Four queries for all of them."""
    there = {
        package.name: package for package in access.visible_to(actor).filter(name__in={each.name for each in requests})
    }
    grants: dict[int, list[TeamGrant]] = {}
    for grant in TeamGrant.objects.filter(package__in=[p.pk for p in there.values()]).select_related("team"):
        grants.setdefault(grant.package_id, []).append(grant)
    seats: dict[int, list[Team]] = {}
    asking = [each.membership_id for each in requests]
    for seat in Seat.objects.filter(membership__in=asking).select_related("team").order_by("team__name"):
        seats.setdefault(seat.membership_id, []).append(seat.team)
    return [_with_ways(each, there.get(each.name), grants, seats) for each in requests]


def approve(actor: Actor, org_name: str, key: int, way: str) -> AccessRequest:
    """Grant a request in one of its ways, and tell who asked.

    Raises NotFound for a request that is none, or a package that the org does not have; Invalid for another way; and
    what adding to a team, or giving a team the package, raises.
    """
    verb, _, team = way.partition(" ")
    if verb not in ("join", "read", "write") or not team:
        raise Invalid("choose a team")
    with transaction.atomic():
        asked = _decided(actor, org_name, key)
        if verb == "join":
            found = access.find(actor, access.Action.MANAGE, asked.name)
            if not found.team_grants.filter(team__name=team).exists():
                raise Conflict(f"the team {team} was not given {asked.name}")
            teams.add(actor, org_name, team, asked.membership.user.username)
        else:
            sharing.grant_team(actor, asked.name, org_name, team, verb)
        asked.granted = True
        _close(actor, asked, "access.approved")
        notices.tell(
            asked.membership.user,
            notices.Kind.ACCESS,
            f"You have access to {asked.name}",
            f"{actor.name} granted your request for {asked.name}, through the team {team} of {org_name}.",
            link=("Open the package", reverse("package", args=[asked.name])),
        )
    return asked


def decline(actor: Actor, org_name: str, key: int) -> AccessRequest:
    """Decline a request, and tell who asked: the same whether there is such a package or not. Raises NotFound."""
    with transaction.atomic():
        asked = _decided(actor, org_name, key)
        _close(actor, asked, "access.declined")
        notices.tell(
            asked.membership.user,
            notices.Kind.ACCESS,
            f"Your request for {asked.name} was declined",
            f"{actor.name} declined your request for access to {asked.name}. If you need it, talk to {actor.name}.",
        )
    return asked


def _member(actor: Actor, name: str) -> Membership | None:
    try:
        scope = PackageName.parse(name).scope
    except Invalid:
        return None
    if actor.user is None or actor.token is not None or not scope:
        return None
    mine = Membership.objects.standing().filter(org__scope__name=scope, user=actor.user).exclude(role__in=_LEADS)
    return mine.select_related("org__scope").first()


def _sees(actor: Actor, name: str) -> bool:
    return access.visible_to(actor).filter(name=name).exists()


def _open() -> QuerySet[AccessRequest]:
    return AccessRequest.objects.filter(closed_at=None, created_at__gt=timezone.now() - LIFETIME)


def _leads(org: Org) -> list[User]:
    leads = org.memberships.standing().filter(role__in=_LEADS, user__is_active=True)
    return [each.user for each in leads.select_related("user")]


def _decided(actor: Actor, org_name: str, key: int) -> AccessRequest:
    org = org_access.find(actor, org_access.Action.TEAMS, org_name)
    found = _open().filter(membership__org=org, pk=key).select_for_update(of=("self",))
    asked = found.select_related("membership__user", "membership__org__scope").first()
    if asked is None:
        raise NotFound("this request was decided already, or ran out")
    return asked


def _require_patience(mine: QuerySet[AccessRequest]) -> None:
    if (limit := limiting.most("access-request")) is None:
        return
    most, seconds = limit
    asked = mine.filter(created_at__gt=timezone.now() - timedelta(seconds=seconds)).order_by("-created_at")
    if last := list(asked.values_list("created_at", flat=True)[most - 1 : most]):
        left = seconds - (timezone.now() - last[0]).total_seconds()
        raise limiting.refusal("you asked for many packages lately; talk to an owner of the org", left)


def _close(actor: Actor, asked: AccessRequest, action: str) -> None:
    asked.closed_at = timezone.now()
    asked.save(update_fields=["closed_at", "granted"])
    org, person = asked.membership.org.name, asked.membership.user.username
    audit.record(actor, action, package=asked.name, org=org, person=person)


def _with_ways(
    asked: AccessRequest, package: Package | None, grants: dict[int, list[TeamGrant]], seats: dict[int, list[Team]]
) -> Waiting:
    if package is None:
        return Waiting(asked, False)
    theirs = seats.get(asked.membership_id, [])
    given = grants.get(package.pk, [])
    ways = [Way(f"join {grant.team.name}", f"Add to the team {grant.team.name} ({grant.get_permission_display()})")
            for grant in given if grant.team not in theirs]  # fmt: skip
    free = [team for team in theirs if team.pk not in {grant.team_id for grant in given}]
    ways += [Way(f"read {team.name}", f"Give the team {team.name} read") for team in free]
    ways += [Way(f"write {team.name}", f"Give the team {team.name} read-write") for team in free]
    return Waiting(asked, True, ways)
