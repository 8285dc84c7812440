"""Fixtures for tests against the running product: a registry for the whole run, people of its own for each test."""

from __future__ import annotations

import itertools
import json
import os
import pty
import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.tools import clients
from tests.tools.homes import Client
from tests.tools.server import Registry
from tests.tools.visitor import Person, sign_up

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def registry():
    """A running registry in public mode."""
    with Registry({"RATE_LIMITS": "off"}) as running:
        yield running


@pytest.fixture(scope="session")
def enterprise():
    """A running registry in enterprise mode, where anybody may sign up so that tests can."""
    with Registry({"RATE_LIMITS": "off", "REGISTRY_MODE": "enterprise", "REGISTRATION": "open"}) as running:
        yield running


@pytest.fixture
def join(registry, tmp_path):
    """`join("alice")` signs a new person up; the name gets a number, so that no two tests meet."""

    def run(name: str, at: Registry = registry) -> Person:
        unique = f"{name}{next(_numbers)}"
        return sign_up(at, unique, tmp_path / unique)

    return run


@pytest.fixture
def npm_or_skip():
    """`npm_or_skip(6)` skips the test where that npm cannot run."""

    def run(major: int) -> None:
        try:
            clients.npm(major)
        except clients.Unavailable as reason:
            pytest.skip(str(reason))

    return run


def make(client: Client, name: str, version: str = "1.0.0", **more) -> Path:
    """The folder of a small package, ready for `npm publish`."""
    code = f"module.exports = '{name}'\n"
    return client.project({"name": name, "version": version, "main": "index.js", **more}, {"index.js": code})


def app(client: Client) -> Path:
    """The folder of an app that installs packages."""
    return client.project({"name": "app", "version": "1.0.0", "private": True})


def fetch(registry: Registry, path: str, token: str | None = None, method: str = "GET", body=None, **headers: str):
    """One registry request: (status, parsed JSON or bytes, headers)."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if token:
        sent["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(registry.registry + path.lstrip("/"), data, sent, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers


def answer_prompts(words: list[str], client: Client, answers: list[str]) -> None:
    """Run a login that asks for name, password and address on a terminal, and answer on a pseudo-terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(client.home)
        os.execve(words[0], words, client.environ)  # noqa: S606
    said = b""
    waiting = [(rb"[Uu]sername: ?", answers[0]), (rb"[Pp]assword: ?", answers[1]), (rb"[Ee]mail[^\n]*: ?", answers[2])]
    try:
        while chunk := os.read(terminal, 4096):
            said += chunk
            if waiting and re.search(waiting[0][0] + rb"[^\n]*$", said.replace(b"\r", b"")):
                os.write(terminal, waiting.pop(0)[1].encode() + b"\r")
                said = b""
    except OSError:
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, said.decode(errors="replace")
