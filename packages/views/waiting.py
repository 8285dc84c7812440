"""What waits for a person: on the front page, each with the link to where it is done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from accounts import reminders
from accounts.actor import Actor
from orgs import invitations
from orgs.models import Membership
from packages import requests, staging

SHOWN = 5  # of each kind


@dataclass(frozen=True)
class Task:
    """Something to do. label: what its link says. when: since when it waits, or until when there is time."""

    text: str
    label: str
    address: str
    when: datetime | None = None
    urgent: bool = False


def tasks(actor: Actor, memberships: Iterable[Membership]) -> list[Task]:
    """Everything that waits for this person, the most pressing first."""
    kinds = (_two_factor(actor, memberships), _invitations(actor), _tokens(actor), _requests(actor), _staged(actor))
    return [task for kind in kinds for task in kind]


def _two_factor(actor: Actor, memberships: Iterable[Membership]) -> Iterator[Task]:
    asking = [each.org.name for each in memberships if each.org.requires_two_factor]
    if asking and not actor.user.has_two_factor:
        text = f"{', '.join(asking)} asks its members for two-factor; until then you have no rights there"
        yield Task(text, "Turn it on", reverse("mfa_index"), urgent=True)


def _invitations(actor: Actor) -> Iterator[Task]:
    for each in invitations.waiting_for(actor)[:SHOWN]:
        by = each.invited_by.username if each.invited_by else "An operator"
        address = reverse("org-invitation", args=[each.org.name])
        yield Task(f"{by} invited you to {each.org.name}", "Answer", address, each.created_at, urgent=True)


def _tokens(actor: Actor) -> Iterator[Task]:
    for each in reminders.ending(actor.user)[:SHOWN]:
        name = f"{each.name} ({each.prefix}…)" if each.name else f"{each.prefix}…"
        yield Task(f"Your token {name} ends soon", "Tokens", reverse("tokens"), each.expires_at)


def _requests(actor: Actor) -> Iterator[Task]:
    for each in requests.waiting_for(actor)[:SHOWN]:
        org = each.membership.org.name
        address = reverse("org-requests", args=[org]) + f"#request-{each.pk}"
        yield Task(f"{each.membership.user} asks for access to {each.name}", "Decide", address, each.created_at)


def _staged(actor: Actor) -> Iterator[Task]:
    for each in staging.listed(actor)[:SHOWN]:
        address = reverse("package-review", args=[each.package.name, each.key])
        yield Task(f"{each.package.name} {each.number} waits for a review", "Review", address, each.staged_at)
