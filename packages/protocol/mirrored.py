"""What installs read of the upstream registry's packages, through us."""

from __future__ import annotations

from collections.abc import Iterator

from django.http import StreamingHttpResponse

from accounts.endpoint import registry
from packages import counting, records, token_use
from packages.models import Package, Version
from packages.packuments import Packument
from packages.upstream import documents, fetching
from packages.upstream.fetching import Opened


def packument(
    request, package: Package, *, abbreviated: bool, compressed: bool
) -> tuple[Packument | None, dict[str, str]]:
    """The packument as the caller may have it, None when they have it already, and headers that go with it."""
    served = documents.read(
        request.actor,
        package,
        registry(request),
        abbreviated=abbreviated,
        compressed=compressed,
        known=request.headers.get("if-none-match", ""),
    )
    return served.packument, {"Warning": served.note} if served.note else {}


def manifest(request, package: Package, spec: str) -> bytes:
    """One version's manifest, by number or tag."""
    return documents.manifest(request.actor, package, spec, registry(request))


def head(request, package: Package, number: str) -> StreamingHttpResponse:
    """What can be said of a tarball without fetching it."""
    size = fetching.size(request.actor, package, number)
    response = StreamingHttpResponse((), content_type="application/octet-stream")  # Django gives others a length of 0
    if size is not None:
        response["Content-Length"] = str(size)
    return response


def opened(request, package: Package, number: str) -> Opened:
    """The tarball of a version, fetched on the way when it is not here."""
    return fetching.opened(request.actor, package, number)


def passed_on(request, package: Package, number: str, found: Opened) -> StreamingHttpResponse:
    """A large tarball that is still on its way from upstream: it goes on to the client as it comes in."""
    noted = records.noting(request.actor, request.headers.get("user-agent", ""), package, number)

    def body() -> Iterator[bytes]:
        yield from found.body
        version = Version.objects.filter(package=package, number=number).first()
        if version is not None:
            counting.add(version)
            noted()

    token_use.note(request, package, token_use.What.DOWNLOAD)
    response = StreamingHttpResponse(body(), content_type="application/octet-stream")
    if found.size is not None:
        response["Content-Length"] = str(found.size)
    return response


def tags(request, package: Package) -> dict[str, str]:
    """The tags as the caller may have them: none leads to a version that a rule holds back."""
    return documents.allowed(request.actor, package)["dist-tags"]
