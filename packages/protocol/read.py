"""What installs read: packuments, versions, tarballs, tags."""

from __future__ import annotations

from collections.abc import Callable

from django.db.models import QuerySet
from django.http import FileResponse, HttpResponse, HttpResponseNotModified, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from accounts.endpoint import registry
from packages import access, blobs, counting, handing_over, packuments, quarantine, records, token_use
from packages.access import Action
from packages.models import Package, Version
from packages.protocol import mirrored
from packages.upstream import mirroring
from registry_site.errors import NotFound
from registry_site.prepared import PreparedQuery

ABBREVIATED = "application/vnd.npm.install-v1+json"
# A copy may be kept, for one second, and is a second old already: every client asks again with If-None-Match, so a
# change shows at once. (`no-cache` says the same, but pnpm then keeps nothing and fetches the whole each time.)
CACHE_DOCUMENT = {"Cache-Control": "private, max-age=1", "Age": "1"}
CACHE_TARBALL = "private, max-age=31536000, immutable"
ROUNDS = 3  # of reading a packument that changes meanwhile
SMALL = 256 * 1024  # bytes of a tarball that is handed over in one piece


def packument(request, name: str) -> HttpResponseBase:
    """`npm install`, `npm view`: the packument, full or abbreviated as Accept says; full for `?write=true`."""
    for _ in range(ROUNDS):
        try:
            return _packument(request, name)
        except packuments.Changed:  # between two queries; the policy is asked again, about what it is now
            continue
    return _packument(request, name)


def _packument(request, name: str) -> HttpResponseBase:
    sent = request.META  # not `headers`, which would read all of them first
    abbreviated = ABBREVIATED in sent.get("HTTP_ACCEPT", "") and "write" not in request.GET
    package = mirroring.find(request.actor, Action.VIEW, name, full=not abbreviated, bare=True)
    compressed = "gzip" in sent.get("HTTP_ACCEPT_ENCODING", "")
    headers = CACHE_DOCUMENT
    if package.mirrored:
        found, more = mirrored.packument(request, package, abbreviated=abbreviated, compressed=compressed)
        headers = headers | more
    else:
        known = sent.get("HTTP_IF_NONE_MATCH", "")
        found = packuments.read(package, registry(request), abbreviated=abbreviated, compressed=compressed, known=known)
    if found is None:
        return HttpResponseNotModified(headers=headers)
    headers = headers | {"ETag": found.etag, "Content-Type": ABBREVIATED if abbreviated else "application/json"}
    if compressed:
        headers["Content-Encoding"] = "gzip"
    kind = HttpResponse if isinstance(found.body, bytes) else StreamingHttpResponse
    return kind(found.body, headers=headers)


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
    package = mirroring.find(request.actor, Action.DOWNLOAD, name, bare=True)
    if package.mirrored:
        response = _mirrored_tarball(request, package, number_of(package, file))
        response.headers.setdefault("Cache-Control", CACHE_TARBALL)
        return response
    found = file_of(package, file)
    if found is None:
        raise access.missing(request.actor, name)
    return _sent(request, package, found)


def _mirrored_tarball(request, package: Package, number: str | None) -> HttpResponse:
    if number is None:
        raise access.missing(request.actor, package.name)
    if request.method == "HEAD":
        return mirrored.head(request, package, number)
    found = mirrored.opened(request, package, number)
    if found.version is None:
        return mirrored.passed_on(request, package, number, found)
    return _sent(request, package, found.version)


def _sent(request, package: Package, found: Version) -> HttpResponse:
    headers = {"Cache-Control": CACHE_TARBALL, "Content-Type": "application/octet-stream"}
    handed = handing_over.headers(found) if request.method == "GET" else None
    if handed is not None:
        return _handed_over(request, package, found, headers | handed)
    body = blobs.open_blob(found.blob, found.size)
    noted = _noted(request, package, found) if request.method == "GET" else None
    if noted is None or found.size > SMALL:
        response = FileResponse(counting.watch(body, found, noted) if noted else body, headers=headers)
        response["Content-Length"] = str(found.size)
        del response["Content-Disposition"]  # it would name the key in the store
        return response
    whole = blobs.whole(body)
    counting.add(found)
    noted()
    return HttpResponse(whole, headers=headers | {"Content-Length": str(found.size)})


def _handed_over(request, package: Package, found: Version, headers: dict[str, str]) -> HttpResponse:
    noted = _noted(request, package, found)
    if request.META.get("HTTP_RANGE", "bytes=0-").startswith("bytes=0-"):  # not the rest of one that broke off
        counting.add(found)  # now: nobody tells us whether all of it arrives
        noted()
    return HttpResponse(status=302 if "Location" in headers else 200, headers=headers)


def _noted(request, package: Package, found: Version) -> Callable[[], None]:
    token_use.note(request, package, token_use.What.DOWNLOAD)
    return records.noting(request.actor, request.META.get("HTTP_USER_AGENT", ""), package, found.number)


def visibility(request, name: str) -> JsonResponse:
    """`npm access get status` (npm 9 and later)."""
    return JsonResponse({"public": not access.find(request.actor, Action.VIEW, name).is_private})


def _listed(key: int, number: str) -> QuerySet[Version]:
    return Version.objects.listed().filter(package=key, number=number).only("number", "package_id", "blob", "size")


_LISTED = PreparedQuery(_listed, int, str)


def file_of(package: Package, file: str) -> Version | None:
    """The listed version whose tarball has this file name; the name is compared whole, never taken apart.

    Raises Quarantined, with the reason.
    """
    number = number_of(package, file)
    if number is None:
        return None
    found = _LISTED.first(package.pk, number)
    if found is None:
        quarantine.require_free(package, number)
    return found


def number_of(package: Package, file: str) -> str | None:
    """The version that a file name of this package's tarballs speaks of; None for any other name."""
    stem, ending = f"{package.name.rpartition('/')[2]}-", ".tgz"
    return file[len(stem) : -len(ending)] if file.startswith(stem) and file.endswith(ending) else None
