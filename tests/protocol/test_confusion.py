"""Dependency confusion: names of ours that somebody publishes upstream with a higher version, on every surface.

A name that is ours, was ours or is reserved is never chosen from upstream, and upstream never hears it.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live import fetch
from tests.protocol import matrix
from tests.protocol.matrix import Cast, Terminal, installed
from tests.tools import clients, payloads
from tests.tools.homes import Client
from tests.tools.server import DIRECT, Registry
from tests.tools.upstream_stub import UpstreamStub
from tests.tools.visitor import sign_up

pytestmark = pytest.mark.protocol
KINDS = [("npm", 12), ("pnpm", 12), ("yarn", 4), ("bun", 1)]
# What a refusal looks like is npm's and pnpm's with all tests; the others, which take it alike, when asked for.
MOST = [*KINDS[:2], *(pytest.param(kind, marks=pytest.mark.matrix) for kind in KINDS[2:])]
EVIL = "99.0.0"
SECRET = "quokka"  # stands in every name and text of ours, and nowhere else


@dataclass(frozen=True)
class Stage:
    """Our registry with its people, the one upstream, and which names are of whom."""

    cast: Cast
    upstream: UpstreamStub
    private: str
    open: str
    unpublished: str
    unscoped: str
    unscoped_gone: str
    gone_scope: str
    reserved: str
    reserved_scope: str

    @property
    def registry(self) -> Registry:
        return self.cast.registry

    @property
    def alive(self) -> list[str]:
        return [self.private, self.open, self.unscoped]

    @property
    def nowhere(self) -> list[str]:
        return [self.unpublished, self.unscoped_gone, self.gone_scope, self.reserved, self.reserved_scope]


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """Everything that is ours is upstream too, as version 99.0.0 that must never be seen."""
    with UpstreamStub() as upstream:
        upstream.publish("left", "1.3.0", {"index.js": "module.exports = 'left'\n"})
        upstream.publish("@types/left", "1.0.0")
        settings = {
            "RATE_LIMITS": "off",
            "UPSTREAM_URL": upstream.url,
            "EGRESS_ALLOWED_NETWORKS": "127.0.0.0/8",
            "RESERVED_NAMES": f"{SECRET}-reserved-*, @{SECRET}corp-*",
            "WEB_CONCURRENCY": "2",
        }
        with Registry(settings) as running:
            made = _stage(running, upstream, tmp_path_factory)
            for name in (*made.alive, *made.nowhere):
                upstream.publish(name, EVIL, {"index.js": "module.exports = 'stolen'\n"}, description="lookalike")
            yield made


def _stage(running: Registry, upstream: UpstreamStub, folders) -> Stage:
    cast = Cast(running, lambda name: sign_up(running, f"{SECRET}-{name}", folders.mktemp(name)))
    org, gone = f"{SECRET}-org", f"{SECRET}-gone"
    for each in (org, gone):
        assert cast.alice.browser.submit("/org/new", name=each, title="Ours").status == 200
    private = cast.seed(f"@{org}/ledger", dependencies={"left": "^1.0.0", "@types/left": "*"}, keywords=[SECRET])
    opened = cast.seed(f"@{org}/open", access="public", dependencies={"left": "*"})
    unpublished = cast.seed(f"@{org}/former")
    # Without a scope upstream is asked once, when the name is new, whether it is free; reserved ones are not.
    unscoped, unscoped_gone = f"{SECRET}-reserved-tool", f"{SECRET}-reserved-former"
    for name in (unscoped, unscoped_gone):
        cast.seed(name)
    for name in (unpublished, unscoped_gone):
        revision = cast.document(name)["_rev"]
        cast.send("DELETE", f"{name.replace('/', '%2f')}/-rev/{revision}")
    page = cast.alice.browser.submit(f"/org/{gone}/delete", page=f"/org/{gone}/settings", name=gone, confirm=gone)
    assert fetch(running, f"-/org/{gone}/user", cast.alice.token)[0] == 404, page.text
    return Stage(
        cast, upstream, private, opened, unpublished, unscoped, unscoped_gone,
        f"@{gone}/ledger", f"{SECRET}-reserved-next", f"@{SECRET}corp-eu/ledger",
    )  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_leaks(stage):
    """Whatever a test does, upstream hears no name, word, person or token of ours."""
    yield
    heard = stage.upstream.heard(SECRET) + stage.upstream.heard(stage.cast.alice.token)
    assert not heard, [f"{each.method} {each.raw} {each.body[:200]}" for each in heard]


def _terminal(stage: Stage, kind: tuple[str, int], home: Path, *, logged_in: bool = True) -> Terminal:
    try:
        return Terminal(Client(*kind, home, stage.registry.registry, stage.cast.alice.token if logged_in else None))
    except clients.Unavailable as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize("kind", KINDS)
def test_an_install_takes_ours_and_public_dependencies_from_upstream(stage, tmp_path, kind):
    terminal = _terminal(stage, kind, tmp_path / "home")
    project = terminal.app(dependencies={stage.private: "*", stage.open: ">=1", stage.unscoped: "*"})
    terminal("install", cwd=project)
    for name in stage.alive:
        assert installed(project, name)["version"] == "1.0.0"
        assert "stolen" not in (project / "node_modules" / name / "index.js").read_text()
    assert EVIL not in (project / matrix.lockfile(kind)).read_text()
    top = project / "node_modules" / "left"
    if kind[0] != "pnpm":
        assert "left" in (top / "index.js").read_text()


@pytest.mark.parametrize("kind", MOST)
def test_what_is_ours_and_not_there_is_missing(stage, tmp_path, kind):
    terminal = _terminal(stage, kind, tmp_path / "home")
    for name in (stage.unpublished, stage.reserved, stage.gone_scope) if kind[0] == "npm" else (stage.unpublished,):
        project = terminal.app()
        refused = terminal("add", cwd=project, check=False, package=name)
        assert refused.code
        assert not (project / "node_modules" / name).exists()
    wanted = terminal.app(dependencies={stage.private: EVIL})
    assert terminal("install", cwd=wanted, check=False).code


@pytest.mark.parametrize("kind", MOST)
def test_a_stranger_gets_no_lookalike_of_what_is_hidden_from_them(stage, tmp_path, kind):
    terminal = _terminal(stage, kind, tmp_path / "home", logged_in=False)
    project = terminal.app(dependencies={stage.private: "*"})
    assert terminal("install", cwd=project, check=False).code
    assert not (project / "node_modules" / stage.private).exists()


def test_every_route_of_the_registry_says_ours_or_nothing(stage):
    alice = stage.cast.alice.token
    for token in (alice, stage.cast.carol.token, None):
        for name in (*stage.alive, *stage.nowhere):
            quoted, base = name.replace("/", "%2f"), name.rpartition("/")[2]
            for path in (quoted, f"{quoted}/latest", f"{quoted}/{EVIL}", f"-/package/{quoted}/dist-tags",
                         f"{quoted}?write=true", f"{name}/-/{base}-{EVIL}.tgz", f"-/package/{quoted}/visibility",
                         f"-/npm/v1/attestations/{quoted}@{EVIL}"):  # fmt: skip
                for method in ("GET", "HEAD"):
                    status, answer, _ = fetch(stage.registry, path, token, method)
                    assert status < 500, f"{method} {path}: {status}"
                    if status == 200:
                        assert name in stage.alive, path
                        assert EVIL not in answer.decode(), path
    assert (
        json.loads(fetch(stage.registry, stage.private.replace("/", "%2f"), alice)[1])["dist-tags"]["latest"] == "1.0.0"
    )


def test_view_and_tags_are_ours(stage, tmp_path):
    npm = _terminal(stage, ("npm", 12), tmp_path / "home")
    for name in stage.alive:
        assert npm.client.run("view", name, "version").stdout.strip() == "1.0.0"
        assert npm("tag ls", package=name).stdout.split() == ["latest:", "1.0.0"]
    for name in stage.nowhere:
        assert "404" in npm("view", package=name, check=False).said


def test_an_audit_asks_upstream_for_its_names_only(stage, tmp_path):
    for kind in KINDS:
        terminal = _terminal(stage, kind, tmp_path / kind[0])
        project = terminal.app(dependencies={stage.private: "*"})
        terminal("install", cwd=project)
        terminal("audit", cwd=project, check=False)
    everything = {name: ["1.0.0"] for name in (*stage.alive, *stage.nowhere, "left", "other", "../etc", "@x")}
    body = json.dumps(everything).encode()
    for token in (stage.cast.alice.token, None):
        asked = urllib.request.Request(
            f"{stage.registry.registry}-/npm/v1/security/advisories/bulk", body, {"Content-Type": "application/json"}
        )
        if token:
            asked.add_header("Authorization", f"Bearer {token}")
        with DIRECT.open(asked, timeout=60) as answer:
            assert json.load(answer) == {}
    bulk = stage.upstream.asked("/-/npm/v1/security/advisories/bulk", "POST")
    assert bulk
    assert any(each.holds("left") for each in bulk)


def test_search_shows_ours_and_does_not_ask_for_names_of_ours(stage, tmp_path):
    npm = _terminal(stage, ("npm", 12), tmp_path / "home")
    assert "left" in npm("search", text="left").stdout
    assert stage.upstream.asked("/-/v1/search")
    found = npm("search", "--json", text=stage.open).json
    assert {each["name"] for each in found} <= {stage.open}
    shown = npm("search", "--json", text="lookalike", check=False).stdout
    assert SECRET not in shown


def test_pages_show_ours_or_nothing(stage):
    browser = stage.cast.alice.browser
    for name in stage.alive:
        for page in ("", "/versions", "/dependents"):
            shown = browser.get(f"/package/{name}{page}")
            assert EVIL not in shown.text, f"{name}{page}"
    for name in stage.nowhere:
        shown = browser.get(f"/package/{name}")
        assert shown.status in (200, 404)
        assert EVIL not in shown.text
        assert browser.get(f"/package/{name}/v/{EVIL}").status == 404
    for query in ("lookalike", stage.open):
        assert EVIL not in browser.get(f"/search?q={query}").text


def test_a_lookalike_cannot_be_published_into_a_scope_that_is_ours(stage):
    body = payloads.publish_body(stage.gone_scope, "1.0.0")
    status, _, _ = fetch(
        stage.registry, stage.gone_scope.replace("/", "%2f"), stage.cast.carol.token, "PUT", body,
        content_type="application/json",
    )  # fmt: skip
    assert status in (403, 404)


# --- and many at once, on two workers --------------------------------------------------------------------------------


def test_f12_forty_ask_two_workers_and_upstream_hears_it_once(stage):
    data = stage.upstream.publish("stampede", "1.0.0")
    for path in ("/stampede", "/stampede/-/stampede-1.0.0.tgz"):
        stage.upstream.fault(path, delay=1)
        with ThreadPoolExecutor(40) as pool:
            answers = list(pool.map(lambda _, path=path: fetch(stage.registry, path)[:2], range(40)))
        assert {status for status, _ in answers} == {200}
        assert len({body for _, body in answers}) == 1
        assert len(stage.upstream.asked(path)) == 1
    assert answers[0][1] == data
