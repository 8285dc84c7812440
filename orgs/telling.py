"""What people are told by mail of orgs and teams; each within the transaction of its change."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.urls import reverse

from accounts import notices
from accounts.actor import Actor
from accounts.models import User
from accounts.notices import Kind
from orgs.models import Invitation, Org, Team

TWO_FACTOR = "{org} asks its members for two-factor: until yours is on, under Settings, nothing comes through the org."


def invited(actor: Actor, invitation: Invitation, secret: str) -> None:
    """Somebody is asked to join; an address that is no user's gets the link with the secret."""
    org = invitation.org
    subject = f"{actor.name} invites you to {org.name}"
    what = [f"{actor.name} asks you to join the organization {org.name} as {invitation.get_role_display().lower()}."]
    if org.requires_two_factor:
        what.append(TWO_FACTOR.format(org=org.name))
    what.append("The invitation ends after 7 days. If you do not know who this is, do nothing.")
    if invitation.user is not None:
        link = ("See the invitation", _page("org-invitation", org.name))
        notices.tell(invitation.user, Kind.INVITED, subject, *what, link=link)
    else:
        link = ("See the invitation", _page("org-invitation-link", org.name, secret))
        link = (link[0], settings.SITE_URL + link[1])
        if settings.EMAIL_URL:
            notices.post([invitation.email], Kind.INVITED.label, subject, *what, link=link)


def joined(invitation: Invitation, user: User) -> None:
    """Who invited is told that the person came."""
    if invitation.invited_by is not None:
        subject, link = f"{user} joined {invitation.org.name}", _members(invitation.org)
        notices.tell(invitation.invited_by, Kind.INVITED, subject, f"{user} accepted your invitation.", link=link)


def added(actor: Actor, org: Org, user: User, role: str) -> None:
    """A person is a member now, or has another role."""
    if user != actor.user:
        more = [TWO_FACTOR.format(org=org.name)] if org.requires_two_factor and not user.has_two_factor else []
        notices.tell(
            user, Kind.ACCESS, f"You are {role} of {org.name}", f"{_who(actor)} did this.", *more, link=_org(org)
        )


def removed(actor: Actor, org: Org, user: User) -> None:
    """A person is no member any more."""
    if user != actor.user:
        what = f"{actor.name} did this. What came through {org.name}, teams and packages, ended with it."
        notices.tell(user, Kind.ACCESS, f"You were removed from {org.name}", what)


def seated(actor: Actor, team: Team, user: User, *, out: bool = False) -> None:
    """A person joined a team or left it, by somebody else's hand."""
    if user != actor.user:
        what = f"You were {'removed from' if out else 'added to'} the team {team.name} of {team.org.name}"
        link = ("See the team", _page("team", team.org.name, team.name))
        notices.tell(user, Kind.ACCESS, what, f"{_who(actor)} did this.", link=link)


def dissolved(actor: Actor, team: Team, users: Iterable[User]) -> None:
    """A team is gone, with the packages that it was given."""
    what = f"{actor.name} deleted it. Packages that only this team gave you are out of reach now."
    others = [user for user in users if user != actor.user]
    notices.tell(others, Kind.ACCESS, f"The team {team.name} of {team.org.name} is gone", what, link=_org(team.org))


def locked_out(actor: Actor, org: Org, users: Iterable[User]) -> None:
    """The org asks for two-factor now, and these members have none."""
    link = ("Turn on two-factor", _page("mfa_index"))
    notices.tell(users, Kind.ACCESS, f"{org.name} asks for two-factor", TWO_FACTOR.format(org=org.name), link=link)


def deleted(actor: Actor, org: Org, users: Iterable[User]) -> None:
    """The org is gone."""
    notices.tell(users, Kind.ACCESS, f"{org.name} was deleted", f"{actor.name} deleted the organization {org.name}.")


def _who(actor: Actor) -> str:
    return actor.name or "An operator of this registry"


def _org(org: Org) -> tuple[str, str]:
    return f"Open {org.name}", _page("org", org.name)


def _members(org: Org) -> tuple[str, str]:
    return "See the members", _page("org-members", org.name)


def _page(name: str, *args: str) -> str:
    # The request may have come to the registry's own host, whose address table has no pages.
    return reverse(name, urlconf=settings.ROOT_URLCONF, args=args)
