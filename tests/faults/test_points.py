"""A publish dies, fails or waits at each of its steps: it is there whole or not at all, and a repetition settles it."""

from __future__ import annotations

import itertools

import pytest

from tests.faults import harness, steps
from tests.faults.harness import Broken, Host, oracle
from tests.faults.load import Lost, Sent, Told, ask, pack, path_of, tarball_path

QUICK = ("P4 bytes spooled", "P8 kept", "P10 announced", "P11 before the commit", "P11 committed", steps.ANSWERED)
_numbers = itertools.count(1)


@pytest.fixture(scope="module", params=harness.PLACES, ids=lambda kind: "-".join(kind))
def host(request, tmp_path_factory):
    """One registry for all steps: a worker that dies is replaced while the other one serves."""
    database, store = request.param
    running = request.getfixturevalue("cluster") if database == "postgres" else None
    with (
        harness.Place(database, store, tmp_path_factory.mktemp("points"), running) as place,
        Host(place, faulty=True) as started,
    ):
        yield started


def steps_of(host: Host) -> list[str]:
    return [step for step in steps.EVERY if steps.OF_ONE_STORE.get(step, host.place.store) == host.place.store]


def publish(host: Host, sent: Sent, told: Told, **headers: str) -> int:
    """The status that came back, 0 when the connection broke; told knows that it was sent."""
    told.sending(sent)
    try:
        return ask(host.port, "PUT", path_of(sent.name), host.place.token["bob"], sent.body, **headers).status
    except Lost:
        return 0


def is_listed(host: Host, sent: Sent) -> bool:
    answer = harness.patiently(host, path_of(sent.name))
    return answer.status == 200 and sent.number in answer.said["versions"]


def suffer(host: Host, told: Told, step: str, how: str) -> None:
    """Publish with a fault, look, and publish again."""
    sent = pack(f"@acme/step-{next(_numbers)}", "1.0.0", f"{step} {how}")
    status = publish(host, sent, told, X_Fault=f"{step};{how}")
    committed = step in steps.COMMITTED
    assert is_listed(host, sent) == (committed or how == steps.SLEEP), f"{step} {how}: {status}"
    if how == steps.KILL:
        assert status == 0, f"{step}: {status}"
        tarball = harness.patiently(host, tarball_path(sent.name, sent.number))
        assert (tarball.status, tarball.body == sent.data) == ((200, True) if committed else (404, False))
    elif how == steps.SLEEP or step.startswith("P13"):
        assert status == 201, f"{step} {how}: {status}"
    else:
        assert status in (500, 503), f"{step} {how}: {status}"
        assert status == 503 or not step.startswith(("P9", "P10", "P11")), "the database's errors are 503"
    assert harness.settled(host, sent, told), f"{step} {how}: the repetition"


@pytest.mark.parametrize("step", QUICK)
def test_a_process_that_dies_at_a_step_leaves_a_version_whole_or_none(host, step):
    told = Told()
    suffer(host, told, step, steps.KILL)
    oracle(host, told, whole=False)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("how", [steps.KILL, steps.RAISE, steps.SLEEP])
def test_every_step(host, how):
    told = Told()
    for step in steps_of(host) * harness.cycles(1):
        suffer(host, told, step, how)
    print(how, host.place.database, host.place.store, oracle(host, told))


@pytest.mark.long
def test_what_waits_at_a_step_holds_nobody_up_and_is_overtaken_by_nobody(host):
    """The same version twice at once, the first one waiting at each step in turn: one version, both are told 201."""
    for step in steps_of(host):
        told = Told()
        sent = pack(f"@acme/twice-{next(_numbers)}", "1.0.0", step)
        both = harness.at_once(
            lambda sent=sent, told=told, step=step: publish(host, sent, told, X_Fault=f"{step};{steps.SLEEP}"),
            lambda sent=sent, told=told: publish(host, sent, told),
        )
        assert both == [201, 201], f"{step}: {both}"
        told.acknowledge(sent)
        oracle(host, told, whole=False)


def test_rows_before_bytes_would_be_noticed(place):
    """The wrong order, made on purpose: a version is listed whose tarball died with the process."""
    with Host(place, faulty=True) as host:
        told = Told()
        sent = pack("@acme/wrong", "1.0.0")
        assert publish(host, sent, told, X_Order="rows first") == 201
        told.acknowledge(sent)
        oracle(host, told, whole=False)
        lost = pack("@acme/wrong", "1.0.1")
        assert publish(host, lost, told, X_Order="rows first", X_Fault=f"P11 committed;{steps.KILL}") == 0
        with pytest.raises(Broken, match="1.0.1 is listed and does not install: 503"):
            oracle(host, told, whole=False)
        assert "@acme/wrong@1.0.1: its tarball is not in the storage" in host.manage("verify", check=False).stdout
