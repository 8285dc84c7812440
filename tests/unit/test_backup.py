"""A backup of a running registry is whole or is none, and what comes back opens nothing that was closed since."""

from __future__ import annotations

import gzip
import json
import os
import sqlite3
import threading
from contextlib import closing
from datetime import timedelta
from io import StringIO

import pytest
from allauth.account.forms import default_token_generator
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from accounts.models import AuditEvent, Invitation, Scope, Token
from orgs.models import Membership, Role
from packages import blobs, feed_keys, keyring, releases, vitals
from packages.backup import forgetting, making, restoring, snapshot
from packages.backup.place import BEGUN, FORGETTING, Place, _seal, new_name
from packages.models import FeedKey, Package, UsedNumber, Version
from packages.packuments import revision_of
from registry_site.errors import AlreadyPublished, Conflict, NotAllowed, NotFound, Unavailable
from tests.conftest import login_token
from tests.tools.sessions import sign_in

pytestmark = pytest.mark.django_db(transaction=True)  # what is copied is what was committed

ON_BOTH = ("test_what_was_there", "test_publishing_goes_on", "test_another_program")


@pytest.fixture(autouse=True)
def _once(request, db):
    if connection.vendor != "sqlite" and not request.node.name.startswith(ON_BOTH):
        pytest.skip("it is about files; a copy of PostgreSQL makes all tables of SQLite first, which takes its time")


@pytest.fixture
def where(tmp_path):
    return str(tmp_path / "backups")


def run(*words: str) -> str:
    told = StringIO()
    call_command(*words, stdout=told, stderr=told)
    return told.getvalue()


def make(where: str, tell=lambda what, count: None, **more) -> making.Copied:
    report = making.Copied()
    making.make(Place(where), report, tell, **more)
    return report


def numbers(name: str = "@uma/x") -> list[str]:
    return sorted(Version.objects.filter(package__name=name).values_list("number", flat=True))


def files_of(where: str, folder: str) -> list[str]:
    root = Place(where).blobs.root.parent / folder
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


@pytest.mark.parametrize("kind", ["folder", "object store"])
def test_what_was_there_comes_back_and_what_came_since_keeps_its_number(
    npm, client, bucket, tmp_path, publish, uma, gina, kind
):
    where = bucket.address() if kind == "object store" else str(tmp_path / "backups")
    publish(uma, "@uma/x", "1.0.0", access="public")
    publish(uma, "@uma/x", "1.1.0")
    token = login_token(uma)
    sign_in(client, gina)
    assert npm.as_(token).get("-/whoami").status_code == 200
    assert "2 tarballs" in run("backup", where)
    publish(uma, "@uma/x", "1.2.0", description="the real one")
    releases.unpublish_versions(uma, "@uma/x", frozenset({"1.0.0", "1.2.0"}), revision_of(Package.objects.get()))
    blobs.discard(Version.objects.get(number="1.0.0").blob)

    told = run("restore", where, "--replace")
    assert "1 tarballs" in told
    assert "@uma/x@1.2.0" in told
    assert numbers() == ["1.0.0", "1.1.0"]
    assert npm.get("@uma/x/-/x-1.0.0.tgz").status_code == 200
    assert sorted(npm.get("@uma/x").json()["versions"]) == ["1.0.0", "1.1.0"]

    assert npm.as_(token).get("-/whoami").status_code == 401
    assert not Session.objects.exists()
    assert AuditEvent.objects.get(action="registry.restored").facts["numbers"] == 1

    with pytest.raises(AlreadyPublished):
        publish(uma, "@uma/x", "1.2.0", description="another one")
    assert numbers() == ["1.0.0", "1.1.0"]
    publish(uma, "@uma/x", "1.2.0", description="the real one")
    assert "Everything" in run("verify")


def test_all_that_lets_somebody_in_ends(where, client, acme, alice, gina, publish):
    publish(alice, "@acme/x")
    sign_in(client, gina)
    feed_keys.issue(gina)
    login_token(alice)
    Invitation.objects.create(digest="0" * 64)
    make(where)
    run("restore", where, "--replace")
    assert not Token.objects.filter(revoked_at=None).exists()
    assert Token.objects.count() == 1, "people see what they had"
    assert not FeedKey.objects.exists()
    assert not UserSession.objects.exists()
    assert not Invitation.objects.filter(expires_at=None).exists()
    assert Membership.objects.filter(role=Role.OWNER).exists()


def test_a_backup_holds_no_session(where, client, gina):
    sign_in(client, gina)
    assert Session.objects.exists()
    make(where)
    place = Place(where)
    with restoring._fetched(place, place.manifest()) as database, closing(sqlite3.connect(database)) as copy:
        assert copy.execute("SELECT count(*) FROM django_session").fetchone() == (0,)
        assert copy.execute("SELECT count(*) FROM accounts_user").fetchone() == (1,)
    assert Session.objects.exists(), "the registry itself goes on"


def test_only_new_tarballs_are_copied(where, publish, uma):
    publish(uma, "@uma/x", "1.0.0")
    assert make(where).copied == 1
    publish(uma, "@uma/x", "1.1.0")
    again = make(where)
    assert (again.copied, again.there) == (1, 1)
    assert len(Place(where).names()) == 2
    assert len(files_of(where, "blobs")) == 2


def test_publishing_goes_on_meanwhile_and_the_backup_is_of_one_moment(where, publish, uma):
    publish(uma, "@uma/x", "1.0.0")

    def publish_more(what: str, count: int) -> None:
        if what == "tarballs":
            publish(uma, "@uma/x", f"1.{Version.objects.count()}.0")

    make(where, publish_more)
    assert numbers() == ["1.0.0", "1.1.0"]
    assert "1 tarballs are good" in run("restore", where, "--dry-run")
    run("restore", where, "--replace")
    assert numbers() == ["1.0.0"]
    assert UsedNumber.objects.get().folded == "1.1.0"


def test_writers_do_not_wait_for_the_copy_of_the_database(where, publish, uma, tmp_path):
    publish(uma, "@uma/x", "1.0.0")
    with closing(sqlite3.connect(connection.settings_dict["NAME"])) as other:
        other.execute("BEGIN IMMEDIATE")
        copying = threading.Thread(target=snapshot.take, args=(tmp_path / "copy", lambda what, count: None))
        copying.start()
        copying.join(60)
        assert not copying.is_alive()
        other.execute("ROLLBACK")
    assert [each.name for each in snapshot.named(tmp_path / "copy")] == ["@uma/x@1.0.0"]


def test_a_tarball_that_was_removed_meanwhile_is_in_no_backup_and_breaks_none(where, publish, uma):
    gone = publish(uma, "@uma/x", "1.0.0")
    publish(uma, "@uma/x", "1.1.0")
    asked = []

    def erase(what: str, count: int) -> None:
        asked.append(what)
        if asked.count("tarballs") == 1:
            last = Version.objects.exclude(pk=gone.pk).get()
            Version.objects.filter(pk=last.pk).update(erased_at=last.published_at)
            blobs.discard(last.blob)

    report = make(where, erase)
    assert (report.named, report.missing) == (1, [])
    assert "1 tarballs are good" in run("restore", where, "--dry-run")


def test_what_broke_off_is_no_backup_and_is_gone_on_with(bucket, publish, uma):
    publish(uma, "@uma/x", "1.0.0")
    where = bucket.address()
    bucket.fail("PUT", 503)
    with pytest.raises(Unavailable):
        make(where)
    assert Place(where).names() == []
    with pytest.raises(CommandError, match="no whole backup"):
        run("restore", where, "--replace")
    assert numbers() == ["1.0.0"]
    assert make(where).copied == 1
    assert len(Place(where).names()) == 1


@pytest.mark.parametrize("damaged", ["manifest.json", "database.sqlite3.gz"])
def test_a_damaged_backup_is_refused_and_nothing_changes(where, publish, uma, damaged):
    publish(uma, "@uma/x", "1.0.0")
    make(where)
    publish(uma, "@uma/x", "1.1.0")
    (path,) = Place(where).blobs.root.parent.rglob(damaged)
    text = bytearray(path.read_bytes())
    text[len(text) // 2] ^= 1
    path.write_bytes(text)
    with pytest.raises(CommandError, match="damaged"):
        run("restore", where, "--replace")
    assert numbers() == ["1.0.0", "1.1.0"]
    assert not AuditEvent.objects.filter(action="registry.restored").exists()


def test_a_backup_whose_tarball_is_damaged_is_refused_and_no_row_changes(where, publish, uma):
    version = publish(uma, "@uma/x", "1.0.0")
    make(where)
    (Place(where).blobs.root / version.blob).write_bytes(bytes(version.size))
    blobs.discard(version.blob)
    publish(uma, "@uma/x", "1.1.0")
    with pytest.raises(CommandError, match="not good"):
        run("restore", where, "--dry-run")
    with pytest.raises(CommandError, match="not good"):
        run("restore", where, "--replace")
    assert numbers() == ["1.0.0", "1.1.0"]
    with pytest.raises(CommandError, match="1 tarballs are not good"):
        run("restore", where, "--replace", "--partial")
    assert numbers() == ["1.0.0"]


def test_a_registry_that_has_data_is_left_alone(where, publish, uma):
    publish(uma, "@uma/x", "1.0.0")
    make(where)
    publish(uma, "@uma/x", "1.1.0")
    with pytest.raises(CommandError, match="--replace"):
        run("restore", where)
    assert numbers() == ["1.0.0", "1.1.0"]


@pytest.mark.usefixtures("folder")
def test_a_damaged_tarball_is_told_and_the_rest_is_backed_up(where, publish, uma):
    make(where)
    bad, good = publish(uma, "@uma/x", "1.0.0"), publish(uma, "@uma/x", "1.1.0")
    (blobs.store().root / bad.blob).write_bytes(bytes(bad.size))
    with pytest.raises(CommandError, match="1 tarballs have no good bytes"):
        run("backup", where)
    place = Place(where)
    assert list(place.blobs.keys()) == [good.blob]
    assert len(place.manifest().missing) == 1
    with pytest.raises(CommandError, match="--partial"):
        run("restore", where, "--replace")
    assert len(place.names()) == 2


@pytest.mark.usefixtures("folder")
def test_lost_tarballs_come_back_alone(where, publish, uma, npm):
    versions = [publish(uma, "@uma/x", number, access="public") for number in ("1.0.0", "1.1.0")]
    make(where)
    blobs.discard(versions[0].blob)
    (blobs.store().root / versions[1].blob).write_bytes(bytes(versions[1].size))
    publish(uma, "@uma/x", "1.2.0")
    with pytest.raises(CommandError, match="2 things are wrong"):
        run("verify")
    assert "2 tarballs brought back, 1 were good" in run("restore", where, "--tarballs")
    assert "Everything" in run("verify")
    assert numbers() == ["1.0.0", "1.1.0", "1.2.0"]


def test_names_that_were_taken_since_are_nobodys(where, uma, dave, publish):
    make(where)
    publish(uma, "thing", "1.0.0")
    told = run("restore", where, "--replace")
    assert "thing@1.0.0" in told
    with pytest.raises(NotAllowed):
        publish(dave, "thing", "1.0.1")
    assert not Version.objects.exists()


def test_scopes_that_were_taken_since_are_held_by_nobody(where, uma, publish):
    make(where)
    publish(uma, "@uma/x", "1.0.0")
    with snapshot.opened(_snapshot_of(where)) as alias:
        Scope.objects.using(alias).all().delete()
        since = restoring.numbers.Since()
        restoring.numbers.keep_used(alias, restoring.numbers.used(), since)
        assert (since.scopes, since.names) == (["uma"], ["@uma/x"])
        assert Scope.objects.using(alias).get().user_id is None
        package = Package.objects.using(alias).get()
        assert (package.scope.name, package.is_private, package.unpublished_at is None) == ("uma", True, False)


def _snapshot_of(where: str):
    place = Place(where)
    packed = place._records.root / place.manifest().database.key
    target = packed.with_name("plain.sqlite3")
    target.write_bytes(gzip.decompress(packed.read_bytes()))
    return target


def test_another_programs_restore_is_made_safe_by_the_same_command(publish, uma, npm):
    publish(uma, "@uma/x", "1.0.0")
    token = login_token(uma)
    Version.objects.all().delete()  # as a database of yesterday
    told = run("restore", "--only-secure")
    assert "@uma/x@1.0.0" in told
    assert npm.as_(token).get("-/whoami").status_code == 401
    with pytest.raises(AlreadyPublished):
        publish(uma, "@uma/x", "1.0.0", description="other bytes")


def test_keys_come_only_when_asked_for(where, settings, publish, uma):
    publish(uma, "@uma/x")
    make(where)
    with pytest.raises(CommandError, match="without --keys"):
        run("restore", where, "--replace", "--keys")
    before = keyring.current().id
    make(where, keys=True)
    (settings.SIGNING_KEYS_DIR / "0001.json").unlink()
    assert keyring.current().id != before
    run("restore", where, "--replace", "--keys")
    assert keyring.current().id == before
    assert (settings.DATA_DIR / "secret_key").read_text() == settings.SECRET_KEY
    said = json.loads(next(Place(where).blobs.root.parent.rglob("keys.json")).read_text())
    assert list(said["signing_keys"]) == ["0001.json"]


def test_backups_are_chosen_by_name(where, publish, uma):
    publish(uma, "@uma/x", "1.0.0")
    make(where)
    publish(uma, "@uma/x", "1.1.0")
    make(where)
    first, last = Place(where).names()
    assert run("backup", where, "--list").split() == [first, last]
    run("restore", where, "--replace", "--name", first)
    assert numbers() == ["1.0.0"]
    run("restore", where, "--replace")
    assert numbers() == ["1.0.0", "1.1.0"]
    with pytest.raises(NotFound, match="nothing-of-the-kind"):
        Place(where).manifest("nothing-of-the-kind")


def test_a_backup_of_a_newer_program_is_refused(where, uma):
    make(where)
    place = Place(where)
    path = next(place.blobs.root.parent.rglob("manifest.json"))
    said = json.loads(path.read_text())
    said.pop("seal")
    said["format"] = 2
    path.write_text(json.dumps(said | {"seal": _seal(said)}))
    with pytest.raises(Conflict, match="newer"):
        place.manifest()


# --- old backups --------------------------------------------------------------------------------------------------


def test_old_backups_go_and_take_along_what_no_other_names(where, publish, uma):
    gone = publish(uma, "@uma/x", "1.0.0")
    make(where)
    publish(uma, "@uma/x", "1.1.0")
    make(where)
    Version.objects.filter(pk=gone.pk).update(erased_at=gone.published_at)
    first, second = Place(where).names()
    assert "0 older backups" in run("backup", where, "--keep", "3"), "the first one of three names it"
    assert len(files_of(where, "blobs")) == 2
    told = run("backup", where, "--keep", "2")
    assert "2 older backups and 1 tarballs" in told
    place = Place(where)
    assert len(place.names()) == 2
    assert {first, second}.isdisjoint(place.names())
    assert not place.blobs.root.joinpath(gone.blob).exists()
    for name in place.names():
        assert "1 tarballs are good" in run("restore", where, "--dry-run", "--name", name)
    assert not [path for path in files_of(where, "backups") if first in path]


def test_what_a_kept_backup_names_stays_also_when_the_registry_forgot_it(where, publish, uma):
    version = publish(uma, "@uma/x", "1.0.0")
    make(where)
    Version.objects.filter(pk=version.pk).update(erased_at=version.published_at)
    for _ in range(2):
        run("backup", where, "--keep", "3")
    assert len(files_of(where, "blobs")) == 1
    run("backup", where, "--keep", "3")
    assert files_of(where, "blobs") == []


def test_older_backups_say_what_they_name_in_their_database(where, publish, uma):
    publish(uma, "@uma/x", "1.0.0")
    make(where)
    path = next(Place(where).blobs.root.parent.rglob("manifest.json"))
    said = json.loads(path.read_text())
    for word in ("seal", "listed"):
        said.pop(word)
    path.write_text(json.dumps(said | {"seal": _seal(said)}))
    assert forgetting.keep_last(Place(where), 1).tarballs == 0
    assert len(files_of(where, "blobs")) == 1


def test_a_kept_backup_that_cannot_be_read_keeps_all_tarballs(where, publish, uma):
    gone = publish(uma, "@uma/x", "1.0.0")
    make(where)
    Version.objects.filter(pk=gone.pk).update(erased_at=gone.published_at)
    make(where)
    last = Place(where).names()[-1]
    listed = Place(where).blobs.root.parent / "backups" / last[:4] / last / "tarballs.txt.gz"
    listed.write_bytes(bytes(listed.stat().st_size))
    with pytest.raises(Unavailable, match="damaged"):
        forgetting.keep_last(Place(where), 1)
    assert len(Place(where).names()) == 2
    assert len(files_of(where, "blobs")) == 1


def test_a_backup_that_is_not_whole_removes_none(folder, where, publish, uma):
    version = publish(uma, "@uma/x", "1.0.0")
    make(where)
    publish(uma, "@uma/x", "1.1.0")
    blobs.discard(Version.objects.exclude(pk=version.pk).get().blob)
    with pytest.raises(CommandError, match="none was removed"):
        run("backup", where, "--keep", "1")
    assert len(Place(where).names()) == 2


def test_two_runs_at_once_are_in_nobodys_way_for_ever(where, publish, uma, time_machine):
    publish(uma, "@uma/x", "1.0.0")
    place = Place(where)
    name = new_name()
    place.begin(name, BEGUN)
    with pytest.raises(CommandError, match="another backup is being made"):
        run("backup", where, "--keep", "1")
    assert len(place.names()) == 1, "which was made all the same"
    place.remove(name)
    place.begin(new_name(), FORGETTING)
    with pytest.raises(Conflict, match="removes old backups"):
        make(where)
    old = f"20200101T000000Z-{'0' * 4}"
    place.begin(old, BEGUN)
    assert place.under_way(BEGUN) == [old], "it began long ago, and says that it goes on"
    assert place.broken_off() == []
    time_machine.move_to(timezone.now() + timedelta(days=2))
    assert place.under_way(BEGUN) == []
    assert forgetting.keep_last(place, 1).broken_off == 2, "the one that removed, too"


def test_a_long_backup_says_again_and_again_that_it_goes_on(where, publish, uma, monkeypatch):
    monkeypatch.setattr(making, "AGAIN_SECONDS", -1)
    for number in range(3):
        publish(uma, "@uma/x", f"1.{number}.0")
    said, begin = [], Place.begin
    monkeypatch.setattr(Place, "begin", lambda place, name, word: (said.append((name, word)), begin(place, name, word)))
    make(where)
    assert len(said) == 4
    assert set(said) == {(Place(where).names()[0], BEGUN)}
    assert Place(where).under_way(BEGUN) == []


def test_a_run_that_failed_is_under_way_no_more(where, bucket, publish, uma):
    publish(uma, "@uma/x", "1.0.0")

    def fail(what: str, count: int) -> None:
        raise OSError("the disk is full")

    with pytest.raises(Unavailable, match="full"):
        make(where, fail)
    place = Place(where)
    assert (place.under_way(BEGUN), place.names()) == ([], [])
    with pytest.raises(CommandError, match="1 or more"):
        run("backup", where, "--keep", "0")


def test_old_backups_go_from_a_bucket_too(bucket, publish, uma):
    where = bucket.address()
    publish(uma, "@uma/x", "1.0.0")
    for _ in range(2):
        run("backup", where, "--keep", "1")
    place = Place(where)
    assert len(place.names()) == 1
    assert len(list(place.blobs.keys())) == 1
    assert place.broken_off() == []
    assert not {BEGUN, FORGETTING} & {name.rpartition("/")[2] for name in place._records.names()}


# --- processes that ran meanwhile ---------------------------------------------------------------------------------


def test_what_processes_remember_is_never_taken_for_what_came_back(where, npm, publish, uma):
    publish(uma, "@uma/x", "1.0.0", access="public")
    make(where)
    publish(uma, "@uma/x", "1.1.0")
    assert sorted(npm.get("@uma/x").json()["versions"]) == ["1.0.0", "1.1.0"]
    run("restore", where, "--replace")
    publish(uma, "@uma/x", "1.2.0")
    assert sorted(npm.get("@uma/x").json()["versions"]) == ["1.0.0", "1.2.0"], "of the same number of changes"


def test_a_process_that_ran_meanwhile_is_not_ready(where, monkeypatch, uma):
    assert (vitals.migrations(), vitals.database()) == ("ok", "ok")
    make(where)
    assert "restart every process" in run("restore", where, "--replace")
    assert "restart it" in vitals.database()
    monkeypatch.setattr(vitals, "_STARTED", timezone.now())
    assert vitals.database() == "ok"


def test_another_ledger_than_the_backups_is_refused_unless_it_is_said(where, tmp_path, settings, publish, uma):
    settings.LEDGER_URL = (tmp_path / "ledger").as_uri()
    publish(uma, "@uma/x", "1.0.0")
    make(where)
    publish(uma, "@uma/x", "1.1.0")
    settings.LEDGER_URL = (tmp_path / "not-mounted").as_uri()
    for words in (["restore", where, "--replace"], ["restore", "--only-secure"]):
        with pytest.raises(CommandError, match="is it mounted"):
            run(*words)
    assert numbers() == ["1.0.0", "1.1.0"]
    assert not AuditEvent.objects.filter(action="registry.restored").exists()
    run("restore", where, "--replace", "--without-ledger")
    assert numbers() == ["1.0.0"]
    assert "1 numbers written down" in run("verify", "--mend")
    assert "Everything" in run("verify")


def test_tarballs_that_came_after_the_backup_stay_for_whoever_wants_the_newer_database_back(
    folder, where, publish, uma, time_machine
):
    publish(uma, "@uma/x", "1.0.0")
    make(where)
    blob = publish(uma, "@uma/x", "1.1.0").blob
    long_ago = timezone.now().timestamp() - 2 * 86400
    os.utime(blobs.store().root / blob, (long_ago, long_ago))
    run("restore", where, "--replace")
    assert "it stays until" in run("sweep_blobs")
    assert (blobs.store().root / blob).exists()
    assert blob in run("sweep_blobs", "--dry-run")
    time_machine.move_to(timezone.now() + timedelta(days=15), tick=False)
    assert "1 unnamed tarballs removed" in run("sweep_blobs")


def test_a_link_for_a_new_password_that_was_used_since_opens_nothing(where, publish, uma):
    uma.user.set_password("the old one of them")
    uma.user.last_login = timezone.now() - timedelta(days=1)
    uma.user.save()
    link = default_token_generator.make_token(uma.user)
    assert default_token_generator.check_token(uma.user, link)
    make(where)
    uma.user.set_password("the new one of them")
    uma.user.save()
    run("restore", where, "--replace")
    uma.user.refresh_from_db()
    assert uma.user.check_password("the old one of them")
    assert not default_token_generator.check_token(uma.user, link)


def test_it_names_those_who_can_do_most(where, acme, olga, publish, alice):
    publish(alice, "@acme/x")
    make(where)
    told = run("restore", where, "--replace")
    assert "1 operators: olga" in told
    assert "@acme: alice (owner), @acme: frank (admin)" in told


def test_a_run_that_was_killed_while_it_removed_costs_no_night(where, publish, uma):
    publish(uma, "@uma/x")
    place = Place(where)
    earlier = timezone.now() - timedelta(minutes=31)
    place.begin(f"{earlier:%Y%m%dT%H%M%SZ}-000000abcd", FORGETTING)
    run("backup", where, "--keep", "3")
    assert len(place.names()) == 1


def test_one_that_removes_says_so_anew_and_stops_when_a_backup_begins(where, publish, uma, monkeypatch):
    monkeypatch.setattr(forgetting, "AGAIN_SECONDS", 0)
    place = Place(where)
    for number in ("1.0.0", "1.1.0"):
        publish(uma, "@uma/x", number)
        make(where)
        releases.unpublish_versions(uma, "@uma/x", frozenset({number}), revision_of(Package.objects.get()))
        Version.objects.filter(number=number).update(erased_at=timezone.now())
    publish(uma, "@uma/y")
    make(where)
    real, seen = place.blobs.delete, []

    def delete(key: str) -> None:
        seen.append(place.under_way(FORGETTING))
        real(key)
        place.begin(new_name(), BEGUN)

    monkeypatch.setattr(place.blobs, "delete", delete)
    with pytest.raises(Conflict, match="another backup is being made"):
        forgetting.keep_last(place, 1)
    assert [len(each) for each in seen] == [1]
    assert not place.under_way(FORGETTING)
    assert len(place.kept()) == 2


def test_copies_of_a_run_that_was_killed_are_swept(settings, db):
    folder = settings.SPOOL_DIR / "backup-abc"
    folder.mkdir(parents=True)
    (folder / "database.sqlite3").write_text("x")
    assert "0 unnamed" in run("sweep_blobs")
    long_ago = timezone.now().timestamp() - 2 * 86400
    os.utime(folder, (long_ago, long_ago))
    assert "backup-abc" in run("sweep_blobs")
    assert not folder.exists()


@pytest.mark.parametrize("address", ["ftp://example.com/x", "s3://"])
def test_what_is_no_place_is_said_in_a_sentence(db, address):
    with pytest.raises(CommandError, match="address of the backups"):
        run("backup", address)
