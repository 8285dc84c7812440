"""Pages of mirrored packages: all that upstream lists is shown, whether or not anybody installed it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.cache import caches
from django.utils import timezone

from accounts.actor import NOBODY, operator
from packages import feeds
from packages.models import Mirror, MirrorVersion, Package, Version
from packages.rules import sets
from packages.rules.values import Values
from packages.upstream import fetching, mirroring
from tests.tools.sessions import sign_in

pytestmark = pytest.mark.django_db

HTML = {"accept": "text/html"}
README = "# pad\n\nPads on the left. See [the code](lib/pad.js).\n"


@pytest.fixture(autouse=True)
def nothing_kept():
    caches["upstream"].clear()


@pytest.fixture
def pad(upstream):
    """left-pad as upstream has it, in three versions; nobody here asked for it yet."""
    files = {"lib/pad.js": "module.exports = 1\n", "README.md": README}
    more = {"description": "Pads strings.", "keywords": ["pad"], "license": "MIT", "readme": README}
    upstream.publish("left-pad", "1.0.0", files, dependencies={"lodash": "^4"}, **more)
    upstream.publish("left-pad", "1.1.0", files, deprecated="use 2", **more)
    upstream.publish("left-pad", "2.0.0", files, dependencies={"lodash": "^4"}, **more)
    return upstream


def look(client, path: str, **more):
    return client.get(path, headers=HTML | more)


def text(page) -> str:
    return page.content.decode()


def test_the_page_of_what_nobody_asked_for_yet(client, pad):
    page = look(client, "/package/left-pad")
    assert page.status_code == 200
    assert page.context["version"].number == "2.0.0"
    assert "Pads on the left" in text(page)
    assert f"Mirrored from 127.0.0.1:{pad.port}" in text(page)
    assert "npm config set registry http" in text(page)
    assert not Version.objects.exists()
    for tab in ("/access", "/settings"):
        assert f"/package/left-pad{tab}" not in text(page)


def test_a_scoped_name_has_no_scope_here(client, pad):
    pad.publish("@types/node", "20.0.0")
    page = look(client, "/package/@types/node")
    assert "npm config set registry http" in text(page)
    assert Package.objects.get(name="@types/node").scope is None


@pytest.mark.parametrize(
    "tab", ["", "/code", "/dependencies", "/dependents", "/versions", "/activity", "/compare", "/access", "/v/1.0.0"]
)
def test_every_tab_is_there_though_nothing_is_fetched(client, pad, alice, tab):
    sign_in(client, alice)
    look(client, "/package/left-pad")
    asked = len(pad.requests)
    page = look(client, f"/package/left-pad{tab}")
    assert page.status_code == 200
    assert len(pad.requests) == asked


@pytest.mark.parametrize("tab", ["/code", "/versions", "/dependencies", "/v/1.0.0", "/v/1.0.0/code", "/activity"])
def test_only_the_main_page_asks_for_what_is_unknown(client, pad, tab):
    assert look(client, f"/package/left-pad{tab}").status_code == 404
    assert not pad.requests


def test_what_upstream_does_not_have_is_missing_in_the_usual_words(client, pad, alice):
    for signed_in in (False, True):
        if signed_in:
            sign_in(client, alice)
        page = look(client, "/package/no-such-thing")
        assert page.status_code == 404
        assert "is not in this registry" in text(page)


@pytest.mark.parametrize("fault", [{"status": 500}, {"cut": 10}, {"body": b"<html>"}])
def test_an_error_upstream_is_never_a_404(client, pad, fault):
    pad.fault("/left-pad", **fault)
    page = look(client, "/package/left-pad")
    assert page.status_code in (502, 503)
    assert "try again" in text(page)
    pad.heal()
    Mirror.objects.update(failed_at=None)
    assert look(client, "/package/left-pad").status_code == 200


def test_what_is_known_is_shown_while_upstream_fails(client, pad):
    look(client, "/package/left-pad")
    Mirror.objects.update(checked_at=timezone.now() - timedelta(days=1))
    pad.fault("*", status=500)
    page = look(client, "/package/left-pad")
    assert page.status_code == 200
    assert "Upstream did not answer" in text(page)


def test_the_short_form_is_shown_while_the_full_one_cannot_be_had(client, pad):
    mirroring.refresh("left-pad", full=False)
    pad.fault("*", status=500)
    page = look(client, "/package/left-pad")
    assert page.status_code == 200
    assert "2.0.0" in text(page)


def test_a_version_that_upstream_never_listed(client, pad):
    look(client, "/package/left-pad")
    for path in ("/v/9.9.9", "/v/9.9.9/code", "/compare/1.0.0...9.9.9"):
        assert look(client, f"/package/left-pad{path}").status_code == 404


def test_the_versions_say_what_is_here_and_what_is_gone(client, pad, alice):
    sign_in(client, alice)
    look(client, "/package/left-pad")
    fetching.tarball(alice, Package.objects.get(), "1.0.0")
    pad.remove("left-pad", "1.1.0")
    mirroring.refresh("left-pad", force=True)
    page = look(client, "/package/left-pad/versions")
    rows = {row.number: row for row in page.context["versions"]}
    assert {number: row.state for number, row in rows.items()} == {
        "2.0.0": "listed",
        "1.1.0": "removed",
        "1.0.0": "here",
    }
    assert rows["2.0.0"].tags == ("latest",)
    assert "Removed upstream" in text(page)
    assert 'aria-label="Fetch 2.0.0"' in text(page)
    assert 'aria-label="Fetch 1.1.0"' not in text(page)
    for state, numbers in (("here", ["1.0.0"]), ("removed", ["1.1.0"]), ("deprecated", ["1.1.0"])):
        page = look(client, f"/package/left-pad/versions?state={state}")
        assert [row.number for row in page.context["versions"]] == numbers
    page = look(client, "/package/left-pad/versions?q=%5E1")
    assert [row.number for row in page.context["versions"]] == ["1.1.0", "1.0.0"]


def test_a_visitor_is_offered_to_sign_in_instead_of_fetching(client, pad):
    look(client, "/package/left-pad")
    page = look(client, "/package/left-pad/code")
    assert "Sign in</a> to fetch it" in text(page)
    answer = client.post("/package/left-pad/fetch", {"version": "2.0.0"}, headers=HTML)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login")
    assert not Version.objects.exists()


def test_what_somebody_fetches_can_be_read_and_compared(client, pad, alice):
    sign_in(client, alice)
    look(client, "/package/left-pad")
    answer = client.post("/package/left-pad/fetch", {"version": "2.0.0"}, headers=HTML)
    assert answer["Location"] == "/package/left-pad/v/2.0.0/code"
    assert "lib" in text(look(client, "/package/left-pad/code"))
    assert look(client, "/package/left-pad/v/2.0.0/code/lib/pad.js").status_code == 200
    assert "/package/left-pad/v/2.0.0/code/lib/pad.js" in text(look(client, "/package/left-pad"))
    page = look(client, "/package/left-pad/compare/1.0.0...2.0.0")
    assert "1.0.0 is not here yet" in text(page)
    answer = client.post("/package/left-pad/fetch", {"version": "1.0.0", "back": "1.0.0...2.0.0"}, headers=HTML)
    assert answer["Location"] == "/package/left-pad/compare/1.0.0...2.0.0"
    assert look(client, answer["Location"]).context["review"] is not None


def test_bytes_that_differ_are_not_shown(client, pad, alice):
    sign_in(client, alice)
    look(client, "/package/left-pad")
    pad.fault("/left-pad/-/left-pad-2.0.0.tgz", body=b"something else")
    answer = client.post("/package/left-pad/fetch", {"version": "2.0.0"}, headers=HTML)
    assert answer.status_code == 502
    assert not Version.objects.exists()
    assert "not here yet" in text(look(client, "/package/left-pad/code"))


def test_nothing_of_ours_is_fetched(client, pad, alice, bob, publish):
    publish(alice, "@alice/mine")
    for actor, statuses in ((alice, [422, 404]), (bob, [404, 404]), (None, [302, 302])):
        client.logout()
        if actor:
            sign_in(client, actor)
        for name, status in zip(("mine", "none"), statuses, strict=True):
            answer = client.post(f"/package/@alice/{name}/fetch", {"version": "1.0.0"}, headers=HTML)
            assert answer.status_code == status
    assert not pad.requests


def test_a_scope_of_ours_is_never_asked_for(client, pad, alice, bob, publish):
    publish(alice, "@alice/mine")
    sign_in(client, bob)
    answers = [look(client, f"/package/@alice/{name}") for name in ("mine", "none")]
    bodies = {text(each).replace(each["X-Request-ID"], "ID").replace("mine", "none") for each in answers}
    assert [each.status_code for each in answers] == [404, 404]
    assert len({len(each) for each in bodies}) == 1
    assert not pad.requests


def test_dependents_are_those_the_viewer_may_see(client, pad, alice, bob, publish):
    look(client, "/package/left-pad")
    publish(alice, "@alice/secret", dependencies={"left-pad": "^1"})
    publish(alice, "@alice/open", access="public", dependencies={"left-pad": "^1"})
    for actor, names in ((bob, ["@alice/open"]), (alice, ["@alice/open", "@alice/secret"])):
        sign_in(client, actor)
        page = look(client, "/package/left-pad/dependents")
        assert [each.package.name for each in page.context["page"]] == names


def test_activity_names_nobody(client, pad, alice):
    sign_in(client, alice)
    look(client, "/package/left-pad")
    client.post("/package/left-pad/fetch", {"version": "2.0.0"}, headers=HTML)
    client.logout()
    page = look(client, "/package/left-pad/activity")
    assert "2.0.0 was published upstream" in text(page)
    assert "alice" not in text(page)


def test_a_version_in_quarantine_is_no_longer_shown(client, pad):
    look(client, "/package/left-pad")
    MirrorVersion.objects.filter(number="2.0.0").update(quarantined_at=timezone.now(), quarantine_reason="stolen")
    page = look(client, "/package/left-pad")
    assert page.context["version"].number == "1.0.0"
    assert look(client, "/package/left-pad/v/2.0.0").status_code == 451
    page = look(client, "/package/left-pad/versions")
    assert "stolen" in text(page)
    assert [row.number for row in page.context["versions"] if row.state == "quarantined"] == ["2.0.0"]


def test_the_badge_says_what_is_latest_upstream(client, pad):
    look(client, "/package/left-pad")
    assert "2.0.0" in text(client.get("/badge/version/left-pad.svg"))
    assert client.get("/badge/version/nothing.svg").status_code == 404
    assert not pad.asked("/nothing")


def test_nothing_mirrored_is_somebodys_own(client, pad, alice):
    sign_in(client, alice)
    look(client, "/package/left-pad")
    for path in ("/", "/~alice"):
        assert "left-pad" not in text(look(client, path))


def test_a_visitor_of_an_enterprise_registry_is_asked_to_sign_in(client, pad, settings):
    settings.REGISTRY_MODE = "enterprise"
    assert look(client, "/package/left-pad").status_code == 302
    assert not pad.requests


def test_three_thousand_versions(client, upstream, alice, django_assert_max_num_queries):
    upstream.publish("giant", "0.0.1")
    document = upstream.document("giant")
    first = document["versions"]["0.0.1"]
    for n in range(1, 3000):
        number = f"1.{n}.0"
        document["versions"][number] = first | {"version": number}
        document["time"][number] = document["time"]["0.0.1"]
    document["dist-tags"]["latest"] = "1.2999.0"
    upstream.put("giant", document)
    sign_in(client, alice)
    mirroring.find(NOBODY, "view", "giant")
    mirroring.refresh("giant")
    for tab in ("", "/versions", "/versions?state=here&page=9", "/code", "/dependencies", "/compare", "/activity"):
        with django_assert_max_num_queries(12):
            assert look(client, f"/package/giant{tab}").status_code == 200


def test_a_version_that_a_rule_holds_is_explained(client, pad, alice, django_assert_max_num_queries):
    pad.publish("left-pad", "0.9.0", at=timezone.now() - timedelta(days=30), readme=README, tag="old")
    written = sets.write(operator(), "", Values(cooldown=7), name="Calm", why="new versions are risky")
    sets.activate(operator(), "", written.number)
    sign_in(client, alice)
    assert look(client, "/package/left-pad").context["version"].number == "0.9.0"
    with django_assert_max_num_queries(12):
        page = look(client, "/package/left-pad")
    assert "2.0.0 is held back here" in text(page)
    with django_assert_max_num_queries(12):
        page = look(client, "/package/left-pad/versions")
    assert "3 versions held back for you" in text(page)
    assert "Without a version, clients get 0.9.0" in text(page)
    assert [each.number for each in page.context["tags"]] == ["0.9.0", "0.9.0"]
    assert {row.number: row.state for row in page.context["versions"]} == {
        "2.0.0": "held",
        "1.1.0": "held",
        "1.0.0": "held",
        "0.9.0": "listed",
    }
    assert "2.0.0 is held back here" in text(look(client, "/package/left-pad/v/2.0.0"))
    answer = client.post("/package/left-pad/fetch", {"version": "2.0.0"}, headers=HTML)
    assert answer.status_code == 451
    assert not Version.objects.exists()


def test_a_package_all_of_which_is_held_is_still_shown(client, pad):
    written = sets.write(operator(), "", Values(cooldown=7), name="Calm", why="new versions are risky")
    sets.activate(operator(), "", written.number)
    page = look(client, "/package/left-pad")
    assert page.status_code == 200
    assert "2.0.0 is held back here" in text(page)


def test_dependencies_lead_to_what_is_mirrored(client, pad, alice, publish):
    pad.publish("lodash", "4.17.21")
    pad.publish("lodash", "5.0.0")
    for name in ("left-pad", "lodash"):
        look(client, f"/package/{name}")
    ((_, rows),) = look(client, "/package/left-pad/dependencies").context["groups"]
    assert [(each.package.name, each.number, each.latest, each.is_behind) for each in rows] == [
        ("lodash", "4.17.21", "5.0.0", True)
    ]
    publish(alice, "@alice/app", access="public", dependencies={"left-pad": "*", "unheard-of": "1"})
    ((_, rows),) = look(client, "/package/@alice/app/dependencies").context["groups"]
    assert [(each.asked.name, each.number) for each in rows] == [("left-pad", "2.0.0"), ("unheard-of", None)]
    assert not pad.asked("/unheard-of")


def test_upstream_is_asked_once(client, pad):
    for _ in range(2):
        look(client, "/package/left-pad")
        look(client, "/package/no-such-thing")
    assert [len(pad.asked(path)) for path in ("/left-pad", "/no-such-thing")] == [1, 1]


def test_feeds_and_the_front_page_are_about_ours(client, pad, alice, publish):
    publish(alice, "@alice/open", access="public")
    look(client, "/package/left-pad")
    assert "left-pad" not in text(look(client, "/"))
    assert "@alice/open" in text(look(client, "/"))
    sign_in(client, alice)
    client.post("/package/left-pad/fetch", {"version": "2.0.0"}, headers=HTML)
    client.post("/package/left-pad/star", {"starred": "yes"}, headers=HTML)
    assert "left-pad" not in "".join(each.title for each in feeds.of_person(alice).entries)


def test_what_upstream_took_away_is_still_shown(client, pad, alice):
    look(client, "/package/left-pad")
    fetching.tarball(alice, Package.objects.get(), "2.0.0")
    pad.remove("left-pad")
    Mirror.objects.update(checked_at=timezone.now() - timedelta(days=1))
    page = look(client, "/package/left-pad")
    assert page.status_code == 200
    assert "Upstream does not have it any more" in text(page)
    assert "1 version" in text(page)
    assert look(client, "/package/left-pad/v/2.0.0/code").status_code == 200
