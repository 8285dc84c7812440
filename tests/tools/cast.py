"""The people and the org of the tests, put there as the verbs would put them, in few queries.

Nearly every test begins with them, and the verbs ask and lock for each change. tests/unit/test_cast.py shows that both
ways leave the same rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.db import transaction

from accounts.actor import Actor, operator
from accounts.models import AuditEvent, Scope, User
from orgs.models import DEVELOPERS, Membership, Org, Role, Seat, Team

PASSWORD = "correct horse battery"


def person(name: str, *, superuser: bool = False) -> User:
    """An account, as `people.create` makes it."""
    email = f"{name}@example.com"
    user = User(username=name, email=email, is_staff=superuser, is_superuser=superuser, password=_hashed(PASSWORD))
    with transaction.atomic():
        user.save()
        EmailAddress(user=user, email=email, primary=True, verified=True).save(force_insert=True)
        _event(operator(), "user.created", person=name, superuser=superuser).save()
    return user


def org(
    owner: Actor, name: str, title: str, members: Sequence[tuple[Actor, Role]], teams: Sequence[tuple[str, Actor]]
) -> Org:
    """An org, as `organizations` and `teams` make it; the members have left `developers`. teams: who is in each."""
    with transaction.atomic():
        made = Org.objects.create(scope=Scope.objects.create(name=name, kind=Scope.Kind.ORG), title=title)
        developers = Team(org=made, name=DEVELOPERS, description="Every member joins it.")
        others = [Team(org=made, name=team) for team, _ in teams]
        Team.objects.bulk_create([developers, *others])
        first = Membership(org=made, user=owner.user, role=Role.OWNER)
        joined = {each.name: Membership(org=made, user=each.user, role=role) for each, role in members}
        Membership.objects.bulk_create([first, *joined.values()])
        seats = [Seat(team=team, membership=joined[who.name]) for team, (_, who) in zip(others, teams, strict=True)]
        Seat.objects.bulk_create([Seat(team=developers, membership=first), *seats])
        events = [_event(owner, "org.created", org=name), _added(owner, name, owner, Role.OWNER)]
        for each, role in members:
            left = _event(owner, "team.left", org=name, person=each.name, team=DEVELOPERS)
            events += [_added(owner, name, each, role), left]
        for team, member in teams:
            joins = _event(owner, "team.joined", org=name, person=member.name, team=team)
            events += [_event(owner, "team.created", org=name, team=team), joins]
        AuditEvent.objects.bulk_create(events)
    return made


def _added(owner: Actor, name: str, member: Actor, role: Role) -> AuditEvent:
    return _event(owner, "member.added", org=name, person=member.name, role=role.value)


def _event(actor: Actor, action: str, *, org: str = "", person: str = "", **facts: str | bool) -> AuditEvent:
    who = {"actor_id_was": actor.user.pk if actor.user else None, "actor_name": actor.name}
    return AuditEvent(action=action, credential=actor.credential, org=org, person=person, facts=facts, **who)


_hashed = cache(make_password)  # one salt for all
