"""Two apps with all they depend on, installed by real clients through us, from registries of others on loopback.

Cold, then from the lockfile with a clean cache while upstream is away; each time the app starts or is built.
"""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live import fetch
from tests.protocol import matrix
from tests.protocol.matrix import Terminal
from tests.tools import apps, clients
from tests.tools.apps import App
from tests.tools.homes import Client
from tests.tools.server import DIRECT, Registry
from tests.tools.upstream_stub import UpstreamStub
from tests.tools.verdaccio import Verdaccio

pytestmark = pytest.mark.protocol
NPM, PNPM, YARN, BUN = ("npm", 12), ("pnpm", 12), ("yarn", 4), ("bun", 1)
_UNBUILT = {PNPM: ["--ignore-scripts"]}  # else pnpm stops until somebody approves what esbuild runs
# Old at once, so that upstream is asked again and again, and missed when it is away.
SETTINGS = {"RATE_LIMITS": "off", "EGRESS_ALLOWED_NETWORKS": "127.0.0.0/8", "UPSTREAM_MAX_AGE": "1"}
ADVISORY = {
    "id": 4711, "url": "https://advisories.example/4711", "title": "A made-up flaw", "severity": "high",
    "vulnerable_versions": "<99", "cwe": [], "cvss": {"score": 0, "vectorString": None},
}  # fmt: skip


@dataclass(frozen=True)
class Route:
    """Our registry and the one behind it, which can be stopped and started. between: another of ours, if any."""

    registry: Registry
    upstream: Verdaccio | UpstreamStub
    between: Registry | None = None

    @contextmanager
    def cut_off(self) -> Iterator[None]:
        """While upstream is away."""
        self.upstream.stop()
        try:
            yield
        finally:
            self.upstream.start()
            for each in filter(None, (self.between, self.registry)):
                _forget_failures(each)


def _forget_failures(registry: Registry) -> None:
    # An upstream that failed is left alone for half a minute, for which no test waits.
    registry.manage("shell", "-v0", "-c", "from packages.models import Mirror; Mirror.objects.update(failed_at=None)")


@pytest.fixture(scope="module")
def routes():
    """`routes("verdaccio", app)`, `routes("stub", app)`, `routes("ours", app)`: which upstream has an app's packages.

    ours: a second registry of this project, which has them from the stub.
    """
    made: dict[tuple[str, str], Route] = {}
    with ExitStack() as stack:

        def run(kind: str, name: str) -> Route:
            if (kind, name) not in made:
                try:
                    made[kind, name] = _route(kind, apps.ensure(name), stack)
                except clients.Unavailable as reason:
                    pytest.skip(str(reason))
            return made[kind, name]

        yield run


def _route(kind: str, app: App, stack: ExitStack) -> Route:
    if kind == "verdaccio":
        upstream = stack.enter_context(Verdaccio(app.packages))
    else:
        upstream = stack.enter_context(UpstreamStub())
        app.serve(upstream)
        upstream.advisories["react"] = [ADVISORY]
    url, between = upstream.url, None
    if kind == "ours":
        between = stack.enter_context(Registry({**SETTINGS, "UPSTREAM_URL": url}))
        url = between.registry
    ours = stack.enter_context(Registry({**SETTINGS, "UPSTREAM_URL": url, "WEB_CONCURRENCY": "2"}))
    return Route(ours, upstream, between)


def whole(kind: tuple[str, int], *more: str):
    """A cell that runs with `make test-clients`."""
    return pytest.param(kind, *more, marks=pytest.mark.matrix, id="-".join((kind[0], *more)))


def small(kind: tuple[str, int], *more: str):
    """A cell that runs with `make test`, too."""
    return pytest.param(kind, *more, id="-".join((kind[0], *more)))


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("kind", "name", "behind"),
    [
        small(NPM, "express", "verdaccio"),
        small(PNPM, "express", "verdaccio"),
        whole(YARN, "express", "verdaccio"),
        whole(BUN, "express", "verdaccio"),
        small(NPM, "vite", "ours"),
        whole(PNPM, "vite", "ours"),
        whole(YARN, "vite", "ours"),
        whole(BUN, "vite", "ours"),
        whole(NPM, "vite", "verdaccio"),
        *(whole(kind, "express", "stub") for kind in (NPM, PNPM, YARN, BUN)),
    ],
)
def test_an_app_installs_and_works_and_does_so_again_without_upstream(routes, tmp_path, kind, name, behind):
    route, app = routes(behind, name), apps.ensure(name)
    cold = _terminal(kind, tmp_path / "cold", route)
    if (kind, name) == (NPM, "vite"):  # as people who clone it
        project = _project(cold, app, lockfile=app.source / "package-lock.json")
        cold("reinstall", cwd=project)
    else:
        project = _project(cold, app)
        cold("install", *_UNBUILT.get(kind, ()), cwd=project)
    _works(name, cold, project)
    with route.cut_off():
        later = _terminal(kind, tmp_path / "later", route)
        again = _project(later, app, lockfile=project / matrix.lockfile(kind))
        later("reinstall", *_UNBUILT.get(kind, ()), cwd=again)
        _works(name, later, again)
        if kind == PNPM:  # the quickest of them does it without a lockfile too
            fresh = _terminal(kind, tmp_path / "fresh", route)
            resolved = _project(fresh, app)
            fresh("install", *_UNBUILT[kind], cwd=resolved)
            assert (resolved / "pnpm-lock.yaml").read_text() == (project / "pnpm-lock.yaml").read_text()


@pytest.mark.matrix
@pytest.mark.timeout(600)
def test_npm_ci_takes_the_lockfile_that_people_keep(routes, tmp_path):
    route, app = routes("verdaccio", "express"), apps.ensure("express")
    npm = _terminal(NPM, tmp_path / "home", route)
    project = _project(npm, app, lockfile=app.source / "package-lock.json")
    npm("reinstall", cwd=project)
    _works("express", npm, project)


@pytest.mark.parametrize("kind", [small(NPM), small(PNPM), whole(YARN), whole(BUN)])
def test_audit_says_what_upstream_knows_also_while_it_is_away(routes, tmp_path, kind):
    route = routes("ours", "vite")
    terminal = _terminal(kind, tmp_path / "home", route)
    project = terminal.app(dependencies={"react": "*"})
    terminal("install", cwd=project)
    told = terminal("audit", cwd=project, check=False)
    assert told.code
    assert ADVISORY["title"] in told.said
    with route.cut_off():
        assert ADVISORY["title"] in terminal("audit", cwd=project, check=False).said


def test_an_upstream_without_advisories_is_no_error(routes, tmp_path):
    npm = _terminal(NPM, tmp_path / "home", routes("verdaccio", "express"))
    project = npm.app(dependencies={"ejs": "*"})
    npm("install", cwd=project)
    assert "found 0 vulnerabilities" in npm("audit", cwd=project).said


def test_a_platform_package_that_upstream_lists_without_its_tarball_is_a_failure_and_not_a_missing_name(routes):
    route = routes("ours", "vite")
    status, answer, _ = fetch(route.registry, "@esbuild/win32-x64")
    assert status == 200
    number = json.loads(answer)["dist-tags"]["latest"]
    assert fetch(route.registry, f"@esbuild/win32-x64/-/win32-x64-{number}.tgz")[0] == 503


def _terminal(kind: tuple[str, int], home: Path, route: Route) -> Terminal:
    try:
        return Terminal(Client(*kind, home, route.registry.registry))
    except clients.Unavailable as reason:
        pytest.skip(str(reason))


def _project(terminal: Terminal, app: App, lockfile: Path | None = None) -> Path:
    project = terminal.app()
    for path, content in app.files.items():
        if path != "package-lock.json":
            (project / path).parent.mkdir(parents=True, exist_ok=True)
            (project / path).write_bytes(content)
    if lockfile is not None:
        (project / lockfile.name).write_bytes(lockfile.read_bytes())
    return project


def _works(name: str, terminal: Terminal, project: Path) -> None:
    (_answers if name == "express" else _builds)(terminal, project)


def _answers(terminal: Terminal, project: Path) -> None:
    running = subprocess.Popen(
        [clients.node_bin(24), "server.js"], cwd=project, env=terminal.client.environ, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        said = running.stdout.readline()
        assert said.startswith("port "), said + running.stdout.read()
        request = urllib.request.Request(
            f"http://127.0.0.1:{int(said.split()[1])}/orders",
            b'{"item": "tea", "count": 2}',
            {"Content-Type": "application/json"},
        )
        with DIRECT.open(request, timeout=60) as answer:
            assert json.load(answer) == {"order": {"item": "tea", "count": 2}, "receipt": "tea"}
            assert answer.headers["Content-Security-Policy"]
    finally:
        running.kill()
        running.wait()


def _builds(terminal: Terminal, project: Path) -> None:
    done = subprocess.run(
        [clients.node_bin(24), "node_modules/vite/bin/vite.js", "build"], cwd=project, env=terminal.client.environ,
        text=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "/assets/" in (project / "dist/index.html").read_text()
    assert any("counted to" in path.read_text() for path in (project / "dist/assets").glob("*.js"))
