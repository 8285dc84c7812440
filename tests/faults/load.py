"""People who publish and install while everything breaks, and who remember what they were told."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.parse import quote

from tests.tools import payloads

ABBREVIATED = "application/vnd.npm.install-v1+json"
SECONDS = 30
PAUSE = 0.05  # between two tries
MOST_TRIES = 400


class Lost(OSError):
    """The connection broke: whoever asked does not know what became of it."""


@dataclass(frozen=True)
class Answer:
    """What the registry said. seconds: how long it took."""

    status: int
    body: bytes
    headers: dict[str, str]
    seconds: float

    @property
    def said(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Sent:
    """A version as it was sent. data: of its tarball."""

    name: str
    number: str
    integrity: str
    data: bytes
    body: bytes = field(repr=False)

    @property
    def spec(self) -> str:
        return f"{self.name}@{self.number}"


def path_of(name: str) -> str:
    """The address of a package below that of the registry, as npm writes it."""
    return quote(name, safe="@")


def tarball_path(name: str, number: str) -> str:
    return f"{name}/-/{name.rpartition('/')[2]}-{number}.tgz"


def pack(name: str, number: str, text: str = "", **more: Any) -> Sent:
    """A version with bytes of its own, ready to be sent. text: goes into it, so that another text is other bytes."""
    body = payloads.publish_body(name, number, files={"index.js": f"// {name}@{number} {text}\n"}, **more)
    attachment = next(iter(body["_attachments"].values()))["data"]
    integrity = body["versions"][number]["dist"]["integrity"]
    return Sent(name, number, integrity, base64.b64decode(attachment), json.dumps(body).encode())


def ask(
    port: int, method: str, path: str, token: str = "", body: bytes | None = None, seconds: float = SECONDS, **more: str
) -> Answer:
    """One request to the registry on a port. path: below /npm/, or whole when it begins with a slash.

    more: headers. Raises Lost when no whole answer comes.
    """
    headers = {name.replace("_", "-"): value for name, value in more.items()}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if body is not None:
        headers.setdefault("Content-Type", "application/json")
    began = time.monotonic()
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        line.request(method, path if path.startswith("/") else f"/npm/{path}", body, headers)
        answer = line.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, answer.read(), found, time.monotonic() - began)
    except (OSError, HTTPException) as error:
        raise Lost(f"{method} {path}: {error!r}") from error
    finally:
        line.close()


class Told:
    """What the registry said to all that published; threads share it.

    acknowledged: has to be there from now on, for ever. unsettled: sent, and nobody knows; there whole, or not at all.
    refused: the bytes that a number must never have. wrong: what somebody saw and what must not be.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.acknowledged: dict[tuple[str, str], Sent] = {}
        self.unsettled: dict[tuple[str, str], Sent] = {}
        self.refused: list[Sent] = []
        self.wrong: list[str] = []
        self.lost = self.unavailable = self.downloads = 0
        self.slowest = 0.0

    def sending(self, sent: Sent) -> None:
        with self._lock:
            self.unsettled.setdefault((sent.name, sent.number), sent)

    def acknowledge(self, sent: Sent, seconds: float = 0.0) -> None:
        with self._lock:
            self.unsettled.pop((sent.name, sent.number), None)
            self.acknowledged[sent.name, sent.number] = sent
            self.slowest = max(self.slowest, seconds)

    def refuse(self, sent: Sent) -> None:
        with self._lock:
            self.refused.append(sent)

    def complain(self, text: str) -> None:
        with self._lock:
            self.wrong.append(text)

    def count(self, **more: int) -> None:
        with self._lock:
            for name, number in more.items():
                setattr(self, name, getattr(self, name) + number)

    def any_acknowledged(self, dice: random.Random) -> Sent | None:
        with self._lock:
            keys = list(self.acknowledged)
            return self.acknowledged[dice.choice(keys)] if keys else None


def publish(port: int, token: str, sent: Sent, told: Told, **headers: str) -> Answer:
    """Send a version once and note what came of it. Raises Lost; then it is unsettled."""
    told.sending(sent)
    answer = ask(port, "PUT", path_of(sent.name), token, sent.body, **headers)
    if answer.status == 201:
        told.acknowledge(sent, answer.seconds)
    return answer


class _Person(threading.Thread):
    def __init__(self, ports: Sequence[int], token: str, told: Told, seed: int, stop: threading.Event) -> None:
        super().__init__(daemon=True, name=f"{type(self).__name__} {seed}")
        self.ports, self.token, self.told, self.dice = list(ports), token, told, random.Random(seed)
        self.seed, self.stop = seed, stop

    @property
    def port(self) -> int:
        return self.dice.choice(self.ports)

    def run(self) -> None:
        try:
            while not self.stop.is_set() and not self.is_done:
                self.act()
        except Exception as error:
            self.told.complain(f"{self.name} stopped: {error!r}")

    @property
    def is_done(self) -> bool:
        return False

    def act(self) -> None:
        raise NotImplementedError


class Publisher(_Person):
    """Publishes one version after the other, and again what it got no answer to, as npm does; gives some of it up.

    Each tenth time it also sends what has to be refused: other bytes for a number that is taken.
    """

    def __init__(
        self, *args: Any, names: Sequence[str], limit: int = 0, gives_up: float = 0.1, order: str = "", **more: Any
    ) -> None:
        """names: of its packages. limit: after so many versions it is done; 0: when it is told to stop.

        gives_up: how often it does not repeat what got no answer. order: for tests/faults/wsgi.py.
        """
        super().__init__(*args, **more)
        self.names, self.limit, self.gives_up, self.count = list(names), limit, gives_up, 0
        self.headers = {"X_Order": order} if order else {}

    @property
    def is_done(self) -> bool:
        return 0 < self.limit <= self.count

    def act(self) -> None:
        self.count += 1
        number = f"{self.seed}.{self.count}.0"
        text = self.dice.randbytes(self.dice.choice((10, 300, 20_000))).hex()
        self.settle(pack(self.dice.choice(self.names), number, text))
        if self.count % 10 == 0 and (taken := self.told.any_acknowledged(self.dice)):
            self.overwrite(taken)

    def settle(self, sent: Sent) -> None:
        gives_up_after = 1 if self.dice.random() < self.gives_up else MOST_TRIES
        for _ in range(gives_up_after):
            try:
                answer = publish(self.port, self.token, sent, self.told, **self.headers)
            except Lost:
                self.told.count(lost=1)
            else:
                if answer.status == 201:
                    return
                if answer.status != 503:
                    self.told.complain(f"{sent.spec}: {answer.status} {answer.body[:200]!r}")
                    return
                self.told.count(unavailable=1)
                if "retry-after" not in answer.headers:
                    self.told.complain(f"{sent.spec}: a 503 without Retry-After")
            if self.stop.wait(PAUSE):
                return

    def overwrite(self, taken: Sent) -> None:
        other = pack(taken.name, taken.number, "other bytes")
        self.told.refuse(other)
        try:
            answer = ask(self.port, "PUT", path_of(other.name), self.token, other.body)
        except Lost:
            return
        if answer.status not in (403, 503):
            self.told.complain(f"other bytes for {other.spec}: {answer.status} {answer.body[:200]!r}")


class Reader(_Person):
    """Installs what was acknowledged: it is there, with its bytes, or for a moment nothing is."""

    def act(self) -> None:
        sent = self.told.any_acknowledged(self.dice)
        if sent is None:
            self.stop.wait(PAUSE)
            return
        try:
            self.look(sent)
        except Lost:
            self.stop.wait(PAUSE)

    def look(self, sent: Sent) -> None:
        document = ask(self.port, "GET", path_of(sent.name), self.token, Accept=ABBREVIATED)
        if document.status == 200:
            listed = document.said["versions"].get(sent.number)
            if listed is None or listed["dist"]["integrity"] != sent.integrity:
                self.told.complain(f"{sent.spec} was acknowledged, and its document says {listed and listed['dist']}")
        elif document.status != 503:
            self.told.complain(f"{sent.name} was acknowledged, and its document is {document.status}")
        tarball = ask(self.port, "GET", tarball_path(sent.name, sent.number), self.token)
        if tarball.status == 200:
            self.told.count(downloads=1)
            if tarball.body != sent.data:
                self.told.complain(f"{sent.spec} has other bytes: {hashlib.sha512(tarball.body).hexdigest()[:16]}")
        elif tarball.status != 503:
            self.told.complain(f"{sent.spec} was acknowledged, and its tarball is {tarball.status}")


def at_work(people: Sequence[_Person], during: Callable[[], Any]) -> Any:
    """Let people work while something happens; gives what that gives. They end what they began."""
    for each in people:
        each.start()
    try:
        return during()
    finally:
        for each in people:
            each.stop.set()
        for each in people:
            each.join(2 * SECONDS)
