"""One run: its servers, each started when something needs it first, and stopped at the end whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cached_property

from tests.bench import app, processes
from tests.bench.app import Mirrors
from tests.bench.servers import Files, Others, Ours
from tests.tools import clients, prepared
from tests.tools.server import NotStarted


class Run:
    """For `with`. quick: one round of everything, and less of it: to see that all parts work."""

    def __init__(self, *, quick: bool = False) -> None:
        self.quick = quick
        self.rounds = 1 if quick else 5
        self.crowd = 3_000 if quick else 100_000
        self.absent: dict[str, str] = {}
        self.memory: dict[str, dict[str, int]] = {}
        self._watched: dict[str, Ours] = {}
        self._filled: set[str] = set()
        self._stack = ExitStack()

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *reason: object) -> None:
        self._stack.close()
        prepared.remove()

    def say(self, text: str) -> None:
        """Tell who waits how far it is."""
        print(f"  {text}", flush=True)

    @cached_property
    def ours(self) -> Ours:
        """The registry that most things are asked of: SQLite, a folder, two workers."""
        return self._stack.enter_context(self.watched("SQLite, its own packages", Ours()))

    @cached_property
    def verdaccio(self) -> Others | None:
        """The registry of others; None where it cannot be had, for the reason in `absent`."""
        return self._start("verdaccio", Others)

    @cached_property
    def nginx(self) -> Files | None:
        """The files alone; None where there is no nginx."""
        return self._start("nginx", Files)

    @cached_property
    def crowded(self) -> Ours:
        """The same registry of ours as `ours`, with very many packages of everybody."""
        self.say(f"putting {self.crowd:,} packages into SQLite")
        self.ours.fill(f"crowd({self.crowd})")
        return self.ours

    @cached_property
    def mirrors(self) -> Mirrors:
        """A registry of ours and a verdaccio that both have all that a real app depends on."""
        return self._stack.enter_context(app.mirrors(self))

    def have(self, counts: Mapping[str, int], sizes: Mapping[str, int] | None = None, others: Iterable = ()) -> None:
        """Let our registry have these packages (as `filling.packages` makes them), and others copies of new ones."""
        wanted = [{name: each[name] for name in each if name not in self._filled} for each in (counts, sizes or {})]
        if any(wanted):
            self.ours.fill(f"packages({wanted[0]}, {wanted[1]})")
        for name in (*wanted[0], *wanted[1]):
            self._filled.add(name)
            for other in others:
                other.copy(self.ours, name)

    @contextmanager
    def watched(self, what: str, server: Ours) -> Iterator[Ours]:
        """A registry of ours while it runs; what its processes hold at the end is noted in `memory`."""
        with server:
            self._watched[what] = server
            try:
                yield server
            finally:
                self.note_memory()
                del self._watched[what]

    def note_memory(self) -> None:
        """Note what the processes of our servers have in memory now, as `worker 1`, `worker 2` and so on."""
        for what, server in self._watched.items():
            found: dict[str, int] = {}
            for pid, size in sorted(processes.resident(server.pid).items()):
                kind = processes.does(pid)
                found[f"{kind} {sum(each.startswith(kind) for each in found) + 1}"] = size
            self.memory[what] = found

    def _start(self, name: str, make: Callable):
        try:
            return self._stack.enter_context(make())
        except (clients.Unavailable, NotStarted, OSError) as reason:
            self.absent[name] = str(reason)
            return None
