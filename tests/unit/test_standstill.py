"""Read-only mode: every write is refused in words, and reading goes on."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts import standstill
from accounts.actor import Actor, operator
from accounts.models import AuditEvent, ReadOnly, Token
from packages import installation, overview, publishing, vitals
from packages.models import Version
from registry_site import errors, timetable
from registry_site.errors import Conflict, Invalid
from tests.conftest import PASSWORD, login_token
from tests.policy import surfaces, world
from tests.tools import payloads
from tests.tools.sessions import sign_in

pytestmark = pytest.mark.django_db
PAGE = {"accept": "text/html"}
WHY = "we move to another database"


@pytest.fixture
def still(db):
    return standstill.begin(operator(), WHY)


@pytest.fixture
def ledger(acme, alice, publish):
    publish(alice, "@acme/ledger")


def run(*words: str) -> str:
    said = StringIO()
    call_command("read_only", *words, stdout=said)
    return said.getvalue()


# --- the mode itself -----------------------------------------------------------------------------------------------


def test_operators_begin_and_end_it_with_a_reason(db):
    assert "Changes are taken" in run("status")
    with pytest.raises(CommandError, match="say why"):
        run("on")
    said = run("on", "--reason", WHY, "--until", "2h")
    assert WHY in said
    row = ReadOnly.objects.get()
    assert timedelta(minutes=119) < row.until - timezone.now() <= timedelta(hours=2)
    run("on", "--reason", "it takes longer")
    assert ReadOnly.objects.get().until is None
    assert "Changes are taken" in run("off")
    assert run("off") == run("status")
    actions = list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))
    assert actions == ["registry.read_only", "registry.read_only", "registry.writable"]


@pytest.mark.parametrize("until", ["yesterday", "2h30", "2020-01-01T00:00"])
def test_an_end_is_a_time_that_comes(db, until):
    with pytest.raises(CommandError):
        run("on", "--reason", WHY, "--until", until)
    assert not ReadOnly.objects.exists()


def test_it_ends_by_itself(db, time_machine):
    standstill.begin(operator(), WHY, timezone.now() + timedelta(hours=1))
    assert standstill.is_on()
    time_machine.move_to(timezone.now() + timedelta(minutes=61))
    assert not standstill.is_on()
    assert standstill.lately() is None
    standstill.require_off()


def test_a_reason_is_needed_and_bounded(db):
    for reason in ("", "  ", "x" * 301):
        with pytest.raises(Invalid):
            standstill.begin(operator(), reason)


@pytest.mark.parametrize(("value", "said"), [("on", "is read-only;"), (WHY, WHY)])
def test_the_setting_says_it_for_its_host_and_no_command_ends_it(db, settings, value, said):
    settings.READ_ONLY = value
    assert said in standstill.current().message
    with pytest.raises(Conflict, match="READ_ONLY"):
        standstill.end(operator())
    with pytest.raises(errors.ReadOnly):
        standstill.require_off()


# --- clients and pages ---------------------------------------------------------------------------------------------


def test_every_write_of_clients_is_refused_and_nothing_changes(npm, ledger, alice, still):
    caller = npm.as_(login_token(alice))
    before = world.snapshot()
    for surface in surfaces.WRITING:
        words = surfaces._words("@acme/ledger")
        body = surfaces._body(surface, "@acme/ledger", alice)
        answer = getattr(caller, surface.method)(surface.path.format(**words), body)
        assert answer.status_code == 503, surface
        assert WHY in answer.json()["error"]
        assert answer.json()["code"] == "read_only"
        assert answer["Retry-After"] == "60"
    assert world.snapshot() == before


def test_every_form_is_refused_and_nothing_changes(client, ledger, alice, still):
    sign_in(client, alice)
    before = world.snapshot()
    for address, sent, *_ in surfaces.FORMS.values():
        answer = client.post("/" + address.format(name="@acme/ledger"), sent, headers=PAGE)
        assert answer.status_code == 503, address
        assert WHY in answer.content.decode()
    for address in (
        "org/new",
        "settings/profile",
        "settings/tokens",
        "signup",
        "password/reset",
        "package/@acme/x/ask",
    ):
        assert client.post("/" + address, {"name": "x"}, headers=PAGE).status_code == 503, address
    assert world.snapshot() == before


def test_who_reads_is_served_and_sees_a_notice_on_every_page(npm, client, ledger, alice, still):
    caller = npm.as_(login_token(alice))
    for path in ("@acme%2fledger", "@acme/ledger/-/ledger-1.0.0.tgz", "-/v1/search?text=ledger", "-/whoami"):
        assert caller.get(path).status_code == 200, path
    assert caller.post("-/npm/v1/security/advisories/bulk", {"@acme/ledger": ["1.0.0"]}).status_code == 200
    for path in ("/", "/login"):
        assert WHY in client.get(path, headers=PAGE).content.decode(), path
    sign_in(client, alice)
    for path in ("/", "/search?q=ledger", "/package/@acme/ledger", "/settings/tokens", "/nothing"):
        assert WHY in client.get(path, headers=PAGE).content.decode(), path


def test_signing_in_and_out_goes_on_and_new_accounts_do_not(npm, client, alice, still):
    answer = client.post("/login", {"login": "alice", "password": PASSWORD}, headers=PAGE)
    assert answer.status_code == 302
    assert client.post("/logout", headers=PAGE).status_code == 302
    assert npm.post("-/v1/login", {}).status_code == 200
    body = {"_id": "org.couchdb.user:alice", "name": "alice", "password": PASSWORD, "type": "user"}
    token = npm.put("-/user/org.couchdb.user:alice", body).json()["token"]
    assert npm.as_(token).delete(f"-/user/token/{token}").status_code == 200
    assert not Token.objects.filter(revoked_at=None).exists()
    assert "closed" in client.get("/signup", headers=PAGE).content.decode().lower()


def test_an_upload_that_began_before_is_refused_when_it_would_be_listed(uma, settings, blob_files, monkeypatch):
    settings.SPOOL_DIR.mkdir(parents=True)
    upload = payloads.upload("@uma/x", "1.0.0", settings.SPOOL_DIR)
    inspect = publishing.arrivals.tarballs.inspect

    def meanwhile(*args, **more):
        standstill.begin(operator(), WHY)
        return inspect(*args, **more)

    monkeypatch.setattr(publishing.arrivals.tarballs, "inspect", meanwhile)
    with pytest.raises(errors.ReadOnly):
        publishing.publish(uma, upload)
    assert not Version.objects.exists()
    assert blob_files() == []


def test_what_operators_do_themselves_goes_on(ledger, still, olga):
    from packages import quarantine

    quarantine.hold(Actor(olga.user, credential="operator"), "@acme/ledger", "1.0.0", "bad")
    assert Version.objects.get().quarantined_at


def test_nothing_new_is_fetched_from_upstream_and_what_is_here_is_served(npm, upstream, alice):
    upstream.publish("left-pad", "1.0.0")
    upstream.publish("right-pad", "1.0.0")
    assert npm.get("left-pad/-/left-pad-1.0.0.tgz").status_code == 200
    standstill.begin(operator(), WHY)
    assert npm.get("left-pad/-/left-pad-1.0.0.tgz").status_code == 200
    refused = npm.get("right-pad/-/right-pad-1.0.0.tgz")
    assert (refused.status_code, WHY in refused.json()["error"]) == (503, True)


def test_daily_jobs_wait(db, still, monkeypatch):
    ran = []
    monkeypatch.setattr(timetable, "_jobs", {"a job": lambda: ran.append(1)})
    assert timetable.run_due() == []
    standstill.end(operator())
    assert timetable.run_due() == ["a job"]


# --- operators -----------------------------------------------------------------------------------------------------


def test_operators_see_it_and_end_it_in_the_admin_site(client, olga, alice):
    sign_in(client, olga)
    sent = {"reason": WHY, "until_0": "", "until_1": ""}
    assert client.post("/admin/accounts/readonly/add/", sent, headers=PAGE).status_code == 302
    row = ReadOnly.objects.get()
    assert (row.reason, row.by) == (WHY, "olga")
    assert WHY in client.get("/admin/", headers=PAGE).content.decode()
    assert client.get("/admin/accounts/readonly/add/", headers=PAGE).status_code == 403
    assert client.post(f"/admin/accounts/user/{alice.user.pk}/change/", {}, headers=PAGE).status_code == 503
    assert client.post(f"/admin/accounts/readonly/{row.pk}/delete/", {"post": "yes"}, headers=PAGE).status_code == 302
    assert not standstill.is_on()
    assert AuditEvent.objects.filter(action="registry.writable", actor_name="olga").exists()


def test_it_is_told_wherever_operators_look(still):
    assert WHY in vitals.changes()
    assert any(each.subject == "Changes" and WHY in each.says for each in installation.look())
    assert any(WHY in each for each in overview.facts()["warnings"])
    gauges = {name: look for name, _, look, _ in vitals.GAUGES}
    assert gauges["registry_read_only"]() == 1
    standstill.end(operator())
    assert (vitals.changes(), gauges["registry_read_only"]()) == ("ok", 0)
