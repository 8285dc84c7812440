"""The sign-in provider that an operator configures (OpenID Connect); django-allauth looks for it in this module.

Everything that is fetched from it goes through the one outside client, `registry_site.egress`: the public internet or
networks that the operator allowed, https or such a network, with an end in time and size, and no redirect followed.
"""

from __future__ import annotations

import hashlib
import io
from typing import Any

import requests
from allauth.account.models import EmailAddress
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.urls import reverse
from requests.adapters import BaseAdapter

from accounts.endpoint import page_address
from registry_site import egress

ID = "oidc"
# What asks the provider to let the person show anew who they are, also one that it remembers.
ANEW = {"prompt": "login", "max_age": "0"}
MAX_ANSWER = 256 * 1024


def is_on() -> bool:
    """Whether an operator configured a provider."""
    return bool(settings.OIDC_URL)


class OutsideAdapter(BaseAdapter):
    """What `requests` sends goes through our outside client."""

    def send(self, request, **more) -> requests.Response:
        body = request.body.encode() if isinstance(request.body, str) else request.body
        try:
            answer = egress.request(
                request.method,
                request.url,
                {name: text for name, text in request.headers.items() if name.lower() != "accept-encoding"},
                body,
                max_answer=MAX_ANSWER,
                inner_http_only=True,
            )
        except egress.EgressError as error:
            raise requests.ConnectionError(error.message, request=request) from error
        response = requests.Response()
        response.status_code, response.url, response.request = answer.status, request.url, request
        response.headers.update(answer.headers)
        response.raw = io.BytesIO(answer.body)
        return response

    def close(self) -> None:
        """Nothing is kept open."""


def session() -> requests.Session:
    """How django-allauth talks to the provider."""
    made = requests.Session()
    made.trust_env, made.max_redirects = False, 0
    for scheme in ("https://", "http://"):
        made.mount(scheme, OutsideAdapter())
    return made


class Talk(OpenIDConnectOAuth2Adapter):
    """The conversation with the provider: one address of ours that it sends people back to."""

    def get_callback_url(self, request, app) -> str:
        return page_address(request, "oidc-callback")

    def complete_login(self, request, app, token, **more):
        if not more["response"].get("id_token"):
            raise OAuth2Error("the provider sent no identity token")
        return super().complete_login(request, app, token, **more)


class Provider(OpenIDConnectProvider):
    """The configured provider. A person there is known by who issued the identity and its `sub`, never by a name."""

    oauth2_adapter_class = Talk

    def get_login_url(self, request, **more) -> str:
        return reverse("oidc-login")

    def get_callback_url(self) -> str:
        return reverse("oidc-callback")

    def extract_uid(self, data: dict[str, Any]) -> str:
        issuer, subject = data["id_token"]["iss"], data["id_token"]["sub"]
        return hashlib.sha256(f"{issuer}\n{subject}".encode()).hexdigest()

    def extract_email_addresses(self, data: dict[str, Any]) -> list[EmailAddress]:
        claims = claims_of(data)
        email, verified = claims.get("email"), claims.get("email_verified") is True
        return [EmailAddress(email=email, verified=verified, primary=True)] if isinstance(email, str) and email else []


def claims_of(data: dict[str, Any]) -> dict[str, Any]:
    """What the provider said about a person: by the identity token, and by what it tells whoever holds the access."""
    return {**(data.get("id_token") or {}), **(data.get("userinfo") or {})}


provider_classes = [Provider]
