"""Reports of leaked tokens, from whoever scans for them."""

from __future__ import annotations

from django.http import JsonResponse

from accounts import leaks
from accounts.actor import Actor
from accounts.endpoint import content_length
from registry_site import strictjson
from registry_site.errors import Malformed, TooLarge

LIMIT = 1 << 20


def report(request) -> JsonResponse:
    """A list of strings, signed with `REPORT_SECRET` in `x-hub-signature-256`, as code hosts sign what they send."""
    length = content_length(request)
    if length > LIMIT:
        raise TooLarge(f"the body is over {strictjson.size(LIMIT)}")
    body = request.read(length)
    leaks.require_signature(body, request.headers.get("x-hub-signature-256", ""))
    found = strictjson.read(body, limit=LIMIT)
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise Malformed("a report is a list of tokens")
    actor = Actor(credential="leak-report", address=request.actor.address, request_id=request.request_id)
    return JsonResponse({"revoked": leaks.report(request, actor, found)})
