"""`npm audit signatures` and `pnpm audit signatures` over packages that were installed from here.

npm first asks for sigstore's own keys on the internet; here a mirror answers (see docs/signatures.md).
"""

from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path

import pytest

from tests.live import app, fetch, make
from tests.tools.homes import Client, Completed
from tests.tools.server import Registry
from tests.tools.sigstore_instance import REPOSITORY, Sigstore, statement
from tests.tools.tuf_mirror import TufMirror
from tests.tools.visitor import Person, sign_up

pytestmark = pytest.mark.protocol
KINDS = ["npm", "pnpm"]
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def sigstore(tmp_path_factory):
    """A sigstore instance, and the file of its trust root."""
    instance = Sigstore()
    file = tmp_path_factory.mktemp("sigstore") / "trusted_root.json"
    file.write_text(json.dumps(instance.trust_root()))
    return instance, file


@pytest.fixture(scope="module")
def signing(sigstore):
    """A registry of our own, whose keys and rows the tests change; it verifies provenance."""
    with Registry({"RATE_LIMITS": "off", "SIGSTORE_TRUST_ROOT": str(sigstore[1])}) as running:
        yield running


@pytest.fixture(scope="module")
def mirror(sigstore, tmp_path_factory):
    with TufMirror({"trusted_root.json": sigstore[1].read_bytes()}, tmp_path_factory.mktemp("mirror")) as running:
        yield running


@pytest.fixture
def audit(mirror):
    """`audit(client, folder)` runs `audit signatures`; npm finds the mirror's root in its cache."""

    def run(client: Client, folder: Path, *words: str) -> Completed:
        mirror.lay_root(client.home)
        env = mirror.environ if client.name == "npm" else {}
        return client.run("audit", "signatures", *words, cwd=folder, check=False, env=env)

    return run


@pytest.fixture
def alice(signing, tmp_path):
    name = f"alice{next(_numbers)}"
    return sign_up(signing, name, tmp_path / name)


def installed(person: Person, kind: str, *names: str) -> tuple[Client, Path]:
    """A client of theirs, and an app with these packages installed."""
    client = person.client(kind)
    folder = app(client)
    client.run("install" if kind == "npm" else "add", *names, cwd=folder)
    return client, folder


def edit(registry: Registry, package: str, line: str) -> None:
    """Change the row of a package's only version past all doors, as somebody with the database would."""
    registry.manage(
        "shell",
        "-c",
        f"from packages.models import Package, Version; p = Package.objects.get(name={package!r}); "
        f"v = p.versions.get(); {line}; v.save(); p.revision += 1; p.save()",
    )


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_installed_from_here_is_verified(signing, alice, audit, kind):
    hers = alice.client()
    names = [f"@{alice.name}/one", f"@{alice.name}/two"]
    hers.run("publish", cwd=make(hers, names[0]))
    signing.manage("rotate_signing_key")
    hers.run("publish", cwd=make(hers, names[1]))
    done = audit(*installed(alice, kind, *names))
    assert done.code == 0, done.said
    assert "audited 2 packages" in done.stdout
    assert "2 packages have verified registry signatures" in done.stdout
    keys = json.loads(fetch(signing, "-/npm/v1/keys")[1])["keys"]
    assert [bool(key["expires"]) for key in keys][:2] == [False, True]


@pytest.mark.parametrize("kind", KINDS)
def test_a_tampered_signature_fails(signing, alice, audit, kind):
    name = f"@{alice.name}/tampered"
    hers = alice.client()
    hers.run("publish", cwd=make(hers, name))
    client, folder = installed(alice, kind, name)
    assert audit(client, folder).code == 0
    forge = "packuments.amend(v, signatures=[v.manifest['dist']['signatures'][0] | {'sig': k.sign('another text')}])"
    edit(signing, name, f"from packages import keyring, packuments; k = keyring.current(); {forge}")
    done = audit(client, folder)
    assert done.code == 1
    assert "invalid registry signature" in done.said
    assert "tampered" in done.said

    signing.manage("sign_versions", "--all")
    assert audit(client, folder).code == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_version_from_before_fails_until_it_is_signed(signing, alice, audit, kind):
    name = f"@{alice.name}/old"
    hers = alice.client()
    hers.run("publish", cwd=make(hers, name))
    client, folder = installed(alice, kind, name)
    edit(signing, name, "from packages import packuments; packuments.amend(v, signatures=[]); v.signed_with = ''")
    done = audit(client, folder)
    assert done.code == 1
    assert "missing" in done.said
    assert f"{name}: 1" in signing.manage("sign_versions").stdout
    assert audit(client, folder).code == 0


def test_provenance_is_published_shown_and_verified(signing, sigstore, mirror, alice, audit):
    """npm verifies the bundle before it sends it, the registry before it keeps it, and npm again after installing."""
    hers, name = alice.client(), f"@{alice.name}/built"
    folder = make(hers, name, repository={"type": "git", "url": f"git+{REPOSITORY}.git"})
    hers.run("pack", cwd=folder)
    (tarball,) = folder.glob("*.tgz")
    sha512 = hashlib.sha512(tarball.read_bytes()).hexdigest()
    (folder / "bundle.json").write_text(json.dumps(sigstore[0].bundle(statement(name, "1.0.0", sha512))))
    mirror.lay_root(hers.home)
    words = ("publish", tarball.name, "--access=public", "--provenance-file=bundle.json")
    hers.run(*words, cwd=folder, env=mirror.environ)

    dist = json.loads(fetch(signing, name)[1])["versions"]["1.0.0"]["dist"]
    assert dist["attestations"]["url"] == f"{signing.registry}-/npm/v1/attestations/{name.replace('/', '%2f')}@1.0.0"
    done = audit(*installed(alice, "npm", name))
    assert done.code == 0, done.said
    assert "1 package has a verified registry signature" in done.stdout
    assert "1 package has a verified attestation" in done.stdout
    done = audit(*installed(alice, "pnpm", name))
    assert done.code == 0, done.said
    page = alice.browser.get(f"/package/{name}")
    assert ">Verified<" in page.text
    assert f'href="{REPOSITORY}"' in page.text


def test_provenance_of_another_signer_is_refused_by_the_registry(signing, mirror, tmp_path):
    """The same publish where npm trusts another sigstore than the registry does."""
    other = Sigstore()
    alice = sign_up(signing, f"alice{next(_numbers)}", tmp_path / "home")
    hers, name = alice.client(), f"@{alice.name}/built"
    folder = make(hers, name, repository=REPOSITORY)
    hers.run("pack", cwd=folder)
    (tarball,) = folder.glob("*.tgz")
    sha512 = hashlib.sha512(tarball.read_bytes()).hexdigest()
    (folder / "bundle.json").write_text(json.dumps(other.bundle(statement(name, "1.0.0", sha512))))
    with TufMirror({"trusted_root.json": json.dumps(other.trust_root()).encode()}, tmp_path) as elsewhere:
        elsewhere.lay_root(hers.home)
        words = ("publish", tarball.name, "--access=public", "--provenance-file=bundle.json")
        done = hers.run(*words, cwd=folder, env=elsewhere.environ, check=False)
    assert done.code != 0
    assert "the provenance is refused: it is not verified" in done.said
    assert fetch(signing, name)[0] == 404
