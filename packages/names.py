"""Package names, versions and tags: parsed once into values that everything else trusts (pure)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from registry_site.errors import Invalid

MAX_NAME = 214
MAX_VERSION = 256
MAX_TAG = 128
MAX_SAFE_INTEGER = 2**53 - 1

_PART = r"[a-z0-9][a-z0-9._-]*"
_NAME = re.compile(rf"(?:@(?P<scope>{_PART})/)?(?P<base>{_PART})", re.ASCII)
_OLD_NAME = re.compile(_NAME.pattern, re.ASCII | re.IGNORECASE)
_NUMERIC = r"(?:0|[1-9][0-9]*)"
_PRERELEASE_PART = rf"(?:{_NUMERIC}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_VERSION = re.compile(
    rf"(?P<major>{_NUMERIC})\.(?P<minor>{_NUMERIC})\.(?P<patch>{_NUMERIC})"
    rf"(?:-(?P<pre>{_PRERELEASE_PART}(?:\.{_PRERELEASE_PART})*))?"
    r"(?:\+(?P<build>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?",
    re.ASCII,
)
_VERSION_PREFIX = re.compile(r"[=v \t]*", re.ASCII)
_TAG = re.compile(rf"[A-Za-z][A-Za-z0-9._-]{{0,{MAX_TAG - 1}}}", re.ASCII)
# What node-semver reads as a version or range although it begins with a letter: v1, V1.2, x, X.x, v1.0.0-beta.
_RANGE_PART = r"(?:[0-9]+|[xX*])"
_RANGE_LIKE = re.compile(rf"[vV]?{_RANGE_PART}(?:\.{_RANGE_PART}(?:\.{_RANGE_PART}(?:[-+].*)?)?)?", re.ASCII)

# Names that a route, a file system or a JavaScript object would take for something else.
RESERVED_BASES = frozenset(
    """node_modules favicon.ico robots.txt static admin login logout signup search settings package org healthz npm
    constructor prototype hasownproperty tostring valueof
    con prn aux nul com1 com2 com3 com4 com5 com6 com7 com8 com9 lpt1 lpt2 lpt3 lpt4 lpt5 lpt6 lpt7 lpt8 lpt9""".split()
)


@dataclass(frozen=True)
class PackageName:
    """A well-formed package name.

    scope: the name between `@` and `/`, or "" when there is none.
    base: what follows the scope; the folder and file stem of its tarballs.
    """

    scope: str
    base: str

    @classmethod
    def parse(cls, text: str, *, old: bool = False) -> PackageName:
        """Read a name as npm writes it (`left-pad`, `@acme/ledger`).

        old: also those with capitals (`JSONStream`), which only the upstream registry still has.
        Raises Invalid when it breaks npm's rules (validate-npm-package-name): lower-case ASCII, URL-safe, no leading
        dot, dash or underscore, at most 214 characters.
        """
        match = (_OLD_NAME if old else _NAME).fullmatch(text) if len(text) <= MAX_NAME else None
        if match is None:
            raise Invalid(
                "a package name has at most 214 lower-case letters, digits, dots, dashes and underscores, "
                "begins with a letter or digit, and may have a scope: @scope/name",
                code="invalid_name",
            )
        return cls(match["scope"] or "", match["base"])

    def require_usable(self) -> None:
        """Refuse names that are well-formed but would confuse a route, a file system or a script.

        Raises Invalid. Only new names are asked; a name of the upstream registry is passed through as it is.
        """
        for part in filter(None, (self.scope, self.base)):
            if part in RESERVED_BASES or part.split(".")[0] in RESERVED_BASES & DEVICES:
                raise Invalid(f"the name {part} is reserved; choose another", code="reserved_name")

    @property
    def full(self) -> str:
        return f"@{self.scope}/{self.base}" if self.scope else self.base

    def tarball(self, version: str) -> str:
        """The file name of a version's tarball: the scope is in the directory, never in the file."""
        return f"{self.base}-{version}.tgz"

    def __str__(self) -> str:
        return self.full


DEVICES = frozenset("con prn aux nul".split()) | {f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10)}


def parse_version(text: str) -> str:
    """Read a semantic version exactly, as npm does, and give it back without build metadata.

    npm's clients drop build metadata (`1.0.0+a` is `1.0.0`), so two builds of one version are one version here.
    Raises Invalid for anything that is not strict semver 2.0, is over 256 characters, or has a number over 2^53 - 1.
    """
    match = _VERSION.fullmatch(text) if len(text) <= MAX_VERSION else None
    if match is None or any(int(match[part]) > MAX_SAFE_INTEGER for part in ("major", "minor", "patch")):
        raise Invalid("a version is three numbers, as in 1.2.3 or 1.2.3-beta.1", code="invalid_version")
    return text.partition("+")[0]


def clean_version(text: str) -> str:
    """Read a version as npm reads the one in a package.json: leading blanks, `v` and `=` are dropped (`v1.0.0`).

    Raises Invalid as `parse_version`. Nothing else is repaired.
    Source: `npm publish`; npm, yarn and bun clean it before sending, but the tarball's package.json keeps the spelling.
    """
    if len(text) > MAX_VERSION:
        raise Invalid("a version has at most 256 characters", code="invalid_version")
    return parse_version(_VERSION_PREFIX.sub("", text.strip(" \t\n\r"), count=1))


def parse_tag(text: str) -> str:
    """Read a dist-tag name.

    Raises Invalid when it could be read as a version or a range, or has characters that do not fit into a URL.
    """
    if not _TAG.fullmatch(text) or _RANGE_LIKE.fullmatch(text):
        raise Invalid(
            "a tag begins with a letter, has letters, digits, dots, dashes and underscores, and is no version",
            code="invalid_tag",
        )
    return text
