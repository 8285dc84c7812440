"""Every listed version carries the registry's signature, made with a key that stays outside the database."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.actor import operator
from accounts.models import AuditEvent
from packages import keyring, packuments, signatures
from packages.changes import maintaining
from packages.models import Package, Version
from registry_site.errors import NotAllowed, Unavailable

pytestmark = pytest.mark.django_db


def document(npm, name: str, accept: str = "application/json") -> dict:
    return npm.get(name.replace("/", "%2f"), accept=accept).json()


def verify(npm, name: str, number: str = "1.0.0", accept: str = "application/json") -> str:
    """Verify a version as npm does: one of the listed keys, and none that ended before it was published."""
    found = document(npm, name, accept)
    dist = found["versions"][number]["dist"]
    (signature,) = dist["signatures"]
    key = next(each for each in npm.get("-/npm/v1/keys").json()["keys"] if each["keyid"] == signature["keyid"])
    assert key["keytype"] == key["scheme"] == "ecdsa-sha2-nistp256"
    if key["expires"]:
        assert datetime.fromisoformat(found["time"][number]) < datetime.fromisoformat(key["expires"])
    der = base64.b64decode(key["key"])
    assert key["keyid"] == "SHA256:" + base64.b64encode(hashlib.sha256(der).digest()).decode().rstrip("=")
    text = f"{name}@{number}:{dist['integrity']}".encode()
    load_der_public_key(der).verify(base64.b64decode(signature["sig"]), text, ec.ECDSA(hashes.SHA256()))
    return key["keyid"]


def unsign(version: Version) -> None:
    """As it was published before there were signatures."""
    parts = {field: json.loads(getattr(version, field).replace("\x01", "MARK")) for field in ("full", "abbreviated")}
    for part in parts.values():
        del part["dist"]["signatures"]
    texts = {field: json.dumps(part).replace("MARK", "\x01") for field, part in parts.items()}
    Version.objects.filter(pk=version.pk).update(signed_with="", **texts)


def test_a_published_version_is_signed_in_both_forms(alice, publish, npm):
    publish(alice, "@alice/hello", access="public", description="a \\u0001 and \u00e9", keywords=["x"])
    verify(npm, "@alice/hello")
    verify(npm, "@alice/hello", accept="application/vnd.npm.install-v1+json")
    single = npm.get("@alice%2fhello/1.0.0").json()
    assert single["dist"]["signatures"] == document(npm, "@alice/hello")["versions"]["1.0.0"]["dist"]["signatures"]
    assert single["description"] == "a \\u0001 and \u00e9"
    assert single["dist"]["tarball"].endswith("/npm/@alice/hello/-/hello-1.0.0.tgz")


def test_another_name_number_or_integrity_does_not_verify(alice, publish, npm):
    version = publish(alice, "@alice/hello", access="public")
    signature = base64.b64decode(version.manifest["dist"]["signatures"][0]["sig"])
    public = keyring.current().private.public_key()
    good = f"@alice/hello@1.0.0:{version.integrity}"
    public.verify(signature, good.encode(), ec.ECDSA(hashes.SHA256()))
    for other in (good.replace("hello", "hallo"), good.replace("1.0.0", "1.0.1"), f"{good} "):
        with pytest.raises(InvalidSignature):
            public.verify(signature, other.encode(), ec.ECDSA(hashes.SHA256()))


@pytest.mark.parametrize("mode", ["public", "enterprise"])
def test_the_keys_are_open_to_everybody(settings, npm, mode):
    settings.REGISTRY_MODE = mode
    assert npm.get("-/npm/v1/keys").json() == {"keys": []}
    key = keyring.current()
    (listed,) = npm.get("-/npm/v1/keys").json()["keys"]
    assert (listed["keyid"], listed["expires"]) == (key.id, None)
    assert npm.as_("npm_stale").get("-/npm/v1/keys").status_code == 200
    assert npm.head("-/npm/v1/keys").status_code == 200
    assert npm.post("-/npm/v1/keys").status_code == 405


def test_the_private_key_is_a_file_for_its_owner_alone(settings, alice, publish):
    publish(alice, "@alice/hello")
    (file,) = settings.SIGNING_KEYS_DIR.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    pem = json.loads(file.read_text())["private"]
    assert "PRIVATE KEY" in pem
    assert not Version.objects.filter(full__contains=pem[40:80]).exists()


def test_many_that_start_at_once_agree_on_one_key(settings):
    with ThreadPoolExecutor(12) as pool:
        ids = {key.id for key in pool.map(lambda _: keyring.current(), range(48))}
    assert len(ids) == 1
    assert [path.name for path in settings.SIGNING_KEYS_DIR.iterdir()] == ["0001.json"]


def test_a_damaged_key_is_our_fault_and_nothing_is_published(settings, alice, publish, npm, blob_files):
    keyring.current()
    (settings.SIGNING_KEYS_DIR / "0001.json").write_text("{")
    with pytest.raises(Unavailable):
        publish(alice, "@alice/hello")
    assert npm.get("-/npm/v1/keys").status_code == 503
    assert not Version.objects.exists()
    assert not AuditEvent.objects.filter(action="version.published").exists()
    assert not blob_files()


def test_after_a_rotation_old_and_new_versions_verify(settings, alice, publish, npm):
    publish(alice, "@alice/hello", access="public")
    first = keyring.current()
    call_command("rotate_signing_key", stdout=io.StringIO())
    publish(alice, "@alice/hello", "2.0.0")
    new, old = npm.get("-/npm/v1/keys").json()["keys"]
    assert new["expires"] is None
    ends = datetime.fromisoformat(old["expires"])
    assert timedelta() < ends - timezone.now() <= keyring.UNDER_WAY
    assert verify(npm, "@alice/hello", "1.0.0") == first.id == old["keyid"]
    assert verify(npm, "@alice/hello", "2.0.0") == new["keyid"] != first.id
    assert AuditEvent.objects.get(action="key.rotated").facts == {"key": new["keyid"]}


def test_prepare_makes_the_key_and_signs_what_is_not(alice, publish, npm, settings, tmp_path):
    settings.STATIC_ROOT = tmp_path / "static"
    unsign(publish(alice, "@alice/hello", access="public"))
    (settings.SIGNING_KEYS_DIR / "0001.json").unlink()
    said = [io.StringIO(), io.StringIO()]
    for each in said:
        call_command("prepare", stdout=each)
    verify(npm, "@alice/hello")
    assert ["Signing 1 versions" in each.getvalue() for each in said] == [True, False]


def test_versions_from_before_are_signed_by_the_command(alice, uma, publish, npm):
    for version in (
        publish(alice, "@alice/hello", access="public"),
        publish(alice, "@alice/hello", "2.0.0"),
        publish(uma, "@uma/other", access="public"),
    ):
        unsign(version)
    signed = publish(uma, "@uma/signed", access="public")
    before = {each.name: each for each in Package.objects.all()}
    assert "signatures" not in document(npm, "@alice/hello")["versions"]["1.0.0"]["dist"]
    assert signatures.count_unsigned() == 3

    said = io.StringIO()
    call_command("sign_versions", stdout=said)
    assert said.getvalue().splitlines() == ["@alice/hello: 2", "@uma/other: 1", "3 versions signed"]
    verify(npm, "@alice/hello", "1.0.0")
    verify(npm, "@alice/hello", "2.0.0", accept="application/vnd.npm.install-v1+json")
    verify(npm, "@uma/other")
    signed.refresh_from_db()
    for package in Package.objects.all():
        grown = 0 if package.name == "@uma/signed" else 1
        assert package.revision == before[package.name].revision + grown
        assert package.modified_at == before[package.name].modified_at
    event = AuditEvent.objects.get(action="versions.signed", package="@alice/hello")
    assert (event.actor_name, event.credential, event.facts["count"]) == ("", "operator", 2)

    again = io.StringIO()
    call_command("sign_versions", stdout=again)
    assert again.getvalue().strip() == "0 versions signed"
    assert AuditEvent.objects.filter(action="versions.signed").count() == 2


def test_all_are_signed_anew_with_the_newest_key(alice, publish, npm, settings, monkeypatch):
    monkeypatch.setattr(signatures, "BATCH", 2)
    for number in ("1.0.0", "1.1.0", "1.2.0"):
        publish(alice, "@alice/hello", number, access="public")
    keyring.rotate()
    call_command("sign_versions", "--all", stdout=io.StringIO())
    assert {verify(npm, "@alice/hello", number) for number in ("1.0.0", "1.1.0", "1.2.0")} == {keyring.current().id}
    (settings.SIGNING_KEYS_DIR / "0001.json").unlink()  # the stolen one, say
    assert len(npm.get("-/npm/v1/keys").json()["keys"]) == 1
    verify(npm, "@alice/hello", "1.1.0")
    assert signatures.count_unsigned() == 0


def test_a_lost_key_or_one_that_ended_too_early_is_replaced(alice, publish, npm, settings):
    version = publish(alice, "@alice/hello", access="public")
    lost = keyring.current().id
    (settings.SIGNING_KEYS_DIR / "0001.json").unlink()
    call_command("sign_versions", stdout=io.StringIO())
    assert verify(npm, "@alice/hello") != lost
    keyring.rotate()
    Version.objects.filter(pk=version.pk).update(published_at=timezone.now() + timedelta(hours=1))
    assert signatures.count_unsigned() == 1
    call_command("sign_versions", stdout=io.StringIO())
    Package.objects.update(revision=99)
    assert verify(npm, "@alice/hello") == keyring.current().id


def test_mirrored_packages_are_left_alone(alice, publish):
    version = publish(alice, "lodash")
    unsign(version)
    Package.objects.update(mirrored=True)
    assert signatures.count_unsigned() == 0
    call_command("sign_versions", "--all", stdout=io.StringIO())
    version.refresh_from_db()
    assert version.signed_with == ""


def test_only_operators_maintain(alice, olga, publish):
    package = publish(alice, "@alice/hello").package
    events, revision = AuditEvent.objects.count(), Package.objects.get().revision
    for actor in (alice, olga):
        with pytest.raises(NotAllowed), maintaining(package, actor, "versions.signed", count=1, key="x"):
            pytest.fail("it went in")
        with pytest.raises(NotAllowed):
            list(signatures.sign_listed(actor, everything=True))
    assert (AuditEvent.objects.count(), Package.objects.get().revision) == (events, revision)


def test_what_fails_inside_maintaining_changes_nothing(alice, publish):
    package = publish(alice, "@alice/hello").package
    events, revision = AuditEvent.objects.count(), Package.objects.get().revision
    with pytest.raises(KeyError), maintaining(package, operator(), "versions.signed", count=1, key="x"):
        raise KeyError
    assert (AuditEvent.objects.count(), Package.objects.get().revision) == (events, revision)


def test_a_key_that_cannot_be_written_is_told_in_one_sentence(settings, tmp_path):
    (tmp_path / "file").touch()
    settings.SIGNING_KEYS_DIR = tmp_path / "file/keys"
    with pytest.raises(CommandError, match="signing key"):
        call_command("sign_versions")


def test_the_event_reads_well_on_the_activity_page(alice, publish, client):
    unsign(publish(alice, "@alice/hello"))
    list(signatures.sign_listed(operator()))
    client.force_login(alice.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    page = client.get("/package/@alice/hello/activity", headers={"accept": "text/html"}).content.decode()
    assert "signed 1 of its versions with the key of this registry" in page


def test_amend_keeps_the_mark_apart_from_text_that_looks_like_it(alice, publish):
    version = publish(alice, "@alice/hello", description="\\u0001 <\u0001>")
    packuments.amend(version, attestations={"url": "\x01/-/here"})
    assert version.full.count("\x01") == 2
    assert version.manifest["description"] == "\\u0001 <\u0001>"
    assert version.manifest["dist"]["attestations"] == {"url": "/-/here"}
