"""What a manifest asks for beside itself, one entry after another (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from packages.names import PackageName
from registry_site.errors import Invalid

# The fields of a manifest, in the order of what matters to who installs it.
KINDS = ("dependencies", "peerDependencies", "optionalDependencies", "devDependencies")
MAX_RANGE = 1_024

_ALIAS = re.compile(r"npm:(?P<name>@?[^@]+)(?:@(?P<range>.*))?", re.DOTALL)
# A range or a tag; whatever has these is an address, a repository, a path or a file.
_ELSEWHERE = re.compile(r"[:/\\]|\.(?:tgz|tar|tar\.gz)$", re.IGNORECASE)


@dataclass(frozen=True)
class Requirement:
    """One entry of a manifest.

    kind: the field it stands in. key: what the code imports it by. text: the range as it was written.
    name, range: the package that is asked for and which versions of it; of an alias (`npm:@acme/x@^1`) those of the
    real one; both "" for what comes from elsewhere, as from a repository or a file.
    """

    kind: str
    key: str
    text: str
    name: str = ""
    range: str = ""

    @property
    def is_alias(self) -> bool:
        return bool(self.name) and self.name != self.key


def listed(manifest: dict[str, Any]) -> Iterator[Requirement]:
    """Everything a manifest asks for, kind by kind and by name.

    What is optional stands there only: npm up to 8 writes it among the dependencies, too.
    """
    optional = _texts(manifest, "optionalDependencies")
    for kind in KINDS:
        for key, text in sorted(_texts(manifest, kind).items()):
            if kind != "dependencies" or key not in optional:
                yield _requirement(kind, key, text)


def _requirement(kind: str, key: str, text: str) -> Requirement:
    name, wanted = key, text.strip()
    if alias := _ALIAS.fullmatch(wanted):
        name, wanted = alias["name"], alias["range"] or "*"
    try:
        PackageName.parse(name)
    except Invalid:
        return Requirement(kind, key, text)
    if _ELSEWHERE.search(wanted) or len(wanted) > MAX_RANGE:
        return Requirement(kind, key, text)
    return Requirement(kind, key, text, name, wanted or "*")


def _texts(manifest: dict[str, Any], field: str) -> dict[str, str]:
    value = manifest.get(field)
    return {name: text for name, text in value.items() if isinstance(text, str)} if isinstance(value, dict) else {}
