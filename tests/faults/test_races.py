"""Two things at the same moment, each held where it matters: they happen in one order or in the other, never in both.

Threads of one process, each with a connection of its own. The one called `first` stops where a test says; everything
here holds on SQLite and on PostgreSQL (`python -m tests.tools.postgres -- ... pytest tests/faults/test_races.py`).
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from accounts import suspension, tokens
from accounts.actor import Actor, operator
from accounts.models import AuditEvent, Token
from orgs import organizations, service_accounts, teams
from orgs import two_factor as org_two_factor
from packages import (
    access,
    claims,
    ledger,
    publishing,
    quarantine,
    releases,
    sharing,
    staging,
    transfers,
    verification,
)
from packages.models import DistTag, Package, StagedVersion, Version
from packages.packuments import revision_of
from registry_site.errors import BadCredential, NotAllowed, NotFound, Refusal
from tests.conftest import login_token
from tests.tools import payloads
from tests.tools.registry_client import RegistryClient
from tests.tools.sessions import turn_on_two_factor

threads = pytest.mark.django_db(transaction=True)
long = pytest.mark.long
SECONDS = 60
A_MOMENT = 0.3  # in which what does not wait would have been done
ROUNDS = 4


class Doing(threading.Thread):
    """A call in a thread of its own: what it gave or raised is in `came`."""

    def __init__(self, call: Callable[[], Any], name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.call, self.came = call, None

    def run(self) -> None:
        try:
            self.came = self.call()
        except Exception as error:
            self.came = error
        finally:
            connections.close_all()

    def end(self) -> Any:
        """What came of it, when it is done."""
        self.join(SECONDS)
        assert not self.is_alive(), f"{self.name} hangs"
        return self.came


class Held:
    """Where the thread called `first` stops until it is let go."""

    def __init__(self) -> None:
        self.reached, self.go = threading.Event(), threading.Event()

    def stop(self) -> None:
        if threading.current_thread().name == "first" and not self.reached.is_set():
            self.reached.set()
            assert self.go.wait(SECONDS)


@pytest.fixture
def held(monkeypatch):
    """`held(ledger, "note")`: the first thread stops after that function; `before=True`: before it."""

    def at(owner: Any, name: str, *, before: bool = False) -> Held:
        stop, original = Held(), getattr(owner, name)

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            if before:
                stop.stop()
            given = original(*args, **kwargs)
            if not before:
                stop.stop()
            return given

        monkeypatch.setattr(owner, name, wrapped)
        return stop

    return at


def begin(call: Callable[[], Any], stop: Held) -> Doing:
    """Begin the first one, and wait until it stops."""
    first = Doing(call, "first")
    first.start()
    assert stop.reached.wait(SECONDS), f"it never got there: {first.came!r}"
    return first


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    barrier = threading.Barrier(len(calls))
    doing = [Doing(lambda call=call: (barrier.wait(SECONDS), call())[1], "one of them") for call in calls]
    for each in doing:
        each.start()
    return [each.end() for each in doing]


def events(*actions: str) -> list[str]:
    return list(AuditEvent.objects.filter(action__in=actions).order_by("pk").values_list("action", flat=True))


def wrong() -> list[str]:
    return [str(each) for each in verification.look(lambda count: None)]


def with_token(actor: Actor) -> Actor:
    token, _ = tokens.issue(actor, actor.user, kind=Token.Kind.GRANULAR)
    return replace(actor, token=token, credential=token.prefix)


# --- 53: a right that is taken away while something is published ----------------------------------------------------


@pytest.fixture
def case(request, acme, alice, bob, frank, uma, hugo, olga, publish):
    """Who publishes what, and how that right ends: by the name of the case."""
    publish(alice, "@acme/x", "0.1.0")
    publish(uma, "@uma/x", "0.1.0")
    sharing.grant_person(uma, "@uma/x", "hugo", "read-write")
    sharing.revoke_team(alice, "@acme/x", "acme", "developers")
    sharing.grant_team(alice, "@acme/x", "acme", "core", "read-write")
    his, hugos = with_token(bob), with_token(hugo)
    made, _ = service_accounts.create(alice, "acme", "deploy", _write())
    machine = Actor(None, made, made.publisher)
    turn_on_two_factor(alice)
    cases = {
        "token revoked": (his, "@acme/x", lambda: tokens.revoke(bob, bob.user, str(his.token.key)), "token.revoked"),
        "service token revoked": (
            machine, "@acme/x", lambda: tokens.revoke_of_org(alice, _org(), made.key), "service.token_revoked",
        ),
        "suspended": (his, "@acme/x", lambda: suspension.suspend(operator(), "bob", "a reason"), "user.suspended"),
        "suspended, in a browser": (
            bob, "@acme/x", lambda: suspension.suspend(operator(), "bob", "a reason"), "user.suspended",
        ),
        "member removed": (his, "@acme/x", lambda: organizations.remove_member(alice, "acme", "bob"), "member.removed"),
        "seat removed": (his, "@acme/x", lambda: teams.remove(alice, "acme", "core", "bob"), "team.left"),
        "team deleted": (his, "@acme/x", lambda: teams.destroy(alice, "acme", "core"), "team.deleted"),
        "team's grant revoked": (
            his, "@acme/x", lambda: sharing.revoke_team(alice, "@acme/x", "acme", "core"), "team.revoked",
        ),
        "no longer admin": (
            frank, "@acme/x", lambda: organizations.set_member(alice, "acme", "frank", "developer"), "member.role",
        ),
        "two-factor asked for": (his, "@acme/x", lambda: org_two_factor.require(alice, "acme", True), "org.two_factor"),
        "grant revoked": (hugos, "@uma/x", lambda: sharing.revoke_person(uma, "@uma/x", "hugo"), "person.revoked"),
    }  # fmt: skip
    return cases[request.param]


def _write():
    from accounts.limits import Limits

    return Limits(permission="read-write", days=10)


def _org():
    from accounts.models import Scope

    return Scope.objects.get(name="acme")


CASES = [
    "token revoked", "service token revoked", "suspended", "suspended, in a browser", "member removed", "seat removed",
    "team deleted", "team's grant revoked", "no longer admin", "two-factor asked for", "grant revoked",
]  # fmt: skip
QUICK = ("token revoked", "member removed")


@pytest.mark.parametrize("case", CASES, indirect=True)
def test_53_a_right_that_ended_while_the_upload_ran_publishes_nothing(case, publish, blob_files, monkeypatch):
    who, name, end, _ = case
    before, kept = AuditEvent.objects.filter(action="version.published").count(), blob_files()
    note = ledger.note  # all was asked, the bytes are kept, and the transaction is next
    monkeypatch.setattr(ledger, "note", lambda *words: (note(*words), end()))
    with pytest.raises((NotFound, NotAllowed, BadCredential)):
        publish(who, name)
    assert not Version.objects.filter(number="1.0.0").exists()
    assert AuditEvent.objects.filter(action="version.published").count() == before
    assert blob_files() == kept
    assert wrong() == []


@threads
@pytest.mark.parametrize(
    "case", [each if each in QUICK else pytest.param(each, marks=long) for each in CASES], indirect=True
)
def test_53_who_takes_a_right_away_is_not_told_so_before_what_used_it_is_done(case, held, publish):
    """Held inside the transaction, after it asked again: whoever ends the right waits, or comes first."""
    who, name, end, action = case
    stop = held(publishing, "enter", before=True)
    first = begin(lambda: publish(who, name), stop)
    second = Doing(end, "second")
    second.start()
    second.join(A_MOMENT)
    assert second.is_alive(), f"it was told that the right ended, and the publish went on: {second.came!r}"
    stop.go.set()
    assert isinstance(first.end(), Version), repr(first.came)
    assert not isinstance(second.end(), Exception), repr(second.came)
    last = AuditEvent.objects.filter(action="version.published").order_by("pk").last()
    assert AuditEvent.objects.filter(action=action, pk__gt=last.pk).exists(), "in this order in the log, too"
    with pytest.raises(Refusal):
        publish(who, name, "2.0.0")
    assert wrong() == []


@threads
def test_53_two_publishes_with_one_token_do_not_wait_for_each_other(acme, alice, publish, held):
    """Who only uses a right holds it together with others; SQLite has one writer at a time in any case."""
    from django.db import connection

    if connection.vendor == "sqlite":
        pytest.skip("one writer at a time")
    hers = with_token(alice)
    for name in ("@acme/one", "@acme/two"):
        publish(alice, name, "0.1.0")
    stop = held(publishing, "enter", before=True)
    first = begin(lambda: publish(hers, "@acme/one"), stop)
    second = Doing(lambda: publish(hers, "@acme/two"), "second")
    second.start()
    assert isinstance(second.end(), Version)
    stop.go.set()
    assert isinstance(first.end(), Version)


def test_53_a_package_handed_over_while_its_old_owner_publishes_is_the_new_ones(
    uma, dave, publish, blob_files, monkeypatch
):
    publish(uma, "loose", "0.1.0")
    kept, note = blob_files(), ledger.note

    def hand_over(*words: str) -> None:
        note(*words)
        transfers.transfer(operator(), "loose", "dave")
        sharing.revoke_person(dave, "loose", "uma")

    monkeypatch.setattr(ledger, "note", hand_over)
    with pytest.raises(Refusal):
        publish(uma, "loose")
    assert blob_files() == kept
    assert [version.number for version in Version.objects.all()] == ["0.1.0"]
    assert wrong() == []


def test_53_a_name_that_a_colleague_takes_between_two_looks_is_both_of_yours(acme, alice, frank, publish, monkeypatch):
    ask, first = claims._require_claimable, []

    def overtaken(*words: Any) -> None:
        if not first:
            first.append(publish)
            publish(frank, "@acme/x", "2.0.0")
        ask(*words)

    monkeypatch.setattr(claims, "_require_claimable", overtaken)
    assert publish(alice, "@acme/x", "1.0.0").number == "1.0.0"
    assert set(Package.objects.get().versions.values_list("number", flat=True)) == {"1.0.0", "2.0.0"}
    assert wrong() == []


# --- 52, 54: the same version, taken away, held back, released ------------------------------------------------------


@long
@threads
def test_52_a_publish_and_the_end_of_the_package_happen_in_one_order(uma, publish, blob_files):
    for number in range(ROUNDS):
        name = f"@uma/p{number}"
        publish(uma, name, "1.0.0")
        revision = revision_of(Package.objects.get(name=name))
        came = at_once(
            lambda name=name: publish(uma, name, "1.1.0"),
            lambda name=name, revision=revision: releases.unpublish(uma, name, revision),
        )
        package = Package.objects.get(name=name)
        listed = set(package.versions.listed().values_list("number", flat=True))
        assert isinstance(came[0], Version), came
        # Unpublished first: 1.1.0 brings the name back; published first: the client's copy is old.
        assert listed == ({"1.0.0", "1.1.0"} if isinstance(came[1], Refusal) else {"1.1.0"}), came
        assert set(package.tags.values_list("name", "version__number")) == {("latest", "1.1.0")}
    assert Version.objects.count() == len(blob_files())
    assert wrong() == []


@threads
def test_52_a_number_that_is_being_taken_away_is_not_given_again(uma, publish, held):
    publish(uma, "@uma/x", "1.0.0")
    publish(uma, "@uma/x", "1.1.0")
    kept = frozenset({"1.0.0"})
    stop = held(releases, "_take_away", before=True)
    first = begin(lambda: releases.unpublish_versions(uma, "@uma/x", kept, revision_of(Package.objects.get())), stop)
    second = Doing(lambda: publish(uma, "@uma/x", "1.1.0", description="other bytes"), "second")
    second.start()
    stop.go.set()
    assert first.end() is None
    assert isinstance(second.end(), Refusal)
    assert list(Version.objects.listed().values_list("number", flat=True)) == ["1.0.0"]
    assert DistTag.objects.get().version.number == "1.0.0"
    assert wrong() == []


@long
@threads
def test_54_a_publish_and_a_quarantine_happen_in_one_order(uma, olga, publish):
    publish(uma, "@uma/x", "1.0.0")
    for number in range(1, 1 + ROUNDS):
        came = at_once(
            lambda number=number: publish(uma, "@uma/x", f"1.{number}.0"),
            lambda number=number: quarantine.hold(operator(), "@uma/x", f"1.{number - 1}.0", "a reason"),
        )
        assert not [each for each in came if isinstance(each, Exception)], came
        assert DistTag.objects.get(name="latest").version.number == f"1.{number}.0"
    assert wrong() == []


@long
@threads
def test_54_of_two_approvals_and_a_rejection_one_is_done(acme, alice, frank, stage, blob_files):
    shown = [replace(who, second_factor=True) for who in (alice, frank)]
    for who in (alice, frank):
        turn_on_two_factor(who)
    for number in range(ROUNDS):
        staged = stage(alice, "@acme/x", f"1.{number}.0")
        came = at_once(
            lambda staged=staged: staging.approve(shown[0], staged.key),
            lambda staged=staged: staging.approve(shown[1], staged.key),
            lambda staged=staged: staging.reject(shown[0], staged.key),
        )
        released = Version.objects.filter(number=f"1.{number}.0").count()
        approved = [each for each in came[:2] if isinstance(each, Version)]
        assert (released, bool(approved), isinstance(came[2], Refusal)) in {(1, True, True), (0, False, False)}, came
        told = events("version.released", "version.rejected")
        assert len(told) == number + 1, told
        assert told[-1] == ("version.released" if released else "version.rejected")
    assert not StagedVersion.objects.exists()
    assert len(blob_files()) == Version.objects.count()
    assert wrong() == []


# --- 56: private, while many read -----------------------------------------------------------------------------------


@long
@threads
def test_56_once_it_is_private_no_stranger_reads_it(uma, publish, npm):
    publish(uma, "@uma/x", access="public")
    paths = itertools.cycle(["@uma/x", "@uma/x/-/x-1.0.0.tgz", "-/package/@uma/x/dist-tags", "@uma/x/1.0.0"])
    stop, odd = threading.Event(), []

    def keep_reading() -> None:
        while not stop.is_set():
            odd.extend(each for each in [status(next(paths))] if each not in (200, 404))

    def status(path: str) -> int:
        return RegistryClient(Client()).get(path).status_code

    readers = [Doing(keep_reading, "reader") for _ in range(3)]
    for each in readers:
        each.start()
    try:
        for level in ("restricted", "public") * ROUNDS:
            sharing.set_access(uma, "@uma/x", level)
            found = at_once(*[lambda: status(next(paths)) for _ in range(6)])  # begun after the change was told
            assert set(found) == {404 if level == "restricted" else 200}
    finally:
        stop.set()
        for each in readers:
            each.end()
    assert odd == []


# --- 57, 58: answers that got lost, clients that died ---------------------------------------------------------------


def _document(hers: RegistryClient, *, without: str) -> tuple[str, dict]:
    found = hers.get("@uma/x?write=true").json()
    del found["versions"][without]
    found["dist-tags"] = {tag: number for tag, number in found["dist-tags"].items() if number != without}
    return found["_rev"], found


def unpublished(hers: RegistryClient, calls: int) -> list[int]:
    """What npm and yarn do for `unpublish @uma/x@1.1.0`, up to so many calls that change something."""
    revision, document = _document(hers, without="1.1.0")
    said = [hers.put(f"@uma/x/-rev/{revision}", document).status_code]
    if calls > 1:
        revision = hers.get("@uma/x?write=true").json()["_rev"]
        said.append(hers.delete(f"@uma/x/-/x-1.1.0.tgz/-rev/{revision}").status_code)
    return said


@pytest.mark.parametrize("calls", [1, 2])
def test_57_an_unpublish_whose_client_dies_half_way_is_whole_and_can_be_repeated(uma, npm, publish, calls):
    publish(uma, "@uma/x", "1.0.0", access="public")
    publish(uma, "@uma/x", "1.1.0")
    hers = npm.as_(login_token(uma))
    assert set(unpublished(hers, calls)) <= {200, 201}
    assert list(npm.get("@uma/x").json()["versions"]) == ["1.0.0"]
    assert npm.get("@uma/x").json()["dist-tags"] == {"latest": "1.0.0"}
    assert npm.get("@uma/x/-/x-1.1.0.tgz").status_code == 404
    again = hers.put("@uma/x", payloads.publish_body("@uma/x", "1.1.0", description="other bytes"))
    assert again.status_code == 403
    assert "new version number" in again.json()["error"]
    # The last call once more, as by a client that got no answer; and the number is gone all the same.
    revision = hers.get("@uma/x?write=true").json()["_rev"]
    for _ in range(2):
        assert hers.delete(f"@uma/x/-/x-1.1.0.tgz/-rev/{revision}").status_code == 200
    assert len(events("version.unpublished")) == 1
    assert wrong() == []


def test_57_the_end_of_a_whole_package_repeated_changes_nothing(uma, npm, publish):
    publish(uma, "@uma/x", "1.0.0")
    hers = npm.as_(login_token(uma))
    revision = hers.get("@uma/x?write=true").json()["_rev"]
    assert hers.delete(f"@uma/x/-rev/{revision}").status_code == 200
    assert hers.delete(f"@uma/x/-rev/{revision}").status_code == 404, "which npm takes for done"
    assert len(events("package.unpublished")) == 1
    assert hers.put("@uma/x", payloads.publish_body("@uma/x", "1.0.0")).status_code == 403
    assert wrong() == []


def test_58_what_is_repeated_because_its_answer_was_lost_succeeds_and_happens_once(uma, hugo, npm, publish, blob_files):
    hers = npm.as_(login_token(uma))
    document = payloads.publish_body("@uma/x", "1.0.0")
    publish(uma, "@uma/x", "0.1.0")

    @cache
    def gentle() -> dict[str, Any]:  # as `npm deprecate` reads it and sends it back
        said = hers.get("@uma/x?write=true").json()
        said["versions"]["0.1.0"]["deprecated"] = "old"
        return said

    @cache
    def owners() -> dict[str, Any]:  # `npm owner add hugo`
        said = hers.get("@uma/x?write=true").json()
        people = [*said["maintainers"], {"name": "hugo", "email": ""}]
        return {"_id": "@uma/x", "_rev": said["_rev"], "maintainers": people}

    @cache
    def fewer() -> dict[str, Any]:  # `npm unpublish @uma/x@0.1.0`, its first call
        said = hers.get("@uma/x?write=true").json()
        del said["versions"]["0.1.0"]
        return said

    calls: dict[str, Callable[[], Any]] = {
        "version.published": lambda: hers.put("@uma/x", document),
        "tag.set": lambda: hers.put("-/package/@uma/x/dist-tags/next", "1.0.0"),
        "access.set": lambda: hers.post("-/package/@uma/x/access", {"access": "public"}),
        "version.deprecated": lambda: hers.put("@uma/x", gentle()),
        "person.granted": lambda: hers.put(f"@uma/x/-rev/{owners()['_rev']}", owners()),
        "version.unpublished": lambda: hers.put(f"@uma/x/-rev/{fewer()['_rev']}", fewer()),
    }
    for action, call in calls.items():
        before = len(events(action))
        for _ in range(3):
            answer = call()
            assert answer is None or answer.status_code in (200, 201), f"{action}: {answer.content!r}"
        assert len(events(action)) == before + 1, action
    assert len(blob_files()) == 2
    assert access.visible_to(Actor()).count() == 1
    assert wrong() == []


@threads
def test_58_the_same_upload_in_flight_twice_is_one_version(uma, publish, held, blob_files):
    """The client gave up waiting and sent it again, while the first one still was at it."""
    publish(uma, "@uma/x", "0.1.0")
    stop = held(ledger, "note")
    first = begin(lambda: publish(uma, "@uma/x"), stop)
    second = publish(uma, "@uma/x")
    stop.go.set()
    assert first.end().pk == second.pk
    assert len(blob_files()) == 2
    assert len(events("version.published")) == 2
    assert wrong() == []
