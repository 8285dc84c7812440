"""Chromium against a running registry: one browser for the folder, a context of its own for each visit."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.live import *  # noqa: F403 - the fixtures of a running registry
from tests.live import fetch
from tests.tools import browser as installed
from tests.tools.payloads import publish_body
from tests.tools.visitor import PASSWORD, Person

Visit = Callable[..., Page]
MILLISECONDS = 60_000  # for a machine that does much else; what is there is found at once
# What htmx says in the console of a question that a newer one took the place of (hx-sync), as while somebody types.
SUPERSEDED = ("htmx:afterRequest, ", "htmx:sendAbort, ")


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """The browser. It closes after this folder: Django's database refuses to work beside its event loop."""
    expect.set_options(timeout=MILLISECONDS)
    with sync_playwright() as playwright:
        program = installed.find() or installed.ensure()
        browser = playwright.chromium.launch(executable_path=program, args=installed.launch_args())
        yield browser
        browser.close()


@pytest.fixture(params=[True, False], ids=["scripts", "no-scripts"])
def scripts(request) -> bool:
    """Whether the browser runs JavaScript; a test that takes this runs once with and once without."""
    return request.param


@pytest.fixture
def visit(chromium, registry) -> Iterator[Visit]:
    """`visit(alice)` opens a window of hers, logged in; `visit()` a stranger's. It may complain about nothing."""
    contexts, complaints = [], []

    def listen(said: ConsoleMessage) -> None:
        page_with_status = said.text.startswith("Failed to load resource") and "/static/" not in said.location["url"]
        if said.type in ("error", "warning") and not page_with_status and not said.text.startswith(SUPERSEDED):
            complaints.append(said.text)

    def run(person: Person | None = None, *, scripts: bool = True, **more) -> Page:
        context = chromium.new_context(
            base_url=registry.url, java_script_enabled=scripts, reduced_motion="reduce", **more
        )
        contexts.append(context)
        context.set_default_timeout(MILLISECONDS)
        page = context.new_page()
        page.on("console", listen)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        if person:
            context.add_cookies(cookies(person))
        return page

    yield run
    found = list(complaints)  # what a window says while it closes is about closing
    for context in contexts:
        context.close()
    assert not found


def fresh(name: str) -> str:
    """A name that nobody has."""
    return f"{name}-{secrets.token_hex(3)}"


def cookies(person: Person) -> list[dict[str, str]]:
    """The session that the person's sign-up began, for a browser: nobody types a password twice."""
    jars = (each.cookiejar for each in person.browser._opener.handlers if hasattr(each, "cookiejar"))
    return [{"name": each.name, "value": each.value, "url": person.browser.url} for jar in jars for each in jar]


def log_in(page: Page, name: str, password: str = PASSWORD) -> None:
    """Fill the login form and come back logged in."""
    page.goto("/login")
    page.get_by_label("Username or email").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("main").get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_label(f"Account menu of {name}")).to_be_visible()


def publish(person: Person, name: str, number: str = "1.0.0", **manifest) -> str:
    """Publish a small package with the person's token; gives its name."""
    body = publish_body(name, number, **manifest)
    status, answer, _ = fetch(person.registry, name.replace("/", "%2f"), person.token, "PUT", body)
    assert status in (200, 201), answer
    return name


def ask(person: Person, path: str, method: str = "GET", body=None) -> dict:
    """What the registry answers the person's npm."""
    status, answer, _ = fetch(person.registry, path, person.token, method, body)
    assert status < 300, answer
    return json.loads(answer)


def permissions(person: Person, name: str) -> dict[str, str]:
    """What `npm access list collaborators` is told."""
    return ask(person, f"-/package/{name.replace('/', '%2f')}/collaborators")


def row(page: Page, name: str):
    """The line of a list that is about this person or thing."""
    return page.get_by_role("main").get_by_role("listitem").filter(has=page.get_by_text(name, exact=True))


def found(page: Page, text: str) -> list[str]:
    """The names that a search lists."""
    page.goto(f"/search?q={text}")
    return page.locator(".results h2 a").all_inner_texts()
