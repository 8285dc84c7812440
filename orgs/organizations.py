"""Orgs and their members: made, joined, left."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from accounts import audit, names, people
from accounts.actor import Actor, Power
from accounts.models import Scope, User
from orgs import access, telling
from orgs.access import Action
from orgs.models import DEVELOPERS, Invitation, Membership, Org, Role, Seat, Team
from registry_site.errors import Conflict, Invalid, NotFound


def create(actor: Actor, name: str, title: str = "", *, owner: User | None = None) -> Org:
    """Make an org with its scope, its `developers` team, and its first owner.

    owner: the actor's person unless an operator names another.
    Raises SignInRequired, Invalid for a bad name, Conflict when the name is taken.
    """
    owner = owner or actor.require_person(Power.GOVERN)
    name = names.clean(name)
    with people.taking(name):
        scope = Scope.objects.create(name=name, kind=Scope.Kind.ORG)
        return found(actor, scope, owner, title)


def found(actor: Actor, scope: Scope, owner: User, title: str = "") -> Org:
    """Put an org on a scope that nobody holds any more; part of a larger transaction."""
    org = Org.objects.create(scope=scope, title=title.strip()[:120])
    Team.objects.create(org=org, name=DEVELOPERS, description="Every member joins it.")
    audit.record(actor, "org.created", org=scope.name)
    join(actor, org, owner, Role.OWNER)
    return org


def join(actor: Actor, org: Org, user: User, role: str, *, by: str = "") -> Membership:
    """Make a person a member, in `developers` as everyone; part of a larger transaction.

    by: who invited the person, where the person accepted an invitation; "" where somebody made them a member.
    """
    membership = Membership.objects.create(org=org, user=user, role=role)
    Seat.objects.create(team=org.teams.get(name=DEVELOPERS), membership=membership)
    if by:
        audit.record(actor, "member.joined", org=org.name, person=user.username, role=role, by=by)
    else:
        audit.record(actor, "member.added", org=org.name, person=user.username, role=role)
        telling.added(actor, org, user, role)
        # Whoever is in needs no invitation any more.
        over = {"closed_at": timezone.now(), "outcome": Invitation.Outcome.ACCEPTED}
        org.invitations.filter(user=user, closed_at=None).update(**over)
    return membership


def set_member(actor: Actor, org_name: str, username: str, role: str | None = None) -> Membership:
    """Add a person to an org, or give a member another role; saying it again changes nothing.

    role: None keeps a member's role and makes a newcomer a developer.
    Raises NotFound for an unknown person, Invalid for an unknown role, Conflict when the last owner would go.
    Source: `npm org set ORG USER [ROLE]`.
    """
    if role is not None and role not in Role.values:
        raise Invalid(f"a role is one of: {', '.join(Role.values)}")
    with transaction.atomic():
        org = access.find(actor, Action.MEMBERS, org_name, lock=True)
        user = people.find(username)
        membership = Membership.objects.filter(org=org, user=user).first()
        if membership is None:
            return join(actor, org, user, role or Role.DEVELOPER)
        if role is not None and role != membership.role:
            _require_other_owner(membership)
            audit.record(actor, "member.role", org=org.name, person=user.username, role=role, was=membership.role)
            membership.role = role
            membership.save(update_fields=["role"])
            telling.added(actor, org, user, role)
    return membership


def remove_member(actor: Actor, org_name: str, username: str) -> None:
    """End a membership, and with it every seat and right that came through the org; people may leave by themselves.

    Raises NotFound when the person is no member, Conflict for the last owner.
    Source: `npm org rm ORG USER`.
    """
    username = username.removeprefix("@")
    with transaction.atomic():
        leaving = actor.user is not None and username == actor.name
        if leaving:
            actor.require(Power.GOVERN)
        org = access.find(actor, Action.VIEW if leaving else Action.MEMBERS, org_name, lock=True)
        membership = Membership.objects.filter(org=org, user__username=username).first()
        if membership is None:
            raise NotFound(f"{username} is not a member of {org.name}")
        _require_other_owner(membership)
        membership.delete()
        audit.record(actor, "member.removed", org=org.name, person=username, role=membership.role)
        telling.removed(actor, org, membership.user)


def of(user: User):
    """The orgs a person is a member of, each with the person's `role`."""
    return Membership.objects.filter(user=user).select_related("org__scope").order_by("org__scope__name")


def shared(actor: Actor, person: User):
    """The memberships of a person in orgs that the actor's person belongs to as well."""
    if actor.user is None:
        return Membership.objects.none()
    return of(person).filter(org__memberships__user=actor.user)


def is_last_owner(membership: Membership) -> bool:
    """Whether the org would be left without an owner who may act if this member went."""
    owners = membership.org.memberships.standing().filter(role=Role.OWNER, user__is_active=True)
    return membership.role == Role.OWNER and not owners.exclude(pk=membership.pk).exists()


def _require_other_owner(membership: Membership) -> None:
    if is_last_owner(membership):
        raise Conflict(f"{membership.user} is the last owner of {membership.org}; make another member owner first")
