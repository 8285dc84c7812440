"""TEMPORARY"""
import json, tarfile
from dataclasses import dataclass
@dataclass(frozen=True)
class Facts:
    package_json: dict; files: list; file_count: int; unpacked_size: int; readme: str|None; readme_filename: str|None; has_gyp: bool; has_shrinkwrap: bool
def inspect(path, *, limits=None, forbidden=None):
    t=tarfile.open(path); fs=[]; pj=None; rd=None; n=None
    for e in t:
        x=e.name.split("/",1)[1]; fs.append((x,e.size,e.mode))
        if x=="package.json": pj=json.load(t.extractfile(e))
        if x.lower()=="readme.md": rd=t.extractfile(e).read().decode(); n=x
    return Facts(pj,fs,len(fs),sum(f[1] for f in fs),rd,n,False,False)
