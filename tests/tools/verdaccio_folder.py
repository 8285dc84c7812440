"""A storage folder as verdaccio leaves it, without a verdaccio; tests/protocol/test_moving_in.py has a real one.

folder = VerdaccioFolder(tmp_path / "verdaccio")
folder.publish("@acme/ledger", "1.0.0", by="bob")
folder.config("'@acme/*': {access: $authenticated, publish: bob}")
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.tools import payloads
from tests.tools.upstream_stub import integrity

FIRST = datetime(2019, 3, 4, 5, 6, 7, 890_000, tzinfo=UTC)


class VerdaccioFolder:
    """root: gets storage/, and what `config` and `people` put beside it. Each version is a day younger."""

    def __init__(self, root: Path) -> None:
        self.root, self.storage = root, root / "storage"
        self.storage.mkdir(parents=True)
        self._names: list[str] = []
        self._count = 0

    def place(self, name: str) -> Path:
        """The folder of a package."""
        return self.storage.joinpath(*name.split("/"))

    def tarball(self, name: str, number: str) -> Path:
        """The file of a version."""
        return self.place(name) / f"{name.rpartition('/')[2]}-{number}.tgz"

    def publish(
        self,
        name: str,
        number: str = "1.0.0",
        *,
        by: str = "bob",
        tag: str = "latest",
        said: Any = None,
        **manifest: Any,
    ) -> bytes:
        """Have a version, and give its tarball. said: what the packument says of it beside or instead of the truth."""
        manifest = {"name": name, "version": number, **manifest}
        data = payloads.tarball(manifest)
        sha1 = hashlib.sha1(data).hexdigest()
        file, at = self.tarball(name, number), stamp(FIRST + timedelta(days=self._count))
        self._count += 1
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)

        def change(document: dict[str, Any]) -> None:
            dist = {"integrity": integrity(data), "shasum": sha1, "tarball": f"http://localhost/{name}/-/{file.name}"}
            user = {"name": by, "email": f"{by}@example.com"}
            document["versions"][number] = {
                **manifest, "_id": f"{name}@{number}", "_npmUser": user, "dist": dist, **(said or {})
            }  # fmt: skip
            document["maintainers"] = [user]
            document["dist-tags"][tag] = number
            document["time"].setdefault("created", at)
            document["time"] |= {"modified": at, number: at}
            document["_attachments"][file.name] = {"shasum": sha1, "version": number}

        self.edit(name, change)
        if name not in self._names:
            self._names.append(name)
            self.listed(self._names)
        return data

    def mirror(self, name: str, number: str = "1.0.0") -> None:
        """Have a version that came from an uplink: it is on no list, and its file is among those from elsewhere."""
        self.publish(name, number)
        file = self.tarball(name, number).name

        def change(document: dict[str, Any]) -> None:
            document["_distfiles"][file] = {"url": f"https://example.com/{file}", "sha": "0" * 40}
            document["_uplinks"]["npmjs"] = {"etag": '"x"', "fetched": 1}

        self.edit(name, change)

    def edit(self, name: str, change: Any) -> None:
        """Change a package.json in place."""
        path = self.place(name) / "package.json"
        known = path.read_text() if path.exists() else json.dumps(_empty(name))
        document = json.loads(known)
        change(document)
        path.write_text(json.dumps(document, indent=2))

    def listed(self, names: list[str]) -> None:
        """Write verdaccio's own list of what was published there."""
        (self.storage / ".verdaccio-db.json").write_text(json.dumps({"list": names, "secret": "never-read"}))

    def config(self, *rules: str) -> None:
        """Write its config.yaml with these lines below `packages:`."""
        lines = ["storage: /verdaccio/storage", "packages:", *(f"  {rule}" for rule in rules)]
        (self.root / "config.yaml").write_text("\n".join(lines) + "\n")

    def people(self, *names: str) -> None:
        """Write its htpasswd."""
        lines = [f"{name}:$2a$10$Oq3wgmHSrMPHYlKHuDLgS.DM1d8IxCd3wWMQkf0Bm0mSEOqNr0X0y:autocreated x" for name in names]
        (self.root / "htpasswd").write_text("\n".join(lines) + "\n")


def stamp(at: datetime) -> str:
    """A moment as npm writes it."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _empty(name: str) -> dict[str, Any]:
    parts: dict[str, Any] = {"_distfiles": {}, "_attachments": {}, "_uplinks": {}, "_rev": "3-9b1c"}
    return {"name": name, "versions": {}, "dist-tags": {}, "time": {}, **parts, "readme": "# hello"}
