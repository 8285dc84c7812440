"""Tarballs of the company's packages, as `npm pack` would make them: they install and run."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import tarfile
import uuid
from pathlib import Path
from typing import Any

from packages.demo.catalogue import Plan, Release
from packages.demo.readmes import camel, pascal, readme
from packages.wire import Upload
from packages.wire.intents import Spooled


class Packer:
    """Packs the versions of one package. spool: the folder that uploads arrive in."""

    def __init__(self, plan: Plan, spool: Path) -> None:
        self._plan, self._spool = plan, spool
        self._readme = readme(random.Random(plan.name), plan)  # noqa: S311 - to look random, not to be it # nosec B311

    def upload(self, release: Release) -> Upload:
        """One version, as a publish of it arrives."""
        plan = self._plan
        manifest = self._manifest(release)
        data = _tarball(manifest, self._files(release))
        path = self._spool / f"demo-{uuid.uuid4().hex}.tgz"
        path.write_bytes(data)
        sha1 = hashlib.sha1(data, usedforsecurity=False).hexdigest()
        spooled = Spooled(path, len(data), hashlib.sha512(data).digest(), sha1)
        level = "public" if plan.public else "restricted"
        return Upload(plan.name, release.number, manifest, (release.tag,), level, spooled)

    def _manifest(self, release: Release) -> dict[str, Any]:
        plan = self._plan
        manifest = {
            "name": plan.name,
            "version": release.number,
            "description": plan.description,
            "keywords": plan.keywords,
            "license": plan.licence,
            "repository": {
                "type": "git",
                "url": f"git+https://git.example.com/{plan.holder or 'shared'}/{plan.base}.git",
            },
            "homepage": f"https://docs.example.com/{plan.base}",
            "main": "dist/index.js",
            "types": "dist/index.d.ts",
            "files": ["dist", "src"],
            "engines": {"node": ">=18"},
            "scripts": {"test": "node --test"},
            "dependencies": plan.uses,
        }
        if plan.kind in ("react", "vue"):
            manifest |= {
                "peerDependencies": {plan.kind: ">=3"},
                "peerDependenciesMeta": {plan.kind: {"optional": True}},
            }
        if plan.kind == "cli":
            manifest["bin"] = {plan.base: "dist/cli.js"}
        return manifest

    def _files(self, release: Release) -> dict[str, str]:
        plan = self._plan
        it, cls = camel(plan.base), pascal(plan.base)
        requires = "".join(f"const {_variable(name)} = require('{name}')\n" for name in plan.uses)
        inner = "".join(f"    {_variable(name)}: {_variable(name)}.version,\n" for name in plan.uses)
        files = {
            "README.md": self._readme,
            "LICENSE": _licence(plan),
            "CHANGELOG.md": self._changes(release),
            "dist/index.js": (
                f"'use strict'\n{requires}\nconst version = '{release.number}'\n\n"
                f"/** {plan.description} */\nfunction create{cls}(options = {{}}) {{\n"
                f"  const settings = {{ timeout: 2000, retries: 3, ...options }}\n"
                f"  return {{\n    settings,\n{inner}"
                f"    async run(request) {{\n"
                f"      return {{ id: '{it}_' + Date.now().toString(36), request }}\n    }},\n  }}\n"
                f"}}\n\nmodule.exports = {{ create{cls}, version }}\n"
            ),
            "dist/index.d.ts": (
                f"export interface {cls}Options {{\n  timeout?: number\n  retries?: number\n}}\n\n"
                f"export interface {cls} {{\n  readonly settings: {cls}Options\n"
                f"  run(request: unknown): Promise<{{ id: string; request: unknown }}>\n}}\n\n"
                f"export declare function create{cls}(options?: {cls}Options): {cls}\n"
                "export declare const version: string\n"
            ),
            "src/index.ts": (
                f"import type {{ {cls}, {cls}Options }} from '../dist/index.js'\n\n"
                f"export const version = '{release.number}'\n\n"
                f"export function create{cls}(options: {cls}Options = {{}}): {cls} {{\n"
                "  const settings = { timeout: 2000, retries: 3, ...options }\n"
                "  return { settings, run: async (request) => ({ id: crypto.randomUUID(), request }) }\n}\n"
            ),
        }
        if plan.kind == "cli":
            files["dist/cli.js"] = (
                "#!/usr/bin/env node\nconst { version } = require('./index.js')\n"
                f"console.log('{plan.base} ' + version)\n"
            )
        if plan.kind == "styles":
            files["dist/index.css"] = (
                f".{plan.base} {{\n  color: var(--ink);\n  border-radius: var(--radius, 8px);\n}}\n"
            )
        return files

    def _changes(self, release: Release) -> str:
        older = [each for each in self._plan.releases if each.at <= release.at][::-1][:12]
        words = ("Clearer errors.", "Fewer allocations.", "Fixes a race on shutdown.", "Types for the new options.")
        return "# Changes\n\n" + "\n\n".join(
            f"## {each.number} ({each.at:%Y-%m-%d})\n\n- {words[len(each.number) * each.at.day % len(words)]}"
            for each in older
        )


def _tarball(manifest: dict[str, Any], files: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, text in {"package.json": json.dumps(manifest, indent=2), **files}.items():
            entry = tarfile.TarInfo(f"package/{path}")
            entry.mode = 0o755 if path == "dist/cli.js" else 0o644
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return gzip.compress(packed.getvalue(), compresslevel=6, mtime=0)


def _variable(name: str) -> str:
    return camel(name.removeprefix("@").replace("/", "-"))


def _licence(plan: Plan) -> str:
    if plan.licence == "UNLICENSED":
        return "All rights reserved. For use inside the company only.\n"
    return f"SPDX-License-Identifier: {plan.licence}\n\nCopyright the authors of {plan.name}.\n"
