"""What publishers send: versions, deprecations, tags, removals."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpResponse, JsonResponse

from accounts.actor import Power
from accounts.endpoint import content_length
from packages import access, admission, publishing, quotas, releases, sharing, token_use, wire
from packages.access import Action
from packages.names import PackageName
from packages.protocol import stars
from registry_site import spool
from registry_site.errors import UnsupportedEncoding


def put_package(request, name: str) -> JsonResponse:
    """`npm publish`, `npm deprecate` and `npm star`: one address, told apart by the body."""
    request.actor.require(Power.READ)
    response = JsonResponse({"ok": True, "success": True}, status=201)
    with admission.upload(request.actor, name, content_length(request)):
        body = read_put(request, name)
        match body:
            case wire.Upload():
                version = publishing.publish(request.actor, body)
                token_use.note(request, version.package, token_use.What.PUBLISH)
                if warning := quotas.warning(version.package.scope):
                    response["npm-notice"] = warning
            case wire.Deprecation():
                releases.deprecate(request.actor, name, body.messages, body.revision)
            case wire.Stars():
                stars.put_users(request, name, body.users)
    return response


def put_revision(request, name: str, revision: str) -> JsonResponse:
    """`npm unpublish PKG@VERSION` and `npm owner`: the client's copy of the document, with less or others in it."""
    request.actor.require(Power.READ)
    body = wire.read_revision_put(PackageName.parse(name), _plain(request), content_length(request))
    match body:
        case wire.Stars(users=users):
            stars.put_users(request, name, users)
        case wire.Unpublication(users=frozenset() as users) if releases.keeps_all(request.actor, name, body.kept):
            stars.put_users(request, name, users)  # pnpm's last way to star: the whole document again
        case wire.Unpublication():
            releases.unpublish_versions(request.actor, name, body.kept, revision)
        case wire.OwnerList():
            sharing.set_owners(request.actor, name, body.names, revision)
    return JsonResponse({"ok": True, "success": True}, status=201)


def delete_package(request, name: str, revision: str) -> JsonResponse:
    """`npm unpublish PKG --force`."""
    releases.unpublish(request.actor, name, revision)
    return JsonResponse({"ok": True})


def delete_tarball(request, name: str, file: str, revision: str) -> HttpResponse:
    """The last call of `npm unpublish PKG@VERSION`: the version went with the document before; all is done."""
    access.find(request.actor, Action.MANAGE, name)
    return JsonResponse({"ok": True})


def read_put(request, name: str) -> wire.Upload | wire.Deprecation | wire.Stars:
    """What the body of a publish means; its tarball is on disk then, and the receiver's to discard.

    Raises UnsupportedEncoding for a compressed body, and as `wire.read_put`.
    """
    return wire.read_put(
        PackageName.parse(name),
        _plain(request),
        content_length(request),
        spool=spool.place(),
        max_tarball=settings.MAX_TARBALL,
    )


def _plain(request):
    if request.headers.get("content-encoding", "identity") != "identity":
        raise UnsupportedEncoding("send the body without compression")
    return request
