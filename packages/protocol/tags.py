"""`npm dist-tag`, and how clients before it moved tags."""

from __future__ import annotations

from django.http import JsonResponse

from accounts.body import read_json, read_object
from packages import access, releases
from packages.access import Action
from packages.protocol import mirrored
from packages.upstream import mirroring
from registry_site.errors import Malformed


def listed(request, name: str) -> JsonResponse:
    """`npm dist-tag ls`."""
    package = mirroring.find(request.actor, Action.VIEW, name)
    if package.mirrored:
        return JsonResponse(mirrored.tags(request, package))
    return JsonResponse(dict(package.tags.values_list("name", "version__number")))


def put(request, name: str, tag: str) -> JsonResponse:
    """`npm dist-tag add`: the body is a JSON string; yarn 1 needs `ok`."""
    access.find(request.actor, Action.PUBLISH, name)
    number = read_json(request)
    if not isinstance(number, str):
        raise Malformed("send the version as a JSON string")
    releases.set_tag(request.actor, name, tag, number)
    return _done()


def put_spec(request, name: str, spec: str) -> JsonResponse:
    """`npm tag PKG@VERSION TAG` of npm 2, which sends the version to the address of the tag."""
    return put(request, name, spec)


def remove(request, name: str, tag: str) -> JsonResponse:
    """`npm dist-tag rm`."""
    releases.remove_tag(request.actor, name, tag)
    return JsonResponse({"ok": True})


def merge(request, name: str) -> JsonResponse:
    """Several tags at once, as old libraries send them (POST); tags that are not named stay."""
    releases.set_tags(request.actor, name, _map(request, name))
    return _done()


def replace(request, name: str) -> JsonResponse:
    """All the tags there shall be, as old libraries send them (PUT); `latest` stays where it is not named."""
    releases.set_tags(request.actor, name, _map(request, name), only=True)
    return _done()


def _map(request, name: str) -> dict[str, str]:
    access.find(request.actor, Action.PUBLISH, name)
    body = read_object(request)
    if not all(isinstance(number, str) for number in body.values()):
        raise Malformed("send an object of tags and versions")
    return body


def _done() -> JsonResponse:
    return JsonResponse({"ok": True}, status=201)
