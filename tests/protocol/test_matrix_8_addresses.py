"""The registry at the root of a host of its own, and behind a proxy with TLS, with every client."""

from __future__ import annotations

import pytest

from tests.protocol import matrix
from tests.protocol import test_matrix_1_install as install
from tests.protocol import test_matrix_2_releases as releases
from tests.protocol import test_matrix_3_sharing as sharing
from tests.protocol import test_matrix_4_accounts as accounts
from tests.protocol import test_matrix_5_looking as looking
from tests.protocol.matrix import Cast, row
from tests.tools.server import Registry
from tests.tools.tls import TlsRegistry
from tests.tools.visitor import sign_up

GROUP = "At other addresses"


@pytest.fixture(scope="session")
def root(tmp_path_factory):
    """The people of a registry at the root of a host of its own."""
    with Registry({"RATE_LIMITS": "off"}, at_root=True) as running:
        yield Cast(running, lambda name: sign_up(running, f"{name}-r", tmp_path_factory.mktemp(name)))


@pytest.fixture(scope="session")
def tls(tmp_path_factory):
    """The people of a registry behind a proxy with TLS."""
    with TlsRegistry({"RATE_LIMITS": "off"}) as running:
        yield Cast(running, lambda name: sign_up(running, f"{name}-t", tmp_path_factory.mktemp(name)))


@pytest.fixture
def cast(request):
    """The people that the row is about: those of `root` or of `tls`, by the test's name."""
    return request.getfixturevalue("tls" if "_tls" in request.node.name else "root")


@pytest.fixture
def terminal(terminal, cast):
    """As ever, and its clients trust the certificate."""

    def run(person=None) -> matrix.Terminal:
        mine = terminal(person)
        if isinstance(cast.registry, TlsRegistry):
            authority = cast.registry.authority
            with mine.client.npmrc.open("a") as file:
                file.write(f"cafile={authority}\n")
            if mine.kind == ("yarn", 4):
                with (mine.client.home / ".yarnrc.yml").open("a") as file:
                    file.write(f"httpsCaFilePath: {authority}\n")
            if mine.kind == ("bun", 1):
                with (mine.client.home / ".bunfig.toml").open("a") as file:
                    file.write(f'cafile = "{authority}"\n')
        return mine

    return run


@row("at the root of a host (REGISTRY_HOST): publish a scoped package")
def test_root_publish(her, cast):
    install.test_publish_scoped(her, cast)


@row("at the root of a host: install")
def test_root_install(her, cast):
    install.test_install(her, cast)


@row("at the root of a host: install from the lockfile, in another clean home")
def test_root_reinstall(her, terminal, cast):
    install.test_reinstall(her, terminal, cast)


@row("at the root of a host: unpublish one version")
def test_root_unpublish(her, cast):
    releases.test_unpublish_version(her, cast)


@row("at the root of a host: make it public")
def test_root_access(her, cast):
    sharing.test_access_public(her, cast)


@row("at the root of a host: log in in the browser")
def test_root_login(terminal, cast):
    accounts.test_login_in_the_browser(terminal, cast)


@row("at the root of a host: search")
def test_root_search(her, cast):
    looking.test_search(her, cast)


@row("behind a proxy with TLS: publish a scoped package")
def test_tls_publish(her, cast):
    install.test_publish_scoped(her, cast)


@row("behind a proxy with TLS: install from the lockfile, in another clean home")
def test_tls_reinstall(her, terminal, cast):
    install.test_reinstall(her, terminal, cast)
