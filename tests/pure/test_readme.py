"""The README says every setting, and no setting that is none."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
READ = re.compile(
    r"""(?:one_of|switch|whole|megabytes|words|address|text|kept_secret|existing_file|networks|upstreams|group_teams|db)\(\s*"([A-Z_]+)"|environ\.get\("([A-Z_]+)"""
)


def test_every_setting_is_in_the_readme_and_the_other_way_round():
    code = "".join((ROOT / name).read_text() for name in ("registry_site/settings.py", "gunicorn.conf.py"))
    read = {one or other for one, other in READ.findall(code)}
    table = (ROOT / "README.md").read_text().partition("## Settings")[2].partition("\n## ")[0]
    documented = set(re.findall(r"^\| `([A-Z_]+)`", table, re.MULTILINE))
    assert read == documented


def test_every_file_the_readme_names_exists():
    text = (ROOT / "README.md").read_text()
    named = set(re.findall(r"`((?:packages|accounts)/[\w/.]+)`|\]\(([\w/.]+)\)", text))
    missing = [name for pair in named for name in pair if name and not (ROOT / name).exists()]
    assert not missing
