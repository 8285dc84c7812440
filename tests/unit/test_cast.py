"""The cast of the tests stands where the verbs would have put it."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import models, transaction

from accounts import people
from accounts.actor import Actor, operator
from orgs import organizations, teams
from orgs.models import Role
from tests.tools import cast

pytestmark = pytest.mark.django_db
OPERATOR = "carol"
OWN = {"id", "password", "at", "created_at", "date_joined"}  # what differs from one time to the next


def rows() -> dict[str, list[str]]:
    """Every row of people and orgs, by model; keys are told as the names of what they lead to."""
    ours = [each for each in apps.get_models() if each._meta.app_label in ("accounts", "account", "orgs", "packages")]
    return {each._meta.label: sorted(map(_told, each._base_manager.all())) for each in ours}


def _told(row: models.Model) -> str:
    told = {}
    for field in row._meta.concrete_fields:
        if field.name == "actor_id_was":
            told[field.name] = row.actor_id_was is not None
        elif field.name not in OWN:
            told[field.name] = str(getattr(row, field.name))
    return repr(told)


def by_verbs() -> None:
    def join(name: str) -> Actor:
        mail = f"{name}@example.com"
        made = people.create(operator(), name, mail, cast.PASSWORD, superuser=name == OPERATOR)
        return Actor(made, credential="session")

    alice, *others = map(join, ("alice", "bob", "carol"))
    organizations.create(alice, "acme", "Acme Inc")
    for actor, role in zip(others, ("developer", "admin"), strict=True):
        organizations.set_member(alice, "acme", actor.name, role)
        teams.remove(alice, "acme", "developers", actor.name)
    teams.create(alice, "acme", "core")
    teams.add(alice, "acme", "core", "bob")


def by_rows() -> None:
    def join(name: str) -> Actor:
        return Actor(cast.person(name, superuser=name == OPERATOR), credential="session")

    alice, bob, carol = map(join, ("alice", "bob", "carol"))
    cast.org(alice, "acme", "Acme Inc", [(bob, Role.DEVELOPER), (carol, Role.ADMIN)], [("core", bob)])
    assert alice.user.check_password(cast.PASSWORD)


def test_people_and_orgs_are_as_the_verbs_make_them():
    found = []
    for make in (by_verbs, by_rows):
        with transaction.atomic():
            make()
            found.append(rows())
            transaction.set_rollback(True)
    assert found[0] == found[1]
    assert {name: len(listed) for name, listed in found[0].items() if listed} == {
        "account.EmailAddress": 3, "accounts.AuditEvent": 11, "accounts.Scope": 4, "accounts.User": 3,
        "orgs.Membership": 3, "orgs.Org": 1, "orgs.Seat": 2, "orgs.Team": 2,
    }  # fmt: skip
