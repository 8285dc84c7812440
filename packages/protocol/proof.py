"""`npm audit signatures`: the keys and the bundles that installed versions are verified with."""

from __future__ import annotations

import orjson
from django.http import HttpResponse, JsonResponse

from packages import provenance, signatures


def keys(request) -> JsonResponse:
    """`npm audit signatures`, `pnpm audit signatures`: the keys, which are no secret and open to everybody."""
    return JsonResponse({"keys": signatures.public_keys()})


def attestations(request, name: str, number: str) -> HttpResponse:
    """`npm audit signatures`: each bundle as it came, to the byte."""
    found = provenance.bundles(request.actor, name, number)
    listed = [{"predicateType": kind, "bundle": orjson.Fragment(bundle)} for kind, bundle in found]
    return HttpResponse(orjson.dumps({"attestations": listed}), content_type="application/json")
