"""Who may use what moved in: verdaccio's rules as grants to teams and people, as far as they map.

Nobody gets more than they had there. In an org that was here before, who is a member and in which team is its owners'
to say: only members get a seat, the rest is told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import transaction

from accounts import audit
from accounts.actor import Actor
from accounts.models import AuditEvent, User
from orgs import organizations
from orgs.models import DEVELOPERS, Membership, Org, Role, Seat, Team
from orgs.teams import MAX_DESCRIPTION
from packages import arrivals, plans
from packages.models import Package, Permission, PersonGrant, TeamGrant
from packages.moving import homes
from packages.moving.homes import Home, Kind
from packages.moving.people import People
from packages.moving.rules import ANYBODY, WITH_ACCOUNT, Rule
from packages.moving.sources import Found
from registry_site.errors import PaymentRequired


@dataclass
class Grants:
    """Gives, and remembers what could not be mapped. everyone: the names there of all who had an account."""

    actor: Actor
    folk: People
    everyone: list[str] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)
    _teams: dict[tuple[str, str], Team] = field(default_factory=dict)
    _filled: set[str] = field(default_factory=set)

    def prepare(self, found: Found, home: Home, *, dry_run: bool = False) -> list[tuple[Team, Permission]]:
        """The teams of an org that a package is to be given to, made where they are not there yet.

        Outside of the transaction that lists the package. In a dry run only what cannot be mapped is noted.
        """
        rule = found.rule
        if rule is None:
            if home.kind in (Kind.ORG, Kind.NEW_ORG):
                told = f"@{home.scope}: nobody told who could do what there; {DEVELOPERS} gets what the org gives"
                self.notes[f"{told} new packages"] = None
            return []
        if home.kind in (Kind.PERSON, Kind.NOBODY):
            self._note_for_person(rule, home)
            return []
        is_new = home.kind == Kind.NEW_ORG or homes.came_with_us(home.scope)
        if dry_run:
            self._note_for_org(rule, home, is_new)
            return []
        org = Org.objects.select_related("scope").get(scope__name=home.scope)
        self._note_for_org(rule, home, is_new)
        given = []
        for words, permission in _wishes(found, rule):
            if WITH_ACCOUNT & words or (permission == Permission.WRITE and ANYBODY & words):
                self._fill(org, is_new)
                given.append((org.teams.get(name=DEVELOPERS), permission))
            if team := self._team(org, rule, words, permission, is_new):
                given.append((team, permission))
        return given

    def give(self, package: Package, found: Found, home: Home, teams: list[tuple[Team, Permission]]) -> None:
        """Give a new package to whom it belongs; in the transaction that made it."""
        if home.kind == Kind.NOBODY:
            for user in home.owners:
                self._to_person(package, user, Permission.OWNER)
        elif package.in_org and found.rule is None:
            arrivals.give_first_grants(package)
        most = dict(sorted(teams, key=lambda each: each[1] == Permission.WRITE))  # of two the later one: read-write
        for team, permission in most.items():
            TeamGrant.objects.create(package=package, team=team, permission=permission)
            facts = {"team": team.name, "permission": permission.label}
            audit.record(self.actor, "team.granted", package=package.name, org=home.scope, **facts)
        if home.kind in (Kind.NOBODY, Kind.PERSON):
            for user, permission in self._people_of(found).items():
                if user not in home.owners and (package.scope is None or package.scope.user_id != user.pk):
                    self._to_person(package, user, permission)

    def _people_of(self, found: Found) -> dict[User, Permission]:
        wanted = [(found.maintainers, Permission.WRITE)]
        if found.rule is not None:
            wanted = [(sorted(words), permission) for words, permission in _wishes(found, found.rule)]
        given: dict[User, Permission] = {}
        for names, permission in wanted:
            for user in filter(None, map(self.folk.find, names)):
                given[user] = permission if given.get(user) != Permission.WRITE else Permission.WRITE
        return given

    def _to_person(self, package: Package, user: User, permission: Permission) -> None:
        try:
            plans.require_paid_people([user], package.access)
        except PaymentRequired as refusal:
            self.notes[f"{package.name}: {refusal.message}"] = None
            return
        PersonGrant.objects.create(package=package, user=user, permission=permission)
        facts = {"permission": permission.label}
        audit.record(self.actor, "person.granted", package=package.name, person=user.username, **facts)

    def _fill(self, org: Org, is_new: bool) -> None:
        if is_new and org.name not in self._filled:
            self._filled.add(org.name)
            for user in filter(None, map(self.folk.find, self.everyone)):
                self._member(org, user, is_new)

    def _team(self, org: Org, rule: Rule, words: frozenset[str], permission: Permission, is_new: bool) -> Team | None:
        named = sorted(words - ANYBODY - WITH_ACCOUNT)
        does = "read" if permission == Permission.READ else "publish"
        what = f"Could {does} {rule.pattern} in verdaccio: {' '.join(named)}"
        # After what it may do: with another config, next time, nobody comes into another one's team.
        name = f"verdaccio-{does}-{hashlib.sha256(what.encode()).hexdigest()[:8]}"
        if named and (org.name, name) not in self._teams:
            with transaction.atomic():
                team, made = Team.objects.get_or_create(
                    org=org, name=name, defaults={"description": what[:MAX_DESCRIPTION]}
                )
                if made:
                    audit.record(self.actor, "team.created", org=org.name, team=team.name)
                for user in filter(None, map(self.folk.find, named)):
                    self._seat(team, self._member(org, user, is_new))
            self._teams[org.name, name] = team
        return self._teams.get((org.name, name))

    def _member(self, org: Org, user: User, is_new: bool) -> Membership | None:
        held = Membership.objects.filter(org=org, user=user).first()
        if held is None and is_new and not _was_taken_out("member.removed", org, user):
            with transaction.atomic():
                return organizations.join(self.actor, org, user, Role.DEVELOPER)
        return held

    def _seat(self, team: Team, membership: Membership | None) -> None:
        if membership is None or _was_taken_out("team.left", team.org, membership.user, facts__team=team.name):
            return
        _, made = Seat.objects.get_or_create(team=team, membership=membership)
        if made:
            person = membership.user.username
            audit.record(self.actor, "team.joined", org=team.org.name, person=person, team=team.name)

    def _note_for_org(self, rule: Rule, home: Home, is_new: bool) -> None:
        words = set(rule.access) | set(rule.publish)
        if words & WITH_ACCOUNT and not is_new:
            self._note(rule, f"everybody with an account had it there; here the members of {home.scope} have it")
        for word in sorted(words - ANYBODY - WITH_ACCOUNT):
            if word not in self.everyone and self.folk.find(word) is None:
                self._note(rule, f"{word} is no person here: put whom it means into the team of this rule")
            elif not is_new:
                self._note(rule, f"{word} got nothing unless already a member of {home.scope}")

    def _note_for_person(self, rule: Rule, home: Home) -> None:
        words = set(rule.access) | set(rule.publish)
        what = f"packages of @{home.scope}" if home.scope else "packages without a scope"
        if (set(rule.publish) & ANYBODY) or words & WITH_ACCOUNT:
            self._note(rule, f"{what} are not given to everybody with an account; their owner gives them to people")
        for word in sorted(words - ANYBODY - WITH_ACCOUNT):
            if word not in self.everyone and self.folk.find(word) is None:
                self._note(rule, f"{word} is no person here, and {what} have no teams")

    def _note(self, rule: Rule, text: str) -> None:
        self.notes[f"{rule.pattern}: {text}"] = None


def _was_taken_out(change: str, org: Org, user: User, **more: str) -> bool:
    # Since an earlier run; whoever did it knew why.
    return AuditEvent.objects.filter(action=change, org=org.name, person=user.username, **more).exists()


def _wishes(found: Found, rule: Rule) -> Iterable[tuple[frozenset[str], Permission]]:
    if not rule.is_public:
        yield frozenset(rule.access), Permission.READ
    yield frozenset(rule.publish), Permission.WRITE
