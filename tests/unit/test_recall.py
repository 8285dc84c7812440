"""Recalls: who sees who downloaded a version, who is told, and versions of upstream that are held."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from accounts import tokens
from accounts.actor import Actor, operator
from accounts.limits import Limits
from accounts.models import AuditEvent, Token, User
from orgs import service_accounts
from packages import advising, quarantine, recall, records, releases, sharing
from packages.models import DownloadRecord, Mirror, MirrorAlert, MirrorVersion, Package, Version
from packages.packuments import revision_of
from registry_site.errors import Conflict, Invalid, NotAllowed, NotFound
from tests.policy.world import snapshot
from tests.tools.sessions import sign_in

HTML = {"accept": "text/html"}
NAME = "@acme/x"
PAGE = f"/package/{NAME}/v/1.1.0/recall"
WHY = "it sends tokens to a stranger"


def download(caller, path: str) -> int:
    answer = caller.get(path, user_agent="npm/11.6.0 node/v24.1.0 linux x64")
    if answer.streaming:
        answer.getvalue()
    return answer.status_code


def secret_of(actor: Actor) -> str:
    return tokens.issue(actor, actor.user, kind=Token.Kind.LOGIN)[1]


def mails() -> list[dict]:
    return [row.args_kwargs["kwargs"] for row in DBTaskResult.objects.all() if "notices" in row.task_path]


@pytest.fixture
def posting(monkeypatch):
    monkeypatch.setattr(settings, "EMAIL_URL", "smtp://localhost")


@pytest.fixture
def downloaded(npm, acme, publish, alice, bob, dave):
    """1.1.0 of a public package was downloaded by bob of its org, its service account, dave, and nobody signed in."""
    for number in ("1.0.0", "1.1.0"):
        publish(alice, NAME, number, access="public")
    sharing.grant_team(alice, NAME, "acme", "core", "read-write")
    _, deploy = service_accounts.create(alice, "acme", "deploy", Limits(permission="read-only", days=10))
    for secret in (secret_of(bob), secret_of(dave), deploy, None):
        assert download(npm.as_(secret), f"{NAME}/-/x-1.1.0.tgz") == 200
    records.later.write()
    return Package.objects.get(name=NAME)


def named(client) -> set[str]:
    page = client.get(PAGE, headers=HTML)
    return {each.last.who or each.last.address for each in page.context["page"]}


def test_managers_see_names_of_those_with_access_once_it_is_recalled(client, downloaded, alice):
    sign_in(client, alice)
    shown = client.get(PAGE, headers=HTML)
    assert shown.status_code == 200
    text = shown.content.decode()
    assert "This version is not recalled" in text
    assert "2 people, 1 service account or workflow and 1 address without a token downloaded it here" in text
    assert "remembered for 90 days" in text
    assert named(client) == set()
    assert "dave" not in text
    quarantine.hold(operator(), NAME, "1.1.0", WHY)
    text = client.get(PAGE, headers=HTML).content.decode()
    assert named(client) == {"bob", "acme/deploy"}
    assert "Beside them 2 tokens and addresses of others" in text
    assert WHY in text
    assert "npm 11.6.0 on linux" in text
    assert "dave" not in text
    sheet = client.get(f"{PAGE}.csv").getvalue().decode()
    assert [line.split(",")[0] for line in sheet.splitlines()] == ["who", "acme/deploy", "bob"]


def test_what_was_unpublished_is_recalled_too_and_so_is_a_whole_package(client, downloaded, alice):
    releases.unpublish_versions(alice, NAME, frozenset({"1.0.0"}), revision_of(downloaded))
    sign_in(client, alice)
    assert named(client) == {"bob", "acme/deploy"}
    assert "Who downloaded 1.1.0" in client.get(f"/package/{NAME}/versions", headers=HTML).content.decode()
    releases.unpublish(alice, NAME, revision_of(Package.objects.get(name=NAME)))
    assert named(client) == {"bob", "acme/deploy"}


def test_an_advisory_recalls_the_versions_that_it_is_about(client, downloaded, alice, olga):
    advising.publish(alice, NAME, advising.Draft(range=">=1.1.0", severity="high", title="It leaks tokens"))
    sign_in(client, alice)
    assert named(client) == {"bob", "acme/deploy"}
    assert "An advisory is about it, high: It leaks tokens" in client.get(PAGE, headers=HTML).content.decode()
    assert "is not recalled" in client.get(f"/package/{NAME}/v/1.0.0/recall", headers=HTML).content.decode()
    alert = MirrorAlert.objects.get(kind=MirrorAlert.Kind.ADVISORY)
    assert (alert.name, alert.number) == (NAME, "1.1.0")
    assert "2 people, 1 service account or workflow and 1 address without a token downloaded it" in alert.text
    sign_in(client, olga)
    shown = client.get(f"/admin/recall/{NAME}/1.1.0", headers=HTML).content.decode()
    for words in ("It leaks tokens", "dave", "bob", "acme/deploy"):
        assert words in shown


@pytest.mark.parametrize(("who", "status"), [("bob", 403), ("dave", 403), ("nobody", 403), ("frank", 200)])
def test_nobody_else_sees_the_page(request, client, downloaded, who, status):
    if who != "nobody":
        sign_in(client, request.getfixturevalue(who))
    for address in (PAGE, f"{PAGE}.csv"):
        assert client.get(address, headers=HTML).status_code in ((status,) if who != "nobody" else (302, 401, 403))
    before = snapshot()
    assert client.post(f"{PAGE}/warn", {"reason": WHY}, headers=HTML).status_code != 200
    assert snapshot() == before


def test_a_hidden_package_is_missing(client, acme, publish, alice, dave):
    publish(alice, "@acme/secret")
    sign_in(client, dave)
    hidden = client.get("/package/@acme/secret/v/1.0.0/recall", headers=HTML)
    absent = client.get("/package/@acme/secrex/v/1.0.0/recall", headers=HTML)
    assert hidden.status_code == absent.status_code == 404
    sign_in(client, alice)
    assert client.get("/package/@acme/secret/v/7.0.0/recall", headers=HTML).status_code == 404


def test_a_limited_token_manages_nothing(downloaded, alice):
    token, _ = tokens.issue(alice, alice.user, kind=Token.Kind.GRANULAR, packages=["@acme/other"])
    with pytest.raises(NotAllowed):
        recall.of_own(Actor(alice.user, token, token.prefix), NAME, "1.1.0")


def test_everybody_who_has_it_is_told_once_a_day(client, downloaded, posting, alice, frank, time_machine):
    sign_in(client, alice)
    before = snapshot()
    answer = client.post(f"{PAGE}/warn", {"reason": WHY}, headers=HTML)
    assert answer.status_code == 422
    assert "is not recalled" in answer.content.decode()
    assert snapshot() == before
    quarantine.hold(operator(), NAME, "1.1.0", WHY)
    DBTaskResult.objects.all().delete()
    assert client.post(f"{PAGE}/warn", {"reason": " "}, headers=HTML).status_code == 422
    assert client.post(f"{PAGE}/warn", {"reason": "Use 1.0.0."}, headers=HTML).status_code == 302
    (mail,) = mails()
    assert set(mail["to"]) == {"bob@example.com", "dave@example.com", "alice@example.com"}  # alice for the machine
    assert "Use 1.0.0." in " ".join(mail["paragraphs"])
    assert f"{NAME}@1.1.0" in mail["subject"]
    event = AuditEvent.objects.filter(action="version.recalled").get()
    assert (event.package, event.org, event.facts) == (
        NAME,
        "acme",
        {"version": "1.1.0", "count": 3, "reason": "Use 1.0.0."},
    )
    shown = client.get(PAGE, headers=HTML).content.decode()
    assert "3 people were told by mail" in shown
    before = snapshot()
    with pytest.raises(Conflict):
        recall.warn(frank, NAME, "1.1.0", "again")
    assert snapshot() == before
    assert len(mails()) == 1
    time_machine.move_to(timezone.now() + timedelta(days=1, minutes=1))
    assert recall.warn(frank, NAME, "1.1.0", "again") == 3


def test_without_anybody_to_tell_nothing_is_told(acme, publish, posting, alice):
    publish(alice, NAME, "1.1.0")
    quarantine.hold(operator(), NAME, "1.1.0", WHY)
    before = snapshot()
    with pytest.raises(Conflict):
        recall.warn(alice, NAME, "1.1.0", WHY)
    with pytest.raises(Invalid):
        recall.warn(alice, NAME, "1.1.0", "x" * 501)
    assert snapshot() == before


def test_the_page_costs_the_same_however_many_have_it(
    client, downloaded, alice, django_assert_max_num_queries, django_user_model
):
    _many(downloaded, alice)
    sign_in(client, alice)
    with django_assert_max_num_queries(12):
        assert len(client.get(PAGE, headers=HTML).context["page"].object_list) == 0
    quarantine.hold(operator(), NAME, "1.1.0", WHY)
    with django_assert_max_num_queries(12):
        assert client.get(PAGE, headers=HTML).context["page"].paginator.count == 502
    with django_assert_max_num_queries(12):
        assert len(client.get(f"{PAGE}.csv").getvalue().splitlines()) == 503


def _many(package: Package, alice: Actor, name: str = NAME) -> None:
    today = timezone.now().date()
    people = [User(username=f"m{n}", email=f"m{n}@example.com", password="!") for n in range(500)]
    User.objects.bulk_create(people)
    if package is not None:
        from orgs.models import Membership, Org

        org = Org.objects.get()
        Membership.objects.bulk_create([Membership(org=org, user=each, role="admin") for each in people])
    DownloadRecord.objects.bulk_create(
        DownloadRecord(
            name=name, number="1.1.0", caller=f"token {n}", credential="npm_aaaa", user=each,
            day=today - timedelta(days=day), client="npm/11.0.0",
        )
        for n, each in enumerate(people, 10_000)
        for day in range(3)
    )  # fmt: skip


# --- operators, and versions of upstream -------------------------------------------------------------------------

BAD = "/admin/recall/left-pad/1.3.0"


@pytest.fixture
def mirrored(db, npm, upstream):
    """left-pad is known here; nobody fetched any of it."""
    for number in ("1.2.0", "1.3.0"):
        upstream.publish("left-pad", number)
    assert npm.get("left-pad").status_code == 200
    return Package.objects.get(name="left-pad")


def test_a_version_that_nobody_fetched_is_held_by_name(npm, mirrored, upstream, client, olga):
    assert not Version.objects.exists()
    sign_in(client, olga)
    assert client.post(f"{BAD}/hold", {"reason": WHY}).status_code == 302
    row = MirrorVersion.objects.get(number="1.3.0")
    assert row.quarantined_at is not None
    document = npm.get("left-pad").json()
    assert (list(document["versions"]), document["dist-tags"]) == (["1.2.0"], {"latest": "1.2.0"})
    for path in ("left-pad/-/left-pad-1.3.0.tgz", "left-pad/1.3.0"):
        refused = npm.get(path)
        assert refused.status_code == 451
        assert WHY in refused.json()["error"]
    assert npm.head("left-pad/-/left-pad-1.3.0.tgz").status_code == 451
    assert not upstream.asked("/left-pad/-/left-pad-1.3.0.tgz")
    assert not Version.objects.exists()
    event = AuditEvent.objects.filter(action="version.quarantined").get()
    assert (event.actor_name, event.package, event.facts["reason"]) == ("olga", "left-pad", WHY)
    shown = client.get(BAD, headers=HTML).content.decode()
    assert "An operator put it into quarantine" in shown
    assert client.post(f"{BAD}/lift").status_code == 302
    assert npm.get("left-pad").json()["dist-tags"] == {"latest": "1.3.0"}
    assert download(npm, "left-pad/-/left-pad-1.3.0.tgz") == 200


def test_one_that_is_here_is_held_too_and_stays_held_when_upstream_is_asked_again(npm, mirrored, upstream):
    assert download(npm, "left-pad/-/left-pad-1.3.0.tgz") == 200
    mirrored.refresh_from_db()
    assert mirrored.latest.number == "1.3.0"
    quarantine.hold(operator(), "left-pad", "1.3.0", WHY)
    upstream.edit("left-pad", lambda document: document.update(description="changed"))
    Mirror.objects.update(checked_at=timezone.now() - timedelta(hours=1))
    assert list(npm.get("left-pad").json()["versions"]) == ["1.2.0"]
    assert npm.get("left-pad/-/left-pad-1.3.0.tgz").status_code == 451
    mirrored.refresh_from_db()
    assert mirrored.latest is None
    assert not mirrored.tags.exists()
    quarantine.lift(operator(), "left-pad", "1.3.0")
    mirrored.refresh_from_db()
    assert mirrored.latest.number == "1.3.0"
    assert download(npm, "left-pad/-/left-pad-1.3.0.tgz") == 200


@pytest.mark.parametrize(
    ("name", "number", "refusal"),
    [("left-pad", "9.9.9", NotFound), ("right-pad", "1.3.0", NotFound), ("left-pad", "1.2.0", Conflict)],
)
def test_what_cannot_be_held(mirrored, name, number, refusal):
    quarantine.hold(operator(), "left-pad", "1.2.0", WHY)
    before = snapshot(), list(MirrorVersion.objects.values_list("number", "quarantined_at"))
    with pytest.raises(refusal):
        quarantine.hold(operator(), name, number, WHY)
    with pytest.raises(NotAllowed):
        quarantine.hold(Actor(), "left-pad", "1.3.0", WHY)
    assert (snapshot(), list(MirrorVersion.objects.values_list("number", "quarantined_at"))) == before


def test_operators_see_everybody_and_warn_them(npm, mirrored, client, posting, olga, dave, alice, publish):
    for secret in (secret_of(dave), None):
        assert download(npm.as_(secret), "left-pad/-/left-pad-1.3.0.tgz") == 200
    records.later.write()
    assert set(DownloadRecord.objects.values_list("name", "mirrored")) == {("left-pad", True)}
    publish(alice, "@alice/app", dependencies={"left-pad": "^1.3.0"})
    sign_in(client, olga)
    shown = client.get(BAD, headers=HTML).content.decode()
    for words in ("dave", "127.0.0.1", "1 person and 1 address", "@alice/app", "npm 11.6.0 on linux", "for 90 days"):
        assert words in shown, words
    assert "style=" not in shown
    sheet = client.get(f"{BAD}/downloads.csv").getvalue().decode()
    assert sorted(line.split(",")[0] for line in sheet.splitlines()) == ["", "dave", "who"]
    DBTaskResult.objects.all().delete()
    assert client.post(f"{BAD}/warn", {"reason": WHY}).status_code == 302
    assert [each["to"] for each in mails()] == [["dave@example.com"]]
    assert client.get("/admin/recall/?q=left-pad", headers=HTML).content.decode().count(BAD[:-5]) >= 2
    assert "Nobody downloaded nothing lately" in client.get("/admin/recall/?q=nothing", headers=HTML).content.decode()


@pytest.mark.parametrize("who", ["alice", "staff", "nobody"])
def test_nobody_but_operators_gets_to_their_pages(client, mirrored, alice, who):
    if who == "staff":
        User.objects.filter(pk=alice.user.pk).update(is_staff=True)
    if who != "nobody":
        sign_in(client, alice)
    before = list(MirrorVersion.objects.values_list("quarantined_at", flat=True))
    for address in ("/admin/recall/", BAD, f"{BAD}/downloads.csv"):
        assert client.get(address, headers=HTML).status_code in (302, 403)
    for verb in ("hold", "lift", "warn", "close"):
        assert client.post(f"{BAD}/{verb}", {"reason": WHY}).status_code in (302, 403)
        assert client.get(f"{BAD}/{verb}", headers=HTML).status_code in (302, 403, 405)
    assert list(MirrorVersion.objects.values_list("quarantined_at", flat=True)) == before


def test_an_operator_who_was_away_is_asked_who_is_there(client, mirrored, olga):
    sign_in(client, olga, seconds_ago=301)
    assert client.post(f"{BAD}/hold", {"reason": WHY})["Location"].startswith("/reauthenticate")
    assert not MirrorVersion.objects.exclude(quarantined_at=None).exists()


def test_the_pages_of_operators_cost_the_same_however_many_have_it(
    client, mirrored, olga, alice, django_assert_max_num_queries
):
    _many(None, alice, "left-pad")
    sign_in(client, olga)
    for address in ("/admin/recall/left-pad/1.1.0", "/admin/recall/", "/admin/recall/?q=left-pad"):
        with django_assert_max_num_queries(12):
            assert client.get(address, headers=HTML).status_code == 200
