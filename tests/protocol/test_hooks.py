"""`npm hook` of npm 8 and 10, and what a receiver on loopback gets from the worker."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.live import make
from tests.tools.homes import Client
from tests.tools.server import Registry
from tests.tools.visitor import Person

pytestmark = pytest.mark.protocol
SECRET = "a secret of the receiver"  # noqa: S105
SECONDS = 90


class Receiver(ThreadingHTTPServer):
    """Keeps what it is sent; `answers` are the statuses it gives, then 200."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook?who=ci"

    def wait_for(self, count: int) -> list[dict]:
        """The messages, once there are so many; each signed with the secret."""
        last = time.monotonic() + SECONDS
        while len(self.got) < count and time.monotonic() < last:
            time.sleep(0.1)
        assert len(self.got) == count, [body for _, body in self.got]
        for headers, body in self.got:
            signed = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
            assert headers["x-npm-signature"] == f"sha256={signed}"
            assert headers["content-type"] == "application/json"
        return [json.loads(body) for _, body in self.got]


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(({name.lower(): text for name, text in self.headers.items()}, body))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words) -> None:
        pass


@pytest.fixture(scope="module")
def registry():
    """A registry that may send to loopback."""
    with Registry({"RATE_LIMITS": "off", "EGRESS_ALLOWED_NETWORKS": "127.0.0.0/8"}) as running:
        yield running


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def hook_id(person: Person) -> str:
    (one,) = _listed(person.client("npm", 10))
    return one["id"]


def _listed(client: Client, *about: str) -> list[dict]:
    found = client.run("hook", "ls", *about, "--json").json
    return list(found.values()) if isinstance(found, dict) else found


@pytest.mark.parametrize("major", [10, 8])
def test_add_list_update_remove(join, npm_or_skip, receiver, major):
    npm_or_skip(major)
    alice = join("alice")
    hers, name = alice.client("npm", major), f"@{alice.name}/told"
    hers.run("publish", cwd=make(hers, name))
    assert name in hers.run("hook", "add", name, "https://hooks.example/one", SECRET).stdout
    hers.run("hook", "add", f"@{alice.name}", "https://hooks.example/two", SECRET)
    hers.run("hook", "add", f"~{alice.name}", "https://hooks.example/three", SECRET)
    listed = hers.run("hook", "ls").stdout
    # npm 8 puts another @ in front of a scope
    for word in ("You have 3 hooks", name, f"@{alice.name}", f"~{alice.name}", "ever triggered"):
        assert word in listed, listed
    only = hers.run("hook", "ls", name).stdout
    assert "https://hooks.example/one" in only
    assert "two" not in only
    key = _listed(hers, name)[0]["id"]
    assert receiver.url in hers.run("hook", "update", key, receiver.url, SECRET).stdout
    assert receiver.url in hers.run("hook", "ls").stdout
    assert receiver.url in hers.run("hook", "rm", key).stdout
    assert "You have 2 hooks" in hers.run("hook", "ls").stdout


def test_a_receiver_hears_of_each_change_in_order(join, receiver):
    alice, bob = join("alice"), join("bob")
    hers, name = alice.client("npm", 10), f"@{alice.name}/told"
    hers.run("publish", "--access", "public", cwd=make(hers, name))
    hers.run("hook", "add", name, receiver.url, SECRET)
    hers.run("publish", cwd=make(hers, name, "1.1.0"))
    hers.run("dist-tag", "add", f"{name}@1.0.0", "old")
    hers.run("dist-tag", "rm", name, "old")
    hers.run("deprecate", f"{name}@1.0.0", "use 1.1")
    hers.run("deprecate", f"{name}@1.0.0", "")
    hers.run("owner", "add", bob.name, name)
    hers.run("owner", "rm", bob.name, name)
    bob.client("npm", 10).run("star", name)
    bob.client("npm", 10).run("unstar", name)
    hers.run("access", "set", "status=private", name)
    hers.run("unpublish", f"{name}@1.0.0")
    hers.run("unpublish", name, "--force")
    told = receiver.wait_for(12)
    assert [each["event"].removeprefix("package:") for each in told] == (
        "publish dist-tag dist-tag-rm deprecated undeprecated owner owner-rm star unstar change unpublish unpublish"
    ).split()
    assert {(each["name"], each["type"], each["hookOwner"]["username"]) for each in told} == {
        (name, "package", alice.name)
    }
    assert told[0]["version"] == "1.1.0"
    assert told[0]["payload"]["dist-tags"] == {"latest": "1.1.0"}
    assert told[1]["change"] == {"version": "1.0.0", "dist-tag": "old"}
    assert told[5]["change"] == told[6]["change"] == {"user": bob.name}
    assert told[7]["change"] == {"user": bob.name}
    assert abs(told[0]["time"] / 1000 - time.time()) < 300


def test_a_message_that_failed_is_sent_again(join, receiver, registry):
    alice = join("alice")
    hers, name = alice.client("npm", 10), f"@{alice.name}/again"
    hers.run("publish", cwd=make(hers, name))
    hers.run("hook", "add", f"~{alice.name}", receiver.url, SECRET)
    receiver.answers = [500]
    hers.run("publish", cwd=make(hers, name, "1.0.1"))
    receiver.wait_for(1)
    page = _page_that_says(alice, "answered 500")
    assert "again" in page
    shown = hers.run("hook", "ls").stdout
    assert 'response code was "500"' in shown, shown
    script = (
        "from django.utils import timezone; from packages.models import WebhookDelivery as D;"
        "from packages.webhooks.sending import send_due;"
        f"D.objects.filter(package='{name}').update(next_attempt_at=timezone.now()); send_due.enqueue()"
    )
    registry.manage("shell", "-c", script)  # a minute has passed
    first, second = receiver.wait_for(2)
    assert first == second
    _page_that_says(alice, "answered 200")
    assert 'response code was "200"' in hers.run("hook", "ls").stdout


def test_a_right_that_ended_sends_nothing(join, receiver):
    alice, bob = join("alice"), join("bob")
    hers, his, name = alice.client(), bob.client("npm", 10), f"@{alice.name}/quiet"
    hers.run("publish", cwd=make(hers, name))
    refused = his.run("hook", "add", name, receiver.url, SECRET, check=False)
    assert refused.code != 0
    assert "404" in refused.said
    hers.run("owner", "add", bob.name, name)
    his.run("hook", "add", name, receiver.url, SECRET)
    his.run("hook", "add", f"@{alice.name}", receiver.url, SECRET)
    hers.run("publish", cwd=make(hers, name, "1.0.1"))
    receiver.wait_for(2)
    hers.run("owner", "rm", bob.name, name)
    hers.run("publish", cwd=make(hers, name, "1.0.2"))
    hers.run("publish", "--access", "public", cwd=make(hers, f"@{alice.name}/loud"))
    told = receiver.wait_for(3)
    assert [each["name"] for each in told] == [name, name, f"@{alice.name}/loud"]


def test_the_page_adds_tests_pauses_and_removes(join, receiver):
    alice = join("alice")
    hers, name = alice.client(), f"@{alice.name}/paged"
    hers.run("publish", cwd=make(hers, name))
    made = alice.browser.submit("/settings/webhooks", subject=name, endpoint=receiver.url, secret=SECRET)
    assert made.status == 200
    assert "told nothing yet" in made.text
    place = made.address
    alice.browser.submit(place + "/do", page=place, do="test")
    (said,) = receiver.wait_for(1)
    assert said["event"] == "ping"
    _page_that_says(alice, "answered 200")
    assert "Paused" in alice.browser.submit(place + "/do", page=place, do="pause").text
    hers.run("publish", cwd=make(hers, name, "1.0.1"))
    alice.browser.submit(place + "/do", page=place, do="resume")
    hers.run("publish", cwd=make(hers, name, "1.0.2"))
    assert [each.get("version") for each in receiver.wait_for(2)] == ["", "1.0.2"]
    gone = alice.browser.submit(place + "/do", page=place, do="remove")
    assert gone.address.endswith("/settings/webhooks")
    assert receiver.url.partition("?")[0] not in gone.text
    assert alice.browser.get(place).status == 404


def _page_that_says(person: Person, words: str) -> str:
    place = f"/settings/webhooks/{hook_id(person)}"
    last = time.monotonic() + SECONDS
    while words not in (page := person.browser.get(place).text) and time.monotonic() < last:
        time.sleep(0.2)
    assert words in page
    return page
