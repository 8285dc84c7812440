"""Badges of packages that anybody may see without signing in; of any other name, hidden or missing, there is none."""

from __future__ import annotations

import hashlib

from django.http import HttpResponse
from django.utils.cache import get_conditional_response

from accounts.actor import NOBODY
from accounts.endpoint import endpoint
from packages import access
from packages import badges as drawings
from packages import downloads as counts
from packages.downloads import Period
from packages.models import Package
from registry_site.errors import NotFound

SECONDS = 300


def _version(request, name: str) -> HttpResponse:
    """The latest version of a package."""
    package = _open_to_all(name)
    mirror = getattr(package, "mirror", None)
    deprecated = package.deprecated if mirror else package.latest.deprecated
    number = mirror.latest if mirror else package.latest.number
    value = f"{number} deprecated" if deprecated else number
    return _answer(request, drawings.badge("version", value, drawings.GREY if deprecated else drawings.BLUE))


def _downloads(request, name: str) -> HttpResponse:
    """The downloads of the last seven days."""
    package = _open_to_all(name)
    count = counts.each_total([package], Period.last(7)).get(package.pk, 0)
    return _answer(request, drawings.badge("downloads", f"{drawings.short(count)} a week"))


def _open_to_all(name: str) -> Package:
    heavy = (f"latest__{field}" for field in ("full", "abbreviated", "readme", "readme_html"))
    open_to_all = access.visible_to(NOBODY).filter(name=name).exclude(latest=None, mirror=None)
    found = open_to_all.select_related("latest", "mirror").defer(*heavy, "mirror__source").first()
    if found is None:
        raise NotFound("there is no badge of this name")
    return found


def _answer(request, drawing: str) -> HttpResponse:
    etag = f'"{hashlib.sha256(drawing.encode()).hexdigest()[:32]}"'
    answer = HttpResponse(drawing, content_type="image/svg+xml; charset=utf-8")
    answer["ETag"] = etag
    answer["Cache-Control"] = f"public, max-age={SECONDS}"
    return get_conditional_response(request, etag=etag, response=answer)


# As the registry's endpoints, because a badge is no page: no session is read, and nobody is sent to sign in.
_READ = ("GET", "HEAD")
version = endpoint(without_credential=_READ, GET=_version)
downloads = endpoint(without_credential=_READ, GET=_downloads)
