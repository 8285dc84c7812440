"""Who may do what by verdaccio's `packages:`, out of its config.yaml (pure).

The first pattern that fits a name decides, and whoever is not named may not: what cannot be read is refused, because
the next pattern might open what this one keeps closed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from packages.lockfiles import yaml_text
from registry_site.errors import Invalid

MAX_CONFIG = 1 << 20
MOST_RULES = 1_000
MOST_STARS = 8  # in one pattern: each makes a comparison longer
MOST_ALTERNATIVES = 100
ANYBODY = frozenset({"$all", "all", "@all", "$anonymous", "anonymous", "@anonymous"})
WITH_ACCOUNT = frozenset({"$authenticated", "@authenticated"})
_UNREADABLE = re.compile(r"^#|[+@?*]\(|[\[\]!\\]")
_BRACES = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class Rule:
    """One pattern and whom it names. place: which of the config it is, from 1."""

    place: int
    pattern: str
    access: tuple[str, ...]
    publish: tuple[str, ...]

    @property
    def is_public(self) -> bool:
        """Whether everybody may read, without an account."""
        return bool(ANYBODY & set(self.access))

    def fits(self, name: str) -> bool:
        """Whether it is about this package."""
        return any(_regex(each).fullmatch(name) for each in _alternatives(self.pattern))


def read(data: bytes) -> list[Rule]:
    """The rules of a config, in its order. Raises Invalid, saying what of it cannot be read here."""
    documents = yaml_text.documents(data)
    said = documents[0].get("packages") if documents else None
    if not isinstance(said, dict) or len(said) > MOST_RULES:
        raise Invalid("it has no `packages:`, or too many")
    return [_rule(place, pattern, given) for place, (pattern, given) in enumerate(said.items(), 1)]


def rule_of(rules: list[Rule], name: str) -> Rule | None:
    """The rule that decides about a package, None when nobody is named for it."""
    return next((each for each in rules if each.fits(name)), None)


def _rule(place: int, pattern: str, given: Any) -> Rule:
    if _UNREADABLE.search(pattern) or len(pattern) > 300 or pattern.count("*") > MOST_STARS:
        raise Invalid(f"the pattern {pattern[:300]} cannot be read here; write it with *, ** and {{a,b}} only")
    _alternatives(pattern)
    table = given if isinstance(given, dict) else {}
    access, publish = (_words(pattern, table.get(key)) for key in ("access", "publish"))
    return Rule(place, pattern, access, publish)


def _words(pattern: str, value: Any) -> tuple[str, ...]:
    words = value.split() if isinstance(value, str) else [] if value is None else value
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise Invalid(f"what stands behind {pattern} is neither words nor a list of them")
    return tuple(dict.fromkeys(word for word in words if word not in ("", "~", "null")))


def _alternatives(pattern: str) -> list[str]:
    waiting, done = [pattern], []
    while waiting:
        if len(done) + len(waiting) > MOST_ALTERNATIVES:
            raise Invalid(f"the pattern {pattern} has too many alternatives")
        each = waiting.pop()
        found = _BRACES.search(each)
        if found is None:
            done.append(each)
        else:
            waiting += [each[: found.start()] + part + each[found.end() :] for part in found[1].split(",")]
    return done


def _regex(pattern: str) -> re.Pattern[str]:
    *folders, last = pattern.split("/")
    parts = ["(?:.*/)?" if each == "**" else _segment(each) + "/" for each in folders]
    return re.compile("".join(parts) + (".*" if last == "**" else _segment(last)))


def _segment(text: str) -> str:
    first, *others = ("".join("[^/]" if letter == "?" else re.escape(letter) for letter in part)
                      for part in re.split(r"\*+", text))  # fmt: skip
    # The nearest place for what stands between two stars is as good as any: it is not looked for again (?>...), which
    # would take a time that grows with each star.
    between = "".join(f"(?>[^/]*?{part})" for part in others[:-1])
    return first + between + (f"[^/]*{others[-1]}" if others else "")
