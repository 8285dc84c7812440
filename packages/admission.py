"""Whether an upload is taken at all: asked before its body is read, so that what is refused costs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from accounts import limiting
from accounts.actor import Actor
from accounts.models import Scope
from packages import claims, gate, quotas, reserve
from packages.names import PackageName
from packages.policy import POWER, Action
from packages.wire.reading import MAX_DOCUMENT, MAX_EDITED_DOCUMENT
from registry_site.errors import Refusal

SMALL = 2**20  # bytes of a body that is received in no time, and fills no disk


@contextmanager
def upload(actor: Actor, name: str, length: int) -> Iterator[None]:
    """Take a body that may be an upload; inside, it is read and published.

    length: of the body, as its header says.
    Raises TooManyRequests, OverQuota, Unavailable when there is no room or too many are on the way.
    """
    caller = limiting.caller(actor)
    limiting.spend("publish", caller, words="you published very often in a short time")
    size = length * 3 // 4  # a tarball is sent as base64
    if length > MAX_EDITED_DOCUMENT:  # else it may be a document that comes back with a deprecation, and takes no room
        reserve.require(size + gate.uploads.size)
        _require_room(actor, name, (length - MAX_DOCUMENT) * 3 // 4)
    if length <= SMALL:
        yield
        return
    most = settings.UPLOADS_AT_ONCE
    with gate.uploads.passing(caller, size, most, max(1, most // 2) if settings.RATES else most):
        yield


def _require_room(actor: Actor, full_name: str, size: int) -> None:
    try:
        name = PackageName.parse(full_name)
        if not name.scope:
            return
        actor.require(POWER[Action.STAGE], package=name.full)
        claims.require_part_in(actor, name.scope)
    except Refusal:
        return  # whoever may not publish there hears of that, and not of how full it is
    quotas.require_room(Scope.objects.filter(name=name.scope).first(), name, size)
