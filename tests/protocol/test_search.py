"""`npm search` and its kin: each client prints what its person may see, and nothing else."""

from __future__ import annotations

import pytest

from tests.live import make
from tests.tools.visitor import Person

pytestmark = pytest.mark.protocol
KINDS = [("npm", 12), ("npm", 11), ("npm", 6), ("npm", 2), ("pnpm", 12)]


@pytest.fixture
def shelf(join):
    """Alice's public and private package about one word, and bob, who may see one of them."""
    alice, bob = join("alice"), join("bob")
    word = f"about-{alice.name}"
    hers = alice.client()
    for base, level in (("open", "public"), ("closed", "restricted")):
        name = f"@{alice.name}/{base}"
        more = {"description": f"all {word}", "keywords": [word], "homepage": "https://home.example/"}
        hers.run("publish", "--access", level, cwd=make(hers, name, **more))
    return alice, bob, word


def said(person: Person, kind: tuple[str, int], text: str, *, logged_in: bool = True) -> str:
    return person.client(*kind, logged_in=logged_in).run("search", text).stdout


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind[0]}{kind[1]}")
def test_search(shelf, kind, npm_or_skip):
    npm_or_skip(kind[1] if kind[0] == "npm" else 12)
    alice, bob, word = shelf
    hers, his, nobodys = said(alice, kind, word), said(bob, kind, word), said(bob, kind, word, logged_in=False)
    for name, shown in ((f"@{alice.name}/open", (True, True)), (f"@{alice.name}/closed", (True, False))):
        assert (name in hers, name in his) == shown, (name, hers, his)
        assert (name in nobodys) is shown[1]
    assert alice.name in his
    assert f"@{alice.name}/open" not in said(bob, kind, "nothing-like-it-at-all")
