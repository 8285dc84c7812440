"""Search texts: free words and npm's qualifiers, read once into a value (pure)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

MAX_TEXT = 100
MAX_WORDS = 8
# In so many texts that they say nothing about one.
COMMON = frozenset("a an and are as at by for from in into is it its of on or our that the this to with your".split())
CHOICES = {"access": ("restricted", "public", "mirrored"), "deprecated": ("yes", "no")}  # filters with a few words
_QUALIFIER = re.compile(r"(?<!\S)(author|maintainer|scope|keywords|keyword|license|is|not|boost-exact):(\S+)")


@dataclass(frozen=True)
class Query:
    """What was searched for: free words and npm's qualifiers, and `license:`, `is:private`, `is:deprecated` of ours.

    scope, maintainer: names without @; keywords: any of them; is_, not_: the words after `is:` and `not:`. Nothing here
    is insecure, and an exact name always comes first, so `not:insecure` and `boost-exact:` change nothing.
    """

    words: tuple[str, ...] = ()
    scope: str = ""
    maintainer: str = ""
    keywords: tuple[str, ...] = ()
    license: str = ""
    is_: frozenset[str] = field(default_factory=frozenset)
    not_: frozenset[str] = field(default_factory=frozenset)

    @property
    def told(self) -> tuple[str, ...]:
        """The words without those that say nothing, such as `for`; all of them where no other is left."""
        return tuple(word for word in self.words if word not in COMMON) or self.words

    @classmethod
    def parse(cls, text: str) -> Query:
        """Read a search text; an unknown qualifier is a word like any other."""
        text = text[:MAX_TEXT].replace("\0", "").lower()
        found: dict[str, list[str]] = {}
        for name, value in _QUALIFIER.findall(text):
            found.setdefault(name, []).append(value)
        words = tuple(word for word in _QUALIFIER.sub(" ", text).split() if word)[:MAX_WORDS]
        keywords = [word for each in found.get("keywords", []) + found.get("keyword", []) for word in each.split(",")]
        people = found.get("maintainer", []) + found.get("author", [])
        return cls(
            words=words,
            scope=found.get("scope", [""])[-1].removeprefix("@"),
            maintainer=people[-1].removeprefix("@") if people else "",
            keywords=tuple(word for word in keywords if word),
            license=found.get("license", [""])[-1],
            is_=frozenset(found.get("is", ())),
            not_=frozenset(found.get("not", ())),
        )


@dataclass(frozen=True)
class Filters:
    """The choices beside a list of results; "" leaves one open.

    access, deprecated: one of their CHOICES; pages say private for restricted.
    """

    access: str = ""
    scope: str = ""
    maintainer: str = ""
    keyword: str = ""
    license: str = ""
    deprecated: str = ""
