"""The one door for writes to a package: locked, asked again, counted, recorded, all in one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts import audit, standstill
from accounts.actor import Actor
from accounts.models import AuditEvent
from orgs.access import Action as OrgAction
from orgs.models import Org
from packages import access, dependents, manifests, webhooks
from packages.access import Action
from packages.models import Package
from packages.packuments import building
from registry_site import metrics
from registry_site.errors import NotAllowed

# What each change is called in the audit log, and what the policy asks for it.
CHANGES: dict[str, Action] = {
    "version.published": Action.PUBLISH,
    "version.staged": Action.STAGE,
    "version.released": Action.PUBLISH,
    "version.rejected": Action.PUBLISH,
    "version.deprecated": Action.PUBLISH,
    "tag.set": Action.PUBLISH,
    "tag.removed": Action.PUBLISH,
    "version.unpublished": Action.MANAGE,
    "package.unpublished": Action.MANAGE,
    "package.restored": Action.MANAGE,
    "version.restored": Action.MANAGE,
    "access.set": Action.MANAGE,
    "package.two_factor": Action.MANAGE,
    "package.converted": Action.MANAGE,
    "person.granted": Action.MANAGE,
    "person.revoked": Action.MANAGE,
    "person.left": Action.VIEW,  # whoever gives up what they were given
    "team.granted": Action.MANAGE,
    "team.revoked": Action.MANAGE,
    "trust.added": Action.MANAGE,
    "advisory.published": Action.MANAGE,
    "advisory.amended": Action.MANAGE,
    "advisory.withdrawn": Action.MANAGE,
    "advisory.reinstated": Action.MANAGE,
    "trust.removed": Action.MANAGE,
}
# What nobody hears of but those who may publish: a reader's documents stay what they were, to the byte.
UNSEEN = frozenset(
    {"version.staged", "version.rejected", "version.expired", "trust.added", "trust.removed", "trust.used"}
)

# Of whom an org invites, and of its tokens, only those hear who manage it.
FOR_MANAGERS = Q(action__startswith="invitation.") | Q(action__startswith="service.") | Q(action="token.leaked")


class Unchanged(Exception):
    """Raised inside `changing` when there turns out to be nothing to do: no revision, no event."""


@contextmanager
def changing(
    package: Package, actor: Actor, change: str, *, person: str = "", claimed: bool = False, **facts
) -> Iterator[Package]:
    """Change a package: gives its locked row, and on leaving counts the revision, writes the audit event and
    the messages for webhooks.

    A change that is UNSEEN counts no revision and does not save the row.

    change: a key of CHANGES; person, facts: what the audit event says besides.
    claimed: the package was made by this transaction, so that the right to add it to its scope is enough.
    The stored documents need no touch: they carry the revision they were built for, and the next reader sees that
    they are stale. Those that are read are built anew once all is committed; where that fails, the next reader does it.
    Raises what the policy raises, when the right was taken away meanwhile, and BadCredential when the credential was.
    """
    with transaction.atomic():
        if actor.credential != "operator":
            standstill.require_off()
        access.hold(actor, package)
        Package.objects.select_for_update().get(pk=package.pk)
        locked = access.recheck(actor, CHANGES[change], package, claimed=claimed)
        try:
            with transaction.atomic():
                yield locked
        except Unchanged:
            return
        if change not in UNSEEN:
            _copy_latest(locked)
            locked.revision += 1
            locked.modified_at = max(timezone.now(), locked.modified_at)  # clocks are set back
            locked.save()
            transaction.on_commit(lambda: building.build_ahead(locked), robust=True)
        org = locked.scope.name if locked.in_org else ""
        audit.record(actor, change, package=locked.name, org=org, person=person, **facts)
        webhooks.announce(locked, actor, change, person=person, **facts)
        transaction.on_commit(lambda: metrics.count("registry_changes", change))


@contextmanager
def maintaining(package: Package, actor: Actor, change: str, **facts) -> Iterator[Package]:
    """Maintain a package as an operator: gives its locked row, counts the revision and writes the audit event.

    For what changes a document and nothing that a person said: the policy is not asked, `modified` stays, and webhooks
    hear only of what readers notice, as a version in quarantine. Raises NotAllowed for anybody but an operator.
    """
    if actor.credential != "operator":
        raise NotAllowed("only operators of this registry do this, with manage.py")
    with transaction.atomic():
        locked = Package.objects.select_for_update(of=("self",)).select_related("scope").get(pk=package.pk)
        yield locked
        if change not in UNSEEN:
            if not locked.mirrored:  # its tags are upstream's
                _copy_latest(locked)
            locked.revision += 1
            locked.save()
        org = locked.scope.name if locked.in_org else ""
        audit.record(actor, change, package=locked.name, org=org, **facts)
        webhooks.announce(locked, actor, change, **facts)
        transaction.on_commit(lambda: metrics.count("registry_changes", change))


def heard_by(actor: Actor, events: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
    """These events without those that are UNSEEN by the actor."""
    theirs = access.publishable_by(actor).order_by().filter(name=OuterRef("package"))
    return events.exclude(Q(action__in=UNSEEN) & ~Exists(theirs))


def heard_in(actor: Actor, org: Org) -> QuerySet[AuditEvent]:
    """What happened in an org, under former names, too: of packages what the actor may see, nothing for a stranger.

    org: as `orgs.access.find` gave it to this actor.
    """
    if OrgAction.PEOPLE not in org.allowed:
        return AuditEvent.objects.none()
    names = [org.name, *org.former_names.values_list("scope__name", flat=True)]
    events = AuditEvent.objects.filter(org__in=names)
    if OrgAction.TEAMS in org.allowed:
        return events
    seen = access.seen_by(actor).filter(scope=org.scope).order_by().values("name")
    return heard_by(actor, events.filter(Q(package="") | Q(package__in=seen))).exclude(FOR_MANAGERS)


def _copy_latest(package: Package) -> None:
    tag, before = package.tags.filter(name="latest").select_related("version").first(), package.latest_id
    package.latest = tag.version if tag else None
    if package.latest_id != before:
        dependents.remember(package)
    package.deprecated = package.latest is not None and bool(package.latest.deprecated)
    if package.latest is not None:
        manifest = package.latest.manifest
        description, keywords = manifest.get("description"), manifest.get("keywords")
        package.description = description if isinstance(description, str) else ""
        package.keywords = (
            [word for word in keywords if isinstance(word, str)][:50] if isinstance(keywords, list) else []
        )
        package.license = manifests.license_of(manifest)
