"""Invitations to orgs: made by owners, accepted or declined by whom they are for, and by nobody else."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterable
from datetime import timedelta

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Lower
from django.utils import timezone

from accounts import audit, bearer, limiting, people
from accounts.actor import Actor, Power
from accounts.models import User
from orgs import access, organizations, telling
from orgs.access import Action
from orgs.models import Invitation, Membership, Org, Role, Seat
from registry_site.errors import Conflict, Invalid, NotAllowed, NotFound

LIFETIME = timedelta(days=7)
PAUSE = timedelta(minutes=1)  # before it is sent again
MOST_OPEN = 200  # of one org
OVER = "this invitation was used, taken back or is older than 7 days; ask an owner of the org for another"


def invite(actor: Actor, org_name: str, whom: str, role: str, teams: Iterable[str] = ()) -> tuple[Invitation, str]:
    """Ask a person to join; the second value is the secret of the link, and this is the only time it exists.

    whom: a user name or an e-mail address. teams: names of teams to be in beside `developers`.
    Whom an open invitation asks already gets a new one in its place. An address is never said to be somebody's.
    Raises NotFound for an unknown person or team, Invalid, Conflict for a member.
    Source: the members page; `npm org set` makes members at once.
    """
    if role not in Role.values:
        raise Invalid(f"a role is one of: {', '.join(Role.values)}")
    by = actor.require_person(Power.GOVERN)
    user, email = _whom(whom)
    secret = secrets.token_urlsafe(32)
    with transaction.atomic():
        org = access.find(actor, Action.MEMBERS, org_name, lock=True)
        if user is not None and org.memberships.filter(user=user).exists():
            raise Conflict(f"{user} is a member of {org.name} already")
        seats = [access.find_team(org, name) for name in dict.fromkeys(teams)]
        earlier = org.invitations.filter(user=user, email=email)
        _require_patience(whom, earlier)
        for before in earlier.filter(closed_at=None):
            _close(before, Invitation.Outcome.REVOKED)
        if org.invitations.filter(closed_at=None).count() >= MOST_OPEN:
            raise Invalid(f"{org.name} has {MOST_OPEN} open invitations; take some back first")
        invitation = Invitation(org=org, user=user, email=email, role=role, invited_by=by)
        _send(actor, invitation, secret)
        invitation.teams.set(seats)
        _record(actor, invitation, "invitation.made", role=role)
    return invitation, secret


def resend(actor: Actor, org_name: str, key: uuid.UUID) -> tuple[Invitation, str]:
    """Ask once more, for another 7 days, with a new link; the old one opens nothing.

    Raises NotFound, Conflict when it was sent a few minutes ago.
    """
    by = actor.require_person(Power.GOVERN)
    secret = secrets.token_urlsafe(32)
    with transaction.atomic():
        org = access.find(actor, Action.MEMBERS, org_name, lock=True)
        invitation = _of(org, key)
        _require_pause(invitation)
        people.keep_out(invitation.digest)
        invitation.invited_by = by
        _send(actor, invitation, secret)
        _record(actor, invitation, "invitation.resent")
    return invitation, secret


def revoke(actor: Actor, org_name: str, key: uuid.UUID) -> Invitation:
    """Take an invitation back. Raises NotFound when it is closed already."""
    with transaction.atomic():
        org = access.find(actor, Action.MEMBERS, org_name, lock=True)
        invitation = _of(org, key)
        _close(invitation, Invitation.Outcome.REVOKED)
        _record(actor, invitation, "invitation.revoked")
    return invitation


def listed(org: Org) -> QuerySet[Invitation]:
    """What nobody answered yet, also what is too old by now, newest first; for the org's owners."""
    found = org.invitations.filter(closed_at=None).select_related("user", "invited_by")
    return found.prefetch_related("teams")


def waiting_for(actor: Actor) -> QuerySet[Invitation]:
    """The open invitations for the actor's person, by user name or by an address that the person confirmed."""
    if actor.user is None:
        return Invitation.objects.none()
    confirmed = EmailAddress.objects.filter(user=actor.user, verified=True).annotate(folded=Lower("email"))
    theirs = Q(user=actor.user) | Q(email__in=confirmed.values("folded"))
    return _open(Invitation.objects.filter(theirs)).select_related("org__scope", "invited_by")


def by_secret(org_name: str, secret: str) -> Invitation:
    """The open invitation behind a link, for whoever holds it. Raises NotFound."""
    found = _open(Invitation.objects.filter(digest=bearer.digest(secret), org__scope__name=org_name))
    invitation = found.select_related("org__scope", "user", "invited_by").first()
    if invitation is None:
        raise NotFound(OVER)
    return invitation


def find(actor: Actor, org_name: str, secret: str = "") -> Invitation:
    """The open invitation to this org that is for the actor's person.

    secret: of the link that was opened, if any. Raises SignInRequired, NotFound, NotAllowed for somebody else's link.
    """
    user = actor.require_person(Power.GOVERN)
    if not secret:
        invitation = waiting_for(actor).filter(org__scope__name=org_name).first()
        if invitation is None:
            raise NotFound(f"no open invitation to {org_name} is for you")
        return invitation
    invitation = by_secret(org_name, secret)
    if not _is_for(invitation, user):
        raise NotAllowed(
            f"this invitation is for {invitation.invited}; sign in as that person, or add and confirm the address "
            "under Settings / E-mail"
        )
    return invitation


def accept(actor: Actor, org_name: str, secret: str = "") -> Membership:
    """Join the org with the role and the teams that the invitation says. Raises as `find`; Conflict for a member."""
    with transaction.atomic():
        user, invitation = _take(actor, org_name, secret)
        org = invitation.org
        if org.memberships.filter(user=user).exists():
            raise Conflict(f"you are a member of {org.name} already")
        by = invitation.invited_by.username if invitation.invited_by else ""
        membership = organizations.join(actor, org, user, invitation.role, by=by)
        for team in invitation.teams.exclude(seats__membership=membership):
            Seat.objects.create(team=team, membership=membership)
        _close(invitation, Invitation.Outcome.ACCEPTED)
        telling.joined(invitation, user)
    return membership


def decline(actor: Actor, org_name: str, secret: str = "") -> Org:
    """Say no; the invitation is over. Raises as `find`."""
    with transaction.atomic():
        user, invitation = _take(actor, org_name, secret)
        _close(invitation, Invitation.Outcome.DECLINED)
        audit.record(actor, "invitation.declined", org=invitation.org.name, person=user.username)
    return invitation.org


def _whom(text: str) -> tuple[User | None, str]:
    text = text.strip().lower()
    if "@" not in text.removeprefix("@"):
        return people.find(text), ""
    try:
        validate_email(text)
    except ValidationError as error:
        raise Invalid(f"{text[:100]} is not an e-mail address") from error
    return None, text


def _open(found: QuerySet[Invitation]) -> QuerySet[Invitation]:
    # Of an owner who left, or is one no more, nothing goes on: another owner sends it again.
    owners = Membership.objects.standing().filter(role=Role.OWNER, user__is_active=True)
    owners = owners.filter(org=OuterRef("org"), user=OuterRef("invited_by"))
    return found.filter(Exists(owners), closed_at=None, expires_at__gt=timezone.now())


def _is_for(invitation: Invitation, user: User) -> bool:
    if invitation.user_id is not None:
        return invitation.user_id == user.pk
    addresses = EmailAddress.objects.filter(user=user, email__iexact=invitation.email)
    # Without a mail server no address is ever confirmed; then the link, which an owner handed over, has to be enough.
    return (addresses.filter(verified=True) if settings.EMAIL_URL else addresses).exists()


def _take(actor: Actor, org_name: str, secret: str) -> tuple[User, Invitation]:
    seen = find(actor, org_name, secret)
    Org.objects.select_for_update(of=("self",)).get(pk=seen.org_id)
    if not Invitation.objects.select_for_update(of=("self",)).filter(pk=seen.pk, closed_at=None).exists():
        raise NotFound(OVER)
    return actor.require_person(Power.GOVERN), find(actor, org_name, secret)


def _of(org: Org, key: uuid.UUID) -> Invitation:
    invitation = org.invitations.filter(key=key, closed_at=None).select_related("user").first()
    if invitation is None:
        raise NotFound("there is no such invitation; it was answered meanwhile")
    invitation.org = org
    return invitation


def _require_patience(whom: str, earlier: QuerySet[Invitation]) -> None:
    if (limit := limiting.most("invitation-again")) is None:
        return
    most, seconds = limit
    sent = earlier.filter(sent_at__gt=timezone.now() - timedelta(seconds=seconds)).order_by("-sent_at")
    if (last := list(sent.values_list("sent_at", flat=True)[most - 1 : most])) and last[0] is not None:
        left = seconds - (timezone.now() - last[0]).total_seconds()
        raise limiting.refusal(f"{whom} was invited {most} times already", left)


def _require_pause(invitation: Invitation) -> None:
    if timezone.now() - invitation.sent_at < PAUSE:
        raise Conflict(f"{invitation.invited} was asked a moment ago; wait a minute")


def _send(actor: Actor, invitation: Invitation, secret: str) -> None:
    now = timezone.now()
    invitation.digest, invitation.sent_at, invitation.expires_at = bearer.digest(secret), now, now + LIFETIME
    invitation.save()
    if invitation.email:
        people.let_in(invitation.digest, invitation.email, invitation.invited_by, invitation.expires_at)
    telling.invited(actor, invitation, secret)


def _close(invitation: Invitation, outcome: str) -> None:
    invitation.closed_at, invitation.outcome = timezone.now(), outcome
    invitation.save(update_fields=["closed_at", "outcome"])
    people.keep_out(invitation.digest)


def _record(actor: Actor, invitation: Invitation, action: str, **facts: str) -> None:
    person = invitation.user.username if invitation.user else ""
    audit.record(actor, action, org=invitation.org.name, person=person, invited=invitation.invited, **facts)
