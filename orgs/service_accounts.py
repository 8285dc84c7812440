"""Tokens that belong to an org and to no person: they publish and install, and outlive whoever made them."""

from __future__ import annotations

import re
import uuid

from accounts import tokens
from accounts.actor import Actor, Power
from accounts.limits import Limits
from accounts.models import Token
from orgs import access
from orgs.access import Action
from registry_site.errors import Invalid

MAX_NAME = 30
MOST = 100  # of one org
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*", re.ASCII)
PERMISSIONS = {Token.Permission.READ: "install", Token.Permission.WRITE: "install and publish"}


def create(actor: Actor, org_name: str, name: str, limits: Limits) -> tuple[Token, str]:
    """Make a token of the org; the second value is the token itself, and this is the only time it exists.

    name: of the account, as in `deploy`; documents and the audit log say ORG/deploy. Two tokens of one name are one
    account: that is how one is exchanged without a gap. limits: what it may do, within the org's scope.
    Owners and admins may, and only on the website. Raises Invalid, NotAllowed.
    """
    actor.require_person(Power.GOVERN)
    org = access.find(actor, Action.TEAMS, org_name)
    name = name.strip().lower()
    if len(name) > MAX_NAME or not _NAME.fullmatch(name):
        raise Invalid(f"a service account's name has at most {MAX_NAME} letters, digits, dots, dashes and underscores")
    if limits.permission not in PERMISSIONS:
        raise Invalid("a service account installs, or installs and publishes")
    foreign = [each for each in limits.packages if not each.startswith(f"@{org.name}/")]
    if foreign:
        raise Invalid(f"{foreign[0]} is not in @{org.name}; a service account reaches packages of its org only")
    if len(listed(actor, org.name)) >= MOST:
        raise Invalid(f"{org.name} has {MOST} tokens; revoke some first")
    return tokens.issue_for_org(
        actor,
        org.scope,
        name,
        permission=limits.permission,
        packages=limits.packages,
        cidr=limits.cidr,
        days=limits.days or 30,
    )


def revoke(actor: Actor, org_name: str, key: uuid.UUID) -> Token:
    """End a token of the org at once. Raises NotFound, NotAllowed."""
    org = access.find(actor, Action.TEAMS, org_name)
    return tokens.revoke_of_org(actor, org.scope, key)


def listed(actor: Actor, org_name: str) -> list[Token]:
    """The org's live tokens, newest first; for its owners and admins. Raises NotFound, NotAllowed."""
    return tokens.of_org(access.find(actor, Action.TEAMS, org_name).scope)
