"""Every page within twelve queries, whatever the data size: 200 versions, 500 members, 2,000 packages."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, reverse

from accounts import tokens
from accounts.actor import operator
from accounts.models import AuditEvent, Scope, Token, User
from orgs.models import Membership, Org, Seat, Team
from packages import advising, sharing, webhooks
from packages.advising import Draft
from packages.models import DistTag, DownloadCount, Package, Star, TeamGrant, Version
from packages.rules import exceptions
from packages.rules import sets as rule_sets
from packages.rules.values import Values
from tests.tools import routes
from tests.tools.sessions import sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(1200)]  # all pages of a large registry in one test

MOST = 12
VERSIONS, MEMBERS, PACKAGES, TEAMS = 200, 500, 2_000, 40
BATCH = 200
# What the addresses of pages are made of; a page with a new part in its address needs an example here.
PARTS = {
    "name": "@acme/giant",
    "org": "acme",
    "scope": "acme",
    "user": "alice",
    "team": "team-1",
    "number": "1.0.0",
    "path": "README.md",
    "old": "1.0.0",
    "new": "2.0.0",
    "session": "1",
    "reference": "abcdefghjk",
}
PAGES_OF = {
    "team-seats": {"team": "developers"},
    "team": {"team": "developers"},
    "rules-version": {"number": "1"},
    "org-rules-version": {"number": "2"},
    "org-rules-exception": {"key": "1"},
}
ASKED = {  # a page that shows more when it is asked
    "search": ("q=giant", "q=p&page=3", "q=scope:acme&sort=recent", "q=zzzz"),
    "person": ("page=2",),
    "org": ("page=2",),
    "org-members": ("q=m1",),
    "package-versions": ("page=2",),
    "rules": ("package=@acme/giant",),
    "package-access": ("make=public", "explain=member-7"),
}


def test_every_page_of_a_large_registry(client, acme, alice, publish, stage):
    parts = PARTS | _crowd(acme, alice, publish, stage)
    sign_in(client, alice)
    client.raise_request_exception = False  # all that is wrong in one run
    missing, costly, broken = [], {}, {}
    for name, wanted in routes.pages():
        try:
            address = _address(name, wanted, parts)
        except NoReverseMatch:
            missing.append((name, sorted(wanted)))
            continue
        for each in (address, *(f"{address}?{query}" for query in ASKED.get(name, ()))):
            count, status, queries = _cost(client, each)
            if count > MOST:
                costly[each] = (count, queries)
            if status >= 400 and status not in (403, 404, 405):
                broken[each] = status
    found = {
        "no example in PARTS": missing,
        "broken": broken,
        "costly": {each: cost for each, (cost, _) in costly.items()},
    }
    assert found == {"no example in PARTS": [], "broken": {}, "costly": {}}, _told(costly)


def test_a_stranger_of_a_large_registry(client, acme, alice, publish, stage):
    _crowd(acme, alice, publish, stage, access="public")
    for address in ("/", "/search?q=giant", "/package/@acme/giant", "/package/@acme/giant/versions", "/~alice"):
        count, status, queries = _cost(client, address)
        assert (status, count <= MOST) == (200, True), (address, count, queries)


def _cost(client: Client, address: str) -> tuple[int, int, list[str]]:
    with CaptureQueriesContext(connection) as caught:
        answer = client.get(address, headers={"accept": "text/html"})
        if answer.streaming:
            answer.getvalue()
    # In a test a transaction is a savepoint; what opens and closes one is no question.
    asked = [each["sql"] for each in caught if not each["sql"].startswith(("SAVEPOINT", "RELEASE", "ROLLBACK"))]
    return len(asked), answer.status_code, asked


def _told(costly: dict[str, tuple[int, list[str]]]) -> str:
    return "\n".join(
        f"\n{address}: {count}\n" + "\n".join(f"  {query[:230]}" for query in queries)
        for address, (count, queries) in costly.items()
    )


def _address(name: str, wanted: set[str], parts: dict[str, str]) -> str:
    known = parts | {key.partition(":")[2]: text for key, text in parts.items() if key.startswith(f"{name}:")}
    known |= PAGES_OF.get(name, {})
    return reverse(name, kwargs={part: known[part] for part in wanted if part in known})


def _crowd(org: Org, alice, publish, stage, *, access: str = "restricted") -> dict[str, str]:
    """Fill the registry; gives the parts of addresses that only it knows."""
    real = publish(alice, "@acme/giant", "1.0.0", access=access, dependencies={"@acme/p1": "^1.0.0"})
    giant = real.package
    publish(alice, "@acme/giant", "2.0.0", dependencies={"@acme/p1": "^1.0.0", "@acme/p2": "^1.0.0"})
    _versions(real, giant)
    users = _members(org)
    packages = _packages(org, real, access)
    _teams(org, packages, giant)
    _use(giant, packages, users, alice)
    stage(alice, "@acme/giant", "9.0.0")
    staged = giant.staged.get()
    token, _ = tokens.issue(alice, alice.user, kind=Token.Kind.GRANULAR, name="ci")
    hook = webhooks.add(alice, "package", "@acme/giant", "https://hooks.example.com/x", "secret")
    sharing.grant_team(alice, "@acme/giant", "acme", "readers", "read-only")
    _rules(alice)
    advisory = advising.publish(alice, "@acme/giant", Draft("*", "high", "Broken"))
    return {
        "key": str(token.key),
        "package-review:key": str(staged.key),
        "package-staged-tarball:key": str(staged.key),
        "org-request:key": "1",
        "webhook:key": str(hook.key),
        "webhook-act:key": str(hook.key),
        "webhook-message:key": str(hook.key),
        "webhook-message:number": str(hook.deliveries.latest("pk").pk),
        "package-advisory:key": advisory.key,
        "package-advisory-withdraw:key": advisory.key,
        "secret": "secret",
        "login": str(uuid.uuid4()),
        "command": str(uuid.uuid4()),
        "uidb36": "1",
        "pk": "1",
    }


def _rules(alice) -> None:
    for actor, org in ((operator(), ""), (alice, "acme")):
        for days in (7, 14):
            rule_sets.write(actor, org, Values(cooldown=days), name="Rules", why="to be safe")
        rule_sets.activate(actor, org, 1)
        for n in range(50):
            exceptions.make(
                actor, org, rule="cooldown", package=f"p{n}", range="", reason="needed", owner="alice",
                until=datetime.now(UTC).date(),
            )  # fmt: skip


def _clone(real: Version, package: Package, number: str, author: User | None = None) -> Version:
    copy = Version()
    for column in Version._meta.concrete_fields:
        setattr(copy, column.attname, getattr(real, column.attname))
    copy.pk = copy.staged_as = None
    copy.package, copy.number, copy.folded, copy.blob = package, number, number, uuid.uuid4().hex
    if author is not None:
        copy.published_by = author
    return copy


def _versions(real: Version, package: Package) -> None:
    made = [_clone(real, package, f"1.0.{n}") for n in range(1, VERSIONS)]
    Version.objects.bulk_create(made, batch_size=BATCH)
    DistTag.objects.bulk_create(DistTag(package=package, name=f"tag-{n}", version=made[n]) for n in range(50))


def _members(org: Org) -> list[User]:
    users = [
        User(username=f"member-{n}", email=f"member-{n}@example.com", password="!", full_name=f"Member {n}")
        for n in range(MEMBERS)
    ]
    User.objects.bulk_create(users, batch_size=BATCH)
    scopes = [Scope(name=each.username, kind=Scope.Kind.USER, user=each) for each in users]
    Scope.objects.bulk_create(scopes, batch_size=BATCH)
    memberships = [Membership(org=org, user=each) for each in users]
    Membership.objects.bulk_create(memberships, batch_size=BATCH)
    developers = org.teams.get(name="developers")
    Seat.objects.bulk_create([Seat(team=developers, membership=each) for each in memberships], batch_size=BATCH)
    return users


def _packages(org: Org, real: Version, access: str) -> list[Package]:
    packages = [
        Package(name=f"@acme/p{n}", scope=org.scope, access=access, revision=1, description=f"package {n} of giants")
        for n in range(PACKAGES)
    ]
    Package.objects.bulk_create(packages, batch_size=BATCH)
    versions = [_clone(real, each, "1.0.0") for each in packages]
    Version.objects.bulk_create(versions, batch_size=BATCH)
    for package, version in zip(packages, versions, strict=True):
        package.latest = version
    Package.objects.bulk_update(packages, ["latest"], batch_size=BATCH)
    return packages


def _teams(org: Org, packages: list[Package], giant: Package) -> None:
    teams = [Team(org=org, name=f"team-{n}") for n in range(TEAMS)]
    Team.objects.bulk_create(teams)
    developers = org.teams.get(name="developers")
    grants = [TeamGrant(package=each, team=developers, permission="write") for each in packages]
    grants += [TeamGrant(package=giant, team=each, permission="read") for each in teams]
    TeamGrant.objects.bulk_create(grants, batch_size=BATCH)
    some = list(org.memberships.all()[:50])
    Seat.objects.bulk_create([Seat(team=team, membership=each) for team in teams for each in some], batch_size=BATCH)


def _use(giant: Package, packages: list[Package], users: list[User], alice) -> None:
    versions = list(giant.versions.all())
    days = [giant.created_at.date()]
    DownloadCount.objects.bulk_create(
        [DownloadCount(package=giant, version=each, day=day, count=7) for each in versions for day in days]
    )
    Star.objects.bulk_create([Star(package=giant, user=each) for each in users], batch_size=BATCH)
    Star.objects.bulk_create([Star(package=each, user=alice.user) for each in packages[:300]], batch_size=BATCH)
    facts = {"version": "1.0.0", "tags": ["latest"]}
    events = [
        AuditEvent(action="version.published", actor_name=user.username, actor_id_was=user.pk, credential="session",
                   package=package.name, org="acme", facts=facts)
        for user, package in zip(users * 4, packages, strict=True)
    ]  # fmt: skip
    events += [
        AuditEvent(action="version.published", actor_name=user.username, credential="session", package=giant.name,
                   org="acme", facts=facts)
        for user in users
    ]  # fmt: skip
    AuditEvent.objects.bulk_create(events, batch_size=BATCH)
