"""TEMPORARY"""
import base64, hashlib, json, tempfile
from dataclasses import dataclass
from pathlib import Path
from registry_site.errors import *
@dataclass(frozen=True)
class Spooled:
    path: Path; size: int; sha512: bytes; sha1: str
    @property
    def integrity(self): return "sha512-"+base64.b64encode(self.sha512).decode()
    def discard(self): self.path.unlink(missing_ok=True)
@dataclass(frozen=True)
class Upload:
    name: str; version: str; manifest: dict; tags: tuple; access: str|None; tarball: Spooled; provenance: str|None=None
@dataclass(frozen=True)
class Deprecation:
    revision: str|None; messages: dict
@dataclass(frozen=True)
class Unpublication:
    revision: str|None; versions: frozenset; tags: dict
@dataclass(frozen=True)
class OwnerList:
    revision: str|None; names: tuple
@dataclass(frozen=True)
class Stars:
    users: frozenset
def read_put(name, stream, length, *, spool, max_tarball):
    d=json.loads(stream.read(length))
    for k,a in (d.get("_attachments") or {}).items():
        if k.endswith(".tgz"):
            b=base64.b64decode(a["data"]); p=Path(tempfile.mktemp(dir=spool)); p.write_bytes(b)
            v=next(iter(d["versions"])); 
            return Upload(d["name"], v, d["versions"][v], tuple(d["dist-tags"]), {"private":"restricted"}.get(d.get("access"),d.get("access")), Spooled(p,len(b),hashlib.sha512(b).digest(),hashlib.sha1(b).hexdigest()))
    return Deprecation(d.get("_rev"), {v:m["deprecated"] for v,m in d["versions"].items() if "deprecated" in m})
def read_revision_put(name, stream, length):
    d=json.loads(stream.read(length))
    if "versions" in d: return Unpublication(d.get("_rev"), frozenset(d["versions"]), d.get("dist-tags"))
    return OwnerList(d.get("_rev"), tuple(m["name"] for m in d["maintainers"]))
def read_access(body):
    return body["access"]
