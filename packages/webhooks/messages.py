"""What changes are called towards webhooks, and the messages of a change, written in its own transaction."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from typing import Any

import orjson
from django.utils import timezone

from accounts.actor import Actor
from packages import packuments
from packages.models import Package, Permission, Webhook, WebhookDelivery
from packages.webhooks import hearing, sending, signing

# npm's names of events, and names like them for what npm has none. A change that is not here is nobody's business
# outside the package: staged versions, say.
EVENTS = {
    "version.published": "package:publish",
    "version.released": "package:publish",
    "version.unpublished": "package:unpublish",
    "package.unpublished": "package:unpublish",
    "version.restored": "package:restore",
    "package.restored": "package:restore",
    "version.deprecated": "package:deprecated",
    "version.quarantined": "package:quarantine",
    "version.freed": "package:quarantine-rm",
    "tag.set": "package:dist-tag",
    "tag.removed": "package:dist-tag-rm",
    "person.granted": "package:owner",
    "person.revoked": "package:owner-rm",
    "person.left": "package:owner-rm",
    "package.transferred": "package:transfer",
    "package.starred": "package:star",
    "package.unstarred": "package:unstar",
    "advisory.published": "package:advisory",
    "advisory.amended": "package:advisory",
    "advisory.reinstated": "package:advisory",
    "advisory.withdrawn": "package:advisory-rm",
    "access.set": "package:change",
    "package.converted": "package:change",
    "team.granted": "package:change",
    "team.revoked": "package:change",
}
GIVEN = frozenset({"person.granted", "person.revoked", "person.left"})
# What a message says of the change; what else an audit event knows (teams, addresses, who reads) stays inside.
TOLD = {
    "version": "version",
    "versions": "versions",
    "tag": "dist-tag",
    "message": "message",
    "access": "access",
    "reason": "reason",
    "advisory": "advisory",
    "title": "title",
}
# Documents of thousands of versions are not for each message: a hook gets the head and may ask for the rest.
HEAD = ("description", "keywords")


def announce(package: Package, actor: Actor, change: str, *, person: str = "", **facts: Any) -> None:
    """Write a message for every hook that listens to this package and whose person may see it; the worker sends them.

    package: as the change leaves it, found for an actor. change, person, facts: as for the audit event.
    One query where nobody listens. Call it inside the transaction of the change.
    """
    named = _event(change, person, facts)
    if named is None or not (hooks := hearing.of_package(package)):
        return
    event, changed = named
    if person == "" and event in ("package:star", "package:unstar"):
        changed = {"user": actor.name}
    write(hooks, event, _message(package, event, changed), package=package.name)


def write(hooks: Iterable[Webhook], event: str, message: dict[str, Any], **about: str) -> None:
    """Write a message for each of these hooks; the worker sends them when the transaction commits.

    about: the name of its package, org or person: who may not know of that when it is sent is not told.
    """
    rows = [_delivery(hook, event, message, about) for hook in hooks]
    if rows:
        WebhookDelivery.objects.bulk_create(rows)
        sending.send_due.enqueue()


def framed(event: str, name: str, kind: str, *, version: str = "", payload: Any, change: Any) -> dict[str, Any]:
    """The words that every message has. kind: `package`, `org` or `person`, which name is the name of."""
    return {
        "event": event,
        "name": name,
        "type": kind,
        "version": version,
        "payload": payload,
        "change": change,
        "time": int(time.time() * 1000),
        "schema": signing.SCHEMA,
    }


def hello(hook: Webhook) -> None:
    """Write a test message."""
    write([hook], sending.PING, framed(sending.PING, hook.name, hook.kind, payload={}, change={}))


def _delivery(hook: Webhook, event: str, message: dict[str, Any], about: dict[str, str]) -> WebhookDelivery:
    key = uuid.uuid4()
    said = message | {"hookOwner": {"username": hook.user.username}, "id": str(key)}
    payload = orjson.dumps(said).decode()
    return WebhookDelivery(
        webhook=hook, key=key, event=event, payload=payload, next_attempt_at=timezone.now(), **{"package": ""} | about
    )


def _event(change: str, person: str, facts: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    event = EVENTS.get(change)
    if event is None:
        return None
    told = {word: facts[fact] for fact, word in TOLD.items() if fact in facts}
    if change == "version.deprecated" and not facts.get("message"):
        return "package:undeprecated", {"versions": facts.get("versions", [])}
    if change in GIVEN:
        maintains = facts.get("permission", facts.get("was")) in (Permission.WRITE.label, Permission.OWNER.label)
        # Who only reads a package is not in its document, so a message does not name them either.
        return (event, {"user": person}) if maintains else ("package:change", {})
    return event, told | ({"user": person} if person else {})


def _message(package: Package, event: str, changed: dict[str, Any]) -> dict[str, Any]:
    head: dict[str, Any] = {
        "_id": package.name,
        "_rev": packuments.revision_of(package),
        "name": package.name,
        "dist-tags": dict(package.tags.values_list("name", "version__number")),
        "maintainers": packuments.maintainers(package),
        "time": {"created": package.created_at.isoformat(), "modified": package.modified_at.isoformat()},
    }
    head |= {field: getattr(package, field) for field in HEAD}
    version = changed.get("version") or (package.latest.number if package.latest else "")
    return framed(event, package.name, "package", version=version, payload=head, change=changed)
