"""Fills a registry with what is measured; runs inside `manage.py shell` of the server that is to be measured."""

from __future__ import annotations

import json

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import people
from accounts.actor import Actor, operator
from orgs import organizations
from packages import packuments, publishing
from packages.models import Package, Version
from packages.names import PackageName
from tests.bench import realistic
from tests.tools import payloads
from tests.tools.sessions import sign_in

OWNER, ORG = "bench", "bench-org"
_TARBALL = 50_000
_CLONED = "package_id size unpacked_size file_count readme readme_filename published_by_id signed_with".split()


def packages(counts: dict[str, int], sizes: dict[str, int] | None = None) -> None:
    """Packages of so many versions by name, and others of one version with a tarball of about so many bytes."""
    actor = _owner()
    settings.SPOOL_DIR.mkdir(parents=True, exist_ok=True)
    for name, count in counts.items():
        _publish(actor, name, count - 1, _TARBALL)
        _clone(Package.objects.get(name=name), count)
    for name, size in (sizes or {}).items():
        _publish(actor, name, 0, size)


def crowd(count: int) -> None:
    """So many packages of everybody, and an org of the owner's with some of its own."""
    from tests.tools.crowd import fill

    fill(packages=count)


def org(packages: int) -> None:
    """An org of the owner's with so many packages."""
    actor = _owner()
    settings.SPOOL_DIR.mkdir(parents=True, exist_ok=True)
    organizations.create(actor, ORG, "Bench")
    for place in range(packages):
        _publish(actor, f"@{ORG}/tool-{place}", 0, 2_000)


def cookie(name: str) -> None:
    """Print the cookie of somebody who signed in."""
    client = Client()
    sign_in(client, Actor(get_user_model().objects.get(username=name), credential="session"))
    print(f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}")


def queries(paths: list[str], name: str, host: str) -> None:
    """Print as JSON how many queries each page makes for somebody who is signed in, when asked the second time."""
    client = Client(headers={"host": host})
    sign_in(client, Actor(get_user_model().objects.get(username=name), credential="session"))
    found = {}
    for path in paths:
        client.get(path)
        with CaptureQueriesContext(connection) as asked:
            client.get(path)
        found[path] = len(asked)
    print(json.dumps(found))


def _owner() -> Actor:
    user = get_user_model().objects.filter(username=OWNER).first()
    return Actor(
        user or people.create(operator(), OWNER, f"{OWNER}@example.com", "correct horse battery"), credential="session"
    )


def _publish(actor: Actor, name: str, place: int, size: int) -> None:
    files = {"noise.txt": realistic.noise(size)}
    upload = payloads.upload(
        name,
        realistic.number(place),
        settings.SPOOL_DIR,
        access="public",
        files=files,
        **realistic.manifest(name, place),
    )
    publishing.publish(actor, upload)


def _clone(package: Package, count: int) -> None:
    # As many publishes would take minutes; the rows are those that they would leave, but for the bytes.
    last = package.versions.get()
    said_last, parsed = last.manifest, PackageName.parse(package.name)
    rows = []
    for place in range(count - 1):
        number, dist = realistic.number(place), realistic.dist(package.name, place)
        said = {key: value for key, value in said_last.items() if key != "dist"}
        said |= realistic.manifest(package.name, place) | {"version": number, "_id": f"{package.name}@{number}"}
        full, short = packuments.version_parts(parsed, said, dist)
        rows.append(
            Version(
                number=number, folded=number, blob=f"none-{package.pk}-{place}", full=full, abbreviated=short,
                integrity=dist["integrity"], shasum=dist["shasum"], published_at=realistic.moment(place, count),
                **{column: getattr(last, column) for column in _CLONED},
            )
        )  # fmt: skip
    Version.objects.bulk_create(rows, batch_size=200)
    changed = {"revision": package.revision + 1, "created_at": realistic.moment(0, count)}
    Package.objects.filter(pk=package.pk).update(**changed)
