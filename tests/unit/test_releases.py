"""After the publish: deprecation, tags, unpublishing."""

from __future__ import annotations

import pytest

from accounts.models import AuditEvent
from packages import releases
from packages.models import DistTag, Package, Version
from packages.packuments import revision_of
from registry_site.errors import Conflict, Invalid, NotAllowed, NotFound
from tests.conftest import login_token
from tests.policy.world import snapshot
from tests.tools.registry_client import without_reference
from tests.tools.sessions import sign_in

NAME = "@uma/x"


@pytest.fixture
def package(publish, uma):
    """Three versions, 1.1.0 is latest, 2.0.0-rc.1 is next."""
    for number, tag in (("1.0.0", "latest"), ("1.1.0", "latest"), ("2.0.0-rc.1", "next")):
        publish(uma, NAME, number, tag=tag, access="public")
    return Package.objects.get()


def tags() -> dict[str, str]:
    return dict(DistTag.objects.values_list("name", "version__number"))


def notes() -> dict[str, str]:
    return dict(Version.objects.exclude(deprecated="").values_list("number", "deprecated"))


def revision() -> str:
    return revision_of(Package.objects.get())


# --- deprecation -------------------------------------------------------------------------------------------------


def test_a_deprecation_reaches_installers_and_can_be_taken_back(npm, package, uma):
    releases.deprecate(uma, NAME, {"1.0.0": "use 1.1", "1.1.0": ""})
    served = npm.get(NAME, accept="application/vnd.npm.install-v1+json").json()["versions"]
    assert served["1.0.0"]["deprecated"] == "use 1.1"
    assert "deprecated" not in served["1.1.0"]
    assert npm.get(f"{NAME}/1.0.0").json()["deprecated"] == "use 1.1"
    releases.deprecate(uma, NAME, {"1.0.0": ""})
    assert "deprecated" not in npm.get(NAME).json()["versions"]["1.0.0"]
    assert notes() == {}


def test_a_deprecation_is_one_event_that_names_what_changed(package, uma):
    releases.deprecate(uma, NAME, {"1.0.0": "old", "1.1.0": "old", "2.0.0-rc.1": ""})
    event = AuditEvent.objects.first()
    assert (event.action, event.facts) == ("version.deprecated", {"versions": ["1.0.0", "1.1.0"], "message": "old"})
    before = snapshot()
    releases.deprecate(uma, NAME, {"1.0.0": "old"})
    assert snapshot() == before, "the same again changes nothing"


@pytest.mark.parametrize(
    "messages", [{"9.9.9": "x"}, {"1.0.0": "x\x1b[31m"}, {"1.0.0": "x" * 1025}, {"1.0.0": "two\nlines"}]
)
def test_a53_a_deprecation_that_cannot_be_is_refused_whole(package, uma, messages):
    before = snapshot()
    with pytest.raises(Invalid):
        releases.deprecate(uma, NAME, {"1.1.0": "fine", **messages})
    assert snapshot() == before


def test_an_unpublished_version_cannot_be_deprecated(package, uma):
    releases.unpublish_versions(uma, NAME, frozenset({"1.1.0", "2.0.0-rc.1"}), revision())
    before = snapshot()
    with pytest.raises(Invalid, match="no version 1.0.0"):
        releases.deprecate(uma, NAME, {"1.0.0": "old"})
    assert snapshot() == before


def test_a_deprecation_of_an_old_copy_is_a_conflict(package, uma):
    old = revision()
    releases.set_tag(uma, NAME, "beta", "1.0.0")
    before = snapshot()
    with pytest.raises(Conflict):
        releases.deprecate(uma, NAME, {"1.0.0": "old"}, old)
    assert snapshot() == before
    releases.deprecate(uma, NAME, {"1.0.0": ""}, old)  # as it is already: nothing is asked for
    assert snapshot() == before


def test_a52_a_deprecating_document_changes_nothing_but_messages(npm, package, uma):
    caller = npm.as_(login_token(uma))
    document = caller.get(f"{NAME}?write=true").json()
    kept = list(Version.objects.order_by("pk").values_list("full", "integrity"))
    document["versions"]["1.0.0"] |= {
        "deprecated": "old",
        "dependencies": {"evil": "*"},
        "dist": {"integrity": "sha512-x"},
    }
    document |= {"dist-tags": {"latest": "1.0.0"}, "maintainers": [], "description": "changed", "access": "restricted"}
    assert caller.put("@uma%2fx", document).status_code == 201
    assert notes() == {"1.0.0": "old"}
    assert list(Version.objects.order_by("pk").values_list("full", "integrity")) == kept
    assert tags()["latest"] == "1.1.0"
    assert Package.objects.get().access == "public"


# --- tags --------------------------------------------------------------------------------------------------------


def test_a_tag_points_where_it_was_put(npm, package, uma):
    releases.set_tag(uma, NAME, "beta", "1.0.0")
    releases.set_tag(uma, NAME, "beta", "1.1.0")
    assert npm.get("-/package/@uma%2fx/dist-tags").json() == {"latest": "1.1.0", "next": "2.0.0-rc.1", "beta": "1.1.0"}
    assert npm.get(f"{NAME}/beta").json()["version"] == "1.1.0"
    assert AuditEvent.objects.filter(action="tag.set").count() == 2


def test_the_same_tag_again_changes_nothing(package, uma):
    before = snapshot()
    releases.set_tag(uma, NAME, "latest", "1.1.0")
    assert snapshot() == before


@pytest.mark.parametrize(
    ("tag", "number", "refusal"),
    [
        ("beta", "9.9.9", NotFound),
        ("beta", "latest", Invalid),
        ("beta", "1.0", Invalid),
        ("1.0.0", "1.0.0", Invalid),
        ("v1", "1.0.0", Invalid),
        ("x", "1.0.0", Invalid),
        ("a/b", "1.0.0", Invalid),
        ("", "1.0.0", Invalid),
        ("t" * 129, "1.0.0", Invalid),
    ],
)
def test_b20_b21_b22_a_tag_that_cannot_be_is_refused(package, uma, tag, number, refusal):
    before = snapshot()
    with pytest.raises(refusal):
        releases.set_tag(uma, NAME, tag, number)
    assert snapshot() == before


def test_b22_latest_cannot_be_removed_and_others_can(package, uma):
    before = snapshot()
    with pytest.raises(Invalid, match="cannot be removed"):
        releases.remove_tag(uma, NAME, "latest")
    with pytest.raises(NotFound):
        releases.remove_tag(uma, NAME, "never")
    assert snapshot() == before
    releases.remove_tag(uma, NAME, "next")
    assert tags() == {"latest": "1.1.0"}
    assert AuditEvent.objects.first().facts == {"tag": "next"}


@pytest.mark.parametrize("body", [b"", b"1.0.0", b"{}", b"[]", b"5", b'"' + b"1" * 2_000_000 + b'"'])
def test_a57_a_tag_whose_body_is_no_short_json_string_is_refused(npm, package, uma, body):
    caller = npm.as_(login_token(uma))
    before = snapshot()
    assert caller.put("-/package/@uma%2fx/dist-tags/beta", body).status_code in (400, 413)
    assert snapshot()[:5] == before[:5]


# --- unpublishing ------------------------------------------------------------------------------------------------


def test_unpublishing_latest_moves_it_to_the_highest_finished_version(npm, package, uma):
    releases.unpublish_versions(uma, NAME, frozenset({"1.0.0", "2.0.0-rc.1"}), revision())
    assert tags() == {"latest": "1.0.0", "next": "2.0.0-rc.1"}
    document = npm.get(NAME).json()
    assert sorted(document["versions"]) == ["1.0.0", "2.0.0-rc.1"]
    assert document["dist-tags"]["latest"] == "1.0.0"
    assert "1.1.0" not in document["time"]
    assert Package.objects.get().latest.number == "1.0.0"


def test_where_only_prereleases_are_left_the_highest_becomes_latest(publish, uma):
    for number in ("1.0.0-alpha.2", "1.0.0-alpha.10", "1.0.0"):
        publish(uma, NAME, number)
    releases.unpublish_versions(uma, NAME, frozenset({"1.0.0-alpha.2", "1.0.0-alpha.10"}), revision())
    assert tags()["latest"] == "1.0.0-alpha.10"


def test_every_tag_of_an_unpublished_version_goes_with_it(package, uma):
    releases.set_tag(uma, NAME, "stable", "1.0.0")
    releases.unpublish_versions(uma, NAME, frozenset({"1.1.0"}), revision())
    assert tags() == {"latest": "1.1.0"}
    event = AuditEvent.objects.first()
    assert (event.action, event.facts) == ("version.unpublished", {"versions": ["1.0.0", "2.0.0-rc.1"]})


@pytest.mark.parametrize("path", ["{name}/1.0.0", "{name}/-/x-1.0.0.tgz"])
def test_an_unpublished_version_is_gone_from_every_door(npm, package, uma, path):
    assert npm.get(path.format(name=NAME)).status_code == 200
    releases.unpublish_versions(uma, NAME, frozenset({"1.1.0"}), revision())
    assert npm.get(path.format(name=NAME)).status_code == 404


@pytest.mark.parametrize("made_up", ["0-x", "", "undefined", "3-0123456789abcdef0123456789abcdef"])
def test_a54_unpublishing_needs_the_current_revision(package, uma, made_up):
    before = snapshot()
    with pytest.raises(Conflict):
        releases.unpublish_versions(uma, NAME, frozenset({"1.1.0"}), made_up)
    with pytest.raises(Conflict):
        releases.unpublish(uma, NAME, made_up)
    assert snapshot() == before


def test_a54_dropping_nothing_changes_nothing(package, uma):
    before = snapshot()
    releases.unpublish_versions(uma, NAME, frozenset({"1.0.0", "1.1.0", "2.0.0-rc.1", "7.0.0"}), revision())
    assert snapshot() == before


@pytest.mark.parametrize("by_versions", [True, False])
def test_an_unpublished_package_is_as_missing_as_any_other(npm, client, package, uma, dave, by_versions):
    if by_versions:
        releases.unpublish_versions(uma, NAME, frozenset(), revision())
    else:
        releases.unpublish(uma, NAME, revision())
    assert tags() == {}
    for token in (None, login_token(dave), login_token(uma)):
        caller = npm.as_(token)
        gone, missing = caller.get(NAME), caller.get("@uma/q")
        assert gone.status_code == 404
        assert without_reference(gone) == without_reference(missing).replace(b"@uma/q", b"@uma/x")
        assert caller.get(f"{NAME}/-/x-1.1.0.tgz").status_code == 404
        assert caller.get("-/v1/search?text=x").json()["total"] == 0
    assert client.get(f"/package/{NAME}", headers={"accept": "text/html"}).status_code == 404


def test_the_rows_of_what_was_unpublished_stay(package, uma, blob_files):
    releases.unpublish(uma, NAME, revision())
    assert Version.objects.count() == len(blob_files()) == 3
    assert Package.objects.get().unpublished_at


@pytest.mark.parametrize(
    "change",
    [
        lambda actor: releases.deprecate(actor, NAME, {"1.0.0": "x"}),
        lambda actor: releases.set_tag(actor, NAME, "beta", "1.0.0"),
        lambda actor: releases.remove_tag(actor, NAME, "next"),
        lambda actor: releases.unpublish_versions(actor, NAME, frozenset(), revision()),
        lambda actor: releases.unpublish(actor, NAME, revision()),
    ],
)
def test_a_reader_changes_nothing(package, dave, change):
    before = snapshot()
    with pytest.raises(NotAllowed):
        change(dave)
    assert snapshot() == before


def test_the_unpublish_page_asks_for_the_name(client, package, uma):
    sign_in(client, uma)
    before = snapshot()
    for typed in ("", "x", "@uma/y"):
        client.post(f"/package/{NAME}/unpublish", {"version": "all", "confirm": typed}, headers={"accept": "text/html"})
    assert snapshot() == before
    client.post(f"/package/{NAME}/unpublish", {"version": "1.0.0", "confirm": NAME}, headers={"accept": "text/html"})
    assert list(Version.objects.exclude(unpublished_at=None).values_list("number", flat=True)) == ["1.0.0"]


def test_d24_the_unpublish_page_asks_who_is_there(client, package, uma):
    sign_in(client, uma, seconds_ago=301)
    before = snapshot()
    answer = client.post(
        f"/package/{NAME}/unpublish", {"version": "all", "confirm": NAME}, headers={"accept": "text/html"}
    )
    assert answer["Location"].startswith("/reauthenticate?next=")
    assert snapshot() == before


def test_the_unpublish_page_takes_no_version_that_is_not_there(client, package, uma):
    sign_in(client, uma)
    before = snapshot()
    sent = {"version": "9.9.9", "confirm": NAME}
    client.post(f"/package/{NAME}/unpublish", sent, headers={"accept": "text/html"})
    assert snapshot() == before


def test_npm_unpublishes_one_version_in_its_three_calls(npm, package, uma):
    caller = npm.as_(login_token(uma))
    document = caller.get(f"{NAME}?write=true").json()
    document["versions"].pop("1.0.0")
    assert caller.put(f"@uma%2fx/-rev/{document['_rev']}", document).status_code == 201
    again = caller.get(f"{NAME}?write=true").json()
    assert caller.delete(f"{NAME}/-/x-1.0.0.tgz/-rev/{again['_rev']}").status_code == 200
    assert sorted(again["versions"]) == ["1.1.0", "2.0.0-rc.1"]


def test_npm_unpublishes_a_package_whole(npm, package, uma):
    caller = npm.as_(login_token(uma))
    assert caller.delete(f"@uma%2fx/-rev/{revision()}").status_code == 200
    assert caller.get(NAME).status_code == 404


# --- tags, as clients before `npm dist-tag` sent them ------------------------------------------------------------


def test_several_tags_at_once_are_merged_or_replace_the_others(npm, package, uma):
    caller = npm.as_(login_token(uma))
    assert caller.post(f"-/package/{NAME}/dist-tags", {"beta": "1.1.0", "old": "1.0.0"}).status_code == 201
    assert tags() == {"latest": "1.1.0", "next": "2.0.0-rc.1", "beta": "1.1.0", "old": "1.0.0"}
    assert caller.put(f"-/package/{NAME}/dist-tags", {"old": "1.0.0"}).status_code == 201
    assert tags() == {"latest": "1.1.0", "old": "1.0.0"}, "latest stays where it is not named"


def test_several_tags_are_moved_all_or_not_at_all(npm, package, uma):
    caller, before = npm.as_(login_token(uma)), snapshot()
    for sent, status in (
        ({"a": "1.0.0", "b": "9.9.9"}, 404),
        ({"a": "1.0.0", "1.x": "1.0.0"}, 422),
        ({"a": 1}, 400),
        ([], 400),
    ):
        assert caller.put(f"-/package/{NAME}/dist-tags", sent).status_code == status
        assert snapshot() == before


def test_npm_2_sends_the_version_to_the_address_of_the_tag(npm, package, uma, dave):
    assert npm.as_(login_token(uma)).put(f"{NAME}/old", "1.0.0").json() == {"ok": True}
    assert tags()["old"] == "1.0.0"
    stranger = npm.as_(login_token(dave))
    before = snapshot()
    assert stranger.put(f"{NAME}/old", "1.1.0").status_code == 403
    assert snapshot() == before
