"""Who holds here what moves in: the scope of a person or an org, a new org, or the owners of a name without scope."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import NamedTuple

from django.conf import settings
from django.db import transaction

from accounts import names, people
from accounts.actor import Actor
from accounts.models import AuditEvent, Scope, User
from orgs import organizations
from orgs.models import Org, Role
from packages.models import Access
from packages.moving.people import People
from packages.moving.sources import Found
from registry_site.errors import Conflict, NotAllowed, NotFound

MARK = "moving-in"  # the request id of all that an import does


class Kind(enum.Enum):
    """What a name belongs to."""

    PERSON = "person"
    ORG = "org"
    NEW_ORG = "new org"
    NOBODY = "no scope"


class Home(NamedTuple):
    """Where a package goes. owners: of a new org, or of a package without scope."""

    kind: Kind
    scope: str
    owners: list[User]


@dataclass
class Homes:
    """Decides, and makes orgs where they are needed.

    owners: of what nobody here would own. coming: people who would join, were this no dry run.
    open_unscoped: also take what is private there and public here, because it has no scope.
    """

    actor: Actor
    folk: People
    owners: list[User] = field(default_factory=list)
    coming: set[str] = field(default_factory=set)
    open_unscoped: bool = False

    def of(self, found: Found) -> Home:
        """Where a package goes. Raises NotAllowed, NotFound, Conflict, Invalid, each saying what to do."""
        if not found.name.scope:
            return self._without_scope(found)
        name = found.name.scope
        scope = Scope.objects.filter(name=name).first()
        if scope is None and name in self.coming:
            return Home(Kind.PERSON, name, [])
        if scope is None:
            if names.clean(name) != name:
                raise NotAllowed(f"@{name} cannot be a scope here")
            if not self.owners:
                raise NotFound(f"nobody here holds @{name}; say who shall: --owner USER, or --org ORG")
            return Home(Kind.NEW_ORG, name, self.owners)
        if scope.kind == Scope.Kind.USER and scope.user_id is not None:
            return Home(Kind.PERSON, name, [])
        if scope.kind == Scope.Kind.ORG and Org.objects.filter(scope=scope).exists():
            return Home(Kind.ORG, name, [])
        raise Conflict(f"@{name} is not free: it was somebody's who is not here any more, or is an org's former name")

    def settle(self, home: Home) -> None:
        """Make the org that a package needs. Raises Invalid, Conflict."""
        if home.kind != Kind.NEW_ORG or Scope.objects.filter(name=home.scope).exists():
            return
        first, *others = home.owners
        with transaction.atomic():
            org = organizations.create(self.actor, home.scope, owner=first)
            for user in others:
                organizations.join(self.actor, org, user, Role.OWNER)

    def _without_scope(self, found: Found) -> Home:
        if settings.REGISTRY_MODE == "enterprise":
            raise NotAllowed("names without a scope are reserved for the public registry here; give it a scope first")
        if found.level == Access.RESTRICTED and not self.open_unscoped:
            raise NotAllowed(
                "it is private there, and what has no scope is public here; give it a scope first, "
                "or say --open-unscoped to make it public"
            )
        known = [user for each in found.maintainers if (user := self.folk.find(each)) is not None]
        owners = list(dict.fromkeys(known)) or self.owners
        if not owners and not self.coming.intersection(map(self.folk.name_of, found.maintainers)):
            raise NotFound("nobody here would own it; say who shall: --owner USER, or --org ORG")
        return Home(Kind.NOBODY, "", owners)


def owners(user: str, org: str) -> list[User]:
    """The people that `--owner USER` or `--org ORG` means. Raises NotFound."""
    if user:
        return [people.find(user)]
    if not org:
        return []
    found = Org.objects.filter(scope__name=org.removeprefix("@")).first()
    if found is None:
        raise NotFound(f"there is no org {org.removeprefix('@')}")
    members = found.memberships.filter(role=Role.OWNER, user__is_active=True).select_related("user")
    return [each.user for each in members]


def came_with_us(org: str) -> bool:
    """Whether an import made this org: then who is in it is what moved in, too."""
    return AuditEvent.objects.filter(action="org.created", org=org, request_id=MARK).exists()
