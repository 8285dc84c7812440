"""Logging in and out, and one machine that uses two registries, with every client."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import time

import pytest

from tests.live import fetch
from tests.protocol.matrix import Cast, Terminal, installed, row
from tests.tools.server import Registry
from tests.tools.terminal import wait_until_raw
from tests.tools.visitor import PASSWORD, Visitor, password_login, sign_up

GROUP = "Logins, and two registries on one machine"
SECONDS = 60  # without a word from the client
LONGEST = 200
IN_THE_BROWSER = {"npm": ["login", "--no-browser"], "yarn": ["npm", "login", "--web-login"]}
WITH_A_PASSWORD = {"npm": ["login", "--auth-type=legacy", "--no-browser"], "yarn": ["npm", "login"]}


@row("log in in the browser")
def test_login_in_the_browser(terminal, cast):
    mine = terminal()
    converse(mine, _login(mine, IN_THE_BROWSER), browser=cast.alice.browser)
    _publishes(mine, cast)


@row("log in with name and password")
def test_login_with_a_password(terminal, cast):
    mine = terminal()
    answers = _answers(cast)
    if mine.kind == ("yarn", 1):  # it asks when it publishes, and logs out behind it
        name = cast.name()
        converse(mine, ["publish", "--new-version", "1.0.0"], answers=answers, cwd=mine.package(name))
        assert cast.status(name, cast.alice) == 200
        return
    words = _login(mine, WITH_A_PASSWORD)
    converse(mine, WITH_A_PASSWORD["npm"] if mine.kind == ("pnpm", 9) else words, answers=answers)
    _publishes(mine, cast)


@row("adduser")
def test_adduser(terminal, cast):
    mine = terminal()
    words = {"npm": ["adduser", "--no-browser"], "yarn": ["npm", "adduser"]}
    said = ["adduser"] if mine.kind in (("npm", 2), ("yarn", 1)) else words.get(mine.kind[0], ["adduser"])
    converse(mine, said, browser=cast.alice.browser, answers=_answers(cast))
    _publishes(mine, cast)


@row("whoami")
def test_whoami(her, cast):
    assert cast.alice.name in her("whoami", cwd=her.app()).stdout


@row("logout: the token has ended")
def test_logout(terminal, cast):
    mine = terminal()
    token = password_login(cast.registry, cast.alice.name)
    mine.client.login_token(token)
    mine("logout", cwd=mine.app())
    assert fetch(cast.registry, "-/whoami", token)[0] == 401, "the token still works"


@pytest.fixture(scope="session")
def other(tmp_path_factory):
    """A second registry, which plays the one for everything else; with somebody who publishes there."""
    with Registry({"RATE_LIMITS": "off"}) as running:
        yield Cast(running, lambda name: sign_up(running, f"{name}-o", tmp_path_factory.mktemp(name)))


@row("@scope:registry in the configuration: two scopes from here, the rest from another registry")
def test_two_registries(terminal, cast, other):
    org = cast.org()
    first, second = cast.seed(), cast.seed(cast.name(scope=org))
    rest = other.seed(other.name(scope=""))
    mine = terminal(other.alice)
    for scope in (cast.alice.name, org):
        _use(mine, scope, cast)
    project = mine.app()
    for name in (first, second, rest):
        mine.add(name, project)
        assert installed(project, name)["version"] == "1.0.0"
    mine.publish(mine.package(first, "1.1.0"))
    assert "1.1.0" in cast.document(first)["versions"]


@row("config set @scope:registry")
def test_config_set(terminal, cast, other):
    name = cast.seed(access="public")
    mine = terminal(other.alice)
    _config_set(mine, cast)
    assert installed(mine.add(name), name)["version"] == "1.0.0"


@row("login --registry --scope")
def test_login_for_a_scope(terminal, cast, other):
    name = cast.seed()
    mine = terminal(other.alice)
    words = _login(mine, IN_THE_BROWSER)
    more = [f"--registry={cast.registry.registry}", f"--scope=@{cast.alice.name}"]
    if mine.kind == ("yarn", 4):  # whose login has no --registry
        _config_set(mine, cast)
        words, more = [*words, f"--scope={cast.alice.name}"], []
    converse(mine, [words[0], *more, *words[1:]], browser=cast.alice.browser, answers=_answers(cast))
    assert installed(mine.add(name), name)["version"] == "1.0.0"


@row("init --scope, then publish")
def test_init_with_a_scope(her, cast):
    folder = her.client.home / cast.name(scope="")
    folder.mkdir()
    her.client.run("init", f"--scope=@{cast.alice.name}", "--yes", cwd=folder)
    _named(folder, cast)
    her.publish(her._rooted(folder))


@row("config set scope, then init and publish")
def test_config_scope(her, cast):
    folder = her.client.home / cast.name(scope="")
    folder.mkdir()
    her.client.run("config", "set", "scope", f"@{cast.alice.name}", cwd=folder)
    her.client.run("init", *([] if her.kind[0] == "pnpm" else ["--yes"]), cwd=folder)
    _named(folder, cast)
    her.publish(her._rooted(folder))


def converse(
    mine: Terminal, words: list[str], *, browser: Visitor | None = None, answers: dict[str, str] | None = None, cwd=None
) -> None:
    """Run a command on a pseudo-terminal: approve in the browser what it asks for, answer its prompts.

    A prompt that ends with a key of `answers` gets its value, once. Fails with what was said unless it ends with 0.
    """
    command = [*mine.client.words, *words]
    folder = cwd or mine.app()
    pid, screen = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execve(command[0], command, {**mine.client.environ, "BROWSER": "true"})  # noqa: S606
    said, waiting, opened = "", {"(Y/n) ‣ true": "n", **(answers or {})}, False
    last = time.monotonic() + LONGEST
    try:
        while time.monotonic() < last and select.select([screen], [], [], SECONDS)[0]:
            said += os.read(screen, 4096).decode(errors="replace")
            plain = _plain(said)
            address = re.search(r"https?://\S+/login/npm/[\w-]+", plain)
            if address and browser and not opened and re.search(r"\s", plain[address.end() :]):
                opened = True
                approved = browser.submit(address[0], decision="approve")
                assert "You are logged in" in approved.text, approved.text
            if prompt := next((each for each in waiting if plain.rstrip().endswith(each)), None):
                wait_until_raw(screen)
                time.sleep(0.3)  # some print the prompt a moment before they listen
                os.write(screen, waiting.pop(prompt).encode() + b"\r")
                said += "\n"
        os.kill(pid, signal.SIGKILL)  # it waits for something that no answer is for
        said += "\n(it was still waiting, and was ended)"
    except OSError:  # the command ended and took its terminal with it
        pass
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise
    finally:
        os.close(screen)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code == 0, f"{' '.join(words)} ended with {code}\n{_plain(said)}"


def _plain(said: str) -> str:
    return re.sub(
        r"\x1b\[[0-9;?]*[A-Za-z]|[\u2800-\u28ff]", "", said
    )  # without colours, and what turns while one waits


def _login(mine: Terminal, words: dict[str, list[str]]) -> list[str]:
    if mine.kind == ("npm", 2) or mine.kind == ("yarn", 1):
        return ["login"]
    return words.get(mine.kind[0], ["login"])


def _config_set(mine: Terminal, cast: Cast) -> None:
    words = ["config", "set", f"@{cast.alice.name}:registry", cast.registry.registry]
    if mine.kind == ("yarn", 4):
        value = json.dumps({"npmRegistryServer": cast.registry.registry.rstrip("/"), "npmMinimalAgeGate": 0})
        words = ["config", "set", "--home", "--json", f"npmScopes.{cast.alice.name}", value]
    mine.client.run(*words, cwd=mine.app())


def _answers(cast: Cast) -> dict[str, str]:
    said = {"ame": cast.alice.name, "assword": PASSWORD, "mail": f"{cast.alice.name}@example.com"}
    ends = {f"{prompt}{end}": answer for prompt, answer in said.items() for end in (":", ": ‣")}
    return ends | {"mail: (this IS public)": said["mail"]}


def _publishes(mine: Terminal, cast: Cast) -> None:
    name = cast.name()
    mine.publish(mine.package(name))
    assert cast.status(name, cast.alice) == 200


def _use(mine: Terminal, scope: str, cast: Cast) -> None:
    address = cast.registry.registry
    lines = f"@{scope}:registry={address}\n{address.partition(':')[2]}:_authToken={cast.alice.token}\n"
    with mine.client.npmrc.open("a") as file:
        file.write(lines)
    if mine.kind == ("yarn", 4):
        path = mine.client.home / ".yarnrc.yml"
        text = path.read_text()
        text += "" if "npmScopes" in text else "npmScopes:\n"
        server = address.rstrip("/")
        # without npmPublishRegistry it publishes to the other one
        text += f"  {scope}:\n    npmRegistryServer: {server}\n    npmPublishRegistry: {server}\n"
        text += f"    npmAuthToken: {cast.alice.token}\n    npmMinimalAgeGate: 0\n"
        path.write_text(text)


def _named(folder, cast: Cast) -> None:
    manifest = json.loads((folder / "package.json").read_text())
    assert manifest["name"] == f"@{cast.alice.name}/{folder.name}", "the scope was left out of the name"
    manifest.pop("private", None)
    (folder / "package.json").write_text(json.dumps({"version": "1.0.0", **manifest}))
