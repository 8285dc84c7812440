"""What becomes of the name that an org holds: given up with the org, or exchanged while no package is called by it."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from accounts import audit, names, people
from accounts.actor import Actor
from accounts.models import Scope, Token, User
from orgs import access as org_access
from orgs import telling
from orgs.access import Action
from orgs.models import FormerName, Org
from packages import trust
from packages.models import Package, StagedVersion
from registry_site.errors import Conflict


@dataclass(frozen=True)
class Holdings:
    """What an org's name holds: why it can or cannot go.

    live: names of packages that are listed. staged: of those with versions that wait. gone: how many were unpublished
    whole; their names are used for ever.
    """

    live: list[str]
    staged: list[str]
    gone: int

    @property
    def blocks_deletion(self) -> bool:
        return bool(self.live or self.staged)

    @property
    def blocks_renaming(self) -> bool:
        return bool(self.live or self.staged or self.gone)


def holdings(scope: Scope) -> Holdings:
    """What the scope of an org holds, private or not; for owners of the org, who see all of it."""
    rows = Package.objects.filter(scope=scope)
    staged = StagedVersion.objects.filter(package__scope=scope).order_by("package__name")
    return Holdings(
        live=list(rows.filter(unpublished_at=None).order_by("name").values_list("name", flat=True)),
        staged=list(staged.values_list("package__name", flat=True).distinct()),
        gone=rows.exclude(unpublished_at=None).count(),
    )


def rename(actor: Actor, org_name: str, new_name: str) -> Org:
    """Give an org without packages another name, and so another scope. The old name stays reserved for it.

    Names of packages are for ever, so an org that ever had one keeps its name. A name that the org had before can be
    taken back. Tokens of its service accounts go on, for the new scope. Raises Conflict, Invalid.
    """
    new_name = names.clean(new_name)
    with transaction.atomic():
        org = org_access.find(actor, Action.MEMBERS, org_name, lock=True)
        old = Scope.objects.select_for_update().get(pk=org.scope_id)  # no package comes in meanwhile
        if new_name == old.name:
            return org
        if holdings(old).blocks_renaming:
            raise Conflict(f"{old.name} has packages, whose names are for ever; give it another title instead")
        org.scope = _take(org, old, new_name)
        org.save(update_fields=["scope"])
        FormerName.objects.create(org=org, scope=old)
        trust.end_all(old)
        _move_tokens(old, org.scope)
        audit.record(actor, "org.renamed", org=new_name, was=old.name)
    return org


def delete(actor: Actor, org_name: str) -> None:
    """Delete an org that holds no packages: members, teams, invitations and tokens of service accounts go with it.

    Its name stays reserved for ever. Raises Conflict while it holds packages.
    """
    with transaction.atomic():
        org = org_access.find(actor, Action.MEMBERS, org_name, lock=True)
        scope = Scope.objects.select_for_update().get(pk=org.scope_id)  # no package comes in meanwhile
        if holdings(scope).blocks_deletion:
            raise Conflict(f"{org.name} holds packages; unpublish them first")
        members = list(User.objects.filter(memberships__org=org))
        for invitation in org.invitations.filter(closed_at=None):
            people.keep_out(invitation.digest)
        Token.objects.filter(holder=scope, revoked_at=None).update(revoked_at=timezone.now())
        trust.end_all(scope)
        audit.record(actor, "org.deleted", org=org.name, members=[each.username for each in members])
        telling.deleted(actor, org, [each for each in members if each != actor.user])
        org.delete()


def _take(org: Org, old: Scope, name: str) -> Scope:
    former = FormerName.objects.select_related("scope").filter(org=org, scope__name=name).first()
    if former is not None:
        former.delete()
        return former.scope
    with people.taking(name):
        return Scope.objects.create(name=name, kind=Scope.Kind.ORG, plan=old.plan)


def _move_tokens(old: Scope, new: Scope) -> None:
    for token in Token.objects.filter(holder=old):
        token.holder = new
        token.publisher = f"{new.name}/{token.name}"
        token.scopes = [new.name for _ in token.scopes]
        token.packages = [f"@{new.name}/{package.partition('/')[2]}" for package in token.packages]
        token.save(update_fields=["holder", "publisher", "scopes", "packages"])
