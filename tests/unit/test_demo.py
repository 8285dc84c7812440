"""The demo: the same company each time, made through the verbs, and never where people work."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import AuditEvent, User
from packages import access, blobs
from packages.demo import catalogue, company, releases, use
from packages.demo.people import NEWCOMER, everyone
from packages.models import DownloadCount, Package, Version

SOME = (catalogue.HERO, *catalogue.HERO_USES, "@acme/payouts", "@lumen/button")


def drawn() -> list[catalogue.Plan]:
    return catalogue.draw(random.Random(7), everyone(), timezone.now().replace(hour=12))


def test_the_same_seed_draws_the_same_company():
    one, other = drawn(), drawn()
    assert [(each.name, each.uses, [release.number for release in each.releases]) for each in one] == [
        (each.name, each.uses, [release.number for release in each.releases]) for each in other
    ]
    assert len(one) > 250
    assert len({each.name for each in one}) == len(one)


def test_no_package_needs_or_names_one_that_its_readers_cannot_read():
    by_name = {each.name: each for each in drawn()}
    for plan in by_name.values():
        for name, wanted in plan.uses.items():
            assert by_name[name].public or (by_name[name].holder == plan.holder and not plan.public), (plan.name, name)
            assert wanted.removeprefix("^") in [release.number for release in by_name[name].releases]
        assert [release.at for release in plan.releases] == sorted(release.at for release in plan.releases)
        assert len({release.number for release in plan.releases}) == len(plan.releases)


@pytest.mark.django_db
def test_a_part_of_the_company_is_made_and_dated_back(settings):
    settings.SPOOL_DIR.mkdir(parents=True)
    dice, now = random.Random(7), timezone.now()
    plans = [each for each in drawn() if each.name in SOME]
    for plan in plans:
        plan.releases = [*plan.releases[:3], plan.releases[-1]] if len(plan.releases) > 4 else plan.releases
        plan.uses = {name: wanted for name, wanted in plan.uses.items() if name in SOME}
    made = company.found(dice, everyone(), now)
    company.issue_pipelines(dice, made)
    assert [done for done, _ in releases.publish_all(dice, made, plans, settings.SPOOL_DIR)] == [1, 2, 3, 4, 5, 6]
    releases.stage_some(made, plans, settings.SPOOL_DIR)
    assert use.download(dice, made, plans) > 0
    use.star(dice, made, plans)
    use.hook(made)
    use.ask(made)
    company.invite(made)
    made.calendar.write()

    hero = next(each for each in plans if each.name == catalogue.HERO)
    package = Package.objects.get(name=catalogue.HERO)
    assert package.is_private
    assert package.created_at == hero.releases[0].at
    assert [each.number for each in package.versions.order_by("published_at")] == [
        each.number for each in hero.releases
    ]
    told = AuditEvent.objects.filter(package=package.name, action="version.published").order_by("at")
    assert [event.at for event in told] == [release.at for release in hero.releases]
    assert told.filter(at__gt=now - timedelta(days=1)).count() <= 1
    for version in Version.objects.all():
        assert version.signed_with
        blobs.open_blob(version.blob, version.size).close()
    assert package.staged.count() == 1
    assert DownloadCount.objects.filter(package=package).exists()
    assert not access.visible_to(made.browsers[NEWCOMER]).filter(access="restricted").exists()
    assert not list(settings.SPOOL_DIR.iterdir())


def test_it_is_refused_where_people_work(alice, settings):
    with pytest.raises(CommandError, match="people have signed up here"):
        call_command("seed_demo")
    settings.EMAIL_URL = "smtp://mail.example.com"
    with pytest.raises(CommandError, match="sends mail"):
        call_command("seed_demo", add=True)
    assert User.objects.count() == 1
    assert not Package.objects.exists()
