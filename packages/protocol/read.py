"""What installs read: packuments, versions, tarballs, tags."""

from __future__ import annotations

from typing import BinaryIO

from django.http import FileResponse, HttpResponse, HttpResponseNotModified, JsonResponse

from accounts.endpoint import registry
from packages import access, blobs, counting, packuments, quarantine, records, token_use
from packages.access import Action
from packages.models import Package, Version
from packages.protocol import mirrored
from packages.upstream import mirroring
from registry_site.errors import NotFound, Unavailable

ABBREVIATED = "application/vnd.npm.install-v1+json"
# A copy may be kept, for one second, and is a second old already: every client asks again with If-None-Match, so a
# change shows at once. (`no-cache` says the same, but pnpm then keeps nothing and fetches the whole each time.)
CACHE_DOCUMENT = {"Cache-Control": "private, max-age=1", "Age": "1"}
CACHE_TARBALL = "private, max-age=31536000, immutable"


def packument(request, name: str) -> HttpResponse:
    """`npm install`, `npm view`: the packument, full or abbreviated as Accept says; full for `?write=true`."""
    try:
        return _packument(request, name)
    except Unavailable:  # it changed between two queries; the policy is asked again, about what it is now
        return _packument(request, name)


def _packument(request, name: str) -> HttpResponse:
    abbreviated = ABBREVIATED in request.headers.get("accept", "") and "write" not in request.GET
    package = mirroring.find(request.actor, Action.VIEW, name, full=not abbreviated)
    compressed = "gzip" in request.headers.get("accept-encoding", "")
    headers = CACHE_DOCUMENT
    if package.mirrored:
        found, more = mirrored.packument(request, package, abbreviated=abbreviated, compressed=compressed)
        headers = headers | more
    else:
        known = request.headers.get("if-none-match", "")
        found = packuments.read(package, registry(request), abbreviated=abbreviated, compressed=compressed, known=known)
    if found is None:
        response: HttpResponse = HttpResponseNotModified()
    else:
        response = HttpResponse(found.body, content_type=ABBREVIATED if abbreviated else "application/json")
        response["ETag"] = found.etag
        if compressed:
            response["Content-Encoding"] = "gzip"
    for header, value in headers.items():
        response[header] = value
    return response


def version(request, name: str, spec: str) -> HttpResponse:
    """`GET /PKG/VERSION` or `/PKG/TAG`: one manifest, as scripts and npm 2 ask for it."""
    package = mirroring.find(request.actor, Action.VIEW, name)
    if package.mirrored:
        body = mirrored.manifest(request, package, spec)
        return HttpResponse(body, content_type="application/json", headers=CACHE_DOCUMENT)
    found = package.versions.listed().filter(number=spec).first()
    if found is None:
        quarantine.require_free(package, spec)
        tag = package.tags.filter(name=spec).select_related("version").first()
        if tag is None:
            raise NotFound(f"version not found: {spec}")
        found = tag.version
    body = packuments.manifest_of(found, registry(request))
    return HttpResponse(body, content_type="application/json", headers=CACHE_DOCUMENT)


def tarball(request, name: str, file: str) -> HttpResponse:
    """`npm install`, `npm ci`: the exact bytes that were published."""
    package = mirroring.find(request.actor, Action.DOWNLOAD, name)
    if package.mirrored:
        response = _mirrored_tarball(request, package, number_of(package, file))
        response["Cache-Control"] = CACHE_TARBALL
        return response
    found = file_of(package, file)
    if found is None:
        raise access.missing(request.actor, name)
    return _sent(request, package, found, blobs.open_blob(found.blob, found.size))


def _mirrored_tarball(request, package: Package, number: str | None) -> HttpResponse:
    if number is None:
        raise access.missing(request.actor, package.name)
    if request.method == "HEAD":
        return mirrored.head(request, package, number)
    found = mirrored.opened(request, package, number)
    if found.version is None:
        return mirrored.passed_on(request, package, number, found)
    return _sent(request, package, found.version, found.body)


def _sent(request, package: Package, found: Version, body: BinaryIO) -> HttpResponse:
    if request.method == "GET":
        agent = request.headers.get("user-agent", "")
        body = counting.watch(body, found, records.noting(request.actor, agent, package, found.number))
        token_use.note(request, package, token_use.What.DOWNLOAD)
    response = FileResponse(body, content_type="application/octet-stream")
    response["Content-Length"] = str(found.size)
    response["Cache-Control"] = CACHE_TARBALL
    return response


def visibility(request, name: str) -> JsonResponse:
    """`npm access get status` (npm 9 and later)."""
    return JsonResponse({"public": not access.find(request.actor, Action.VIEW, name).is_private})


def file_of(package: Package, file: str) -> Version | None:
    """The listed version whose tarball has this file name; the name is compared whole, never taken apart.

    Raises Quarantined, with the reason.
    """
    number = number_of(package, file)
    if number is None:
        return None
    found = package.versions.listed().filter(number=number).first()
    if found is None:
        quarantine.require_free(package, number)
    return found


def number_of(package: Package, file: str) -> str | None:
    """The version that a file name of this package's tarballs speaks of; None for any other name."""
    stem, ending = f"{package.name.rpartition('/')[2]}-", ".tgz"
    return file[len(stem) : -len(ending)] if file.startswith(stem) and file.endswith(ending) else None
