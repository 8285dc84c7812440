"""What a visit costs, and how a page behaves while it loads."""

from __future__ import annotations

import urllib.request

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import publish
from tests.browser.test_pages import README
from tests.tools.server import DIRECT

pytestmark = pytest.mark.browser

MOST_BYTES = 60_000
LONG_README = README * 8


def bytes_of(page: Page, address: str) -> dict[str, int]:
    """Open a page as on a first visit; gives the bytes over the wire of each address, headers too, fonts aside."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    names, sizes = {}, {}
    session.on("Network.responseReceived", lambda event: names.update({event["requestId"]: event}))
    session.on("Network.loadingFinished", lambda event: sizes.update({event["requestId"]: event["encodedDataLength"]}))
    page.goto(address)
    page.wait_for_load_state("networkidle")
    return {event["response"]["url"]: int(sizes.get(key, 0)) for key, event in names.items() if event["type"] != "Font"}


@pytest.mark.parametrize("who", ["a stranger", "its owner"])
def test_a_first_visit_to_a_package_page_is_light(visit, join, who):
    alice = join("alice")
    name = publish(alice, f"@{alice.name}/notebook", access="public", files={"README.md": LONG_README})
    for number in range(1, 12):
        publish(alice, name, f"1.0.{number}", files={"README.md": LONG_README})
    sizes = bytes_of(visit(alice if who == "its owner" else None), f"/package/{name}")
    assert sizes
    assert sum(sizes.values()) < MOST_BYTES, sizes


def test_what_is_private_is_not_compressed_beside_what_an_address_says(registry, join):
    alice = join("alice")
    cookie = next(each for each in _cookies(alice) if each.startswith("sessionid="))
    for headers, packed in (({}, "gzip"), ({"Cookie": cookie}, None)):
        request = urllib.request.Request(f"{registry.url}/connect", headers={"Accept-Encoding": "gzip", **headers})
        with DIRECT.open(request, timeout=30) as answer:
            assert answer.headers["Content-Encoding"] == packed


def _cookies(person) -> list[str]:
    jars = (each.cookiejar for each in person.browser._opener.handlers if hasattr(each, "cookiejar"))
    return [f"{each.name}={each.value}" for jar in jars for each in jar]
