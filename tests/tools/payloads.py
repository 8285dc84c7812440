"""Small packages as npm would pack and send them."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from packages.names import PackageName
from packages.wire import Upload, read_put


def tarball(manifest: dict[str, Any], files: dict[str, str] | None = None) -> bytes:
    """A tarball as `npm pack` makes it: package.json and files under `package/`."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, text in {"package.json": json.dumps(manifest), **(files or {"README.md": "# hello\n"})}.items():
            entry = tarfile.TarInfo(f"package/{path}")
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return gzip.compress(packed.getvalue(), mtime=0)


def publish_body(
    name: str,
    number: str,
    *,
    access: str | None = None,
    tag: str = "latest",
    files: dict[str, str] | None = None,
    **manifest: Any,
) -> dict[str, Any]:
    """The document that `npm publish` puts."""
    manifest = {"name": name, "version": number, **manifest}
    data = tarball(manifest, files)
    file = f"{name}-{number}.tgz"
    sent = manifest | {
        "_id": f"{name}@{number}",
        "dist": {
            "integrity": "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode(),
            "shasum": hashlib.sha1(data).hexdigest(),
            "tarball": f"http://localhost/{name}/-/{file}",
        },
    }
    attachment = {
        "content_type": "application/octet-stream",
        "data": base64.b64encode(data).decode(),
        "length": len(data),
    }
    return {
        "_id": name,
        "name": name,
        "access": access,
        "dist-tags": {tag: number},
        "versions": {number: sent},
        "_attachments": {file: attachment},
    }


def upload(name: str, number: str, spool: Path, **more: Any) -> Upload:
    """The same, parsed and with its tarball in the spool, as the publishing verb takes it."""
    body = json.dumps(publish_body(name, number, **more)).encode()
    parsed = read_put(PackageName.parse(name), io.BytesIO(body), len(body), spool=spool, max_tarball=1 << 28)
    assert isinstance(parsed, Upload)
    return parsed
