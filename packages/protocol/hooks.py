"""`npm hook` (npm 10 and earlier)."""

from __future__ import annotations

from typing import Any

from django.http import JsonResponse

from accounts.body import read_object, text_field
from packages import webhooks
from packages.models import Webhook

A_PAGE = 100


def listed(request) -> JsonResponse:
    """`npm hook ls [PKG]`: PKG is a package, @scope or ~user."""
    found = webhooks.mine(request.actor, request.GET.get("package", "").replace("\0", ""))
    start, most = _number(request, "offset", 0), _number(request, "limit", A_PAGE)
    return JsonResponse({"objects": [_shown(hook) for hook in found[start : start + most]]})


def add(request) -> JsonResponse:
    """`npm hook add PKG URL SECRET`."""
    body = read_object(request)
    kind, name = text_field(body, "type"), text_field(body, "name")
    hook = webhooks.add(request.actor, kind, name, text_field(body, "endpoint"), text_field(body, "secret"))
    return JsonResponse(_shown(hook), status=201)


def one(request, key: str) -> JsonResponse:
    """One's own hook, as scripts ask for it."""
    return JsonResponse(_shown(webhooks.seen(request.actor, key)))


def change(request, key: str) -> JsonResponse:
    """`npm hook update ID URL SECRET`."""
    body = read_object(request)
    hook = webhooks.change(request.actor, key, text_field(body, "endpoint"), text_field(body, "secret"))
    return JsonResponse(_shown(hook))


def remove(request, key: str) -> JsonResponse:
    """`npm hook rm ID`: npm prints the hook that is gone."""
    return JsonResponse(_shown(webhooks.remove(request.actor, key)))


def _shown(hook: Webhook) -> dict[str, Any]:
    return {
        "id": str(hook.key),
        "name": hook.name if hook.kind == Webhook.Kind.OWNER else hook.subject,  # npm puts the ~ in front itself
        "type": hook.kind,
        "endpoint": hook.endpoint,
        "username": hook.user.username,
        "created": hook.created_at.isoformat(),
        "updated": hook.updated_at.isoformat(),
        "delivered": hook.has_delivered,
        "last_delivery": hook.last_delivery.isoformat() if hook.last_delivery else None,
        "response_code": hook.last_code or 0,
        "status": "paused" if hook.paused_at else "active",
    }


def _number(request, name: str, default: int) -> int:
    text = request.GET.get(name, "")
    return min(int(text), 10_000) if text.isascii() and text.isdigit() and len(text) < 6 else default
