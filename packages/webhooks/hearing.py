"""Who may hear what: asked when a message is written, again when it is sent, and when it is shown."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from accounts.actor import Actor
from accounts.models import User
from orgs.models import FormerName, Membership, Role
from packages import access, reasons
from packages.models import Package, Permission, PersonGrant, Webhook, WebhookDelivery

# Of an org's tokens and of its members' two-factor only those hear who manage it.
FOR_MANAGERS = frozenset({"org:token", "org:token-rm", "org:security"})
MANAGE = (Role.OWNER, Role.ADMIN)


def of_package(package: Package) -> list[Webhook]:
    """The hooks that listen to a package and whose person may see it. One query where nobody listens."""
    scope = package.scope.name if package.scope else ""
    about = Q(kind=Webhook.Kind.PACKAGE, name=package.name)
    about |= Q(kind__in=(Webhook.Kind.SCOPE, Webhook.Kind.OWNER), name=scope) if scope else Q(pk=None)
    if not package.in_org:
        maintainers = PersonGrant.objects.filter(package=package).exclude(permission=Permission.READ)
        about |= Q(kind=Webhook.Kind.OWNER, name__in=maintainers.values("user__username"))
    hooks = list(_awake().filter(about))
    if hooks and package.is_private:
        readers = reasons.of(package)
        hooks = [hook for hook in hooks if hook.user_id in readers]
    return hooks


def of_org(event: str, org: str) -> QuerySet[Webhook]:
    """The hooks on an org, by whatever name it had, whose person may hear of this."""
    former = FormerName.objects.filter(org__scope__name=org).values("scope__name")
    named = Q(name=org) | Q(name__in=former)
    members = _members(event).filter(org__scope__name=org)
    about = Q(kind__in=(Webhook.Kind.SCOPE, Webhook.Kind.OWNER), user__in=members.values("user"))
    return _awake().filter(named & about)


def of_person(person: str) -> QuerySet[Webhook]:
    """The hooks that a person has on themselves."""
    return _awake().filter(kind=Webhook.Kind.OWNER, name=person, user__username=person)


def may_still(delivery: WebhookDelivery) -> bool:
    """Whether the hook's person may know this now, whatever was so when it happened."""
    user = delivery.webhook.user
    if not user.is_active:
        return False
    if delivery.package:
        return access.visible_to(Actor(user), unpublished=True).filter(name=delivery.package).exists()
    if delivery.org:
        same = Q(org__scope__name=delivery.org) | Q(org__former_names__scope__name=delivery.org)
        return _members(delivery.event).filter(same, user=user).exists()
    return delivery.person in ("", user.username)


def shown_to(actor: Actor, hook: Webhook) -> QuerySet[WebhookDelivery]:
    """The messages of a hook of the actor's own, newest first: those that `may_still` allows."""
    named = hook.deliveries.order_by().exclude(package="").values("package")
    visible = access.visible_to(actor, unpublished=True).filter(name__in=named).values("name")
    held = Membership.objects.standing().filter(user=actor.user)
    about = Q(package="", org="", person__in=("", _name(actor.user))) | Q(package__in=visible)
    about |= Q(package="") & (_of(held) & ~Q(event__in=FOR_MANAGERS) | _of(held.filter(role__in=MANAGE)))
    return hook.deliveries.filter(about)


def _of(held: QuerySet[Membership]) -> Q:
    return Q(org__in=held.values("org__scope__name")) | Q(org__in=held.values("org__former_names__scope__name"))


def _name(user: User | None) -> str:
    return user.username if user else ""


def _members(event: str) -> QuerySet[Membership]:
    held = Membership.objects.standing()
    return held.filter(role__in=MANAGE) if event in FOR_MANAGERS else held


def _awake() -> QuerySet[Webhook]:
    return Webhook.objects.filter(paused_at=None, user__is_active=True).select_related("user").order_by("pk")
