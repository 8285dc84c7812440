"""Fixtures for tests against the running product: a registry for the whole run, people of its own for each test."""

from __future__ import annotations

import itertools
import json
import os
import pty
import re
import select
import signal
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.tools import clients
from tests.tools.homes import Client
from tests.tools.server import Registry
from tests.tools.terminal import wait_until_raw
from tests.tools.visitor import Person, Visitor, sign_up

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
        with opener.open(request, timeout=60) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers


def send(person: Person, method: str, path: str, body=None, **headers: str):
    """A request of the person's that has to work; gives the parsed answer."""
    headers = {"content_type": "application/json", **headers}
    status, answer, _ = fetch(person.registry, path, person.token, method, body, **headers)
    assert status in (200, 201), f"{method} {path}: {status} {answer[:300]!r}"
    return json.loads(answer or b"null")


def web_login(client: Client, browser: Visitor, *words: str) -> None:
    """`npm login` that prints the address to open; the person approves it there and npm goes on.

    `--no-browser` stands last, because npm takes a word behind it for the browser's name.
    """
    process = subprocess.Popen(
        [*client.words, "login", *words, "--no-browser"], cwd=client.home, env=client.environ, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        address = next(line.strip() for line in process.stdout if "/login/npm/" in line)
        approved = browser.submit(address, decision="approve")
        assert "You are logged in" in approved.text, f"{address} {approved.status} {approved.address}\n{approved.text}"
        process.stdin.close()
        assert process.wait(200) == 0
    finally:
        process.kill()
        process.wait()


def answer_prompts(words: list[str], client: Client, answers: dict[str, str]) -> None:
    """Run a command on a pseudo-terminal; a prompt that ends with a key of `answers` gets its value, once."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(client.home)
        os.execve(words[0], words, client.environ)  # noqa: S606
    said, waiting = "", dict(answers)
    try:
        while select.select([terminal], [], [], 120)[0]:
            said += os.read(terminal, 4096).decode(errors="replace")
            shown = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", said).rstrip()
            if prompt := next((each for each in waiting if shown.endswith(each)), None):
                wait_until_raw(terminal)
                os.write(terminal, waiting.pop(prompt).encode() + b"\r")
        os.kill(pid, signal.SIGKILL)  # it waits for something that no answer is for
    except OSError:  # the command ended and took its terminal with it
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, said
