"""`npm trust`, and what npm does in a workflow: an identity token for a token of ours."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpResponse, JsonResponse

from accounts.actor import Actor
from accounts.body import read_json
from accounts.endpoint import content_length
from packages import exchange, trust
from packages.models import TrustedPublisher
from registry_site.errors import BadCredential, Malformed
from registry_site.moments import iso

MAX_BODY = 64 * 1024


def publishers(request, name: str) -> JsonResponse:
    """`npm trust list`."""
    return JsonResponse([_config(each) for each in trust.of(request.actor, name)], safe=False)


def add(request, name: str) -> JsonResponse:
    """`npm trust github|gitlab|circleci`: an array with one config; the answer is what is stored, with its id."""
    body = read_json(request, MAX_BODY)
    if not isinstance(body, list) or len(body) != 1 or not isinstance(body[0], dict):
        raise Malformed("the body is an array with one config")
    config: dict[str, Any] = body[0]
    kind = config.get("type")
    if not isinstance(kind, str):
        raise Malformed("the config has no type")
    stored = trust.add(request.actor, name, kind, config.get("claims"), config.get("permissions"))
    return JsonResponse([_config(stored)], safe=False)


def remove(request, name: str, key: str) -> HttpResponse:
    """`npm trust revoke`."""
    trust.remove(request.actor, name, key)
    return HttpResponse(status=204)


def exchange_identity(request, name: str) -> JsonResponse:
    """`npm publish` in a workflow: its identity token is the bearer, and the body is empty or null."""
    kind, _, identity = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not identity.strip(" "):
        raise BadCredential("send the identity token of a workflow as the bearer token")
    if content_length(request) and read_json(request, MAX_BODY) not in (None, {}):
        raise Malformed("the body of an exchange is empty or null")
    caller = Actor(address=request.actor.address, request_id=request.request_id)
    token, secret = exchange.exchange(caller, name, identity.strip(" "), _audiences(request))
    answer = {
        "token": secret,
        "token_type": "oidc",
        "created": iso(token.created_at),
        "expires": iso(token.expires_at),
    }
    return JsonResponse(answer, status=201)


def _audiences(request) -> frozenset[str]:
    # npm names the host, yarn the host with its port.
    hosts = [urlsplit(settings.PUBLIC_URL).netloc, settings.REGISTRY_HOST] if settings.PUBLIC_URL else []
    found = [host for host in hosts if host] or [request.get_host()]
    return frozenset(f"npm:{each}" for host in found for each in (host, urlsplit(f"//{host}").hostname))


def _config(publisher: TrustedPublisher) -> dict[str, Any]:
    return {
        "id": str(publisher.key),
        "type": publisher.kind,
        "claims": publisher.claims,
        "permissions": publisher.permissions,
    }
