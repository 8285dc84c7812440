"""The audit log: one event for each committed change, written in the change's own transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

from django.db import transaction
from django.dispatch import Signal
from django.utils import timezone

from accounts.actor import Actor
from accounts.models import AuditEvent

# Sent with each event, in the transaction of its change; for apps above that tell others of it.
recorded = Signal()
RESTORED = "registry.restored"  # the action of a database that came back from a backup
_moment: ContextVar[datetime | None] = ContextVar("moment", default=None)


def last(action: str) -> datetime | None:
    """When this was done the last time, None when it never was, or so long ago that it is forgotten."""
    return AuditEvent.objects.filter(action=action).order_by("-at").values_list("at", flat=True).first()


@contextmanager
def dated(at: datetime) -> Iterator[None]:
    """What is recorded inside happened then; for a demo, whose years pass in a minute. Of two the inner one counts."""
    before = _moment.set(at)
    try:
        yield
    finally:
        _moment.reset(before)


def record(
    actor: Actor, action: str, *, package: str = "", org: str = "", person: str = "", **facts: str | int | bool | list
) -> AuditEvent:
    """Write down a change that is about to commit.

    action: `subject.verb` in the past, such as `version.published`.
    package, org, person: the names it is about, "" where it is about none.
    facts: what changed, in plain values; never a secret.
    Raises TransactionManagementError outside a transaction, because an event without its change would lie.
    """
    connection = transaction.get_connection()
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("an audit event belongs into the transaction of its change")
    event = AuditEvent.objects.create(
        at=_moment.get() or timezone.now(),
        action=action,
        actor_id_was=actor.user.pk if actor.user else None,
        actor_name=actor.name,
        credential=actor.credential,
        address=actor.address,
        request_id=actor.request_id,
        package=package,
        org=org,
        person=person,
        facts=facts,
    )
    recorded.send(AuditEvent, event=event)
    return event


# How pages tell what happened; the person is named before it, the package or org after it where a page shows many.
SENTENCES = {
    "admin.added": "added {what}, as operator",
    "admin.changed": "changed {fields} of {what}, as operator",
    "admin.deleted": "deleted {what}, as operator",
    "advisory.amended": "amended the advisory {advisory}: {title}",
    "advisory.published": "published the advisory {advisory}: {title}",
    "advisory.reinstated": "brought the advisory {advisory} back",
    "advisory.withdrawn": "withdrew the advisory {advisory}",
    "access.approved": "granted the request of {person}",
    "access.asked": "asked for access",
    "access.declined": "declined the request of {person}",
    "access.set": "made it {access}",
    "audit.pruned": "forgot events older than {days} days, up to number {place}",
    "issuer.added": "registered the issuer {issuer} ({url})",
    "feed_key.created": "made a key for feeds",
    "feed_key.revoked": "revoked the key for feeds",
    "invitation.created": "invited {email}",
    "invitation.declined": "declined the invitation",
    "invitation.made": "invited {invited} as {role}",
    "invitation.resent": "sent the invitation of {invited} again",
    "invitation.revoked": "took the invitation of {invited} back",
    "registry.read_only": "let nothing change: {reason}",
    "registry.writable": "let things change again",
    "key.rotated": "made the signing key {key}",
    "member.added": "added {person} as {role}",
    "member.joined": "joined as {role}, invited by {by}",
    "member.removed": "removed {person}",
    "member.role": "made {person} {role}, was {was}",
    "mirror.imported": "brought in {count} mirrored tarballs from a file, once of {upstream}",
    "mirror.pruned": "removed {count} mirrored tarballs, {megabytes} MB, that nobody used for long",
    "org.created": "created the organization",
    "documents.removed": "had documents removed that were wrong",
    "registry.restored": "brought the registry back from the backup {backup}",
    "org.deleted": "deleted the organization",
    "org.first_grant": "made new packages give {permission} to developers",
    "org.profile": "changed {fields} of the organization",
    "org.renamed": "renamed the organization, which was {was}",
    "org.title": "changed the title to {title}",
    "org.two_factor": "made two-factor {asks} for members",
    "package.followed": "let tags and warnings follow {source}, as operator",
    "package.imported": "brought in {versions} from {source}, as operator",
    "package.converted": "took it along into the organization",
    "package.restored": "restored the package with {count} versions",
    "package.transferred": "handed it over to {person}, as operator",
    "package.two_factor": "made publishing ask for {asks}",
    "package.unpublished": "unpublished the package",
    "person.granted": "gave {person} {permission}",
    "person.left": "gave up what they were given",
    "person.revoked": "removed {person}",
    "profile.changed": "changed {fields} of the profile",
    "profile.email": "asked for another e-mail address",
    "profile.password": "changed the password",
    "rules.activated": "switched on version {version} of the rules {name}",
    "rules.excepted": "excepted {subject} from the rule {rule} up to {until}, {person} answers for it: {reason}",
    "rules.exception_ended": "ended the exception of {subject} from the rule {rule}",
    "rules.exception_resumed": "resumed the exception of {subject} from the rule {rule}",
    "rules.stopped": "switched off the rules {name}",
    "rules.written": "wrote version {version} of the rules {name}: {why}",
    "service.token_made": "made the token {token}… of the service account {account}",
    "service.token_revoked": "revoked the token {token}… of the service account {account}",
    "alert.closed": "closed the alert: {what}",
    "email.added": "added an e-mail address",
    "email.first": "made another e-mail address the first",
    "email.removed": "removed an e-mail address",
    "session.ended": "signed {device} out",
    "sign_in.connected": "connected a sign-in with {provider}",
    "sign_in.disconnected": "disconnected the sign-in with {provider}",
    "storage.adopted": "took the storage {storage} for the tarballs of this registry",
    "tag.removed": "removed the tag {tag}",
    "tag.set": "pointed {tag} at {version}",
    "team.created": "created the team {team}",
    "team.deleted": "deleted the team {team}",
    "team.granted": "gave the team {team} {permission}",
    "team.joined": "added {person} to the team {team}",
    "team.left": "removed {person} from the team {team}",
    "team.described": "said what the team {team} is for",
    "team.renamed": "renamed the team {was} to {team}",
    "team.revoked": "removed the team {team}",
    "token.created": "made the token {token}…",
    "token.renamed": "called the token {token}… {name}",
    "token.rotated": "replaced the token {was}… by {token}…, and the old one ends after {hours} hours",
    "token.leaked": "revoked the token {token}… of {person}, which was found in public",
    "token.revoked": "revoked the token {token}…",
    "trust.added": "trusted {workflow} to publish",
    "trust.removed": "trusts {workflow} no longer",
    "trust.used": "got a token to publish, as {workflow}",
    "two_factor.disabled": "turned two-factor off",
    "two_factor.enabled": "turned two-factor on",
    "two_factor.key_added": "added {key} as a second factor",
    "two_factor.key_removed": "removed {key} as a second factor",
    "two_factor.mode": "set two-factor to {mode}",
    "two_factor.recovery_made": "made new recovery codes",
    "two_factor.recovery_used": "used a recovery code, {left} left",
    "scope.transferred": "made the scope an organization that {person} owns, as operator",
    "user.became_org": "turned into an organization",
    "user.created": "joined",
    "user.deleted": "deleted the account",
    "user.suspended": "suspended {person}: {reason}",
    "user.unsuspended": "lifted the suspension of {person}",
    "version.deprecated": "deprecated {versions}",
    "version.expired": "dropped {version}, which waited too long for a review",
    "version.erased": "removed the bytes of {versions}, unpublished long enough ago",
    "version.published": "published {version}",
    "version.quarantined": "quarantined {version}: {reason}",
    "version.freed": "lifted the quarantine of {version}",
    "version.recalled": "warned those who downloaded {version}, {count} by mail: {reason}",
    "version.rejected": "rejected {version}, staged by {staged_by}",
    "version.released": "released {version}, staged by {staged_by}",
    "version.restored": "restored {version}",
    "version.staged": "staged {version} for review",
    "version.unpublished": "unpublished {versions}",
    "versions.signed": "signed {count} of its versions with the key of this registry",
    "webhook.added": "added a webhook for {subject} to {host}",
    "webhook.changed": "changed a webhook for {subject}, now to {host}",
    "webhook.paused": "paused a webhook for {subject}",
    "webhook.removed": "removed a webhook for {subject}",
    "webhook.resumed": "resumed a webhook for {subject}",
    "webhook.rotated": "gave a webhook for {subject} a new secret",
}


def sentence(event: AuditEvent) -> str:
    """What happened, as the rest of a sentence that begins with the person's name."""
    facts = {key: ", ".join(value) if isinstance(value, list) else value for key, value in event.facts.items()}
    if event.action == "version.deprecated" and not facts.get("message"):
        return f"took the deprecation of {facts['versions']} back"
    if event.action == "two_factor.disabled" and event.person and event.person != event.actor_name:
        return f"turned {event.person}'s two-factor off, as operator"
    if event.action == "member.removed" and event.person == event.actor_name:
        return "left the organization"
    if event.action == "access.set":
        facts["access"] = "private" if facts["access"] == "restricted" else "public"
    return SENTENCES[event.action].format(**facts, person=event.person)
