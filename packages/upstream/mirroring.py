"""What upstream has under a name: from here while it is fresh, else asked for once, and from here again when it fails.

find -> access, and for a name that nobody here has: may_ask -> refresh
refresh -> flight -> client -> reading -> keeping
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from accounts.actor import Actor
from packages import access
from packages.access import Action
from packages.models import Mirror, Package
from packages.names import PackageName
from packages.upstream import client, flights, keeping, ownership, reading, registries
from packages.upstream.client import UpstreamError
from packages.upstream.registries import Registry
from registry_site import metrics
from registry_site.egress import EgressError
from registry_site.errors import Malformed, NotFound, SignInRequired, Unavailable, UpstreamFailed
from registry_site.prepared import PreparedQuery

SHORT = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8"
FULL = "application/json"
SECONDS = 60
MISSING_AGE = timedelta(minutes=5)
FAILED_AGE = timedelta(seconds=30)
ROUNDS = 5  # of waiting for others, before one gives up


def find(actor: Actor, action: Action, name: str, *, full: bool = False, bare: bool = False) -> Package:
    """The package of this name for an actor, as `access.find`; one that upstream has becomes known here on the way.

    full: the whole packument will be wanted, so that upstream is asked once. bare: as `access.find` takes it.
    Raises as `access.find`, Unavailable and UpstreamFailed when upstream does not say whether there is one.
    """
    try:
        package = access.find(actor, action, name, bare=bare)
    except (NotFound, SignInRequired) as refusal:
        # Who may not know whether a scoped name is here gets it from nowhere; without a scope nothing is hidden.
        if (isinstance(refusal, SignInRequired) and name.startswith("@")) or not ownership.may_ask(name):
            raise
    else:
        if not (package.mirrored and _became_ours(name)):
            return package
        keeping.purge(name)  # somebody took the scope, or reserved the name; nothing of upstream is served under it
    if action in (Action.VIEW, Action.DOWNLOAD) and ownership.may_ask(name):
        refresh(name, full=full)
    return access.find(actor, action, name, bare=bare)


def refresh(name: str, *, full: bool = True, force: bool = False) -> Mirror:
    """What upstream has under a name, asked for when what is here is too old, or is the short form and not enough.

    full: the whole packument, with times and readme, is wanted. force: ask although it is fresh.
    What is here is given, however old, when upstream fails or while somebody else asks. A name that upstream does not
    have gives a row whose state says so. Raises Unavailable and UpstreamFailed when nothing is here.
    """
    registry = registries.for_name(name)
    since = timezone.now()
    for _ in range(ROUNDS):
        mirror, is_new = _KNOWN.first(name), False
        if mirror is None:
            mirror, is_new = Mirror.objects.defer("source").get_or_create(name=name, defaults=_taken(registry))
        if registry is None or settings.UPSTREAM_OFFLINE:
            return _as_it_is(mirror)
        if _is_enough(mirror, full) and (_is_fresh(mirror, since if force else None) or _failed_lately(mirror)):
            metrics.count("registry_mirror_documents", "hit")
            return mirror
        if not _is_enough(mirror, full) and _failed_lately(mirror):
            raise Unavailable(_failure(mirror.failure))
        if is_new or flights.take(mirror, "checked_at", "failed_at"):
            metrics.count("registry_mirror_documents", "miss")
            return _asked(mirror, registry, full)
        if _is_enough(mirror, full) and not force:
            return mirror  # a little old is better than waiting
        flights.wait(mirror)
    raise Unavailable("the upstream registry takes long to answer; try again")


_KNOWN = PreparedQuery(lambda name: Mirror.objects.defer("source").filter(name=name), str)


def source(mirror: Mirror) -> dict[str, Any]:
    """The packument as upstream said it, validated; links in it begin with BASE_MARK.

    Short ones have no readme, and may have no times (`mirror.is_full`).
    """
    return reading.unpack(bytes(mirror.source))


def is_stale(mirror: Mirror) -> bool:
    """Whether what is here is older than it should be, because upstream failed."""
    return mirror.failed_at is not None


def _became_ours(name: str) -> bool:
    return ownership.is_reserved(name) or ownership.is_held(name)  # the row itself says that nobody here used it


def _asked(mirror: Mirror, registry: Registry, full: bool) -> Mirror:
    try:
        return _ask(mirror, registry, full or mirror.is_full)
    except keeping.Ours:
        flights.land(mirror)
        return mirror
    except (UpstreamError, EgressError, Malformed) as error:
        message = getattr(error, "message", None) or str(error)
        keeping.failed(mirror, message)
        if _is_enough(mirror, full):
            return mirror
        kind = UpstreamFailed if isinstance(error, Malformed) else Unavailable
        raise kind(_failure(message)) from error
    except BaseException:
        flights.land(mirror)
        raise


def _taken(registry: Registry | None) -> dict[str, Any]:
    # Whoever makes the row goes; in one write.
    return {"leased_until": flights.ends()} if registry is not None and not settings.UPSTREAM_OFFLINE else {}


def _ask(mirror: Mirror, registry: Registry, full: bool) -> Mirror:
    headers = {"Accept": FULL if full else SHORT}
    if mirror.etag and mirror.is_full == full and mirror.state == Mirror.State.FOUND:
        headers["If-None-Match"] = mirror.etag
    url = registry.package(mirror.name)
    with client.opened(registry, url, headers, most=reading.MOST_BYTES, seconds=SECONDS) as reply:
        if reply.status == 304 and "If-None-Match" in headers:
            return keeping.unchanged(mirror)
        if reply.status == 404:
            return keeping.missing(mirror)
        if reply.status != 200:
            raise UpstreamError(f"{registry.host} answered with {reply.status}")
        body = reply.body()
    read = reading.read(body, PackageName.parse(mirror.name, old=True), is_full=full)
    return keeping.found(mirror, registry, read, reply.headers.get("etag", ""))


def _is_enough(mirror: Mirror, full: bool) -> bool:
    if mirror.state in (Mirror.State.MISSING, Mirror.State.GONE):
        return True
    return mirror.state == Mirror.State.FOUND and (mirror.is_full or not full)


def _is_fresh(mirror: Mirror, since: datetime | None) -> bool:
    if mirror.checked_at is None:
        return False
    if since is not None:
        return mirror.checked_at >= since
    missing = mirror.state in (Mirror.State.MISSING, Mirror.State.GONE)
    return mirror.checked_at > timezone.now() - (
        MISSING_AGE if missing else timedelta(seconds=settings.UPSTREAM_MAX_AGE)
    )


def _failed_lately(mirror: Mirror) -> bool:
    return mirror.failed_at is not None and mirror.failed_at > timezone.now() - FAILED_AGE


def _as_it_is(mirror: Mirror) -> Mirror:
    if mirror.package_id or not settings.UPSTREAM_OFFLINE:
        return mirror
    raise Unavailable(
        f"this registry works offline and does not have {mirror.name}; its operators can bring it in (mirror_import)"
    )


def _failure(why: str) -> str:
    return f"the upstream registry cannot be asked right now ({why}); try again"
