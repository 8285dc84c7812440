"""Manifests of the size and the variety that those of real packages have: 3 to 4 kB a version, none like the next.

What differs between two versions of a real package differs here too: a few ranges of dependencies, a script now and
then, and all that is a digest or a signature. A packument made of one manifest over and over would pack far too well.
"""

from __future__ import annotations

import base64
import hashlib
import random
from datetime import UTC, datetime, timedelta
from typing import Any

NEWEST = datetime(2026, 1, 1, tzinfo=UTC)
_STEMS = """abort accept array assert async babel buffer bundle cache chalk chunk cli color compress config content
    cookie core crypto date debug deep diff dot encode engine env error escape eslint event express fast fetch file
    find flat form format fresh function glob graph hash header helper http iconv import index inherit inspect json
    keyed lazy lint load lock lodash log loose map merge method micro mime min mock module morgan multi name nano node
    normal object open options order parse path pick plugin pool prettier process promise proxy query queue range raw
    react read regex request resolve retry router safe schema semver send serve session shim simple source split stack
    static stream string style syntax task test text throttle token tool trace tree type uniq url util valid vary visit
    walk watch web worker wrap write yaml yargs""".split()
_ENDINGS = ("", "-js", "-utils", "-loader", "-core", "-types", "-parser", "-plugin", "er", "-lite")
_PEOPLE = """Ada Arlo Bea Carl Dina Eli Fay Gus Hana Ivo Jade Kai Lena Milo Nora Otto Pia Quin Rosa Sven Tara Udo Vera
    Wim Xena Yann Zoe""".split()
_SCRIPTS = """build build:types clean coverage docs format lint lint:fix prepare prepublishOnly pretest release size
    test test:browser test:ci test:watch typecheck""".split()


def number(place: int) -> str:
    """The version number at this place of a package's history."""
    return f"{1 + place // 400}.{place // 20 % 20}.{place % 20}"


def moment(place: int, count: int) -> datetime:
    """When the version at this place of so many was published: some hours after the one before."""
    return NEWEST - timedelta(
        hours=7 * (count - place), seconds=(place * 7919) % 20_000, milliseconds=place * 37 % 1000
    )


def manifest(name: str, place: int) -> dict[str, Any]:
    """What the package.json of the version at this place says, name and version aside."""
    steady, era, this = (random.Random(f"{name} {part}") for part in ("", place // 20, place))
    people = steady.sample(_PEOPLE, 7)
    needs = steady.sample(_names(steady, 70), 50)
    ranges = {each: f"^{steady.randrange(1, 9)}.{era.randrange(20)}.{era.randrange(9)}" for each in needs}
    for each in this.sample(needs, 5):
        ranges[each] = f"^{this.randrange(1, 9)}.{this.randrange(20)}.{this.randrange(30)}"
    where = f"https://code.example/{name}"
    return {
        "description": " ".join(steady.sample(_STEMS, 14)),
        "keywords": steady.sample(_STEMS, 10),
        "author": {"name": f"{people[0]} Example", "email": f"{people[0].lower()}@example.com"},
        "contributors": [{"name": f"{each} Example", "email": f"{each.lower()}@example.com"} for each in people[1:]],
        "license": "MIT",
        "homepage": f"{where}#readme",
        "repository": {"type": "git", "url": f"git+{where}.git", "directory": f"packages/{name}"},
        "bugs": {"url": f"{where}/issues"},
        "funding": {"type": "opencollective", "url": f"{where}/funding"},
        "main": "./dist/index.cjs",
        "module": "./dist/index.mjs",
        "types": "./dist/index.d.ts",
        "exports": {
            ".": {"types": "./dist/index.d.ts", "import": "./dist/index.mjs", "require": "./dist/index.cjs"},
            "./package.json": "./package.json",
        },
        "sideEffects": False,
        "engines": {"node": f">={14 + 2 * (place // 400)}"},
        "scripts": {each: f"{this.choice(('run', 'exec', 'node'))} tools/{each}.js --strict" for each in _SCRIPTS},
        "dependencies": {each: ranges[each] for each in sorted(needs[:18])},
        "devDependencies": {each: ranges[each] for each in sorted(needs[18:46])},
        "peerDependencies": {each: ranges[each] for each in sorted(needs[46:])},
        "gitHead": this.randbytes(20).hex(),
    }


def dist(name: str, place: int) -> dict[str, Any]:
    """What is said of a tarball that nobody downloads: digests, sizes and a signature, as long as real ones."""
    noise = random.Random(f"{name} {place} dist")
    return {
        "integrity": f"sha512-{base64.b64encode(noise.randbytes(64)).decode()}",
        "shasum": hashlib.sha1(noise.randbytes(8)).hexdigest(),
        "fileCount": noise.randrange(10, 60),
        "unpackedSize": noise.randrange(40_000, 90_000),
        "signatures": [{"keyid": "SHA256:bench", "sig": base64.b64encode(noise.randbytes(71)).decode()}],
    }


def noise(size: int, seed: int = 1) -> str:
    """A text that takes about so many bytes when it is packed."""
    return random.Random(seed).randbytes(size // 2).hex()


def _names(noise: random.Random, count: int) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < count:
        plain = f"{noise.choice(_STEMS)}-{noise.choice(_STEMS)}{noise.choice(_ENDINGS)}"
        found[f"@{noise.choice(_STEMS)}/{plain}" if noise.random() < 0.2 else plain] = None
    return list(found)
