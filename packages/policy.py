"""The policy: one table that says who may do what. Every check and every list is made of it."""

from __future__ import annotations

import enum
import functools

from django.conf import settings

from accounts.actor import Power
from orgs.models import Role
from packages.models import Access, Permission


class Action(enum.StrEnum):
    VIEW = "view"
    DOWNLOAD = "download"
    STAGE = "stage"  # what a person releases later; whoever may publish, and no second factor is asked for
    PUBLISH = "publish"  # a version, deprecation, tags
    MANAGE = "manage"  # access level, grants, unpublish


class Standing(enum.IntEnum):
    """Where a person stands towards a package; each step includes those before it."""

    ANYONE = 0
    SIGNED_IN = 1
    MEMBER = 2
    READER = 3
    WRITER = 4
    OWNER = 5
    NOBODY = 9  # asked for by a right that nobody has


class Kind(enum.IntEnum):
    """Who holds a package's name."""

    ORG = 1
    USER = 2
    NONE = 3
    UPSTREAM = 4
    UPSTREAM_SCOPE = 5  # upstream, too, and the name has a scope


ANYONE, SIGNED_IN, READER, WRITER, OWNER, NOBODY = (
    Standing.ANYONE, Standing.SIGNED_IN, Standing.READER, Standing.WRITER, Standing.OWNER, Standing.NOBODY,
)  # fmt: skip
ORG, USER, NONE, UPSTREAM, UPSTREAM_SCOPE = Kind
PUBLIC, RESTRICTED = Access.PUBLIC, Access.RESTRICTED

POLICY: dict[str, dict[tuple[Kind, Access], tuple[Standing, Standing, Standing, Standing]]] = {
    "public": {  # view       download   publish  manage      a missing row allows nobody
        (ORG, RESTRICTED):   (READER,    READER,    WRITER,  OWNER),
        (ORG, PUBLIC):       (ANYONE,    ANYONE,    WRITER,  OWNER),
        (USER, RESTRICTED):  (READER,    READER,    WRITER,  OWNER),
        (USER, PUBLIC):      (ANYONE,    ANYONE,    WRITER,  OWNER),
        (NONE, PUBLIC):      (ANYONE,    ANYONE,    WRITER,  OWNER),
        (UPSTREAM, PUBLIC):  (ANYONE,    ANYONE,    NOBODY,  NOBODY),
        (UPSTREAM_SCOPE, PUBLIC): (ANYONE, ANYONE,  NOBODY,  NOBODY),
    },
    "enterprise": {
        (ORG, RESTRICTED):   (READER,    READER,    WRITER,  OWNER),
        (ORG, PUBLIC):       (SIGNED_IN, SIGNED_IN, WRITER,  OWNER),
        (USER, RESTRICTED):  (READER,    READER,    WRITER,  OWNER),
        (USER, PUBLIC):      (SIGNED_IN, SIGNED_IN, WRITER,  OWNER),
        (UPSTREAM, PUBLIC):  (ANYONE,    ANYONE,    NOBODY,  NOBODY),
        (UPSTREAM_SCOPE, PUBLIC): (SIGNED_IN, SIGNED_IN, NOBODY, NOBODY),
    },
}  # fmt: skip
COLUMN = {Action.VIEW: 0, Action.DOWNLOAD: 1, Action.STAGE: 2, Action.PUBLISH: 2, Action.MANAGE: 3}
POWER = {
    Action.VIEW: Power.READ,
    Action.DOWNLOAD: Power.READ,
    Action.STAGE: Power.STAGE,
    Action.PUBLISH: Power.WRITE,
    Action.MANAGE: Power.GOVERN,
}
BY_PERMISSION = {Permission.READ: READER, Permission.WRITE: WRITER, Permission.OWNER: OWNER}
BY_ROLE = {Role.OWNER: OWNER, Role.ADMIN: OWNER, Role.DEVELOPER: Standing.MEMBER}


def granted(kind: int, level: str, standing: int) -> frozenset[Action]:
    """What the policy table gives to somebody of this standing, for packages of this kind and access level."""
    return _granted(settings.REGISTRY_MODE, kind, level, standing)


@functools.cache  # the table has so few cells that each is worked out once
def _granted(mode: str, kind: int, level: str, standing: int) -> frozenset[Action]:
    row = POLICY[mode].get((Kind(kind), Access(level)))
    if row is None:
        return frozenset()
    return frozenset(action for action, column in COLUMN.items() if standing >= row[column])
