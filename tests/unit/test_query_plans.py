"""Hot questions come to their rows by an index, on both databases: no table that grows is read whole."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import tokens
from accounts.actor import NOBODY
from accounts.admin_lists import BoundedAdmin
from accounts.models import AuditEvent
from packages import access, downloads, history, lately, records, returns, sharing, stars, webhooks
from packages.access import Action
from packages.models import DownloadCount, Package
from packages.webhooks import sending
from tests.conftest import login_token
from tests.tools import plans
from tests.tools.sessions import sign_in

pytestmark = pytest.mark.django_db

GROWS = frozenset(
    {f"accounts_{each}" for each in ("auditevent", "scope", "token", "user", "refusedrequest")}
    | {f"orgs_{each}" for each in ("membership", "seat", "team", "invitation")}
    | {f"packages_{each}" for each in ("package", "version", "disttag", "document", "teamgrant", "persongrant", "star")}
    | {f"packages_{each}" for each in ("downloadcount", "downloadrecord", "dependency", "tokenuse", "webhookdelivery")}
    | {f"packages_{each}" for each in ("mirror", "mirrorversion", "mirrordocument", "documentpart", "stagedversion")}
)
NAME = "@acme/ledger"
HTML = {"accept": "text/html"}
INSTALLS = ("@acme%2fledger", "@acme/ledger/-/ledger-1.0.0.tgz", "@acme%2fledger/1.0.0")
COMMANDS = (
    "-/package/@acme%2fledger/dist-tags", "-/package/@acme%2fledger/collaborators", "-/org/acme/package",
    "-/org/acme/user", "-/org/acme/team", "-/team/acme/core/user", "-/team/acme/core/package", "-/user/bob/package",
    "-/npm/v1/tokens", "-/npm/v1/hooks",
)  # fmt: skip
PAGES = (
    "/", "/~alice", "/org/acme", "/org/acme/activity", "/org/acme/feed", "/org/acme/members", "/org/acme/members/teams",
    "/org/acme/teams/core", "/package/@acme/ledger", "/package/@acme/ledger/access", "/package/@acme/ledger/activity",
    "/package/@acme/ledger/dependents", "/package/@acme/ledger/feed", "/package/@acme/ledger/settings",
    "/package/@acme/ledger/v/1.0.0/recall", "/package/@acme/ledger/versions", "/package/@acme/ledger/versions?page=2",
    "/settings/tokens", "/settings/webhooks",
)  # fmt: skip
LISTED = (
    "accounts/auditevent/", "accounts/auditevent/?q=bob", "accounts/auditevent/?action=tag.set", "orgs/membership/",
    "orgs/seat/", "packages/disttag/?q=@acme/ledger", "packages/downloadcount/", "packages/package/",
    "packages/teamgrant/", "packages/version/", "packages/version/?q=@acme/ledger@1.0.0",
)  # fmt: skip


@pytest.fixture
def ledger(acme, alice, bob, publish) -> Package:
    """A package with two versions, a team, a download, a star, and somebody who is told of changes."""
    for number in ("1.0.0", "1.1.0"):
        version = publish(alice, NAME, number)
    sharing.grant_team(alice, NAME, "acme", "core", "read-write")
    DownloadCount.objects.create(package=version.package, version=version, day=timezone.now().date(), count=3)
    webhooks.add(alice, "package", NAME, "https://hooks.example.com/x", "secret")
    stars.set_star(bob, NAME, True)
    other = publish(alice, "@acme/other")
    DownloadCount.objects.create(package=other.package, version=other, day=timezone.now().date(), count=3)
    return version.package


def whole(asked: Callable[[], object]) -> str:
    """The plans that read a table that grows from one end to the other; "" when there are none."""
    found = plans.scanned(plans.of(asked))
    return "\n".join(f"{table}: {plan}" for table, plan in found.items() if table in GROWS)


def each_whole(get: Callable[[str], object], paths: tuple[str, ...]) -> str:
    """The same of many addresses, each asked for twice: the first time fills what is kept."""
    found = []
    for path in paths:
        answer = get(path)
        assert answer.status_code in (200, 403), path
        found.append(whole(lambda path=path: _read(get(path))))
    return "\n".join(filter(None, found))


def _read(answer) -> None:
    answer.getvalue()


def test_what_grows_are_tables_that_there_are():
    assert set(connection.introspection.table_names()) >= GROWS


def test_a_package_and_a_token_are_found_at_once(ledger, alice, bob):
    for actor in (bob, alice):
        assert not whole(lambda actor=actor: access.find(actor, Action.VIEW, NAME))
    Package.objects.filter(pk=ledger.pk).update(access="public")
    assert not whole(lambda: access.find(NOBODY, Action.VIEW, NAME))
    secret = login_token(bob)
    assert not whole(lambda: tokens.recognise(secret, "127.0.0.1"))


# PostgreSQL joins tables of ten rows by walking indexes from end to end, whatever it is told: it is asked the single
# questions of the other tests.
on_sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="its plans depend on how many rows there are")


@on_sqlite
def test_what_clients_ask(npm, ledger, alice, bob):
    for actor in (bob, alice):
        caller = npm.as_(login_token(actor))
        assert each_whole(caller.get, (*INSTALLS, *COMMANDS)) == ""


@on_sqlite
def test_what_pages_ask(ledger, alice, bob):
    for actor in (alice, bob):
        client = Client()
        sign_in(client, actor)
        assert each_whole(lambda path, client=client: client.get(path, headers=HTML), PAGES) == ""


@on_sqlite
def test_what_operators_list(client, ledger, olga, monkeypatch):
    monkeypatch.setattr(BoundedAdmin, "list_per_page", 1)  # what fits on one page is read whole
    sign_in(client, olga)
    assert each_whole(lambda path: client.get(f"/admin/{path}", headers=HTML), LISTED) == ""


def test_lists_of_versions_leave_the_long_rows_alone(ledger):
    newest = plans.of(lambda: history.numbers(ledger, 0, 50))
    assert plans.using(newest, "versions_listed")
    assert not newest[0].sorts
    assert not whole(lambda: ledger.versions.listed().order_by().count())
    assert not whole(lambda: history.off_list(ledger))


def test_the_log_is_read_by_its_subject(ledger, bob):
    # Of very few events all are read, rightly.
    others = [AuditEvent(action=f"other.{n % 50}", package=f"p{n}", org=f"o{n}", person=f"u{n}") for n in range(3000)]
    AuditEvent.objects.bulk_create(others)
    plans.counted(AuditEvent)
    events = AuditEvent.objects.order_by("-at", "-pk")
    for asked, index in (
        (events.filter(package=NAME)[:50], "events_of_a_package"),
        (events.filter(org="acme")[:50], "events_of_an_org"),
        (events.filter(person="bob")[:50], "events_about_a_person"),
        (events.filter(action="tag.set")[:100], "events_of_an_action"),
    ):
        assert plans.using(plans.of(asked), index)
    assert not whole(lambda: list(lately.events(access.seen_by(bob).filter(name=NAME))[:12]))


def test_what_is_counted_and_remembered(ledger):
    assert plans.using(plans.of(lambda: downloads.trend(ledger)), "downloads_of_a_package")
    assert not whole(lambda: list(records.callers(records.of(NAME, "1.0.0"))[:50]))


def test_what_jobs_look_for(ledger):
    assert "versions_to_erase" in str(plans.of(lambda: list(returns.due().order_by().values("package")))[0])
    assert not whole(records.purge)
    assert not whole(sending.send_due.call)
