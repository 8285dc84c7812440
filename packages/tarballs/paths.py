"""Which names may be in a package: those that every file system, terminal and archiver takes for the same one file."""

from __future__ import annotations

import re
import unicodedata

from packages.names import DEVICES
from packages.tarballs.headers import Entry
from packages.tarballs.limits import Limits, refusal

# Controls, line and paragraph separators, and the marks that turn the direction of text round.
_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_DRIVE = re.compile(r"[A-Za-z]:")


class Names:
    """Checks one entry after another and, at the end, all of them together."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._top: str | None = None
        self._total = 0
        self._seen: dict[bytes, bool] = {}

    def take(self, entry: Entry) -> str:
        """The entry's path below the top folder, "" for that folder itself.

        npm calls the folder `package`, others give it another name; clients strip it, whatever it is.
        Raises Invalid for a path that is not plain and relative, is there already, or lies in a second top folder.
        """
        self._require_plain(entry.path)
        top, _, path = entry.path.partition("/")
        if self._top not in (None, top):
            raise refusal(f"it has two top folders, {self._top} and {top}", "top_folder")
        self._top = top
        if not path and not entry.is_directory:
            raise refusal(f"{top} is not in a folder; everything goes into one named package", "top_folder")
        self._require_new(path, entry.is_directory)
        return path

    def require_consistent(self) -> None:
        """Raises Invalid when one path is a file and, as part of another path, a folder."""
        # NUL sorts before every character of a name, so whatever is below a file comes right after it.
        keys = sorted(key.replace(b"/", b"\0") for key in self._seen)
        for key, following in zip(keys, keys[1:], strict=False):
            path = key.replace(b"\0", b"/")
            if following.startswith(key + b"\0") and not self._seen[path]:
                raise refusal(f"{path.decode()} is a file and a folder", "duplicate_entry")

    def _require_plain(self, path: str) -> None:
        size = len(path.encode())
        self._total += size
        if size > self._limits.path or self._total > self._limits.paths:
            raise refusal("its paths are too long", "entry_path")
        if "\\" in path or _HIDDEN.search(path) or not all(map(self._is_plain, path.split("/"))):
            raise refusal(f"the path {ascii(path[:200])} does not work everywhere; rename it", "entry_path")

    def _is_plain(self, segment: str) -> bool:
        # "", "." and ".." among those that end in a dot or are nothing.
        return (
            segment != ""
            and segment[-1] not in ". "
            and len(segment) <= self._limits.segment
            and len(segment.encode()) <= self._limits.segment
            and not _DRIVE.match(segment)
            and segment.partition(".")[0].casefold() not in DEVICES
        )

    def _require_new(self, path: str, is_directory: bool) -> None:
        key = unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold()).encode()
        if key in self._seen:
            raise refusal(f"{ascii(path[:200])} is there twice, or differs only in case", "duplicate_entry")
        self._seen[key] = is_directory
