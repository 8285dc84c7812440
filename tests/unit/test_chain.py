"""The audit log is a chain: what was changed, removed, put in or moved since its seal is found, the first one first."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

from accounts import audit, chain, extracts, proving
from accounts.actor import Actor, operator
from accounts.models import AuditEvent, AuditSeal
from packages import ledger, releases, verification, witness
from packages.management import rows
from tests.tools import plans
from tests.tools.sessions import sign_in

WHO = Actor(credential="operator", address="2001:DB8::1", request_id="abc")


def happen(count: int, action: str = "tag.set", **more) -> None:
    with transaction.atomic():
        for number in range(count):
            audit.record(WHO, action, package=f"p{number}", tag="next", version=f"1.{number}.0", **more)


def broken(*noted: proving.Noted) -> list[tuple[int, str]]:
    return [(each.place, each.says) for each in proving.look(proving.Report(), noted)]


def change(place: int, **values) -> None:
    """What somebody with the database in their hands does."""
    assert AuditEvent.objects.filter(place=place).update(**values) == 1


def run(name: str, *words: str) -> str:
    told = io.StringIO()
    call_command(name, *words, stdout=told, stderr=told)
    return told.getvalue()


def refused(name: str, *words: str) -> str:
    told = io.StringIO()
    with pytest.raises(CommandError) as error:
        call_command(name, *words, stdout=told, stderr=told)
    return told.getvalue() + str(error.value)


@pytest.fixture
def ten(db):
    """Ten sealed events, in three seals."""
    for count in (4, 3, 3):
        happen(count)
        assert chain.extend() == count


# --- sealing -----------------------------------------------------------------------------------------------------


def test_events_are_sealed_in_order_each_with_the_one_before(ten):
    assert list(AuditEvent.objects.order_by("pk").values_list("place", flat=True)) == list(range(1, 11))
    before = chain.BEGINNING
    for event in AuditEvent.objects.order_by("place"):
        said = json.dumps(chain.words(event), sort_keys=True, separators=(",", ":"))
        before = hashlib.sha256(f"{before}\n{said}".encode()).hexdigest()
        assert event.link == before
    assert chain.head() == (10, before)
    assert broken() == []
    assert chain.extend() == 0
    assert list(AuditSeal.objects.values_list("place", flat=True)) == [10, 7, 4, 0]


def test_many_take_several_turns(db, monkeypatch):
    monkeypatch.setattr(chain, "A_TURN", 3)
    monkeypatch.setattr(proving, "PIECE", 2)
    happen(8)
    assert chain.extend() == 8
    assert broken() == []


def test_what_waits_is_counted_and_no_fault(ten):
    happen(2)
    report = proving.Report()
    assert list(proving.look(report)) == []
    assert (report.events, report.waiting, report.last.place) == (10, 2, 10)


def test_one_that_committed_late_comes_behind(db):
    happen(2)
    first = AuditEvent.objects.order_by("pk").first()
    chain._write([])
    AuditEvent.objects.filter(pk=first.pk).delete()
    chain.extend()
    AuditEvent.objects.bulk_create([first])
    assert chain.extend() == 1
    assert AuditEvent.objects.get(pk=first.pk).place == 2
    assert broken() == []


def test_what_events_say_is_the_same_on_every_database(db):
    happen(1, numbers=[1, 2], text='é"\u2028</script>', yes=True)
    said = chain.words(AuditEvent.objects.get())
    assert said["address"] == "2001:db8::1"
    assert said["at"].endswith("+00:00")
    assert said["facts"]["text"] == 'é"\u2028</script>'


def test_neither_sealing_nor_looking_reads_the_whole_log(ten):
    AuditEvent.objects.bulk_create([AuditEvent(action="tag.set", package=f"p{n}") for n in range(2000)])
    assert chain.extend() == 2000
    happen(1)
    plans.counted(AuditEvent)
    asked = plans.of(chain.extend)
    assert any("events_not_sealed" in str(plan) for plan in asked)
    assert "accounts_auditevent" not in plans.scanned(asked)
    asked = plans.of(lambda: next(proving._events(1500, lambda count: None)))
    assert "accounts_auditevent" not in plans.scanned(asked)


# --- what is found -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        {"actor_name": "mallory"},
        {"facts": {"tag": "next", "version": "9.9.9"}},
        {"at": datetime(2020, 1, 1, tzinfo=UTC)},
        {"address": None},
        {"request_id": ""},
        {"action": "tag.removed"},
        {"package": ""},
        {"actor_id_was": 7},
    ],
)
def test_a_changed_event_is_found(ten, values):
    change(6, **values)
    assert [place for place, _ in broken()] == [6]


def test_its_link_made_anew_is_found_at_the_next(ten):
    change(6, actor_name="mallory")
    before = AuditEvent.objects.get(place=5).link
    change(6, link=chain.link(before, chain.words(AuditEvent.objects.get(place=6))))
    assert [place for place, _ in broken()] == [7]


@pytest.mark.parametrize(("gone", "says"), [((3,), "event 3 was removed"), ((1, 2), "the events 1 to 2 were removed")])
def test_removed_events_are_found(ten, gone, says):
    AuditEvent.objects.filter(place__in=gone).delete()
    assert broken() == [(gone[0], says)]


def test_those_at_the_end_too(ten):
    AuditEvent.objects.filter(place__gt=8).delete()
    assert broken() == [(9, "the events 9 to 10 were removed, which were the last")]


def test_with_their_seals_only_what_was_noted_elsewhere_shows_it(ten):
    noted = proving.Noted(timezone.now(), *chain.head())
    AuditEvent.objects.filter(place__gt=7).delete()
    AuditSeal.objects.filter(place__gt=7).delete()
    assert broken() == []
    ((place, says),) = broken(noted)
    assert (place, "no more" in says) == (10, True)


def test_reordered_events_are_found(ten):
    three, four = (AuditEvent.objects.get(place=place) for place in (3, 4))
    AuditEvent.objects.filter(pk=three.pk).update(place=99)
    AuditEvent.objects.filter(pk=four.pk).update(place=3, link=three.link)
    AuditEvent.objects.filter(pk=three.pk).update(place=4, link=four.link)
    assert [place for place, _ in broken()] == [3, 4]


def test_an_event_put_between_others_is_found(ten):
    for place in range(10, 4, -1):
        AuditEvent.objects.filter(place=place).update(place=place + 1)
    AuditEvent.objects.create(action="tag.set", actor_name="mallory", place=5, link="f" * 64)
    assert broken()[0][0] == 5


def test_an_event_with_a_time_of_long_ago_is_told(ten):
    AuditEvent.objects.create(action="tag.set", at=timezone.now() - timedelta(days=2))
    chain.extend()
    happen(1)
    chain.extend()
    report = proving.Report()
    assert list(proving.look(report)) == []
    assert ["event 11" in each and "put in later" in each for each in report.odd] == [True]


def test_a_chain_that_was_written_anew_is_found_by_what_was_noted(ten):
    noted = [proving.Noted(timezone.now(), *chain.head())]
    change(2, actor_name="mallory")
    AuditEvent.objects.update(place=None, link="")
    AuditSeal.objects.all().delete()
    chain.extend()
    assert broken() == []
    assert [place for place, _ in broken(*noted)] == [10]


def test_only_the_seals_written_anew_are_found(ten):
    AuditSeal.objects.filter(place=7).update(link="e" * 64)
    assert [place for place, _ in broken()] == [7]
    AuditSeal.objects.filter(place__gt=4).delete()
    assert [place for place, _ in broken()] == [5]


# --- forgetting --------------------------------------------------------------------------------------------------


def test_what_is_kept_can_be_proved_when_older_events_are_forgotten(ten, time_machine):
    last = chain.head()
    old = AuditEvent.objects.get(place=10)
    time_machine.move_to(timezone.now() + timedelta(days=40))
    happen(2)
    chain.extend()
    assert chain.prune(operator(), 0) == 0
    assert chain.prune(operator(), 30) == 10
    assert chain.start() == last
    happen(1)
    chain.extend()
    report = proving.Report()
    assert list(proving.look(report, [proving.Noted(old.at, *last)])) == []
    assert (report.first, report.events, report.held) == (11, 4, 1)
    event = AuditEvent.objects.get(action="audit.pruned")
    assert event.facts == {"place": 10, "link": last.link, "days": 30}
    assert audit.sentence(event) == "forgot events older than 30 days, up to number 10"
    assert chain.prune(operator(), 30) == 0
    assert list(AuditSeal.objects.values_list("place", flat=True)) == [14, 12, 10, 0]
    change(12, actor_name="mallory")
    assert [place for place, _ in broken()] == [12]


def test_a_beginning_that_nobody_forgot_is_found(ten):
    AuditSeal.objects.filter(place=7).update(pruned_at=timezone.now())
    AuditEvent.objects.filter(place__lte=7).delete()
    assert broken() == [(7, "the events up to 7 are gone, and no event says that they were forgotten")]


# --- heads beside the ledger -------------------------------------------------------------------------------------


@pytest.fixture(params=["folder", "object store"])
def storage(request, settings, bucket, tmp_path):
    settings.STORAGE_URL = bucket.address() if request.param == "object store" else (tmp_path / "blobs").as_uri()
    return settings.STORAGE_URL


def test_heads_are_written_down_once_an_hour_and_stand_in_no_ledgers_way(storage, ten, publish, uma, time_machine):
    start = timezone.now()
    time_machine.move_to(start, tick=False)
    publish(uma, "@uma/x", "1.0.0")
    witness.seal()
    first = chain.head()
    happen(1)
    witness.seal()
    assert {(head.place, head.link) for head in witness.heads()} == {first}
    time_machine.move_to(start + timedelta(hours=1), tick=False)
    witness.seal()
    witness.seal()
    assert {(head.place, head.link) for head in witness.heads()} == {first, chain.head()}
    assert [entry.number for entry in ledger.entries()] == ["1.0.0"]
    report = proving.Report()
    assert list(proving.look(report, witness.heads())) == []
    assert report.held == 2


def test_a_place_that_takes_none_stops_no_sealing(ten, settings, tmp_path):
    (tmp_path / "file").touch()
    settings.LEDGER_URL = (tmp_path / "file" / "ledger").as_uri()
    happen(1)
    witness.seal()
    assert chain.head().place == 11
    settings.LEDGER_URL = (tmp_path / "ledger").as_uri()
    witness.seal()
    assert [head.place for head in witness.heads()] == [11]


def test_heads_move_with_the_storage(ten, storage, tmp_path):
    witness.seal()
    new = (tmp_path / "new").as_uri()
    old = ledger.address()
    assert (witness.carry(old, new), witness.carry(old, new)) == (1, 0)
    assert set(witness.heads(new)) == set(witness.heads())


def test_heads_from_before_a_restore_are_told_and_no_fault(ten):
    noted = [proving.Noted(timezone.now() - timedelta(minutes=1), 10, "a" * 64)]
    noted.append(proving.Noted(timezone.now() - timedelta(minutes=1), 40, "b" * 64))
    assert [place for place, _ in broken(*noted)] == [10, 40]
    AuditEvent.objects.create(action="registry.restored", facts={"backup": "x"})
    report = proving.Report()
    assert list(proving.look(report, noted)) == []
    assert ["restored from a backup" in each for each in report.odd] == [True]


# --- commands ----------------------------------------------------------------------------------------------------


def test_verify_audit_says_the_first_and_the_head(ten):
    place, link = chain.head()
    witness.seal()
    said = run("verify_audit", "--head", f"{place}:{link}")
    assert "10 events hold, from 1 to 10; 2 heads written down elsewhere agree" in said
    assert f"head: 10:{link}" in said
    assert "no head" in refused("verify_audit", "--head", "10")
    change(4, actor_name="mallory")
    AuditEvent.objects.filter(place=8).delete()
    said = refused("verify_audit")
    assert "event 4 (tag.set" in said
    assert "2 things do not hold; the first is at 4" in said


def test_verify_looks_at_it_too(ten):
    assert not [each for each in verification.look(lambda count: None) if each.subject == "the audit log"]
    change(4, actor_name="mallory")
    (wrong,) = [each for each in verification.look(lambda count: None) if each.subject == "the audit log"]
    assert "event 4" in wrong.says


def test_an_export_can_be_proved_by_itself(ten, tmp_path):
    whole, rest = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    assert "10 events written" in run("export_audit", str(whole))
    assert whole.stat().st_mode & 0o077 == 0
    assert "10 events hold, from 1 to 10" in run("verify_audit", str(whole))
    happen(2)
    chain.extend()
    happen(1)
    assert "2 events written" in run("export_audit", "--after", "10", str(rest))
    assert "12 events hold" in run("verify_audit", str(whole), str(rest))
    chain.extend()
    more = tmp_path / "c.jsonl"
    run("export_audit", "--after", "12", str(more))
    assert "13 events hold" in run("verify_audit", str(whole), str(rest), str(more)), "one waited when it was written"
    assert "there already" in refused("export_audit", str(whole))
    lines = whole.read_text().splitlines()
    for number, bad in ((4, lines[:3] + lines[4:]), (3, [*lines[:2], lines[2].replace("p2", "p9"), *lines[3:]])):
        rest.write_text("\n".join(bad))
        assert f"the first is at {number}" in refused("verify_audit", str(rest))
    rest.write_text("nothing of it\n")
    assert "line 1 is no line" in refused("verify_audit", str(rest))
    assert "No such file" in refused("verify_audit", str(tmp_path / "none"))
    AuditEvent.objects.update(place=None, link="")
    AuditSeal.objects.all().delete()
    AuditEvent.objects.filter(package="p2").update(actor_name="mallory")
    chain.extend()
    assert "another link at 10" in refused("verify_audit", str(whole))


def test_exports_are_narrowed_down(acme, alice, publish, tmp_path):
    publish(alice, "@acme/x", "1.0.0")
    chain.extend()
    releases.set_tag(alice, "@acme/x", "next", "1.0.0")
    everything = [json.loads(line) for line in run("export_audit").splitlines()]
    assert len(everything) == AuditEvent.objects.count()
    assert everything[-1]["place"] is None
    assert [each["id"] for each in everything] == sorted(each["id"] for each in everything)
    org = [json.loads(line) for line in run("export_audit", "--org", "@acme").splitlines()]
    assert {each["org"] for each in org} == {"acme"}
    assert org[-1]["action"] == "tag.set"
    today, tomorrow = (f"{timezone.now() + timedelta(days=days):%Y-%m-%d}" for days in (0, 1))
    assert len(run("export_audit", "--since", today, "--until", today).splitlines()) == len(everything)
    assert run("export_audit", "--since", tomorrow) == ""
    assert run("export_audit", "--until", f"{today}T00:00Z") == ""
    assert "is no time" in refused("export_audit", "--since", "yesterday")
    rows = list(csv.DictReader(io.StringIO(run("export_audit", "--format", "csv", "--org", "acme"))))
    assert rows[-1]["what"] == "pointed next at 1.0.0"
    assert "could not be written" in refused("export_audit", str(tmp_path / "no" / "x"))


def test_each_event_is_exported_once_while_others_are_sealed(db, monkeypatch):
    monkeypatch.setattr(extracts, "PIECE", 2)
    happen(5)
    chain.extend()
    happen(3)
    seen = []
    for event in extracts.in_order(AuditEvent.objects.all()):
        seen.append(event.pk)
        if len(seen) == 6:
            chain.extend()
    assert seen == list(AuditEvent.objects.order_by("pk").values_list("pk", flat=True))


def test_owners_get_what_they_may_see_as_lines(client, acme, alice, bob, publish):
    publish(alice, "@acme/x", "1.0.0")
    chain.extend()
    sign_in(client, bob)
    assert client.get("/org/acme/activity.jsonl").status_code == 403
    sign_in(client, alice)
    answer = client.get("/org/acme/activity.jsonl?what=versions")
    (line,) = [json.loads(line) for line in answer.getvalue().decode().splitlines()]
    assert (line["action"], line["what"], line["org"]) == ("version.published", "published 1.0.0", "acme")
    assert not {"place", "link", "id", "actor_id"} & set(line)
    assert answer["Content-Disposition"] == 'attachment; filename="acme-activity.jsonl"'


# --- several at once, and another database -----------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_hosts_seal_and_others_write_at_the_same_time():
    happen(30)
    failed: list[BaseException] = []
    barrier = threading.Barrier(4)

    def work(what) -> None:
        try:
            barrier.wait(20)
            for _ in range(5):
                what()
        except BaseException as error:
            failed.append(error)
        finally:
            connection.close()

    jobs = [chain.extend, chain.extend, lambda: happen(4), lambda: happen(4)]
    threads = [threading.Thread(target=work, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    chain.extend()
    assert failed == []
    assert sorted(AuditEvent.objects.values_list("place", flat=True)) == list(range(1, 71))
    assert broken() == []


@pytest.mark.skipif(connection.vendor != "sqlite", reason="it makes a second file")
def test_the_chain_holds_in_another_database(ten, tmp_path):
    head = chain.head()
    url = f"sqlite:///{tmp_path}/other.sqlite3"
    rows.connect(url)
    try:
        rows.make_tables(url)
        rows.copy()
        there = AuditEvent.objects.using(rows.TARGET).order_by("place")
        before = chain.BEGINNING
        for event in there:
            before = chain.link(before, chain.words(event))
        assert (len(there), before) == head
        assert AuditSeal.objects.using(rows.TARGET).first().link == head.link
    finally:
        rows.disconnect()


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="a copy of PostgreSQL makes all tables of SQLite first")
def test_a_backup_carries_it_and_what_a_restore_lost_is_told(uma, publish, tmp_path):
    publish(uma, "@uma/x", "1.0.0")
    witness.seal()
    there = chain.head()
    where = str(tmp_path / "backups")
    run("backup", where)
    publish(uma, "@uma/x", "1.1.0")
    chain.extend()
    witness.note(proving.Noted(timezone.now(), *chain.head()))
    run("restore", where, "--replace")
    assert chain.head() == there
    chain.extend()
    report = proving.Report()
    assert list(proving.look(report, witness.heads())) == []
    assert (report.last.place, report.held) == (there.place + 1, 1)
    assert ["heads of then: 1" in each for each in report.odd] == [True]
    assert AuditEvent.objects.get(place=there.place + 1).action == "registry.restored"


def test_an_export_whose_end_was_altered_does_not_hold(ten, tmp_path):
    path = tmp_path / "export.jsonl"
    run("export_audit", str(path))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines[-3:]:
        line |= {"link": "", "facts": {"forged": True}}
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert "has no link" in refused("verify_audit", str(path))
    middle = lines[:2] + [lines[2] | {"place": None, "link": "", "facts": {}}] + lines[2:-3]
    path.write_text("".join(json.dumps(line) + "\n" for line in middle))
    assert "line 3 says something else of event 3" in refused("verify_audit", str(path))
    forged = [lines[2] | {"place": None, "link": "", "id": 4711}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines[:2] + forged + lines[2:-3]))
    assert "line 3 is in no chain" in refused("verify_audit", str(path))


def test_what_is_no_head_beside_the_ledger_is_told_and_hides_none(db, settings, tmp_path, caplog):
    settings.LEDGER_URL = (tmp_path / "ledger").as_uri()
    head = proving.Noted(timezone.now(), 1, "0" * 64)
    witness.note(head)
    with (tmp_path / "ledger" / "audit" / "2026.other.jsonl").open("w") as file:
        file.write('["x", 1]\n[1, 2, 3]\n["yesterday", 1, "x"]\n')
    assert list(witness.heads()) == [head]
    assert caplog.text.count("is no head of the audit log") == 3
