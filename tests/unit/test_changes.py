"""The one door for writes: locked, asked again, counted once, recorded once; and two at the same moment."""

from __future__ import annotations

import sqlite3
from threading import Barrier, Thread

import pytest
from django.db import connection, connections

from accounts.models import AuditEvent
from orgs import organizations
from packages import access, releases, sharing
from packages.access import Action
from packages.changes import CHANGES, Unchanged, changing
from packages.models import DistTag, Package, PersonGrant, TeamGrant, Version
from registry_site.errors import AlreadyPublished, Conflict, NotAllowed, NotFound, Refusal
from tests.conftest import person
from tests.policy.world import snapshot


@pytest.fixture
def package(publish, uma) -> Package:
    return publish(uma, "@uma/x").package


def test_a_change_counts_the_revision_and_is_recorded_once(package, uma):
    modified = package.modified_at
    with changing(package, uma, "tag.set", tag="next", version="1.0.0") as locked:
        DistTag.objects.create(package=locked, name="next", version=locked.latest)
    package.refresh_from_db()
    assert package.revision == 2
    assert package.modified_at > modified
    event = AuditEvent.objects.first()
    assert (event.action, event.package, event.actor_name, event.facts) == (
        "tag.set",
        "@uma/x",
        "uma",
        {"tag": "next", "version": "1.0.0"},
    )


@pytest.mark.parametrize("fault", [Unchanged, Conflict("no"), ValueError("ours"), KeyboardInterrupt])
def test_whatever_ends_a_change_early_leaves_nothing(package, uma, fault):
    before = snapshot()
    try:
        with changing(package, uma, "tag.set") as locked:
            DistTag.objects.create(package=locked, name="next", version=locked.latest)
            raise fault
    except (Conflict, ValueError, KeyboardInterrupt):
        pass
    assert snapshot() == before


@pytest.mark.parametrize("change", sorted(CHANGES))
@pytest.mark.parametrize("who", ["dave", "hugo", "gina"])
def test_the_door_asks_the_policy_again_for_every_change(request, package, uma, dave, hugo, gina, who, change):
    sharing.grant_person(uma, "@uma/x", "gina", "read")
    sharing.grant_person(uma, "@uma/x", "hugo", "read-write")
    actor = request.getfixturevalue(who)
    may = {"gina": (Action.VIEW,), "hugo": (Action.VIEW, Action.STAGE, Action.PUBLISH)}
    if CHANGES[change] in may.get(who, ()):
        with changing(package, actor, change):
            pass
        assert AuditEvent.objects.first().action == change
        return
    before = snapshot()
    with pytest.raises(NotFound if who == "dave" else NotAllowed), changing(package, actor, change):
        pytest.fail("the door was open")
    assert snapshot() == before


def test_a_grant_taken_between_the_check_and_the_door_is_gone(package, uma, hugo):
    sharing.grant_person(uma, "@uma/x", "hugo", "read-write")
    found = access.find(hugo, Action.PUBLISH, "@uma/x")
    sharing.revoke_person(uma, "@uma/x", "hugo")
    before = snapshot()
    with pytest.raises(NotFound), changing(found, hugo, "tag.set"):
        pytest.fail("the door was open")
    assert snapshot() == before


def test_what_the_door_gives_is_the_row_as_it_is_now_not_as_it_was_found(package, uma):
    sharing.set_access(uma, "@uma/x", "public")
    with changing(package, uma, "tag.set") as locked:
        assert (locked.access, locked.revision) == ("public", 2)
    package.refresh_from_db()
    assert package.access == "public"


def test_the_package_shows_what_latest_says(publish, uma):
    publish(uma, "@uma/x", "1.0.0", description="one", keywords=["a", "b"])
    publish(uma, "@uma/x", "2.0.0", tag="next", description="two")
    package = Package.objects.get()
    assert (package.description, package.keywords, package.latest.number) == ("one", ["a", "b"], "1.0.0")
    releases.set_tag(uma, "@uma/x", "latest", "2.0.0")
    package.refresh_from_db()
    assert (package.description, package.keywords, package.latest.number) == ("two", [], "2.0.0")


@pytest.mark.parametrize(
    "odd", [{"description": ["x"]}, {"keywords": "a, b"}, {"keywords": [1, None, "a"]}, {"keywords": {"a": 1}}]
)
def test_an_odd_description_or_keywords_break_nothing(publish, uma, odd):
    publish(uma, "@uma/x", **odd)
    package = Package.objects.get()
    assert isinstance(package.description, str)
    assert all(isinstance(word, str) for word in package.keywords)


# --- at the same moment ------------------------------------------------------------------------------------------


@pytest.fixture
def many_connections(transactional_db, tmp_path):
    """A database that several threads can write to: on SQLite a file as in production, not the tests' memory."""
    if connection.vendor != "sqlite":
        yield
        return
    connection.ensure_connection()
    memory, name = connection.connection, connection.settings_dict["NAME"]
    with sqlite3.connect(tmp_path / "race.sqlite3") as file:
        memory.backup(file)
    file.close()
    connection.connection, connection.settings_dict["NAME"] = None, str(tmp_path / "race.sqlite3")
    try:
        yield
    finally:
        connection.close()
        connection.connection, connection.settings_dict["NAME"] = memory, name


def at_once(*calls) -> list:
    """What each call gave or raised, when all began at the same moment, each on a connection of its own."""
    barrier, found = Barrier(len(calls)), [None] * len(calls)

    def run(index: int, call) -> None:
        barrier.wait(120)
        try:
            found[index] = call()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            found[index] = error
        finally:
            connections.close_all()

    threads = [Thread(target=run, args=each) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(240)
    return found


@pytest.fixture
def org(many_connections):
    """alice and bob of the org acme, both developers' members."""
    alice, bob = person("alice"), person("bob")
    organizations.create(alice, "acme")
    organizations.set_member(alice, "acme", "bob")
    return alice, bob


def test_two_first_publishes_of_one_name_both_succeed(org, publish, blob_files):
    alice, bob = org
    done = at_once(lambda: publish(alice, "@acme/x", "1.0.0"), lambda: publish(bob, "@acme/x", "2.0.0"))
    assert {each.number for each in done} == {"1.0.0", "2.0.0"}, done
    package = Package.objects.get()
    assert (package.revision, package.access, TeamGrant.objects.count()) == (2, "restricted", 1)
    assert Version.objects.count() == len(blob_files()) == 2
    assert AuditEvent.objects.filter(action="version.published").count() == 2


def test_a_name_that_comes_into_being_between_two_looks_is_published_to(org, publish):
    alice, bob = org
    waiting = [lambda: publish(alice, "@acme/x", "1.0.0")]

    def after_the_first_look(execute, sql, params, many, context):
        found = execute(sql, params, many, context)
        if waiting and "@acme/x" in (params or ()):
            assert at_once(waiting.pop())[0].number == "1.0.0"
        return found

    with connection.execute_wrapper(after_the_first_look):
        assert publish(bob, "@acme/x", "2.0.0").number == "2.0.0"
    assert not waiting
    assert set(Version.objects.values_list("number", flat=True)) == {"1.0.0", "2.0.0"}


def test_two_publishes_of_one_version_give_one_version_and_one_refusal(org, publish, blob_files):
    alice, bob = org
    publish(alice, "@acme/x", "0.1.0")
    done = at_once(
        lambda: publish(alice, "@acme/x", "1.0.0", description="a"),
        lambda: publish(bob, "@acme/x", "1.0.0", description="b"),
    )
    assert {type(each) for each in done} == {AlreadyPublished, Version}, done
    winner = next(each for each in done if isinstance(each, Version))
    assert Version.objects.get(number="1.0.0").integrity == winner.integrity
    assert len(blob_files()) == 2
    assert AuditEvent.objects.filter(action="version.published").count() == 2


def test_the_same_publish_twice_at_once_is_one_version_and_one_event(org, publish, blob_files):
    alice, _ = org
    done = at_once(lambda: publish(alice, "@acme/x"), lambda: publish(alice, "@acme/x"))
    assert [each.number for each in done] == ["1.0.0", "1.0.0"], done
    assert Version.objects.count() == len(blob_files()) == 1
    assert AuditEvent.objects.filter(action="version.published").count() == 1


def test_changes_at_the_same_moment_are_all_kept_and_counted(org, publish):
    alice, _ = org
    publish(alice, "@acme/x")
    done = at_once(*(lambda tag=tag: releases.set_tag(alice, "@acme/x", tag, "1.0.0") for tag in ("a", "b", "c", "d")))
    assert done == [None] * 4
    package = Package.objects.get()
    assert package.revision == 5
    assert set(package.tags.values_list("name", flat=True)) == {"a", "b", "c", "d", "latest"}
    assert AuditEvent.objects.filter(action="tag.set").count() == 4


def test_two_owners_who_remove_each_other_leave_one(many_connections, publish):
    uma, hugo = person("uma"), person("hugo")
    publish(uma, "loose")
    sharing.grant_person(uma, "loose", "hugo", "owner")
    done = at_once(
        lambda: sharing.revoke_person(uma, "loose", "hugo"), lambda: sharing.revoke_person(hugo, "loose", "uma")
    )
    assert sum(isinstance(each, Refusal) for each in done) == 1, done
    assert PersonGrant.objects.filter(permission="owner").count() == 1


def test_d38_two_owners_of_an_org_who_leave_at_once_leave_one(org):
    alice, bob = org
    organizations.set_member(alice, "acme", "bob", "owner")
    done = at_once(
        lambda: organizations.remove_member(alice, "acme", "alice"),
        lambda: organizations.remove_member(bob, "acme", "bob"),
    )
    assert sum(isinstance(each, Conflict) for each in done) == 1, done


def test_b12_a_name_asked_for_twice_at_once_goes_to_one(many_connections):
    dave, erin = person("dave"), person("erin")
    done = at_once(lambda: organizations.create(dave, "newco"), lambda: organizations.create(erin, "newco"))
    assert sum(isinstance(each, Conflict) for each in done) == 1, done
    from orgs.models import Membership

    assert Membership.objects.count() == 1
