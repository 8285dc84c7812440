"""Rules for upstream versions: who writes them, whom they hold for, what pages say, and what nobody else learns."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from accounts import tokens
from accounts.actor import NOBODY, Actor
from accounts.models import AuditEvent, Scope, Token
from orgs import organizations, service_accounts
from orgs.models import Org
from packages import rules
from packages.models import (
    Advisory,
    DownloadCount,
    DownloadRecord,
    Mirror,
    MirrorVersion,
    Package,
    RuleException,
    RuleSet,
    RulesStamp,
    TokenUse,
    Version,
)
from packages.models.rules import Rule
from packages.rules import exceptions, holding, sets, trial
from packages.rules.engine import Block
from packages.rules.values import Values
from registry_site.errors import Conflict, Held, Invalid, NotAllowed, NotFound, SignInRequired
from tests.tools.sessions import sign_in

pytestmark = pytest.mark.django_db
HTML = {"accept": "text/html"}
ALL = frozenset(Rule)
WEEK = Values(cooldown=7)


@pytest.fixture
def operator(olga) -> Actor:
    return replace(olga, credential="operator")


@pytest.fixture
def on(operator):
    """Write a set and switch it on: `on(Values(cooldown=7))`, or for an org as one of its owners."""

    def run(values: Values, actor: Actor = operator, org: str = "", name: str = "House rules") -> RuleSet:
        kept = sets.write(actor, org, values, name=name, why="to be safe")
        return sets.activate(actor, org, kept.number)

    return run


def mirrored(name: str = "left-pad", **ages: int) -> Package:
    """A mirrored package whose versions are so many days old: `mirrored("x", v1_0_0=400)`."""
    package = Package.objects.create(name=name, mirrored=True, access="public", revision=1)
    mirror = Mirror.objects.create(name=name, package=package, state=Mirror.State.FOUND, is_full=True)
    for number, days in (ages or {"v1_0_0": 400, "v1_1_0": 100, "v1_2_0": 2}).items():
        number = number[1:].replace("_", ".")
        at = timezone.now() - timedelta(days=days)
        MirrorVersion.objects.create(mirror=mirror, number=number, published_at=at, license="MIT")
    return package


def fetched(package: Package, number: str, downloads: int = 0, days_ago: int = 0) -> Version:
    """Its tarball was downloaded through us."""
    row = MirrorVersion.objects.get(mirror__package=package, number=number)
    if row.version is None:
        key = hashlib.sha256(f"{package.name}@{number}".encode()).hexdigest()
        row.version = Version.objects.create(
            package=package, number=number, folded=number, blob=key, integrity=key, shasum=key[:40], size=1,
            unpacked_size=1, file_count=1, full="{}", abbreviated="{}",
        )  # fmt: skip
        row.save()
    if downloads:
        day = timezone.now().date() - timedelta(days=days_ago)
        DownloadCount.objects.create(package=package, version=row.version, day=day, count=downloads)
    return row.version


def days(actor: Actor) -> list[int]:
    return [each.value[0] for each in rules.effective(actor).checks if each.rule == Rule.COOLDOWN]


def kept() -> tuple:
    """Everything that a refusal must leave as it was."""
    rows = (RuleSet, RuleException, RulesStamp, AuditEvent)
    return tuple(list(model.objects.order_by("pk").values()) for model in rows)


def exception(**more) -> dict:
    said = {"rule": "cooldown", "package": "left-pad", "range": "", "reason": "we need it", "owner": "olga"}
    return said | {"until": timezone.now().date() + timedelta(days=10)} | more


# --- sets --------------------------------------------------------------------------------------------------------


def test_a_set_counts_once_it_is_switched_on_and_old_ones_stay(operator):
    first = sets.write(operator, "", WEEK, name=" House  rules ", why="new worms\nevery week")
    assert (first.number, first.name, first.why, first.made_by) == (1, "House rules", "new worms every week", "olga")
    assert rules.effective(NOBODY).fingerprint == ""
    sets.activate(operator, "", 1)
    assert days(NOBODY) == [7]
    sets.write(operator, "", Values(cooldown=14), name="House rules", why="longer")
    assert days(NOBODY) == [7]
    sets.activate(operator, "", 2)
    assert days(NOBODY) == [14]
    assert [each.active for each in sets.listed(None)] == [True, False]
    assert sets.find(None, 1).values["cooldown"] == 7
    sets.activate(operator, "", 1)
    assert days(NOBODY) == [7]
    sets.stop(operator, "")
    assert rules.effective(NOBODY).fingerprint == ""
    assert sets.active(None) is None
    actions = list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))
    assert [each for each in actions if each.startswith("rules.")] == [
        "rules.written", "rules.activated", "rules.written", "rules.activated", "rules.activated", "rules.stopped",
    ]  # fmt: skip


def test_switching_on_what_is_on_changes_nothing(operator, on):
    on(WEEK)
    before = kept()
    sets.activate(operator, "", 1)
    assert kept() == before


def test_who_may_not_write_the_registrys_rules(olga, uma, acme, alice):
    before = kept()
    for actor in (NOBODY, uma, alice, olga):  # an operator only in the admin site
        with pytest.raises(NotAllowed):
            sets.write(actor, "", WEEK, name="x", why="y")
        with pytest.raises(NotAllowed):
            exceptions.make(actor, "", **exception())
        with pytest.raises(NotAllowed):
            sets.stop(actor, "")
    assert kept() == before


def test_what_is_not_said_is_refused(operator, on):
    on(WEEK)
    before = kept()
    for name, why, code in (("", "y", "name"), ("x" * 81, "y", "name"), ("x", " ", "why"), ("x", "y" * 501, "why")):
        with pytest.raises(Invalid) as refused:
            sets.write(operator, "", WEEK, name=name, why=why)
        assert refused.value.code == code
    with pytest.raises(NotFound):
        sets.activate(operator, "", 7)
    assert kept() == before
    sets.stop(operator, "")
    with pytest.raises(NotFound):
        sets.stop(operator, "")


def test_an_orgs_rules_are_its_owners_and_admins(acme, alice, frank, bob, dave, operator):
    assert sets.write(alice, "acme", WEEK, name="x", why="y").number == 1
    assert sets.write(frank, "acme", WEEK, name="x", why="y").number == 2
    narrow = Actor(alice.user, tokens.issue(alice, alice.user, kind=Token.Kind.GRANULAR)[0], "npm_x")
    before = kept()
    with pytest.raises(NotAllowed):
        sets.write(bob, "acme", WEEK, name="x", why="y")
    for actor in (dave, NOBODY, operator):
        with pytest.raises((NotFound, SignInRequired)):
            sets.write(actor, "acme", WEEK, name="x", why="y")
        with pytest.raises((NotFound, SignInRequired)):
            sets.activate(actor, "acme", 1)
    with pytest.raises(NotAllowed):
        sets.activate(narrow, "acme", 1)
    assert kept() == before


def test_an_org_asks_for_less_only_where_it_is_let(acme, alice, on, operator):
    on(Values(cooldown=7, scripts=False))
    before = kept()
    for wrong, code in (
        (Values(cooldown=3), "cooldown"),
        (Values(scripts=True), "scripts"),
        (Values(loosens=ALL), "loosens"),
    ):
        with pytest.raises(Invalid) as refused:
            sets.write(alice, "acme", wrong, name="x", why="y")
        assert refused.value.code == code
    assert kept() == before
    on(Values(cooldown=7, scripts=False, loosens=ALL))
    loose = sets.write(alice, "acme", Values(cooldown=3, scripts=True), name="x", why="y")
    on(Values(cooldown=7, scripts=False))
    with pytest.raises(Conflict):
        sets.activate(alice, "acme", loose.number)
    assert days(alice) == [7]


def test_what_was_let_ends_with_the_registrys_set(acme, alice, on):
    on(Values(cooldown=7, loosens=ALL))
    on(Values(cooldown=3), alice, "acme")
    assert days(alice) == [3]
    on(Values(cooldown=7))
    assert days(alice) == [7]


def test_one_version_at_most_is_on(operator, on):
    on(WEEK)
    with pytest.raises(IntegrityError), transaction.atomic():
        RuleSet.objects.create(number=9, name="x", why="y", active=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        RuleSet.objects.create(number=1, name="x", why="y")


# --- whom they hold for ------------------------------------------------------------------------------------------


@pytest.fixture
def two_orgs(acme, alice, bob, on):
    """The registry asks for 7 days and lets orgs loosen; acme asks for 2, beta, where bob is as well, for 30."""
    organizations.create(alice, "beta", "")
    organizations.set_member(alice, "beta", bob.name, "developer")
    on(Values(cooldown=7, loosens=ALL))
    on(Values(cooldown=2), alice, "acme")
    on(Values(cooldown=30), alice, "beta")


def limited(actor: Actor, **limits) -> Actor:
    return Actor(actor.user, tokens.issue(actor, actor.user, kind=Token.Kind.GRANULAR, **limits)[0], "npm_x")


def test_of_several_orgs_the_strictest_counts(two_orgs, bob, erin, dave, operator):
    assert days(NOBODY) == days(dave) == days(operator) == [7]
    assert days(erin) == [2]
    assert days(bob) == [30]


def test_an_org_without_rules_counts_as_the_registry(two_orgs, erin, alice):
    organizations.create(alice, "gamma", "")
    organizations.set_member(alice, "gamma", erin.name, "developer")
    assert days(erin) == [7]


def test_a_token_is_of_the_orgs_it_is_limited_to(two_orgs, bob, dave):
    assert days(limited(bob)) == [30]
    assert days(limited(bob, packages=["@acme/x"])) == [2]
    assert days(limited(bob, scopes=["acme"])) == [2]
    assert days(limited(bob, scopes=["acme", "beta"])) == [30]
    assert days(limited(bob, packages=["left-pad"])) == [30]
    token = limited(dave).token
    token.scopes = ["acme"]  # names an org that its person is not in
    assert days(Actor(dave.user, token, "npm_x")) == [7]


def test_machines_are_of_their_org(two_orgs, alice):
    from accounts.limits import Limits

    wanted = Limits(permission="read-only", packages=[], cidr=[], days=30)
    service = service_accounts.create(alice, "acme", "deploy", wanted)[0]
    assert days(Actor(None, service, "acme/deploy")) == [2]
    publisher = Token(kind=Token.Kind.TRUSTED, packages=["@beta/x"], publisher="beta/ci")
    assert days(Actor(None, publisher, "beta/ci")) == [30]
    publisher.packages = ["@uma/x"]
    assert days(Actor(None, publisher, "ci")) == [7]


def test_an_org_that_locks_somebody_out_gives_them_nothing(two_orgs, erin):
    Org.objects.filter(scope__name="acme").update(requires_two_factor=True)
    assert days(erin) == [7]


def test_equal_rules_have_one_fingerprint(two_orgs, erin, dave, on, alice, carol):
    assert rules.effective(NOBODY).fingerprint == rules.effective(dave).fingerprint
    assert rules.effective(erin).fingerprint == rules.effective(carol).fingerprint != rules.effective(dave).fingerprint
    on(Values(cooldown=7), alice, "acme")
    assert rules.effective(erin).fingerprint == rules.effective(dave).fingerprint


def test_asking_costs_one_query_and_two_where_orgs_have_rules(erin, acme, alice, on, django_assert_num_queries):
    with django_assert_num_queries(1):
        rules.effective(erin)
    on(WEEK)
    rules.effective(erin)
    with django_assert_num_queries(1):
        assert days(erin) == [7]
    on(Values(cooldown=30), alice, "acme")
    rules.effective(erin)
    with django_assert_num_queries(2):
        assert days(erin) == [30]
    with django_assert_num_queries(1):
        assert days(NOBODY) == [7]


def test_an_org_that_is_deleted_takes_its_rules_along(two_orgs, erin):
    Org.objects.get(scope__name="acme").delete()
    assert days(erin) == [7]


def test_advisories_let_the_version_through_that_mends(on):
    package = mirrored("x", v1_0_0=400, v1_0_1=2, v1_0_2=1)
    on(WEEK)
    versions = list(MirrorVersion.objects.filter(mirror__package=package))
    assert set(rules.effective(NOBODY).held("x", versions, timezone.now())) == {"1.0.1", "1.0.2"}
    Advisory.objects.create(name="x", key="1", severity="high", title="bad", range="<1.0.1", fixed_in="1.0.1")
    assert set(rules.effective(NOBODY).held("x", versions, timezone.now())) == {"1.0.2"}


# --- exceptions --------------------------------------------------------------------------------------------------


def test_an_exception_lets_through_until_its_day_is_over(operator, on):
    package = mirrored()
    on(WEEK)
    versions = list(MirrorVersion.objects.filter(mirror__package=package))
    before = rules.effective(NOBODY)
    made = exceptions.make(operator, "", **exception(range="1.2.0"))
    after = rules.effective(NOBODY)
    assert before.fingerprint != after.fingerprint
    assert before.held("left-pad", versions, timezone.now())
    assert not after.held("left-pad", versions, timezone.now())
    assert made.ends_at.date() == exception()["until"] + timedelta(days=1)
    RuleException.objects.update(ends_at=timezone.now() - timedelta(seconds=1))
    holding.changed()
    assert rules.effective(NOBODY).fingerprint == before.fingerprint
    assert not exceptions.live(None).exists()
    assert len(exceptions.shown(None, 9)[1]) == 1


def test_it_ends_by_itself_without_anybody_saying_so(operator, on, monkeypatch):
    on(WEEK)
    exceptions.make(operator, "", **exception(until=timezone.now().date()))
    with_it, tomorrow = rules.effective(NOBODY).fingerprint, timezone.now() + timedelta(days=1)
    monkeypatch.setattr("django.utils.timezone.now", lambda: tomorrow)
    assert rules.effective(NOBODY).fingerprint != with_it


def test_ending_and_resuming(operator, on):
    on(WEEK)
    made = exceptions.make(operator, "", **exception())
    open_, made = rules.effective(NOBODY).fingerprint, exceptions.end(operator, "", made.pk)
    assert rules.effective(NOBODY).fingerprint != open_
    before = kept()
    with pytest.raises(Conflict):
        exceptions.end(operator, "", made.pk)
    assert kept() == before
    exceptions.resume(operator, "", made.pk)
    assert rules.effective(NOBODY).fingerprint == open_
    with pytest.raises(Conflict):
        exceptions.resume(operator, "", made.pk)
    assert [each.action for each in AuditEvent.objects.filter(action__contains="exception")] == [
        "rules.exception_resumed",
        "rules.exception_ended",
    ]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"rule": "nonsense"}, "rule"),
        ({"package": "Not a name"}, "package"),
        ({"range": "what?"}, "range"),
        ({"reason": "  "}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"owner": "nobody-here"}, "owner"),
        ({"until": None}, "until"),
        ({"until": date(2020, 1, 1)}, "until"),
        ({"until": date.today() + timedelta(days=370)}, "until"),
    ],
)
def test_exceptions_that_are_refused(operator, wrong, code):
    before = kept()
    with pytest.raises(Invalid) as refused:
        exceptions.make(operator, "", **exception(**wrong))
    assert refused.value.code == code
    assert kept() == before


def test_exceptions_of_an_org(acme, alice, bob, dave, on):
    on(Values(cooldown=7, blocked=(Block("left-pad"),), loosens=frozenset({Rule.COOLDOWN})))
    before = kept()
    for wrong in ({"owner": dave.name}, {"rule": "blocked"}):
        with pytest.raises(Invalid):
            exceptions.make(alice, "acme", **exception(owner=bob.name) | wrong)
    with pytest.raises(NotAllowed):
        exceptions.make(bob, "acme", **exception(owner=bob.name))
    with pytest.raises(NotFound):
        exceptions.make(dave, "acme", **exception(owner=bob.name))
    assert kept() == before
    made = exceptions.make(alice, "acme", **exception(owner=bob.name))
    assert rules.effective(bob).fingerprint != rules.effective(NOBODY).fingerprint
    with pytest.raises(NotFound):
        exceptions.end(dave, "acme", made.pk)
    assert exceptions.live(acme).get() == made
    assert not exceptions.live(None).exists()


def test_an_org_excepts_from_its_own_rules_whatever_the_registry_lets_it(acme, alice, bob, on):
    on(Values(cooldown=7))
    on(Values(scripts=False), alice, "acme")
    exceptions.make(alice, "acme", **exception(owner=bob.name, rule="scripts"))


def test_who_answers_for_it_is_told_and_reminded_once(acme, alice, bob, operator, settings):
    settings.EMAIL_URL = "smtp://localhost"
    made = exceptions.make(operator, "", **exception(owner=bob.name))
    subjects = lambda: [each.args_kwargs["kwargs"]["subject"] for each in DBTaskResult.objects.order_by("enqueued_at")]  # noqa: E731
    assert subjects() == ["You answer for an exception: left-pad"]
    assert exceptions.remind() == 0
    RuleException.objects.filter(pk=made.pk).update(
        made_at=timezone.now() - timedelta(days=30), ends_at=timezone.now() + timedelta(days=6)
    )
    assert (exceptions.remind(), exceptions.remind()) == (1, 0)
    assert subjects()[-1] == "An exception ends soon: left-pad"


def test_somebody_who_is_gone_leaves_the_exception_and_their_name(operator, bob, on):
    on(WEEK)
    exceptions.make(operator, "", **exception(owner=bob.name))
    Scope.objects.filter(user=bob.user).update(user=None)
    bob.user.delete()
    row = RuleException.objects.get()
    assert (row.owner, row.owner_name, row.is_live) == (None, "bob", True)
    assert exceptions.remind() == 0


# --- what is told ------------------------------------------------------------------------------------------------


def test_explained_for_a_package(on, uma, publish, django_assert_max_num_queries):
    package = mirrored()
    assert rules.explain(uma, package) is None
    on(WEEK)
    with django_assert_max_num_queries(6):
        found = rules.explain(uma, package)
    assert [each.number for each in found.held] == ["1.2.0"]
    assert (found.count, found.total, found.instead, found.more) == (1, 3, "1.1.0", 0)
    assert "new versions wait 7 days" in found.held[0].in_words
    assert "until" in found.held[0].in_words
    own = publish(uma, "@uma/x").package
    assert rules.explain(uma, own) is None


def test_explained_for_a_package_of_many_versions(on, uma, django_assert_max_num_queries):
    package = mirrored("big", **{f"v1_{n}_0": 1 for n in range(300)})
    on(WEEK)
    with django_assert_max_num_queries(6):
        found = rules.explain(uma, package)
    assert (len(found.held), found.more, found.instead) == (20, 280, "")
    assert found.held[0].number == "1.299.0"


def test_the_refusal_is_451(on, uma):
    package = mirrored()
    on(WEEK)
    versions = MirrorVersion.objects.filter(mirror__package=package)
    hold = rules.effective(uma).held("left-pad", versions, timezone.now())["1.2.0"]
    refused = rules.refusal("left-pad", "1.2.0", hold)
    assert isinstance(refused, Held)
    assert refused.code == "rule"
    for words in ("left-pad@1.2.0", "minimum age of House rules, version 1", "until ", "/rules?package=left-pad"):
        assert words in refused.message


# --- the trial ---------------------------------------------------------------------------------------------------


def test_what_a_set_would_have_changed(uma, erin):
    package, other = mirrored("x", v1_0_0=400, v1_1_0=20, v2_0_0=2), mirrored("y", v1_0_0=400)
    fetched(package, "2.0.0", 5)
    fetched(package, "1.1.0", 3, days_ago=15)  # five days old then
    fetched(package, "1.1.0", 4, days_ago=3)
    fetched(package, "1.0.0", 90)
    fetched(other, "1.0.0", 70, days_ago=40)
    token = tokens.issue(uma, uma.user, kind=Token.Kind.LOGIN)[0]
    TokenUse.objects.create(token=token, package=package, what="download", at=timezone.now())
    found = trial.run(WEEK, None)
    assert (found.downloads, found.changed, found.versions, found.more) == (102, 8, 2, 0)
    assert [(each.number, each.downloads, each.instead) for each in found.changes] == [
        ("2.0.0", 5, "1.1.0"),
        ("1.1.0", 3, "1.0.0"),
    ]
    assert (found.who, found.changes[0].people, found.changes[0].callers) == ("packages", 1, 1)
    assert trial.run(Values(), None).changed == 0
    blocked = trial.run(Values(blocked=(Block("x"),)), None)
    assert (blocked.changed, {each.instead for each in blocked.changes}) == (102, {""})


def test_who_is_known_where_downloads_are_remembered(uma, erin):
    package = mirrored("x", v1_0_0=400, v2_0_0=2)
    fetched(package, "2.0.0", 9)
    for n, actor in enumerate((uma, erin, uma)):
        DownloadRecord.objects.create(
            name="x", number="2.0.0", mirrored=True, caller=f"t{n}", user=actor.user, day=timezone.now().date(), count=3
        )
    change = trial.run(WEEK, None).changes[0]
    assert (change.downloads, change.people, change.callers) == (9, 2, 3)


def test_the_trial_of_an_org_counts_its_own_people(acme, bob, dave):
    package = mirrored("x", v1_0_0=400, v2_0_0=2)
    fetched(package, "2.0.0", 9)
    assert trial.run(WEEK, acme).changed == 9
    for actor, count in ((bob, 2), (dave, 7)):
        DownloadRecord.objects.create(
            name="x", number="2.0.0", mirrored=True, caller=actor.name, user=actor.user, day=timezone.now().date(),
            count=count,
        )  # fmt: skip
    found = trial.run(WEEK, acme)
    assert (found.downloads, found.changed, found.changes[0].people) == (2, 2, 1)


def test_the_trial_knows_exceptions_and_what_mends(operator):
    package = mirrored("x", v1_0_0=400, v1_0_1=2, v1_0_2=1)
    for number in ("1.0.1", "1.0.2"):
        fetched(package, number, 5)
    assert trial.run(WEEK, None).versions == 2
    Advisory.objects.create(name="x", key="1", severity="high", title="bad", range="<1.0.1", fixed_in="1.0.1")
    assert [each.number for each in trial.run(WEEK, None).changes] == ["1.0.2"]
    exceptions.make(operator, "", **exception(package="x"))
    assert trial.run(WEEK, None).changed == 0


def test_the_trial_costs_the_same_whatever_was_installed(django_assert_max_num_queries):
    for n in range(30):
        package = mirrored(f"p{n}", v1_0_0=400, v1_0_1=2)
        fetched(package, "1.0.1", 5)
        Advisory.objects.create(name=f"p{n}", key=str(n), severity="high", title="bad", range="<0.5.0")
    with django_assert_max_num_queries(8):
        assert trial.run(WEEK, None).versions == 30


# --- pages -------------------------------------------------------------------------------------------------------


def page(client, actor: Actor | None, path: str):
    if actor:
        sign_in(client, actor)
    else:
        client.logout()
    return client.get(path, headers=HTML)


def test_everybody_signed_in_reads_the_registrys_rules(client, uma, on, operator):
    mirrored()
    assert "No rules are switched on" in page(client, uma, "/rules").content.decode()
    on(Values(cooldown=7, blocked=(Block("@evil/*", "", "worms"),), licenses=("GPL-3.0",), loosens=ALL))
    exceptions.make(operator, "", **exception(owner="uma"))
    shown = page(client, uma, "/rules").content.decode()
    for words in ("House rules", "new versions wait 7 days", "@evil/*", "worms", "GPL-3.0", "we need it", "olga"):
        assert words in shown, words
    asked = page(client, uma, "/rules?package=left-pad").content.decode()
    assert "No version is held back for you" in asked
    assert "Change them" not in shown
    assert "Change them" in page(client, operator, "/rules").content.decode()
    assert "to be safe" in page(client, uma, "/rules/1").content.decode()
    assert page(client, uma, "/rules/9").status_code == 404
    assert page(client, None, "/rules").status_code == 302


def test_the_page_says_what_is_held_back_of_a_package(client, uma, on, publish):
    mirrored()
    on(WEEK)
    publish(uma, "@uma/x")
    shown = page(client, uma, "/rules?package=left-pad").content.decode()
    assert "1 version held back for you" in shown
    assert "clients get 1.1.0" in shown
    assert "the rules do not touch it" in client.get("/rules?package=@uma/x", headers=HTML).content.decode()
    for hidden in ("@nobody/x", "%00", "x" * 400):
        assert "is not in this registry" in client.get(f"/rules?package={hidden}y", headers=HTML).content.decode()


def test_a_private_package_is_as_missing_as_any(client, uma, dave, publish, on):
    publish(uma, "@uma/secret")
    on(WEEK)
    hidden = page(client, dave, "/rules?package=@uma/secret").content.decode()
    missing = page(client, dave, "/rules?package=@uma/nothing").content.decode()
    assert "the rules do not touch it" not in hidden
    assert "is not in this registry" in hidden
    assert "is not in this registry" in missing


def test_strangers_do_not_learn_an_orgs_rules(client, acme, alice, bob, dave, on):
    on(Values(cooldown=30), alice, "acme", name="Acme secrets")
    exceptions.make(alice, "acme", **exception(owner=bob.name, reason="secret reason"))
    for actor in (dave, None):
        for path in ("/org/acme/rules", "/org/acme/rules/1", "/org/acme/rules/new", "/org/acme/rules/9"):
            answer = page(client, actor, path)
            assert answer.status_code == 404, (actor, path)
            assert b"Acme secrets" not in answer.content
        for path in ("stop", "exceptions", "exceptions/1", "1", "new"):
            assert client.post(f"/org/acme/rules/{path}", headers=HTML).status_code in (302, 404), (actor, path)
    assert sets.active(acme)
    assert exceptions.live(acme).count() == 1
    for path in ("/rules", "/rules?package=left-pad", "/org/acme", "/~alice"):
        for secret in (b"Acme secrets", b"secret reason"):
            assert secret not in page(client, dave, path).content, path
    seen = page(client, bob, "/org/acme/rules").content.decode()
    assert "Acme secrets" in seen
    assert "secret reason" in seen
    assert "New exception" not in seen
    assert "Acme secrets" in page(client, bob, "/rules").content.decode()
    assert "Acme secrets" in page(client, bob, "/org/acme/activity?what=rules").content.decode()


def test_members_read_and_only_managers_change(client, acme, alice, bob, on):
    on(Values(cooldown=30), alice, "acme")
    before = kept()
    sign_in(client, bob)
    for path in ("stop", "exceptions", "exceptions/1", "1", "new"):
        answer = client.post(f"/org/acme/rules/{path}", {"confirm": "acme"}, headers=HTML)
        assert answer.status_code == 403, path
    assert page(client, bob, "/org/acme/rules/new").status_code == 403
    assert kept() == before


def test_an_owner_writes_looks_and_switches_on(client, acme, alice, bob):
    package = mirrored("x", v1_0_0=400, v2_0_0=2)
    fetched(package, "2.0.0", 5)
    sign_in(client, alice)
    said = {"name": "Acme rules", "cooldown": "14", "blocked": "@evil/* # worms", "licenses": "", "why": "be safe"}
    refused = client.post("/org/acme/rules/new", said | {"blocked": "not a name!"}, headers=HTML).content.decode()
    assert "is no package name" in refused
    assert not RuleSet.objects.exists()
    answer = client.post("/org/acme/rules/new", said, headers=HTML)
    assert answer.url == "/org/acme/rules/1"
    shown = client.get(answer.url, headers=HTML).content.decode()
    assert "5 installs of the last 30 days would have been another" in shown
    assert "x@2.0.0" in shown
    asked = client.post(answer.url, {"confirm": "acne"}, headers=HTML).content.decode()
    assert "Type acme to confirm." in asked
    assert sets.active(acme) is None
    assert client.post(answer.url, {"confirm": "acme"}, headers=HTML).url == "/org/acme/rules"
    assert days(bob) == [14]
    shown = client.get("/org/acme/rules", headers=HTML).content.decode()
    assert "counts from now on" in shown
    assert "@evil/*" in shown
    assert 'value="14"' in client.get("/org/acme/rules/new", headers=HTML).content.decode()
    client.post("/org/acme/rules/stop", headers=HTML)
    assert days(bob) == []
    shown = client.get("/org/acme/rules", headers=HTML).content.decode()
    assert "switched off" in shown
    assert "Undo" in shown


def test_exceptions_on_the_page_with_and_without_htmx(client, acme, alice, bob):
    sign_in(client, alice)
    said = {key: str(value) for key, value in exception(owner=bob.name).items()}
    for more in ({}, {"hx-request": "true"}):
        wrong = client.post("/org/acme/rules/exceptions", said | {"owner": "nobody"}, headers=HTML | more)
        assert "there is no member nobody".capitalize()[:8] in wrong.content.decode()
        assert not RuleException.objects.filter(ended_at=None).exists()
        made = client.post("/org/acme/rules/exceptions", said, headers=HTML | more)
        assert made.status_code == (200 if more else 302)
        row = RuleException.objects.get(ended_at=None)
        assert "left-pad" in client.get("/org/acme/rules", headers=HTML).content.decode()
        client.post(f"/org/acme/rules/exceptions/{row.pk}", {"do": "end"}, headers=HTML | more)
        assert not exceptions.live(acme).exists()
        client.post(f"/org/acme/rules/exceptions/{row.pk}", {"do": "resume"}, headers=HTML | more)
        assert exceptions.live(acme).get() == row
        exceptions.end(alice, "acme", row.pk)


def test_pages_cost_no_more_with_more_rows(client, acme, alice, bob, operator, on, django_assert_max_num_queries):
    on(Values(cooldown=7, loosens=ALL))
    mirrored("x")
    for n in range(40):
        exceptions.make(operator, "", **exception(package=f"a{n}"))
        exceptions.make(alice, "acme", **exception(package=f"a{n}", owner=bob.name))
        sets.write(alice, "acme", Values(cooldown=n + 7), name="x", why="y")
    sets.activate(alice, "acme", 40)
    sign_in(client, alice)
    for path in ("/rules?package=x", "/rules/1", "/org/acme/rules", "/org/acme/rules/40", "/org/acme/rules/3",
                 "/org/acme/rules/new"):  # fmt: skip
        client.get(path)  # what rules there are is read once in each process
        with django_assert_max_num_queries(12):
            assert client.get(path, headers=HTML).status_code == 200, path


def test_odd_numbers_in_addresses(client, acme, alice, olga):
    for path in ("/rules/", "/org/acme/rules/"):
        assert page(client, alice, f"{path}{10**30}").status_code == 404
    for number in ("²", "9" * 30, "-1", "1e3", ""):
        assert page(client, alice, f"/org/acme/rules/new?from={number}").status_code == 200
    assert page(client, alice, "/org/acme/rules/new?from=7").status_code == 404
    assert client.post(f"/org/acme/rules/exceptions/{10**30}", headers=HTML).status_code == 404
    sign_in(client, olga)
    assert client.get(reverse("admin:packages_ruleset_write") + "?from=²").status_code == 200
    assert client.get(reverse("admin:packages_ruleset_review", args=[10**30])).status_code == 302


def test_switching_on_offers_undo(client, acme, alice, bob):
    sign_in(client, alice)
    for days_ in (7, 14):
        sets.write(alice, "acme", Values(cooldown=days_), name="Acme rules", why="y")
    client.post("/org/acme/rules/1", headers=HTML)
    assert '/org/acme/rules/stop"' in client.get("/org/acme/rules", headers=HTML).content.decode().partition("Undo")[0]
    client.post("/org/acme/rules/2", headers=HTML)
    shown = client.get("/org/acme/rules", headers=HTML).content.decode()
    assert '<form method="post" action="/org/acme/rules/1"' in shown.partition("Undo")[0]
    client.post("/org/acme/rules/1", {"confirm": "acme"}, headers=HTML)
    assert days(bob) == [7]


# --- the admin site ----------------------------------------------------------------------------------------------


def test_an_operator_writes_looks_and_switches_on(client, olga):
    package = mirrored("x", v1_0_0=400, v2_0_0=2)
    fetched(package, "2.0.0", 5)
    sign_in(client, olga)
    assert "Write new rules" in client.get(reverse("admin:packages_ruleset_changelist")).content.decode()
    write = reverse("admin:packages_ruleset_write")
    said = {"name": "House rules", "cooldown": "7", "scripts": "yes", "deprecated": "no", "loosens": "cooldown"}
    assert "This field is required" in client.post(write, said).content.decode()
    answer = client.post(write, said | {"why": "be safe"})
    review = reverse("admin:packages_ruleset_review", args=[1])
    assert answer.url == review
    shown = client.get(review).content.decode()
    assert "x@2.0.0" in shown
    assert "5 of 5 installs" in shown
    assert "orgs may loosen it" in shown
    assert "Type House rules to confirm." in client.post(review, {"confirm": "x"}).content.decode()
    assert days(NOBODY) == []
    client.post(review, {"confirm": "House rules"})
    assert days(NOBODY) == [7]
    event = AuditEvent.objects.get(action="rules.activated")
    assert (event.actor_name, event.credential) == ("olga", "operator")
    assert "This version counts now" in client.get(review).content.decode()
    make = reverse("admin:packages_ruleexception_make")
    assert client.post(make, {key: str(value) for key, value in exception().items()}).status_code == 302
    rows = reverse("admin:packages_ruleexception_changelist")
    row = RuleException.objects.get()
    client.post(rows, {"action": "end", "_selected_action": [row.pk], "confirmed": "yes"})
    assert not exceptions.live(None).exists()
    assert client.get(reverse("admin:packages_ruleset_change", args=[RuleSet.objects.get().pk])).status_code == 200
    client.post(reverse("admin:packages_ruleset_stop"))
    assert days(NOBODY) == []


def test_staff_who_are_no_superusers_change_no_rules(client, uma):
    uma.user.is_staff = True
    uma.user.save()
    sign_in(client, uma)
    before = kept()
    for name, args in (
        ("ruleset_write", []),
        ("ruleset_review", [1]),
        ("ruleset_stop", []),
        ("ruleexception_make", []),
    ):
        address = reverse(f"admin:packages_{name}", args=args)
        assert client.post(address).status_code == 403
        assert client.get(address).status_code == 403
    assert kept() == before


# --- the command -------------------------------------------------------------------------------------------------


def test_manage_py_rules(on, operator, capsys):
    call_command("rules")
    assert "no rules are switched on" in capsys.readouterr().out
    on(Values(cooldown=7, blocked=(Block("x", "<2", "worms"),)))
    exceptions.make(operator, "", **exception())
    mirrored()
    call_command("rules", "left-pad")
    told = capsys.readouterr().out
    for words in ("House rules (version 1)", "new versions wait 7 days", "x@<2", "left-pad, from minimum age"):
        assert words in told


# --- what clients get --------------------------------------------------------------------------------------------


@pytest.fixture
def pads(upstream):
    """Upstream has left-pad in an old version and in one of two days ago, which is its latest."""
    upstream.publish("left-pad", "1.0.0", at=timezone.now() - timedelta(days=400), license="MIT")
    upstream.publish("left-pad", "1.1.0", at=timezone.now() - timedelta(days=300), license="MIT", deprecated="no")
    upstream.publish("left-pad", "1.3.0", at=timezone.now() - timedelta(days=2), license="GPL-3.0")
    return upstream


SHORT = "application/vnd.npm.install-v1+json"


@pytest.mark.parametrize("accept", ["application/json", SHORT])
def test_f16_a_young_version_is_in_no_document_and_latest_moves_back(npm, pads, on, accept):
    on(WEEK)
    found = npm.get("left-pad", accept=accept).json()
    assert sorted(found["versions"]) == ["1.0.0", "1.1.0"]
    assert found["dist-tags"] == {"latest": "1.0.0"}
    assert "1.3.0" not in found["time"]
    told = found["policyRestrictions"]
    assert told["versions"] == {"1.3.0": {"name": "left-pad", "version": "1.3.0"}}
    assert "too new until" in told["message"]
    assert npm.get("-/package/left-pad/dist-tags").json() == {"latest": "1.0.0"}
    assert npm.get("left-pad/latest").json()["version"] == "1.0.0"


def test_f16_its_tarball_and_manifest_are_refused_with_the_reason(npm, pads, on):
    on(WEEK)
    npm.get("left-pad")
    for path in ("left-pad/-/left-pad-1.3.0.tgz", "left-pad/1.3.0"):
        refused = npm.get(path)
        assert (refused.status_code, refused.json()["code"]) == (451, "rule"), path
        for words in ("left-pad@1.3.0", "minimum age of House rules, version 1", "until ", "/rules?package=left-pad"):
            assert words in refused.json()["error"], (path, words)
    assert not Version.objects.exists()
    assert npm.get("left-pad/-/left-pad-1.0.0.tgz").status_code == 200


def test_a_tarball_that_is_here_already_is_refused_too(npm, pads, on):
    assert npm.get("left-pad/-/left-pad-1.3.0.tgz").status_code == 200
    on(Values(blocked=(Block("left-pad", "1.3.0", "worm"),)))
    assert "worm" in npm.get("left-pad/-/left-pad-1.3.0.tgz").json()["error"]
    assert npm.get("left-pad/-/left-pad-1.3.0.tgz", if_none_match='"x"').status_code == 451


def test_where_nothing_is_left_the_packument_says_why(npm, pads, on):
    on(Values(blocked=(Block("left-pad", "", "worms"),)))
    refused = npm.get("left-pad")
    assert (refused.status_code, refused.json()["code"]) == (451, "rule")
    assert "all its 3 versions are held back: left-pad is blocked: worms" in refused.json()["error"]


@pytest.mark.parametrize(
    ("values", "left"),
    [
        (Values(licenses=("GPL-3.0",)), ["1.0.0", "1.1.0"]),
        (Values(deprecated=False), ["1.0.0", "1.3.0"]),
        (Values(blocked=(Block("left-*", "<1.1"),)), ["1.1.0", "1.3.0"]),
        (Values(cooldown=350), ["1.0.0"]),
        (Values(scripts=False), ["1.0.0", "1.1.0", "1.3.0"]),
        (Values(cooldown=1), ["1.0.0", "1.1.0", "1.3.0"]),
    ],
)
def test_what_each_rule_leaves(npm, pads, on, values, left):
    on(values)
    assert sorted(npm.get("left-pad", accept=SHORT).json()["versions"]) == left


def test_versions_with_install_scripts_are_held_back(npm, upstream, on):
    upstream.publish("loud", "1.0.0", scripts={"postinstall": "node x"}, hasInstallScript=True)
    upstream.publish("loud", "0.9.0", tag=None)
    on(Values(scripts=False))
    assert list(npm.get("loud").json()["versions"]) == ["0.9.0"]


def test_each_reads_the_document_of_their_own_rules(npm, pads, on, acme, alice, bob, dave):
    from tests.conftest import login_token

    on(Values(cooldown=7, loosens=ALL))
    on(Values(cooldown=1), alice, "acme")

    def seen(actor):
        return "1.3.0" in npm.as_(login_token(actor) if actor else None).get("left-pad").json()["versions"]

    assert [seen(actor) for actor in (None, bob, dave, bob, None)] == [False, True, False, True, False]
    sets.stop(alice, "acme")
    assert not seen(bob)


def test_an_exception_opens_it_at_once_and_its_end_closes_it(npm, pads, on, operator):
    on(WEEK)
    assert "1.3.0" not in npm.get("left-pad").json()["versions"]
    made = exceptions.make(operator, "", **exception(range="1.3.0"))
    found = npm.get("left-pad").json()
    assert found["dist-tags"]["latest"] == "1.3.0"
    assert "policyRestrictions" not in found
    assert npm.get("left-pad/-/left-pad-1.3.0.tgz").status_code == 200
    exceptions.end(operator, "", made.pk)
    assert "1.3.0" not in npm.get("left-pad").json()["versions"]
    assert npm.get("left-pad/-/left-pad-1.3.0.tgz").status_code == 451


def test_our_own_packages_are_not_touched(npm, publish, uma, on, upstream):
    publish(uma, "@uma/x", access="public")
    on(Values(cooldown=365, blocked=(Block("@uma/*"),), licenses=("unknown",)))
    found = npm.get("@uma/x").json()
    assert list(found["versions"]) == ["1.0.0"]
    assert "policyRestrictions" not in found
