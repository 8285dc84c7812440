"""Who issues identity tokens that are believed here.

Three providers are built in; operators register others, or one of their own under a built-in name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Q

from accounts import audit
from accounts.actor import Actor
from packages.models import Issuer, TrustedPublisher
from registry_site import egress
from registry_site.errors import Conflict, Invalid

CIRCLE_URL = "https://oidc.circleci.com/org/"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}", re.ASCII)


@dataclass(frozen=True)
class Provider:
    """Who issues identity tokens. name: the type in `npm trust`; flavour: whose claims they carry."""

    name: str
    title: str
    url: str
    flavour: str


GITHUB = Provider("github", "GitHub Actions", "https://token.actions.githubusercontent.com", "github")
GITLAB = Provider("gitlab", "GitLab CI/CD", "https://gitlab.com", "gitlab")
CIRCLECI = Provider("circleci", "CircleCI", CIRCLE_URL, "circleci")  # followed by the id of the org
BUILT_IN = {each.name: each for each in (GITHUB, GITLAB, CIRCLECI)}


def known() -> dict[str, Provider]:
    """Every provider that is believed here, by name; an operator's own stands for a built-in one of its name."""
    own = {row.name: Provider(row.name, row.title, row.url, row.claims) for row in Issuer.objects.all()}
    return BUILT_IN | own


def register(actor: Actor, name: str, title: str, url: str, flavour: str) -> Issuer:
    """Believe another provider's identity tokens.

    name: the type in `npm trust`; that of a built-in provider puts this one in its place. title: who publishes, as
    pages say it. url: the exact `iss` of its tokens. flavour: github, gitlab, circleci or any.
    Raises Invalid, Conflict. Source: `manage.py add_issuer`; the admin site makes the same checks.
    """
    require_usable(name, url, flavour)
    with transaction.atomic():
        if Issuer.objects.filter(Q(name=name) | Q(url=url)).exists():
            raise Conflict(f"an issuer with the name {name} or this address is registered already")
        issuer = Issuer.objects.create(name=name, title=title or name, url=url, claims=flavour)
        audit.record(actor, "issuer.added", issuer=name, url=url)
    return issuer


def require_usable(name: str, url: str, flavour: str) -> None:
    """Raises Invalid for an issuer that could not work, Conflict for a built-in name that packages trust already."""
    if not _NAME.fullmatch(name):
        raise Invalid("the name of an issuer has at most 40 small letters, digits and dashes")
    if flavour not in (row[0] for row in Issuer._meta.get_field("claims").choices or ()):
        raise Invalid("claims are those of github, gitlab or circleci, or any")
    try:
        egress.parse(url)
    except egress.EgressError as error:
        raise Invalid(error.message) from error
    if "?" in url or "#" in url or url.startswith(CIRCLE_URL) or url in (each.url for each in BUILT_IN.values()):
        raise Invalid("this address is none of an issuer, or it is built in already")
    if name in BUILT_IN and flavour != BUILT_IN[name].flavour:
        raise Invalid(f"{name} is built in; an issuer of this name carries the same claims")
    if is_in_use(name):
        raise Conflict(f"packages trust workflows of {name} already; another issuer would take them over")


def is_in_use(name: str) -> bool:
    """Whether some package trusts a workflow of this provider."""
    return TrustedPublisher.objects.filter(kind=name).exists()


def of(issuer: Any) -> Provider | None:
    """The provider whose identity tokens say this `iss`; None for anybody else, and for what is no text."""
    if not isinstance(issuer, str):
        return None
    believed = known()
    found = next((each for each in believed.values() if each.url == issuer and each is not CIRCLECI), None)
    org = issuer.removeprefix(CIRCLE_URL)
    if found is None and org != issuer and believed["circleci"] is CIRCLECI:
        # Anybody can have an org there: keys are fetched only of those that somebody here named.
        named = TrustedPublisher.objects.filter(kind="circleci").values_list("claims", flat=True)
        return CIRCLECI if any(claims.get("oidc.circleci.com/org-id") == org for claims in named) else None
    return found
