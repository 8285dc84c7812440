"""The files of a version: their list, kept once it was read, and the bytes of one of them; nothing is ever unpacked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from django.core.cache import caches

from packages import blobs, tarballs
from packages.models import Content
from packages.tarballs import File, Limits
from registry_site.errors import Invalid, NotFound

MAX_UNPACKED = 256 * 1024 * 1024  # a larger version is for whoever downloads it
LIMITS = Limits(unpacked=MAX_UNPACKED + 64 * 1024 * 1024)  # headers and padding are no part of the files
TOO_LARGE = "its files are too large to be read here; download the tarball"


@dataclass(frozen=True)
class Node:
    """A file, or a folder with what is in it.

    path: from the top folder, "" for that itself. size, count: of a folder, of all files below it.
    """

    name: str
    path: str
    size: int = 0
    count: int = 0
    folders: list[Node] = field(default_factory=list)
    files: list[Node] = field(default_factory=list)

    @property
    def is_folder(self) -> bool:
        return bool(self.count)


def listing(content: Content) -> dict[str, File]:
    """Every file by its path, in the order of the tarball.

    The tarball is read once and its list kept: the bytes of a blob never change.
    Raises Unavailable when the store does not give the bytes, Invalid for what is too large, or was published when
    fewer tarballs were refused.
    """
    _require_bounds(content)
    kept = caches["listings"].get(_key(content))
    if kept is None:
        found = tarballs.listing(blobs.open_blob(content.blob, content.size), limits=LIMITS)
        caches["listings"].set(_key(content), [(path, *vars(file).values()) for path, file in found.items()])
        return found
    return {path: File(*facts) for path, *facts in kept}


def folder(files: Mapping[str, File], path: str, depth: int) -> Node:
    """A folder as a tree, folders and files by name, so many levels of it; what is deeper is only counted.

    Raises NotFound when nothing is below `path`.
    """
    start = f"{path}/" if path else ""
    inside = [(each[len(start) :], file.size) for each, file in files.items() if each.startswith(start)]
    if not inside:
        raise NotFound(f"there is no file or folder {path}")
    return _grown(path, inside, depth)


def size(files: Mapping[str, File], path: str) -> int:
    """The size of the file at `path`, which is a key of the list and nothing else. Raises NotFound."""
    if path not in files:
        raise NotFound(f"there is no file {path}")
    return files[path].size


def read(content: Content, path: str, most: int) -> bytes | None:
    """The bytes of a file, None when there are more than `most` or it is not there. Raises as `listing`."""
    _require_bounds(content)
    source = blobs.open_blob(content.blob, content.size)
    return tarballs.read(source, [path], most=most, limits=LIMITS).get(path)


def stream(content: Content, path: str) -> Iterator[bytes]:
    """The bytes of a file in pieces, however large it is. Raises as `listing`."""
    _require_bounds(content)
    return tarballs.stream(blobs.open_blob(content.blob, content.size), path, limits=LIMITS)


def _require_bounds(content: Content) -> None:
    if content.unpacked_size > MAX_UNPACKED:
        raise Invalid(TOO_LARGE, code="too_large_to_browse")


def _key(content: Content) -> str:
    return content.blob.replace("/", ":")


def _grown(path: str, inside: list[tuple[str, int]], depth: int) -> Node:
    below: dict[str, list[tuple[str, int]]] = {}
    for each, size in inside if depth else ():
        head, _, rest = each.partition("/")
        below.setdefault(head, []).append((rest, size))
    folders, files = [], []
    for name in sorted(below):
        where, found = f"{path}/{name}".lstrip("/"), below[name]
        if found[0][0]:
            folders.append(_grown(where, found, depth - 1))
        else:
            files.append(Node(name, where, found[0][1]))
    return Node(path.rpartition("/")[2], path, sum(size for _, size in inside), len(inside), folders, files)
