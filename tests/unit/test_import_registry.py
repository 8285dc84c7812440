"""`manage.py import_registry`: what another registry tells and sends is believed only as far as it can be checked."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from packages.models import Access, Package, Version
from packages.moving.remote import Remote
from registry_site import lines
from tests.conftest import login_token
from tests.tools.upstream_stub import JSON, UpstreamStub, integrity

AT = datetime(2020, 2, 3, 4, 5, 6, tzinfo=UTC)


@pytest.fixture
def there(settings):
    """A registry on loopback that is not our upstream."""
    settings.EGRESS_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    with UpstreamStub() as stub:
        yield stub
    lines.hang_up()


def run(there: UpstreamStub, *words: str) -> str:
    told = StringIO()
    try:
        call_command("import_registry", there.url, *words, stdout=told, stderr=told)
    except CommandError as error:
        told.write(f"FAILED {error}")
    return told.getvalue()


def answers(there: UpstreamStub, path: str, value: object) -> None:
    there.fault(path, status=200, body=json.dumps(value).encode(), headers={"Content-Type": JSON})


def test_a_scope_moves_with_times_tags_and_warnings(npm, there, uma):
    data = there.publish("@uma/x", "1.0.0", at=AT)
    there.publish("@uma/x", "2.0.0-rc.1", tag="next")
    there.publish("@other/y")
    there.edit("@uma/x", lambda document: document["versions"]["1.0.0"].update(deprecated="old"))
    told = run(there, "--scope", "@uma", "--access", "restricted")
    assert "2 versions came in" in told
    found = json.loads(npm.as_(login_token(uma)).get("@uma%2fx").content)
    assert found["dist-tags"] == {"latest": "1.0.0", "next": "2.0.0-rc.1"}
    assert found["time"]["1.0.0"] == "2020-02-03T04:05:06.000Z"
    assert found["versions"]["1.0.0"]["deprecated"] == "old"
    assert found["versions"]["1.0.0"]["dist"]["integrity"] == integrity(data)
    assert not Package.objects.filter(name="@other/y").exists()
    assert npm.get("@uma%2fx").status_code == 404


def test_names_come_from_a_file(there, uma, tmp_path):
    there.publish("@uma/x")
    there.publish("@uma/y")
    names = tmp_path / "names"
    names.write_text("# ours\n@uma/y\n\n@uma/missing # gone\n")
    told = run(there, "--list", str(names))
    assert list(Package.objects.values_list("name", flat=True)) == ["@uma/y"]
    assert "@uma/missing: it has no such package" in told


def test_all_is_what_the_registry_tells_of(there, uma):
    there.publish("@uma/x")
    there.publish("@uma/y")
    run(there, "--all")
    assert Package.objects.count() == 2


def test_npms_own_list_of_a_scope_is_asked_too(there, uma):
    there.publish("@uma/hidden")
    answers(there, "/-/v1/search", {"objects": []})
    answers(there, "/-/org/uma/package", {"@uma/hidden": "write", "@else/x": "read"})
    run(there, "--scope", "@uma")
    assert list(Package.objects.values_list("name", flat=True)) == ["@uma/hidden"]


def test_without_a_token_everything_is_public(there, uma):
    there.publish("@uma/x")
    run(there, "--scope", "@uma")
    assert Package.objects.get().access == Access.PUBLIC


def test_with_a_token_public_is_what_a_stranger_sees(there, uma, monkeypatch):
    there.publish("@uma/open")
    there.publish("@uma/shut")
    answer = there._answer

    def asked(request):
        if request.path == "/@uma/shut" and "authorization" not in request.headers:
            return type(answer(request))(404, b"{}", {"Content-Type": JSON})
        return answer(request)

    monkeypatch.setattr(there, "_answer", asked)
    run(there, "--scope", "@uma", "--token", "npm_secret")
    assert dict(Package.objects.values_list("name", "access")) == {"@uma/open": "public", "@uma/shut": "restricted"}


def test_the_token_goes_nowhere_else(there, uma, monkeypatch):
    monkeypatch.setenv("SOURCE_TOKEN", "npm_secret")
    with UpstreamStub() as other:
        data = there.publish("@uma/x")
        other.publish("@uma/x")
        there.edit("@uma/x", lambda each: each["versions"]["1.0.0"]["dist"].update(tarball=f"{other.url}/x.tgz"))
        told = run(there, "--scope", "@uma")
        assert data
        assert "leads to another host without https" in told
        assert not other.requests
    assert any("npm_secret" in each.headers.get("authorization", "") for each in there.requests)
    assert "npm_secret" not in told


def test_a_dry_run_asks_for_no_tarball(there, uma, blob_files):
    there.publish("@uma/x")
    told = run(there, "--scope", "@uma", "--dry-run")
    assert "1 versions would come in" in told
    assert not Package.objects.exists()
    assert not blob_files()
    assert not [each for each in there.requests if each.path.endswith(".tgz")]


@pytest.mark.parametrize("what", [{"cut": 50}, {"body": b"other bytes"}, {"status": 404}, {"status": 500}])
def test_a_tarball_that_does_not_arrive_whole_is_not_kept(there, uma, blob_files, what, settings):
    there.publish("@uma/x", "1.0.0")
    there.publish("@uma/y", "1.0.0")
    there.fault("/@uma/x/-/x-1.0.0.tgz", **what)
    told = run(there, "--scope", "@uma")
    assert "@uma/x" in told
    assert "FAILED" in told
    assert list(Package.objects.values_list("name", flat=True)) == ["@uma/y"]
    assert len(blob_files()) == 1
    assert not list(settings.SPOOL_DIR.glob("*.tgz"))
    there.heal()
    assert "1 versions came in" in run(there, "--scope", "@uma")


def test_what_nobody_can_reach_stops_it_after_a_while(there, uma):
    for number in range(15):
        there.publish(f"@uma/x{number}")
        there.fault(f"/@uma/x{number}", status=503)
    told = run(there, "--scope", "@uma")
    assert "run it again later, it goes on where it was" in told
    assert len({each.path for each in there.requests if each.path.startswith("/@uma/x")}) == 10


def test_names_of_people_there_give_nothing_here(there, uma, dave, bob):
    there.publish("tool")

    def change(document):
        document["maintainers"] = [{"name": "dave"}]
        document["versions"]["1.0.0"]["_npmUser"] = {"name": "dave"}

    there.edit("tool", change)
    assert "nobody here would own it" in run(there, "--all")
    run(there, "--all", "--owner", "bob")
    assert [grant.user for grant in Package.objects.get().person_grants.all()] == [bob.user]
    assert Version.objects.get().published_by is None


def test_a_file_of_people_gives_it(there, dave, tmp_path):
    there.publish("tool")
    there.edit("tool", lambda document: document.update(maintainers=[{"name": "d-there"}]))
    (tmp_path / "people").write_text("d-there dave\n")
    run(there, "--all", "--people", str(tmp_path / "people"))
    assert Package.objects.get().person_grants.get().user == dave.user


def test_inner_addresses_need_to_be_allowed(there, uma, settings):
    settings.EGRESS_ALLOWED_NETWORKS = []
    there.publish("@uma/x")
    assert "FAILED" in run(there, "--scope", "@uma")
    assert not there.requests


@pytest.mark.parametrize("url", ["ftp://example.com", "https://bob:secret@example.com", "example.com", "http://"])
def test_what_is_no_address_is_refused(db, url):
    with pytest.raises(CommandError, match="the registry is an address"):
        call_command("import_registry", url, "--all")


@pytest.mark.parametrize("scope", ["uma", "@", "@Uma", "@uma/x", "@u/../x"])
def test_what_is_no_scope_is_refused(there, scope):
    assert "is no scope" in run(there, "--scope", scope)
    assert not there.requests


@pytest.mark.parametrize(
    "shown",
    [
        {"status": 200, "body": b"<html>Sign in</html>", "headers": {"Content-Type": "text/html"}},
        {"status": 302, "body": b"", "headers": {"Location": "/@uma/open"}},
        {"status": 200, "body": b'{"name": "@uma/other"}', "headers": {"Content-Type": JSON}},
    ],
)
def test_a_page_for_strangers_makes_nothing_public(there, uma, monkeypatch, shown):
    monkeypatch.setenv("SOURCE_TOKEN", "their-token")
    there.publish("@uma/open")
    there.publish("@uma/secret")
    answer = Remote._level

    def level(self, name):
        if name.full == "@uma/secret":
            there.fault("/@uma/secret", **shown)
        return answer(self, name)

    monkeypatch.setattr(Remote, "_level", level)
    run(there, "--scope", "@uma")
    assert dict(Package.objects.values_list("name", "access")) == {"@uma/open": "public", "@uma/secret": "restricted"}


def test_a_list_that_the_token_may_not_read_is_done_without(there, uma, monkeypatch):
    monkeypatch.setenv("SOURCE_TOKEN", "their-token")
    there.publish("@uma/x")
    there.fault("/-/org/uma/package", status=403, body=b"{}", headers={"Content-Type": JSON})
    there.fault("/-/user/uma/package", status=200, body=b"<html></html>", headers={"Content-Type": "text/html"})
    assert "1 versions came in" in run(there, "--scope", "@uma")
