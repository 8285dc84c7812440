"""JSON of every kind, and what stands in it: manifests, packuments, provenance, lockfiles, ranges."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import nodesemver
import orjson

from packages import links, lockfiles, manifests, names, ranges, requirements, statements
from packages.lockfiles import found as lockfile_words
from packages.rules import licenses
from packages.tarballs import Facts
from packages.upstream import audits, reading
from registry_site import egress, strictjson
from registry_site.errors import Invalid, Malformed, Refusal
from tests.fuzz.harness import JSON_WORDS, Harness, text_of

LIMIT = 1 << 16
NUMBERS = ("0.0.0", "1.0.0-rc.1", "1.2.3", "2.0.0-alpha.10", "2.0.0", "10.20.30")
KINDS = tuple(lockfiles.KINDS)


def strict(data: bytes) -> bool:
    """What is taken is what every other parser reads, and can be written again."""
    try:
        value = strictjson.read(data, limit=LIMIT)
    except Refusal:
        return False
    assert value == json.loads(data, parse_int=strictjson._integer)
    assert orjson.loads(orjson.dumps(value)) == value
    return True


def manifest(data: bytes) -> bool:
    """A package.json of any shape is a manifest that can be served, or refused; what was put in shape keeps it."""
    try:
        said = strictjson.read(data, limit=LIMIT)
        if not isinstance(said, dict):
            return False
        shape = manifests.normalise(said)
        assert manifests.normalise(shape) == shape, (shape, manifests.normalise(shape))
        assert isinstance(manifests.differences(said, said), list)
        facts = Facts(
            said, [("bin/x", 1, 0o644), ("a/.b", 1, 0o644)], 2, 2, None, None, has_gyp=True, has_shrinkwrap=True
        )
        made = manifests.derive(facts, said)
        manifests.check(made)
    except Refusal:
        return False
    orjson.dumps(made)
    assert not manifests.has_key(made, "__proto__")
    for each in requirements.listed(made):
        ranges.is_range(each.range)
    licenses.is_blocked(manifests.license_of(made), ["GPL-*", "unknown"])
    for field in ("homepage", "bugs", "repository"):
        _linked(made.get(field))
    return True


def _linked(value: Any) -> bool:
    found = links.link(value)
    if found is None:
        return False
    assert found["address"].startswith(("http://", "https://"))
    assert "@" not in re.split(r"[/?#]", found["address"])[2]
    assert found["address"].isprintable()
    return True


def link(data: bytes) -> bool:
    """An address is one of the web, without a user name in it, or none."""
    text = text_of(data)
    one = statements.repository(text)
    assert one == "" or one.startswith("https://")
    assert statements.repository(one) == one
    try:
        target = egress.parse(text)
        assert target.scheme in ("http", "https")
        assert target.host
        assert 0 < target.port < 65536
        assert target.path.isascii()
        assert target.path.isprintable()
        assert " " not in target.path
    except egress.EgressError:
        pass
    return _linked(text)


def semver(data: bytes) -> bool:
    """Names, numbers, tags and ranges are what npm's own library takes them for."""
    text = text_of(data)
    for parse in (names.PackageName.parse, names.parse_version, names.clean_version, names.parse_tag):
        try:
            once = str(parse(text))
        except Invalid:
            continue
        assert str(parse(once)) == once
        assert once.isascii()
        assert "/" not in once.partition("/")[2]
        if parse is names.parse_version:
            assert str(nodesemver.valid(once, False)) == once
        if parse is names.parse_tag:
            assert not ranges.is_range(once) or once.lower() in ("latest",)
    held = ranges.inside(text, NUMBERS)
    assert set(held) <= set(NUMBERS)
    return ranges.is_range(text)


def packument(data: bytes) -> bool:
    """What another registry says is fit to be kept and served, or refused."""
    name = names.PackageName("", "widget")
    try:
        read = reading.read(data, name, is_full=data[:1] != b" ")
        stored = reading.pack(read.document)
    except (Invalid, Malformed):
        return False
    written = orjson.loads(reading.written(reading.unpack(stored), "http://localhost/npm"))
    assert written["name"] == "widget"
    assert set(written["versions"]) == set(read.versions)
    assert set(written["dist-tags"].values()) <= set(read.versions)
    for number, each in written["versions"].items():
        assert each["dist"]["tarball"] == f"http://localhost/npm/widget/-/widget-{number}.tgz"
        assert not manifests.has_key(each, "__proto__")
    return bool(read.versions)


def advisories(data: bytes) -> bool:
    """What another registry knows against a version is told in words that pages can show, or not at all."""
    try:
        said = audits._read(data, {"widget": {"1.0.0"}})
    except audits.UpstreamError:
        return False
    for each in said.values():
        each.clean_fields(exclude=["package", "at"])
        assert not each.url or each.url.startswith(("http://", "https://"))
    return bool(said)


def provenance(data: bytes) -> bool:
    """A bundle is read, or refused in one sentence."""
    try:
        claim = statements.read(text_of(data))
    except Invalid:
        return False
    assert all(isinstance(each, str) for each in claim.source.values())
    assert len(claim.sha512) == 128
    return True


def lockfile(data: bytes) -> bool:
    """The first byte says whose lockfile it is; what it asks for is versions, and what comes from elsewhere."""
    kind = KINDS[data[0] % len(KINDS)] if data else KINDS[0]
    try:
        found = lockfiles.read(kind, data[1:])
    except Refusal:
        return False
    for each in found.pinned.values():
        assert lockfile_words._NUMBER.fullmatch(each.number)
        assert isinstance(each.name, str)
        assert isinstance(each.integrity, str)
    return bool(found.pinned)


_VERSION = {"name": "widget", "version": "1.0.0", "dist": {"tarball": "http://x/w.tgz", "shasum": "a" * 40}}
_PACKUMENT = {"name": "widget", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": _VERSION},
              "time": {"1.0.0": "2026-01-31T12:00:00.000Z"}}  # fmt: skip
_LOCKED = {"lockfileVersion": 3, "packages": {"node_modules/a": {"version": "1.0.0"}}}
_YAML = b"lockfileVersion: '9.0'\npackages:\n  a@1.0.0:\n    resolution: {integrity: sha512-x}\n"
_BUILT = {
    "buildDefinition": {"externalParameters": {"workflow": {"repository": "https://a.example/b"}}},
    "runDetails": {},
}
_STATEMENT = {
    "_type": "https://in-toto.io/Statement/v1",
    "predicateType": "https://slsa.dev/provenance/v1",
    "subject": [{"name": "pkg:npm/widget@1.0.0", "digest": {"sha512": "a" * 128}}],
    "predicate": _BUILT,
}
_BUNDLE = {
    "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
    "dsseEnvelope": {
        "payloadType": "application/vnd.in-toto+json",
        "payload": base64.b64encode(orjson.dumps(_STATEMENT)).decode(),
        "signatures": [{}],
    },
}
HARNESSES = (
    Harness("json", strict, JSON_WORDS, (b'{"a": [1, 2.5, "\\u00e9", null, true]}', b"[]", b'"x"')),
    Harness(
        "manifest",
        manifest,
        (*JSON_WORDS, b'"bin":', b'"dependencies":', b'"bundleDependencies":true', b'"scripts":', b'"install":',
         b'"version":',
         b'"v1.0.0"', b'"peerDependenciesMeta":', b'"engines":', b'"directories":{"bin":"bin"}', b'"os":',
         b'"license":',
         b'"repository":', b'"git+https://a.example/b"', b'"../x"', b'"gypfile":false', b'"npm:@a/b@^1"', b'["a@1"]'),
        (b'{"name":"widget","version":"1.0.0","dependencies":{"a":"^1"},"bin":"x.js","scripts":{"install":"x"}}',
         b'{"name":"@a/b","version":" v1.0.0","bin":["a"],"dependencies":["b@1"],"license":{"type":"MIT"}}'),
    ),
    Harness(
        "link",
        link,
        (b"https://", b"http://", b"git+", b"git@", b"ssh://", b"github:", b"a/b", b".git", b"@", b":", b"#", b"?",
         b"[::1]",
         b"%0d%0a", b"\\", b"//", b"javascript:", b"\t", b"host.example", b":99999", b"xn--", b"\xc3\xa9"),
        (b"https://host.example/a/b", b"git+https://host.example/a.git", b"http://host.example:8080/x?y=1"),
    ),
    Harness(
        "semver",
        semver,
        (b"1.2.3", b"^", b"~", b">=", b"<", b" - ", b"||", b"*", b"x", b"-rc.1", b"+b", b"v", b"=", b" ", b"latest",
         b"@a/b",
         b"99999999999999999999", b"\xd9\xa1", b"0", b"."),
        (b"^1.2.3", b">=1 <2 || 3.x", b"1.0.0 - 2.0.0", b"~1.2.0-rc.1", b"*"),
    ),
    Harness(
        "packument",
        packument,
        (*JSON_WORDS, b'"time":', b'"0001-01-01T00:00:00+23:59"', b'"9999-12-31"', b'"dist-tags":', b'"versions":',
         b"[" * 40,
         b'"1.0.0":', b'"integrity":"sha512-x"', b'"signatures":', b'"deprecated":', b'"attestations":',
         b'"readme":'),
        (orjson.dumps(_PACKUMENT), orjson.dumps(_PACKUMENT | {"_id": "widget", "readme": "hi",
         "modified": "2026-01-01"})),
    ),
    Harness(
        "advisories",
        advisories,
        (*JSON_WORDS, b'"widget":', b'"id":1', b'"vulnerable_versions":"<1.0.1"', b'"cvss":', b'"score":9',
         b'"cwe":["CWE-1"]',
         b'"url":"https://a.example"', b'"severity":"high"', b'"title":'),
        (b'{"widget":[{"id":1,"vulnerable_versions":"<1.0.1","title":"x","severity":"high","url":"https://a.example/1"}]}',),
    ),
    Harness(
        "provenance",
        provenance,
        (*JSON_WORDS, b'"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"', b'"dsseEnvelope":',
         b'"payload":',
         b'"payloadType":"application/vnd.in-toto+json"', b'"signatures":[{}]', b'"verificationMaterial":',
         b'"tlogEntries":'),
        (orjson.dumps(_BUNDLE),),
    ),
    Harness(
        "lockfile",
        lockfile,
        (*JSON_WORDS, b"\0", b"\1", b"\2", b"\3", b"\4", b"lockfileVersion: '9.0'\n", b"packages:\n",
         b"  a@1.0.0:\n", b"\n  ",
         b"__metadata:\n", b"# yarn lockfile v1\n", b'"a@npm:^1":\n', b'  version "1.0.0"\n', b"&a ", b"*a ",
         b"!!python/object ",
         b"resolution: ", b"- ", b"? ", b"---\n", b",]", b'\\"'),
        (bytes([0]) + orjson.dumps(_LOCKED), bytes([2]) + _YAML,
         bytes([3]) + b'# yarn lockfile v1\na@^1:\n  version "1.0.0"\n',
         bytes([3]) + b'__metadata:\n  version: 8\n"a@npm:^1":\n  version: 1.0.0\n  resolution: "a@npm:1.0.0"\n',
         bytes([4]) + b'{"lockfileVersion": 1, "packages": {"a": ["a@1.0.0", "", {}, "sha512-x",],}}'),
    ),
)  # fmt: skip
