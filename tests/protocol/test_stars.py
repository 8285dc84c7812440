"""Stars with the clients that have the command: npm up to 11, and pnpm."""

from __future__ import annotations

import pytest

from tests.live import fetch, make
from tests.tools.homes import Client
from tests.tools.visitor import Person

pytestmark = pytest.mark.protocol
KINDS = [("npm", 11), ("npm", 10), ("npm", 8), ("npm", 6), ("npm", 2), ("pnpm", 12)]


def package(owner: Person, *words: str, name: str = "shiny") -> str:
    hers = owner.client()
    name = f"@{owner.name}/{name}"
    hers.run("publish", *words, cwd=make(hers, name))
    return name


def named(client: Client, *more: str) -> set[str]:
    return set(client.run("stars", *more).stdout.split())


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind[0]}{kind[1]}")
def test_star_list_unstar(join, kind, npm_or_skip):
    npm_or_skip(kind[1] if kind[0] == "npm" else 12)
    alice, bob = join("alice"), join("bob")
    public, secret = package(alice, "--access", "public"), package(alice, name="secret")
    his = bob.client(*kind)
    his.run("star", public)
    assert named(his, *([bob.name] if kind == ("npm", 2) else [])) == {public}
    assert named(his, bob.name) == {public}
    refused = his.run("star", secret, check=False)
    assert refused.code != 0
    assert "404" in refused.said or "not found" in refused.said.lower(), refused.said
    his.run("unstar", public)
    assert public not in named(his, bob.name)
    before = fetch(bob.registry, public, alice.token)[2]["ETag"]
    his.run("star", public)
    assert fetch(bob.registry, public, alice.token)[2]["ETag"] == before


def test_the_stars_of_somebody_else_hide_what_one_may_not_see(join):
    alice, bob = join("alice"), join("bob")
    public, secret = package(alice, "--access", "public"), package(alice, name="secret")
    hers, his = alice.client("npm", 11), bob.client("npm", 11)
    for name in (public, secret):
        hers.run("star", name)
    assert named(hers) == {public, secret}
    assert named(his, alice.name) == {public}
