"""What a publish costs by how many versions there are already, and the first reads that find a new revision."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tests.bench import load, processes, realistic
from tests.bench.report import Bar, Figure, Section, ratio
from tests.bench.run import Run
from tests.bench.servers import FULL, SHORT
from tests.tools import payloads

TEXT = (
    "A publish as npm sends it, of a tarball of 50 kB and a manifest of 3 to 4 kB, into packages of so many versions; "
    "then the first reader of the full and the short form. Milliseconds on the clock and CPU of the server, median and "
    "spread. The last columns compare with the smallest package."
)
STEPS = ("publish", "first full read", "first short read")


@dataclass(frozen=True)
class Took:
    """One step, in seconds: on the clock, and of the server's processes."""

    clock: float
    cpu: float


def measure(run: Run) -> Section:
    """Publish some versions into each package, the servers in turns."""
    # A package can have 10,000 versions; those that are published here have to fit in.
    counts = (10, 200, 1_000) if run.quick else (10, 2_000, 9_900)
    rounds = 2 if run.quick else 10
    servers = [run.ours, *filter(None, (run.verdaccio,))]
    run.have({_name(count): count for count in counts}, others=servers[1:])
    found = {(each.name, count): [] for each in servers for count in counts}
    for turn in range(-1, rounds):
        for count in counts:
            for server in servers:
                steps = _publish(server, _name(count), count + turn + 1)
                if turn >= 0:  # the first one finds nothing ready
                    found[server.name, count].append(steps)
    return _section(servers, counts, found)


def _name(count: int) -> str:
    return f"publish-{count}"


def _publish(server, name: str, place: int) -> list[Took]:
    manifest = realistic.manifest(name, place)
    files = {"noise.txt": realistic.noise(50_000, place)}
    sent = payloads.publish_body(name, realistic.number(place), access="public", files=files, **manifest)
    headers = {"Authorization": f"Bearer {server.token()}", "Content-Type": "application/json"}
    url = f"{server.base}/{name}"
    return [
        _took(server, 201, url, headers, "PUT", json.dumps(sent).encode()),
        _took(server, 200, url, FULL),
        _took(server, 200, url, SHORT),
    ]


def _took(server, status: int, *request) -> Took:
    before = processes.cpu_seconds(*server.pids)
    answer = load.once(*request)
    assert answer.status == status, f"{request[0]} answered with {answer.status}: {answer.body[:200]!r}"
    return Took(answer.seconds, processes.cpu_seconds(*server.pids) - before)


def _section(servers: list, counts: tuple[int, ...], found: dict) -> Section:
    columns = [f"{step}: ms, CPU ms" for step in STEPS]
    head = ("", *columns, "publish, times the smallest: clock, CPU", "with both reads: CPU")
    section = Section("Publishing into packages that grow", TEXT, head)
    for server in servers:
        for count in counts:
            steps, least = ([_figures(found[server.name, each], step) for step in range(len(STEPS))]
                            for each in (count, counts[0]))  # fmt: skip
            row = [f"{server.name}, {count:,} versions"]
            row += [f"{clock.shown(1000, 1)}, {cpu.shown(1000, 1)}" for clock, cpu in steps]
            times = [steps[0][part].median / least[0][part].median for part in (0, 1)]
            whole = sum(cpu.median for _, cpu in steps) / sum(cpu.median for _, cpu in least)
            section.rows.append([*row, f"{times[0]:.2f}, {times[1]:.2f}", f"{whole:.2f}"])
            if server.name == "ours" and count != counts[0]:
                what = f"publish into {count:,} versions"
                # The bar is about 2,000; the larger package shows that it goes on so.
                section.bars.append(Bar(f"{what}: clock", times[0], 2, f"times one into {counts[0]}"))
                section.bars.append(Bar(f"{what}: CPU", times[1], 2, f"times one into {counts[0]}"))
                section.bars.append(Bar(f"{what} and the first reads: CPU", whole, 2, f"times one into {counts[0]}"))
    if len(servers) > 1:
        for count in counts:
            cpu = [_figures(found[each.name, count], 0)[1].median for each in servers[:2]]
            section.notes.append(f"CPU of a publish into {count:,} versions, ours / verdaccio: {ratio(*cpu)}.")
    return section


def _figures(rounds: list[list[Took]], step: int) -> tuple[Figure, Figure]:
    return Figure(tuple(each[step].clock for each in rounds)), Figure(tuple(each[step].cpu for each in rounds))
