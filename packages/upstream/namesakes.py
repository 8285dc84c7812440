"""Names of ours that somebody took upstream: asked about once a day, and told once to those who own them here.

Only names without a scope are asked about, which are public; what `RESERVED_NAMES` says is never asked.
"""

from __future__ import annotations

import logging

from django.db import transaction
from django.utils import timezone

from accounts import notices
from packages import reasons
from packages.models import MirrorAlert, Package
from packages.upstream import alerts, client, ownership, registries
from packages.upstream.client import UpstreamError
from packages.upstream.mirroring import SHORT
from packages.upstream.registries import Registry

logger = logging.getLogger(__name__)

SECONDS = 10
MOST_BYTES = 64 * 2**20
MOST_NAMES = 5_000  # in a day; where there are more, each day goes on where the last one stopped
MOST_FAILURES = 3  # one after the other; then upstream is away, and tomorrow is another day

_ABOUT = MirrorAlert.objects.filter(kind=MirrorAlert.Kind.APPEARED)


def look() -> int:
    """Ask the default upstream for every name without a scope that is or was ours; how many appeared since.

    Its alert is closed by itself when a name is gone upstream; one that an operator closed is not told again.
    """
    registry = registries.default()
    if registry is None:
        return 0
    told = dict(_ABOUT.order_by("at").values_list("name", "closed_by"))
    standing = set(_ABOUT.filter(closed_at=None).values_list("name", flat=True))
    appeared = failures = 0
    for name in _todays():
        if ownership.is_reserved(name):
            continue
        try:
            is_there = _is_there(registry, name)
        except UpstreamError as error:
            failures += 1
            if failures == MOST_FAILURES:
                logger.warning("the upstream registry could not be asked for names of ours: %s", error)
                return appeared
            continue
        failures = 0
        if not is_there and name in standing:
            _ABOUT.filter(name=name, closed_at=None).update(closed_at=timezone.now())
        elif is_there and name not in standing and not told.get(name):
            appeared += _tell(registry, name)
    return appeared


def of(package: Package) -> MirrorAlert | None:
    """The warning for those who own a package: its name appeared upstream, and nobody said yet that this is fine."""
    return _ABOUT.filter(name=package.name, closed_at=None).first() if package.scope_id is None else None


def _todays() -> list[str]:
    names = Package.objects.filter(scope=None, mirrored=False).order_by("name").values_list("name", flat=True)
    start = timezone.now().date().toordinal() * MOST_NAMES % max(names.count(), 1)
    found = list(names[start : start + MOST_NAMES])
    return found + list(names[: min(start, MOST_NAMES - len(found))])


def _is_there(registry: Registry, name: str) -> bool:
    # Only the status is looked at: the packument may be large, and nothing in it counts for a name of ours.
    with client.opened(registry, registry.package(name), {"Accept": SHORT}, most=MOST_BYTES, seconds=SECONDS) as reply:
        if reply.status in (200, 404):
            return reply.status == 200
        raise UpstreamError(f"{registry.host} answered with {reply.status}")


def _tell(registry: Registry, name: str) -> int:
    text = f"somebody publishes {name} at {registry.host}; here it still means the package of this registry"
    if alerts.alert(MirrorAlert.Kind.APPEARED, name, "", text) is None:
        return 0
    package = Package.objects.select_related("scope").get(name=name)
    with transaction.atomic():
        notices.tell(
            reasons.managers(package),
            notices.Kind.RECALLS,
            f"Somebody publishes {name} at {registry.host}, too",
            f"Whoever installs {name} from here gets yours, as before: a name that is ours is never asked upstream. "
            "On a machine that does not use this registry the same command installs the other one.",
            "Look whether it is yours. If not, see that every project that uses it has this registry in its .npmrc, or "
            "move the package into a scope.",
            link=(f"Open {name}", notices.page("package", name)),
        )
    return 1
