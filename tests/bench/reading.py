"""What installs read: packuments in both forms, tarballs, and the ping that shows what a request costs at the least."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.bench import load, processes, realistic
from tests.bench.report import Bar, Figure, Section, ratio
from tests.bench.run import Run
from tests.bench.servers import FULL, SHORT

COUNTS = {f"bench-{count}": count for count in (10, 300, 3_000)}
SIZES = {"bench-50kb": 50_000, "bench-20mb": 20_000_000}
SECONDS = 1.0  # a round of one server, about
WORDS = ("ping", "packument", "tarball")
TEXT = (
    "Four lines ask for the same thing over and over. The first figure is the CPU that all processes of a server took "
    "for one request, in milliseconds, the median of the rounds and their spread; the servers take turns within a "
    "round. A version of these packages is 3 to 4 kB in the full form, and differs from the next as those of real "
    "packages do. nginx sends the same bytes from files, compressed ahead: what the system itself asks for."
)


@dataclass(frozen=True)
class Case:
    """One question. file: the path at nginx. known: asked again with the ETag of the first answer."""

    name: str
    path: str
    headers: dict[str, str]
    file: str
    known: bool = False


@dataclass(frozen=True)
class Found:
    """What came of a server's rounds; times in seconds, size: bytes of an answer."""

    cpu: Figure
    rate: Figure
    p50: Figure
    p99: Figure
    size: int


Servers = dict[str, Found]


def measure(run: Run, words: Sequence[str] = WORDS) -> Section:
    """Ask all servers. words: which of WORDS; the bar of packuments needs the ping, too."""
    wanted = [*words, *(["ping"] if "packument" in words and "ping" not in words else [])]
    counts = {name: count for name, count in COUNTS.items() if "packument" in words and not (run.quick and count > 300)}
    sizes = SIZES if "tarball" in words else {}
    servers = [run.ours, *filter(None, (run.verdaccio, run.nginx))]
    run.have(counts, sizes, servers[1:])
    names = [each.name for each in servers]
    section = Section("Packuments and tarballs", TEXT, _head(names))
    found: dict[str, Servers] = {}
    for case in _cases(wanted, counts, sizes):
        found[case.name] = _measure(run, case, servers)
        section.rows.append(_row(case.name, names, found[case.name]))
        run.say(" | ".join(section.rows[-1]))
    section.bars = [*_packument_bars(found)] if "packument" in words else []
    if "tarball" in words:
        section.bars.append(_bar_of_tarballs(found))
    return section


def _cases(words: Sequence[str], counts: dict[str, int], sizes: dict[str, int]) -> Iterator[Case]:
    if "ping" in words:
        yield Case("ping", "/-/ping", {}, "/-/ping")
    for name, count in counts.items():
        for form, headers in (("full", FULL), ("short", SHORT)):
            what = f"packument of {count:,}, {form}"
            yield Case(what, f"/{name}", headers, f"/{name}/{form}")
            yield Case(f"{what}, 304", f"/{name}", headers, f"/{name}/{form}", known=True)
    for name, size in sizes.items():
        path = f"/{name}/-/{name}-{realistic.number(0)}.tgz"
        yield Case(f"tarball of {size / 1000:,.0f} kB", path, {}, path)


def _measure(run: Run, case: Case, servers: list) -> Servers:
    asked = {each.name: _question(case, each) for each in servers}
    known = [each for each in servers if asked[each.name] is not None]
    counts = {each.name: _count(run, *asked[each.name]) for each in known}
    rounds: dict[str, list[tuple[float, load.Round]]] = {each.name: [] for each in known}
    for turn in range(run.rounds):
        for place in range(len(known)):
            each = known[(turn + place) % len(known)]
            rounds[each.name].append(_round(each, *asked[each.name], counts[each.name]))
    return {name: _found(results, counts[name]) for name, results in rounds.items()}


def _question(case: Case, server) -> tuple[str, dict[str, str], int] | None:
    # None for a server that does not know the ETag of its own answer.
    url = server.base + (case.file if server.name == "nginx" else case.path)
    if not case.known:
        return url, case.headers, 200
    etag = load.once(url, case.headers).headers.get("etag", "")
    headers = case.headers | {"If-None-Match": etag}
    return (url, headers, 304) if etag and load.once(url, headers).status == 304 else None


def _count(run: Run, url: str, headers: dict[str, str], status: int) -> int:
    # Twice: the first answers may have to be made.
    warm = [load.ask([url], headers, load.LINES, status=status) for _ in range(2)][-1]
    return max(load.LINES, min(4_000, int((0.2 if run.quick else SECONDS) * load.LINES / warm.seconds)))


def _round(server, url: str, headers: dict[str, str], status: int, count: int) -> tuple[float, load.Round]:
    before = processes.cpu_seconds(*server.pids)
    found = load.ask([url], headers, count, status=status)
    return processes.cpu_seconds(*server.pids) - before, found


def _found(rounds: list[tuple[float, load.Round]], count: int) -> Found:
    return Found(
        Figure(tuple(cpu / count for cpu, _ in rounds)),
        Figure(tuple(count / each.seconds for _, each in rounds)),
        Figure(tuple(each.percentile(0.5) for _, each in rounds)),
        Figure(tuple(each.percentile(0.99) for _, each in rounds)),
        rounds[0][1].size,
    )


def _head(names: list[str]) -> list[str]:
    columns = ["", "kB sent", *(f"{name}: CPU ms (spread)" for name in names)]
    columns += [f"ours / {name}" for name in names[1:]]
    return columns + [f"{name}: req/s, p50, p99 ms" for name in names]


def _row(what: str, names: list[str], found: Servers) -> list[str]:
    known = [found.get(name) for name in names]
    ours = found[names[0]]
    row = [what, f"{ours.size / 1000:,.1f}", *(each.cpu.shown(1000) if each else "-" for each in known)]
    row += [ratio(ours.cpu.median, each.cpu.median) if each else "-" for each in known[1:]]
    return row + [
        f"{each.rate.median:.0f}, {each.p50.median * 1000:.1f}, {each.p99.median * 1000:.1f}" if each else "-"
        for each in known
    ]


def _packument_bars(found: dict[str, Servers]) -> Iterator[Bar]:
    ping = found["ping"]
    for form in ("full", "short"):
        case = found[f"packument of 300, {form}"]
        yield Bar(
            f"packument of 300 versions, {form}: CPU",
            _over(case, "ours", "verdaccio"), 1 / 30, "of verdaccio's",
        )  # fmt: skip
        sending = max(0.0, _cpu(case, "nginx") - _cpu(ping, "nginx"))
        limit = 1.3 * _cpu(ping, "ours") + sending
        what = f"packument of 300 versions, {form}: CPU, at the most 1.3 of our ping and what nginx takes to send it"
        yield Bar(what, _cpu(case, "ours") * 1000, limit * 1000, "ms")


def _bar_of_tarballs(found: dict[str, Servers]) -> Bar:
    case = found[f"tarball of {SIZES['bench-50kb'] / 1000:,.0f} kB"]
    return Bar("tarball of 50 kB: CPU", _over(case, "ours", "verdaccio"), 1, "of verdaccio's")


def _cpu(case: Servers, name: str) -> float:
    return case[name].cpu.median if name in case else 0.0


def _over(case: Servers, one: str, other: str) -> float | None:
    return _cpu(case, one) / _cpu(case, other) if other in case else None
