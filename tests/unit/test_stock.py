"""The mirror's stock: kept within limits, filled from lockfiles, carried in a file; never ours, and never wrong."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from datetime import timedelta

import orjson
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.actor import operator
from accounts.models import AuditEvent
from packages import blobs, quarantine
from packages.lockfiles import Pinned
from packages.models import (
    DownloadCount,
    DownloadRecord,
    Mirror,
    MirrorAlert,
    MirrorDocument,
    MirrorVersion,
    Package,
    Version,
)
from packages.stock import bundles, exporting, importing, pruning, tidying, wanted, warming
from packages.stock.pruning import Limits
from packages.sweeping import unnamed
from registry_site.errors import Conflict, Malformed, NotAllowed
from tests.tools.sessions import sign_in

pytestmark = pytest.mark.django_db


def fetch(npm, name: str, number: str = "1.0.0") -> bytes:
    answer = npm.get(f"/{name}/-/{name.rpartition('/')[2]}-{number}.tgz")
    assert answer.status_code == 200, answer.content
    return answer.getvalue()


def used(name: str, number: str, days: int) -> None:
    """Let its last download be so many days ago."""
    version = Version.objects.get(package__name=name, number=number)
    day = (timezone.now() - timedelta(days=days)).date()
    DownloadCount.objects.filter(version=version).delete()
    DownloadCount.objects.create(package=version.package, version=version, day=day, count=3)


@pytest.fixture
def stocked(npm, upstream):
    """Three mirrored versions, last used 50, 20 and 1 days ago."""
    for number, days in (("1.0.0", 50), ("2.0.0", 20), ("3.0.0", 1)):
        upstream.publish("left-pad", number)
        Mirror.objects.update(checked_at=None)
        fetch(npm, "left-pad", number)
        used("left-pad", number, days)
    npm.get("/left-pad")  # the full form
    return Package.objects.get(name="left-pad")


def here() -> set[str]:
    return set(Version.objects.filter(package__mirrored=True).values_list("number", flat=True))


# --- limits -----------------------------------------------------------------------------------------------------------


def test_what_nobody_used_for_long_goes_and_comes_back_when_it_is_asked_for(npm, upstream, stocked, blob_files):
    before = MirrorVersion.objects.get(number="1.0.0").integrity
    gone = pruning.prune(operator(), Limits(days=30))
    assert (here(), len(blob_files())) == ({"2.0.0", "3.0.0"}, 2)
    assert gone.size > 0
    row = MirrorVersion.objects.get(number="1.0.0")
    assert (row.version, row.integrity) == (None, before)
    assert npm.get("/left-pad").json()["versions"].keys() == {"1.0.0", "2.0.0", "3.0.0"}
    asked = len(upstream.asked("/left-pad/-/left-pad-1.0.0.tgz"))
    assert fetch(npm, "left-pad", "1.0.0") == upstream.tarball("/left-pad/-/left-pad-1.0.0.tgz")
    assert len(upstream.asked("/left-pad/-/left-pad-1.0.0.tgz")) == asked + 1
    event = AuditEvent.objects.get(action="mirror.pruned")
    assert (event.credential, event.facts["versions"]) == ("operator", ["left-pad@1.0.0"])


def test_bytes_that_changed_while_a_tarball_was_away_are_still_refused(npm, upstream, stocked):
    pruning.prune(operator(), Limits(days=30))
    upstream.publish("left-pad", "1.0.0", {"index.js": "evil"})
    Mirror.objects.update(checked_at=None)
    assert npm.get("/left-pad/-/left-pad-1.0.0.tgz").status_code == 502
    assert "1.0.0" not in here()


def test_over_the_size_the_least_recently_used_go_first(stocked, monkeypatch):
    monkeypatch.setattr(pruning, "MEGABYTE", 1)
    sizes = dict(Version.objects.values_list("number", "size"))
    pruning.prune(operator(), Limits(megabytes=sizes["2.0.0"] + sizes["3.0.0"]))
    assert here() == {"2.0.0", "3.0.0"}
    pruning.prune(operator(), Limits(megabytes=1))
    assert here() == set()


def test_a_tarball_that_was_never_downloaded_is_as_old_as_its_arrival(stocked):
    DownloadCount.objects.all().delete()
    assert pruning.surplus(Limits(days=1)).chosen == []


def test_the_latest_that_goes_is_no_longer_led_with(npm, stocked):
    assert stocked.latest.number == "3.0.0"
    used("left-pad", "3.0.0", 99)
    pruning.prune(operator(), Limits(days=30))
    stocked.refresh_from_db()
    assert stocked.latest is None
    assert npm.get("/left-pad").json()["dist-tags"] == {"latest": "3.0.0"}
    fetch(npm, "left-pad", "3.0.0")
    stocked.refresh_from_db()
    assert stocked.latest.number == "3.0.0"


def test_ours_never_go_whatever_the_limits_say(alice, acme, publish, stocked, blob_files):
    publish(alice, "@acme/x")
    used("@acme/x", "1.0.0", 999)
    pruning.prune(operator(), Limits(days=1, megabytes=1))
    assert Version.objects.filter(package__name="@acme/x").exists()
    assert not {str(version) for version, _ in pruning.surplus(Limits(days=1)).shown(9)} & {"@acme/x@1.0.0"}


def test_what_is_held_and_what_upstream_took_away_stays(upstream, stocked, npm):
    quarantine.hold(operator(), "left-pad", "1.0.0", "looks odd")
    upstream.remove("left-pad", "2.0.0")
    Mirror.objects.update(checked_at=None)
    npm.get("/left-pad")
    used("left-pad", "3.0.0", 99)
    pruning.prune(operator(), Limits(days=10))
    assert here() == {"1.0.0", "2.0.0"}


def test_records_of_who_downloaded_it_stay(stocked):
    DownloadRecord.objects.create(name="left-pad", number="1.0.0", mirrored=True, caller="x", day=timezone.now().date())
    pruning.prune(operator(), Limits(days=30))
    assert DownloadRecord.objects.filter(number="1.0.0").exists()


def test_a_download_that_has_begun_reads_to_its_end(npm, upstream, stocked):
    answer = npm.get("/left-pad/-/left-pad-1.0.0.tgz")
    used("left-pad", "1.0.0", 99)
    pruning.prune(operator(), Limits(days=30))
    assert "1.0.0" not in here()
    assert answer.getvalue() == upstream.tarball("/left-pad/-/left-pad-1.0.0.tgz")


def test_after_a_crash_between_row_and_bytes_the_sweep_takes_the_bytes(stocked, monkeypatch, blob_files):
    monkeypatch.setattr(blobs, "discard", lambda key: (_ for _ in ()).throw(OSError("the power went")))
    with pytest.raises(OSError, match="power"):
        pruning.prune(operator(), Limits(days=30))
    assert (here(), len(blob_files())) == ({"2.0.0", "3.0.0"}, 3)
    assert len(list(unnamed(older_than=-60))) == 1


def test_nobody_but_an_operator_prunes_and_nobody_does_offline(alice, stocked, settings):
    with pytest.raises(NotAllowed):
        pruning.prune(alice, Limits(days=1))
    settings.UPSTREAM_OFFLINE = True
    settings.MIRROR_MAX_DAYS = 1
    with pytest.raises(Conflict, match="offline"):
        pruning.prune(operator(), Limits(days=1))
    pruning.daily(operator())
    assert len(here()) == 3


def run(*words: str) -> str:
    output = io.StringIO()
    call_command(*words, stdout=output, stderr=output)
    return output.getvalue()


def test_the_command_shows_what_would_go_and_removes_nothing_when_dry(stocked):
    said = run("mirror_prune", "--dry-run", "--older-than", "30")
    assert "left-pad@1.0.0" in said
    assert "last used" in said
    assert "1 mirrored tarballs would go" in said
    assert len(here()) == 3
    assert "no limit is set" in run("mirror_prune", "--dry-run")
    assert "1 mirrored tarballs removed" in run("mirror_prune", "--older-than", "30")
    assert len(here()) == 2


def test_the_daily_job_keeps_to_the_settings(stocked, settings):
    settings.MIRROR_MAX_DAYS = 30
    pruning.daily(operator())
    assert here() == {"2.0.0", "3.0.0"}


# --- what is cheap to make again --------------------------------------------------------------------------------------


def test_g6_answers_that_there_is_no_such_package_do_not_pile_up(db, monkeypatch):
    now = timezone.now()
    old, young = now - timedelta(hours=25), now - timedelta(hours=1)
    rows = [Mirror(name=f"no-{n}", state="missing", checked_at=old) for n in range(150)]
    rows += [Mirror(name=f"young-{n}", state="missing", checked_at=young - timedelta(seconds=n)) for n in range(10)]
    rows += [Mirror(name="failing", failed_at=old), Mirror(name="fails-now", failed_at=now), Mirror(name="offline")]
    rows += [Mirror(name="asked-now", leased_until=now + timedelta(minutes=1))]
    Mirror.objects.bulk_create(rows)
    kept = Mirror.objects.create(name="was-shadowed", state="missing", checked_at=old)
    MirrorVersion.objects.create(
        mirror=kept, number="1.0.0", tarball="https://registry.example/x", integrity="sha512-x"
    )
    monkeypatch.setattr(tidying, "MOST_MISSING", 4)
    assert tidying.tidy()["missing"] == 158
    left = set(Mirror.objects.values_list("name", flat=True))
    assert left == {"young-0", "young-1", "young-2", "young-3", "fails-now", "asked-now", "was-shadowed"}


def test_documents_of_no_use_go(npm, upstream):
    upstream.publish("left-pad")
    upstream.publish("right-pad")
    npm.get("/left-pad")
    npm.get("/right-pad")
    assert MirrorDocument.objects.count() == 2
    assert tidying.tidy()["documents"] == 0
    Mirror.objects.filter(name="left-pad").update(revision=9)
    Mirror.objects.filter(name="right-pad").update(checked_at=timezone.now() - timedelta(days=20))
    assert tidying.tidy()["documents"] == 2
    assert npm.get("/left-pad").status_code == 200


def test_packuments_that_nobody_asks_for_are_forgotten_but_not_their_digests(npm, upstream, stocked, settings):
    upstream.publish("right-pad")
    npm.get("/right-pad")
    Mirror.objects.update(checked_at=timezone.now() - timedelta(days=100))
    settings.UPSTREAM_OFFLINE = True
    assert tidying.tidy()["packuments"] == 0
    settings.UPSTREAM_OFFLINE = False
    assert tidying.tidy()["packuments"] == 1
    row = Mirror.objects.get(name="right-pad")
    assert (bytes(row.source), row.state, row.versions.count()) == (b"", "new", 1)
    assert bytes(Mirror.objects.get(name="left-pad").source)
    assert fetch(npm, "right-pad")  # as npm ci does, which asks for no packument
    assert npm.get("/right-pad").json()["versions"].keys() == {"1.0.0"}


# --- lockfiles --------------------------------------------------------------------------------------------------------


def lock(tmp_path, upstream, *names: str, **more):
    """A package-lock.json that asks for versions, as links of this upstream or of the host that is given."""
    entries = {"": {"name": "app"}} | more
    for each in names:
        name, _, number = each.rpartition("@")
        link = f"{upstream.url}/{name}/-/{name.rpartition('/')[2]}-{number}.tgz"
        entries[f"node_modules/{name}"] = {"version": number, "resolved": link}
    path = tmp_path / "package-lock.json"
    path.write_text(json.dumps({"lockfileVersion": 3, "packages": entries}))
    return str(path)


def test_what_is_ours_or_of_a_stranger_is_never_asked_upstream(alice, acme, publish, upstream, tmp_path, settings):
    publish(alice, "@acme/x")
    settings.RESERVED_NAMES = ["secret-*"]
    foreign = {"version": "1.0.0", "resolved": "https://npm.corp.example/corp/-/corp-1.0.0.tgz"}
    aside = {"resolved": "git+ssh://git@code.example/y.git#1", "version": "1.0.0"}
    path = lock(
        tmp_path, upstream, "@acme/x@1.0.0", "@acme/new@1.0.0", "secret-x@1.0.0", "left-pad@1.0.0",
        **{"node_modules/corp": foreign, "node_modules/y": aside, "node_modules/../../x": {"version": "1.0.0"}},
    )  # fmt: skip
    found = wanted.read([path])
    assert list(found.names) == ["left-pad"]
    assert [each.name for each in found.ours] == ["@acme/new", "@acme/x", "secret-x"]
    assert [(each.name, each.host) for each in found.foreign] == [("corp", "npm.corp.example")]
    assert [each.name for each in found.elsewhere] == ["y", "../../x"]
    assert list(wanted.read([path], ["npm.corp.example"]).names) == ["corp", "left-pad"]


def test_a_link_to_the_registry_of_one_scope_means_no_name_of_another(upstream, tmp_path, settings):
    settings.ALLOWED_HOSTS = ["npm.example.com"]
    settings.UPSTREAMS = [{"scope": "@lab", "url": "https://lab.example", "token": ""}]
    entries = {
        f"node_modules/{name}": {"version": "1.0.0", "resolved": f"https://{host}/{name}/-/x-1.0.0.tgz"}
        for name, host in (("@lab/x", "lab.example"), ("x", "lab.example"), ("@other/x", "NPM.example.com:8443"))
    }
    found = wanted.read([lock(tmp_path, upstream, **entries)])
    assert list(found.names) == ["@lab/x", "@other/x"]
    assert [each.name for each in found.foreign] == ["x"]


def test_warm_fetches_everything_once_and_says_what_failed(upstream, tmp_path):
    for name in ("left-pad", "@types/node", "ms"):
        upstream.publish(name, "1.0.0")
        upstream.publish(name, "2.0.0")
    path = lock(tmp_path, upstream, "left-pad@1.0.0", "@types/node@2.0.0", "ms@1.0.0", "not-there@1.0.0", "ms2@9.9.9")
    with pytest.raises(CommandError, match="2 are not here"):
        run("mirror_warm", path, "--jobs", "1")
    assert {str(version) for version in Version.objects.all()} == {"left-pad@1.0.0", "@types/node@2.0.0", "ms@1.0.0"}
    asked = len(upstream.requests)
    outcomes = list(warming.warm(operator(), wanted.read([path]), threads=1))
    assert sum(outcome.was_here for outcome in outcomes) == 3
    assert not [each for each in upstream.requests[asked:] if each.path.endswith(".tgz") or each.path == "/left-pad"]


def test_warm_lists_what_it_leaves_alone(alice, acme, upstream, tmp_path):
    upstream.publish("left-pad")
    entries = {
        "node_modules/@acme/x": {"version": "1.0.0"},
        "node_modules/corp": {"version": "1.0.0", "resolved": "https://npm.corp.example/corp/-/corp-1.0.0.tgz"},
        "node_modules/y": {"version": "1.0.0", "resolved": "git+ssh://git@code.example/y.git#1"},
    }
    said = run("mirror_warm", lock(tmp_path, upstream, "left-pad@1.0.0", **entries), "--jobs", "1")
    assert "1 versions are ours, and need no fetching" in said
    assert "not from a registry, left out: y (git+ssh://git@code.example/y.git#1)" in said
    assert "--host npm.corp.example takes it from upstream" in said
    assert "1 of 1 versions are here" in said
    assert not upstream.heard("corp")
    assert not upstream.heard("acme")


def test_warm_says_that_a_lockfile_wants_other_bytes(upstream):
    upstream.publish("left-pad")
    other = "sha512-" + "A" * 86 + "=="
    asked = wanted.Wanted(names={"left-pad": [Pinned("left-pad", "1.0.0", other)]})
    for _ in range(2):
        (outcome,) = warming.warm(operator(), asked, threads=1)
        assert "other bytes" in outcome.failure


@pytest.mark.django_db(transaction=True)
def test_warm_with_threads(upstream, tmp_path):
    names = [f"pad-{n}" for n in range(8)]
    for name in names:
        upstream.publish(name)
    path = lock(tmp_path, upstream, *(f"{name}@1.0.0" for name in names))
    assert "8 of 8 versions are here" in run("mirror_warm", path)
    assert Version.objects.count() == 8


def test_warm_without_an_upstream_says_so(db, tmp_path, upstream, settings):
    path = lock(tmp_path, upstream, "left-pad@1.0.0")
    settings.UPSTREAM_URL = ""
    with pytest.raises(CommandError, match="UPSTREAM_URL"):
        run("mirror_warm", path)
    with pytest.raises(CommandError, match="cannot be read"):
        run("mirror_warm", str(tmp_path / "none/package-lock.json"))


# --- one file for a machine without a network -------------------------------------------------------------------------


@pytest.fixture
def bundle(stocked, upstream, npm, tmp_path):
    """A file with left-pad in three versions and @types/node in one."""
    upstream.publish("@types/node", "22.0.0")
    fetch(npm, "@types/node", "22.0.0")
    path = tmp_path / "mirror.tar"
    said = run("mirror_export", str(path), "--all")
    assert "2 packages with 4 tarballs" in said
    return path


def empty_mirror() -> None:
    """As on another machine: nothing of upstream was ever seen."""
    Version.objects.filter(package__mirrored=True).delete()
    Mirror.objects.all().delete()
    Package.objects.filter(mirrored=True).delete()
    MirrorAlert.objects.all().delete()


def take(path) -> importing.Imported:
    done = importing.Imported()
    with path.open("rb") as source:
        for _ in importing.packages(operator(), importing.begin(operator(), source), done):
            pass
    return done


def test_a_file_brings_everything_to_a_machine_without_a_network(bundle, npm, upstream, settings):
    before = npm.get("/left-pad").json()
    bytes_of = upstream.tarball("/left-pad/-/left-pad-2.0.0.tgz")
    empty_mirror()
    upstream.stop()
    settings.UPSTREAM_OFFLINE = True
    said = run("mirror_import", str(bundle))
    assert "4 tarballs of 2 packages came in" in said
    assert npm.get("/left-pad").json() == before
    assert fetch(npm, "left-pad", "2.0.0") == bytes_of
    assert npm.get("/@types%2fnode").status_code == 200
    assert MirrorVersion.objects.get(number="2.0.0").tarball == f"{upstream.url}/left-pad/-/left-pad-2.0.0.tgz"
    assert "0 tarballs of 0 packages came in, 4 were here" in run("mirror_import", str(bundle))
    assert AuditEvent.objects.filter(action="mirror.imported").count() == 2
    assert not MirrorAlert.objects.exists()


def test_the_file_is_a_plain_tar_that_begins_with_its_manifest(bundle):
    with tarfile.open(bundle) as tar:
        names = tar.getnames()
        manifest = json.load(tar.extractfile("manifest.json"))
    assert names[0] == "manifest.json"
    assert len(names) == 7
    assert manifest["format"] == 1
    assert not [name for name in names if name.startswith(("/", ".")) or ".." in name]


def test_of_lockfiles_only_what_they_ask_for_and_all_of_it(bundle, upstream, tmp_path):
    path = lock(tmp_path, upstream, "left-pad@1.0.0")
    assert "1 packages with 1 tarballs" in run("mirror_export", str(tmp_path / "one.tar"), "--lockfile", path)
    path = lock(tmp_path, upstream, "left-pad@1.0.0", "ms@1.0.0")
    with pytest.raises(CommandError, match=r"not here yet: ms@1\.0\.0; run mirror_warm first"):
        run("mirror_export", str(tmp_path / "two.tar"), "--lockfile", path)
    assert not list(tmp_path.glob("two.tar*"))


def test_what_is_in_quarantine_is_not_given_away(stocked, upstream, tmp_path):
    quarantine.hold(operator(), "left-pad", "1.0.0", "looks odd")
    assert "left out" in run("mirror_export", str(tmp_path / "all.tar"), "--all")
    path = lock(tmp_path, upstream, "left-pad@1.0.0")
    with pytest.raises(CommandError, match="1 versions that the lockfiles ask for are not in it"):
        run("mirror_export", str(tmp_path / "one.tar"), "--lockfile", path)
    with (tmp_path / "all.tar").open("rb") as file:
        (package,) = bundles.Reader(file).packages
    assert list(package.tarballs) == ["2.0.0", "3.0.0"]


def test_what_is_in_quarantine_here_does_not_come_in(bundle):
    Version.objects.filter(number="1.0.0").delete()
    MirrorVersion.objects.filter(number="1.0.0").update(quarantined_at=timezone.now(), quarantine_reason="odd")
    assert take(bundle).problems == ["left-pad@1.0.0: it is in quarantine here"]
    assert "1.0.0" not in here()


def test_what_is_ours_here_is_not_taken_from_a_file(bundle, alice, acme, publish, settings):
    empty_mirror()
    settings.RESERVED_NAMES = ["left-*"]
    done = take(bundle)
    assert done.problems == ["left-pad: this name is ours, and nothing of upstream is kept under it"]
    assert not Mirror.objects.filter(name="left-pad").exists()
    assert {version.package.name for version in Version.objects.all()} == {"@types/node"}


def test_what_was_first_said_of_bytes_is_never_changed_by_a_file(bundle, npm, upstream):
    empty_mirror()
    other = upstream.publish("left-pad", "1.0.0", {"index.js": "other"})
    fetch(npm, "left-pad", "1.0.0")
    frozen = MirrorVersion.objects.get(number="1.0.0", mirror__name="left-pad").integrity
    done = take(bundle)
    assert [each for each in done.problems if each.startswith("left-pad@1.0.0: it is here already")]
    assert MirrorVersion.objects.get(number="1.0.0", mirror__name="left-pad").integrity == frozen
    assert fetch(npm, "left-pad", "1.0.0") == other


def test_bytes_other_than_the_packument_says_are_not_kept(bundle, upstream, blob_files):
    empty_mirror()
    kept = len(blob_files())
    evil = upstream.publish("evil", "1.0.0")
    changed = rebuilt(bundle, lambda packages, parts: swap(packages, parts, evil))
    done = take(changed)
    assert any("its bytes are not what was first said" in each for each in done.problems)
    assert "1.0.0" not in here()
    assert len(blob_files()) == kept + 3


def rebuilt(path, change):
    """The same file, after `change` of its packages and the bytes of its parts."""
    with path.open("rb") as source:
        reader = bundles.Reader(source)
        parts = {}
        for package in reader.packages:
            parts[package.name, ""] = b"".join(reader.part(package.packument))
            for number, part in package.tarballs.items():
                parts[package.name, number] = b"".join(reader.part(part))
    change(reader.packages, parts)
    output = path.with_name("rebuilt.tar")
    with output.open("wb") as file:
        writer = bundles.Writer(file, reader.packages)
        for package in reader.packages:
            writer.add(package.packument, io.BytesIO(parts[package.name, ""]))
            for number, part in package.tarballs.items():
                writer.add(part, io.BytesIO(parts[package.name, number]))
        writer.close()
    return output


def swap(packages, parts, data: bytes, number: str = "1.0.0") -> None:
    (package,) = [each for each in packages if each.name == "left-pad"]
    parts["left-pad", number] = data
    package.tarballs[number] = bundles.Part(len(data), hashlib.sha512(data).hexdigest())


def damage(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_a_damaged_file_stops_the_import_and_nothing_unverified_is_kept(bundle, tmp_path):
    whole = bundle.read_bytes()
    for at in (0, 600, len(whole) // 2, len(whole) - 9000):
        empty_mirror()
        path = tmp_path / "damaged.tar"
        path.write_bytes(damage(whole, at))
        with pytest.raises(Malformed):
            take(path)
        for version in Version.objects.filter(package__mirrored=True).select_related("mirrored_as"):
            assert version.integrity == version.mirrored_as.integrity
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Malformed, match="ends too early"):
        take(path)
    path.write_bytes(whole[:-1024] + whole)
    with pytest.raises(Malformed, match="goes on"):
        take(path)


EMPTY = {"size": 1, "sha512": "0" * 128}


def member(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, size: int | None = None) -> bytes:
    header = tarfile.TarInfo(name)
    header.size, header.type, header.linkname = len(data) if size is None else size, kind, "/etc/passwd"
    return header.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % 512)


def manifest(*packages: dict, **more) -> bytes:
    return member("manifest.json", orjson.dumps({"format": 1, "packages": packages} | more))


ONE = {"name": "x", "upstream": "u.example", "is_full": True, "packument": EMPTY, "tarballs": {}}
HOSTILE = {
    "nothing": b"",
    "no tar": b"x" * 5000,
    "a manifest that is huge": member("manifest.json", size=2**33),
    "a manifest of a negative size": member("manifest.json", size=-5),
    "a manifest that is a link": member("manifest.json", kind=tarfile.SYMTYPE),
    "another first member": member("../../etc/cron.d/x", b"x"),
    "an extended header": member("manifest.json", b"30 path=/etc/cron.d/evil\n", tarfile.XHDTYPE),
    "not JSON": member("manifest.json", b"{"),
    "a list": member("manifest.json", b"[]"),
    "another format": manifest(format=2),
    "packages of no shape": manifest(1, 2),
    "the same name twice": manifest(ONE, ONE),
    "a host that is none": manifest(ONE | {"upstream": "u.example/../["}),
    "a name with a line end": manifest(ONE | {"name": "x\ny"}),
    "a tarball of a terabyte": manifest(ONE | {"tarballs": {"1.0.0": {"size": 2**40, "sha512": "0" * 128}}}),
    "a tarball of no digest": manifest(ONE | {"tarballs": {"1.0.0": {"size": 1, "sha512": ""}}}),
    "a packument under a path": manifest(ONE) + member("../packuments/000001.json.gz", b"x"),
    "a packument of another size": manifest(ONE) + member("packuments/000001.json.gz", b"xx"),
    "a packument that is a device": manifest(ONE) + member("packuments/000001.json.gz", b"", tarfile.CHRTYPE, 1),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_files_are_refused_in_one_sentence_and_write_nothing(what, db, tmp_path, blob_files, settings):
    path = tmp_path / "hostile.tar"
    path.write_bytes(HOSTILE[what])
    with pytest.raises(CommandError) as refused:
        run("mirror_import", str(path))
    assert str(refused.value).startswith(str(path))
    assert not Mirror.objects.exists()
    assert not blob_files()
    assert not list(settings.SPOOL_DIR.glob("*"))


def test_a_packument_that_unpacks_without_an_end_or_comes_from_the_future_is_left_out(bundle, monkeypatch):
    empty_mirror()
    monkeypatch.setattr("packages.upstream.reading.MOST_BYTES", 100)
    assert all("too large" in each for each in take(bundle).problems[:1])
    assert not Version.objects.filter(package__mirrored=True).exists()
    monkeypatch.undo()
    empty_mirror()
    monkeypatch.setattr(importing, "AHEAD", -timedelta(days=999))
    assert sorted(take(bundle).problems) == [
        "@types/node: its packument is from the future",
        "left-pad: its packument is from the future",
    ]


def test_only_operators_import(bundle, alice):
    with bundle.open("rb") as source, pytest.raises(NotAllowed):
        importing.begin(alice, source)


def test_nothing_to_export_is_said(db, tmp_path):
    with pytest.raises(CommandError, match="nothing to export"):
        run("mirror_export", str(tmp_path / "x.tar"), "--all")
    assert exporting.everything() == {}


# --- the operators' page ----------------------------------------------------------------------------------------------


@pytest.fixture
def office(client, olga):
    """A browser of the operator, who showed a moment ago who she is."""
    sign_in(client, olga)
    return client


def test_the_page_shows_what_is_held_and_what_would_go(office, stocked, settings, upstream):
    settings.MIRROR_MAX_DAYS = 30
    Mirror.objects.update(failed_at=timezone.now(), failure="it broke")
    text = office.get("/admin/mirror/").content.decode()
    for said in ("left-pad@1.0.0", "Remove 1 tarball now", f"127.0.0.1:{upstream.port}", "it broke", "all others"):
        assert said in text
    assert "left-pad@2.0.0" not in text
    assert upstream.url not in text


def test_pruning_on_the_page_is_a_post_of_an_operator(office, client, bob, stocked, settings):
    settings.MIRROR_MAX_DAYS = 30
    assert office.get("/admin/mirror/prune").status_code == 405
    answer = office.post("/admin/mirror/prune", follow=True)
    assert "1 tarballs removed" in answer.content.decode()
    assert here() == {"2.0.0", "3.0.0"}
    assert AuditEvent.objects.get(action="mirror.pruned").actor_name == "olga"
    settings.UPSTREAM_OFFLINE = True
    settings.MIRROR_MAX_DAYS = 1
    text = office.post("/admin/mirror/prune", follow=True).content.decode()
    assert "could not be fetched again" in text
    client.logout()
    sign_in(client, bob)
    for method, path in (("get", "/admin/mirror/"), ("post", "/admin/mirror/prune")):
        assert getattr(client, method)(path).status_code in (302, 403, 404)
    assert here() == {"2.0.0", "3.0.0"}


def test_the_page_asks_as_little_of_a_large_mirror(office, stocked, settings, django_assert_max_num_queries):
    settings.MIRROR_MAX_DAYS = 30
    Mirror.objects.bulk_create(
        Mirror(name=f"m-{n}", state="found", upstream="u.example", failed_at=timezone.now(), failure="x" * 300)
        for n in range(300)
    )
    office.get("/admin/mirror/")
    with django_assert_max_num_queries(16):  # three of them find out who asks
        assert office.get("/admin/mirror/").status_code == 200
