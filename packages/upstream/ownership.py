"""A name has one source: what is ours, or ever was, or is reserved, is never asked upstream."""

from __future__ import annotations

from fnmatch import fnmatchcase

from django.conf import settings

from accounts.models import Scope
from packages.models import Package
from packages.names import PackageName
from packages.upstream import registries
from registry_site.errors import Invalid
from registry_site.prepared import PreparedQuery


def is_ours(name: str) -> bool:
    """Whether this registry is the one source of a name, whether or not a package has it.

    A scope that somebody here holds or held is ours with all its names; so is a name that was ever used here, and what
    `RESERVED_NAMES` says. A malformed name is nobody's, and is not asked either.
    """
    return bool(ours([name]))


def ours(names: list[str]) -> set[str]:
    """Those of some names that are ours. Two queries whatever their number, for at most some hundreds."""
    parsed: dict[str, PackageName | None] = {name: _parse(name) for name in names}
    known = {name: each for name, each in parsed.items() if each is not None}
    scopes = {each.scope for each in known.values() if each.scope}
    held = set(Scope.objects.filter(name__in=scopes).values_list("name", flat=True)) if scopes else set()
    used = set(Package.objects.filter(name__in=known, mirrored=False).values_list("name", flat=True))
    return {
        name for name, each in parsed.items() if each is None or each.scope in held or name in used or is_reserved(name)
    }


def may_ask(name: str) -> bool:
    """Whether an upstream registry may be asked for this name, and there is one for it."""
    return registries.for_name(name) is not None and not is_ours(name)


def is_held(name: str) -> bool:
    """Whether somebody here holds, or ever held, the scope of a name. One query, none for a name without a scope."""
    scope, slash, _ = name.removeprefix("@").partition("/")
    return bool(slash) and name.startswith("@") and _SCOPE.first(scope) is not None


_SCOPE = PreparedQuery(lambda name: Scope.objects.filter(name=name).only("pk"), str)


def is_reserved(name: str) -> bool:
    """Whether a pattern of `RESERVED_NAMES` fits: a name, a scope (`@acme`), or either with `*` in it."""
    return any(
        fnmatchcase(name, pattern) or (pattern.startswith("@") and fnmatchcase(name, f"{pattern}/*"))
        for pattern in settings.RESERVED_NAMES
    )


def _parse(name: str) -> PackageName | None:
    try:
        return PackageName.parse(name, old=True)
    except Invalid:
        return None
