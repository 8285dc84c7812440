"""Two-factor, profile and tokens with real clients, some of them on a terminal."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import pytest

from tests.live import app, fetch, make
from tests.tools import clients
from tests.tools.homes import Client
from tests.tools.sessions import code
from tests.tools.terminal import converse
from tests.tools.visitor import PASSWORD, Person

pytestmark = pytest.mark.protocol
ME = "-/npm/v1/user"


@dataclass
class Protected:
    """Somebody with two-factor on: the secret of their app, and recovery codes, each of them good once."""

    person: Person
    secret: str
    recovery: list[str]

    def code(self) -> str:
        return self.recovery.pop()

    def approve(self, address: str) -> None:
        """Open the page that a command shows, show a second factor, approve."""
        browser = self.person.browser
        page = browser.get(address)
        if "/reauthenticate/code" in page.address:
            page = browser.submit(page.address, code=self.code(), next=address.partition("://")[2].partition("/")[2])
        done = browser.submit(address, decision="approve")
        assert "Approved" in done.text, (done.address, done.text)


def ask(person: Person, path: str, method: str = "GET", body=None, **headers):
    """One request with the person's token: (status, JSON, headers)."""
    status, answer, found = fetch(person.registry, path, person.token, method, body, **headers)
    return status, json.loads(answer), found


@pytest.fixture
def protect():
    """`protect(alice)` turns two-factor on for her, as npm does."""

    def run(person: Person, mode: str = "auth-and-writes") -> Protected:
        begun = ask(person, ME, "POST", {"tfa": {"password": PASSWORD, "mode": mode}})[1]
        secret = begun["tfa"].partition("secret=")[2].partition("&")[0]
        status, done, _ = ask(person, ME, "POST", {"tfa": [code(secret)]})
        assert status == 200, done
        return Protected(person, secret, done["tfa"])

    return run


def client_of(person: Person, name: str = "npm", major: int = 12) -> Client:
    """A client of theirs, or a skip where it cannot run."""
    try:
        return person.client(name, major)
    except clients.Unavailable as reason:
        pytest.skip(str(reason))


def exists(person: Person, name: str) -> bool:
    return ask(person, name.replace("/", "%2f"))[0] == 200


# --- publishing on a terminal ------------------------------------------------------------------------------------


def test_npm_publishes_with_one_approval_in_the_browser(join, protect):
    alice = join("alice")
    factor, hers, name = protect(alice), client_of(alice), f"@{alice.name}/thing"
    pages = []

    def approve(address):
        pages.append(address)
        factor.approve(address)

    done = converse(hers, "publish", open_page=approve, cwd=make(hers, name))
    assert done.code == 0, done.said
    assert len(pages) == 1
    assert "OTP:" not in done.said, "and no prompt"
    assert exists(alice, name)


def test_npm_publishes_with_a_typed_code(join, protect):
    alice = join("alice")
    factor, hers, name = protect(alice), client_of(alice), f"@{alice.name}/thing"
    answers = [("OTP", factor.code())]
    done = converse(hers, "publish", "--auth-type=legacy", answers=answers, cwd=make(hers, name))
    assert done.code == 0, done.said
    assert done.said.count("OTP:") == 1
    assert exists(alice, name)


@pytest.mark.parametrize("major", [10, 8, 6])
def test_older_npm_asks_for_a_code(join, protect, major):
    alice = join("alice")
    factor, hers, name = protect(alice), client_of(alice, "npm", major), f"@{alice.name}/thing"
    words = ["publish"] + ["--auth-type=legacy"] * (major > 8)
    done = converse(hers, *words, answers=[("OTP", factor.code())], cwd=make(hers, name))
    assert done.code == 0, done.said
    assert exists(alice, name)


def test_what_the_browser_shows_can_be_typed(join, protect):
    """A terminal that prompts prints the page's address, too: whoever has only a passkey types what stands there."""
    alice = join("alice")
    factor, hers, name = protect(alice), client_of(alice, "npm", 8), f"@{alice.name}/thing"
    status, _, headers = ask(alice, "-/package/x/dist-tags/next", "PUT", "1.0.0")
    assert status == 401
    page = headers["npm-notice"].split()[1]
    factor.person.browser.get(page)
    shown = factor.person.browser.submit(
        factor.person.browser.get(page).address, code=factor.code(), next=page.partition("://")[2].partition("/")[2]
    )
    shown = factor.person.browser.submit(page, decision="approve")
    typed = shown.text.partition("<code>")[2].partition("</code>")[0]
    done = converse(hers, "publish", answers=[("OTP", typed)], cwd=make(hers, name))
    assert done.code == 0, done.said
    assert exists(alice, name)


@pytest.mark.parametrize("command", ["unpublish", "owner", "dist-tag", "deprecate", "access"])
def test_a_command_of_several_requests_is_approved_once(join, protect, command):
    alice, bob = join("alice"), join("bob")
    hers, name = client_of(alice), f"@{alice.name}/thing"
    for version in ("1.0.0", "1.1.0"):
        hers.run("publish", cwd=make(hers, name, version))
    factor, pages = protect(alice), []
    words = {
        "unpublish": [f"{name}@1.1.0"],
        "owner": ["add", bob.name, name],
        "dist-tag": ["add", f"{name}@1.0.0", "old"],
        "deprecate": [f"{name}@1.0.0", "use 1.1.0"],
        "access": ["set", "status=public", name],
    }[command]
    done = converse(hers, command, *words, open_page=lambda page: pages.append(page) or factor.approve(page))
    assert done.code == 0, done.said
    assert len(pages) == 1
    assert "OTP" not in done.said
    document = ask(alice, name.replace("/", "%2f"))[1]
    assert {
        "unpublish": list(document["versions"]) == ["1.0.0"],
        "owner": bob.name in [each["name"] for each in document["maintainers"]],
        "dist-tag": document["dist-tags"].get("old") == "1.0.0",
        "deprecate": document["versions"]["1.0.0"].get("deprecated") == "use 1.1.0",
        "access": fetch(alice.registry, name.replace("/", "%2f"))[0] == 200,
    }[command]


def test_without_a_terminal_npm_says_where_to_approve(join, protect):
    alice = join("alice")
    protect(alice)
    hers, name = client_of(alice), f"@{alice.name}/thing"
    refused = hers.run("publish", cwd=make(hers, name), check=False)
    assert refused.code != 0
    assert "EOTP" in refused.said
    assert "/login/command/" in refused.said
    assert not exists(alice, name)


PUBLISHERS = [("npm", 12), ("npm", 11), ("npm", 10), ("npm", 8), ("npm", 6), ("pnpm", 12), ("yarn", 4), ("yarn", 1)]


@pytest.mark.parametrize("kind", [*PUBLISHERS, ("bun", 1)], ids=lambda kind: f"{kind[0]}{kind[1]}")
def test_a_code_on_the_command_line(join, protect, kind):
    """The code goes along with every request of the command, and a used one does not publish again elsewhere."""
    alice = join("alice")
    hers, name = client_of(alice, *kind), f"@{alice.name}/thing"
    factor = protect(alice)
    words = {
        "pnpm": ["publish", "--no-git-checks"],
        ("yarn", 4): ["npm", "publish"],
        ("yarn", 1): ["publish", "--new-version", "1.0.0", "--non-interactive"],
    }
    said = words.get(kind) or words.get(kind[0]) or ["publish"]
    folder = make(hers, name)
    if kind == ("yarn", 4):
        (folder / "yarn.lock").touch()
        hers.run("install", cwd=folder)
    if kind != ("bun", 1):  # it waits for the browser, terminal or not
        assert hers.run(*said, cwd=folder, check=False).code != 0
        assert not exists(alice, name)
    shown = factor.code()
    hers.run(*said, "--otp", shown, cwd=folder)
    assert exists(alice, name)
    elsewhere = Person(alice.registry, alice.name, alice.browser, new_login(factor), alice.home)
    status, answer, _ = ask(elsewhere, "-/package/x/dist-tags/a", "PUT", "1.0.0", npm_otp=shown)
    assert (status, answer["code"]) == (401, "otp")


def new_login(factor: Protected) -> str:
    """Another login token of the person."""
    body = {"name": factor.person.name, "password": PASSWORD}
    path = f"-/user/org.couchdb.user:{factor.person.name}"
    status, answer, headers = fetch(factor.person.registry, path, None, "PUT", body)
    assert (status, headers["WWW-Authenticate"]) == (401, "OTP")
    status, answer, _ = fetch(factor.person.registry, path, None, "PUT", body, npm_otp=factor.code())
    assert status == 201
    return json.loads(answer)["token"]


def test_auth_only_publishes_without_asking(join, protect):
    alice = join("alice")
    protect(alice, "auth-only")
    hers, name = client_of(alice), f"@{alice.name}/thing"
    hers.run("publish", cwd=make(hers, name))
    assert exists(alice, name)
    refused = hers.run("token", "revoke", "npm_", check=False)
    assert refused.code != 0


def test_npm_login_by_password_asks_for_a_code(join, protect):
    alice = join("alice")
    factor = protect(alice)
    hers = alice.client(logged_in=False)
    answers = [("Username", alice.name), ("Password", PASSWORD), ("OTP", factor.code())]
    done = converse(hers, "login", "--auth-type=legacy", answers=answers)
    assert done.code == 0, done.said
    assert hers.run("whoami").stdout.strip() == alice.name


# --- the package's own setting -----------------------------------------------------------------------------------


def test_a_package_asks_for_two_factor(join, protect):
    alice = join("alice")
    hers, name = client_of(alice), f"@{alice.name}/thing"
    hers.run("publish", cwd=make(hers, name))
    refused = hers.run("access", "set", "mfa=publish", name, check=False)
    assert "turn it on under Settings" in refused.said
    factor = protect(alice, "auth-only")
    assert hers.run("access", "set", "mfa=publish", name, check=False).code != 0
    hers.run("access", "set", "mfa=automation", name, f"--otp={factor.code()}")
    assert "EOTP" in hers.run("publish", cwd=make(hers, name, "1.1.0"), check=False).said
    body = {"password": PASSWORD, "packages_all": True, "packages_and_scopes_permission": "read-write"}
    made = ask(alice, "-/npm/v1/tokens", "POST", body | {"bypass_2fa": True}, npm_otp=factor.code())[1]
    robot = Client("npm", 12, alice.home / "robot", alice.registry.registry, made["token"])
    robot.run("publish", cwd=make(robot, name, "1.1.0"))
    hers.run("access", "set", "mfa=publish", name, f"--otp={factor.code()}")
    refused = robot.run("publish", cwd=make(robot, name, "1.2.0"), check=False)
    assert "no token gets around it" in refused.said
    hers.run("publish", f"--otp={factor.code()}", cwd=make(hers, name, "1.2.0"))
    hers.run("access", "set", "mfa=none", name, f"--otp={factor.code()}")
    hers.run("publish", cwd=make(hers, name, "1.3.0"))


# --- profile -----------------------------------------------------------------------------------------------------

between = pytest.mark.matrix  # with `make test-clients`, beside the newest and the oldest that run with all tests
PROFILES = [("npm", 12), pytest.param(("npm", 10), marks=between), ("npm", 6), ("pnpm", 12)]
ids = {"ids": lambda kind: f"{kind[0]}{kind[1]}"}


@pytest.mark.parametrize("kind", PROFILES, **ids)
def test_profile_get_and_set(join, kind):
    alice = join("alice")
    hers = client_of(alice, *kind)
    if kind == ("npm", 6):
        hers.run("profile", "set", "twitter", "@alice")
    hers.run("profile", "set", "fullname", "Alice", "Example")
    hers.run("profile", "set", "homepage", "https://alice.example/")
    shown = hers.run("profile", "get").said
    for part in (alice.name, f"{alice.name}@example.com", "Alice Example", "https://alice.example/", "disabled"):
        assert part in shown
    assert json.loads(hers.run("profile", "get", "--json").stdout)["fullname"] == "Alice Example"
    refused = hers.run("profile", "set", "homepage", "javascript:alert(1)", check=False)
    assert refused.code != 0
    assert "a homepage begins with" in re.sub(r"\s*│?\s+", " ", refused.said)  # pnpm draws a box around it


@pytest.mark.parametrize("kind", PROFILES, **ids)
def test_profile_set_password(join, kind):
    alice = join("alice")
    hers = client_of(alice, *kind)
    new = "another horse battery"
    ends = ("assword", "assword", "Again")
    wrong = [(ends[0], "wrong"), (ends[1], new), (ends[2], new)]
    assert converse(hers, "profile", "set", "password", answers=wrong).code != 0
    done = converse(hers, "profile", "set", "password", answers=[(ends[0], PASSWORD), *wrong[1:]])
    assert done.code == 0, done.said
    body = {"name": alice.name, "password": new}
    assert fetch(alice.registry, f"-/user/org.couchdb.user:{alice.name}", None, "PUT", body)[0] == 201


@pytest.mark.parametrize("kind", PROFILES, **ids)
def test_profile_enables_changes_and_disables_two_factor(join, kind):
    alice = join("alice")
    hers = client_of(alice, *kind)
    secret, recovery = enable(hers)
    assert len(recovery) == 10
    tfa = ask(alice, ME)[1]["tfa"]
    assert tfa == {"pending": False, "mode": "auth-only"}

    if kind == ("npm", 6):  # its own code ends there with EBADKEY, before it asks anything of the registry
        wanted = {"tfa": {"password": PASSWORD, "mode": "auth-and-writes"}}
        assert ask(alice, ME, "POST", wanted, npm_otp=recovery.pop())[0] == 200
    else:
        words = ["profile", "enable-2fa", "auth-and-writes", f"--otp={recovery.pop()}"]
        changed = converse(hers, *words, answers=[("assword", PASSWORD)])
        assert changed.code == 0, changed.said
    assert ask(alice, ME)[1]["tfa"]["mode"] == "auth-and-writes"

    otp = [f"--otp={recovery.pop()}"]
    disabled = converse(hers, "profile", "disable-2fa", *otp, answers=[("assword", PASSWORD)])
    assert disabled.code == 0, disabled.said
    assert ask(alice, ME)[1]["tfa"] is None


@pytest.mark.parametrize("kind", PROFILES, **ids)
def test_profile_enable_starts_over_when_it_was_left_in_the_middle(join, kind):
    alice = join("alice")
    ask(alice, ME, "POST", {"tfa": {"password": PASSWORD, "mode": "auth-only"}})
    assert ask(alice, ME)[1]["tfa"]["pending"] is True
    enable(client_of(alice, *kind))
    assert ask(alice, ME)[1]["tfa"] == {"pending": False, "mode": "auth-only"}


def enable(hers: Client) -> tuple[str, list[str]]:
    """`npm profile enable-2fa auth-only`, with what an app would show; the secret and the recovery codes."""
    seen = {}

    def read(shown: str) -> str:
        seen["secret"] = re.findall(r"\b[A-Z2-7]{32}\b", shown)[-1]
        return code(seen["secret"])

    answers = [("assword", PASSWORD), ("authenticator", read)]
    done = converse(hers, "profile", "enable-2fa", "auth-only", answers=answers)
    assert done.code == 0, done.said
    return seen["secret"], re.findall(r"^\s*(\d{8})\s*$", done.stdout, re.M)


# --- tokens ------------------------------------------------------------------------------------------------------

TOKENS = [("npm", 12), *(pytest.param(("npm", major), marks=between) for major in (11, 10)), ("npm", 6)]


@pytest.mark.parametrize("kind", TOKENS, **ids)
def test_token_list_create_and_revoke(join, kind):
    alice = join("alice")
    hers = client_of(alice, *kind)
    made = [make_token(hers), make_token(hers)]
    listed = hers.run("token", "list").stdout
    assert all(token[:6] in listed for token in made)
    found = {each["token"]: each["key"] for each in json.loads(hers.run("token", "list", "--json").stdout)}
    key = found[made[0][:8]]
    hers.run("token", "revoke", key[:8])
    assert fetch(alice.registry, "-/whoami", made[0])[0] == 401
    assert fetch(alice.registry, "-/whoami", made[1])[0] == 200
    hers.run("token", "revoke", made[1])
    assert fetch(alice.registry, "-/whoami", made[1])[0] == 401
    assert hers.run("token", "revoke", "123456789", check=False).code != 0


def make_token(hers: Client, *words: str, password: str = PASSWORD) -> str:
    """`npm token create`; gives the token that it printed."""
    done = converse(hers, "token", "create", *words, answers=[("assword", password)])
    assert done.code == 0, done.said
    return re.search(r"npm_\w{48}", done.stdout)[0]


def test_token_create_with_limits(join):
    alice = join("alice")
    hers, name = client_of(alice), f"@{alice.name}/thing"
    words = ["--name=build", f"--packages={name}", "--packages-and-scopes-permission=read-write", "--expires=5"]
    token = make_token(hers, *words)
    listed = ask(alice, "-/npm/v1/tokens")[1]["objects"]
    mine = next(each for each in listed if each["token"] == token[:8])
    assert (mine["name"], mine["readonly"]) == ("build", False)
    assert mine["scopes"] == [{"type": "package", "name": name}]
    robot = Client("npm", 12, alice.home / "robot", alice.registry.registry, token)
    robot.run("publish", cwd=make(robot, name))
    refused = robot.run("publish", cwd=make(robot, f"@{alice.name}/other"), check=False)
    assert "limited to other packages" in refused.said
    assert "publishes and installs only" in robot.run("token", "list", check=False).said
    reader = Client("npm", 12, alice.home / "reader", alice.registry.registry, make_token(hers))
    reader.run("install", name, cwd=app(reader))
    assert "read-only" in reader.run("publish", cwd=make(reader, name, "1.1.0"), check=False).said


def test_token_create_says_what_does_not_go_together(join):
    hers = client_of(join("alice"))
    answers = [("assword", PASSWORD)]
    words = ["--orgs=acme", "--orgs-permission=read-write", "--bypass-2fa"]
    assert "may not manage orgs" in converse(hers, "token", "create", *words, answers=answers).said
    assert "1 to 365 days" in converse(hers, "token", "create", "--expires=900", answers=answers).said
    assert "not your password" in converse(hers, "token", "create", answers=[("assword", "wrong")]).said
    assert len(ask_tokens(hers)) == 1


def ask_tokens(hers: Client) -> list:
    return json.loads(hers.run("token", "list", "--json").stdout)


@pytest.mark.parametrize("kind", [("npm", 12), ("npm", 10), ("npm", 6)], **ids)
def test_a_token_from_another_address_is_told_so(join, kind):
    alice = join("alice")
    token = make_token(client_of(alice, "npm", 10), "--cidr=192.0.2.0/24")
    far = Client(*kind, alice.home / "far", alice.registry.registry, token)
    refused = far.run("whoami", check=False)
    assert refused.code != 0
    assert "IP address" in refused.said


def test_two_factor_and_tokens(join, protect):
    alice = join("alice")
    factor, hers = protect(alice), client_of(alice)
    shown = factor.code()
    made = converse(hers, "token", "create", f"--otp={shown}", answers=[("assword", PASSWORD)])
    assert made.code == 0, made.said
    pages = []
    by_browser = converse(
        hers, "token", "create", answers=[("assword", PASSWORD)],
        open_page=lambda page: pages.append(page) or factor.approve(page),
    )  # fmt: skip
    assert (by_browser.code, len(pages)) == (0, 1), by_browser.said
    listed = ask_tokens(hers)
    assert len(listed) == 3
    assert "EOTP" in hers.run("token", "revoke", listed[0]["key"], check=False).said
    hers.run("token", "revoke", listed[0]["key"], f"--otp={factor.code()}")
    assert len(ask_tokens(hers)) == 2
