"""What the other files of attacks do not ask: addresses that multiply, sources that mix, files that lead elsewhere."""

from __future__ import annotations

import json
import stat

import pytest
from allauth.account.adapter import get_adapter

from packages.backup import making, snapshot
from packages.backup.place import Place, _seal
from packages.models import Document, Package, Version
from packages.moving.verdaccio import Storage
from packages.packuments.building import MOST_ADDRESSES
from registry_site.errors import Unavailable
from tests.conftest import login_token
from tests.policy.world import snapshot as world
from tests.tools import payloads
from tests.tools.sessions import sign_in

pytestmark = pytest.mark.django_db
HTML = {"accept": "text/html"}


# --- addresses ---------------------------------------------------------------------------------------------------


def test_many_ports_of_a_host_keep_few_documents(npm, uma, publish):
    publish(uma, "@uma/x", access="public")
    for port in range(8000, 8000 + 3 * MOST_ADDRESSES):
        answer = npm.get("@uma/x", host=f"localhost:{port}")
        assert f"http://localhost:{port}/npm/" in answer.json()["versions"]["1.0.0"]["dist"]["tarball"]
    assert Document.objects.count() == MOST_ADDRESSES


@pytest.mark.parametrize("host", ["localhost:" + "8" * 300, "localhost:" + "0" * 200 + "80"])
def test_an_endless_port_is_no_address(npm, client, uma, publish, host):
    publish(uma, "@uma/x", access="public")
    answer = npm.get("@uma/x", host=host)
    assert answer.status_code == 400
    assert not Document.objects.filter(base__contains="888").exists()
    assert client.get("/connect", headers=HTML | {"host": host}).status_code == 400
    assert npm.as_(login_token(uma)).put("@uma%2fy", payloads.publish_body("@uma/y", "1.0.0")).status_code == 201


# --- names ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", ["NINA  B", " nina b ", "ｎｉｎａ b", "nina\u00a0b", "nina\tb"])
def test_d13_each_spelling_that_a_directory_takes_for_a_name_is_one_try_of_that_name(rf, spelling):
    keys = {get_adapter()._get_login_attempts_cache_key(rf.get("/"), username=each) for each in ("nina b", spelling)}
    assert len(keys) == 1


# --- C21: a private name that upstream has, too ------------------------------------------------------------------


def test_c21_a_private_name_is_never_mixed_with_upstreams(npm, uma, dave, publish, upstream):
    upstream.publish("@uma/x", "9.9.9")
    publish(uma, "@uma/x", "1.0.0")
    ours = npm.as_(login_token(uma)).get("@uma/x").json()
    assert list(ours["versions"]) == ["1.0.0"]
    assert ours["dist-tags"] == {"latest": "1.0.0"}
    for caller in (npm, npm.as_(login_token(dave))):
        for path in ("@uma/x", "@uma/x/9.9.9", "@uma/x/-/x-9.9.9.tgz", "@uma/x/latest", "-/package/@uma%2fx/dist-tags"):
            assert caller.get(path).status_code == 404, path
    assert upstream.heard("uma") == []
    assert Package.objects.filter(mirrored=True).count() == 0


# --- C30: what is taken along from the admin site ------------------------------------------------------------------


def test_c30_who_takes_a_list_of_people_along_shows_once_more_who_they_are(client, uma, olga, publish):
    publish(uma, "@uma/x")
    page, sheet = "/admin/recall/@uma/x/1.0.0", "/admin/recall/@uma/x/1.0.0/downloads.csv"
    for actor, seconds, leads_to in ((uma, 0, "/admin/login/?next="), (olga, 301, "/reauthenticate?next=")):
        sign_in(client, actor, seconds_ago=seconds)
        assert client.get(sheet, headers=HTML).get("Location", "").startswith(leads_to), actor.name
    sign_in(client, olga)
    assert client.get(sheet, headers=HTML)["Content-Type"].startswith("text/csv")
    sign_in(client, olga, seconds_ago=301)
    assert client.get(page, headers=HTML).status_code == 200


@pytest.mark.parametrize(
    "path", ["/package/@acme/x/v/1.0.0/recall.csv", "/org/acme/activity.csv", "/org/acme/activity.jsonl"]
)
def test_c30_so_do_owners(client, acme, alice, dave, publish, path):
    publish(alice, "@acme/x")
    sign_in(client, dave, seconds_ago=301)
    assert client.get(path, headers=HTML).status_code in (403, 404), "a stranger hears what everybody hears"
    sign_in(client, alice, seconds_ago=301)
    assert client.get(path, headers=HTML)["Location"].startswith("/reauthenticate?next=")
    sign_in(client, alice)
    assert client.get(path, headers=HTML)["Content-Disposition"].startswith("attachment")


# --- backups: who may read them, and what they may name ----------------------------------------------------------


@pytest.fixture
def made(tmp_path, publish, uma):
    """A backup with keys, in a folder that others may look into."""
    where = tmp_path / "backups"
    where.mkdir(mode=0o755)
    publish(uma, "@uma/x")
    place = Place(str(where))
    making.make(place, making.Copied(), lambda what, count: None, keys=True)
    return place


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("folder")
def test_no_file_of_a_backup_is_for_anybody_else(made, tmp_path):
    files = [path for path in (tmp_path / "backups").rglob("*") if path.is_file()]
    assert {"keys.json", "manifest.json", "database.sqlite3.gz"} <= {path.name for path in files}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files if path.suffix != ".part"} == {0o600}


def changed(place: Place, **more) -> None:
    """Write the manifest anew, with a good seal: whoever can do that can do anything to it."""
    (path,) = place.blobs.root.parent.rglob("manifest.json")
    said = json.loads(path.read_text())
    said.pop("seal")
    said |= more
    path.write_text(json.dumps(said | {"seal": _seal(said)}))


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("key", ["../../../etc/passwd", "/etc/passwd", "2026/another/database.sqlite3.gz"])
def test_a_manifest_names_no_file_outside_of_its_backup(made, key):
    said = {"key": key, "size": 1, "sha512": "0" * 128}
    changed(made, database=said)
    with pytest.raises(Unavailable):
        made.manifest()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("folder")
def test_a_manifest_is_called_as_its_folder(made):
    changed(made, name="../../elsewhere")
    with pytest.raises(Unavailable):
        made.manifest()


@pytest.mark.django_db(transaction=True)
def test_a_row_of_a_backup_leads_to_no_path(publish, uma, tmp_path):
    publish(uma, "@uma/x")
    digest = Version.objects.get().blob.rpartition("/")[2]
    Version.objects.update(blob=f"../../etc/cron.d/{digest}"[:200])
    copy = tmp_path / "copy.sqlite3"
    snapshot.take(copy, lambda what, count: None)
    with pytest.raises(Unavailable, match="which is none"):
        list(snapshot.named(copy))


# --- moving in ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["htpasswd", "conf/htpasswd"])
def test_a_list_of_passwords_that_is_a_link_is_none(tmp_path, place):
    secret = tmp_path / "elsewhere"
    secret.write_text("root:x:0:0:root:/root:/bin/sh\n")
    folder = tmp_path / "verdaccio"
    (folder / "storage").mkdir(parents=True)
    (folder / place).parent.mkdir(exist_ok=True)
    (folder / place).symlink_to(secret)
    assert Storage(folder).passwords is None
    (folder / place).unlink()
    (folder / place).write_text("nina:$2y$x\n")
    assert Storage(folder).passwords == folder / place


# --- publishing: what has to be quick ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "readme",
    ["\n" * 200_000, "".join(f"<b title={n}>" for n in range(9_000)) + "<p>x" * 20_000, "<div>" * 50_000],
    ids=["empty lines", "what is opened anew", "what is in each other"],
)
def test_e4_a_readme_is_published_and_shown_in_no_more_than_it_says(client, uma, publish, readme):
    version = publish(uma, "@uma/x", access="public", files={"README.md": readme})
    assert len(version.readme_html) < 4 * len(readme)
    assert client.get("/package/@uma/x", headers=HTML).status_code == 200


def test_a_packument_of_upstream_that_cannot_be_written_is_refused_and_the_last_good_one_stays(npm, upstream, settings):
    settings.UPSTREAM_MAX_AGE = 0
    upstream.publish("left-pad", "1.0.0")
    assert npm.get("left-pad").status_code == 200
    deep = json.loads("[" * 400 + "]" * 400)
    upstream.edit("left-pad", lambda document: document["versions"]["1.0.0"].update(odd=deep))
    before = world()
    again = npm.get("left-pad")
    assert again.status_code in (200, 502, 503)
    assert again.status_code != 200 or list(again.json()["versions"]) == ["1.0.0"]
    assert world() == before


def test_a_packument_of_upstream_from_before_all_time_is_served_without_that_time(npm, upstream):
    upstream.publish("left-pad", "1.0.0")
    odd = {"1.0.0": "0001-01-01T00:00:00+23:59", "modified": "9999-12-31T23:59:59-23:59"}
    upstream.edit("left-pad", lambda document: document.update(time=odd))
    answer = npm.get("left-pad")
    assert answer.status_code == 200
    assert "1.0.0" not in answer.json().get("time", {})
