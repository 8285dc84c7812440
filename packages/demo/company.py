"""The company itself: accounts, orgs, teams and tokens, made through the verbs."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.contrib.auth.hashers import make_password
from django.db import transaction

from accounts import people as accounts
from accounts import tokens
from accounts.actor import Actor, operator
from accounts.models import Token, User
from orgs import invitations, organizations, teams
from packages.demo.calendar import MARK, Calendar
from packages.demo.people import PASSWORD, Member
from packages.demo.words import TRADES, Trade

FOUNDED = timedelta(days=760)
AGENTS = (
    "npm/11.6.2 node/v24.11.1 linux x64 workspaces/false",
    "npm/10.9.4 node/v22.21.1 darwin arm64 workspaces/false",
    "pnpm/10.22.0 npm/? node/v22.21.1 darwin arm64",
    "yarn/4.11.0 npm/? node/v22.21.1 linux x64",
)
PIPELINE = "npm/11.6.2 node/v24.11.1 linux x64 workspaces/false ci/gitlab"


@dataclass
class Company:
    """Everybody by name: as a person at a terminal, and the same people in a browser."""

    now: datetime
    calendar: Calendar
    terminals: dict[str, Actor] = field(default_factory=dict)
    browsers: dict[str, Actor] = field(default_factory=dict)

    def owner(self, holder: str, fallback: str) -> Actor:
        """Who manages a package of this holder: the org's owner, or the person."""
        owners = {"acme": "dana", "lumen": "jo", "basalt": "priya"}
        return self.browsers[owners.get(holder, holder) or fallback]


def found(dice: random.Random, people: list[Member], now: datetime) -> Company:
    """Make the accounts, each with a login token, and the orgs with their teams. Raises what the verbs raise."""
    company = Company(now, Calendar())
    password = make_password(PASSWORD)  # once: forty times would take longer than all the rest
    started = now - FOUNDED
    for number, member in enumerate(people):
        at = started + timedelta(days=number * 9 * dice.random(), hours=9)
        with company.calendar.on(at):
            _hire(dice, company, member, password, at)
    for trade in TRADES:
        with transaction.atomic(), company.calendar.on(started + timedelta(days=2)):
            _found_org(dice, company, trade, people)
    return company


def issue_pipelines(dice: random.Random, company: Company) -> None:
    """Give the orgs' owners the tokens their pipelines publish with; one ends soon, one was never used."""
    for name, org, days in (("dana", "acme", 200), ("jo", "lumen", 90), ("priya", "basalt", 6)):
        actor = company.browsers[name]
        made = company.now - timedelta(days=dice.randint(20, 80))
        with company.calendar.on(made):
            token, _ = tokens.issue(
                actor, actor.user, kind=Token.Kind.GRANULAR, name=f"{org} release pipeline", scopes=[org], days=days
            )
        used = company.now - timedelta(hours=dice.randint(1, 30))
        _use(token, made, used, PIPELINE, "192.0.2.40")
        spare, _ = tokens.issue(
            actor, actor.user, kind=Token.Kind.GRANULAR, name="laptop, read only", permission="read-only", days=30
        )
        company.calendar.date(spare, "created_at", made)


def invite(company: Company) -> None:
    """Leave a few invitations unanswered, by name and by address."""
    for by, org, whom, role in (
        ("dana", "acme", "emil", "developer"),
        ("dana", "acme", "new.hire@example.com", "developer"),
        ("jo", "lumen", "fatou", "developer"),
    ):
        at = company.now - timedelta(hours=26)
        with company.calendar.on(at):
            invitation, _ = invitations.invite(company.browsers[by], org, whom, role)
        company.calendar.date(invitation, "created_at", at)


def _hire(dice: random.Random, company: Company, member: Member, password: str, at: datetime) -> None:
    by = replace(operator(), request_id=MARK)
    user = accounts.create(by, member.name, f"{member.name}@example.com")
    facts = {"full_name": member.full_name, "password": password, "date_joined": at}
    if dice.random() < 0.4:
        facts |= {"homepage": f"https://people.example.com/{member.name}", "github": member.name}
    User.objects.filter(pk=user.pk).update(**facts)
    company.calendar.date(user.scope, "created_at", at)
    address = f"192.0.2.{dice.randint(50, 250)}"
    browser = Actor(user, credential="session", address=address, request_id=MARK, recent=True)
    token, _ = tokens.issue(browser, user, kind=Token.Kind.LOGIN, name="")
    _use(token, at, company.now - timedelta(hours=dice.expovariate(1 / 60)), dice.choice(AGENTS), address)
    company.browsers[member.name] = browser
    company.terminals[member.name] = replace(browser, token=token, credential=token.prefix)


def _use(token: Token, made: datetime, used: datetime, agent: str, address: str) -> None:
    Token.objects.filter(pk=token.pk).update(
        created_at=made, last_used_at=max(made, used), last_used_by=agent, last_used_from=address
    )


def _found_org(dice: random.Random, company: Company, trade: Trade, people: list[Member]) -> None:
    members = {each.name: each.orgs[trade.org] for each in people if trade.org in each.orgs}
    owner = next(company.browsers[name] for name, role in members.items() if role == "owner")
    org = organizations.create(owner, trade.org, trade.title)
    for name, role in members.items():
        if role != "owner":
            organizations.join(owner, org, company.browsers[name].user, role)
    for team, description in trade.teams.items():
        teams.create(owner, trade.org, team, description)
        for name in dice.sample(sorted(members), dice.randint(3, max(3, len(members) // 2))):
            teams.add(owner, trade.org, team, name)
    at = company.now - FOUNDED + timedelta(days=2)
    company.calendar.date(org, "created_at", at)
    company.calendar.date(org.memberships.all(), "created_at", at)
    company.calendar.date(org.teams.all(), "created_at", at)
