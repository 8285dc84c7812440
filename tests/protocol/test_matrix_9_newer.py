"""Accounts, two-factor, tokens, stars and hooks, with every client."""

from __future__ import annotations

import re

import pytest

from tests.live import fetch, send
from tests.protocol import dialects
from tests.protocol.matrix import Terminal, row
from tests.protocol.test_twofactor import ME, ask, exists, protect  # noqa: F401 - protect is a fixture
from tests.tools.homes import Completed
from tests.tools.terminal import converse
from tests.tools.visitor import PASSWORD, Person, password_login

GROUP = "Accounts, two-factor, tokens, stars and hooks"
TOKEN = re.compile(r"npm_\w{48}")
PATIENCE = 60  # seconds until a command counts as one that waits for somebody
FOR_ONE = ("npm", 2)  # its `stars` wants to be told whose
WAITS = ("bun", 1)  # for the browser, on a terminal or not


@pytest.fixture
def dora(join) -> Person:
    """Somebody of this cell only, whose account may change."""
    return join("dora")


@row("profile get")
def test_profile_get(terminal, dora):
    hers = terminal(dora)
    said = hers("profile get", cwd=hers.app()).said
    assert dora.name in said, said
    assert f"{dora.name}@example.com" in said, said


@row("profile set fullname")
def test_profile_set(terminal, dora):
    hers = terminal(dora)
    hers("profile set", cwd=hers.app(), what="fullname", value="Dora")
    assert ask(dora, ME)[1]["fullname"] == "Dora"


@row("token list")
def test_token_list(terminal, dora):
    hers = terminal(dora)
    said = hers("token list", cwd=hers.app()).stdout
    shown = [each["token"][:6] for each in _tokens(dora)]
    assert shown, "she is logged in with a token"
    assert all(start in said for start in shown), said


@row("token create")
def test_token_create(terminal, dora):
    hers = terminal(dora)
    done = _typed(hers, "token create", [("assword", PASSWORD)])
    assert done.code == 0, done.said
    assert _works(dora, TOKEN.search(done.stdout)[0])


@row("token revoke")
def test_token_revoke(terminal, dora):
    hers = terminal(dora)
    before = {each["key"] for each in _tokens(dora)}
    token = password_login(dora.registry, dora.name)
    (key,) = {each["key"] for each in _tokens(dora)} - before
    hers("token revoke", cwd=hers.app(), key=key)
    assert not _works(dora, token)
    assert _works(dora, dora.token)


@row("publish --otp with two-factor on")
def test_publish_with_a_code(terminal, dora, request):
    hers, name = terminal(dora), f"@{dora.name}/thing"
    factor = request.getfixturevalue("protect")(dora)
    hers.publish(hers.package(name), "--otp", factor.code())
    assert exists(dora, name)


@row("publish with two-factor on, without a code: refused with the reason")
def test_publish_without_a_code(terminal, dora, request):
    hers, name = terminal(dora), f"@{dora.name}/thing"
    request.getfixturevalue("protect")(dora)
    folder = hers.package(name)
    if hers.kind == ("yarn", 4):
        hers("install", cwd=folder)
    if hers.kind == WAITS:
        refused = _typed(hers, "publish", [], cwd=folder)
        assert "it was still waiting" not in refused.said, refused.said
    else:
        refused = hers("publish", cwd=folder, check=False)
    assert not exists(dora, name)
    assert refused.code != 0, refused.said
    assert re.search(r"one-time|two-factor|additional authentication|OTP", refused.said, re.IGNORECASE), refused.said


@row("star")
def test_star(terminal, cast, dora):
    hers, name = terminal(dora), cast.seed(access="public")
    hers("star", cwd=hers.app(), package=name)
    assert _stars(dora) == [name]


@row("unstar")
def test_unstar(terminal, cast, dora):
    hers, name = terminal(dora), cast.seed(access="public")
    _star(dora, name)
    hers("unstar", cwd=hers.app(), package=name)
    assert _stars(dora) == []


@row("stars: one's own, and those of somebody else without what is hidden")
def test_stars(terminal, cast, dora):
    name, hidden = cast.seed(access="public"), cast.seed()
    for each in (name, hidden):
        _star(cast.alice, each)
    _star(dora, name)
    hers = terminal(dora)
    own = hers("stars", *([dora.name] if hers.kind == FOR_ONE else []), cwd=hers.app())
    assert own.stdout.split() == [name], own.said
    of_alice = hers("stars", cast.alice.name, cwd=hers.app()).stdout.split()
    assert name in of_alice
    assert hidden not in of_alice


@row("hook add")
def test_hook_add(terminal, cast, dora):
    hers, name = terminal(dora), cast.seed(access="public")
    hers("hook add", cwd=hers.app(), package=name, url="https://hooks.example/told", secret="a secret")
    (hook,) = _hooks(dora)
    assert (hook["name"], hook["endpoint"]) == (name, "https://hooks.example/told")


@row("hook ls")
def test_hook_ls(terminal, cast, dora):
    hers, name = terminal(dora), cast.seed(access="public")
    _hook(dora, name)
    said = hers("hook ls", cwd=hers.app()).stdout
    assert "https://hooks.example/told" in said, said


@row("hook update")
def test_hook_update(terminal, cast, dora):
    hers = terminal(dora)
    key = _hook(dora, cast.seed(access="public"))
    hers("hook update", cwd=hers.app(), key=key, url="https://hooks.example/elsewhere", secret="another secret")
    assert [hook["endpoint"] for hook in _hooks(dora)] == ["https://hooks.example/elsewhere"]


@row("hook rm")
def test_hook_rm(terminal, cast, dora):
    hers = terminal(dora)
    key = _hook(dora, cast.seed(access="public"))
    hers("hook rm", cwd=hers.app(), key=key)
    assert _hooks(dora) == []


def _typed(hers: Terminal, command: str, answers: list, cwd=None, **more) -> Completed:
    """Run a command of dialects.WORDS on a pseudo-terminal."""
    words = dialects.words(hers.kind, command)
    return converse(hers.client, *words, answers=answers, cwd=cwd or hers.app(), seconds=PATIENCE, **more)


def _works(person: Person, token: str) -> bool:
    return fetch(person.registry, "-/whoami", token)[0] == 200


def _tokens(person: Person) -> list[dict]:
    return send(person, "GET", "-/npm/v1/tokens")["objects"]


def _stars(person: Person) -> list[str]:
    path = f"-/_view/starredByUser?key=%22{person.name}%22"
    return [each["value"] for each in send(person, "GET", path)["rows"]]


def _star(person: Person, name: str) -> None:
    path = name.replace("/", "%2f")
    known = send(person, "GET", f"{path}?write=true")
    send(person, "PUT", path, {"_id": name, "_rev": known["_rev"], "users": {person.name: True}})


def _hooks(person: Person) -> list[dict]:
    return send(person, "GET", "-/npm/v1/hooks")["objects"]


def _hook(person: Person, name: str) -> str:
    wanted = {"type": "package", "name": name, "endpoint": "https://hooks.example/told", "secret": "a secret"}
    return send(person, "POST", "-/npm/v1/hooks/hook", wanted)["id"]
