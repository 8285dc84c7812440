"""A person's browser without JavaScript, as plain requests: cookies, forms, CSRF."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path

from tests.tools.homes import Client
from tests.tools.server import Registry

PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Page:
    """What a request was answered with, after redirects."""

    status: int
    address: str
    text: str


class Visitor:
    """A browser session with one website."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(CookieJar())
        )

    def get(self, path: str) -> Page:
        """Open a page of the site; `path` may be a whole address. Shows the password again where it is asked for."""
        page = self._open(urllib.request.Request(urllib.parse.urljoin(self.url, path)))
        asked = urllib.parse.urlsplit(page.address)
        if asked.path != "/reauthenticate" or "/reauthenticate" in path:
            return page
        following = dict(urllib.parse.parse_qsl(asked.query))
        return self.submit(f"{asked.path}?{asked.query}", password=PASSWORD, **following)

    def submit(self, path: str, page: str | None = None, **fields: str) -> Page:
        """Send a form to `path`, with the CSRF token of the page it stands on (`page`, or the path itself)."""
        shown = self.get(page or path)
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', shown.text)
        assert token, f"{page or path} has no form: {shown.status}"
        sent = urllib.parse.urlencode({"csrfmiddlewaretoken": token[1], **fields}).encode()
        address = urllib.parse.urljoin(self.url, path)
        return self._open(urllib.request.Request(address, sent, headers={"Referer": address}))

    def _open(self, request: urllib.request.Request) -> Page:
        request.add_header("Accept", "text/html")
        try:
            with self._opener.open(request, timeout=60) as answer:
                return Page(answer.status, answer.url, answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Page(error.code, error.url, error.read().decode())


@dataclass
class Person:
    """Somebody with an account, a browser and a terminal."""

    registry: Registry
    name: str
    browser: Visitor
    token: str
    home: Path

    def client(self, kind: str = "npm", major: int = 12, *, logged_in: bool = True) -> Client:
        """A client of theirs in a clean home of its own, logged in or not."""
        count = sum(1 for _ in self.home.iterdir()) if self.home.exists() else 0
        home = self.home / f"{kind}{major}-{count}"
        return Client(kind, major, home, self.registry.registry, self.token if logged_in else None)


def sign_up(registry: Registry, name: str, home: Path) -> Person:
    """Sign up on the website, then log in as `npm login --auth-type=legacy` does."""
    browser = Visitor(registry.url)
    done = browser.submit("/signup", username=name, email=f"{name}@example.com", password1=PASSWORD)
    assert done.status == 200, done.text
    assert "/signup" not in done.address, done.text
    return Person(registry, name, browser, password_login(registry, name), home)


def password_login(registry: Registry, name: str, password: str = PASSWORD) -> str:
    """The token that the password login of old clients gives."""
    body = json.dumps({"_id": f"org.couchdb.user:{name}", "name": name, "password": password, "type": "user"}).encode()
    address = f"{registry.registry}-/user/org.couchdb.user:{name}"
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"}, method="PUT")
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
        assert answer.status == 201
        return json.load(answer)["token"]
