"""Staged publishing, trusted publishing and signatures, with every client."""

from __future__ import annotations

import re

import pytest

from tests.live import send
from tests.protocol.matrix import row
from tests.protocol.test_matrix_5_looking import ALONE
from tests.protocol.test_signatures import mirror, sigstore  # noqa: F401 - fixtures
from tests.protocol.test_trust import WORDS, identity, issuer  # noqa: F401 - issuer is a fixture
from tests.protocol.test_twofactor import exists, protect  # noqa: F401 - protect is a fixture
from tests.tools import payloads
from tests.tools.issuer import GITHUB_CONFIG
from tests.tools.server import Registry
from tests.tools.visitor import Person

GROUP = "Staged publishing, trusted publishing, signatures"


@pytest.fixture
def dora(join) -> Person:
    """Somebody of this cell only, whose account may change."""
    return join("dora")


@row("stage publish")
def test_stage_publish(terminal, dora):
    hers, name = terminal(dora), f"@{dora.name}/staged"
    folder = hers.package(name)
    if hers.kind == ("yarn", 4):
        hers("install", cwd=folder)
    hers("stage publish", cwd=folder)
    assert [each["packageName"] for each in _staged(dora)] == [name]
    assert not exists(dora, name)


@row("stage list")
def test_stage_list(terminal, dora):
    hers = terminal(dora)
    name, key = _stage(dora)
    said = hers("stage list", cwd=hers.app()).said
    assert name in said, said
    assert key in said, said


@row("stage view")
def test_stage_view(terminal, dora):
    hers = terminal(dora)
    name, key = _stage(dora)
    said = hers("stage view", cwd=hers.app(), key=key).said
    assert name in said, said


@row("stage approve")
def test_stage_approve(terminal, dora, request):
    hers = terminal(dora)
    name, key = _stage(dora)
    factor = request.getfixturevalue("protect")(dora)
    hers("stage approve", cwd=hers.app(), key=key, otp=factor.code())
    assert exists(dora, name)
    assert _staged(dora) == []


@row("stage reject")
def test_stage_reject(terminal, dora, request):
    hers = terminal(dora)
    name, key = _stage(dora)
    factor = request.getfixturevalue("protect")(dora)
    hers("stage reject", cwd=hers.app(), key=key, otp=factor.code())
    assert not exists(dora, name)
    assert _staged(dora) == []


@pytest.fixture(scope="module")
def trusting(request):
    """A registry that may reach what stands for GitHub, and whose operator put it there."""
    provider = request.getfixturevalue("issuer")
    with Registry({"RATE_LIMITS": "off", "EGRESS_ALLOWED_NETWORKS": "127.0.0.0/8"}) as running:
        running.manage("add_issuer", "github", provider.url, "--claims", "github", "--title", "GitHub Actions")
        yield running


@pytest.fixture
def owner(trusting, join, request):
    """Somebody with a package and two-factor on there: who, the package, and the codes."""
    person = join("erin", trusting)
    name = f"@{person.name}/ledger"
    send(person, "PUT", name.replace("/", "%2f"), payloads.publish_body(name, "1.0.0"))
    return person, name, request.getfixturevalue("protect")(person, "auth-only")


@row("trust github")
def test_trust_github(terminal, owner):
    person, name, factor = owner
    hers = terminal(person)
    hers("trust github", *WORDS, cwd=hers.app(), env={"npm_config_otp": factor.code()}, package=name)
    assert [each["claims"] for each in _trusted(person, name)] == [GITHUB_CONFIG]


@row("trust list")
def test_trust_list(terminal, owner):
    person, name, factor = owner
    key = _trust(person, name, factor)
    hers = terminal(person)
    said = hers("trust list", cwd=hers.app(), package=name).said
    assert key in said, said


@row("trust revoke")
def test_trust_revoke(terminal, owner):
    person, name, factor = owner
    key = _trust(person, name, factor)
    hers = terminal(person)
    hers("trust revoke", cwd=hers.app(), env={"npm_config_otp": factor.code()}, package=name, key=key)
    assert _trusted(person, name) == []


@row("publish by trusted publishing (NPM_ID_TOKEN)")
def test_publish_with_an_identity(terminal, trusting, owner, request):
    person, name, factor = owner
    _trust(person, name, factor)
    ci = terminal(at=trusting.registry)
    folder = ci.package(name, "1.1.0")
    if ci.kind == ("yarn", 4):
        ci("install", cwd=folder)
    token = identity(request.getfixturevalue("issuer"))
    ci("publish", cwd=folder, env={"GITLAB_CI": "true", "CI": "true", "NPM_ID_TOKEN": token})
    published = send(person, "GET", name.replace("/", "%2f"))["versions"]["1.1.0"]
    assert published["_npmUser"]["name"] == "GitHub Actions"


@row("audit signatures")
def test_audit_signatures(her, cast, request):
    project = her.add(cast.seed())
    keys = request.getfixturevalue("mirror")  # where npm gets sigstore's own keys
    keys.lay_root(her.client.home)
    env = keys.environ if her.kind[0] == "npm" else ALONE
    said = her("audit signatures", cwd=project, check=False, env=env).said
    assert re.search(r"1 package has a verified registry signature", said), said


def _stage(person: Person) -> tuple[str, str]:
    name = f"@{person.name}/staged"
    body = payloads.publish_body(name, "1.0.0")
    return name, send(person, "POST", f"-/stage/package/{name.replace('/', '%2f')}", body)["stageId"]


def _staged(person: Person) -> list[dict]:
    return send(person, "GET", "-/stage")["items"]


def _trust(person: Person, name: str, factor) -> str:
    wanted = [{"type": "github", "claims": GITHUB_CONFIG, "permissions": ["createPackage"]}]
    return send(person, "POST", _trust_path(name), wanted, npm_otp=factor.code())[0]["id"]


def _trusted(person: Person, name: str) -> list[dict]:
    return send(person, "GET", _trust_path(name))


def _trust_path(name: str) -> str:
    return f"-/package/{name.replace('/', '%2f')}/trust"
