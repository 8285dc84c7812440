"""What a token is limited to, in the words of `npm token create` and of the website's form."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format

from accounts import names
from accounts.models import Token
from registry_site.errors import Invalid, Malformed

MOST = 50  # packages, scopes, orgs or address ranges in one token
MAX_PACKAGE = 214
_PACKAGE = re.compile(r"(?:@[a-z0-9][a-z0-9._-]*/)?[A-Za-z0-9._~!'()*-]+", re.ASCII)
_GRANULAR = (
    "packages",
    "packages_all",
    "scopes",
    "orgs",
    "packages_and_scopes_permission",
    "orgs_permission",
    "bypass_2fa",
)


@dataclass(frozen=True)
class Limits:
    """What a token shall be able to do.

    packages, scopes: what `permission` is about; both empty for everything that its person may use.
    """

    permission: str = Token.Permission.READ
    packages: list[str] = field(default_factory=list)
    scopes: list[str] = field(default_factory=list)
    orgs: list[str] = field(default_factory=list)
    org_permission: str = Token.OrgPermission.NONE
    bypass_two_factor: bool = False
    cidr: list[str] = field(default_factory=list)
    days: int | None = None
    name: str = ""

    def __post_init__(self) -> None:
        for package in self.packages:
            if len(package) > MAX_PACKAGE or not _PACKAGE.fullmatch(package):
                raise Invalid(f"{package} is not the name of a package")
        for name in (*self.scopes, *self.orgs):
            if not names.is_well_formed(name):
                raise Invalid(f"{name} is not the name of a scope or an org")
        for listed in (self.packages, self.scopes, self.orgs, self.cidr):
            if len(listed) > MOST:
                raise Invalid(f"a token names at most {MOST} packages, scopes, orgs or address ranges")
        if self.permission == Token.Permission.NONE and (self.packages or self.scopes):
            raise Invalid("no-access names no packages and no scopes")
        if self.org_permission != Token.OrgPermission.NONE and not self.orgs:
            raise Invalid("name the orgs that the token is for")
        if self.permission == Token.Permission.NONE and not self.orgs:
            raise Invalid("this token could do nothing; give it packages, scopes or orgs")
        if self.bypass_two_factor and self.org_permission == Token.OrgPermission.WRITE:
            raise Invalid("a token that bypasses two-factor publishes and installs; it may not manage orgs")


def read(body: dict[str, Any]) -> Limits:
    """The token that a client asks for.

    A body that says nothing about packages, scopes or orgs asks for the least: reading what the person may read.
    Raises Malformed for the wrong shape, Invalid for what does not go together.
    Source: `npm token create`; npm 10 and older say `readonly` instead, and documentation has other names for some.
    """
    granular = any(body.get(name) for name in _GRANULAR)
    more: dict[str, Any] = {
        "name": _text(body, "name", "token_name") or _text(body, "description", "token_description"),
        "cidr": _list(body, "cidr_whitelist", "cidr"),
        "days": _days(body),
    }
    if not granular:
        publishes = body.get("readonly") is False
        return Limits(permission=Token.Permission.WRITE if publishes else Token.Permission.READ, **more)
    packages, scopes = _list(body, "packages"), [_bare(name) for name in _list(body, "scopes")]
    orgs = [_bare(name) for name in _list(body, "orgs")]
    whole = _flag(body, "packages_all")
    if whole and (packages or scopes):
        raise Invalid("packages_all is every package; leave packages and scopes out")
    reaches = bool(whole or packages or scopes)
    return Limits(
        permission=_permission(body, reaches, bool(orgs)),
        packages=packages,
        scopes=scopes,
        orgs=orgs,
        org_permission=_org_permission(body, orgs),
        bypass_two_factor=_flag(body, "bypass_2fa"),
        **more,
    )


def _permission(body: dict[str, Any], reaches: bool, orgs: bool) -> str:
    word = _text(body, "packages_and_scopes_permission")
    if not word:
        return Token.Permission.NONE if orgs and not reaches else Token.Permission.READ
    if word not in Token.Permission.values:
        raise Invalid("a permission is read-only, read-write, read-write-stage-only or no-access")
    return word


def _org_permission(body: dict[str, Any], orgs: list[str]) -> str:
    word = _text(body, "orgs_permission")
    if not word:
        return Token.OrgPermission.READ if orgs else Token.OrgPermission.NONE
    if word not in Token.OrgPermission.values:
        raise Invalid("an org's permission is read-only, read-write or no-access")
    return word


def _days(body: dict[str, Any]) -> int | None:
    value = body.get("expires")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise Malformed("expires is a number of days")
    return value


def _text(body: dict[str, Any], *known_as: str) -> str:
    value = next((body[name] for name in known_as if body.get(name) is not None), "")
    if not isinstance(value, str):
        raise Malformed(f"{known_as[0]} is text")
    if len(value) > 120 or any(not character.isprintable() for character in value):
        raise Invalid(f"{known_as[0]} is one line of at most 120 characters")
    return value.strip()


def _list(body: dict[str, Any], *known_as: str) -> list[str]:
    value = next((body[name] for name in known_as if body.get(name) is not None), [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise Malformed(f"{known_as[0]} is a list of names")
    return list(dict.fromkeys(value))


def _flag(body: dict[str, Any], name: str) -> bool:
    value = body.get(name, False)
    if value is not None and not isinstance(value, bool):
        raise Malformed(f"{name} is true or false")
    return bool(value)


def _bare(name: str) -> str:
    return name.removeprefix("@")


def sentence(limits: Limits | Token) -> str:
    """What a token with these limits does, to follow "This token" (or "It")."""
    reach = [*limits.packages, *(f"everything in @{name}" for name in limits.scopes)]
    what = _and(reach) if reach else "everything you may use"
    does = {
        Token.Permission.NONE: [],
        Token.Permission.READ: [f"installs {what}"],
        Token.Permission.STAGE: [f"installs {what}", "uploads versions that a person releases"],
        Token.Permission.WRITE: [f"installs and publishes {what}"],
    }[Token.Permission(limits.permission)]
    if limits.org_permission != Token.OrgPermission.NONE:
        verb = "manages" if limits.org_permission == Token.OrgPermission.WRITE else "sees"
        does = [*does, f"{verb} the members and teams of {_and(limits.orgs)}"]
    where = f", only from {_and(limits.cidr)}" if limits.cidr else ""
    asked = ", and is never asked for two-factor" if limits.bypass_two_factor else ""
    return f"{_and(does)}{where}{asked}"


def facts(limits: Limits) -> list[str]:
    """What a token with these limits will do, a line for each of them, to follow "This token"."""
    bare = replace(limits, cidr=[], bypass_two_factor=False)
    ends = date_format(timezone.now() + timedelta(days=limits.days), "j F Y") if limits.days else ""
    changes = limits.permission in (Token.Permission.STAGE, Token.Permission.WRITE)
    changes = changes or limits.org_permission == Token.OrgPermission.WRITE
    return [
        sentence(bare),
        f"works from {_and(limits.cidr)} only" if limits.cidr else "works from anywhere",
        *([f"ends on {ends}, after {limits.days} day{'s' * (limits.days != 1)}"] if limits.days else []),
        "is never asked for two-factor" if limits.bypass_two_factor else "is asked for two-factor as you are",
        "never changes owners, access, tokens or your account" if changes else "publishes and changes nothing",
    ]


def _and(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
