"""`REGISTRY_MODE`: what enterprise mode closes, and that nothing else changes."""

from __future__ import annotations

import pytest

from accounts.models import AuditEvent
from tests.conftest import login_token
from tests.policy.world import snapshot
from tests.tools import payloads
from tests.tools.mirrors import make_mirrored
from tests.tools.registry_client import without_reference

HTML = {"accept": "text/html"}


@pytest.fixture
def shelf(publish, uma):
    """Packages of every kind, made while the mode was public."""
    publish(uma, "@uma/public", access="public")
    publish(uma, "@uma/private")
    publish(uma, "loose")
    publish(uma, "lodash")
    make_mirrored("lodash")


@pytest.fixture
def enterprise(shelf, settings):
    settings.REGISTRY_MODE = "enterprise"


REGISTRY = ["{}", "{}/1.0.0", "{}/latest", "{}/-/x-1.0.0.tgz", "-/package/{}/dist-tags", "-/package/{}/visibility"]


@pytest.mark.parametrize("path", REGISTRY)
def test_a_visitor_gets_the_same_401_for_every_name_of_ours(npm, enterprise, path):
    answers = [
        npm.get(path.format(name))
        for name in ("@uma/public", "@uma/private", "@uma/missing", "loose", "missing", "UPPER")
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({without_reference(answer) for answer in answers}) == 1
    assert {tuple(key for key in answer.headers) for answer in answers} == {tuple(answers[0].headers)}


@pytest.mark.parametrize(
    "path",
    [
        "-/org/uma/user",
        "-/org/nowhere/user",
        "-/org/nowhere/package",
        "-/user/uma/package",
        "-/user/nobody-here/package",
        "-/team/a/b/user",
    ],
)
def test_a_visitor_learns_no_name_of_people_and_orgs(npm, enterprise, path):
    assert npm.get(path).status_code == 401


def test_a_visitor_finds_what_is_mirrored_and_nothing_else(npm, enterprise):
    assert npm.get("lodash").status_code == 200
    found = npm.get("-/v1/search?text=").json()
    assert [each["package"]["name"] for each in found["objects"]] == ["lodash"]
    assert found["total"] == 1


def test_a_visitor_can_still_log_in_and_ping(npm, enterprise):
    assert npm.get("-/ping").status_code == 200
    assert npm.post("-/v1/login", {}).status_code == 200


PAGES = [
    "/",
    "/search?q=x",
    "/~uma",
    "/~nobody-here",
    "/org/uma",
    "/package/@uma/public",
    "/package/@uma/missing",
    "/package/lodash",
    "/connect",
    "/orgs",
    "/org/new",
    "/settings/tokens",
]


@pytest.mark.parametrize("where", PAGES)
def test_a_visitor_is_sent_to_sign_in_from_every_page(client, enterprise, where):
    answer = client.get(where, headers=HTML)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login?next=%2F")


@pytest.mark.parametrize("where", ["/login", "/password/reset", "/healthz/live"])
def test_the_doors_stay_open(client, enterprise, where):
    assert client.get(where, headers=HTML).status_code == 200


def test_a_visitor_behind_htmx_is_sent_to_sign_in_whole(client, enterprise):
    answer = client.get("/search?q=x", headers={"hx-request": "true"})
    assert answer.content == b""
    assert answer["HX-Redirect"].startswith("/login")


@pytest.mark.parametrize("name", ["new-one", "loose", "lodash"])
def test_an_unscoped_name_is_refused_with_a_sentence_that_says_why(npm, enterprise, uma, blob_files, name):
    caller = npm.as_(login_token(uma))
    before, kept = snapshot(), blob_files()
    refused = caller.put(name, payloads.publish_body(name, "9.0.0"))
    assert refused.status_code == 403
    assert "reserved for packages of the public registry" in refused.json()["error"]
    assert f"@uma/{name}" in refused.json()["error"]
    assert snapshot() == before
    assert blob_files() == kept


def test_signed_in_people_read_what_is_public_and_publish_into_their_scope(npm, enterprise, uma, dave):
    assert npm.as_(login_token(dave)).get("@uma/public").status_code == 200
    assert npm.as_(login_token(dave)).get("@uma/private").status_code == 404
    answer = npm.as_(login_token(uma)).put("@uma%2fnew", payloads.publish_body("@uma/new", "1.0.0"))
    assert answer.status_code == 201
    assert AuditEvent.objects.first().action == "version.published"


def test_a_wrong_credential_is_told_apart_from_none_in_both_modes(npm, shelf, settings):
    for mode in ("public", "enterprise"):
        settings.REGISTRY_MODE = mode
        for path in ("@uma/public", "lodash", "missing"):
            answer = npm.as_("npm_wrong").get(path)
            assert (answer.status_code, answer.json()["code"]) == (401, "bad_credential")


def test_public_mode_tells_a_visitor_that_logging_in_may_help_for_hidden_and_missing_alike(npm, shelf):
    hidden, missing = npm.get("@uma/private"), npm.get("@uma/missing")
    assert hidden.status_code == missing.status_code == 404
    assert "npm login" in hidden.json()["error"]
    texts = [each.json()["error"].replace(each["X-Request-ID"], "") for each in (hidden, missing)]
    assert texts[0].replace("@uma/private", "") == texts[1].replace("@uma/missing", "")
