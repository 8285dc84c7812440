"""Every surface that shows or changes a package, and what it must answer for each cell of the grid."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.db import transaction
from django.urls import get_resolver

from accounts.actor import Actor
from packages.models import Package
from packages.packuments import revision_of
from tests.policy import world
from tests.tools import payloads

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
    Read("-/package/<package:name>/dist-tags", "-/package/{encoded}/dist-tags"),
    Read("-/package/<package:name>/visibility", "-/package/{encoded}/visibility"),
    Read("-/package/<package:name>/access", "-/package/{encoded}/access"),
    Read("-/package/<package:name>/collaborators", "-/package/{encoded}/collaborators"),
]
LISTS = {
    "-/v1/search": "-/v1/search?text={base}&size=250",
    "-/org/<str:org>/package": "-/org/acme/package",
    "-/user/<str:user>/package": "-/user/uma/package",
}


@dataclass(frozen=True)
class Write:
    """A registry call that changes a package. letter: the right it needs, p or m; only: names that it applies to."""

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
    Write(
        "-/package/<package:name>/owners/<str:user>", "-/package/{encoded}/owners/hugo", "delete", "m", only="@uma/"
    ),
    Write("<package:name>/-rev/<str:revision>", "{encoded}/-rev/{revision}", "put", "m", "unpublish"),
    Write("<package:name>/-rev/<str:revision>", "{encoded}/-rev/{revision}", "delete", "m"),
    Write(
        "<package:name>/-/<str:file>/-rev/<str:revision>", "{name}/-/{base}-1.0.0.tgz/-rev/{revision}", "delete", "m"
    ),
    Write("<package:name>/-rev/<str:revision>", "{encoded}/-rev/{revision}", "put", "m", "owners", only="@uma/"),
    Write("-/package/<package:name>/access", "-/package/{encoded}/access", "post", "m", "flip", only="@"),
    Write("-/team/<str:org>/<str:team>/package", "-/team/acme/readers/package", "put", "m", "grant", only="@acme/"),
    Write("-/team/<str:org>/<str:team>/package", "-/team/acme/core/package", "delete", "m", "revoke", only="@acme/"),
]
PAGES = ["package/{name}", "package/{name}/v/1.0.0", "package/{name}/versions", "package/{name}/dependencies"]
PAGES += ["package/{name}/access", "package/{name}/activity"]
FORMS = {  # route name: (address, what is sent, the right it needs, which names)
    "package-deprecate": ("package/{name}/deprecate", {"version": "1.0.0", "message": "old"}, "p", ""),
    "package-unpublish": ("package/{name}/unpublish", {"version": "all", "confirm": "{name}"}, "m", ""),
    "package-level": ("package/{name}/access/level", {"access": "{other}", "confirm": "{name}"}, "m", "@"),
    "package-people": ("package/{name}/access/people", {"user": "dave", "permission": "read"}, "m", "@uma/"),
    "package-teams": ("package/{name}/access/teams", {"team": "readers", "permission": "write"}, "m", "@acme/"),
}
LIST_PAGES = ["search?q={base}", "~uma", "org/acme"]

# Addresses that are about no package, or are another spelling of one above.
ABOUT_NONE = (
    {"npm/<package:name>/-/<str:file>/-rev/<str:revision>"}
    | set(
        """-/ping -/whoami -/v1/login -/v1/done/<str:secret> -/user/org.couchdb.user:<str:name> -/user/token/<str:token>
    -/org/<str:org>/user -/org/<str:org>/team -/team/<str:org>/<str:team> -/team/<str:org>/<str:team>/user
    -/npm/v1/security/advisories/bulk -/npm/v1/security/audits -/npm/v1/security/audits/quick""".split()
    )
    | {"", "<path:rest>", "-/<path:rest>"}
)


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
    if surface is READING[0] and cell != "!":
        _check_lists(caller, name, cell, who)


def _check_lists(caller, name: str, cell: str, who: str) -> None:
    listed = caller.get(LISTS["-/v1/search"].format(**_words(name)))
    names = [each["package"]["name"] for each in listed.json()["objects"]]
    assert (name in names) is (cell != "-"), (who, name, names)
    assert listed.json()["total"] == len(names)
    for route in ("-/org/<str:org>/package", "-/user/<str:user>/package"):
        answer = caller.get(LISTS[route])
        holder = "@acme/" if "org" in route else ("@uma/", "loose")
        if answer.status_code == 200 and name.startswith(holder):
            assert (name in answer.json()) is (cell != "-"), (who, name, route)
        elif answer.status_code != 200:
            assert (answer.status_code, who) == (401, "nobody")


def check_write(surface: Write, caller, actor: Actor, name: str, cell: str, who: str) -> None:
    """One change must be done or refused as the cell says, and a refusal changes nothing."""
    if not name.startswith(surface.only):
        return
    letters = {"-": "", "v": "", "p": "p", "m": "pm", "!": ""}[cell]
    before = world.snapshot()
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


def check_pages(client, actor: Actor, name: str, missing: str, cell: str, mode: str) -> None:
    """Every page about a package, and the pages that list packages."""
    _sign_in(client, actor)
    for page in PAGES:
        found = client.get("/" + page.format(name=name), headers={"accept": "text/html"})
        where = (mode, name, actor.name, page, found.status_code)
        if mode == "enterprise" and not actor.is_signed_in:
            assert found.status_code == 302, where
        elif cell == "-":
            assert found.status_code == 404, where
        else:
            assert found.status_code == 200, where
            continue
        absent = client.get("/" + page.format(name=missing), headers={"accept": "text/html"})
        assert _plain(found, name) == _plain(absent, missing), where
    for page in LIST_PAGES:
        holder = {"~uma": ("@uma/", "loose"), "org/acme": "@acme/"}.get(page, "")
        if name.startswith(holder) and not (mode == "enterprise" and not actor.is_signed_in):
            shown = client.get("/" + page.format(**_words(name)), headers={"accept": "text/html"}).content.decode()
            assert (f'href="/package/{name}"' in shown) is (cell != "-"), (mode, name, actor.name, page)


def check_forms(client, actor: Actor, name: str, cell: str, mode: str) -> None:
    """Every form about a package: done, or refused with nothing changed."""
    _sign_in(client, actor)
    letters = {"-": "", "v": "", "p": "p", "m": "pm"}[cell]
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
    covered = {each.route for each in [*READING, *WRITING]} | set(LISTS) | ABOUT_NONE
    covered |= {"-/team/<str:org>/<str:team>/package"}
    registry = _patterns(get_resolver("registry_site.registry_urls").url_patterns)
    pages = {path for path in _patterns(get_resolver().url_patterns) if path.startswith("package/")}
    shown = {
        "package/<package:name>" + page.removeprefix("package/{name}").replace("1.0.0", "<str:number>")
        for page in PAGES
    }
    formed = {"package/<package:name>" + address.removeprefix("package/{name}") for address, *_ in FORMS.values()}
    return sorted((registry - covered) | (pages - shown - formed))


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
        case other:
            return other


def _sign_in(client, actor: Actor) -> None:
    client.logout()
    if actor.is_signed_in:
        client.force_login(actor.user, backend="allauth.account.auth_backends.AuthenticationBackend")


def _plain(answer, name: str) -> bytes:
    text = answer.content.decode()
    for spelling in (name, quote(name), quote(name, safe="")):
        text = text.replace(spelling, "NAME")
    text = re.sub(r"[0-9A-Za-z]{64}", "CSRF", text.replace(answer.headers["X-Request-ID"], "ID"))
    return text.encode()


def _headers(answer) -> dict[str, str]:
    return {key: value for key, value in answer.headers.items() if key != "X-Request-ID"}
