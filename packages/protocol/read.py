"""What installs read: packuments, versions, tarballs, tags."""

from __future__ import annotations

from django.http import FileResponse, HttpResponse, HttpResponseNotModified, JsonResponse

from accounts.endpoint import registry
from packages import access, blobs, counting, packuments, quarantine, token_use
from packages.access import Action
from packages.models import Package, Version
from packages.names import PackageName
from registry_site.errors import Invalid, NotFound, Unavailable

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
    package = access.find(request.actor, Action.VIEW, name)
    accept = request.headers.get("accept", "")
    abbreviated = ABBREVIATED in accept and "write" not in request.GET
    compressed = "gzip" in request.headers.get("accept-encoding", "")
    found = packuments.read(
        package,
        registry(request),
        abbreviated=abbreviated,
        compressed=compressed,
        known=request.headers.get("if-none-match", ""),
    )
    if found is None:
        response: HttpResponse = HttpResponseNotModified()
    else:
        response = HttpResponse(found.body, content_type=ABBREVIATED if abbreviated else "application/json")
        response["ETag"] = found.etag
        if compressed:
            response["Content-Encoding"] = "gzip"
    for header, value in CACHE_DOCUMENT.items():
        response[header] = value
    return response


def version(request, name: str, spec: str) -> HttpResponse:
    """`GET /PKG/VERSION` or `/PKG/TAG`: one manifest, as scripts and npm 2 ask for it."""
    package = access.find(request.actor, Action.VIEW, name)
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
    package = access.find(request.actor, Action.DOWNLOAD, name)
    found = file_of(package, file)
    if found is None:
        raise access.missing(request.actor, name)
    body = blobs.open_blob(found.blob, found.size)
    if request.method == "GET":
        body = counting.watch(body, found)
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
    try:
        name = PackageName.parse(package.name)
    except Invalid:
        return None
    stem, ending = f"{name.base}-", ".tgz"
    if not (file.startswith(stem) and file.endswith(ending)):
        return None
    number = file[len(stem) : -len(ending)]
    found = package.versions.listed().filter(number=number).first()
    if found is None:
        quarantine.require_free(package, number)
    return found
