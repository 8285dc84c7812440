"""The members of an org, narrowed down: by name, role, team, and whether they have two-factor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.core.paginator import Page, Paginator
from django.db.models import OuterRef, Prefetch, QuerySet

from accounts.twofactor import present
from orgs.models import Membership, Org, Role, Seat, Team

ROLES = ("developer", "admin", "owner")  # as pages offer them


@dataclass(frozen=True)
class Wanted:
    """Which members somebody looks for; "" stands for all of them.

    two_factor: on or off; only owners of the org may ask for it.
    """

    text: str = ""
    role: str = ""
    team: str = ""
    two_factor: str = ""

    @classmethod
    def read(cls, query, *, sees_two_factor: bool) -> Wanted:
        """What an address asks for; words that mean nothing ask for nothing."""
        text, team = (query.get(name, "").replace("\0", "").strip().lower()[:100] for name in ("q", "team"))
        role, two_factor = query.get("role", ""), query.get("two_factor", "")
        return cls(
            text=text,
            role=role if role in Role.values else "",
            team=team,
            two_factor=two_factor if sees_two_factor and two_factor in ("on", "off") else "",
        )

    def __bool__(self) -> bool:
        return bool(self.text or self.role or self.team or self.two_factor)


def of(org: Org, wanted: Wanted) -> QuerySet[Membership]:
    """These members by name, each with its person, seats, and `two_factor`."""
    found = org.memberships.annotate(two_factor=present.of(OuterRef("user")))
    if wanted.text:
        found = found.filter(user__username__icontains=wanted.text)
    if wanted.role:
        found = found.filter(role=wanted.role)
    if wanted.team:
        found = found.filter(seats__team__name=wanted.team)
    if wanted.two_factor:
        found = found.filter(two_factor=wanted.two_factor == "on")
    seats = Prefetch("seats", Seat.objects.select_related("team").order_by("team__name"))
    return found.select_related("user").prefetch_related(seats).order_by("user__username")


def page(org: Org, wanted: Wanted, size: int, number: str | None, *, everyone: int) -> Page:
    """One page of these members. everyone: how many members the org has, which is counted already."""
    paginator = Paginator(of(org, wanted), size)
    if not wanted:
        paginator.count = everyone
    return paginator.get_page(number)


def matrix(members: Iterable[Membership], teams: list[Team]) -> Iterator[tuple[Membership, list[tuple[Team, bool]]]]:
    """Each member with each team, and whether the member is in it."""
    for member in members:
        held = {seat.team_id for seat in member.seats.all()}
        yield member, [(team, team.pk in held) for team in teams]
