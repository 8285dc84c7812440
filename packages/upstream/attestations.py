"""Where mirrored versions were built, as upstream has it: fetched when somebody asks, and kept."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from urllib.parse import quote

import orjson
from django.conf import settings
from django.core.cache import cache  # shared by all workers; forgets by itself
from django.utils import timezone

from accounts.actor import Actor
from packages import access
from packages.access import Action
from packages.models import MirrorVersion, UpstreamAttestations
from packages.upstream import client, registries
from packages.upstream.client import UpstreamError
from packages.upstream.registries import Registry
from registry_site.errors import NotFound, Unavailable

MOST_BYTES = 2 * 2**20
MOST = 20  # attestations of a version
SECONDS = 10
MISSING_AGE = timedelta(minutes=5)
FAILED_SECONDS = 30


def read(actor: Actor, name: str, number: str) -> str | None:
    """The JSON that upstream has about where a mirrored version was built; None for a package that is not mirrored.

    What was fetched once stays: a version's bytes do not change. Raises as `access.find`, NotFound when upstream has
    nothing, Unavailable when it cannot be asked.
    """
    package = access.find(actor, Action.VIEW, name)
    if not package.mirrored:
        return None
    if not MirrorVersion.objects.filter(mirror__package=package, number=number).exists():
        raise NotFound(f"{name}@{number} has no attestations")
    kept = UpstreamAttestations.objects.filter(name=name, number=number).first()
    is_fresh = kept is not None and (kept.body or kept.asked_at > timezone.now() - MISSING_AGE)
    registry = registries.for_name(name)
    body = kept.body if kept is not None else ""
    if not is_fresh and registry is not None and not settings.UPSTREAM_OFFLINE:
        body = _asked(registry, name, number)
    if not body:
        raise NotFound(f"{name}@{number} has no attestations")
    return body


def _asked(registry: Registry, name: str, number: str) -> str:
    failed = "attestations-failed-" + hashlib.sha256(registry.url.encode()).hexdigest()
    if cache.get(failed):
        raise Unavailable("attestations cannot be fetched from upstream right now; try again")
    path = f"-/npm/v1/attestations/{quote(name, safe='@')}@{quote(number)}"
    try:
        answer = client.get(registry, path, {"Accept": "application/json"}, most=MOST_BYTES, seconds=SECONDS)
        if answer.status not in (200, 404):
            raise UpstreamError(f"{registry.host} answered with {answer.status}")
        body = _read(answer.body) if answer.status == 200 else ""
    except UpstreamError as error:
        cache.set(failed, True, FAILED_SECONDS)
        raise Unavailable(f"attestations cannot be fetched from upstream right now ({error}); try again") from error
    defaults = {"body": body, "asked_at": timezone.now()}
    UpstreamAttestations.objects.update_or_create(name=name, number=number, defaults=defaults)
    return body


def _read(body: bytes) -> str:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UpstreamError("the attestations are not JSON") from error
    listed = said.get("attestations") if isinstance(said, dict) else None
    if not isinstance(listed, list):
        raise UpstreamError("the answer is no list of attestations")
    kept = [
        {"predicateType": each["predicateType"][:300], "bundle": each["bundle"]}
        for each in listed[:MOST]
        if isinstance(each, dict)
        and isinstance(each.get("predicateType"), str)
        and isinstance(each.get("bundle"), dict)
    ]
    return orjson.dumps({"attestations": kept}).decode()
