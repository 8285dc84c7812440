"""What feeds tell: releases and activity, of what the actor may see at this moment. Never an e-mail address."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet
from django.urls import reverse

from accounts import audit
from accounts.actor import Actor
from accounts.models import AuditEvent
from orgs import access as org_access
from packages import access, changes, collaborators, lately, reach
from packages.access import Action
from packages.models import Package, Star, Version
from packages.policy import Standing
from registry_site.errors import SignInRequired

MOST = 50
# Told as releases already, or about somebody's address.
_LEFT_OUT = Q(action__in=("version.published", "version.released")) | Q(action__startswith="invitation.")
_ADDRESS = re.compile(r"[^\s@/]+@[^\s@/]+\.[^\s@/]+")


@dataclass(frozen=True)
class Entry:
    """One thing that happened. key: the same for ever, and no other entry's. path: of the page that shows it."""

    key: str
    title: str
    text: str
    author: str
    at: datetime
    path: str


@dataclass(frozen=True)
class Feed:
    """Entries, newest first. path: of the page that they are about; born: since when there may be any."""

    title: str
    path: str
    born: datetime
    entries: list[Entry]


def of_package(actor: Actor, name: str) -> Feed:
    """A package's releases, and for those who belong to it what else was done. Raises as `access.find`."""
    package = access.find(actor, Action.VIEW, name)
    events = AuditEvent.objects.filter(package=package.name)
    events = changes.heard_by(actor, events) if collaborators.may_see_people(package) else events.none()
    path = reverse("package", args=[package.name])
    return Feed(package.name, path, package.created_at, _newest(_releases(_newest_of(package)), _activity(events)))


def of_org(actor: Actor, name: str) -> Feed:
    """The releases of an org's packages, and for its members what else was done, as its activity page shows it.

    Raises as `orgs.access.find`.
    """
    org = org_access.find(actor, org_access.Action.VIEW, name)
    packages = access.seen_by(actor).filter(scope=org.scope)
    path = reverse("org", args=[org.name])
    entries = _newest(_releases(lately.releases(packages, MOST)), _activity(changes.heard_in(actor, org)))
    return Feed(org.name, path, org.created_at, entries)


def of_person(actor: Actor) -> Feed:
    """The releases of the packages a person belongs to or has starred, and what else was done with the former.

    Raises SignInRequired.
    """
    if actor.user is None:
        raise SignInRequired("sign in to see your feed")
    visible = access.seen_by(actor).filter(mirrored=False)
    near = reach.within_reach(actor.user.pk, Standing.MEMBER)
    starred = Q(pk__in=Star.objects.filter(user=actor.user).order_by().values("package"))
    events = changes.heard_by(actor, lately.events(visible.filter(lately.within(near))))
    releases = lately.releases(visible.filter(lately.within(near | starred)), MOST)
    entries = _newest(_releases(releases), _activity(events))
    return Feed(actor.user.username, reverse("home"), actor.user.date_joined, entries)


def _newest_of(package: Package) -> QuerySet[Version]:
    keys = list(package.versions.listed().order_by("-published_at", "-pk").values_list("pk", flat=True)[:MOST])
    return Version.objects.filter(pk__in=keys)


def _releases(versions: QuerySet[Version]) -> Iterable[Entry]:
    listed = versions.select_related("package", "published_by")
    listed = listed.defer("full", "abbreviated", "readme", "readme_html").order_by("-published_at", "-pk")
    for each in listed[:MOST]:
        yield Entry(
            key=f"version-{each.pk}",
            title=f"{each.package.name} {each.number}",
            text=each.deprecated and f"Deprecated: {each.deprecated}" or each.package.description,
            author=each.published_by.username if each.published_by else each.workflow,
            at=each.published_at,
            path=reverse("package-version", args=[each.package.name, each.number]),
        )


def _activity(events: QuerySet[AuditEvent]) -> Iterable[Entry]:
    for each in events.exclude(_LEFT_OUT)[:MOST]:
        if any(isinstance(value, str) and _ADDRESS.fullmatch(value) for value in each.facts.values()):
            continue
        about = each.package or each.org
        path = reverse("package-activity", args=[about]) if each.package else reverse("org-activity", args=[about])
        author = each.actor_name or "an operator"
        sentence = f"{author} {audit.sentence(each)}"
        yield Entry(f"event-{each.pk}", f"{about}: {sentence}", sentence, author, each.at, path)


def _newest(*entries: Iterable[Entry]) -> list[Entry]:
    every = [each for some in entries for each in some]
    return sorted(every, key=lambda each: each.at, reverse=True)[:MOST]
