"""A command on a pseudo-terminal: what it asks is answered, what it wants opened is opened."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import termios
import time
from collections.abc import Callable
from pathlib import Path

from tests.tools.homes import Client, Completed

SECONDS = 200
Answer = str | Callable[[str], str]
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_PAGE = re.compile(r"https?://\S+/login/(?:npm|command)/[0-9a-f-]{36}")


def converse(
    client: Client,
    *words: str,
    answers: list[tuple[str, Answer]] | None = None,
    open_page: Callable[[str], None] | None = None,
    cwd: Path | None = None,
    seconds: float = SECONDS,
) -> Completed:
    """Run a command to its end, on a terminal.

    answers: prompts by how they end (before a colon), in the order in which they come, and what is typed there, or
    what makes it of all that was said. open_page: called with the address of the website that the command shows, once.
    seconds: how long it may take; one that waits longer is ended.
    What it said stands in `stdout`; the pages that it showed can be found there.
    """
    command = [*client.words, *words]
    pid, screen = pty.fork()
    if pid == 0:
        os.chdir(cwd or client.home)
        os.execve(command[0], command, {**client.environ, "BROWSER": "true", "TERM": "dumb"})  # noqa: S606
    said, waiting, opened, answered = "", list(answers or []), False, 0
    last = time.monotonic() + seconds
    try:
        while time.monotonic() < last:
            if not select.select([screen], [], [], 0.5)[0]:
                continue
            said += os.read(screen, 4096).decode(errors="replace")
            plain = _COLOURS.sub("", said)
            page = _PAGE.search(plain)
            if page and open_page and not opened:
                opened = True
                open_page(page[0])
            fresh = plain[answered:].rstrip(" :?\r\n")
            if waiting and fresh.endswith(waiting[0][0]):
                answer = waiting.pop(0)[1]
                typed = answer if isinstance(answer, str) else answer(plain)
                wait_until_raw(screen)
                os.write(screen, typed.encode() + b"\r")
                answered = len(plain)
    except OSError:  # the command ended and took its terminal with it, or only closed that
        pass
    code, note = _ended(pid, last)
    return Completed(_COLOURS.sub("", said) + note, "", code)


def _ended(pid: int, last: float) -> tuple[int, str]:
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status), ""
        if time.monotonic() >= last:  # it waits for something that no answer is for
            os.kill(pid, signal.SIGKILL)
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), "\n(it was still waiting, and was ended)"
        time.sleep(0.02)


def wait_until_raw(screen: int) -> None:
    """A prompt is printed before its command reads single keys; a line typed in between would not end for it."""
    for _ in range(600):
        if not termios.tcgetattr(screen)[3] & termios.ICANON:
            return
        time.sleep(0.05)
