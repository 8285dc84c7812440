"""The document that installs read: its fields, its forms, its freshness, its cost."""

from __future__ import annotations

import gzip
import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from packages import releases, sharing
from packages.models import Document, Package, Version
from tests.conftest import login_token

ABBREVIATED = "application/vnd.npm.install-v1+json"
FULL = "application/json"
NAME = "@uma/x"
MANIFEST = {
    "description": "moves money",
    "keywords": ["a", "b"],
    "license": "MIT",
    "homepage": "https://example.com/x",
    "repository": {"type": "git", "url": "git+https://example.com/x.git"},
    "dependencies": {"left-pad": "^1.0.0"},
    "peerDependencies": {"react": "*"},
    "bin": {"x": "x.js"},
    "engines": {"node": ">=18"},
    "os": ["linux"],
    "scripts": {"postinstall": "node x.js"},
}


@pytest.fixture
def package(publish, uma) -> Package:
    publish(uma, NAME, "1.0.0", access="public", files={"x.js": "1\n", "README.md": "# One\n"}, **MANIFEST)
    publish(uma, NAME, "1.1.0-rc.1", tag="next", files={"README.md": "# Two\n"})
    return Package.objects.get()


def test_the_full_packument_has_what_npm_reads(npm, package):
    found = npm.get(NAME).json()
    assert (found["_id"], found["name"]) == (NAME, NAME)
    assert found["dist-tags"] == {"latest": "1.0.0", "next": "1.1.0-rc.1"}
    assert list(found["versions"]) == ["1.0.0", "1.1.0-rc.1"]
    assert set(found["time"]) == {"created", "modified", "1.0.0", "1.1.0-rc.1"}
    assert found["maintainers"] == [{"name": "uma", "email": "uma@noreply.invalid"}]
    assert (found["description"], found["license"], found["keywords"]) == ("moves money", "MIT", ["a", "b"])
    assert (found["readme"], found["readmeFilename"]) == ("# One\n", "README.md")
    version = found["versions"]["1.0.0"]
    assert {key: version[key] for key in ("dependencies", "bin", "engines", "os", "scripts")} == {
        key: MANIFEST[key] for key in ("dependencies", "bin", "engines", "os", "scripts")
    }
    assert version["hasInstallScript"] is True
    assert version["_npmUser"] == {"name": "uma", "email": "uma@noreply.invalid"}
    assert set(version["dist"]) == {"integrity", "shasum", "tarball", "fileCount", "unpackedSize", "signatures"}


def test_the_abbreviated_packument_has_what_an_install_needs_and_no_more(npm, package):
    answer = npm.get(NAME, accept=f"{ABBREVIATED}; q=1.0, application/json; q=0.8, */*")
    assert answer["Content-Type"] == ABBREVIATED
    found = answer.json()
    assert set(found) == {"name", "modified", "dist-tags", "versions", "time"}
    version = found["versions"]["1.0.0"]
    assert set(version) == set(
        "name version dependencies peerDependencies bin engines os dist hasInstallScript".split()
    )
    assert version["dist"] == npm.get(NAME).json()["versions"]["1.0.0"]["dist"]


def test_time_names_each_version_and_grows(npm, package):
    time = npm.get(NAME).json()["time"]
    assert time["created"] <= time["1.0.0"] <= time["1.1.0-rc.1"] <= time["modified"]
    assert all(moment.endswith("Z") and len(moment) == 24 for moment in time.values())


def test_no_address_of_a_person_is_in_a_packument(npm, package, uma):
    assert uma.user.email.encode() not in npm.get(NAME).content


def test_write_true_is_full_and_revisioned_whatever_is_accepted(npm, package):
    found = npm.get(f"{NAME}?write=true", accept=ABBREVIATED)
    assert "_rev" in found.json()
    assert found["Content-Type"] == "application/json"


FORMS = [(accept, encoding) for accept in (FULL, ABBREVIATED) for encoding in ("", "gzip", "gzip, deflate, br")]


@pytest.mark.parametrize(("accept", "encoding"), FORMS)
def test_an_etag_names_the_bytes_of_one_form_and_brings_304(npm, package, accept, encoding):
    first = npm.get(NAME, accept=accept, accept_encoding=encoding)
    assert first["ETag"].startswith('"')
    for known in (first["ETag"], f"W/{first['ETag']}", f'"other", {first["ETag"]}', "*"):
        again = npm.get(NAME, accept=accept, accept_encoding=encoding, if_none_match=known)
        assert (again.status_code, again.content) == (304, b""), known
        assert again["Vary"] == first["Vary"]
        assert again["Cache-Control"] == first["Cache-Control"]
    for known in ('"other"', "nonsense", '""'):
        assert npm.get(NAME, accept=accept, accept_encoding=encoding, if_none_match=known).status_code == 200


def test_each_form_and_encoding_has_an_etag_of_its_own(npm, package):
    etags = {
        npm.get(NAME, accept=accept, accept_encoding=each)["ETag"]
        for accept in (FULL, ABBREVIATED)
        for each in ("", "gzip")
    }
    assert len(etags) == 4
    full = npm.get(NAME)["ETag"]
    assert npm.get(NAME, accept=ABBREVIATED, if_none_match=full).status_code == 200


@pytest.mark.parametrize("accept", [FULL, ABBREVIATED])
def test_the_compressed_bytes_are_the_plain_bytes(npm, package, accept):
    plain, packed = npm.get(NAME, accept=accept), npm.get(NAME, accept=accept, accept_encoding="gzip")
    assert "Content-Encoding" not in plain
    assert packed["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.content) == plain.content
    assert "Accept-Encoding" in packed["Vary"]


CHANGES = [
    lambda publish, uma: publish(uma, NAME, "2.0.0"),
    lambda publish, uma: releases.set_tag(uma, NAME, "beta", "1.0.0"),
    lambda publish, uma: releases.deprecate(uma, NAME, {"1.0.0": "old"}),
    lambda publish, uma: sharing.grant_person(uma, NAME, "hugo", "read-write"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_shows_at_the_next_read_and_the_document_is_built_once(npm, publish, package, uma, hugo, change):
    old = npm.get(NAME)
    change(publish, uma)
    assert Document.objects.get().revision == package.revision, "built once all is committed, or by its next reader"
    new = npm.get(NAME, if_none_match=old["ETag"])
    assert new.status_code == 200
    assert new.content != old.content
    assert new.json()["_rev"] != old.json()["_rev"]
    with CaptureQueriesContext(connection) as queries:
        assert npm.get(NAME).content == new.content
    assert not any(query["sql"].startswith(("INSERT", "UPDATE", "DELETE")) for query in queries)
    assert Document.objects.get().revision == package.revision + 1


def test_a_document_for_another_revision_is_never_served(npm, package):
    npm.get(NAME)
    Document.objects.update(full_gzip=b"{}", full_etag="stale", revision=package.revision - 1)
    assert npm.get(NAME).json()["name"] == NAME
    assert npm.get(NAME, if_none_match='"stale"').status_code == 200


def test_deprecation_and_undo_give_the_versions_back_as_they_were(npm, package, uma):
    before = npm.get(NAME).json()["versions"]
    releases.deprecate(uma, NAME, {"1.0.0": 'say "no" \\ \u2603'})
    assert npm.get(NAME).json()["versions"]["1.0.0"]["deprecated"] == 'say "no" \\ \u2603'
    releases.deprecate(uma, NAME, {"1.0.0": ""})
    assert npm.get(NAME).json()["versions"] == before


# --- addresses ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "host", "base"),
    [
        ({}, "testserver", "http://testserver/npm"),
        ({}, "localhost:8000", "http://localhost:8000/npm"),
        ({"PUBLIC_URL": "https://npm.example.com"}, "localhost", "https://npm.example.com/npm"),
        (
            {"PUBLIC_URL": "https://www.example.com", "REGISTRY_HOST": "npm.example.com", "ALLOWED_HOSTS": ["*"]},
            "www.example.com",
            "https://www.example.com/npm",
        ),
    ],
)
def test_tarball_links_are_below_the_address_the_client_used(npm, package, settings, changed, host, base):
    for name, value in changed.items():
        setattr(settings, name, value)
    for path in (NAME, f"{NAME}/1.0.0"):
        found = npm.get(path, host=host).json()
        version = found["versions"]["1.0.0"] if "versions" in found else found
        assert version["dist"]["tarball"] == f"{base}/{NAME}/-/x-1.0.0.tgz"


def test_the_registry_host_serves_at_its_root(client, package, settings):
    settings.PUBLIC_URL, settings.REGISTRY_HOST = "https://www.example.com", "npm.example.com"
    settings.ALLOWED_HOSTS = ["npm.example.com", "www.example.com"]
    found = client.get(f"/{NAME}", headers={"host": "npm.example.com"})
    assert found.json()["versions"]["1.0.0"]["dist"]["tarball"] == f"https://npm.example.com/{NAME}/-/x-1.0.0.tgz"
    assert client.get("/search?q=x", headers={"host": "npm.example.com"}).status_code == 404, "no website there"


def test_a_host_that_is_not_ours_never_gets_into_a_link(npm, package):
    assert npm.get(NAME, host="evil.example").status_code == 400
    assert not Document.objects.filter(base__contains="evil").exists()


def test_a_forwarded_host_never_gets_into_a_link(npm, package):
    found = npm.get(NAME, x_forwarded_host="evil.example", forwarded="host=evil.example").content
    assert b"evil" not in found


def test_one_package_keeps_documents_for_a_few_addresses_only(npm, package, settings):
    settings.ALLOWED_HOSTS = ["*"]
    for number in range(12):
        assert npm.get(NAME, host=f"h{number}.example").status_code == 200
    assert Document.objects.count() <= 8
    assert b"http://h11.example/npm/" in npm.get(NAME, host="h11.example").content


def test_no_mark_of_ours_is_left_in_what_is_served(npm, publish, uma):
    publish(uma, NAME, access="public", description="\x01 \\u0001 odd", files={"README.md": "\x01"})
    for path in (NAME, f"{NAME}/1.0.0"):
        served = npm.get(path)
        assert b"\x01" not in served.content
        json.loads(served.content)
    assert npm.get(NAME).json()["versions"]["1.0.0"]["description"] == "\x01 \\u0001 odd"


# --- what it costs -----------------------------------------------------------------------------------------------


@pytest.fixture
def many(package) -> Package:
    """200 versions more, each with a publisher and a tag now and then."""
    model = Version.objects.get(number="1.0.0")
    for number in range(200):
        text = f"0.0.{number}"
        parts = {form: getattr(model, form).replace("1.0.0", text) for form in ("full", "abbreviated")}
        fields = {
            f.name: getattr(model, f.name) for f in Version._meta.fields if f.name not in ("id", "full", "abbreviated")
        }
        Version.objects.create(**fields | parts | {"number": text, "folded": text, "blob": f"none/{number}"})
    return package


def counted(call) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert call().status_code == 200
    return len(queries)


@pytest.mark.parametrize("where", ["", "/versions", "/dependencies", "/access", "/activity", "/v/1.0.0"])
def test_a_package_page_takes_twelve_queries_at_most_whatever_the_versions(client, many, uma, hugo, gina, where):
    sharing.grant_person(uma, NAME, "hugo", "read-write")
    sharing.grant_person(uma, NAME, "gina", "read")
    address, html = f"/package/{NAME}{where}", {"accept": "text/html"}
    assert counted(lambda: client.get(address, headers=html)) <= 12
    client.force_login(uma.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    client.get(address, headers=html)
    assert counted(lambda: client.get(address, headers=html)) <= 12


def test_a_packument_that_is_fresh_takes_few_queries_whatever_the_versions(npm, many, uma):
    assert len(npm.get(NAME).json()["versions"]) == 202
    caller = npm.as_(login_token(uma))
    caller.get("-/whoami")  # a first use is written down
    assert counted(lambda: npm.get(NAME)) <= 3
    assert counted(lambda: caller.get(NAME)) <= 4
    assert counted(lambda: caller.get(f"{NAME}/-/x-1.0.0.tgz")) <= 3


@pytest.mark.parametrize("path", ["-/v1/search?text=x", "-/user/uma/package", "-/package/@uma%2fx/collaborators"])
def test_a_list_takes_as_many_queries_for_ten_packages_as_for_one(npm, publish, package, uma, path):
    caller = npm.as_(login_token(uma))
    caller.get("-/whoami")
    one = counted(lambda: caller.get(path))
    for number in range(9):
        publish(uma, f"@uma/x{number}")
    assert counted(lambda: caller.get(path)) == one <= 8


@pytest.mark.parametrize("where", ["/", "/search?q=x", "/~uma"])
def test_a_listing_page_takes_as_many_queries_for_ten_packages_as_for_two(client, publish, package, uma, where):
    client.force_login(uma.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    publish(uma, "@uma/x-two")
    client.get(where, headers={"accept": "text/html"})
    two = counted(lambda: client.get(where, headers={"accept": "text/html"}))
    for number in range(8):
        publish(uma, f"@uma/x{number}")
    assert counted(lambda: client.get(where, headers={"accept": "text/html"})) == two <= 12
