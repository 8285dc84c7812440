"""The README says every setting, and no setting that is none."""

from __future__ import annotations

import re
from pathlib import Path

from registry_site import env

ROOT = Path(__file__).resolve().parents[2]


def test_every_setting_is_in_the_readme_and_the_other_way_round():
    table = (ROOT / "README.md").read_text().partition("## Settings")[2].partition("\n## ")[0]
    documented = set(re.findall(r"^\| `([A-Z0-9_]+)`", table, re.MULTILINE))
    assert set(env.seen) == documented
    assert set(re.findall(r'environ\.get\("([A-Z_]+)', (ROOT / "gunicorn.conf.py").read_text())) <= documented


def test_every_file_the_readme_names_exists():
    text = (ROOT / "README.md").read_text()
    named = set(re.findall(r"`((?:packages|accounts)/[\w/.]+)`|\]\(([\w/.]+)\)", text))
    missing = [name for pair in named for name in pair if name and not (ROOT / name).exists()]
    assert not missing
