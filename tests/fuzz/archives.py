"""Tarballs, and the bodies that bring them."""

from __future__ import annotations

import atexit
import base64
import gzip
import hashlib
import io
import shutil
import tarfile
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from packages import tarballs, wire
from packages.names import PackageName, clean_version
from packages.stock import bundles
from packages.tarballs import Limits
from registry_site.errors import Malformed, Refusal
from tests.fuzz.harness import JSON_WORDS, Harness
from tests.pure import payloads

LIMITS = Limits(entries=64, unpacked=1 << 20, metadata=4096, package_json=1 << 16)
BLOCK = 512
AS_IT_IS = b"\0"
NUMBERS = ((100, 108), (108, 116), (116, 124), (136, 148), (329, 337), (337, 345))
NAME = PackageName("acme", "widget")
MOST = 1 << 20


def tarball(data: bytes) -> bool:
    """Whatever is let in is a list of plain files, the same to every reader; after a first byte of 0 it is gzip."""
    packed = data[1:] if data.startswith(AS_IT_IS) else gzip.compress(_sealed(data), 1, mtime=0)
    try:
        facts = tarballs.inspect(io.BytesIO(packed), limits=LIMITS)  # type: ignore[arg-type]  # read like a file
    except Refusal:
        return False
    listed = tarballs.listing(io.BytesIO(packed), limits=LIMITS)
    files = [(path, size) for path, size, _ in facts.files]
    assert [(path, file.size) for path, file in listed.items()] == files
    for path, _ in files:
        assert "\\" not in path, path
        assert not {"", ".", ".."} & set(path.split("/")), path
    if not data.startswith(AS_IT_IS):
        try:
            with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
                second = [(each.name.partition("/")[2], each.size) for each in archive if each.isfile()]
        except tarfile.ReadError:  # it asks for zeros behind the last file, too
            return True
        assert second == files, "the standard library reads something else"
    return True


def _sealed(data: bytes) -> bytes:
    # With right checksums, or nothing of it is looked at; and with modes, owners and times that are numbers, which
    # the standard library asks for and we do not.
    done, at = bytearray(data), 0
    while at + BLOCK <= len(done) and any(done[at : at + BLOCK]):
        block = done[at : at + BLOCK]
        for start, end in NUMBERS:
            block[start:end] = b"0" * (end - start - 1) + b"\0"
        done[at : at + BLOCK] = payloads.sealed(block)
        digits = bytes(done[at + 124 : at + 136]).strip(b"\0 ")
        size = int(digits, 8) if digits and all(each in b"01234567" for each in digits) else 0
        at += BLOCK + size + -size % BLOCK
    return bytes(done)


def publish(data: bytes) -> bool:
    """A body is understood the same way in one piece and in many, and nothing stays behind of what is refused."""
    whole, pieces = _published(data, len(data) or 1), _published(data, 7)
    assert whole == pieces, (whole, pieces)
    return whole is not None


def _published(data: bytes, step: int) -> Any:
    spool = _spool()
    try:
        stream = payloads.Pieces(data[at : at + step] for at in range(0, len(data), step))
        found = wire.read_put(NAME, stream, len(data), spool=spool, max_tarball=MOST)
    except Refusal:
        assert not list(spool.iterdir())
        return None
    if not isinstance(found, wire.Upload):
        return found
    with found.tarball.path.open("rb") as file:
        assert hashlib.file_digest(file, "sha512").digest() == found.tarball.sha512
    found.tarball.discard()
    assert (found.name, clean_version(found.version)) == (NAME.full, found.version)
    return found.version, found.manifest, found.tags, found.access, found.tarball.sha512, found.provenance, found.readme


def revision(data: bytes) -> bool:
    """What changes a document is an intent, or refused."""
    try:
        wire.read_revision_put(NAME, io.BytesIO(data), len(data))
    except Refusal:
        return False
    return True


def bundle(data: bytes) -> bool:
    """A file from another registry's mirror is what its manifest announced, to the last byte, or refused."""
    read = 0
    try:
        reader = bundles.Reader(io.BytesIO(data))
        for each in reader.packages:
            for part in (each.packument, *each.tarballs.values()):
                read += sum(map(len, reader.part(part)))
        reader.close()
    except Malformed:
        return False
    assert read <= len(data)
    return True


def _bundle() -> bytes:
    output = io.BytesIO()
    parts = [bundles.Part(len(each), hashlib.sha512(each).hexdigest()) for each in (b"a", b"bc")]
    writer = bundles.Writer(output, [bundles.Bundled("widget", "a.example", True, parts[0], {"1.0.0": parts[1]})])
    for part, body in zip(parts, (b"a", b"bc"), strict=True):
        writer.add(part, io.BytesIO(body))
    writer.close()
    return output.getvalue()


@cache
def _spool() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _plain(*parts: bytes) -> bytes:
    return payloads.PACKAGE_JSON + b"".join(parts) + bytes(1024)


_BODY = payloads.body(payloads.publish_document(data=payloads.tarball()))
HARNESSES = (
    Harness(
        "tarball",
        tarball,
        (payloads.PACKAGE_JSON, payloads.entry("package/x", b"abc"), payloads.entry("package/a/", b"", b"5"),
         payloads.pax(path="package/\u00fc"), payloads.pax(size="3"), payloads.entry("package/y", b"", b"2"),
         payloads.entry("././@LongLink", b"package/z\0", b"L"), bytes(512), bytes(1024), AS_IT_IS, b"package/", b"../"),
        (_plain(), _plain(payloads.entry("package/lib/x.js", b"x" * 600)), AS_IT_IS + payloads.tarball(),
         _plain(payloads.pax(path="package/" + "x" * 120), payloads.entry("package/x", b"abc"))),
    ),
    Harness(
        "publish",
        publish,
        (*JSON_WORDS, b'"_attachments":', b'"@acme/widget-1.0.0.tgz":', b'"data":"', base64.b64encode(b"abcd"),
         b'"_rev":',
         b'"versions":', b'"1.0.0":', b'"dist":', b'"dist-tags":', b'"deprecated":', b'"users":',
         b'"name":"@acme/widget"'),
        (_BODY, payloads.body(payloads.publish_document(access="public")),
         b'{"_id":"@acme/widget","_rev":"1-x","versions":{"1.0.0":{"deprecated":"old"}}}'),
    ),
    Harness(
        "revision",
        revision,
        (*JSON_WORDS, b'"versions":', b'"maintainers":', b'"users":', b'"_rev":"1-x"', b'{"name":"uma"}'),
        (b'{"_id":"@acme/widget","_rev":"1-x","versions":{"1.0.0":{}},"dist-tags":{"latest":"1.0.0"}}',
         b'{"_id":"@acme/widget","maintainers":[{"name":"uma"}]}'),
    ),
    Harness(
        "bundle",
        bundle,
        (*JSON_WORDS, bytes(512), b"manifest.json", b'"packages":', b'"tarballs":', b'"size":1', b"ustar"),
        (_bundle(),),
    ),
)  # fmt: skip
