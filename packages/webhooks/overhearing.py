"""What happens in orgs and to accounts, told to those who are in them: read off the audit log as it is written."""

from __future__ import annotations

from typing import Any

from accounts.models import AuditEvent
from orgs.models import Membership
from packages.webhooks import hearing
from packages.webhooks.messages import framed, write

ORG = {
    "member.added": "org:member",
    "member.joined": "org:member",
    "member.role": "org:member",
    "member.removed": "org:member-rm",
    "team.created": "org:team",
    "team.renamed": "org:team",
    "team.deleted": "org:team-rm",
    "team.joined": "org:team-member",
    "team.left": "org:team-member-rm",
    "service.token_made": "org:token",
    "service.token_revoked": "org:token-rm",
    "token.leaked": "org:token-rm",
    "org.two_factor": "org:security",
    "org.renamed": "org:change",
    "scope.transferred": "org:change",
}
PERSON = {
    "token.created": "person:token",
    "token.rotated": "person:token",
    "token.revoked": "person:token-rm",
    "token.leaked": "person:token-rm",
    "two_factor.enabled": "person:security",
    "two_factor.disabled": "person:security",
    "two_factor.key_removed": "person:security",
    "two_factor.mode": "person:security",
    "two_factor.recovery_used": "person:security",
    "profile.password": "person:security",
}
# An org's owners ask for two-factor, so they hear when a member turns it off.
OF_A_MEMBER = "two_factor.disabled"
# What a message says of the change. `token` is how a token begins, as pages show it, never more of it.
TOLD = ("role", "was", "team", "token", "account", "asks", "by", "kind", "permission", "mode")


def overhear(sender, event: AuditEvent, **said: Any) -> None:
    """Write messages about what happened in an org or to a person's account. For the signal `audit.recorded`.

    No query for what no hook hears of, and one where nobody listens.
    """
    if event.org and not event.package and (name := ORG.get(event.action)):
        write(hearing.of_org(name, event.org), name, _message(name, event.org, "org", event), org=event.org)
    elif event.person and not event.org and (name := PERSON.get(event.action)):
        message = _message(name, event.person, "person", event)
        write(hearing.of_person(event.person), name, message, person=event.person)
    if event.action == OF_A_MEMBER and event.person:
        for org in Membership.objects.filter(user__username=event.person).values_list("org__scope__name", flat=True):
            message = _message("org:security", org, "org", event)
            write(hearing.of_org("org:security", org), "org:security", message, org=org)


def _message(name: str, subject: str, kind: str, event: AuditEvent) -> dict[str, Any]:
    change = {"what": event.action, "actor": event.actor_name} | {
        word: event.facts[word] for word in TOLD if word in event.facts
    }
    if event.person:
        change["user"] = event.person
    return framed(name, subject, kind, payload={"name": subject}, change=change)
