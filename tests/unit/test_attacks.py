"""Bad payloads and names that need more than a parser to refuse; one test a case."""

from __future__ import annotations

import pytest

from packages.models import Package, Version
from registry_site.errors import AlreadyPublished, Invalid, NotAllowed
from tests.conftest import login_token
from tests.policy.world import snapshot
from tests.tools import payloads

pytestmark = pytest.mark.django_db


@pytest.fixture
def uma_npm(npm, uma):
    return npm.as_(login_token(uma))


@pytest.mark.parametrize("spelling", ["@uma/x", "@uma%2fx", "@uma%2Fx", "%40uma%2fx", "%40uma/x"])
def test_a17_every_single_encoding_is_one_name(uma_npm, spelling):
    assert uma_npm.put(spelling, payloads.publish_body("@uma/x", "1.0.0")).status_code == 201
    assert Package.objects.get().name == "@uma/x"
    assert uma_npm.get(spelling).json()["name"] == "@uma/x"


@pytest.mark.parametrize("spelling", ["@uma%252fx", "%2540uma%252fx", "@uma%25252fx"])
def test_a17_a_double_encoding_is_no_name(uma_npm, publish, uma, spelling):
    publish(uma, "@uma/x")
    before = snapshot()
    assert uma_npm.get(spelling).status_code == 404
    assert uma_npm.put(spelling, payloads.publish_body("@uma/x", "1.0.1")).status_code in (404, 422)
    assert snapshot() == before


def test_a17_the_body_cannot_name_another_package(uma_npm, publish, uma):
    publish(uma, "@uma/x")
    before = snapshot()
    answer = uma_npm.put("@uma%2fx", payloads.publish_body("@uma/y", "1.0.0"))
    assert (answer.status_code, answer.json()["code"]) == (422, "name_mismatch")
    assert snapshot() == before


def test_a42_bundled_files_count_as_entries(publish, uma):
    bundled = {f"node_modules/dep/{n}.js": "" for n in range(300)} | {"README.md": "hi"}
    version = publish(uma, "@uma/x", bundleDependencies=["dep"], dependencies={"dep": "*"}, files=bundled)
    assert version.file_count == 302
    assert version.manifest["bundleDependencies"] == ["dep"]


def test_a48_publish_config_moves_nothing(publish, uma):
    wanted = {"registry": "https://elsewhere.example/", "tag": "next", "access": "public"}
    publish(uma, "@uma/x", publishConfig=wanted)
    package = Package.objects.get()
    assert package.is_private
    assert list(package.tags.values_list("name", flat=True)) == ["latest"]


@pytest.mark.parametrize("word", ["constructor", "prototype", "toString", "hasOwnProperty"])
def test_b2_words_of_javascript_are_harmless_as_keys(publish, uma, npm, word):
    publish(uma, "@uma/x", dependencies={word.lower(): "1.0.0"}, access="public")
    assert npm.get("@uma/x").json()["versions"]["1.0.0"]["dependencies"] == {word.lower(): "1.0.0"}


def test_b2_proto_as_a_dependency_is_refused(publish, uma):
    with pytest.raises(Invalid):
        publish(uma, "@uma/x", dependencies={"__proto__": "1.0.0"})
    assert not Package.objects.exists()


@pytest.mark.parametrize("tag", ["1.0.0", "v2", "x", "*", "^1", "a b", "é"])
def test_b2_b20_a_tag_is_no_version(uma_npm, publish, uma, tag):
    publish(uma, "@uma/x")
    before = snapshot()
    assert uma_npm.put(f"-/package/@uma%2fx/dist-tags/{tag}", "1.0.0").status_code == 422
    assert snapshot() == before


@pytest.mark.parametrize(
    "file",
    ["y-1.0.0.tgz", "@uma/x-1.0.0.tgz", "x-1.0.0.TGZ", "x-1.0.0.tgz.sig", "x-1.0.0", "X-1.0.0.tgz", "x-1.0.1.tgz"],
)
def test_b14_only_the_exact_file_name_is_a_tarball(uma_npm, publish, uma, file):
    publish(uma, "@uma/x")
    publish(uma, "@uma/y")
    assert uma_npm.get(f"@uma/x/-/{file}").status_code == 404
    assert uma_npm.get("@uma/x/-/x-1.0.0.tgz").status_code == 200


def test_b13_names_and_versions_are_never_split(publish, uma, npm):
    publish(uma, "foo", "1.0.0-bar-2.0.0")
    publish(uma, "foo-1.0.0-bar", "2.0.0")
    one = npm.get("foo/-/foo-1.0.0-bar-2.0.0.tgz")
    other = npm.get("foo-1.0.0-bar/-/foo-1.0.0-bar-2.0.0.tgz")
    assert one.status_code == other.status_code == 200
    assert one.getvalue() != other.getvalue()


def test_b24_an_older_version_takes_latest_when_it_is_published_so(publish, uma):
    publish(uma, "@uma/x", "2.0.0")
    publish(uma, "@uma/x", "1.9.0", tag="previous")
    package = Package.objects.get()
    assert package.latest.number == "2.0.0"
    publish(uma, "@uma/x", "1.9.1")
    package.refresh_from_db()
    assert package.latest.number == "1.9.1"


@pytest.mark.parametrize("spec", ["latest", "1.0.0"])
def test_b26_a_version_by_number_or_tag(uma_npm, publish, uma, spec):
    publish(uma, "@uma/x")
    assert uma_npm.get(f"@uma/x/{spec}").json()["version"] == "1.0.0"


@pytest.mark.parametrize("spec", ["..", "%2e%2e", "^1.0.0", "9.9.9", "{}", "-", "package.json"])
def test_b26_anything_else_is_not_found(uma_npm, publish, uma, spec):
    publish(uma, "@uma/x")
    assert uma_npm.get(f"@uma/x/{spec}").status_code == 404


@pytest.mark.parametrize("name", ["@babel/core", "@nobody-here/x"])
def test_b28_a_scope_nobody_holds_is_nobodys(publish, uma, name):
    with pytest.raises(NotAllowed):
        publish(uma, name)
    assert not Package.objects.exists()


def test_a50_other_bytes_under_a_used_number_change_nothing(publish, uma, npm):
    publish(uma, "@uma/x", access="public")
    served = npm.get("@uma/x/-/x-1.0.0.tgz").getvalue()
    before = snapshot()
    with pytest.raises(AlreadyPublished):
        publish(uma, "@uma/x", description="other bytes")
    assert snapshot() == before
    assert npm.get("@uma/x/-/x-1.0.0.tgz").getvalue() == served
    assert Version.objects.count() == 1


def test_a13_a_small_body_with_a_key_twice_is_refused(uma_npm, publish, uma):
    publish(uma, "@uma/x")
    before = snapshot()
    body = b'{"access": "restricted", "access": "public"}'
    assert uma_npm.post("-/package/@uma%2fx/access", body).status_code == 400
    assert snapshot() == before
