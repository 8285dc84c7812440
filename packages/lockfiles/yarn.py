"""yarn.lock: the format of yarn 1, which is its own, and the YAML of yarn 2 and later."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import unquote

from packages.lockfiles.found import Found, text
from packages.lockfiles.yaml_text import documents
from registry_site.errors import Invalid

ALIAS = "npm:"
LOCAL = ("workspace:", "patch:")  # the project itself, and what is made from a package that has an entry of its own


def parse(data: bytes) -> Found:
    """What a yarn lockfile asks for, of either kind. Raises Invalid when it is none."""
    if b"__metadata:" in data:
        return _berry(data)
    if b"# yarn lockfile v1" not in data:
        raise Invalid("it is no lockfile of yarn")
    return _classic(data)


def _classic(data: bytes) -> Found:
    found = Found()
    for patterns, facts in _entries(data.decode("utf-8", "replace").splitlines()):
        name, wanted = _split(patterns[0])
        if wanted.startswith(ALIAS):
            name, wanted = _split(wanted.removeprefix(ALIAS))
        link, number = facts.get("resolved", "").partition("#")[0], facts.get("version", "")
        if not link and ":" in wanted:
            found.put_aside(name, wanted)
        else:
            found.add(name, number, link, facts.get("integrity", ""))
    return found


def _entries(lines: list[str]) -> Iterator[tuple[list[str], dict[str, str]]]:
    patterns: list[str] = []
    facts: dict[str, str] = {}
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        if not line.startswith(" "):
            if patterns:
                yield patterns, facts
            patterns, facts = [_bare(each) for each in line.rstrip().removesuffix(":").split(", ")], {}
        elif not line.startswith("   ") and patterns:
            key, _, value = line.strip().partition(" ")
            facts[_bare(key)] = _bare(value)
    if patterns:
        yield patterns, facts


def _bare(word: str) -> str:
    if not word.startswith('"'):
        return word
    try:
        return text(json.loads(word))
    except ValueError:
        return word.strip('"')


def _split(pattern: str) -> tuple[str, str]:
    place = pattern.find("@", 1)
    return (pattern, "") if place < 0 else (pattern[:place], pattern[place + 1 :])


def _berry(data: bytes) -> Found:
    found = Found()
    for entry in (entry for lock in documents(data) for entry in lock.values()):
        if not isinstance(entry, dict) or not (resolution := text(entry.get("resolution"))):
            continue
        name, where = _split(resolution)
        if where.startswith(LOCAL):
            continue
        if where.startswith(ALIAS):
            number, _, bound = where.removeprefix(ALIAS).partition("::")
            found.add(name, number, _link(bound))
        elif where.startswith(("http://", "https://")):
            found.add(name, str(entry.get("version", "")), where.partition("#")[0].partition("::")[0])
        else:
            found.put_aside(name, where)
    return found


def _link(bound: str) -> str:
    for each in bound.split("&"):
        if each.startswith("__archiveUrl="):
            return unquote(each.removeprefix("__archiveUrl="))
    return ""
