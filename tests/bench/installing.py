"""A real app of some hundred packages, installed by npm, pnpm and bun with empty caches from warm registries."""

from __future__ import annotations

import time

from tests.bench import app, processes
from tests.bench.report import Bar, Figure, Section, ratio
from tests.bench.run import Run

TEXT = (
    "The client starts with empty caches and without node_modules; the registries have everything. Seconds on the "
    "clock hold the client's own work, which is most of it; the CPU is that of the server's processes. Median and "
    "spread, both servers in turns."
)
HEAD = ("", "ours: s", "verdaccio: s", "ours / verdaccio", "ours: CPU s", "verdaccio: CPU s", "ours / verdaccio")
Took = tuple[float, float]  # seconds, CPU seconds of the server


def measure(run: Run) -> Section:
    """`install` without a lockfile, then with one, for each client."""
    section = Section("Installing a real app", TEXT, HEAD)
    mirrors, rounds = run.mirrors, 1 if run.quick else 3
    for kind in app.KINDS:
        for words, frozen in ((["install"], False), (app.FROZEN[kind[0]], True)):
            servers = (mirrors.ours, mirrors.verdaccio)
            found: dict[str, list[Took]] = {each.name: [] for each in servers}
            for each in servers:
                mirrors.lock(kind, each)
            for turn in range(rounds):
                for server in servers[:: 1 if turn % 2 else -1]:
                    found[server.name].append(_install(mirrors, kind, server, words, frozen))
            _note(section, f"{kind[0]} {kind[1]}: `{kind[0]} {' '.join(words)}`", found)
            run.say(" | ".join(section.rows[-1]))
            if words == ["ci"]:
                times = {name: Figure(tuple(each[0] for each in rounds)).median for name, rounds in found.items()}
                bar = times["ours"] / times["verdaccio"]
                section.bars.append(Bar("`npm ci` of the app: seconds", bar, 0.7, "of verdaccio's"))
    documents, tarballs = mirrors.paths
    section.notes.append(
        f"The app has {len(tarballs)} packages of {len(documents)} names, mirrored by both registries."
    )
    return section


def _install(mirrors: app.Mirrors, kind: tuple[str, int], server, words: list[str], frozen: bool) -> Took:
    files = {app.LOCKS[kind[0]]: mirrors.lock(kind, server)} if frozen else {}
    with app.project(kind, server.base, mirrors.home, files) as (client, folder):
        before, began = processes.cpu_seconds(*server.pids), time.perf_counter()
        app.install(client, folder, words)
        return time.perf_counter() - began, processes.cpu_seconds(*server.pids) - before


def _note(section: Section, what: str, found: dict[str, list[Took]]) -> None:
    row = [what]
    for part in (0, 1):
        ours, theirs = (Figure(tuple(each[part] for each in found[name])) for name in ("ours", "verdaccio"))
        row += [ours.shown(), theirs.shown(), ratio(ours.median, theirs.median)]
    section.rows.append(row)
