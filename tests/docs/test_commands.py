"""The commands of each page, in order, as its readers would type them."""

from __future__ import annotations

import pytest

from tests.docs.world import World
from tests.tools import pages
from tests.tools.pages import ROOT
from tests.tools.server import Registry

pytestmark = pytest.mark.docs
DONE = ("run", "file", "steps")
PAGES = {
    str(path.relative_to(ROOT)): [block for block in pages.blocks(path) if block.kind in DONE] for path in pages.paths()
}


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", [name for name, blocks in PAGES.items() if blocks])
def test_the_commands_of_a_page(name, tmp_path):
    with Registry({"RATE_LIMITS": "off"}) as registry:
        world = World(registry, tmp_path)
        for block in PAGES[name]:
            if block.kind == "file":
                world.write(block)
            else:
                world.run(block)
