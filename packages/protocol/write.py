"""What publishers send: versions, deprecations, tags, removals."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpResponse, JsonResponse

from accounts.actor import Power
from accounts.endpoint import content_length
from packages import access, publishing, releases, sharing, wire
from packages.access import Action
from packages.names import PackageName
from registry_site.errors import Malformed, UnsupportedEncoding


def put_package(request, name: str) -> JsonResponse:
    """`npm publish` and `npm deprecate`: one address, told apart by the body."""
    request.actor.require(Power.READ)
    body = wire.read_put(
        PackageName.parse(name),
        _plain(request),
        content_length(request),
        spool=_spool(),
        max_tarball=settings.MAX_TARBALL,
    )
    match body:
        case wire.Upload():
            publishing.publish(request.actor, body)
        case wire.Deprecation():
            releases.deprecate(request.actor, name, body.messages, body.revision)
        case _:
            raise Malformed("this registry keeps no stars")
    return JsonResponse({"ok": True, "success": True}, status=201)


def put_revision(request, name: str, revision: str) -> JsonResponse:
    """`npm unpublish PKG@VERSION` and `npm owner`: the client's copy of the document, with less or others in it."""
    request.actor.require(Power.READ)
    body = wire.read_revision_put(PackageName.parse(name), _plain(request), content_length(request))
    match body:
        case wire.Unpublication():
            releases.unpublish_versions(request.actor, name, body.kept, revision)
        case wire.OwnerList():
            sharing.set_owners(request.actor, name, body.names, revision)
        case _:
            raise Malformed("this registry keeps no stars")
    return JsonResponse({"ok": True, "success": True}, status=201)


def delete_package(request, name: str, revision: str) -> JsonResponse:
    """`npm unpublish PKG --force`."""
    releases.unpublish(request.actor, name, revision)
    return JsonResponse({"ok": True})


def delete_tarball(request, name: str, file: str, revision: str) -> HttpResponse:
    """The last call of `npm unpublish PKG@VERSION`: the version went with the document before; all is done."""
    access.find(request.actor, Action.MANAGE, name)
    return JsonResponse({"ok": True})


def _plain(request):
    if request.headers.get("content-encoding", "identity") != "identity":
        raise UnsupportedEncoding("send the body without compression")
    return request


def _spool():
    settings.SPOOL_DIR.mkdir(parents=True, exist_ok=True)
    return settings.SPOOL_DIR
