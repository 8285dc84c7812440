"""Roles in orgs by group: the highest counts, what is not named stays, and nobody is left without an owner."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from accounts.models import AuditEvent
from orgs import organizations, provisioning
from orgs.models import Membership, Role
from registry_site import env

ROLES = {"staff": [("acme", "developer")], "leads": [("acme", "admin")], "board": [("acme", "owner")]}


def appoint(person, *groups: str, roles=ROLES) -> str:
    provisioning.appoint(None, person, person.user, set(groups), roles)
    return role(person)


def role(person) -> str:
    return Membership.objects.filter(org__scope__name="acme", user=person.user).values_list("role", flat=True).first()


def test_who_is_in_no_group_is_no_member(acme, dave):
    assert appoint(dave, "others") is None


def test_the_highest_of_several_groups_counts(acme, dave):
    assert appoint(dave, "staff") == Role.DEVELOPER
    assert appoint(dave, "leads", "staff") == Role.ADMIN
    assert appoint(dave, "leads", "board", "staff") == Role.OWNER
    facts = AuditEvent.objects.filter(action="member.role", person="dave").values_list("facts", flat=True)
    assert {"role": "owner", "was": "admin", "by": "group"} in facts


def test_a_group_that_is_left_takes_its_role_along(acme, dave):
    appoint(dave, "board", "leads")
    assert appoint(dave, "leads") == Role.ADMIN
    assert appoint(dave) == Role.DEVELOPER, "an owner ends the membership"


def test_roles_that_are_not_named_stay(acme, frank, dave):
    assert appoint(frank, roles={"board": [("acme", "owner")]}) == Role.ADMIN
    organizations.join(dave, acme, dave.user, Role.OWNER)
    assert appoint(dave, "leads", roles={"leads": [("acme", "admin")]}) == Role.OWNER


def test_the_last_owner_stays(acme, alice, dave, caplog):
    assert appoint(alice, "staff") == Role.OWNER
    assert "the last one" in caplog.text
    appoint(dave, "board")
    assert appoint(alice, "staff") == Role.DEVELOPER


def test_saying_it_again_changes_nothing(acme, dave, django_assert_num_queries):
    appoint(dave, "leads")
    before = AuditEvent.objects.count()
    with django_assert_num_queries(1):
        provisioning.appoint(None, dave, dave.user, {"leads"}, ROLES)
    with django_assert_num_queries(0):
        provisioning.appoint(None, dave, dave.user, {"leads"}, {})
    assert AuditEvent.objects.count() == before


def test_an_org_that_does_not_exist_breaks_nothing(acme, dave, caplog):
    appoint(dave, "x", roles={"x": [("nowhere", "owner")]})
    assert "nowhere" in caplog.text


def test_the_setting(monkeypatch):
    monkeypatch.setenv("OIDC_GROUP_ROLES", "leads=acme:admin, leads=@other:owner")
    assert env.group_roles("OIDC_GROUP_ROLES") == {"leads": [("acme", "admin"), ("other", "owner")]}
    monkeypatch.setenv("OIDC_GROUP_ROLES", "leads=acme:king")
    with pytest.raises(ImproperlyConfigured, match="developer, admin, owner"):
        env.group_roles("OIDC_GROUP_ROLES")
