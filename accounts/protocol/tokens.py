"""`npm token`: what there is, a new one, one less."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from urllib.parse import unquote

from django.http import JsonResponse

from accounts import limiting, limits, passwords, tokens
from accounts.actor import Power
from accounts.body import read_object
from accounts.models import Token
from registry_site.moments import iso


def show(request) -> JsonResponse:
    """`npm token list`: all of them at once; npm crashes without `urls`, pnpm loops over an empty `next`."""
    user = request.actor.require_person(Power.LOOK)
    found = [_listed(token) for token in tokens.live(user)]
    return JsonResponse({"objects": found, "total": len(found), "urls": {}})


def create(request) -> JsonResponse:
    """`npm token create`; the token itself is in this answer and nowhere else."""
    user = request.actor.require_person(Power.ACCOUNT)
    body = read_object(request)
    wanted = limits.read(body)
    passwords.require(request, user, body.get("password"))
    limiting.spend("token", limiting.caller(request.actor), words="you made many tokens in a short time")
    token, secret = tokens.issue(request.actor, user, kind=Token.Kind.GRANULAR, **asdict(wanted))
    made = _listed(token) | {"token": secret, "cidr_whitelist": token.cidr, "expires": iso(tokens.expiry(token))}
    return JsonResponse(made, status=201)


def revoke(request, key: str) -> JsonResponse:
    """`npm token revoke`, by the key of the list or by the token itself; npm 6 needs a body in the answer."""
    user = request.actor.require_person(Power.ACCOUNT)
    tokens.revoke(request.actor, user, unquote(key))
    return JsonResponse({"ok": True})


def _listed(token: Token) -> dict[str, Any]:
    """A token as lists show it; the beginning of the real one, so that `npm token revoke` finds it by its value."""
    packages = [{"type": "package", "name": name} for name in token.packages]
    scopes = [{"type": "scope", "name": f"@{name}"} for name in token.scopes]
    orgs = [{"type": "org", "name": name} for name in token.orgs]
    permissions = [{"name": "package", "action": _ACTIONS[token.permission]}]
    if token.orgs:
        permissions.append({"name": "org", "action": _ACTIONS[token.org_permission]})
    return {
        "token": token.prefix,
        "key": token.key.hex,  # npm hides what looks like a UUID
        "name": token.name or token.get_kind_display(),
        "created": iso(token.created_at),
        "updated": iso(token.created_at),
        "accessed": iso(token.last_used_at) if token.last_used_at else None,
        "expiry": iso(tokens.expiry(token)),
        "readonly": token.read_only,
        "cidr_whitelist": token.cidr or None,
        "bypass_2fa": token.bypass_two_factor,
        "revoked": None,
        "permissions": permissions,
        "scopes": packages + scopes + orgs,
    }


_ACTIONS: dict[str, str] = {
    Token.Permission.NONE: "none",
    Token.Permission.READ: "read",
    Token.Permission.STAGE: "stage",
    Token.Permission.WRITE: "write",
}
