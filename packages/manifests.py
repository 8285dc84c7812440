"""The manifest a registry serves: made from the tarball's package.json, never from what a client claims (pure)."""

from __future__ import annotations

import posixpath
import re
from typing import Any

from packages.names import clean_version
from packages.tarballs import Facts
from registry_site.errors import Invalid
from registry_site.strictjson import SURROGATE, texts

MAX_DEPENDENCIES = 2_000
MAX_RANGE = 1_024
MAX_DESCRIPTION = 64 * 1024
MAX_MESSAGE = 1_024
MAX_SENT = 128
MAX_LICENSE = 100

DEPENDENCIES = ("dependencies", "optionalDependencies", "peerDependencies", "devDependencies")
PLATFORM = ("os", "cpu", "libc")
INSTALL_SCRIPTS = frozenset({"preinstall", "install", "postinstall"})
SENT_FIELDS = ("gitHead", "_nodeVersion", "_npmVersion")

# The server's to say, or copies of what is said elsewhere; whatever begins with `_` is dropped as well.
_SERVER_FIELDS = frozenset(
    "dist maintainers deprecated readme readmeFilename hasInstallScript integrity shasum users time".split()
)
_BIN_FOLDER = re.compile(r"(?:\.[/\\])?node_modules[/\\]\.bin[/\\]")
_SHORTHAND = re.compile(r"[\w.-]+/[\w.-]+(?:#.*)?")
_PROTOCOL = re.compile(r"(?:git\+)?(?:https?|ssh|git)://")
_HOSTS = {"github:": "github.com/", "gitlab:": "gitlab.com/", "bitbucket:": "bitbucket.org/"}
_REBUILD = "node-gyp rebuild"
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def derive(facts: Facts, sent: dict[str, Any]) -> dict[str, Any]:
    """The manifest to serve, without what the server adds (`dist`, `_npmUser`, `maintainers`, `deprecated`).

    facts: of the tarball; its package.json is normalised as npm does for what clients read.
    sent: the client's manifest, of which only where and with what it was published is taken.
    Raises Invalid when the package.json has no name or no version.
    Source: `npm publish`.
    """
    manifest = normalise(facts.package_json)
    if not isinstance(manifest.get("name"), str) or "version" not in manifest:
        raise Invalid("the tarball's package.json has no name, or no version like 1.2.3", code="package_json")
    _add_install_script(manifest, facts)
    _add_bin_folder(manifest, facts)
    manifest |= {key: sent[key] for key in SENT_FIELDS if _is_short_text(sent.get(key))}
    if facts.has_shrinkwrap:
        manifest["_hasShrinkwrap"] = True
    return manifest | {"_id": f"{manifest['name']}@{manifest['version']}"}


def differences(package_json: dict[str, Any], sent: dict[str, Any]) -> list[str]:
    """The fields that matter to who installs and that the client told otherwise than its tarball does.

    Both sides are normalised first, because every client rewrites: npm up to 8 copies optional dependencies into
    `dependencies`, yarn 1 takes them out; npm adds `start` and `install` scripts, drops texts that are none, makes
    `bin` an object and git shorthands addresses; yarn 1 and npm 2 drop odd `bin` entries, bun keeps folders in their
    names. Scripts that only the client names are no difference: a `prepack` that disables them for the tarball and a
    `postpack` that brings them back are common, and the tarball's word is what is served.
    Source: `npm publish` with npm 2, 6, 8, 10, 11, 12, pnpm 9, 12, yarn 1, 4, bun 1, recorded.
    """
    kept, claimed = normalise(package_json), normalise(sent)
    agreements = {
        "name": kept.get("name") == claimed.get("name"),
        "version": kept.get("version") == claimed.get("version"),
        "dependencies": _installed(kept) == _installed(claimed),
        "optionalDependencies": _sources(kept, "optionalDependencies") == _sources(claimed, "optionalDependencies"),
        "peerDependencies": _sources(kept, "peerDependencies") == _sources(claimed, "peerDependencies"),
        "peerDependenciesMeta": kept.get("peerDependenciesMeta") == claimed.get("peerDependenciesMeta"),
        "bundleDependencies": _bundles_agree(package_json, kept, claimed),
        "bin": _bins_agree(package_json, kept, claimed),
        "scripts": _scripts_agree(kept.get("scripts", {}), claimed.get("scripts", {})),
        "engines": not isinstance(package_json.get("engines"), dict) or kept.get("engines") == claimed.get("engines"),
        **{field: kept.get(field, []) == claimed.get(field, []) for field in PLATFORM},
        "hasInstallScript": sent.get("hasInstallScript") is not False or not _has_install_script(kept),
    }
    return [field for field, agrees in agreements.items() if not agrees]


def normalise(package_json: dict[str, Any]) -> dict[str, Any]:
    """A package.json, or a manifest made of one, in the one shape that clients read; what cannot be read is dropped."""
    source = package_json
    manifest = {key: value for key, value in source.items() if not key.startswith("_") and key not in _SERVER_FIELDS}
    fields: dict[str, Any] = {
        "version": _version(source.get("version")),
        "bundleDependencies": _bundled(source),
        "bundledDependencies": None,
        "bin": _bins(source),
        "scripts": _scripts(source.get("scripts")),
        "engines": _strings(source.get("engines")),
        "peerDependenciesMeta": _mapping(source.get("peerDependenciesMeta")),
        "gypfile": False if source.get("gypfile") is False else None,
        **{field: _ranges(source.get(field)) for field in DEPENDENCIES},
        **{field: _list(source.get(field)) for field in PLATFORM},
    }
    manifest.update(fields)
    return {key: value for key, value in manifest.items() if key not in fields or (value is False or value)}


def check(manifest: dict[str, Any]) -> None:
    """Refuse what would hurt those who read the manifest. Raises Invalid.

    Source: `npm publish`.
    """
    for field in DEPENDENCIES:
        ranges = _ranges(manifest.get(field))
        if len(ranges) > MAX_DEPENDENCIES:
            raise Invalid(f"{field} has more than {MAX_DEPENDENCIES} entries", code="dependencies")
        if any(len(text) > MAX_RANGE for text in ranges.values()):
            raise Invalid(f"{field} has a range of more than {MAX_RANGE} characters", code="dependencies")
    if has_key(manifest, "__proto__"):
        # Assigning it to a plain JavaScript object changes the object itself.
        raise Invalid("the manifest has a key __proto__", code="forbidden_key")
    if any("\0" in text or SURROGATE.search(text) for text in texts(manifest)):
        raise Invalid("the manifest has a text with a NUL or half of a character", code="bad_text")
    if len(str(manifest.get("description", ""))) > MAX_DESCRIPTION:
        raise Invalid(f"the description is over {MAX_DESCRIPTION // 1024} kB", code="description")


def license_of(manifest: dict[str, Any]) -> str:
    """What a manifest says about its licence, the old way (`{"type": "MIT"}`) too; "" when it says nothing."""
    value = manifest.get("license")
    value = value.get("type") if isinstance(value, dict) else value
    return " ".join(value.split())[:MAX_LICENSE] if isinstance(value, str) else ""


def has_key(value: Any, key: str) -> bool:
    """Whether an object anywhere inside a parsed JSON value has this key."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if key in part:
                return True
            waiting.extend(each for each in part.values() if isinstance(each, dict | list))
        elif isinstance(part, list):
            waiting.extend(each for each in part if isinstance(each, dict | list))
    return False


def clean_message(text: str) -> str:
    """A deprecation message that is safe to print in a terminal; "" undoes one.

    Raises Invalid when it is over 1 kB or has control characters.
    Source: `npm deprecate PKG@RANGE TEXT`.
    """
    if len(text.encode(errors="replace")) > MAX_MESSAGE:
        raise Invalid("a deprecation message has at most 1 kB", code="message")
    if _UNPRINTABLE.search(text) or SURROGATE.search(text):
        raise Invalid("a deprecation message is one line without control characters", code="message")
    return text.strip()


def _add_install_script(manifest: dict[str, Any], facts: Facts) -> None:
    scripts = manifest.get("scripts", {})
    if facts.has_gyp and manifest.get("gypfile") is not False and not scripts.keys() & {"preinstall", "install"}:
        manifest |= {"scripts": scripts | {"install": _REBUILD}, "gypfile": True}
    if _has_install_script(manifest):
        manifest["hasInstallScript"] = True


def _has_install_script(manifest: dict[str, Any]) -> bool:
    return bool(manifest.get("scripts", {}).keys() & INSTALL_SCRIPTS)


def _add_bin_folder(manifest: dict[str, Any], facts: Facts) -> None:
    folder = _bin_folder(manifest)
    if folder and "bin" not in manifest:
        inside = [path for path, _, _ in facts.files if path.startswith(folder) and "/." not in f"/{path}"]
        if inside:
            manifest["bin"] = {posixpath.basename(path): path for path in inside}


def _bin_folder(manifest: dict[str, Any]) -> str:
    folder = _strings(manifest.get("directories")).get("bin", "")
    return _inside(folder) + "/" if _inside(folder) else ""


def _version(text: Any) -> str | None:
    try:
        return clean_version(text) if isinstance(text, str) else None
    except Invalid:
        return None


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _strings(value: Any) -> dict[str, str]:
    return {key: text for key, text in _mapping(value).items() if isinstance(text, str)}


def _list(value: Any) -> list[str]:
    values = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return [text for text in values if isinstance(text, str) and text]


def _ranges(value: Any) -> dict[str, str]:
    # Before there were objects there were lists: ["a", "b@^2"].
    if isinstance(value, str | list):
        texts_of_old = value.split() if isinstance(value, str) else _list(value)
        return {name: text for name, _, text in (old.partition("@") for old in texts_of_old) if name}
    return _strings(value)


def _scripts(value: Any) -> dict[str, str]:
    # npm puts that folder on the path and takes it off the text.
    starts = {name: _BIN_FOLDER.match(text) for name, text in _strings(value).items()}
    return {name: value[name][match.end() if match else 0 :] for name, match in starts.items()}


def _bundled(source: dict[str, Any]) -> list[str]:
    value = source.get("bundleDependencies", source.get("bundledDependencies"))
    if value is True:
        return sorted(_ranges(source.get("dependencies")))
    return list(value) if isinstance(value, dict) else _list(value)


def _bins(source: dict[str, Any]) -> dict[str, str]:
    value = source.get("bin")
    if isinstance(value, str):
        name = source.get("name")
        value = {name: value} if isinstance(name, str) else {}
    elif isinstance(value, list):
        value = {text: text for text in _list(value)}
    # A name is one file in a folder of commands, a path stays inside the package.
    entries = [(_inside(name.replace(":", "/")), _inside(path)) for name, path in _strings(value).items()]
    return {posixpath.basename(name): path for name, path in entries if name and path}


def _inside(path: str) -> str:
    return posixpath.normpath("/" + path.replace("\\", "/")).lstrip("/")


def _installed(manifest: dict[str, Any]) -> dict[str, str]:
    # What is optional may stand here too or not; npm gives every bundled name that is missing the range "*".
    optional, bundled = manifest.get("optionalDependencies", {}), manifest.get("bundleDependencies", [])
    ranges = _sources(manifest, "dependencies")
    given = {name for name, text in ranges.items() if text == "*" and name in bundled}
    return {name: text for name, text in ranges.items() if name not in optional and name not in given}


def _sources(manifest: dict[str, Any], field: str) -> dict[str, str]:
    return {name: _source(text) for name, text in manifest.get(field, {}).items()}


def _source(text: str) -> str:
    # npm writes git addresses anew: `u/r` becomes `github:u/r`, `git@github.com:u/r` becomes `git+ssh://...`.
    if _SHORTHAND.fullmatch(text):
        text = f"github:{text}"
    for prefix, host in _HOSTS.items():
        text = text.replace(prefix, host, 1) if text.startswith(prefix) else text
    if "github.com" not in text and "gitlab.com" not in text and "bitbucket.org" not in text:
        return text
    address, mark, commit = text.partition("#")
    address = _PROTOCOL.sub("", address, count=1).rpartition("@")[2].replace(":", "/").removesuffix(".git")
    return address + mark + commit


def _bundles_agree(package_json: dict[str, Any], kept: dict[str, Any], claimed: dict[str, Any]) -> bool:
    if True in (package_json.get("bundleDependencies"), package_json.get("bundledDependencies")):
        return True  # every client counts another set of dependencies as all of them
    return set(kept.get("bundleDependencies", [])) == set(claimed.get("bundleDependencies", []))


def _bins_agree(package_json: dict[str, Any], kept: dict[str, Any], claimed: dict[str, Any]) -> bool:
    here, there = kept.get("bin", {}), claimed.get("bin", {})
    if not here:
        folder = _bin_folder(package_json)
        return all(folder and path.startswith(folder) for path in there.values())
    written = package_json["bin"]
    required = {
        name
        for name, path in here.items()
        if isinstance(written, str) or (isinstance(written, dict) and written.get(name) in (path, f"./{path}"))
    }
    return there.items() <= here.items() and required <= there.keys()


def _scripts_agree(kept: dict[str, str], claimed: dict[str, str]) -> bool:
    return (kept.keys() & INSTALL_SCRIPTS) <= claimed.keys() and all(
        kept[name] == claimed[name] for name in kept.keys() & claimed.keys()
    )


def _is_short_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_SENT and not _UNPRINTABLE.search(value)
