"""The headers of every kind of answer: none runs a script, is framed, is guessed at, or is kept for somebody else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from tests.conftest import login_token
from tests.policy import surfaces
from tests.tools import prepared, routes
from tests.tools.sessions import sign_in

pytestmark = pytest.mark.django_db
HTML = {"accept": "text/html"}
# What a browser shows as a page of ours, or runs as a part of one; all else is data, whatever is in it.
PAGES = ("text/html", "image/svg+xml", "application/xhtml+xml", "text/xml", "application/xml", "application/atom+xml")
PARTS = {
    "name": "@acme/x", "org": "acme", "scope": "acme", "user": "alice", "team": "core", "number": "1.0.0",
    "secret": "x", "path": "package.json", "pk": "1", "old": "1.0.0", "new": "1.0.0", "session": "1",
    "reference": "abcdefghjk", "key": "1", "login": "00000000-0000-0000-0000-000000000001",
    "command": "00000000-0000-0000-0000-000000000001",
    "uidb36": "1",
}  # fmt: skip


@pytest.fixture
def published(acme, alice, publish):
    """A private package of acme with one version."""
    publish(alice, "@acme/x")
    return "@acme/x"


def addresses() -> list[str]:
    """Every page whose address can be written with PARTS, and a few that no table has."""
    found = []
    for name, parts in routes.pages():
        for key in ("1", "00000000-0000-0000-0000-000000000001"):
            try:
                found.append(reverse(name, kwargs={part: (PARTS | {"key": key})[part] for part in parts}))
                break
            except Exception:  # noqa: S112 - this part is of another kind
                continue
    return [*found, "/nowhere", "/admin/", "/admin/accounts/user/", "/healthz/live", "/healthz/ready", "/a%00b"]


def registry() -> list[str]:
    """Every address of the registry that is read, and some that are not there."""
    words = {"name": "@acme/x", "encoded": "@acme%2fx", "base": "x"}
    read = [each.path.format(**words) for each in (*surfaces.READING, *surfaces.MANAGED)]
    lists = [each.format(**words) for each in surfaces.LISTS.values()]
    return [*read, *lists, "-/whoami", "-/ping", "-/npm/v1/keys", "-/npm/v1/tokens", "-/stage", "@acme/nothing", "-/no"]


def wrong(answer, *, is_private: bool = True) -> list[str]:
    """What of that which holds for each answer whatsoever does not hold for this one."""
    headers, found = answer.headers, []
    kind = headers.get("Content-Type", "").partition(";")[0]
    kept, policy = headers.get("Cache-Control", ""), headers.get("Content-Security-Policy", "")
    if headers.get("X-Content-Type-Options") != "nosniff":
        found.append("its kind is guessed")
    if headers.get("Referrer-Policy") not in ("same-origin", "no-referrer"):
        found.append("its address is told")
    if "X-Request-ID" not in headers or any("\n" in value or "\r" in value for value in headers.values()):
        found.append("it has no reference, or a header of two lines")
    if is_private and ("public" in kept or not ("private" in kept or "no-store" in kept)):
        found.append(f"it is kept for others ({kept})")
    if kind in PAGES and ("unsafe" in policy or "default-src 'none'" not in policy):
        found.append(f"it runs what it holds ({policy})")
    if kind in PAGES and not ("frame-ancestors 'none'" in policy or "sandbox" in policy):
        found.append("it is framed")
    if kind in PAGES and headers.get("X-Frame-Options") != "DENY":
        found.append("it is framed by old browsers")
    for cookie in answer.cookies.values():
        if not cookie["httponly"] or cookie["samesite"] != "Lax":
            found.append(f"scripts or other sites have its cookie {cookie.key}")
    return found


def all_wrong(answers: dict[str, HttpResponse]) -> dict[str, list[str]]:
    """The same of many, by their addresses; only those of which something is wrong."""
    found = {address: wrong(answer) for address, answer in answers.items()}
    return {address: said for address, said in found.items() if said}


def test_pages_of_somebody_who_is_signed_in(published, alice, olga):
    browser, operator = Client(), Client()
    sign_in(browser, alice)
    sign_in(operator, olga)
    admin = ("/admin/", "/admin/accounts/user/", "/admin/nothing", "/settings/tokens")
    answers = {address: browser.get(address, headers=HTML) for address in addresses()}
    answers |= {address: operator.get(address, headers=HTML) for address in admin}
    assert all_wrong(answers) == {}
    pages = {
        address: answer
        for address, answer in answers.items()
        if answer.headers.get("Content-Type", "").startswith("text/html")
    }
    assert [each for each, answer in pages.items() if "no-store" not in answer.headers["Cache-Control"]] == []
    opener = "Cross-Origin-Opener-Policy"
    assert [each for each, answer in pages.items() if answer.headers[opener] != "same-origin"] == []
    assert len(pages) > 50


@pytest.mark.parametrize("mode", ["public", "enterprise"])
def test_pages_of_a_stranger(published, settings, mode):
    settings.REGISTRY_MODE = mode
    some = addresses()[:: 1 if mode == "public" else 4]
    assert all_wrong({address: Client().get(address, headers=HTML) for address in some}) == {}


def test_every_answer_of_the_registry(published, npm, alice):
    token = login_token(alice)
    callers = {"nobody": npm, "a wrong token": npm.as_(token[:-1] + "x"), "alice": npm.as_(token)}
    answers = {
        f"{method} {address} by {name}": getattr(caller, method)(address)
        for name, caller in callers.items()
        for address in registry()
        for method in ("get", "head", *(("put", "delete") if name == "alice" and "/" not in address else ()))
    }
    assert all_wrong(answers) == {}
    kinds = ("application/json", "application/octet-stream", surfaces.ABBREVIATED)
    for address, answer in answers.items():
        assert not answer.cookies, address
        assert "Authorization" in answer.headers["Vary"], address
        assert answer.headers.get("Content-Type", kinds[0]).partition(";")[0] in kinds, address


def test_what_is_shown_outside_of_pages(alice, acme, publish, client):
    publish(alice, "@acme/x", access="public", files={"README.md": "x", "page.html": "<script>1</script>"})
    badges = ("/badge/version/@acme/x.svg", "/badge/downloads/@acme/x.svg")
    others = ("/package/@acme/x/feed", "/org/acme/feed", "/package/@acme/x/v/1.0.0/raw/page.html", "/feed")
    drawn = {address: client.get(address) for address in badges}
    assert [answer.status_code for answer in drawn.values()] == [200, 200]
    assert [wrong(answer, is_private=False) for answer in drawn.values()] == [[], []]
    assert not any(answer.cookies for answer in drawn.values())
    assert all_wrong({address: client.get(address) for address in others}) == {}


def test_cookies_are_for_https_where_the_site_is(db):
    """Read from a process that starts with the settings of a real site."""
    found = production("-c", PRINT_COOKIES)
    assert found.split() == ["True", "True", "True", "True", "Lax", "Lax", "31536000", "True"]


PRINT_COOKIES = """
from django.conf import settings as s
print(s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SESSION_COOKIE_HTTPONLY, s.CSRF_COOKIE_HTTPONLY,
      s.SESSION_COOKIE_SAMESITE, s.CSRF_COOKIE_SAMESITE, s.SECURE_HSTS_SECONDS, not s.DEBUG)
"""


def test_check_deploy_has_nothing_to_say():
    told = production("manage.py", "check", "--deploy", "--fail-level", "WARNING", tables=True)
    assert re.search(r"no issues \(\d silenced\)", told), told


def production(*words: str, tables: bool = False) -> str:
    """What a command says that runs with the settings of a real site. tables: and with its database."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    with tempfile.TemporaryDirectory() as data:
        site = {
            "DATA_DIR": data,
            "PUBLIC_URL": "https://npm.example.com",
            "TRUSTED_PROXY_COUNT": "1",
            "EMAIL_URL": "smtp+tls://user:password@mail.example.com:587",
            "EMAIL_FROM": "registry@npm.example.com",
            "DJANGO_SETTINGS_MODULE": "registry_site.settings",
        }
        if tables:
            prepared.copy_into(Path(data), kept | site)
        done = subprocess.run(
            [sys.executable, *words], cwd=prepared.ROOT, env=kept | site, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr
