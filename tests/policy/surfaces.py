"""Every surface that shows or changes a package, and what it must answer for each cell of the grid."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import UUID

from django.db import transaction
from django.urls import get_resolver

from accounts.actor import Actor
from packages.models import Package, StagedVersion
from packages.packuments import revision_of
from tests.policy import world
from tests.tools import payloads
from tests.tools.sessions import sign_in

ABBREVIATED = "application/vnd.npm.install-v1+json"


@dataclass(frozen=True)
class Read:
    """A registry address that shows a package. route: its pattern in the address table."""

    route: str
    path: str
    method: str = "get"
    accept: str = "application/json"


READING = [
    Read("<package:name>", "{name}"),
    Read("<package:name>", "{name}", accept=ABBREVIATED),
    Read("<package:name>", "{name}", method="head"),
    Read("<package:name>", "{encoded}"),
    Read("<package:name>", "{name}?write=true"),
    Read("<package:name>/<str:spec>", "{name}/1.0.0"),
    Read("<package:name>/<str:spec>", "{name}/latest"),
    Read("<package:name>/-/<str:file>", "{name}/-/{base}-1.0.0.tgz"),
    Read("<package:name>/-/<str:file>", "{name}/-/{base}-1.0.0.tgz", method="head"),
    Read("-/npm/v1/attestations/<package:name>@<str:number>", "-/npm/v1/attestations/{encoded}@1.0.0"),
    Read("-/package/<package:name>/dist-tags", "-/package/{encoded}/dist-tags"),
    Read("-/package/<package:name>/visibility", "-/package/{encoded}/visibility"),
    Read("-/package/<package:name>/access", "-/package/{encoded}/access"),
    Read("-/package/<package:name>/collaborators", "-/package/{encoded}/collaborators"),
    Read("downloads/point/<str:period>/<path:names>", "downloads/point/last-week/{name}"),
    Read("downloads/range/<str:period>/<path:names>", "downloads/range/last-week/{encoded}"),
    Read("versions/<package:name>/<str:period>", "versions/{encoded}/last-week"),
]
LISTS = {
    "-/v1/search": "-/v1/search?text={base}&size=250",
    "-/all": "-/all",
    "-/all/since": "-/all/since?startkey=1",
    "-/_view/starredByUser": "-/_view/starredByUser?key=%22stella%22",
    "-/user/<str:user>/stars": "-/user/stella/stars",
    "-/org/<str:org>/package": "-/org/acme/package",
    "-/user/<str:user>/package": "-/user/uma/package",
}


@dataclass(frozen=True)
class Write:
    """A registry call that changes a package. letter: the right it needs, p or m; only: names that it applies to.

    The letter 2 needs m and a second factor, which nobody here has: it is refused to everyone.
    """

    route: str
    path: str
    method: str
    letter: str
    body: Any = None
    only: str = ""


WRITING = [
    Write("<package:name>", "{encoded}", "put", "p", "publish"),
    Write("<package:name>", "{encoded}", "put", "p", "deprecate"),
    Write("-/package/<package:name>/dist-tags/<str:tag>", "-/package/{encoded}/dist-tags/next", "put", "p", "1.0.0"),
    Write("-/package/<package:name>/dist-tags/<str:tag>", "-/package/{encoded}/dist-tags/next", "delete", "p"),
    Write("-/package/<package:name>/dist-tags", "-/package/{encoded}/dist-tags", "put", "p", {"next": "1.0.0"}),
    Write("-/package/<package:name>/dist-tags", "-/package/{encoded}/dist-tags", "post", "p", {"next": "1.0.0"}),
    Write("<package:name>/<str:spec>", "{encoded}/next", "put", "p", "1.0.0"),
    Write("-/package/<package:name>/owners", "-/package/{encoded}/owners", "put", "m", {"user": "dave"}, only="@uma/"),
    Write("-/package/<package:name>/owners/<str:user>", "-/package/{encoded}/owners/hugo", "delete", "m", only="@uma/"),
    Write("<package:name>/-rev/<str:revision>", "{encoded}/-rev/{revision}", "put", "m", "unpublish"),
    Write("<package:name>/-rev/<str:revision>", "{encoded}/-rev/{revision}", "delete", "m"),
    Write(
        "<package:name>/-/<str:file>/-rev/<str:revision>", "{name}/-/{base}-1.0.0.tgz/-rev/{revision}", "delete", "m"
    ),
    Write("<package:name>/-rev/<str:revision>", "{encoded}/-rev/{revision}", "put", "m", "owners", only="@uma/"),
    Write("-/package/<package:name>/access", "-/package/{encoded}/access", "post", "m", "flip", only="@"),
    Write("-/package/<package:name>/trust", "-/package/{encoded}/trust", "post", "2", "trust"),
    Write("-/package/<package:name>/trust/<str:key>", "-/package/{encoded}/trust/none", "delete", "2"),
    Write("<package:name>", "{encoded}", "put", "v", "star"),
    Write("-/user/v1/star", "-/user/v1/star", "put", "v", "star by name"),
    Write("-/user/package/<package:name>/star", "-/user/package/{encoded}/star", "put", "v"),
    Write("-/npm/v1/hooks/hook", "-/npm/v1/hooks/hook", "post", "v", "hook"),
    Write("-/stage/package/<package:name>", "-/stage/package/{encoded}", "post", "p", "publish"),
    Write("-/team/<str:org>/<str:team>/package", "-/team/acme/readers/package", "put", "m", "grant", only="@acme/"),
    Write("-/team/<str:org>/<str:team>/package", "-/team/acme/core/package", "delete", "m", "revoke", only="@acme/"),
]
PAGES = ["package/{name}", "package/{name}/v/1.0.0", "package/{name}/versions", "package/{name}/dependencies"]
PAGES += ["package/{name}/access", "package/{name}/activity"]
PAGES += ["package/{name}/code", "package/{name}/v/1.0.0/code", "package/{name}/v/1.0.0/code/package.json"]
PAGES += ["package/{name}/v/1.0.0/raw/package.json", "package/{name}/compare", "package/{name}/compare/1.0.0...1.0.0"]
PAGES += ["package/{name}/advisories"]
PAGES += ["package/{name}/dependents", "package/{name}/v/1.0.0/dependencies", "package/{name}/feed"]
PLACEHOLDERS = {"1.0.0...1.0.0": "<str:old>...<str:new>", "1.0.0": "<str:number>", "package.json": "<path:path>"}
FORMS = {  # route name: (address, what is sent, the right it needs, which names)
    "package-deprecate": ("package/{name}/deprecate", {"version": "1.0.0", "message": "old"}, "p", ""),
    "package-tags": ("package/{name}/versions/tags", {"tag": "lts", "version": "1.0.0"}, "p", ""),
    "package-unpublish": ("package/{name}/unpublish", {"version": "all", "confirm": "{name}"}, "m", ""),
    "package-level": ("package/{name}/access/level", {"access": "{other}", "confirm": "{name}"}, "m", "@"),
    "package-people": ("package/{name}/access/people", {"user": "dave", "permission": "read"}, "m", "@uma/"),
    "package-trust": ("package/{name}/settings/trust", {"kind": "github"}, "2", ""),
    "package-two-factor": ("package/{name}/settings/two-factor", {"asks": "publish"}, "2", ""),
    "package-advisories": ("package/{name}/advisories", {"range": "1.0.0", "severity": "low", "title": "Old"}, "m", ""),
    "package-star": ("package/{name}/star", {"starred": "yes"}, "v", ""),
    "package-teams": ("package/{name}/access/teams", {"team": "readers", "permission": "write"}, "m", "@acme/"),
}
MANAGED = [Read("-/package/<package:name>/trust", "-/package/{encoded}/trust")]  # to look at, for managers alone
MANAGED_PAGES = ["package/{name}/v/1.0.0/recall", "package/{name}/v/1.0.0/recall.csv", "package/{name}/settings"]
LIST_PAGES = ["search?q={base}", "~uma", "org/acme"]

STAGED = {  # what waits for a release, for those alone who may publish: addresses of the registry, then pages
    "-/stage/<str:key>": "-/stage/{key}",
    "-/stage/<str:key>/tarball": "-/stage/{key}/tarball",
}
STAGED_LIST = "-/stage"
STAGED_PAGES = {
    "package/<package:name>/staged": "package/{name}/staged",
    "package/<package:name>/staged/<uuid:key>": "package/{name}/staged/{key}",
    "package/<package:name>/staged/<uuid:key>/tarball": "package/{name}/staged/{key}/tarball",
}
# Approving and rejecting are asked cell by cell in tests/unit/test_staging.py.
DECIDED = {"-/stage/<str:key>/approve"} | {f"{list(STAGED_PAGES)[1]}/{word}" for word in ("approve", "reject")}
# For those who cannot see a package, and the same for every name: tests/unit/test_requests.py.
DECIDED |= {"package/<package:name>/ask"}
# About one advisory: tests/unit/test_advising.py.
DECIDED |= {"package/<package:name>/advisories/<str:key>", "package/<package:name>/advisories/<str:key>/withdraw"}
# For what is not listed, and the same for every name that is: tests/unit/test_returns.py.
DECIDED |= {"package/<package:name>/restore"}
# For versions that are recalled, once a day: tests/unit/test_recall.py.
DECIDED |= {"package/<package:name>/v/<str:number>/recall/warn"}
# For mirrored packages, whose rows here have no upstream: tests/unit/test_mirror_pages.py.
DECIDED |= {"package/<package:name>/fetch"}

# Addresses that are about no package, or are another spelling of one above.
ABOUT_NONE = (
    {"npm/<package:name>/-/<str:file>/-rev/<str:revision>"}
    | set(
        """-/ping -/whoami -/v1/login -/v1/done/<str:secret> -/user/org.couchdb.user:<str:name> -/user/token/<str:token>
    -/user/org.couchdb.user:<str:name>/-rev/<str:revision>
    -/org/<str:org>/user -/org/<str:org>/team -/team/<str:org>/<str:team> -/team/<str:org>/<str:team>/user
    -/npm/v1/hooks -/npm/v1/hooks/hook/<str:key> downloads/point/<str:period> downloads/range/<str:period>
    -/npm/v1/oidc/token/exchange/package/<package:name>
    -/leaked-tokens -/v1/approved/<str:secret> -/npm/v1/user -/npm/v1/tokens -/npm/v1/tokens/token/<str:key>
    -/npm/v1/keys -/npm/v1/security/advisories/bulk -/npm/v1/security/audits -/npm/v1/security/audits/quick""".split()
    )
    | {"", "<path:rest>", "-/<path:rest>"}
)


def listed_for(caller) -> dict[str, Any]:
    """What every list answers this caller, by its address: they are the same whatever package is asked about."""
    paths = {path.format(base=word) for path in LISTS.values() for word in ("private", "public", "loose", "lodash")}
    return {path: caller.get(path) for path in paths}


def check_read(surface: Read, caller, name: str, missing: str, cell: str, mode: str, who: str) -> None:
    """One registry address must answer as the cell says, and hidden must look like missing to the byte."""
    found = _fetch(surface, caller, name)
    where = (mode, name, who, surface.method, surface.path, found.status_code)
    if cell == "!":
        assert found.status_code == 401, where
    elif cell == "-":
        assert found.status_code == (401 if who == "nobody" and mode == "enterprise" else 404), where
        absent = _fetch(surface, caller, missing)
        assert _plain(found, name) == _plain(absent, missing), where
        assert _headers(found) == _headers(absent), where
        assert "if-none-match" not in found.headers
    else:
        assert found.status_code == 200, where


def check_lists(answers: dict[str, Any], name: str, cell: str, who: str) -> None:
    """A package is in what every list answered (`listed_for`) exactly when it may be seen."""
    listed = answers[LISTS["-/v1/search"].format(base=name.rpartition("/")[2])]
    names = [each["package"]["name"] for each in listed.json()["objects"]]
    assert (name in names) is (cell != "-"), (who, name, names)
    assert listed.json()["total"] == len(names)
    assert (name in answers[LISTS["-/all"]].json()) is (cell != "-"), (who, name)
    starred = answers[LISTS["-/_view/starredByUser"]], answers[LISTS["-/user/<str:user>/stars"]]
    if starred[0].status_code == 200:
        assert ({"value": name} in starred[0].json()["rows"]) is (name in starred[1].json()) is (cell != "-"), (
            who,
            name,
        )
    for route in ("-/org/<str:org>/package", "-/user/<str:user>/package"):
        answer = answers[LISTS[route]]
        holder = "@acme/" if "org" in route else ("@uma/", "loose")
        if answer.status_code == 200 and name.startswith(holder):
            assert (name in answer.json()) is (cell != "-"), (who, name, route)
        elif answer.status_code != 200:
            assert (answer.status_code, who) == (401, "nobody")


def check_write(surface: Write, caller, actor: Actor, name: str, cell: str, who: str, before: tuple) -> None:
    """One change must be done or refused as the cell says, and a refusal changes nothing.

    before: the snapshot of the world, which every one of these calls leaves as it was.
    """
    if not name.startswith(surface.only):
        return
    letters = {"-": "", "v": "v", "p": "vp", "m": "vpm", "!": ""}[cell] if who != "nobody" else ""
    with transaction.atomic():
        if surface.method == "delete" and surface.path.endswith("dist-tags/next"):
            package = Package.objects.get(name=name)
            package.tags.create(name="next", version=package.versions.get())
            before = world.snapshot()
        words = _words(name)
        answer = getattr(caller, surface.method)(surface.path.format(**words), _body(surface, name, actor))
        where = (name, who, surface.method, surface.path, surface.body, answer.status_code, answer.content[:300])
        if surface.letter in letters and ":" not in who:
            assert answer.status_code in (200, 201), where
            if "/-/{base}" not in surface.path:
                assert world.snapshot() != before, where
        else:
            assert answer.status_code == _refused_with(surface, cell, who), where
            assert set(answer.json()) == {"error", "message", "code"}, where
            assert world.snapshot() == before, where
        transaction.set_rollback(True)


def _refused_with(surface: Write, cell: str, who: str) -> int:
    if who == "nobody" or cell == "!":
        return 401
    if ":" in who or cell != "-" or surface.body == "publish":
        return 403  # what lacks is the caller's own, or it may be seen, or the scope alone decides
    return 404


def check_pages(
    client, actor: Actor, name: str, missing: str, cell: str, mode: str, turn: tuple[int, int], seen: dict
) -> None:
    """Pages about a package, and the pages that list packages.

    turn: which of those who stand alike this one is, and how many they are. A page that they all may see is asked for
    by one of them, each page by another; one that is hidden by everybody. seen: what pages of missing names said.
    """
    _sign_in(client, actor)
    place, alike = turn
    for number, page in enumerate(PAGES):
        if cell != "-" and number % alike != place:
            continue
        found = client.get("/" + page.format(name=name), headers={"accept": "text/html"})
        where = (mode, name, actor.name, page, found.status_code)
        if mode == "enterprise" and not actor.is_signed_in:
            assert found.status_code == 302, where
        elif cell == "-":
            assert found.status_code == 404, where
        else:
            assert found.status_code == 200, where
            continue
        like = (actor.name, page, name.partition("/")[0])
        if like not in seen:
            seen[like] = _plain(client.get("/" + page.format(name=missing), headers={"accept": "text/html"}), missing)
        assert _plain(found, name) == seen[like], where
    for page in LIST_PAGES:
        holder = {"~uma": ("@uma/", "loose"), "org/acme": "@acme/"}.get(page, "")
        if name.startswith(holder) and not (mode == "enterprise" and not actor.is_signed_in):
            shown = client.get("/" + page.format(**_words(name)), headers={"accept": "text/html"}).content.decode()
            assert (f'href="/package/{name}"' in shown) is (cell != "-"), (mode, name, actor.name, page)


def check_managed(client, caller, actor: Actor, name: str, cell: str, who: str) -> None:
    """What only those see who manage the package: in the registry, and as pages."""
    for surface in MANAGED:
        found = _fetch(surface, caller, name)
        if cell == "m" and ":" not in who:
            assert found.status_code == 200, (name, who, surface.path)
        else:
            refused = 401 if who == "nobody" or cell == "!" else 403 if ":" in who or cell != "-" else 404
            assert found.status_code == refused, (name, who, surface.path, found.content)
    if ":" in who:
        return
    _sign_in(client, actor)
    for page in MANAGED_PAGES:
        shown = client.get("/" + page.format(name=name), headers={"accept": "text/html"})
        allowed = {200} if cell == "m" else {404} if cell == "-" and actor.is_signed_in else {302, 403, 404}
        assert shown.status_code in allowed, (name, who, page, shown.status_code)


def check_staged(client, caller, actor: Actor, name: str, cell: str, who: str) -> None:
    """What waits for a release: found by those who may publish, and by nobody else not even counted."""
    staged = StagedVersion.objects.get(package__name=name)
    allowed = cell in "pm" and ":" not in who
    refused = 401 if who == "nobody" or cell == "!" else 403 if who.endswith(":read-only") else 404
    for address in STAGED.values():
        found = caller.get(address.format(key=staged.key))
        assert found.status_code == (200 if allowed else refused), (name, who, address, found.status_code)
        if not allowed:
            absent = caller.get(address.format(key=UUID(int=1)))
            assert _plain(found, str(staged.key)) == _plain(absent, str(UUID(int=1)))
    for address in (STAGED_LIST, f"{STAGED_LIST}?package={name}"):
        listed = caller.get(address)
        if listed.status_code == 200:
            names = [each["packageName"] for each in listed.json()["items"]]
            assert (name in names) is allowed, (name, who, address)
            assert listed.json()["total"] == len(names)
    if ":" in who:
        return
    _sign_in(client, actor)
    for page in STAGED_PAGES.values():
        shown = client.get("/" + page.format(name=name, key=staged.key), headers={"accept": "text/html"})
        expected = 200 if allowed else 404 if actor.is_signed_in else 302
        assert shown.status_code == expected, (name, who, page, shown.status_code)


def check_forms(client, actor: Actor, name: str, cell: str, mode: str) -> None:
    """Every form about a package: done, or refused with nothing changed."""
    _sign_in(client, actor)
    letters = {"-": "", "v": "v", "p": "vp", "m": "vpm"}[cell] if actor.is_signed_in else ""
    for address, sent, letter, only in FORMS.values():
        if not name.startswith(only):
            continue
        before = world.snapshot()
        with transaction.atomic():
            data = {key: value.format(**_words(name)) for key, value in sent.items()}
            answer = client.post("/" + address.format(name=name), data, headers={"accept": "text/html"})
            where = (mode, name, actor.name, address, answer.status_code)
            if letter in letters:
                assert answer.status_code == 302, where
                assert world.snapshot() != before, where
            else:
                expected = {404} if cell == "-" else {403}
                assert answer.status_code in (expected if actor.is_signed_in else {302, 403, 404}), where
                assert world.snapshot() == before, where
            transaction.set_rollback(True)


def routes_left_out() -> list[str]:
    """Addresses of the registry, and pages with a package in them, that no surface here covers."""
    covered = {each.route for each in [*READING, *WRITING, *MANAGED]} | set(LISTS) | ABOUT_NONE
    covered |= set(STAGED) | set(STAGED_PAGES) | DECIDED | {STAGED_LIST}
    covered |= {"-/team/<str:org>/<str:team>/package"}
    registry = _patterns(get_resolver("registry_site.registry_urls").url_patterns)
    pages = {path for path in _patterns(get_resolver().url_patterns) if path.startswith("package/")}
    shown = {
        "package/<package:name>" + _with_placeholders(page.removeprefix("package/{name}"))
        for page in [*PAGES, *MANAGED_PAGES]
    }
    formed = {"package/<package:name>" + address.removeprefix("package/{name}") for address, *_ in FORMS.values()}
    return sorted((registry - covered) | (pages - shown - formed - covered))


def _with_placeholders(page: str) -> str:
    for text, placeholder in PLACEHOLDERS.items():
        page = page.replace(text, placeholder)
    return page


def _patterns(patterns, prefix: str = "") -> set[str]:
    found: set[str] = set()
    for each in patterns:
        path = prefix + str(each.pattern)
        found |= _patterns(each.url_patterns, path) if hasattr(each, "url_patterns") else {path}
    return found


def _fetch(surface: Read, caller, name: str):
    return getattr(caller, surface.method)(surface.path.format(**_words(name)), accept=surface.accept)


def _words(name: str) -> dict[str, str]:
    package = Package.objects.filter(name=name).first()
    base = name.rpartition("/")[2]
    other = "public" if package and package.is_private else "restricted"
    revision = revision_of(package) if package else "1-x"
    return {"name": name, "encoded": name.replace("/", "%2f"), "base": base, "revision": revision, "other": other}


def _body(surface: Write, name: str, actor: Actor) -> Any:
    match surface.body:
        case "publish":
            return payloads.publish_body(name, "1.0.1")
        case "deprecate":
            return {
                "_id": name,
                "name": name,
                "versions": {"1.0.0": {"deprecated": "old"}},
                "_rev": _words(name)["revision"],
            }
        case "unpublish":
            return {"_id": name, "name": name, "versions": {}, "dist-tags": {}}
        case "owners":
            return {"_id": name, "maintainers": [{"name": "uma"}, {"name": "hugo"}, {"name": "dave"}]}
        case "flip":
            return {"access": _words(name)["other"]}
        case "grant":
            return {"package": name, "permissions": "read-write"}
        case "revoke":
            return {"package": name}
        case "star":
            return {"_id": name, "_rev": _words(name)["revision"], "users": {actor.name: True}}
        case "star by name":
            return {"name": name, "package": name}
        case "trust":
            claims = {"repository": "a/b", "workflow_ref": {"file": "c.yml"}}
            return [{"type": "github", "claims": claims, "permissions": ["createPackage"]}]
        case "hook":
            return {"type": "package", "name": name, "endpoint": "https://hooks.example/", "secret": "s3cret"}
        case other:
            return other


def _sign_in(client, actor: Actor) -> None:
    if getattr(client, "signed_in_as", None) != actor.name:
        client.logout()
        client.signed_in_as = actor.name
        if actor.is_signed_in:
            sign_in(client, actor)


def _plain(answer, name: str) -> bytes:
    text = answer.content.decode()
    for spelling in (name, quote(name), quote(name, safe="")):
        text = text.replace(spelling, "NAME")
    text = re.sub(r"[0-9A-Za-z]{64}", "CSRF", text.replace(answer.headers["X-Request-ID"], "ID"))
    return text.encode()


def _headers(answer) -> dict[str, str]:
    return {key: value for key, value in answer.headers.items() if key != "X-Request-ID"}
