"""How far a long command is, where there is no terminal."""

from __future__ import annotations

import time

from packages.management import progress


def test_without_a_terminal_a_line_comes_now_and_then(monkeypatch, capsys):
    monkeypatch.setattr(progress, "EVERY", 0.01)
    said = ""
    with progress.bar() as shown:
        task = shown.add_task("Copying", total=4000)
        shown.update(task, advance=1200)
        while "1,200" not in said:
            time.sleep(0.01)
            said += capsys.readouterr().err
    assert said.splitlines()[-1] == "Copying: 1,200 of 4,000"


def test_a_short_command_says_nothing_of_it(capsys):
    with progress.bar() as shown:
        assert list(shown.track(range(3), total=3)) == [0, 1, 2]
    assert capsys.readouterr().err == ""
