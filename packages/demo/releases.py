"""Two years of publishing: what arrives is looked into, kept, signed and recorded as every upload is."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import transaction

from accounts import audit
from accounts.actor import Actor
from packages import arrivals, ledger, packuments, publishing, releases, sharing, signatures, staging
from packages.changes import changing
from packages.demo.catalogue import HERO, Plan, Release
from packages.demo.company import Company
from packages.demo.packing import Packer
from packages.demo.people import NEWCOMER
from packages.demo.words import TRADES
from packages.models import Package, Version
from packages.names import PackageName

STAGED = ("@acme/ledger", "@acme/payouts", "@lumen/button", "@basalt/logger")
STAGED_HOURS = 20
TEAMS = {trade.org: sorted(trade.teams) for trade in TRADES}


def publish_all(dice: random.Random, company: Company, plans: list[Plan], spool: Path) -> Iterator[tuple[int, int]]:
    """Publish every version of every package, and give the packages to teams; gives how many of each there are so far.

    spool: where uploads arrive. Raises what the verbs raise.
    """
    count = 0
    for done, plan in enumerate(plans, start=1):
        package = _publish(dice, company, plan, Packer(plan, spool))
        with transaction.atomic():  # one for a package: a commit waits for the disk
            _share(dice, company, plan)
            _look_back(dice, company, plan)
        company.calendar.date(package, "created_at", plan.releases[0].at)
        company.calendar.date(package, "modified_at", plan.releases[-1].at)
        count += len(plan.releases)
        yield done, count


def stage_some(company: Company, plans: list[Plan], spool: Path) -> None:
    """Leave a few versions waiting for somebody to release them."""
    at = company.now - timedelta(hours=STAGED_HOURS)
    for plan in plans:
        if plan.name in STAGED:
            major, minor, _ = plan.releases[-1].number.split("-")[0].split(".")
            release = Release(f"{major}.{int(minor) + 1}.0", at)
            with company.calendar.on(at):
                owner = company.owner(plan.holder, plan.authors[0])  # an author may have lost the package since
                staged = staging.stage(owner, Packer(plan, spool).upload(release))
            company.calendar.date(staged, "staged_at", at)


def _publish(dice: random.Random, company: Company, plan: Plan, packer: Packer) -> Package:
    first, *later = plan.releases
    actor = company.terminals[plan.authors[0]]
    with company.calendar.on(first.at):
        version = publishing.publish(actor, packer.upload(first))
    company.calendar.date(version, "published_at", first.at)
    if later:
        # The policy, the lock and the document are asked for once, not two hundred times; all else as for one.
        with ExitStack() as kept:
            arrived = [(release, _arrive(dice, company, plan, packer, release, kept)) for release in later]
            _enter(company, version.package, arrived)
    return version.package


def _arrive(
    dice: random.Random, company: Company, plan: Plan, packer: Packer, release: Release, kept: ExitStack
) -> tuple[Actor, Version]:
    author, upload = company.terminals[dice.choice(plan.authors)], packer.upload(release)
    version = Version(**kept.enter_context(arrivals.stored(author, PackageName.parse(plan.name), upload)))
    signatures.sign(version)
    ledger.note(plan.name, version.number, version.integrity)
    return author, version


def _enter(company: Company, package: Package, arrived: list[tuple[Release, tuple[Actor, Version]]]) -> None:
    last, (actor, newest) = arrived[-1]
    with company.calendar.on(last.at), changing(package, actor, "version.published", **_facts(last, newest)) as package:
        for release, (author, version) in arrived:
            if release is not last:
                with company.calendar.on(release.at):
                    org = package.scope.name if package.in_org else ""
                    audit.record(author, "version.published", package=package.name, org=org, **_facts(release, version))
            publishing.enter(package, version, (release.tag,))
            company.calendar.date(version, "published_at", release.at)


def _facts(release: Release, version: Version) -> dict[str, Any]:
    return {"version": version.number, "tags": [release.tag], "integrity": version.integrity}


def _share(dice: random.Random, company: Company, plan: Plan) -> None:
    manager, at = company.owner(plan.holder, plan.authors[0]), plan.releases[0].at + timedelta(hours=1)
    with company.calendar.on(at):
        if plan.holder in TEAMS:
            writers, readers = sorted(dice.sample(TEAMS[plan.holder], 2), key=lambda team: team.endswith("-ro"))
            sharing.grant_team(manager, plan.name, plan.holder, writers, "read-write")
            if dice.random() < 0.35 or plan.name == HERO:
                sharing.grant_team(manager, plan.name, plan.holder, readers, "read-only")
            if not plan.public and dice.random() < 0.3:
                sharing.revoke_team(manager, plan.name, plan.holder, "developers")
        else:
            others = sorted(company.browsers.keys() - {plan.holder, NEWCOMER, *plan.authors})
            for name in dice.sample(others, dice.choice((0, 0, 1, 2, 4))):
                sharing.grant_person(manager, plan.name, name, dice.choice(("read-only", "read-write")))


def _look_back(dice: random.Random, company: Company, plan: Plan) -> None:
    manager, last = company.owner(plan.holder, plan.authors[0]), plan.releases[-1]
    numbers = [release.number for release in plan.releases]
    with company.calendar.on(last.at + timedelta(minutes=5)):
        if plan.note:
            releases.deprecate(manager, plan.name, dict.fromkeys(numbers, plan.note))
        elif len(numbers) > 6 and dice.random() < 0.4:
            releases.deprecate(manager, plan.name, dict.fromkeys(numbers[:2], f"use {last.number} or newer"))
        older = [
            number for number in numbers if number.split(".")[0] != last.number.split(".")[0] and "-" not in number
        ]
        if older:
            releases.set_tag(manager, plan.name, f"legacy-{older[-1].split('.')[0]}", older[-1])
        if len(numbers) > 12 and dice.random() < 0.3:
            package = Package.objects.get(name=plan.name)
            kept = frozenset(numbers) - {numbers[3]}
            releases.unpublish_versions(manager, plan.name, kept, packuments.revision_of(package))
