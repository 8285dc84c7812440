"""Two hosts, one PostgreSQL, one object store: what one did, the other knows at the next request.

The first host sends tarballs itself; the second one sends clients on to the store.
"""

from __future__ import annotations

import http.client
import json
import secrets
import subprocess
import sys
import time
from urllib.parse import urlsplit

import pytest

from packages.blobs import s3
from tests.live import app, fetch, make, send
from tests.tools import clients, object_store, postgres
from tests.tools.homes import Client
from tests.tools.server import ROOT, Registry
from tests.tools.sessions import code
from tests.tools.visitor import PASSWORD, Visitor, password_login, sign_up

pytestmark = [pytest.mark.protocol, pytest.mark.postgres]


@pytest.fixture(scope="module")
def hosts(tmp_path_factory):
    """Two running registries that are one."""
    with postgres.server() as database:
        shared = object_store.CREDENTIALS | {
            "DATABASE_URL": database,
            "STORAGE_URL": object_store.shared().address(),
            "SECRET_KEY": "the same for both, and long enough to be one",
            "SIGNING_KEYS_DIR": str(tmp_path_factory.mktemp("keys")),
        }
        with Registry(shared) as one, Registry(shared | {"TARBALLS_BY": "redirect"}) as other:
            yield one, other


@pytest.fixture(scope="module")
def alice(hosts, tmp_path_factory):
    return sign_up(hosts[0], "alice", tmp_path_factory.mktemp("alice"))


@pytest.fixture(scope="module")
def bob(hosts, tmp_path_factory):
    return sign_up(hosts[0], "bob", tmp_path_factory.mktemp("bob"))


def status(host: Registry, path: str, token: str | None = None) -> int:
    return fetch(host, path, token)[0]


def published(alice, name: str, **more) -> str:
    """A package of alice's that everybody may install, published on the first host."""
    hers = alice.client("npm", 12)
    hers.run("publish", "--access=public", cwd=make(hers, f"@alice/{name}", **more))
    return f"@alice/{name}"


def on(host: Registry, person, kind: str, major: int, home) -> Client:
    try:
        return Client(kind, major, home, host.registry, person.token)
    except clients.Unavailable as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize("kind", [("npm", 12), ("npm", 6), ("pnpm", 12), ("yarn", 1), ("yarn", 4), ("bun", 1)])
def test_what_is_published_here_is_installed_there_by_the_next_request(hosts, alice, tmp_path, kind):
    """The second host sends the client on to the object store, which takes no token of ours."""
    name = f"@alice/for-{kind[0]}{kind[1]}"
    hers = alice.client("npm", 12)
    hers.run("publish", cwd=make(hers, name))
    there = on(hosts[1], alice, *kind, tmp_path / "there")
    object_store.shared().asked.clear()
    project = app(there)
    there.run(*(("install", name) if kind[0] == "npm" else ("add", name)), cwd=project)
    if kind != ("yarn", 4):  # which keeps packages as archives
        assert (project / "node_modules" / name / "index.js").read_text().startswith("module.exports")
    assert any(line.startswith("GET") for line in object_store.shared().asked), "the store sent it"


@pytest.fixture(scope="module")
def large(hosts, alice) -> str:
    """The tarball of a package that is too large to be sent in one piece."""
    hers = alice.client("npm", 12)
    files = {"index.js": secrets.token_hex(2**20)}
    folder = hers.project({"name": "@alice/large", "version": "1.0.0", "main": "index.js"}, files)
    hers.run("publish", "--access=public", cwd=folder)
    return "@alice/large/-/large-1.0.0.tgz"


def test_a_large_tarball_comes_through_whole(hosts, large):
    found, body, headers = fetch(hosts[0], large)
    assert found == 200
    assert len(body) == int(headers["Content-Length"]) > 2**20
    assert body == fetch(hosts[1], large)[1]


def test_a_store_that_breaks_off_for_good_cuts_the_connection(hosts, large):
    object_store.shared().fail("GET", object_store.CUT, times=1 + s3.RESUMES)
    with pytest.raises(http.client.IncompleteRead):
        fetch(hosts[0], large)
    assert fetch(hosts[0], large)[0] == 200


def test_who_may_not_see_it_is_not_sent_on(hosts, alice, bob):
    hers = alice.client("npm", 12)
    hers.run("publish", cwd=make(hers, "@alice/private"))
    for host in hosts:
        assert status(host, "@alice/private/-/private-1.0.0.tgz", bob.token) == 404


def test_switched_to_private_here_it_is_gone_there(hosts, alice, bob):
    name = published(alice, "open")
    assert status(hosts[1], name, bob.token) == 200
    alice.client("npm", 12).run("access", "set", "status=private", name)
    assert status(hosts[1], name, bob.token) == 404
    assert status(hosts[1], f"{name}/-/open-1.0.0.tgz", bob.token) == 404


def test_a_token_that_is_revoked_here_is_refused_there(hosts, bob):
    token = password_login(hosts[0], "bob")
    assert status(hosts[1], "-/whoami", token) == 200
    fetch(hosts[0], f"-/user/token/{token}", token, "DELETE")
    assert status(hosts[1], "-/whoami", token) == 401


def test_a_member_who_is_removed_here_has_nothing_there(hosts, alice, bob):
    alice.browser.submit("/org/new", name="twohosts", title="Two hosts")
    hers = alice.client("npm", 12)
    hers.run("org", "set", "twohosts", "bob")
    hers.run("publish", cwd=make(hers, "@twohosts/shared"))
    assert status(hosts[1], "@twohosts/shared", bob.token) == 200
    hers.run("org", "rm", "twohosts", "bob")
    assert status(hosts[1], "@twohosts/shared", bob.token) == 404


def there_with_the_same_cookies(person, host: Registry) -> Visitor:
    browser = Visitor(host.url)
    browser._opener = person.browser._opener  # cookies know hosts and no ports
    return browser


def test_a_browser_that_signed_in_here_is_signed_in_there(hosts, alice):
    there = there_with_the_same_cookies(alice, hosts[1])
    page = there.get("/settings/tokens")
    assert page.status == 200
    assert urlsplit(page.address).path == "/settings/tokens"


def test_a_login_that_began_here_is_approved_there_and_fetched_anywhere(hosts, alice):
    _, begun, _ = fetch(hosts[0], "-/v1/login", None, "POST", {}, content_type="application/json")
    begun = json.loads(begun)
    page, poll = (urlsplit(begun[each]).path for each in ("loginUrl", "doneUrl"))
    poll = poll.removeprefix("/npm/")
    assert status(hosts[1], poll) == 202
    done = there_with_the_same_cookies(alice, hosts[1]).submit(page, decision="approve")
    assert "You are logged in" in done.text
    found, answer, _ = fetch(hosts[1], poll)
    assert found == 200
    assert status(hosts[0], "-/whoami", json.loads(answer)["token"]) == 200


def test_a_one_time_password_that_was_used_here_is_used_up_there(hosts, tmp_path):
    carol = sign_up(hosts[0], "carol", tmp_path)
    begun = send(carol, "POST", "-/npm/v1/user", {"tfa": {"password": PASSWORD, "mode": "auth-and-writes"}})
    other = password_login(hosts[0], "carol")
    secret = begun["tfa"].partition("secret=")[2].partition("&")[0]
    recovery = send(carol, "POST", "-/npm/v1/user", {"tfa": [code(secret)]})["tfa"]
    change = {"content_type": "application/json", "npm_otp": recovery[0]}
    for host, token, expected in ((hosts[0], carol.token, 200), (hosts[1], other, 401), (hosts[1], carol.token, 200)):
        found, answer, _ = fetch(host, "-/npm/v1/user", token, "POST", {"fullname": "Carol"}, **change)
        assert found == expected, answer


def test_wrong_passwords_count_together(hosts, tmp_path):
    sign_up(hosts[0], "erin", tmp_path)
    body = {"_id": "org.couchdb.user:erin", "name": "erin", "password": "wrong", "type": "user"}
    answers = []
    while 429 not in answers and len(answers) < 40:
        host = hosts[len(answers) % 2]
        answers.append(
            fetch(host, "-/user/org.couchdb.user:erin", None, "PUT", body, content_type="application/json")[0]
        )
    tries = len(answers)
    assert answers[-1] == 429
    for host in hosts:
        again = fetch(host, "-/user/org.couchdb.user:erin", None, "PUT", body, content_type="application/json")[0]
        assert again == 429, f"after {tries} tries"


def test_read_only_holds_on_both_from_the_next_request_on(hosts, alice):
    name = published(alice, "still")
    tag = f"-/package/{name.replace('/', '%2f')}/dist-tags/next"
    hosts[0].manage("read_only", "on", "--reason", "we move to another database")
    for host in hosts:
        found, answer, headers = fetch(host, tag, alice.token, "PUT", "1.0.0", content_type="application/json")
        assert (found, "we move to another database" in str(answer), headers["Retry-After"]) == (503, True, "60")
        assert status(host, name, alice.token) == 200
    hosts[1].manage("read_only", "off")
    for host in hosts:
        assert fetch(host, tag, alice.token, "PUT", "1.0.0", content_type="application/json")[0] in (200, 201)


def test_downloads_on_both_add_up(hosts, alice):
    name = published(alice, "counted")
    for host in hosts:
        assert status(host, f"{name}/-/counted-1.0.0.tgz") == 200
    last = time.monotonic() + 30
    found = 0
    while found != 2 and time.monotonic() < last:  # each host writes a moment later
        found = json.loads(fetch(hosts[0], f"downloads/point/last-week/{name}")[1])["downloads"]
        time.sleep(0.1)
    assert found == 2


def test_what_runs_daily_runs_on_one_of_them(hosts):
    command = [sys.executable, "manage.py", "run_jobs"]
    running = [
        subprocess.Popen(
            command, cwd=ROOT, env=host.environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        for host in hosts
    ]
    ran = [each.communicate(timeout=110)[0].splitlines() for each in running]
    assert [each.returncode for each in running] == [0, 0]
    often = {"seal the audit log ran"}  # is due at each look
    assert set(ran[0]) & set(ran[1]) <= often


def test_both_sign_with_the_same_key(hosts):
    one, other = (json.loads(fetch(host, "-/npm/v1/keys")[1]) for host in hosts)
    assert one == other
    assert len(one["keys"]) == 1


def test_nobody_waits_for_the_store_to_start_a_worker(hosts):
    """boto3 is imported by the first request for a tarball, and not before."""
    loaded = hosts[0].manage("shell", "-c", "import sys; from packages import blobs; print('boto3' in sys.modules)")
    assert loaded.stdout.split()[-1] == "False"
