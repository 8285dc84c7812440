"""Who is asking: a person or nobody, and the credential that spoke for them."""

from __future__ import annotations

import enum
import functools
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.functional import SimpleLazyObject

from accounts import names, stepup
from registry_site.errors import NotAllowed, OneTimePassRequired, SignInRequired, StepUpRequired

if TYPE_CHECKING:
    from accounts.models import Token, User

SIGN_IN = "you must be logged in to do this; run npm login"
ONE_TIME_PASS = "You must provide a one-time pass. Upgrade your client to npm@latest in order to use 2FA."  # noqa: S105


class Power(enum.IntEnum):
    """What a credential may be used for; a token can narrow its person down to the lower ones."""

    READ = 1
    STAGE = 2  # upload a version that a person releases later
    WRITE = 3  # publish, deprecate, tags
    GOVERN = 4  # access, grants, owners, teams, members, unpublish
    LOOK = 5  # see one's own tokens; without a one-time password, which no read may use up
    ACCOUNT = 6  # profile, two-factor, tokens: always with a one-time password where two-factor is on


@dataclass(frozen=True)
class Actor:
    """A person or nobody, and how they showed who they are.

    user: None when nobody is signed in, and for a machine: a trusted publisher or a service account of an org.
    token: the bearer token of a registry request; None for a browser session or an operator's command.
    credential: what the audit log calls it: `session`, `operator`, `none`, or the token's prefix.
    second_factor: whether this request came with a good one-time password, or its session showed a second factor a
    few minutes ago.
    recent: whether the session's person showed a few minutes ago who they are, as strongly as they can.
    """

    user: User | None = None
    token: Token | None = None
    credential: str = "none"
    address: str | None = None
    request_id: str = ""
    second_factor: bool = False
    recent: bool = False

    @property
    def is_signed_in(self) -> bool:
        return self.user is not None or self.is_machine

    @property
    def is_publisher(self) -> bool:
        """Whether this is a trusted publisher: a workflow that showed its identity, and no person."""
        return self.token is not None and self.token.kind == self.token.Kind.TRUSTED

    @property
    def is_service(self) -> bool:
        """Whether this is a service account: a token that belongs to an org, and no person."""
        return self.token is not None and self.token.kind == self.token.Kind.SERVICE

    @property
    def is_machine(self) -> bool:
        return self.is_publisher or self.is_service

    @property
    def name(self) -> str:
        if self.user is not None:
            return self.user.username
        return self.token.publisher if self.token is not None else ""

    @property
    def public_email(self) -> str:
        """The address that documents give for the actor; it reaches nobody."""
        if self.user is not None:
            return self.user.public_email
        return f"{'service-account' if self.is_service else 'trusted-publisher'}@{names.NO_REPLY_DOMAIN}"

    def covers(self, package: str) -> bool:
        """Whether the credential speaks for its person on the package of this full name."""
        token = self.token
        if token is None or not token.is_limited:
            return True
        if token.permission == token.Permission.NONE:
            return False
        scope = package[1:].partition("/")[0] if package.startswith("@") else None
        return package in token.packages or scope in token.scopes

    def require_admitted(self) -> None:
        """Raises SignInRequired for nobody in enterprise mode, where strangers are told nothing."""
        if not self.is_signed_in and settings.REGISTRY_MODE == "enterprise":
            raise SignInRequired("you must be logged in to use this registry; run npm login")

    def require(self, power: Power, *, package: str = "", org: str = "") -> None:
        """Goes on when the credential may be used like this; decided before anything is looked up.

        package, org: the name of what it is about, "" when it is about none.
        Raises SignInRequired for nobody, NotAllowed when the token is too narrow, OneTimePassRequired when the person
        has two-factor on for this and the request has no one-time password.
        """
        if not self.is_signed_in:
            raise SignInRequired(SIGN_IN)
        if self.token is None or power == Power.READ:
            return
        self._require_wide_token(self.token, power, package, org)
        if self._is_asked_for_a_code(power):
            self.require_second_factor()

    def require_person(self, power: Power) -> User:
        """The person, for what only a person does. Raises as `require`, and NotAllowed for a machine."""
        self.require(power)
        if self.user is None:
            kind = "service account" if self.is_service else "trusted publisher"
            raise NotAllowed(f"{self.name} is a {kind} and no person")
        return self.user

    def require_second_factor(self) -> None:
        """Raises OneTimePassRequired unless a second factor was shown, NotAllowed when there is none to show."""
        if self.user is None or not self.user.has_two_factor:
            raise NotAllowed(
                "this needs two-factor authentication: turn it on under Settings on the website, "
                "or with npm profile enable-2fa",
                code="two_factor_required",
            )
        if not self.second_factor:
            raise OneTimePassRequired(ONE_TIME_PASS)

    def require_recent(self) -> None:
        """Goes on when the session's person showed a few minutes ago who they are.

        Raises SignInRequired, StepUpRequired.
        """
        if self.user is None:
            raise SignInRequired(SIGN_IN)
        if not self.recent:
            raise StepUpRequired("show once more who you are")

    def _require_wide_token(self, token: Token, power: Power, package: str, org: str) -> None:
        shown = f"the token {token.prefix}…"
        if token.kind == token.Kind.LOGIN:
            return
        if org and power == Power.GOVERN:
            if org in token.orgs and token.org_permission == token.OrgPermission.WRITE:
                return
            raise NotAllowed(f"{shown} may not manage the members and teams of {org}")
        if token.read_only:
            raise NotAllowed(f"{shown} is read-only")
        if power >= Power.GOVERN:
            raise NotAllowed(f"{shown} publishes and installs only; run npm login to manage access")
        if power == Power.WRITE and token.permission == token.Permission.STAGE:
            raise NotAllowed(f"{shown} may stage versions only: npm stage publish")
        if package and not self.covers(package):
            raise NotAllowed(f"{shown} is limited to other packages")

    def _is_asked_for_a_code(self, power: Power) -> bool:
        user = self.user
        if user is None or self.token.bypass_two_factor or not user.has_two_factor:
            return False
        if power in (Power.STAGE, Power.LOOK):
            return False
        return power == Power.ACCOUNT or user.two_factor_mode == "auth-and-writes"


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
    return _plain(found)


@functools.lru_cache(1000)
def _plain(found: str) -> str | None:
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
        second_factor=user is not None and stepup.showed_second_factor(request),
        recent=stepup.is_recent(request),
    )


class ActorMiddleware:
    """Gives every page `request.actor` from its session; registry endpoints replace it with the token's."""

    def __init__(self, get_response) -> None:
        self.get_response = get_response

    def __call__(self, request):
        request.actor = SimpleLazyObject(lambda: _of_session(request))
        return self.get_response(request)
