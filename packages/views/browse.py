"""Pages that show a package."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from accounts.endpoint import page_address, registry
from accounts.models import AuditEvent
from packages import access, changes, collaborators, downloads, installing, mirrored, provenance, readmes
from packages import stars as star_verbs
from packages.links import link
from packages.mirrored import Shelf
from packages.models import Package, Version
from packages.packuments import maintainers
from packages.upstream import namesakes
from packages.views import context
from packages.views.paging import page_of

EVENTS_A_PAGE = 50
FACES = 5


def package(request, name: str, number: str = "") -> HttpResponse:
    """The package page: readme, how to install it, facts, who works on it, or from where it is mirrored."""
    if number:
        found, shared = context.of_package(request, name, "readme", number)
    else:
        found, shelf = mirrored.find(request.actor, name)
        shared = context.about(request.actor, found, shelf, "readme")
    manifest, shelf, version = shared["manifest"], shared["shelf"], shared["version"]
    people = (
        collaborators.circle(found, 0, FACES, request.actor.user)
        if shared["insider"]
        else collaborators.Circle([], 0, None)
    )
    return render(
        request,
        "pages/package.html",
        shared
        | {
            "held": _held(shelf, version) if shelf else [],
            "readme": readmes.linked(shelf.readme(version) if shelf else version.readme_html, _files(found, version)),
            "installs": installing.commands(found.name, number),
            "registry_line": installing.registry_line(found.name if found.scope else "", registry(request) + "/"),
            "badges": _badges(request, found) if access.is_open(found) else [],
            "tags": _tags(found, shelf),
            "stars": star_verbs.of_package(request.actor, found),
            "downloads": downloads.trend(found),
            "faces": people.listed,
            "more": people.count - len(people.listed),
            "mine": people.own,
            "people_count": people.count,
            "maintainers": [] if shared["insider"] or shelf else maintainers(found),
            "license": _text(manifest.get("license")),
            "homepage": link(manifest.get("homepage")),
            "repository": link(manifest.get("repository")),
            "built": _built(version) if version.pk else None,
        },
    )


def _held(shelf: Shelf, version: Version) -> list[tuple[str, str]]:
    # What somebody may wonder about: the version of this page, and the one that upstream calls the latest.
    asked = dict.fromkeys([version.number, shelf.upstream_latest])
    return [(number, why) for number in asked if (why := shelf.why_held(number))]


def _tags(package: Package, shelf: Shelf | None) -> list[tuple[str, str]]:
    if shelf is not None:
        return [(each.name, each.number) for each in shelf.tags]
    return list(package.tags.values_list("name", "version__number"))


def _files(package: Package, version: Version) -> str:
    return reverse("package-version-code", args=[package.name, version.number]) + "/"


def _badges(request, package: Package) -> list[tuple[str, str, str]]:
    page = page_address(request, "package", package.name)
    found = []
    for what in ("version", "downloads"):
        address = page_address(request, f"badge-{what}", package.name)
        found.append(
            (what.capitalize(), reverse(f"badge-{what}", args=[package.name]), f"[![{what}]({address})]({page})")
        )
    return found


def _built(version: Version) -> dict[str, Any] | None:
    attestation = provenance.of(version) if "attestations" in version.manifest["dist"] else None
    if attestation is None:
        return None
    source = attestation.source
    addresses = {field: link(source.get(field)) for field in ("repository", "builder", "run", "log_entry")}
    return {"source": source, "addresses": addresses, "verified_at": attestation.verified_at}


def activity(request, name: str) -> HttpResponse:
    """Who did what with a package, for those who belong to it."""
    found, shared = context.of_package(request, name, "activity")
    if shared["shelf"] is not None:
        moments = mirrored.told(shared["shelf"])
        return render(
            request, "pages/package_activity.html", shared | {"page": page_of(request, moments, EVENTS_A_PAGE)}
        )
    events = AuditEvent.objects.filter(package=found.name) if shared["insider"] else AuditEvent.objects.none()
    events = events if "publish" in shared["can"] else events.exclude(action__in=changes.UNSEEN)
    if "manage" in shared["can"]:
        shared["namesake"] = namesakes.of(found)
    return render(request, "pages/package_activity.html", shared | {"page": page_of(request, events, EVENTS_A_PAGE)})


def _text(value: Any) -> str:
    value = value.get("type") if isinstance(value, dict) else value
    return value[:256] if isinstance(value, str) else ""
