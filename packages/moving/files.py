"""Files below one folder that somebody else filled: nothing outside of it is read, whatever is in it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from registry_site import strictjson
from registry_site.errors import Invalid, NotFound, TooLarge

CHUNK = 256 * 1024
MOST_ENTRIES = 200_000
MOST_DEEP = 12


def folder(path: Path) -> Path:
    """A folder that an operator named, with the links in its own path followed. Raises NotFound."""
    if not path.is_dir():
        raise NotFound(f"there is no folder {path}")
    return path.resolve()


@contextmanager
def opened(root: Path, *parts: str) -> Iterator[BinaryIO]:
    """A plain file below `root`. Raises NotFound, Invalid for a link, for what is no file, and for a way out of it."""
    handle = -1
    try:
        path = _inside(root, parts)
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise Invalid(f"{'/'.join(parts)} is no file")
        file = os.fdopen(handle, "rb")
    except FileNotFoundError:
        raise NotFound(f"{parts[-1]} is not there") from None
    except OSError as error:
        raise Invalid(f"{'/'.join(parts)} cannot be read: {error.strerror}") from error
    except BaseException:
        if handle >= 0:
            os.close(handle)
        raise
    with file:
        yield file


def read(root: Path, *parts: str, most: int) -> bytes:
    """All of a small file. Raises as `opened`, and TooLarge."""
    with opened(root, *parts) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise TooLarge(f"{parts[-1]} is over {strictjson.size(most)}")
    return data


def chunks(file: BinaryIO) -> Iterator[bytes]:
    """An open file, piece by piece. Raises Invalid when it cannot be read."""
    try:
        while chunk := file.read(CHUNK):
            yield chunk
    except OSError as error:
        raise Invalid(f"it cannot be read: {error.strerror}") from error


def folders(root: Path) -> list[str]:
    """The names of the folders in a folder; links are none. Raises Invalid when there are very many."""
    return [each.name for each in _entries(root) if each.is_dir(follow_symlinks=False)]


def tarballs(root: Path) -> list[tuple[str, ...]]:
    """The files that end in .tgz or .tar.gz, some folders deep, each as its path below `root`."""
    found: list[tuple[str, ...]] = []
    waiting: list[tuple[str, ...]] = [()]
    while waiting:
        place = waiting.pop()
        for each in _entries(root.joinpath(*place)):
            path = (*place, each.name)
            if each.is_dir(follow_symlinks=False) and len(path) < MOST_DEEP:
                waiting.append(path)
            elif each.is_file(follow_symlinks=False) and each.name.endswith((".tgz", ".tar.gz")):
                found.append(path)
        if len(found) + len(waiting) > MOST_ENTRIES:
            raise Invalid(f"{root} has more than {MOST_ENTRIES} entries")
    return sorted(found)


def _inside(root: Path, parts: tuple[str, ...]) -> Path:
    path = root
    for part in parts:
        if part in ("", ".", "..") or "/" in part or "\0" in part:
            raise Invalid("its path leads elsewhere")
        path = path / part
        if stat.S_ISLNK(os.lstat(path).st_mode):
            raise Invalid(f"{'/'.join(parts)} is a link, or lies behind one")
    return path


def _entries(root: Path) -> list[os.DirEntry[str]]:
    found = []
    try:
        with os.scandir(root) as entries:
            for each in entries:
                found.append(each)
                if len(found) > MOST_ENTRIES:
                    raise Invalid(f"{root} has more than {MOST_ENTRIES} entries")
    except OSError as error:
        raise Invalid(f"{root} cannot be read: {error.strerror}") from error
    return sorted(found, key=lambda each: each.name)
