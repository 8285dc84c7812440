"""`npm audit` of every client through this registry: advisories of owners, and of the registry that it mirrors."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.live import app, make
from tests.tools import clients
from tests.tools.homes import Client
from tests.tools.server import Registry
from tests.tools.upstream_stub import UpstreamStub
from tests.tools.visitor import Person, sign_up

pytestmark = pytest.mark.protocol
CLIENTS = [("npm", 12), ("npm", 11), ("npm", 10), ("npm", 6), ("pnpm", 12), ("pnpm", 9), ("yarn", 4), ("bun", 1)]
NEWEST = [("npm", 12), ("pnpm", 12), ("yarn", 4), ("bun", 1)]
TITLE, THEIRS = "Totals can be forged", "Prototype pollution in left-pad"


@pytest.fixture(scope="module")
def stub():
    with UpstreamStub() as running:
        for number in ("1.2.0", "1.3.0"):
            running.publish("left-pad", number)
        for number in ("11.0.0", "99.0.0"):
            running.publish("npm", number)
        running.advisories["left-pad"] = [
            {
                "id": 1106913,
                "url": "https://github.com/advisories/GHSA-35jh-r3h4-6jhm",
                "title": THEIRS,
                "severity": "moderate",
                "vulnerable_versions": "<1.3.0",
                "cwe": ["CWE-1321"],
                "cvss": {"score": 5.3, "vectorString": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:N/A:N"},
            }
        ]
        yield running


@pytest.fixture(scope="module")
def mirroring(stub):
    """A registry of our own that mirrors the stub."""
    env = {"RATE_LIMITS": "off", "UPSTREAM_URL": stub.url, "EGRESS_ALLOWED_NETWORKS": "127.0.0.0/8"}
    with Registry(env) as running:
        yield running


@pytest.fixture(scope="module")
def alice(mirroring, tmp_path_factory) -> Person:
    """alice, who published a private package in two versions, and says what is wrong with the first."""
    alice = sign_up(mirroring, "alice", tmp_path_factory.mktemp("alice"))
    hers = alice.client()
    for number in ("1.0.0", "1.1.0"):
        hers.run("publish", cwd=make(hers, "@alice/ledger", number))
    told = {"range": "<1.1.0", "severity": "high", "title": TITLE, "fixed_in": "1.1.0", "text": "More."}
    done = alice.browser.submit("/package/@alice/ledger/advisories", **told)
    assert "/advisories/ADV-" in done.address, done.text
    return alice


def installed(person: Person, kind: tuple[str, int], *specs: str, bare: bool = False) -> tuple[Client, Path]:
    """A client with an app that has these installed."""
    try:
        client = person.client(*kind, logged_in=not bare)
    except clients.Unavailable as reason:
        pytest.skip(str(reason))
    folder = app(client)
    client.run("install" if kind[0] == "npm" else "add", *specs, cwd=folder)
    return client, folder


def audited(client: Client, folder: Path, *more: str):
    words = ("npm", "audit", "--all", "--recursive") if client.name == "yarn" else ("audit",)
    return client.run(*words, *more, cwd=folder, check=False)


@pytest.mark.parametrize("kind", CLIENTS, ids=lambda kind: "".join(map(str, kind)))
def test_an_audit_names_what_owners_and_upstream_say(alice, kind):
    done = audited(*installed(alice, kind, "@alice/ledger@1.0.0", "left-pad@1.2.0"))
    assert done.code == 1, done.said
    said = re.sub(r"[\s│]+", "", done.said)  # npm 6 and pnpm 9 break lines inside of tables
    for words in (TITLE, THEIRS, "/package/@alice/ledger/advisories/ADV", "GHSA-35jh-r3h4-6jhm"):
        assert words.replace(" ", "") in said, done.said
    assert "high" in done.said.lower()
    assert "moderate" in done.said.lower()


@pytest.mark.parametrize("kind", NEWEST, ids=lambda kind: "".join(map(str, kind)))
def test_an_audit_of_mended_versions_is_clean(alice, kind):
    done = audited(*installed(alice, kind, "@alice/ledger@1.1.0", "left-pad@1.3.0"))
    assert done.code == 0, done.said
    assert TITLE not in done.said
    assert THEIRS not in done.said


def test_npm_says_it_after_an_install_and_mends_it(alice):
    hers = alice.client()
    folder = app(hers)
    said = hers.run("install", "@alice/ledger@^1.0.0 <1.1.0", "left-pad@^1.2.0 <1.3.0", cwd=folder).said
    assert "2 vulnerabilities (1 moderate, 1 high)" in said, said
    (folder / "package.json").write_text(
        json.dumps(
            {"name": "app", "version": "1.0.0", "dependencies": {"@alice/ledger": "^1.0.0", "left-pad": "^1.2.0"}}
        )
    )
    report = json.loads(hers.run("audit", "--json", cwd=folder, check=False).stdout)
    (via,) = report["vulnerabilities"]["@alice/ledger"]["via"]
    assert (via["title"], via["severity"], via["range"]) == (TITLE, "high", "<1.1.0")
    assert via["url"].startswith(f"{alice.registry.url}/package/@alice/ledger/advisories/ADV-")
    hers.run("audit", "fix", cwd=folder)
    assert hers.run("audit", cwd=folder).code == 0
    lock = json.loads((folder / "package-lock.json").read_text())["packages"]
    assert [lock[f"node_modules/{name}"]["version"] for name in ("@alice/ledger", "left-pad")] == ["1.1.0", "1.3.0"]


def test_names_of_ours_stay_inside(alice, stub):
    audited(*installed(alice, ("npm", 12), "@alice/ledger@1.0.0", "left-pad@1.2.0"))
    assert stub.heard("left-pad")
    assert not stub.heard("alice")
    assert not stub.heard("ledger")


def test_pnpm_verifies_signatures_of_both(alice):
    """npm does so, too, but asks sigstore on the internet first: test_signatures.py."""
    client, folder = installed(alice, ("pnpm", 12), "@alice/ledger@1.1.0", "left-pad@1.3.0")
    done = client.run("audit", "signatures", cwd=folder, check=False)
    assert done.code == 0, done.said
    assert "2 packages have verified registry signatures" in done.said, done.said


@pytest.mark.matrix  # it looks at the whole machine, and takes a minute for it
def test_npm_doctor_hears_of_the_newest_npm(alice):
    said = alice.client().run("doctor", "versions", check=False).said
    assert "99.0.0" in said, said


def test_upstream_stopped_both_are_still_known(alice, stub, mirroring):
    client, folder = installed(alice, ("npm", 12), "@alice/ledger@1.0.0", "left-pad@1.2.0")
    stub.stop()
    try:
        mirroring.manage(
            "shell", "-c", "from packages.models import AdvisoryCheck; AdvisoryCheck.objects.all().delete()"
        )
        done = audited(client, folder)
        assert (done.code, TITLE in done.said, THEIRS in done.said) == (1, True, True), done.said
    finally:
        stub.start()
