"""Mirrored packages in the browser: upstream's own results below ours, and what is fetched to be read."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import fresh, publish
from tests.browser.test_pages import look_at
from tests.tools.server import Registry
from tests.tools.upstream_stub import UpstreamStub
from tests.tools.visitor import sign_up

pytestmark = pytest.mark.browser

LONG = "pad-" + "with-a-name-that-cannot-fit-on-one-line-of-any-telephone-" * 3 + "at-all"
README = "# left-pad\n\nPads. See [the code](index.js).\n"


@pytest.fixture(scope="module")
def upstream():
    """A few packages about pads."""
    with UpstreamStub() as stub:
        for number in ("1.0.0", "1.1.0"):
            stub.publish("left-pad", number, {"index.js": "1\n", "README.md": README}, description="Pads strings.",
                         readme=README, keywords=["pad"], dependencies={"right-pad": "^1"})  # fmt: skip
        for name in ("right-pad", "far-pad", "low-pad"):
            stub.publish(name, description="Pads strings, too.")
        stub.publish(LONG, description="pad " * 40, keywords=["pad"])
        yield stub


@pytest.fixture(scope="module")
def registry(upstream):
    """A registry that mirrors it."""
    env = {"RATE_LIMITS": "off", "UPSTREAM_URL": upstream.url, "EGRESS_ALLOWED_NETWORKS": "127.0.0.0/8"}
    with Registry(env) as running:
        yield running


@pytest.fixture(scope="module")
def alice(registry, tmp_path_factory):
    """Somebody with a package about pads."""
    person = sign_up(registry, fresh("alice"), tmp_path_factory.mktemp("alice"))
    publish(person, f"@{person.name}/pad", access="public", description="Pads of ours.")
    return person


def test_upstreams_results_stand_below_ours(visit, alice, scripts):
    name = "right-pad" if scripts else "far-pad"  # each is looked at once, and mirrored from then on
    page = visit(alice, scripts=scripts)
    page.goto("/search?q=pad")
    if not scripts:
        page.get_by_role("link", name="Search there for “pad”").click()
    beyond = page.get_by_role("region", name="From the upstream registry")
    beyond.get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", name=f"{name} Mirrored")).to_be_visible()
    expect(page.get_by_role("heading", name="Mirrored from 127.0.0.1")).to_be_visible()


def test_a_version_is_fetched_to_be_read(visit, alice, scripts):
    number = "1.1.0" if scripts else "1.0.0"
    page = visit(alice, scripts=scripts)
    page.goto("/package/left-pad")
    page.goto(f"/package/left-pad/v/{number}/code")
    page.get_by_role("button", name="Fetch it").click()
    page.get_by_role("link", name="index.js").click()
    expect(page.get_by_role("region", name="Contents of index.js")).to_be_visible()
    page.goto("/package/left-pad/versions")
    row = page.get_by_role("listitem").filter(has=page.get_by_role("link", name=number, exact=True)).last
    expect(row).to_contain_text("Kept here")


def test_pages_of_mirrored_packages(visit, alice, registry):
    page = visit(alice)
    paths = [f"/package/left-pad{tab}" for tab in ("", "/versions", "/code", "/activity", "/dependencies", "/compare")]
    paths += [f"/package/{LONG}", f"/package/{LONG}/versions", f"/package/{LONG}/code", "/search/upstream?q=pad"]
    wrong = {path: found for path in paths if (found := look_at(page, path))}
    assert wrong == {}


def test_the_search_page_with_what_comes_later(visit, alice):
    page = visit(alice)
    page.goto("/search?q=pad")
    expect(page.get_by_role("region", name="From the upstream registry").get_by_role("listitem").first).to_be_visible()
    assert look_at(page, "/search?q=pad") == []
