"""`npm stage`: uploads that a person releases later."""

from __future__ import annotations

from typing import Any

from django.http import FileResponse, HttpResponse, JsonResponse

from accounts.actor import Power
from accounts.endpoint import content_length
from packages import admission, staging, wire
from packages.models import Access, StagedVersion
from packages.protocol.write import read_put
from registry_site.errors import Malformed

DEFAULT_A_PAGE = 10
MOST_A_PAGE = 100


def publish(request, name: str) -> JsonResponse:
    """`npm stage publish`: the body of a publish; npm prints the `stageId`."""
    request.actor.require(Power.STAGE)
    with admission.upload(request.actor, name, content_length(request)):
        body = read_put(request, name)
        if not isinstance(body, wire.Upload):
            raise Malformed("send what npm publish sends: one new version with its tarball")
        staged = staging.stage(request.actor, body)
    message = f"{staged.package.name}@{staged.number} waits for a person to approve it"
    return JsonResponse({"stageId": str(staged.key), "message": message}, status=201)


def index(request) -> JsonResponse:
    """`npm stage list`: a page of what waits; the client asks on until it has `total`."""
    found = staging.listed(request.actor, request.GET.get("package", "").replace("\0", "?"))
    page, per_page = _number(request, "page", 0), _number(request, "perPage", DEFAULT_A_PAGE)
    per_page = min(max(per_page, 1), MOST_A_PAGE)
    items = [_item(staged) for staged in found[page * per_page : (page + 1) * per_page]]
    return JsonResponse({"items": items, "total": found.count(), "page": page, "perPage": per_page})


def view(request, key: str) -> JsonResponse:
    """`npm stage view`."""
    return JsonResponse(_item(staging.find(request.actor, key)))


def tarball(request, key: str) -> FileResponse:
    """`npm stage download`, and pnpm before it approves several."""
    staged, body = staging.open_tarball(request.actor, key)
    response = FileResponse(body, content_type="application/octet-stream")
    response["Content-Length"] = str(staged.size)
    return response


def approve(request, key: str) -> JsonResponse:
    """`npm stage approve`: the body, nothing or `null`, is not looked at."""
    version = staging.approve(request.actor, key)
    return JsonResponse({"message": f"{version.package.name}@{version.number} is published"}, status=201)


def reject(request, key: str) -> HttpResponse:
    """`npm stage reject`."""
    staging.reject(request.actor, key)
    return HttpResponse(status=204)


def _item(staged: StagedVersion) -> dict[str, Any]:
    return {
        "id": str(staged.key),
        "packageName": staged.package.name,
        "version": staged.number,
        "tag": staged.tag,
        "createdAt": staged.staged_at.isoformat(),
        "actor": staging.stager(staged),
        "actorType": "trusted automation" if staged.workflow else "user",
        "access": "private" if staging.level(staged) == Access.RESTRICTED else "public",
        "shasum": staged.shasum,
    }


def _number(request, name: str, default: int) -> int:
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else default
