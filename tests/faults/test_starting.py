"""What does not fit together does not start, with a sentence: two servers, another storage, settings that cannot be."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

import pytest

from packages import belonging
from registry_site import sole
from tests.faults import harness
from tests.faults.harness import Host, oracle
from tests.faults.hosts import wait_until
from tests.faults.load import Told, ask, pack, publish, tarball_path
from tests.tools import object_store
from tests.tools.server import ROOT, NotStarted

# --- two servers on one SQLite file -----------------------------------------------------------------------------------


def refused(host: Host) -> str:
    """What a server said that does not start."""
    host.environ["PORT"] = "1"  # it does not get so far
    done = subprocess.run(
        [*host.command, "-c", "gunicorn.conf.py", host.application], cwd=ROOT, env=host.environ, text=True,
        capture_output=True, timeout=120,
    )  # fmt: skip
    assert done.returncode != 0, done.stdout
    return done.stderr


def test_of_two_servers_on_one_sqlite_file_the_second_one_does_not_start(place):
    told = Told()
    with Host(place) as host:
        assert publish(host.port, place.token["alice"], pack("@acme/one", "1.0.0"), told).status == 201
        assert f"process {host.pid} on" in (said := refused(Host(place)))
        assert "DATABASE_URL" in said
        oracle(host, told, whole=False)
        host.kill("all")
        left = host.data_dir / "spool/mirror-left.tgz"
        left.parent.mkdir(exist_ok=True)
        left.touch()
        os.utime(left, (0, 0))
        host.start_again()  # the kernel let go of it
        oracle(host, told, whole=False)
        wait_until(lambda: not left.exists())


def test_one_on_another_machine_is_noticed_by_what_it_writes(tmp_path):
    """No lock reaches over a network file system for sure. Another kernel's server is looked at, whether it lives."""
    database = tmp_path / "registry.sqlite3"
    signed = tmp_path / "registry.sqlite3.server"
    signed.write_text('{"machine": "another", "host": "far", "process": 7}')
    code = "from registry_site import sole; import os, sys; sole.BEAT = 0.3\ntry: sole.hold(os.environ)\n"
    code += "except sole.Taken as error: sys.exit(str(error))"
    environ = {**os.environ, "DATABASE_URL": f"sqlite:///{database}"}
    beats = f"import os, time\nwhile True: os.utime({str(signed)!r}); time.sleep(0.1)"
    other = subprocess.Popen([sys.executable, "-c", beats])
    try:
        time.sleep(0.3)
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True)
        assert "process 7 on far serves" in done.stderr
        assert done.returncode == 1
    finally:
        other.kill()
        other.wait()
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "another" not in signed.read_text()


def test_a_network_file_system_is_told_from_a_disk(monkeypatch, tmp_path):
    lines = f"1 0 8:1 / / rw - ext4 /dev/sda rw\n2 1 0:5 / {tmp_path} rw shared:1 - nfs4 far:/x rw\n"
    monkeypatch.setattr(sole.Path, "read_text", lambda self: lines)
    assert sole.network_of(tmp_path / "registry.sqlite3") == "nfs4"
    assert sole.network_of(tmp_path.parent / "registry.sqlite3") == ""


# --- a storage and a database that do not belong together --------------------------------------------------------


def published(place: harness.Place) -> Told:
    """A registry that ran, with a version in it."""
    told = Told()
    with Host(place) as host:
        assert "data:" in host.manage("prepare").stdout
        assert publish(host.port, place.token["alice"], pack("@acme/kept", "1.0.0"), told).status == 201
    return told


@pytest.mark.parametrize("store", ["folder", "s3"])
def test_an_empty_storage_in_the_place_of_the_one_it_had_is_refused(tmp_path, store):
    with harness.Place("sqlite", store, tmp_path / "place") as place:
        told, was = published(place), place.environ["STORAGE_URL"]
        place.environ["STORAGE_URL"] = object_store.shared().address() if store == "s3" else f"{was}-other"
        host = Host(place)
        done = host.manage("prepare", check=False)
        assert done.returncode != 0
        assert "STORAGE_URL" in done.stderr
        if store == "folder":
            with pytest.raises(NotStarted, match="STORAGE_URL"), host:
                pass
        place.environ["STORAGE_URL"] = was
        with Host(place) as back:
            oracle(back, told)


def test_another_registrys_storage_is_refused(tmp_path):
    with harness.Place("sqlite", "folder", tmp_path / "place") as place:
        published(place)
        marker = place.blobs / belonging.MARKER
        marker.write_text("0" * len(marker.read_text()))
        done = Host(place).manage("prepare", check=False)
        assert done.returncode != 0
        assert "another registry" in done.stderr
        place.empty()  # neither does a new database take somebody's tarballs for its own
        done = Host(place).manage("prepare", check=False)
        assert done.returncode != 0
        assert "another registry" in done.stderr
        assert "manage.py restore" in done.stderr


def test_whoever_means_it_says_so(tmp_path):
    """Tarballs that were copied by hand, without the marker: looked at, and taken over."""
    with harness.Place("sqlite", "folder", tmp_path / "place") as place:
        told = published(place)
        (place.blobs / belonging.MARKER).unlink()
        assert "STORAGE_URL" in Host(place).manage("prepare", check=False).stderr
        Host(place).manage("prepare", "--adopt-storage")
        with Host(place) as host:
            oracle(host, told)


def test_a_folder_that_is_swapped_while_it_serves_is_503_and_takes_nothing(place):
    """A volume that went away leaves an empty folder: a listed version is never 404, and nothing is written there."""
    with Host(place) as host:
        told, token = Told(), place.token["alice"]
        assert publish(host.port, token, pack("@acme/swap", "1.0.0"), told).status == 201
        aside = place.blobs.with_name("aside")
        place.blobs.rename(aside)
        for made in (False, True):
            if made:
                place.blobs.mkdir()
            answer = ask(host.port, "GET", tarball_path("@acme/swap", "1.0.0"), token)
            assert (answer.status, "retry-after" in answer.headers) == (503, True)
            answer = publish(host.port, token, pack("@acme/swap", f"1.1.{int(made)}"), told)
            assert (answer.status, "retry-after" in answer.headers) == (503, True)
            assert ask(host.port, "GET", "/healthz/ready").status == 503
            time.sleep(1.1)  # one look of the health page serves a second
        assert not list(place.blobs.glob("??/??/*"))
        shutil.rmtree(place.blobs)
        aside.rename(place.blobs)
        for sent in list(told.unsettled.values()):
            assert harness.settled(host, sent, told, "alice")
        oracle(host, told)


# --- settings -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"DATABASE_URL": "mysql://x/y"}, "DATABASE_URL"),
        ({"STORAGE_URL": "ftp://x/y"}, "STORAGE_URL"),
        ({"STORAGE_URL": "file:///proc/none"}, "Storage"),
        ({"PUBLIC_URL": "npm.example.com"}, "PUBLIC_URL"),
        ({"REGISTRY_HOST": "npm.example.com"}, "PUBLIC_URL"),
        ({"MAX_TARBALL_MB": "none"}, "MAX_TARBALL_MB"),
        ({"SECRET_KEY_FILE": "/nowhere"}, "SECRET_KEY"),
    ],
)
def test_what_cannot_be_stops_the_start_with_its_name(place, environ, said):
    host = Host(place, environ)
    host.environ.pop("SECRET_KEY" if "SECRET_KEY_FILE" in environ else "", None)
    done = host.manage("prepare", check=False)
    assert done.returncode != 0
    assert said in done.stderr


def test_a_key_that_is_weak_and_a_link_nobody_reaches_are_said(place):
    done = Host(place, {"SECRET_KEY": "secret", "PUBLIC_URL": "http://npm.example.com"}).manage("prepare")
    assert "SECRET_KEY is weak" in done.stderr
    assert "without https" in done.stderr
