"""SECURITY.md names settings, files and commands that there are."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "SECURITY.md").read_text()


def test_every_setting_it_names_is_one():
    known = set(re.findall(r"^\| `([A-Z_0-9]+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE))
    named = {name.removesuffix("_FILE") for name in re.findall(r"`([A-Z][A-Z_0-9]{3,})(?:=[a-z]+)?`", TEXT)} - {""}
    assert named - known <= {"_FILE", "SECONDS"}
    assert len(named) > 20


def test_every_page_and_file_it_names_is_there():
    for path in re.findall(r"\]\(([^)#]+)\)", TEXT) + re.findall(r"`(tests/[\w/*.]+)`", TEXT):
        assert list(ROOT.glob(path)), path


def test_every_command_it_names_is_one():
    commands = {path.stem for path in ROOT.glob("*/management/commands/*.py")} | {"check"}
    assert set(re.findall(r"manage\.py ([a-z_]+)", TEXT)) <= commands
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)", TEXT)) <= targets
