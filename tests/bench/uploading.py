"""Whether a large tarball passes through the server, or lands in its memory."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import os
import tarfile
import tempfile
from pathlib import Path

from tests.bench import load, processes
from tests.bench.report import Bar, Figure, Section
from tests.bench.run import Run
from tests.bench.servers import FULL

TEXT = (
    "One publish of a tarball that does not pack; by how much the processes of a server together grew over what they "
    "had before, at the most, as the system's own peaks say (VmHWM). Median and spread of the rounds, in turns."
)
HEAD = ("", "grew by MB", "seconds", "CPU s")
MEGABYTE = 1024 * 1024
MOST = 64.0


def measure(run: Run) -> Section:
    """Publish it some times to each server."""
    size, rounds = (20, 1) if run.quick else (200, 3)
    servers = [run.ours, *filter(None, (run.verdaccio,))]
    section = Section(f"Publishing {size} MB", TEXT, HEAD)
    found: dict[str, list[tuple[float, float, float]]] = {each.name: [] for each in servers}
    for turn in range(rounds):
        for server in servers:
            try:
                found[server.name].append(_publish(server, f"upload-{turn}", size))
            except AssertionError as refused:
                section.notes.append(f"{server.name}: {refused}")
    for name, took in found.items():
        figures = [Figure(tuple(each[part] for each in took)) for part in range(3)] if took else []
        section.rows.append([name, *(figure.shown(digits=1) for figure in figures)] if took else [name, "-", "-", "-"])
        if name == "ours":
            value = figures[0].median if took else None
            section.bars.append(Bar(f"publish of {size} MB: memory of the server grows by", value, MOST, "MB"))
    return section


def _publish(server, name: str, size: int) -> tuple[float, float, float]:
    headers = {"Authorization": f"Bearer {server.token()}", "Content-Type": "application/json"}
    load.once(f"{server.base}/{name}", FULL)  # a first request takes memory that has nothing to do with this
    with tempfile.TemporaryDirectory(prefix="bench-upload-") as folder:
        body = _body(Path(folder), name, size * MEGABYTE)
        answers = []
        before = processes.cpu_seconds(*server.pids)
        grown = processes.growth(
            server.pid, lambda: answers.append(load.once(f"{server.base}/{name}", headers, "PUT", body))
        )
        cpu = processes.cpu_seconds(*server.pids) - before
    (answer,) = answers
    assert answer.status == 201, f"a publish of {size} MB was answered with {answer.status}: {answer.body[:200]!r}"
    return grown / MEGABYTE, answer.seconds, cpu


def _body(folder: Path, name: str, size: int) -> Path:
    # In pieces here too: the machine's memory belongs to the server.
    manifest = {"name": name, "version": "1.0.0", "description": "noise"}
    packed, body = folder / "package.tgz", folder / "body.json"
    with gzip.open(packed, "wb", compresslevel=0) as out, tarfile.open(fileobj=out, mode="w|") as tar:
        for path, length, source in (
            ("package.json", None, io.BytesIO(json.dumps(manifest).encode())),
            ("noise.bin", size, _Noise()),
        ):
            entry = tarfile.TarInfo(f"package/{path}")
            entry.size = len(source.getvalue()) if length is None else length
            tar.addfile(entry, source)
    with packed.open("rb") as file:
        integrity = base64.b64encode(hashlib.file_digest(file, "sha512").digest()).decode()
    with packed.open("rb") as file:
        shasum = hashlib.file_digest(file, "sha1").hexdigest()
    file_name = f"{name}-1.0.0.tgz"
    dist = {"integrity": f"sha512-{integrity}", "shasum": shasum, "tarball": f"http://localhost/{name}/-/{file_name}"}
    attachment = {"content_type": "application/octet-stream", "data": "HERE", "length": packed.stat().st_size}
    document = {
        "_id": name,
        "name": name,
        "access": "public",
        "dist-tags": {"latest": "1.0.0"},
        "versions": {"1.0.0": {**manifest, "_id": f"{name}@1.0.0", "dist": dist}},
        "_attachments": {file_name: attachment},
    }
    before, _, after = json.dumps(document).partition("HERE")
    with packed.open("rb") as source, body.open("wb") as out:
        out.write(before.encode())
        while piece := source.read(3 * MEGABYTE):
            out.write(base64.b64encode(piece))
        out.write(after.encode())
    return body


class _Noise:
    def read(self, size: int) -> bytes:
        return os.urandom(size)
