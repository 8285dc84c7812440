"""Why somebody may use a package: pages explain access with it."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from orgs.models import Membership, Role, Seat
from packages.access import BY_PERMISSION, ORG, OWNER, WRITER, Standing
from packages.models import Package, Permission


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


def of(package: Package) -> dict[int, Reason]:
    """Everyone with a standing of reader or more, by user id, each with the strongest reason for it.

    package: found for an actor, so that it carries its `kind`. Two queries at most.
    """
    found: dict[int, Reason] = {}

    def offer(user_id: int, reason: Reason) -> None:
        if user_id not in found or found[user_id].standing < reason.standing:
            found[user_id] = reason

    if package.kind == ORG:
        leads = Membership.objects.filter(org__scope=package.scope_id, role__in=(Role.OWNER, Role.ADMIN))
        for user_id, role in leads.values_list("user", "role"):
            offer(user_id, Reason(OWNER, "role", role))
        seats = Seat.objects.filter(team__grants__package=package, team__org__scope=package.scope_id)
        for user_id, team, permission in seats.values_list(
            "membership__user", "team__name", "team__grants__permission"
        ):
            offer(user_id, Reason(BY_PERMISSION[Permission(permission)], "team", team))
        return found
    if package.scope is not None and package.scope.user_id is not None:
        offer(package.scope.user_id, Reason(OWNER, "scope", package.scope.name))
    for user_id, permission in package.person_grants.values_list("user", "permission"):
        offer(user_id, Reason(BY_PERMISSION[Permission(permission)], "grant"))
    return found


def the_public() -> str:
    """What the readers of a public package are called in this mode."""
    return "everyone" if settings.REGISTRY_MODE == "public" else "everyone who is logged in"
