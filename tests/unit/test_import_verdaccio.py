"""`manage.py import_verdaccio`: a storage folder, its people and its rules become ours, and nothing of ours changes."""

from __future__ import annotations

import csv
import json
import os
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.actor import Actor
from accounts.models import AuditEvent, Scope, User
from orgs import organizations
from orgs.models import Org
from packages import access, blobs, ledger, packuments, releases
from packages.access import Action
from packages.models import Package, PersonGrant, TeamGrant, Version
from packages.moving import arriving, planning
from packages.upstream import reading
from registry_site.errors import NotFound
from tests.conftest import login_token, person
from tests.tools.upstream_stub import integrity
from tests.tools.verdaccio_folder import FIRST, VerdaccioFolder, stamp

OPEN = "'@acme/open': {access: $all, publish: $authenticated}"
REST = "'**': {access: $authenticated, publish: $authenticated}"


@pytest.fixture
def there(tmp_path) -> VerdaccioFolder:
    return VerdaccioFolder(tmp_path / "verdaccio")


def run(there: VerdaccioFolder, *words: str) -> str:
    """What the command says, with all that did not move."""
    told = StringIO()
    try:
        call_command("import_verdaccio", str(there.root), *words, stdout=told, stderr=told)
    except CommandError as error:
        told.write(f"FAILED {error}")
    return told.getvalue()


def snapshot() -> list:
    rows = (Package, Version, Org, User, Scope, AuditEvent, TeamGrant, PersonGrant)
    return [list(each.objects.order_by("pk").values()) for each in rows]


def document(npm, name: str, actor=None) -> dict:
    answer = npm.as_(login_token(actor) if actor else None).get(name.replace("/", "%2f"))
    assert answer.status_code == 200, answer.content
    return json.loads(answer.content)


def test_bytes_times_tags_and_warnings_are_what_they_were(npm, there, uma):
    first = there.publish("@uma/x", "1.0.0", by="uma", said={"deprecated": "use 2.0.0"})
    second = there.publish("@uma/x", "2.0.0", by="uma", gitHead="0" * 40)
    beta = there.publish("@uma/x", "3.0.0-beta.1", by="uma", tag="next")
    there.config("'**': {access: $all, publish: uma}")
    told = run(there)
    assert "3 versions came in" in told
    assert "3 by sha512" in told
    found = document(npm, "@uma/x")
    assert found["dist-tags"] == {"latest": "2.0.0", "next": "3.0.0-beta.1"}
    assert found["versions"]["1.0.0"]["deprecated"] == "use 2.0.0"
    assert "deprecated" not in found["versions"]["2.0.0"]
    assert found["time"]["created"] == found["time"]["1.0.0"] == stamp(FIRST)
    assert found["time"]["modified"] == found["time"]["3.0.0-beta.1"]
    assert found["versions"]["2.0.0"]["_npmUser"]["name"] == "uma"
    for number, data in (("1.0.0", first), ("2.0.0", second), ("3.0.0-beta.1", beta)):
        assert found["versions"][number]["dist"]["integrity"] == integrity(data)
        assert npm.get(f"@uma/x/-/x-{number}.tgz").getvalue() == data
    assert found["versions"]["2.0.0"]["dist"]["signatures"]
    assert b'"@uma/x"' in npm.get("-/v1/search?text=uma").content


def test_private_there_is_private_here(npm, there, uma, dave):
    there.publish("@uma/x")
    run(there)
    assert npm.get("@uma%2fx").status_code == 404, "without a config everything is private"
    with pytest.raises(NotFound):
        access.find(dave, Action.VIEW, "@uma/x")
    assert access.find(uma, Action.MANAGE, "@uma/x")


def test_it_rings_no_webhook_and_says_who_did_it(there, uma):
    there.publish("@uma/x", "1.0.0")
    there.publish("@uma/x", "1.1.0")
    run(there)
    event = AuditEvent.objects.get(action="package.imported")
    assert (event.credential, event.actor_name, event.package) == ("operator", "", "@uma/x")
    assert event.facts == {"versions": ["1.0.0", "1.1.0"], "source": "verdaccio"}
    assert Version.objects.get(number="1.0.0").published_by is None, "bob is nobody here"


def test_a_dry_run_changes_nothing_and_says_what_would_happen(there, blob_files, alice):
    there.publish("@acme/open", "1.0.0")
    there.publish("@acme/shut", "1.0.0")
    there.tarball("@acme/shut", "1.0.0").write_bytes(b"not a tarball")
    there.publish("@bob/own")
    there.config(OPEN, REST)
    there.people("bob")
    before = snapshot()
    told = run(there, "--dry-run", "--owner", "alice", "--mail-domain", "example.com")
    assert snapshot() == before
    assert blob_files() == []
    assert "2 versions would come in" in told
    assert "@acme/shut@1.0.0: its bytes are not those that the source says" in told
    assert "orgs to be made: acme" in told
    assert "accounts would be made: bob" in told
    assert "2 packages are new here: 1 public, 1 restricted" in told


def test_a_second_run_changes_nothing(there, uma, blob_files):
    there.publish("@uma/x", "1.0.0", said={"deprecated": "old"})
    there.publish("@uma/x", "1.1.0", tag="next")
    run(there)
    before, kept = snapshot(), blob_files()
    told = run(there)
    assert snapshot() == before
    assert blob_files() == kept
    assert "0 versions came in" in told
    assert "here already: 2" in told


def test_over_a_slow_line_fewer_are_listed_at_once(there, uma, npm, monkeypatch):
    monkeypatch.setattr(arriving, "AT_ONCE_SECONDS", 0)
    for number in range(1, 4):
        there.publish("@uma/x", f"{number}.0.0")
    before = Package.objects.count()
    assert "3 versions came in" in run(there)
    assert Package.objects.count() == before + 1
    events = AuditEvent.objects.filter(action=planning.CHANGE, package="@uma/x").order_by("pk")
    assert [event.facts["versions"] for event in events] == [["1.0.0"], ["2.0.0"], ["3.0.0"]]


def test_a_run_that_broke_off_goes_on(there, uma, npm, monkeypatch):
    monkeypatch.setattr(arriving, "AT_ONCE", 2)
    for number in range(1, 6):
        there.publish("@uma/x", f"{number}.0.0")
    there.edit("@uma/x", lambda document: document["dist-tags"].update(latest="4.0.0"))
    keep, kept = blobs.keep, []

    def failing(sha512, path):
        if len(kept) == 3:
            raise KeyboardInterrupt
        kept.append(path)
        return keep(sha512, path)

    monkeypatch.setattr(blobs, "keep", failing)
    with pytest.raises(KeyboardInterrupt):
        run(there)
    assert document(npm, "@uma/x", uma)["dist-tags"] == {"latest": "2.0.0"}, "what is here is whole"
    monkeypatch.setattr(blobs, "keep", keep)
    told = run(there)
    assert "3 versions came in" in told
    assert "here already: 2" in told
    found = document(npm, "@uma/x", uma)
    assert list(found["versions"]) == [f"{number}.0.0" for number in range(1, 6)]
    assert found["dist-tags"] == {"latest": "4.0.0"}


def test_what_was_published_there_meanwhile_follows(there, uma, npm):
    there.publish("@uma/x", "1.0.0", tag="old")
    run(there)
    there.publish("@uma/x", "1.1.0")
    there.edit("@uma/x", lambda document: document["versions"]["1.0.0"].update(deprecated="too old"))
    run(there)
    found = document(npm, "@uma/x", uma)
    assert found["dist-tags"] == {"latest": "1.1.0", "old": "1.0.0"}
    assert found["versions"]["1.0.0"]["deprecated"] == "too old"


def test_what_somebody_changed_here_stays(there, uma, npm, publish):
    there.publish("@uma/x", "1.0.0")
    run(there)
    publish(uma, "@uma/x", "2.0.0")
    releases.deprecate(uma, "@uma/x", {"1.0.0": "ours"})
    there.publish("@uma/x", "1.0.1")
    there.edit("@uma/x", lambda document: document["versions"]["1.0.0"].update(deprecated="theirs"))
    run(there)
    found = document(npm, "@uma/x", uma)
    assert found["dist-tags"] == {"latest": "2.0.0"}
    assert found["versions"]["1.0.0"]["deprecated"] == "ours"
    assert "1.0.1" in found["versions"]


def test_a_package_of_ours_is_never_touched(there, uma, publish, npm):
    publish(uma, "@uma/x", "1.0.0")
    there.publish("@uma/x", "1.0.0", description="theirs")
    there.publish("@uma/x", "1.1.0")
    before = snapshot()
    told = run(there)
    assert snapshot() == before
    assert "@uma/x@1.0.0: it is here with other bytes, which stay" in told
    assert "@uma/x@1.1.0: the package here did not come from an import" in told
    assert "FAILED" in told


def test_the_same_bytes_are_no_conflict(there, uma, publish):
    publish(uma, "@uma/x", "1.0.0")
    there.publish("@uma/x", "1.0.0")
    assert "here already: 1" in run(there)


def test_numbers_that_were_unpublished_here_stay_used(there, uma, npm, publish):
    there.publish("@uma/x", "1.0.0")
    there.publish("@uma/x", "2.0.0")
    run(there)
    package = Package.objects.get(name="@uma/x")
    releases.unpublish_versions(uma, "@uma/x", frozenset({"2.0.0"}), packuments.revision_of(package))
    told = run(there)
    assert "@uma/x@1.0.0: its number was used here" in told
    assert list(document(npm, "@uma/x", uma)["versions"]) == ["2.0.0"]


def test_a_scope_that_nobody_holds_needs_an_owner(there, alice, acme):
    there.publish("@corp/x")
    before = snapshot()
    assert "say who shall: --owner USER" in run(there)
    assert snapshot() == before
    assert "orgs made: corp" in run(there, "--owner", "alice")
    assert access.find(alice, Action.MANAGE, "@corp/x").in_org


def test_the_owners_of_an_org_can_hold_it(there, alice, frank, acme):
    there.publish("@corp/x")
    run(there, "--org", "acme")
    roles = Org.objects.get(scope__name="corp").memberships.values_list("user__username", "role")
    assert list(roles) == [("alice", "owner")]


def test_people_come_along_without_their_passwords(there, client, alice):
    there.publish("@nina/x", by="nina")
    there.people("nina", "alice", "Odd Name", "root", "\x1b[2J\0")
    told = run(there, "--mail-domain", "example.com")
    nina = User.objects.get(username="nina")
    assert not nina.has_usable_password()
    assert nina.email == "nina@example.com"
    assert access.find(Actor(nina, credential="session"), Action.MANAGE, "@nina/x")
    assert Version.objects.get().published_by == nina
    assert "taken for the same people: alice" in told
    assert "no account for Odd Name" in told
    assert "no account for root" in told, "the name is reserved"
    assert "$2a$" not in told
    assert "\x1b" not in told


def test_nobody_joins_without_an_address(there, db):
    there.people("nina")
    told = run(there)
    assert "no account for nina: no e-mail address is known" in told
    assert not User.objects.exists()


def test_a_file_says_who_is_who(there, tmp_path, alice):
    there.publish("@alice/x", by="al")
    there.people("al", "zed")
    file = tmp_path / "people"
    file.write_text("# who is who\nal alice\nzed zora zora@example.org\n")
    run(there, "--people", str(file))
    assert Version.objects.get().published_by == alice.user
    assert User.objects.get(username="zora").email == "zora@example.org"
    assert not User.objects.filter(username="al").exists()


def test_rules_become_teams_of_a_new_org(there, alice, dave):
    bob, carol = person("bob"), person("carol")
    there.people("bob", "carol")
    there.publish("@corp/all")
    there.publish("@corp/core")
    there.publish("@corp/open")
    there.config(
        "'@corp/open': {access: $all, publish: bob}",
        "'@corp/core': {access: bob carol, publish: bob builders}",
        "'@corp/*': {access: $authenticated, publish: $authenticated}",
    )
    told = run(there, "--owner", "alice")

    def may(actor, action: Action, name: str) -> bool:
        try:
            return action in access.can(access.find(actor, Action.VIEW, name))
        except NotFound:
            return False

    assert [may(each, Action.PUBLISH, "@corp/all") for each in (bob, carol, dave)] == [True, True, False]
    assert [may(each, Action.PUBLISH, "@corp/core") for each in (bob, carol, dave)] == [True, False, False]
    assert [may(each, Action.VIEW, "@corp/core") for each in (bob, carol, dave)] == [True, True, False]
    assert [may(each, Action.PUBLISH, "@corp/open") for each in (bob, carol, dave)] == [True, False, False]
    assert may(dave, Action.VIEW, "@corp/open")
    assert "builders is no person here: put whom it means into the team" in told


def test_who_was_taken_out_since_stays_out(there, alice):
    bob, carol = person("bob"), person("carol")
    there.people("bob", "carol")
    there.publish("@corp/a")
    there.config("'@corp/*': {access: $authenticated carol, publish: $authenticated}")
    run(there, "--owner", "alice")
    organizations.remove_member(alice, "corp", "bob")
    there.publish("@corp/b")
    run(there)
    assert access.find(carol, Action.VIEW, "@corp/b")
    with pytest.raises(NotFound):
        access.find(bob, Action.VIEW, "@corp/b")


def test_with_other_rules_nobody_comes_into_another_ones_team(there, alice):
    bob, carol = person("bob"), person("carol")
    there.people("bob", "carol")
    there.publish("@corp/bobs")
    there.config("'@corp/bobs': {access: bob}")
    run(there, "--owner", "alice")
    there.publish("@corp/carols")
    there.config("'@corp/carols': {access: carol}", "'@corp/bobs': {access: bob}")
    run(there)
    assert access.find(bob, Action.VIEW, "@corp/bobs")
    assert access.find(carol, Action.VIEW, "@corp/carols")
    for actor, name in ((bob, "@corp/carols"), (carol, "@corp/bobs")):
        with pytest.raises(NotFound):
            access.find(actor, Action.VIEW, name)


def test_two_names_that_would_be_one_are_not_one_person(there, alice):
    there.people("Bob", "bob")
    told = run(there, "--mail-domain", "example.com")
    assert "no account for bob: Bob has this name here, and may be somebody else" in told
    assert User.objects.filter(username="bob").count() == 1


def test_an_org_that_was_here_gets_no_members_by_an_import(there, acme, alice, bob, dave):
    there.people("bob", "dave")
    there.publish("@acme/core")
    there.config("'@acme/*': {access: dave bob, publish: dave bob}")
    told = run(there)
    assert access.find(bob, Action.PUBLISH, "@acme/core")
    with pytest.raises(NotFound):
        access.find(dave, Action.VIEW, "@acme/core")
    assert "dave got nothing unless already a member of acme" in told
    assert "carol" not in {grant.team.name for grant in TeamGrant.objects.all()}


def test_rules_become_grants_in_a_persons_scope(there, uma, hugo, gina):
    there.people("uma", "hugo", "gina")
    there.publish("@uma/x")
    there.config("'@uma/*': {access: hugo gina, publish: hugo}")
    run(there)
    grants = PersonGrant.objects.order_by("user__username").values_list("user__username", "permission")
    assert list(grants) == [("gina", "read"), ("hugo", "write")]


def test_private_without_a_scope_stays_out_unless_it_is_opened(there, npm, bob):
    there.publish("tool", by="bob")
    before = snapshot()
    assert "it is private there, and what has no scope is public here" in run(there)
    assert snapshot() == before
    run(there, "--open-unscoped")
    assert document(npm, "tool")["maintainers"][0]["name"] == "bob"
    assert access.find(bob, Action.MANAGE, "tool")


def test_names_without_a_scope_stay_out_of_enterprise_mode(there, bob, settings):
    settings.REGISTRY_MODE = "enterprise"
    there.publish("tool", by="bob")
    there.config("'**': {access: $all}")
    assert "reserved for the public registry" in run(there)
    assert not Package.objects.exists()


def test_what_verdaccio_only_mirrored_stays_there(there, uma):
    there.publish("@uma/x", "1.0.0")
    there.mirror("@uma/x", "0.9.0")
    there.mirror("left-pad")
    there.listed(["@uma/x"])
    told = run(there)
    assert "mirrored there, left to our own mirror: 1 versions" in told
    assert set(Version.objects.values_list("package__name", "number")) == {("@uma/x", "1.0.0")}


def test_without_verdaccios_list_folders_with_own_versions_count(there, uma):
    there.publish("@uma/x")
    there.mirror("@uma/theirs")
    (there.storage / ".verdaccio-db.json").unlink()
    run(there)
    assert list(Package.objects.values_list("name", flat=True)) == ["@uma/x"]


def test_the_storage_folder_itself_does(there, uma):
    there.publish("@uma/x")
    call_command("import_verdaccio", str(there.storage), stdout=StringIO())
    assert Version.objects.count() == 1


def test_a_bad_version_is_told_and_the_rest_goes_on(there, uma):
    there.publish("@uma/x", "1.0.0")
    there.publish("@uma/x", "1.1.0")
    there.publish("@uma/x", "1.2.0")
    there.tarball("@uma/x", "1.1.0").unlink()
    there.tarball("@uma/x", "1.2.0").write_bytes(there.tarball("@uma/x", "1.0.0").read_bytes())
    there.publish("@uma/y")
    told = run(there)
    assert "@uma/x@1.1.0: x-1.1.0.tgz is not there" in told
    assert "@uma/x@1.2.0: its bytes are not those that the source says it has" in told
    assert set(Version.objects.values_list("package__name", "number")) == {("@uma/x", "1.0.0"), ("@uma/y", "1.0.0")}
    assert "2 things did not move" in told


def test_a_tarball_that_calls_itself_otherwise_is_refused(there, uma, blob_files):
    data = there.publish("@uma/other", "1.0.0")
    there.publish("@uma/x", "1.0.0", said={"dist": {"tarball": "http://localhost/x.tgz", "integrity": integrity(data)}})
    there.tarball("@uma/x", "1.0.0").write_bytes(data)
    assert "@uma/x@1.0.0: its tarball is @uma/other@1.0.0" in run(there)
    assert Version.objects.count() == len(blob_files()) == 1


def test_the_tarballs_word_holds_where_the_packument_says_otherwise(there, uma, npm):
    there.publish("@uma/x", "1.0.0", scripts={"postinstall": "node a"}, said={"scripts": {}})
    told = run(there)
    assert "its package.json says other scripts" in told
    assert document(npm, "@uma/x", uma)["versions"]["1.0.0"]["hasInstallScript"] is True


def test_a_report_has_a_line_for_each_version(there, uma, tmp_path):
    data = there.publish("@uma/x", "1.0.0")
    there.publish("@uma/x", "1.1.0")
    there.tarball("@uma/x", "1.1.0").unlink()
    run(there, "--report", str(tmp_path / "report.csv"))
    with (tmp_path / "report.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["version"], row["result"], row["compared with"]) for row in rows] == [
        ("1.0.0", "brought in", "sha512"),
        ("1.1.0", "refused", "sha512"),
    ]
    assert rows[0]["there"] == rows[0]["here"] == integrity(data)
    assert rows[0]["bytes"] == str(len(data))


def test_a_very_old_version_is_compared_by_its_sha1(there, uma):
    there.publish("@uma/x", "1.0.0")
    there.edit("@uma/x", lambda document: document["versions"]["1.0.0"]["dist"].pop("integrity"))
    assert "1 by sha1" in run(there)


# --- folders that somebody prepared --------------------------------------------------------------------------------


@pytest.fixture
def outside(tmp_path):
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "package.json").write_text('{"name": "@uma/x", "versions": {}}')
    (folder / "x-1.0.0.tgz").write_bytes(b"secret")
    return folder


def test_links_lead_nowhere(there, uma, outside):
    there.publish("@uma/x")
    there.publish("@uma/y")
    there.tarball("@uma/x", "1.0.0").unlink()
    there.tarball("@uma/x", "1.0.0").symlink_to(outside / "x-1.0.0.tgz")
    (there.place("@uma/y") / "package.json").unlink()
    (there.place("@uma/y") / "package.json").symlink_to(outside / "package.json")
    there.place("@uma/z").symlink_to(outside, target_is_directory=True)
    (there.storage / "@else").symlink_to(outside, target_is_directory=True)
    there.listed(["@uma/x", "@uma/y", "@uma/z", "@else/x"])
    told = run(there)
    assert told.count("is a link, or lies behind one") == 4
    assert not Package.objects.exists()


@pytest.mark.parametrize(
    "name", ["../../etc", "@uma/../../x", "@../x", "/etc/passwd", "@uma/x/y", "", "@uma/X", ".git", "a\0b", "\x1b[2Jx"]
)
def test_names_that_are_none_are_never_paths(there, uma, name, tmp_path):
    there.publish("@uma/x")
    there.listed([name, "@uma/x"])
    told = run(there)
    assert Version.objects.count() == 1
    assert "it cannot be called that here" in told
    assert "\x1b" not in told
    assert "\0" not in told


def test_a_file_that_never_ends_is_none(there, uma):
    there.publish("@uma/x")
    there.tarball("@uma/x", "1.0.0").unlink()
    os.mkfifo(there.tarball("@uma/x", "1.0.0"))
    assert "is no file" in run(there)
    assert not Package.objects.exists()


def test_what_is_too_large_is_refused(there, uma, settings, monkeypatch):
    settings.MAX_TARBALL = 100
    there.publish("@uma/x")
    there.publish("@uma/y")
    monkeypatch.setattr(reading, "MOST_BYTES", 5_000)
    (there.place("@uma/y") / "package.json").write_text(" " * 5_001)
    told = run(there)
    assert "the tarball is over" in told
    assert "package.json is over" in told
    assert not Package.objects.exists()
    assert not list(settings.SPOOL_DIR.glob("*.tgz"))


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{", '{"name": "@uma/other", "versions": {}}', '{"name": "@uma/x"}']
)
def test_what_is_no_packument_is_refused(there, uma, text):
    there.publish("@uma/x")
    (there.place("@uma/x") / "package.json").write_text(text)
    assert "@uma/x: " in run(there)
    assert not Package.objects.exists()


def test_a_path_in_a_packument_is_never_followed(there, uma, outside):
    there.publish("@uma/x", said={"dist": {"tarball": f"http://localhost/{outside}/x-1.0.0.tgz", "shasum": "0" * 40}})
    assert "its bytes are not those that the source says" in run(there)


def test_a_config_that_cannot_be_read_stops_it(there, uma):
    there.publish("@uma/x")
    there.config("'!@uma/*': {access: bob}", "'**': {access: $all}")
    told = run(there)
    assert "the pattern !@uma/* cannot be read here" in told
    assert not Package.objects.exists()


def test_times_from_the_future_are_now(there, uma):
    there.publish("@uma/x")
    there.edit("@uma/x", lambda document: document["time"].update({"1.0.0": "2999-01-01T00:00:00.000Z"}))
    run(there)
    assert Version.objects.get().published_at.year < 2999


def test_what_no_rule_names_is_nobodys_there_and_nobodys_here(there, acme, alice):
    there.publish("@acme/secret", "1.0.0", by="zed")
    there.config("'@other/*': {access: $all, publish: $authenticated}")
    run(there)
    package = Package.objects.get(name="@acme/secret")
    assert package.access == "restricted"
    assert not package.team_grants.exists()


def test_bytes_that_were_swept_while_others_were_fetched_are_not_listed(there, uma, monkeypatch):
    for number in ("1.0.0", "2.0.0"):
        there.publish("@uma/x", number, by="uma")
    real = ledger.note

    def note(*words: str) -> None:
        monkeypatch.setattr(blobs, "YOUNG", 0)  # a machine that slept meanwhile
        real(*words)

    monkeypatch.setattr(ledger, "note", note)
    assert "it took too long" in run(there)
    assert not Version.objects.exists()
    monkeypatch.undo()
    assert "2 versions came in" in run(there)
