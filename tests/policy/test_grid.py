"""The whole policy, cell by cell, on every surface.

A cell says what an actor may do with a package: `-` nothing (it does not exist), `v` view and download,
`p` also publish, `m` also manage, `!` the credential itself is refused (401). After a colon stands what the token
lacks: every write is refused with 403 whatever the package.
"""

from __future__ import annotations

import pytest

from accounts.actor import Actor
from packages import access
from packages.access import Action
from packages.models import Package
from registry_site.errors import Refusal
from tests.policy import surfaces, world

pytestmark = pytest.mark.timeout(1200)  # hundreds of pages in one test

GRID = """
mode       package        nobody dave carol gone erin bob frank alice gina hugo uma olga
public     @acme/private  -      -    -     -    v    p   m     m     -    -    -   -
public     @acme/public   v      v    v     v    v    p   m     m     v    v    v   v
public     @uma/private   -      -    -     -    -    -   -     -     v    p    m   -
public     @uma/public    v      v    v     v    v    v   v     v     v    p    m   v
public     loose          v      v    v     v    v    v   v     v     v    p    m   v
public     lodash         v      v    v     v    v    v   v     v     v    v    v   v
enterprise @acme/private  -      -    -     -    v    p   m     m     -    -    -   -
enterprise @acme/public   -      v    v     v    v    p   m     m     v    v    v   v
enterprise @uma/private   -      -    -     -    -    -   -     -     v    p    m   -
enterprise @uma/public    -      v    v     v    v    v   v     v     v    p    m   v
enterprise loose          -      -    -     -    -    -   -     -     -    -    -   -
enterprise lodash         v      v    v     v    v    v   v     v     v    v    v   v
"""

NARROW = """
mode       package        bob:read-only bob:other-package bob:expired bob:revoked uma:read-only uma:other-package
public     @acme/private  v             -                 !           !           -             -
public     @acme/public   v             v                 !           !           v             v
public     @uma/private   -             -                 !           !           v             -
public     @uma/public    v             v                 !           !           v             v
public     loose          v             v                 !           !           v             v
enterprise @acme/private  v             -                 !           !           -             -
enterprise @acme/public   v             v                 !           !           v             v
enterprise @uma/private   -             -                 !           !           v             -
enterprise lodash         v             v                 !           !           v             v
"""


def cells(table: str) -> list[tuple[str, str, str, str]]:
    """(mode, package, actor, cell) for each cell of a table."""
    head, *rows = (line.split() for line in table.strip().splitlines())
    return [(row[0], row[1], actor, cell) for row in rows for actor, cell in zip(head[2:], row[2:], strict=True)]


CELLS = cells(GRID) + cells(NARROW)
MAY = {"-": "", "v": "vd", "p": "vdp", "m": "vdpm"}
LETTER = {Action.VIEW: "v", Action.DOWNLOAD: "d", Action.PUBLISH: "p", Action.MANAGE: "m"}
MODES = ["public", "enterprise"]


@pytest.fixture
def built(publish, settings):
    settings.REGISTRY_MODE = "public"
    return world.build(publish)


@pytest.mark.django_db
@pytest.mark.parametrize("mode", MODES)
def test_checks_and_lists_are_one_rule(built, settings, mode):
    settings.REGISTRY_MODE = mode
    for row_mode, package, name, cell in CELLS:
        if row_mode != mode or cell == "!":
            continue
        actor = built.actors[name]
        for action, letter in LETTER.items():
            narrowed = actor.token is not None and actor.token.kind == "granular" and letter in "pm"
            expected = letter in MAY[cell] and not narrowed
            assert _allowed(actor, action, package) is expected, (mode, package, name, action)
        listed = access.visible_to(actor).filter(name=package).exists()
        assert listed is ("v" in MAY[cell]), (mode, package, name)
        now = access.can(access.again(actor, Package.objects.get(name=package)))
        lists = {Action.VIEW: (access.visible_to, access.seen_by), Action.PUBLISH: (access.publishable_by,)}
        for action, listings in lists.items():
            for listing in listings:
                assert listing(actor).filter(name=package).exists() is (action in now), (mode, package, name, listing)


@pytest.mark.django_db
@pytest.mark.parametrize("mode", MODES)
def test_registry_reads(built, settings, npm, mode):
    settings.REGISTRY_MODE = mode
    listed = {name: surfaces.listed_for(npm.as_(bearer)) for name, bearer in built.bearers.items()}
    for package, name, cell in _cells_of(mode):
        for surface in surfaces.READING:
            missing = world.HIDDEN_LIKE[package]
            surfaces.check_read(surface, npm.as_(built.bearers[name]), package, missing, cell, mode, who=name)
        if cell != "!":
            surfaces.check_lists(listed[name], package, cell, who=name)


@pytest.mark.django_db
@pytest.mark.parametrize("mode", MODES)
def test_pages(built, settings, client, mode):
    settings.REGISTRY_MODE = mode
    every, seen = _cells_of(mode, people_only=True), {}
    for package, name, cell in every:
        alike = [
            who
            for where, who, may in every
            if (where, may) == (package, cell) and (who == "nobody") is (name == "nobody")
        ]
        turn = (alike.index(name), len(alike))
        missing = world.HIDDEN_LIKE[package]
        surfaces.check_pages(client, built.actors[name], package, missing, cell, mode, turn, seen)


@pytest.mark.django_db
@pytest.mark.parametrize("mode", MODES)
def test_registry_writes(built, settings, npm, mode):
    settings.REGISTRY_MODE = mode
    before = world.snapshot()
    for package, name, cell in _cells_of(mode):
        for surface in surfaces.WRITING:
            caller = npm.as_(built.bearers[name])
            surfaces.check_write(surface, caller, built.actors[name], package, cell, name, before)


@pytest.mark.django_db
@pytest.mark.parametrize("mode", MODES)
def test_forms(built, settings, client, mode):
    settings.REGISTRY_MODE = mode
    for package, name, cell in _cells_of(mode, people_only=True):
        surfaces.check_forms(client, built.actors[name], package, cell, mode)


@pytest.mark.django_db
@pytest.mark.parametrize("mode", MODES)
def test_what_only_managers_see(built, settings, client, npm, mode):
    settings.REGISTRY_MODE = mode
    for package, name, cell in _cells_of(mode):
        caller = npm.as_(built.bearers[name])
        surfaces.check_managed(client, caller, built.actors[name], package, cell, who=name)


@pytest.mark.django_db
@pytest.mark.parametrize("mode", MODES)
def test_staged(built, stage, settings, npm, client, mode):
    owners = {"@acme": built.actors["alice"]}
    for name in world.PACKAGES:
        if name != "lodash":
            stage(owners.get(name[:5], built.actors["uma"]), name, "9.9.9")
    settings.REGISTRY_MODE = mode
    for package, name, cell in _cells_of(mode):
        if package != "lodash":
            surfaces.check_staged(client, npm.as_(built.bearers[name]), built.actors[name], package, cell, who=name)


def test_no_route_is_left_out():
    """Each address of the registry and each page about packages is in a surface, or is named as being about none."""
    assert surfaces.routes_left_out() == []


def _cells_of(mode: str, *, people_only: bool = False) -> list[tuple[str, str, str]]:
    """(package, actor, cell) of a mode. people_only: without the rows of single tokens, which open no page."""
    found = [
        (package, name, cell)
        for row_mode, package, name, cell in CELLS
        if row_mode == mode and not (people_only and ":" in name)
    ]
    return sorted(found, key=lambda each: each[1])  # all that one person asks for at once, who signs in once for it


def _allowed(actor: Actor, action: Action, package: str) -> bool:
    try:
        access.find(actor, action, package)
    except Refusal:
        return False
    return True
