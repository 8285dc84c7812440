"""`npm audit signatures`: the keys and the bundles that installed versions are verified with."""

from __future__ import annotations

import orjson
from django.http import HttpResponse, JsonResponse

from packages import provenance, signatures
from packages.upstream import attestations as mirrored_attestations
from packages.upstream import signing


def keys(request) -> JsonResponse:
    """`npm audit signatures`, `pnpm audit signatures`: the keys, which are no secret and open to everybody.

    With those of the upstream registry, because mirrored versions come with its signatures.
    """
    own = signatures.public_keys()
    known = {key["keyid"] for key in own}
    return JsonResponse({"keys": own + [key for key in signing.public_keys() if key["keyid"] not in known]})


def attestations(request, name: str, number: str) -> HttpResponse:
    """`npm audit signatures`: each bundle as it came, to the byte; for mirrored versions what upstream has."""
    mirrored = mirrored_attestations.read(request.actor, name, number)
    if mirrored is not None:
        return HttpResponse(mirrored, content_type="application/json")
    found = provenance.bundles(request.actor, name, number)
    listed = [{"predicateType": kind, "bundle": orjson.Fragment(bundle)} for kind, bundle in found]
    return HttpResponse(orjson.dumps({"attestations": listed}), content_type="application/json")
