"""Staged versions appear on no surface: what others are answered is, to the byte, what they were answered before."""

from __future__ import annotations

import re

import pytest

from accounts.actor import Actor
from packages import sharing, staging
from packages.models import Package, StagedVersion
from tests.conftest import login_token
from tests.unit.test_leaks import ABBREVIATED, BACKEND, DOORS, OTHER_DOORS, plain
from tests.unit.test_staging import protected

SHOWN, NEW, MISSING = "@uma/shown", "@uma/hidden", "@uma/absent"
REGISTRY = """@uma/shown @uma/shown?write=true @uma/shown/latest @uma/shown/2.0.0 @uma/shown/next
    @uma/shown/-/shown-2.0.0.tgz
    -/package/@uma%2fshown/dist-tags -/package/@uma%2fshown/collaborators -/package/@uma%2fshown/access
    -/package/@uma%2fshown/visibility -/v1/search?text=shown -/v1/search?text=quiet -/v1/search?text=keywords:quiet
    -/v1/search?text= -/user/uma/package -/all -/all/since?startkey=1 -/npm/v1/attestations/@uma%2fshown@2.0.0
    downloads/point/last-week/@uma/shown downloads/range/last-week/@uma/shown versions/@uma%2fshown/last-week""".split()
PAGES = """/package/@uma/shown /package/@uma/shown/versions /package/@uma/shown/dependencies /package/@uma/shown/access
    /package/@uma/shown/activity /package/@uma/shown/v/2.0.0 /package/@uma/shown/staged /search?q=shown /search?q=quiet
    /~uma / /package/left-pad /package/left-pad/dependents""".split()


@pytest.fixture
def people(publish, uma, dave, gina, hugo) -> dict[str, Actor | None]:
    """Everybody who does not publish @uma/shown: nobody, a stranger, who may read it."""
    publish(uma, SHOWN, access="public", dependencies={})
    publish(dave, "left-pad")
    sharing.grant_person(uma, SHOWN, "gina", "read")
    sharing.grant_person(uma, SHOWN, "hugo", "read-write")
    return {"nobody": None, "dave": dave, "gina": gina}


def answers(npm, client, people) -> dict[tuple[str, str], tuple]:
    """What every surface says to each of them; pages without how long ago something was."""
    found = {}
    for who, actor in people.items():
        caller = npm.as_(login_token(actor)) if actor else npm
        for path in REGISTRY:
            for accept in ("application/json", ABBREVIATED):
                found[who, path, accept] = plain(caller.get(path, accept=accept))
        client.logout()
        if actor:
            client.force_login(actor.user, backend=BACKEND)
        for path in PAGES:
            status, text, headers, location = plain(client.get(path, headers={"accept": "text/html"}))
            text = re.sub(rb"(just now|\d+ minutes? ago)", b"AGO", text)
            text = re.sub(rb'name="csrfmiddlewaretoken" value="\w+"|npm_\w{4}', b"", text)
            found[who, path, "page"] = (
                status,
                text,
                {key: value for key, value in headers.items() if key != "Content-Length"},
            )
    return found


def search_time_aside(found: dict) -> dict:
    """Search and the old list of everything say what time it is."""
    return {
        key: re.sub(rb'("time"|"_updated"): ?("[^"]*"|\d+)', b"", value[1])
        if "search" in key[1] or "all" in key[1]
        else value
        for key, value in found.items()
    }


def test_what_waits_changes_no_answer(npm, client, people, stage, hugo, uma):
    before = search_time_aside(answers(npm, client, people))
    assert sum(value[0] == 200 for value in answers(npm, client, people).values()) > 80
    document = Package.objects.values_list("name", "revision", "modified_at")
    rows = list(document)
    more = {"description": "quiet words", "keywords": ["quiet"], "dependencies": {"left-pad": "^1"}}
    first = stage(hugo, SHOWN, "2.0.0", tag="next", **more)
    after = search_time_aside(answers(npm, client, people))
    assert [key for key in before if before[key] != after[key]] == []
    assert list(document) == rows
    staging.reject(uma, first.key)
    after = search_time_aside(answers(npm, client, people))
    assert [key for key in before if before[key] != after[key]] == []
    assert list(document) == rows


def test_who_reads_hears_of_the_release_and_not_of_the_staging(client, people, stage, hugo, uma, gina):
    kept, gone = stage(hugo, SHOWN, "2.0.0"), stage(hugo, SHOWN, "3.0.0")
    staging.reject(uma, gone.key)
    staging.approve(protected(uma), kept.key)

    def activity(actor: Actor, page: str) -> str:
        client.force_login(actor.user, backend=BACKEND)
        return client.get(page, headers={"accept": "text/html"}).content.decode()

    for page in (f"/package/{SHOWN}/activity", "/"):
        reader, writer = activity(gina, page), activity(hugo, page)
        assert "staged 2.0.0 for review" not in reader
        assert "3.0.0" not in reader
        assert "released 2.0.0, staged by hugo" in reader
        assert "staged 2.0.0 for review" in writer
        assert "rejected 3.0.0, staged by hugo" in writer


def test_c9_an_orgs_member_hears_of_no_staging(client, acme, publish, stage, alice, bob, erin):
    publish(alice, "@acme/x")
    sharing.grant_team(alice, "@acme/x", "acme", "core", "read-write")
    sharing.grant_team(alice, "@acme/x", "acme", "readers", "read-only")
    stage(bob, "@acme/x", "2.0.0")
    stage(bob, "@acme/secret")

    def activity(actor: Actor) -> str:
        client.force_login(actor.user, backend=BACKEND)
        return client.get("/org/acme/activity", headers={"accept": "text/html"}).content.decode()

    assert "2.0.0" not in activity(erin)
    assert "@acme/secret" not in activity(erin)
    assert "staged 2.0.0 for review" in activity(bob)
    assert "@acme/secret" in activity(alice)


@pytest.mark.parametrize("door", [*DOORS, *OTHER_DOORS, "-/stage?package={}", "-/stage/package/{}"])
def test_a_name_that_only_waits_is_as_missing_as_one_that_never_was(npm, stage, uma, dave, door):
    stage(uma, NEW, access="public", description="quiet words")
    callers = [npm, npm.as_(login_token(dave))]
    if "stage?" not in door:
        callers.append(npm.as_(login_token(uma)))  # for whom it waits in one list, and nowhere else
    for caller in callers:

        def ask(name, caller=caller):
            name = name.replace("/", "%2f") if door.startswith("-/") else name
            return caller.get(door.format(name, base=name[5:]))

        if "search" in door:
            assert ask(NEW).json()["total"] == ask(MISSING).json()["total"] == 0
        else:
            assert plain(ask(NEW)) == plain(ask(MISSING))


@pytest.mark.parametrize("page", ["", "/staged", "/versions", "/access", "/activity", "/dependencies"])
def test_no_page_of_it_either(client, stage, uma, dave, page):
    stage(uma, NEW, access="public")
    for actor in (None, dave):
        client.logout()
        if actor:
            client.force_login(actor.user, backend=BACKEND)
        found, absent = (
            plain(client.get(f"/package/{name}{page}", headers={"accept": "text/html"})) for name in (NEW, MISSING)
        )
        assert found == absent


def test_a_foreign_or_wrong_key_is_no_review(client, stage, publish, uma, hugo):
    publish(uma, SHOWN)
    sharing.grant_person(uma, SHOWN, "hugo", "read-write")
    mine, other = stage(hugo, SHOWN, "2.0.0"), stage(uma, NEW)
    client.force_login(hugo.user, backend=BACKEND)
    for address in (
        f"/package/{NEW}/staged/{other.key}",
        f"/package/{SHOWN}/staged/{other.key}",
        f"/package/{NEW}/staged/{mine.key}",
        f"/package/{SHOWN}/staged/{other.key}/tarball",
    ):
        assert client.get(address, headers={"accept": "text/html"}).status_code == 404, address
        for verb in ("approve", "reject"):
            answer = client.post(
                f"{address.removesuffix('/tarball')}/{verb}", {"sure": "on"}, headers={"accept": "text/html"}
            )
            assert answer.status_code in (403, 404)
    assert StagedVersion.objects.count() == 2
