"""Looking through a package: how to install it, its files line by line, two of its versions; also without scripts."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import fresh, publish

pytestmark = pytest.mark.browser

FILES = {
    "README.md": "# tools\n\n[the code](src/index.js) and [usage](#usage)\n\n## Usage\n\nwords\n",
    "src/index.js": "'use strict'\nexport const a = 1\n",
}


@pytest.fixture
def tools(join) -> str:
    uma = join("uma")
    name = f"@{uma.name}/{fresh('tools')}"
    publish(uma, name, access="public", files=FILES)
    return publish(uma, name, "1.1.0", access="public", files=FILES | {"src/index.js": "export const b = 2\n"})


def test_the_install_lines_of_each_client(visit, tools, scripts):
    page = visit(scripts=scripts)
    page.goto(f"/package/{tools}")
    line = page.locator(".choice-body:visible code")
    expect(line).to_have_text(f"npm i {tools}")
    page.get_by_text("bun", exact=True).click()
    expect(line).to_have_text(f"bun add {tools}")
    page.get_by_label("bun").press("ArrowLeft")
    expect(line).to_have_text(f"yarn add {tools}")


def test_from_the_readme_to_a_line_of_code(visit, tools, scripts):
    page = visit(scripts=scripts)
    page.goto(f"/package/{tools}/v/1.0.0")
    page.get_by_role("link", name="the code").click()
    page.wait_for_url(f"**/package/{tools}/v/1.0.0/code/src/index.js")
    page.get_by_role("link", name="2", exact=True).click()
    page.wait_for_url("**/code/src/index.js#L2")
    expect(page.locator(":target")).to_contain_text("export const a = 1")
    page.get_by_role("link", name="src", exact=True).click()
    expect(page.get_by_role("link", name="index.js")).to_be_visible()


def test_from_the_code_to_what_differs(visit, tools, scripts):
    page = visit(scripts=scripts)
    page.goto(f"/package/{tools}")
    page.get_by_role("navigation", name="Package").get_by_role("link", name="Code").click()
    page.get_by_role("link", name="Compare").click()
    page.get_by_role("button", name="Compare").click()
    page.wait_for_url(f"**/package/{tools}/compare/1.0.0...1.1.0")
    expect(page.get_by_text("+export const b = 2")).to_be_visible()
    page.get_by_role("link", name="Other way round").click()
    expect(page.get_by_text("-export const b = 2")).to_be_visible()
    page.get_by_label("From").select_option("1.0.0")
    page.get_by_label("to", exact=True).select_option("1.0.0")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_text("to the byte")).to_be_visible()
