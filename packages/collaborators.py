"""Who uses a package: the people with a standing in it, each with the reason, for those who may see them."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Window

from accounts.models import User
from packages import reasons
from packages.models import Package
from packages.policy import Standing
from packages.reasons import Reason


@dataclass(frozen=True)
class Collaborator:
    """A person with a standing in a package, and why."""

    user: User
    reason: Reason
    permission: str  # read, write or owner
    removable: bool  # a grant of this package's own, and not its last owner


@dataclass(frozen=True)
class Circle:
    """Some of the people with a standing in a package, how many there are in all, and the viewer among them."""

    listed: list[Collaborator]
    count: int
    own: Collaborator | None


def may_see_people(package: Package) -> bool:
    """Whether the actor a package was found for may see who else uses it: those who belong to it in some way."""
    return package.standing >= Standing.MEMBER


def everyone(package: Package, why: reasons.Reasons | None = None) -> list[Collaborator]:
    """Everyone who can at least read a package by a right of their own, strongest first, each with the reason.

    package: found for an actor, who may see this list: one with a standing of member or more.
    why: what `reasons.every` gave, where the caller asked already.
    """
    strongest = reasons.of(package) if why is None else reasons.strongest(why)
    owners = sum(reason.standing == Standing.OWNER for reason in strongest.values())
    found = []
    for user in User.objects.filter(pk__in=strongest, is_active=True):
        reason = strongest[user.pk]
        last = reason.standing == Standing.OWNER and owners == 1
        found.append(_entry(user, reason, removable=reason.via == "grant" and not last))
    return sorted(found, key=lambda each: (-each.reason.standing, each.user.username))


def circle(
    package: Package, start: int, most: int, viewer: User | None = None, why: reasons.Reasons | None = None
) -> Circle:
    """At most so many of the people of `everyone`, from one on; where they are two thousand, few of them are looked at.

    viewer: whose own entry is wanted besides. why: what `reasons.every` gave, where the caller asked already.
    """
    if not package.in_org:
        found = everyone(package)
        own = next((each for each in found if each.user == viewer), None)
        return Circle(found[start : start + most], len(found), own)
    inside = reasons.in_org(package).annotate(all=Window(Count("pk")))
    members = list(inside[start : start + most])
    people = {member.user_id: member.user for member in members} | ({viewer.pk: viewer} if viewer else {})
    best = reasons.strongest(why or reasons.every(package, people.keys()))
    entries = {key: _entry(user, best[key]) for key, user in people.items() if key in best}
    listed = [entries[member.user_id] for member in members if member.user_id in entries]
    return Circle(listed, members[0].all if members else 0, entries.get(viewer.pk) if viewer else None)


def _entry(user: User, reason: Reason, *, removable: bool = False) -> Collaborator:
    permission = {Standing.READER: "read", Standing.WRITER: "write"}.get(reason.standing, "owner")
    return Collaborator(user, reason, permission, removable)
