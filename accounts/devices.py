"""What a browser calls itself, in words (pure)."""

from __future__ import annotations

import ipaddress
import re

# In this order: browsers also name those that they want to be taken for.
_BROWSERS = [
    ("Edge", r"\bEdg(?:e|A|iOS)?/"),
    ("Opera", r"\b(?:OPR|Opera)/"),
    ("Samsung Internet", r"\bSamsungBrowser/"),
    ("Vivaldi", r"\bVivaldi/"),
    ("Firefox", r"\b(?:Firefox|FxiOS)/"),
    ("Chrome", r"\b(?:Chrome|CriOS|Chromium|HeadlessChrome)/"),
    ("Safari", r"\bVersion/[\d.]+.* Safari/"),
    ("curl", r"^curl/"),
]
_SYSTEMS = [
    ("iPhone", r"\biPhone\b"),
    ("iPad", r"\biPad\b"),
    ("Android", r"\bAndroid\b"),
    ("Windows", r"\bWindows\b"),
    ("ChromeOS", r"\bCrOS\b"),
    ("macOS", r"\bMac ?OS ?X?\b|\bMacintosh\b"),
    ("Linux", r"\bLinux\b|\bX11\b"),
]


def words(agent: str) -> str:
    """A user agent for people: `Firefox on Windows`; "An unknown browser" when it says nothing that is known."""
    browser, system = _first(_BROWSERS, agent), _first(_SYSTEMS, agent)
    if not browser and not system:
        return agent.partition(" ")[0].replace("/", " ")[:40] or "An unknown browser"
    return f"{browser or 'A browser'} on {system}" if system else browser


def network(address: str | None) -> str:
    """The network that an address is in: telephones and homes get another address of it from day to day."""
    if not address:
        return ""
    bits = 24 if ipaddress.ip_address(address).version == 4 else 48
    return str(ipaddress.ip_network(f"{address}/{bits}", strict=False))


def _first(names: list[tuple[str, str]], agent: str) -> str:
    return next((name for name, pattern in names if re.search(pattern, agent)), "")
