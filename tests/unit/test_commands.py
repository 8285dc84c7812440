"""`manage.py` for operators: one verb each, one sentence when it is refused."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts import bearer, people
from accounts.models import AuditEvent, Token, User
from orgs.models import Org
from packages import blobs
from tests.conftest import PASSWORD


def run(*words: str, typed: str = "", monkeypatch=None, **options) -> str:
    output = io.StringIO()
    if monkeypatch is not None:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    call_command(*words, stdout=output, **options)
    return output.getvalue().strip()


def create_user(monkeypatch, name: str, *more: str, typed: str = PASSWORD + "\n") -> str:
    return run(
        "create_user",
        name,
        "--email",
        f"{name}@example.com",
        "--password-stdin",
        *more,
        typed=typed,
        monkeypatch=monkeypatch,
    )


def test_create_user_makes_a_person_who_can_log_in(client, db, monkeypatch):
    assert create_user(monkeypatch, "Nina") == "created nina"
    assert client.login(username="nina", password=PASSWORD)
    user = User.objects.get()
    assert (user.is_staff, user.is_superuser, user.emailaddress_set.get().verified) == (False, False, True)
    event = AuditEvent.objects.get()
    assert (event.action, event.credential, event.person) == ("user.created", "operator", "nina")


def test_create_user_makes_operators(db, monkeypatch):
    create_user(monkeypatch, "nina", "--superuser")
    user = User.objects.get()
    assert user.is_staff
    assert user.is_superuser


@pytest.mark.parametrize(
    ("name", "typed"), [("nina", "short\n"), ("-", PASSWORD), ("bob", PASSWORD), ("admin", PASSWORD), ("nina", "\n")]
)
def test_create_user_says_in_one_sentence_what_is_wrong(bob, monkeypatch, name, typed):
    seen = AuditEvent.objects.count()
    with pytest.raises(CommandError) as refusal:
        create_user(monkeypatch, name, typed=typed)
    assert "\n" not in str(refusal.value)
    assert User.objects.count() == 1
    assert AuditEvent.objects.count() == seen


def test_create_org_gives_it_its_owner(bob):
    assert run("create_org", "acme", "--owner", "bob", "--title", "Acme Inc") == "created acme, owned by bob"
    org = Org.objects.get()
    assert (org.title, org.memberships.get().role) == ("Acme Inc", "owner")


@pytest.mark.parametrize(("name", "owner"), [("bob", "bob"), ("acme", "nobody-here"), ("npm", "bob")])
def test_create_org_refuses(bob, name, owner):
    with pytest.raises(CommandError):
        run("create_org", name, "--owner", owner)
    assert not Org.objects.exists()


def test_create_token_prints_a_token_once(npm, bob):
    secret = run("create_token", "bob", "--name", "build")
    assert npm.as_(secret).get("-/whoami").json() == {"username": "bob"}
    token = Token.objects.get()
    assert (token.kind, token.name, token.read_only) == ("granular", "build", False)
    assert secret not in str(list(AuditEvent.objects.values()))


def test_create_token_makes_read_only_ones_that_end(bob):
    run("create_token", "bob", "--read-only", "--days", "3")
    token = Token.objects.get()
    assert token.read_only
    assert (token.expires_at - token.created_at).days in (2, 3)


@pytest.mark.parametrize("words", [("nobody-here",), ("bob", "--days", "0"), ("bob", "--days", "9999")])
def test_create_token_refuses(bob, words):
    with pytest.raises(CommandError):
        run("create_token", *words)
    assert not Token.objects.exists()


def test_invite_prints_a_link_that_lets_one_person_in(client, db, settings):
    settings.REGISTRATION, settings.PUBLIC_URL = "invite", "https://npm.example.com"
    link = run("invite", "--email", "nina@example.com")
    assert link.startswith("https://npm.example.com/invitation/")
    assert people.open_invitation(link.rpartition("/")[2]).email == "nina@example.com"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("dry", [True, False])
def test_sweep_blobs_removes_what_no_version_names_and_is_old(publish, uma, tmp_path, dry):
    named = publish(uma, "@uma/x").blob
    keys = {}
    for age in (0, 25):
        source = tmp_path / f"source-{age}"
        source.write_bytes(b"lost")
        keys[age] = blobs.keep(b"\0" * 64, source)
    for key, age in ((named, 25), (keys[25], 25)):
        moment = time.time() - age * 3600
        os.utime(blobs.store().root / key, (moment, moment))
    told = run("sweep_blobs", *(["--dry-run"] if dry else []))
    assert keys[25] in told
    assert named not in told
    assert keys[0] not in told
    assert set(blobs.store().keys()) == {named, keys[0]} | ({keys[25]} if dry else set())


@pytest.mark.usefixtures("folder")
def test_sweep_blobs_leaves_a_storage_alone_that_is_of_another_database(publish, uma, tmp_path):
    publish(uma, "@uma/x")
    for number in range(21):
        source = tmp_path / "source"
        source.write_bytes(b"of another database")
        os.utime(blobs.store().root / blobs.keep(bytes([number]) * 64, source), (0, 0))
    with pytest.raises(CommandError, match="right database"):
        run("sweep_blobs")
    assert len(list(blobs.store().keys())) == 22
    assert "21 unnamed" in run("sweep_blobs", "--anyway")
    assert len(list(blobs.store().keys())) == 1


@pytest.mark.usefixtures("folder")
def test_sweep_blobs_has_a_floor_and_looks_only_where_tarballs_lie(publish, uma):
    publish(uma, "@uma/x")
    other = blobs.store().root / "backups" / "2026" / "manifest.json"
    other.parent.mkdir(parents=True)
    other.write_text("{}")
    os.utime(other, (0, 0))
    with pytest.raises(CommandError, match="1 or more"):
        run("sweep_blobs", "--hours", "0")
    run("sweep_blobs", "--hours", "1")
    assert other.exists()


@pytest.mark.parametrize("dry", [True, False])
def test_sweep_blobs_removes_halves_of_uploads(db, settings, dry):
    settings.SPOOL_DIR.mkdir()
    old, young = (settings.SPOOL_DIR / f"upload-{age}.tgz" for age in ("old", "young"))
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    assert old.name in run("sweep_blobs", *(["--dry-run"] if dry else []))
    assert (old.exists(), young.exists()) == (dry, True)


def test_prepare_is_run_again_and_again_and_prints_the_first_admins_link_until_there_is_one(db, settings, tmp_path):
    settings.STATIC_ROOT = tmp_path / "static"
    told = run("prepare")
    assert Path(settings.SPOOL_DIR).is_dir()
    key = told.rpartition("/setup/")[2].strip()
    people.require_first_admin_key(key)
    assert "/setup/" in run("prepare")
    people.create_first_admin(key, "root1", "root@example.com", PASSWORD)
    assert "/setup/" not in run("prepare")
    assert bearer.SHAPE.search(told) is None
