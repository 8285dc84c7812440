"""What people did with the packages: downloads with quiet weekends, stars, webhooks."""

from __future__ import annotations

import random
from datetime import timedelta

from packages import access, requests, webhooks
from packages.demo.catalogue import HERO, Plan
from packages.demo.company import Company
from packages.models import DownloadCount, Package, Star, Version

DAYS = 120
LONG = 365  # days that are counted of what most people use
WEEKEND = 0.22
BATCH = 2_000
MOST_REQUESTS = 3


def download(dice: random.Random, company: Company, plans: list[Plan]) -> int:
    """Count downloads for every day, more of what is popular, few on weekends, and growing; gives how many."""
    listed = Version.objects.listed().select_related("package").only("number", "package__name")
    versions = {(version.package.name, version.number): version for version in listed}
    rows: list[DownloadCount] = []
    for plan in plans:
        rows += _downloads(dice, company, plan, versions)
    DownloadCount.objects.bulk_create(rows, batch_size=BATCH)
    return sum(row.count for row in rows)


def star(dice: random.Random, company: Company, plans: list[Plan]) -> None:
    """Let everybody star a few packages that they may see, each on some day since it exists."""
    by_name = {plan.name: plan for plan in plans}
    rows = []
    for actor in company.browsers.values():
        seen = {each: by_name[each.name] for each in access.visible_to(actor).order_by("name") if each.name in by_name}
        weights = [plan.popularity * (10 if plan.name == HERO else 1) for plan in seen.values()]
        liked = dice.choices(list(seen), weights, k=12)
        for package in dict.fromkeys(liked):
            since = (company.now - seen[package].releases[0].at).days
            at = company.now - timedelta(days=dice.uniform(0, since))
            rows.append(Star(user=actor.user, package=package, created_at=at))
    Star.objects.bulk_create(rows)


def hook(company: Company) -> None:
    """Let a few people be told of changes, from now on."""
    for name, kind, subject in (("dana", "package", HERO), ("dana", "scope", "acme"), ("jo", "scope", "lumen")):
        with company.calendar.on(company.now - timedelta(days=40)):
            added = webhooks.add(
                company.browsers[name], kind, subject, f"https://hooks.example.com/{subject.strip('@')}", "for the demo"
            )
        company.calendar.date(added, "created_at", company.now - timedelta(days=40))


def ask(company: Company) -> None:
    """Let a few members ask for a package of their org that they were not given."""
    for actor in company.browsers.values():
        if requests.waiting_for(company.browsers["dana"]).count() >= MOST_REQUESTS:
            return
        hidden = Package.objects.filter(scope__name="acme").exclude(pk__in=access.visible_to(actor).values("pk"))
        member = actor.user.memberships.filter(org__scope__name="acme").exists()
        if member and (package := hidden.order_by("name").first()):
            requests.ask(actor, package.name, "I am on call for it next week.")


def _downloads(dice: random.Random, company: Company, plan: Plan, versions: dict) -> list[DownloadCount]:
    rows, today = [], company.now.date()
    span = LONG if plan.popularity > 5 or plan.name == HERO else DAYS
    a_day = plan.popularity * (60 if plan.name == HERO else 9) * dice.uniform(0.5, 1.5) * (2 if plan.public else 1)
    listed = [each for each in plan.releases if (plan.name, each.number) in versions]
    for ago in range(span):
        day = today - timedelta(days=ago)
        there = [each for each in listed if each.at.date() <= day]
        if not there:
            break
        rhythm = (WEEKEND if day.weekday() > 4 else 1.0) * (1.4 - ago / span) * dice.uniform(0.75, 1.25)
        for release, share in zip(reversed(there[-2:]), (0.8, 0.2), strict=False):
            if count := int(a_day * rhythm * share):
                version = versions[plan.name, release.number]
                rows.append(DownloadCount(package_id=version.package_id, version=version, day=day, count=count))
    return rows
