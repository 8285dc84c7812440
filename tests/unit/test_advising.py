"""Advisories of owners: who may publish them, who sees them and where, and who is told."""

from __future__ import annotations

import pytest

from accounts.models import AuditEvent
from orgs import teams
from packages import advising, advisories, releases, sharing
from packages.advising import Draft
from packages.models import Advisory, DownloadRecord, MirrorAlert
from registry_site.errors import Conflict, Invalid, NotAllowed, NotFound
from tests.conftest import login_token
from tests.tools.sessions import sign_in

pytestmark = pytest.mark.django_db
NAME = "@acme/ledger"
DRAFT = Draft("<1.1.0", "high", "Totals can be forged", "Upgrade **now**.", "1.1.0", ["cve-2026-12345"], ["CWE-345"])
FORM = {"range": "<1.1.0", "severity": "high", "title": "Totals can be forged", "text": "x", "fixed_in": "1.1.0"}


@pytest.fixture
def ledger(acme, alice, publish):
    """A private package that core and readers may see, with two versions."""
    for number in ("1.0.0", "1.1.0"):
        publish(alice, NAME, number)
    sharing.grant_team(alice, NAME, "acme", "core", "read-write")
    sharing.grant_team(alice, NAME, "acme", "readers", "read-only")


def asked(npm, actor, numbers=("1.0.0", "1.1.0"), name=NAME):
    caller = npm.as_(login_token(actor)) if actor else npm
    return caller.post("-/npm/v1/security/advisories/bulk", {name: list(numbers)}).json()


def test_an_advisory_is_in_the_audits_of_those_who_may_see_the_package(npm, ledger, alice, bob, erin, dave):
    made = advising.publish(alice, NAME, DRAFT)
    for actor in (alice, bob, erin):
        (entry,) = asked(npm, actor)[NAME]
        assert entry == {
            "id": made.number,
            "url": f"http://testserver/package/{NAME}/advisories/{made.key}",
            "title": "Totals can be forged",
            "severity": "high",
            "vulnerable_versions": "<1.1.0",
            "cwe": ["CWE-345"],
            "cvss": {"score": 0, "vectorString": None},
        }
    for actor in (dave, None):
        assert asked(npm, actor) == asked(npm, actor, name="@acme/nothing") == {}
    assert asked(npm, bob, ["1.1.0"]) == {}
    teams.remove(alice, "acme", "core", "bob")
    assert asked(npm, bob) == {}


def test_a_token_hears_of_what_it_is_for(npm, ledger, alice, bob):
    from accounts import tokens
    from accounts.models import Token

    advising.publish(alice, NAME, DRAFT)
    for packages, heard in (([NAME], [NAME]), (["@acme/other"], [])):
        _, secret = tokens.issue(bob, bob.user, kind=Token.Kind.GRANULAR, packages=packages)
        answer = npm.as_(secret).post("-/npm/v1/security/advisories/bulk", {NAME: ["1.0.0"]})
        assert list(answer.json()) == heard


@pytest.mark.parametrize("who", ["bob", "erin", "dave"])
def test_only_those_who_manage_publish(ledger, request, who):
    actor = request.getfixturevalue(who)
    events = AuditEvent.objects.count()
    with pytest.raises((NotAllowed, NotFound)) as refused:
        advising.publish(actor, NAME, DRAFT)
    assert refused.type is (NotFound if who == "dave" else NotAllowed)
    assert not Advisory.objects.exists()
    assert AuditEvent.objects.count() == events


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("range", "nonsense"), ("range", ""), ("range", ">=9"), ("range", "<1 \x1b[31m"), ("severity", "bad"),
        ("title", " "), ("title", "x" * 201), ("title", "a\x1b[2J"), ("fixed_in", "one"), ("fixed_in", "1.0.9"),
        ("cves", ["CVE-1"]), ("cwes", ["79"]), ("text", "x" * 20_001), ("text", "\0"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_and_nothing_is_kept(ledger, alice, field, wrong):
    draft = Draft(**{**vars(DRAFT), field: wrong})
    with pytest.raises(Invalid) as refused:
        advising.publish(alice, NAME, draft)
    assert refused.value.code == field
    assert not Advisory.objects.exists()
    assert not AuditEvent.objects.filter(action__startswith="advisory").exists()


def test_it_is_amended_withdrawn_and_brought_back(npm, ledger, alice, bob):
    made = advising.publish(alice, NAME, DRAFT)
    assert (made.cves, "<strong>now</strong>" in made.html) == (["CVE-2026-12345"], True)
    advising.amend(alice, NAME, made.key, DRAFT)  # the same again
    assert Advisory.objects.get().amended_at is None
    advising.amend(alice, NAME, made.key, Draft("*", "critical", "All of it"))
    (entry,) = asked(npm, bob, ["1.1.0"])[NAME]
    assert (entry["id"], entry["severity"], entry["title"]) == (made.number, "critical", "All of it")
    advising.withdraw(alice, NAME, made.key, "a mistake")
    advising.withdraw(alice, NAME, made.key, "again")
    assert asked(npm, bob) == {}
    with pytest.raises(Conflict):
        advising.amend(alice, NAME, made.key, DRAFT)
    advising.reinstate(alice, NAME, made.key)
    assert list(asked(npm, bob)) == [NAME]
    with pytest.raises(NotFound):
        advising.withdraw(alice, NAME, "ADV-none")
    actions = AuditEvent.objects.filter(package=NAME, action__startswith="advisory").order_by("pk")
    assert [event.action.partition(".")[2] for event in actions] == ["published", "amended", "withdrawn", "reinstated"]


def test_an_unpublished_version_counts_and_a_hidden_package_hides_its_advisories(npm, ledger, alice, bob):
    from packages.packuments import revision_of

    package = Advisory._meta.get_field("package").related_model.objects.get(name=NAME)
    releases.unpublish_versions(alice, NAME, frozenset({"1.1.0"}), revision_of(package))
    advising.publish(alice, NAME, Draft("1.0.0", "low", "Gone for a reason"))
    assert list(asked(npm, bob, ["1.0.0"])) == [NAME]
    package.refresh_from_db()
    releases.unpublish(alice, NAME, revision_of(package))
    assert asked(npm, bob, ["1.0.0"]) == {}
    assert advisories.affecting(bob, NAME) == []


def test_pages_show_it_to_readers_and_to_nobody_else(client, ledger, alice, bob, dave):
    made = advising.publish(alice, NAME, DRAFT)
    paths = [f"/package/{NAME}/advisories", f"/package/{NAME}/advisories/{made.key}"]
    sign_in(client, bob)
    for path in paths:
        page = client.get(path)
        assert (page.status_code, b"Totals can be forged" in page.content) == (200, True)
        assert b"Withdraw" not in page.content
        assert b"Publish an advisory" not in page.content
    assert b"has a known problem" in client.get(f"/package/{NAME}/v/1.0.0").content
    assert b"has a known problem" not in client.get(f"/package/{NAME}").content
    assert client.get(f"/package/{NAME}/versions").content.count(b">Advisory<") == 1
    assert b"Totals can be forged" in client.get("/advisories").content
    assert client.get(f"/package/{NAME}/advisories/ADV-none").status_code == 404
    sign_in(client, dave)
    for path in paths:
        assert client.get(path).status_code == 404
    assert b"Totals" not in client.get("/advisories").content
    client.logout()
    assert b"Totals" not in client.get("/advisories").content


def test_owners_publish_amend_and_withdraw_on_pages(client, ledger, alice, bob, dave):
    address = f"/package/{NAME}/advisories"
    assert client.post(address, FORM, headers={"accept": "text/html"}).status_code in (302, 404)
    sign_in(client, dave)
    for hidden in (address, f"{address}/ADV-x", f"{address}/ADV-x/withdraw"):
        assert client.post(hidden, FORM).status_code == 404
    sign_in(client, bob)
    assert client.post(address, FORM).status_code == 403
    assert not Advisory.objects.exists()
    sign_in(client, alice)
    wrong = client.post(address, FORM | {"range": ">=7"})
    assert (wrong.status_code, b"No version of @acme/ledger is in the range" in wrong.content) == (422, True)
    assert client.post(address, FORM).status_code == 302
    made = Advisory.objects.get()
    one = f"{address}/{made.key}"
    assert client.post(one, FORM | {"title": "Worse"}).status_code == 302
    page = client.get(one)
    assert b"It is amended." in page.content
    assert b"Worse" in page.content
    swapped = client.post(f"{one}/withdraw", {"reason": "a mistake"}, headers={"hx-request": "true"})
    assert b"<html" not in swapped.content
    assert b"Undo" in swapped.content
    made.refresh_from_db()
    assert made.withdrawn_because == "a mistake"
    client.post(f"{one}/withdraw", {"back": "yes"})
    made.refresh_from_db()
    assert made.withdrawn_at is None


def test_those_whose_packages_ask_for_it_get_a_mail_if_they_may_see_it(
    ledger, alice, bob, dave, publish, settings, django_capture_on_commit_callbacks
):
    settings.EMAIL_URL = "smtp://localhost"
    teams.remove(alice, "acme", "core", "bob")
    publish(bob, "@bob/app", dependencies={NAME: "^1.0.0"})  # he cannot see it any more
    publish(dave, "@dave/app", dependencies={NAME: "^1.0.0"})
    publish(alice, "@alice/mine", dependencies={NAME: "^1.0.0"})
    told = _told(django_capture_on_commit_callbacks, lambda: advising.publish(alice, NAME, DRAFT))
    assert told == []
    teams.add(alice, "acme", "core", "bob")
    told = _told(django_capture_on_commit_callbacks, lambda: advising.publish(alice, NAME, DRAFT))
    assert [each["to"] for each in told] == [["bob@example.com"]]
    assert "@bob/app" in told[0]["paragraphs"][0]
    later = Draft(">=7.0.0-0 || 1.1.0", "low", "Other")
    publish(bob, "@bob/app", "2.0.0", dependencies={NAME: "1.0.0"})
    assert _told(django_capture_on_commit_callbacks, lambda: advising.publish(alice, NAME, later)) == []


def _told(capture, change):
    from django_tasks_db.models import DBTaskResult

    before = set(DBTaskResult.objects.values_list("pk", flat=True))
    with capture(execute=True):
        change()
    rows = DBTaskResult.objects.exclude(pk__in=before).filter(task_path="accounts.notices.send")
    return [row.args_kwargs["kwargs"] for row in rows if row.args_kwargs["kwargs"]["kind"].startswith("Advisories")]


def test_operators_are_told_when_somebody_downloaded_a_version(ledger, alice):
    from django.utils import timezone

    for number in ("1.0.0", "1.1.0"):
        DownloadRecord.objects.create(name=NAME, number=number, caller="token 1", day=timezone.now().date())
    advising.publish(alice, NAME, DRAFT)
    (alert,) = MirrorAlert.objects.all()
    assert (alert.kind, alert.name, alert.number) == (MirrorAlert.Kind.ADVISORY, NAME, "1.0.0")


def test_a_list_of_many_costs_few_queries(client, ledger, alice, django_assert_max_num_queries):
    for n in range(60):
        Advisory.objects.create(
            package_id=Advisory._meta.get_field("package").related_model.objects.get(name=NAME).pk,
            name=NAME, key=f"ADV-{n}", severity="low", title=f"Thing {n}", range="<2",
        )  # fmt: skip
    sign_in(client, alice)
    for path in (f"/package/{NAME}/advisories", f"/package/{NAME}/advisories/ADV-1", f"/package/{NAME}", "/advisories"):
        with django_assert_max_num_queries(12):
            assert client.get(path).status_code == 200
