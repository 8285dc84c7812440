"""Pictures of the pages of a company that never was, light and dark, wide and on a telephone.

`python -m tests.tools.screenshots [FOLDER] [--at ADDRESS] [--only WORD]` starts the product in a temporary folder,
fills it with `manage.py seed_demo` and writes FOLDER/*.png (docs/screenshots). What the pages are is in docs/pages.md.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import Browser, Error, Page, sync_playwright

from packages.demo import catalogue
from packages.demo.people import PASSWORD, everyone
from tests.tools import browser as installed
from tests.tools.server import Registry

FOLDER = Path("docs/screenshots")
WIDE = {"width": 1280, "height": 900}
TELEPHONE = {"width": 390, "height": 844}
SCHEMES = ("light", "dark")
_PLANS = catalogue.draw(random.Random(catalogue.SEED), everyone(), datetime.now(UTC))
OWN = next(plan.name for plan in _PLANS if plan.holder == "mika")
LATEST = next(plan for plan in _PLANS if plan.name == catalogue.HERO).releases[-1].number


@dataclass(frozen=True)
class Shot:
    """A page to take a picture of. who: signed in, "" for a stranger; narrow: on a telephone, too."""

    name: str
    path: str
    who: str = "dana"
    narrow: bool = False


SHOTS = [
    Shot("welcome", "/", "", narrow=True),
    Shot("sign-in", "/login", ""),
    Shot("missing", "/package/@acme/ledger", ""),
    Shot("home", "/", narrow=True),
    Shot("home-empty", "/", "gus"),
    Shot("connect", "/connect"),
    Shot("search", "/search?q=ledger", narrow=True),
    Shot("search-nothing", "/search?q=leger-klient"),
    Shot("package", "/package/@acme/ledger", narrow=True),
    Shot("package-public", "/package/tiny-deadline", ""),
    Shot("package-code", "/package/@acme/ledger/code"),
    Shot("package-file", f"/package/@acme/ledger/v/{LATEST}/code/dist/index.js"),
    Shot("package-compare", "/package/@acme/ledger/compare"),
    Shot("package-dependencies", "/package/@acme/ledger/dependencies"),
    Shot("package-dependents", "/package/@acme/ledger/dependents"),
    Shot("package-versions", "/package/@acme/ledger/versions", narrow=True),
    Shot("package-access", "/package/@acme/ledger/access", narrow=True),
    Shot("package-access-explained", "/package/@acme/ledger/access?explain=kira"),
    Shot("package-access-public", "/package/@acme/ledger/access?make=public"),
    Shot("package-access-people", f"/package/{OWN}/access", "mika"),
    Shot("package-activity", "/package/@acme/ledger/activity"),
    Shot("package-settings", "/package/@acme/ledger/settings"),
    Shot("package-staged", "/package/@acme/ledger/staged"),
    Shot("person", "/~mika"),
    Shot("org", "/org/acme", narrow=True),
    Shot("org-members", "/org/acme/members"),
    Shot("org-matrix", "/org/acme/members/teams"),
    Shot("org-teams", "/org/acme/teams"),
    Shot("team", "/org/acme/teams/payments"),
    Shot("org-activity", "/org/acme/activity"),
    Shot("org-settings", "/org/acme/settings"),
    Shot("settings-profile", "/settings/profile"),
    Shot("settings-tokens", "/settings/tokens", narrow=True),
    Shot("settings-two-factor", "/settings/two-factor"),
    Shot("settings-sessions", "/settings/sessions"),
    Shot("settings-notifications", "/settings/notifications"),
    Shot("settings-webhooks", "/settings/webhooks"),
]


@contextmanager
def demo() -> Iterator[str]:
    """A running product with the demo in it; gives its address. Raises NotStarted."""
    with Registry({"RATE_LIMITS": "off"}) as registry:
        registry.manage("seed_demo")
        yield registry.url


def take(browser: Browser, address: str, folder: Path, shots: list[Shot]) -> Iterator[str]:
    """Write the pictures; gives the name of each file when it is there."""
    for who in dict.fromkeys(shot.who for shot in shots):
        for scheme in SCHEMES:
            context = browser.new_context(
                base_url=address, viewport=WIDE, color_scheme=scheme, reduced_motion="reduce", device_scale_factor=1
            )
            page = context.new_page()
            if who:
                _sign_in(page, who)
            for shot in (each for each in shots if each.who == who):
                yield _picture(page, shot.path, folder / f"{shot.name}-{scheme}.png")
                if shot.narrow:
                    page.set_viewport_size(TELEPHONE)
                    yield _picture(page, shot.path, folder / f"{shot.name}-{scheme}-narrow.png")
                    page.set_viewport_size(WIDE)
            context.close()


def _sign_in(page: Page, who: str) -> None:
    page.goto("/login")
    page.get_by_label("Username or email").fill(who)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_label(f"Account menu of {who}").wait_for()


def _picture(page: Page, path: str, file: Path) -> str:
    page.goto(path)
    page.evaluate("document.fonts.ready")
    page.screenshot(path=file)
    return file.name


def main() -> int:
    """Take the pictures that the command line asks for."""
    words = argparse.ArgumentParser(prog="python -m tests.tools.screenshots")
    words.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    words.add_argument("--at", help="a registry that runs and holds the demo already")
    words.add_argument("--only", default="", help="pages with this word in their name")
    asked = words.parse_args()
    shots = [shot for shot in SHOTS if asked.only in shot.name]
    asked.folder.mkdir(parents=True, exist_ok=True)
    try:
        if asked.at:
            return _run(asked.at, asked.folder, shots)
        print("Starting a registry and filling it (a minute) ...", flush=True)
        with demo() as address:
            return _run(address, asked.folder, shots)
    except (Error, installed.Missing) as reason:
        print(f"The pictures were not taken: {reason}", file=sys.stderr)
        return 1


def _run(address: str, folder: Path, shots: list[Shot]) -> int:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=installed.ensure(), args=installed.launch_args())
        count = sum(1 for _ in take(browser, address, folder, shots))
        browser.close()
    print(f"{count} pictures in {folder}/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
