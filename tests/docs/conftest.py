"""The pages take minutes together: they run when asked for, with `-m docs`."""

from __future__ import annotations


def pytest_collection_modifyitems(config, items) -> None:
    if "docs" in config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker("docs")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]
