"""The audit log: one event for each committed change, written in the change's own transaction."""

from __future__ import annotations

from django.db import transaction

from accounts.actor import Actor
from accounts.models import AuditEvent


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
    return AuditEvent.objects.create(
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


# How pages tell what happened; the person is named before it, the package or org after it where a page shows many.
SENTENCES = {
    "admin.added": "added {what}, as operator",
    "admin.changed": "changed {fields} of {what}, as operator",
    "admin.deleted": "deleted {what}, as operator",
    "access.set": "made it {access}",
    "invitation.created": "invited {email}",
    "member.added": "added {person} as {role}",
    "member.removed": "removed {person}",
    "member.role": "made {person} {role}, was {was}",
    "org.created": "created the organization",
    "org.title": "changed the title to {title}",
    "package.converted": "took it along into the organization",
    "package.unpublished": "unpublished the package",
    "person.granted": "gave {person} {permission}",
    "person.revoked": "removed {person}",
    "tag.removed": "removed the tag {tag}",
    "tag.set": "pointed {tag} at {version}",
    "team.created": "created the team {team}",
    "team.deleted": "deleted the team {team}",
    "team.granted": "gave the team {team} {permission}",
    "team.joined": "added {person} to the team {team}",
    "team.left": "removed {person} from the team {team}",
    "team.revoked": "removed the team {team}",
    "token.created": "made the token {token}…",
    "token.revoked": "revoked the token {token}…",
    "user.became_org": "turned into an organization",
    "user.created": "joined",
    "version.deprecated": "deprecated {versions}",
    "version.published": "published {version}",
    "version.unpublished": "unpublished {versions}",
}


def sentence(event: AuditEvent) -> str:
    """What happened, as the rest of a sentence that begins with the person's name."""
    facts = {key: ", ".join(value) if isinstance(value, list) else value for key, value in event.facts.items()}
    if event.action == "version.deprecated" and not facts.get("message"):
        return f"took the deprecation of {facts['versions']} back"
    if event.action == "access.set":
        facts["access"] = "private" if facts["access"] == "restricted" else "public"
    return SENTENCES[event.action].format(**facts, person=event.person)
