"""Small records beside the blobs, which are added and never changed: lines of files, or objects whose key says all."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packages.blobs.folder import sync
from packages.blobs.store import Store
from registry_site import spool


def append(root: Path, stem: str, record: Any) -> None:
    """Add a line to the file of this host that begins with `stem`; it is safe against power loss when this returns.

    Each host writes into a file of its own, so that no two write into one.
    record: what JSON can say, a list or a tuple. Raises OSError.
    """
    host = "".join(letter if letter.isalnum() else "-" for letter in socket.gethostname())[:64]
    path = root / f"{stem}.{host}.jsonl"
    is_new = not path.exists()
    if is_new:
        root.mkdir(parents=True, exist_ok=True)
    # A line of its own, also after half a line of a process that was killed.
    line = f"\n{json.dumps(record)}\n".encode()
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
    try:
        if os.write(handle, line) != len(line):
            raise OSError(f"{path} is not taken whole; is the disk full?")
        os.fsync(handle)
    finally:
        os.close(handle)
    if is_new:
        sync(root)
        sync(root.parent)


def lines(root: Path) -> Iterator[list[Any]]:
    """Every line that was added whole, of all hosts. Raises OSError."""
    for path in sorted(root.glob("*.jsonl")):
        with path.open() as found:
            for line in found:
                if line.startswith("[") and line.endswith("]\n"):
                    yield json.loads(line)


def put(store: Store, key: str) -> None:
    """Add an empty object: a list of keys is the whole of it. Raises OSError."""
    with spool.folder("record") as folder:
        nothing = folder / "nothing"
        nothing.touch()
        store.put(key, nothing)
