"""Pages that show: home, search, people, packages."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render

from accounts import people
from accounts.endpoint import registry
from accounts.models import AuditEvent
from orgs import organizations
from packages import changes, downloads, provenance, sharing, staging
from packages import search as searching
from packages import stars as star_verbs
from packages.downloads import Period
from packages.links import link
from packages.models import Access, Version
from packages.packuments import maintainers
from packages.views import context

A_PAGE = 20
VERSIONS_A_PAGE = 100
EVENTS_A_PAGE = 50
MOST_PAGES = 50
FACES = 5
STARS_SHOWN = 20


def home(request) -> HttpResponse:
    """The front page: what this registry is, or what is mine."""
    actor = request.actor
    address = registry(request) + "/"
    if not actor.is_signed_in:
        recent = downloads.with_weekly(searching.search(actor, "", sort="recent")[:6])
        return render(request, "pages/welcome.html", {"address": address, "recent": recent})
    mine = searching.of_person(actor, actor.user).order_by("-modified_at")
    events = AuditEvent.objects.filter(package__in=mine.order_by().values("name"))
    return render(
        request,
        "pages/home.html",
        {
            "address": address,
            "packages": downloads.with_weekly(mine[:10]),
            "package_count": mine.count(),
            "memberships": organizations.of(actor.user),
            "waiting": staging.listed(actor)[:5],
            "events": changes.heard_by(actor, events)[:12],
        },
    )


def search(request) -> HttpResponse:
    """Search results, of what the viewer may see."""
    text = request.GET.get("q", "").replace("\0", "").strip()[: searching.MAX_TEXT]
    level, sort = request.GET.get("access", ""), request.GET.get("sort", "relevance")
    found = searching.search(request.actor, text)
    total = found.count()
    private = found.filter(access=Access.RESTRICTED).count()
    shown = searching.search(request.actor, text, access_level=level, sort=sort)
    page = _packages(request, shown)
    return render(
        request,
        "pages/search.html",
        {
            "q": text,
            "page": page,
            "sort": sort,
            "sorts": [("relevance", "Relevance"), ("recent", "Recent"), ("name", "Name")],
            "level": level,
            "levels": [("", "All", total), ("restricted", "Private", private), ("public", "Public", total - private)],
        },
    )


def person(request, user: str) -> HttpResponse:
    """A person's packages and orgs, as far as the viewer may see them."""
    found = people.find(user)
    own = request.actor.user == found
    packages = searching.of_person(request.actor, found)
    return render(
        request,
        "pages/person.html",
        {
            "person": found,
            "own": own,
            "homepage": link(found.homepage),
            "page": _packages(request, packages),
            "starred": star_verbs.of_person(request.actor, found)[:STARS_SHOWN],
            "memberships": organizations.of(found) if own else [],
            "address": registry(request) + "/",
        },
    )


def package(request, name: str, number: str = "") -> HttpResponse:
    """The package page: readme, how to install it, facts, who works on it."""
    found, shared = context.of_package(request, name, "readme", number)
    manifest = shared["manifest"]
    team = sharing.collaborators(found) if shared["insider"] else []
    return render(
        request,
        "pages/package.html",
        shared
        | {
            "install": f"npm i {found.name}" + (f"@{number}" if number else ""),
            "tags": found.tags.select_related("version"),
            "waiting_count": found.staged.count() if "publish" in shared["can"] else 0,
            "stars": star_verbs.of_package(request.actor, found),
            "downloads": downloads.trend(found),
            "faces": team[:FACES],
            "more": max(len(team) - FACES, 0),
            "mine": next((each for each in team if each.user == request.actor.user), None),
            "people_count": len(team),
            "maintainers": [] if shared["insider"] else maintainers(found),
            "license": _text(manifest.get("license")),
            "homepage": link(manifest.get("homepage")),
            "repository": link(manifest.get("repository")),
            "built": _built(shared["version"]),
        },
    )


def _built(version: Version) -> dict[str, Any] | None:
    attestation = provenance.of(version) if "attestations" in version.manifest["dist"] else None
    if attestation is None:
        return None
    source = attestation.source
    addresses = {field: link(source.get(field)) for field in ("repository", "builder", "run", "log_entry")}
    return {"source": source, "addresses": addresses, "verified_at": attestation.verified_at}


def versions(request, name: str) -> HttpResponse:
    """Tags, and every version with who published it and when."""
    found, shared = context.of_package(request, name, "versions")
    history = (
        found.versions.filter(unpublished_at=None)
        .select_related("published_by")
        .defer("full", "abbreviated", "readme", "readme_html")
    )
    tags = list(found.tags.select_related("version"))
    page = _page(request, history, VERSIONS_A_PAGE)
    weekly = downloads.by_version(found, Period.last(7))
    for each in page:
        each.weekly = weekly.get(each.number, 0)
    return render(request, "pages/package_versions.html", shared | {"page": page, "tags": tags})


def dependencies(request, name: str) -> HttpResponse:
    """What the latest version depends on."""
    _, shared = context.of_package(request, name, "dependencies")
    groups = [
        (label, sorted(context.dependencies(shared["manifest"], kind).items()))
        for kind, label in context.DEPENDENCY_KINDS.items()
    ]
    return render(request, "pages/package_dependencies.html", shared | {"groups": [each for each in groups if each[1]]})


def activity(request, name: str) -> HttpResponse:
    """Who did what with a package, for those who belong to it."""
    found, shared = context.of_package(request, name, "activity")
    events = AuditEvent.objects.filter(package=found.name) if shared["insider"] else AuditEvent.objects.none()
    events = events if "publish" in shared["can"] else events.exclude(action__in=changes.UNSEEN)
    return render(request, "pages/package_activity.html", shared | {"page": _page(request, events, EVENTS_A_PAGE)})


def _packages(request, found):
    page = _page(request, found, A_PAGE)
    page.object_list = downloads.with_weekly(page.object_list)
    return page


def _page(request, items, size: int):
    number = request.GET.get("page", "")
    number = int(number) if number.isascii() and number.isdigit() and len(number) < 4 else 1
    return Paginator(items, size).get_page(min(number, MOST_PAGES))


def _text(value: Any) -> str:
    value = value.get("type") if isinstance(value, dict) else value
    return value[:256] if isinstance(value, str) else ""
