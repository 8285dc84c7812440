"""What a version says in packuments: made once, when it is published, and joined to documents as it is."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

import orjson

from packages.models import BASE_MARK, Content, Package, Version
from packages.names import PackageName

_ESCAPED_MARK = orjson.dumps(BASE_MARK).decode().strip('"')
README_SHOWN = 64 * 1024  # what the public registry keeps of a readme in a packument
COPIED = "description keywords license author contributors bugs homepage repository".split()
# What an install reads; the format's own list, and funding and acceptDependencies that npm 7 and later read too.
ABBREVIATED = """name version dependencies optionalDependencies devDependencies bundleDependencies peerDependencies
    peerDependenciesMeta bin directories dist engines cpu os libc _hasShrinkwrap hasInstallScript funding
    acceptDependencies""".split()


def version_parts(name: PackageName, manifest: dict[str, Any], dist: dict[str, Any]) -> tuple[str, str]:
    """A version's parts of the full and the abbreviated packument, made once when it is published.

    dist: everything but the tarball's address, which is put in front when a document is built.
    """
    mark = _mark()
    link = f"{mark}/{name.full}/-/{name.tarball(manifest['version'])}"
    full = manifest | {"dist": dist | {"tarball": link}}
    short = {key: full[key] for key in ABBREVIATED if key in full}
    whole, abbreviated = (orjson.dumps(part).decode().replace(mark, BASE_MARK) for part in (full, short))
    return whole, abbreviated


def amend(content: Content, **dist: Any) -> None:
    """Say more in the `dist` of a version's parts, or say it anew; the row is not saved.

    dist: an address of this registry in it begins with BASE_MARK, as in the parts themselves.
    """
    mark = _mark()
    said = orjson.loads(orjson.dumps(dist).decode().replace(_ESCAPED_MARK, mark))
    for field in ("full", "abbreviated"):
        part = orjson.loads(getattr(content, field).replace(BASE_MARK, mark))
        part["dist"] |= said
        setattr(content, field, orjson.dumps(part).decode().replace(mark, BASE_MARK))
    content.__dict__.pop("manifest", None)  # it was read from the part that is gone


def revision_of(package: Package) -> str:
    """The `_rev` of a package: it changes with every change, and clients send it back unread."""
    seal = hashlib.sha256(f"{package.name}:{package.revision}".encode()).hexdigest()[:32]
    return f"{package.revision}-{seal}"


def manifest_of(version: Version, base: str) -> bytes:
    """The manifest of one version, as `GET /PKG/VERSION` gives it."""
    return with_deprecation(version.full, version.deprecated).replace(BASE_MARK, base).encode()


def with_deprecation(part: str, message: str) -> str:
    """A version's part of a packument with the warning that is on it; "" for none."""
    return f'{part[:-1]},"deprecated":{orjson.dumps(message).decode()}}}' if message else part


def _mark() -> str:
    return secrets.token_hex(16)  # JSON would escape the mark, and the text has to hold it as itself
