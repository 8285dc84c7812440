"""What changes are called towards webhooks, and the messages of a change, written in its own transaction."""

from __future__ import annotations

import time
from typing import Any

import orjson
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.actor import Actor
from packages import packuments, reasons
from packages.models import Package, Permission, PersonGrant, Webhook, WebhookDelivery
from packages.webhooks import sending

# npm's names of events. A change that is not here is nobody's business outside the package: staged versions, say.
EVENTS = {
    "version.published": "package:publish",
    "version.released": "package:publish",
    "version.unpublished": "package:unpublish",
    "package.unpublished": "package:unpublish",
    "version.deprecated": "package:deprecated",
    "tag.set": "package:dist-tag",
    "tag.removed": "package:dist-tag-rm",
    "person.granted": "package:owner",
    "person.revoked": "package:owner-rm",
    "person.left": "package:owner-rm",
    "package.starred": "package:star",
    "package.unstarred": "package:unstar",
    "access.set": "package:change",
    "package.converted": "package:change",
    "team.granted": "package:change",
    "team.revoked": "package:change",
}
# What a message says of the change; what else an audit event knows (teams, addresses, who reads) stays inside.
TOLD = {"version": "version", "versions": "versions", "tag": "dist-tag", "message": "message", "access": "access"}
# Documents of thousands of versions are not for each message: a hook gets the head and may ask for the rest.
HEAD = ("description", "keywords")


def announce(package: Package, actor: Actor, change: str, *, person: str = "", **facts: Any) -> None:
    """Write a message for every hook that listens to this package and whose person may see it; the worker sends them.

    package: as the change leaves it, found for an actor. change, person, facts: as for the audit event.
    One query where nobody listens. Call it inside the transaction of the change.
    """
    named = _event(change, person, facts)
    if named is None:
        return
    hooks = list(_listening(package))
    if hooks and package.is_private:
        readers = reasons.of(package)
        hooks = [hook for hook in hooks if hook.user_id in readers]
    if not hooks:
        return
    event, changed = named
    if person == "" and event in ("package:star", "package:unstar"):
        changed = {"user": actor.name}
    message = _message(package, event, changed)
    WebhookDelivery.objects.bulk_create(
        WebhookDelivery(
            webhook=hook,
            event=event,
            package=package.name,
            payload=orjson.dumps(message | {"hookOwner": {"username": hook.user.username}}).decode(),
            next_attempt_at=timezone.now(),
        )
        for hook in hooks
    )
    sending.send_due.enqueue()


def hello(hook: Webhook) -> str:
    """The text of a test message."""
    owner = {"username": hook.user.username}
    said = {"event": "ping", "name": hook.name, "type": hook.kind, "hookOwner": owner, "payload": {}, "change": {}}
    return orjson.dumps(said | {"time": _milliseconds()}).decode()


def _event(change: str, person: str, facts: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    event = EVENTS.get(change)
    if event is None:
        return None
    told = {word: facts[fact] for fact, word in TOLD.items() if fact in facts}
    if change == "version.deprecated" and not facts.get("message"):
        return "package:undeprecated", {"versions": facts.get("versions", [])}
    if person:
        maintains = facts.get("permission", facts.get("was")) in (Permission.WRITE.label, Permission.OWNER.label)
        # Who only reads a package is not in its document, so a message does not name them either.
        return (event, {"user": person}) if maintains else ("package:change", {})
    return event, told


def _listening(package: Package) -> QuerySet[Webhook]:
    scope = package.scope.name if package.scope else ""
    maintainers = PersonGrant.objects.filter(package=package).exclude(permission=Permission.READ)
    about = Q(kind=Webhook.Kind.PACKAGE, name=package.name)
    about |= Q(kind__in=(Webhook.Kind.SCOPE, Webhook.Kind.OWNER), name=scope) if scope else Q(pk=None)
    if not package.in_org:
        about |= Q(kind=Webhook.Kind.OWNER, name__in=maintainers.values("user__username"))
    return Webhook.objects.filter(about, paused_at=None, user__is_active=True).select_related("user").order_by("pk")


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
    about = {"event": event, "name": package.name, "type": "package", "version": version}
    return about | {"payload": head, "change": changed, "time": _milliseconds()}


def _milliseconds() -> int:
    return int(time.time() * 1000)
