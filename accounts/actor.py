"""Who is asking: a person or nobody, and the credential that spoke for them."""

from __future__ import annotations

import enum
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.functional import SimpleLazyObject

from registry_site.errors import NotAllowed, SignInRequired

if TYPE_CHECKING:
    from accounts.models import Token, User

SIGN_IN = "you must be logged in to do this; run npm login"


class Power(enum.IntEnum):
    """What a credential may be used for; a token can narrow its person down to the lower ones."""

    READ = 1
    WRITE = 2  # publish, deprecate, tags
    GOVERN = 3  # access, grants, owners, teams, members, tokens, profile, unpublish


@dataclass(frozen=True)
class Actor:
    """A person or nobody, and how they showed who they are.

    user: None when nobody is signed in.
    token: the bearer token of a registry request; None for a browser session or an operator's command.
    credential: what the audit log calls it: `session`, `operator`, `none`, or the token's prefix.
    """

    user: User | None = None
    token: Token | None = None
    credential: str = "none"
    address: str | None = None
    request_id: str = ""

    @property
    def is_signed_in(self) -> bool:
        return self.user is not None

    @property
    def name(self) -> str:
        return self.user.username if self.user else ""

    def covers(self, package: str) -> bool:
        """Whether the credential speaks for its person on the package of this full name."""
        token = self.token
        if token is None or not token.is_limited:
            return True
        scope = package[1:].partition("/")[0] if package.startswith("@") else None
        return package in token.packages or scope in token.scopes

    def require_admitted(self) -> None:
        """Raises SignInRequired for nobody in enterprise mode, where strangers are told nothing."""
        if self.user is None and settings.REGISTRY_MODE == "enterprise":
            raise SignInRequired("you must be logged in to use this registry; run npm login")

    def require(self, power: Power, *, package: str = "") -> User:
        """The person, when the credential may be used like this; decided before anything is looked up.

        package: the full name of the package it is about, "" when it is about none.
        Raises SignInRequired for nobody, NotAllowed when the token is too narrow.
        """
        if self.user is None:
            raise SignInRequired(SIGN_IN)
        if self.token is not None and power > Power.READ:
            if self.token.read_only:
                raise NotAllowed(f"the token {self.token.prefix}… is read-only")
            if power == Power.GOVERN and self.token.kind != self.token.Kind.LOGIN:
                raise NotAllowed(
                    f"the token {self.token.prefix}… publishes and installs only; run npm login to manage access"
                )
            if package and not self.covers(package):
                raise NotAllowed(f"the token {self.token.prefix}… is limited to other packages")
        return self.user


NOBODY = Actor()


def operator(user: User | None = None) -> Actor:
    """The actor of a `manage.py` command or an action in the admin site."""
    return Actor(user=user, credential="operator")


def address_of(request) -> str | None:
    """The client's address: the connection's, or the one our own proxies (`TRUSTED_PROXY_COUNT`) report."""
    found = request.META.get("REMOTE_ADDR", "")
    if settings.TRUSTED_PROXY_COUNT:
        hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
        if len(hops) >= settings.TRUSTED_PROXY_COUNT:
            found = hops[-settings.TRUSTED_PROXY_COUNT]
    try:
        address = ipaddress.ip_address(found)
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)


def _of_session(request) -> Actor:
    user = request.user if request.user.is_authenticated else None
    return Actor(
        user=user,
        credential="session" if user else "none",
        address=address_of(request),
        request_id=request.request_id,
    )


class ActorMiddleware:
    """Gives every page `request.actor` from its session; registry endpoints replace it with the token's."""

    def __init__(self, get_response) -> None:
        self.get_response = get_response

    def __call__(self, request):
        request.actor = SimpleLazyObject(lambda: _of_session(request))
        return self.get_response(request)
