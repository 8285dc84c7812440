"""The table of docs/clients.md, made from what the matrix tests recorded.

`python -m tests.tools.clients_table --clear` forgets older records; without it the table is written, and the program
ends with 1 when a cell is missing or failed.
"""

from __future__ import annotations

import json
import os
import sys
import time

from tests.protocol.dialects import KINDS
from tests.protocol.limits import limit_of
from tests.tools.clients import ROOT, version

RECORDS = ROOT / ".cache/matrix"
TABLE = ROOT / "docs/clients.md"
HEAD = """# What each client can do here

`make test-clients` runs every command below with the real client, in a clean home, against a running registry, and
writes this page. ✓ says that it did what it should and, where it changes something, that the registry has the change.
A number is a limit of the client's own, shown in the same run: its note says the reason, and the words that show it.

The homes have the client's own settings, with these exceptions: yarn 4 has `npmMinimalAgeGate: 0` and pnpm 12 has
`minimumReleaseAge: 0`, because the tests install what they published a moment ago; yarn 4 runs `yarn install` before it
publishes; refused publishes are not tried again. The refusals 409, 422, 429, 500 and 503 are sent by a stand-in, in the
registry's words, because no client can call for them at will.
"""


def record(**cell: object) -> None:
    """Keep how a cell went; each test process writes to a file of its own."""
    RECORDS.mkdir(parents=True, exist_ok=True)
    with (RECORDS / f"{os.environ.get('PYTEST_XDIST_WORKER', 'main')}.jsonl").open("a") as file:
        file.write(json.dumps(cell | {"when": time.time()}) + "\n")


def cells() -> list[dict]:
    """What was recorded last of each cell, in the order of the tests."""
    found = [json.loads(line) for path in RECORDS.glob("*.jsonl") for line in path.read_text().splitlines()]
    last = {(cell["row"], cell["client"]): cell for cell in sorted(found, key=lambda cell: cell["when"])}
    return sorted(last.values(), key=lambda cell: (cell["place"], cell["client"]))


def table(found: list[dict], clients: list[str]) -> str:
    """The page, from the records of all cells; `clients` in the order of the columns."""
    notes: dict[str, int] = {}
    parts = [HEAD]
    known = {(cell["row"], cell["client"]): cell for cell in found}
    groups = list(dict.fromkeys(cell["group"] for cell in found))
    for group in groups:
        rows = list(dict.fromkeys(cell["row"] for cell in found if cell["group"] == group))
        parts.append(f"## {group}\n\n| | {' | '.join(clients)} |\n|---|{'---|' * len(clients)}")
        for row in rows:
            shown = [_shown(known.get((row, client)), notes) for client in clients]
            parts.append(f"| {row} | {' | '.join(shown)} |")
        parts[-len(rows) - 1 :] = ["\n".join(parts[-len(rows) - 1 :]) + "\n"]
    versions = ", ".join(version(*client.split()) for client in clients)
    parts.append("## Notes\n\n" + "\n".join(f"{number}. {note}" for note, number in notes.items()) + "\n")
    parts.append(f"The versions: {versions}.\n")
    return "\n".join(parts)


def _shown(cell: dict | None, notes: dict[str, int]) -> str:
    if cell is None:
        return "?"
    if cell["result"] != "limit":
        return {"pass": "✓", "fail": "✗"}[cell["result"]]
    name, major = cell["client"].split()
    limit = limit_of(cell["row"], (name, int(major)))
    note = f"{limit.reason} {'Seen' if limit.seen else 'It says'}: `{limit.says.strip()}`"
    return f"— <sup>{notes.setdefault(note, len(notes) + 1)}</sup>"


def main(words: list[str]) -> int:
    """Write the table; with `--clear` remove the records."""
    if "--clear" in words:
        for path in RECORDS.glob("*.jsonl"):
            path.unlink()
        return 0
    clients = [f"{name} {major}" for name, major in KINDS]
    page = table(cells(), clients)
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(page)
    every = [cell for line in page.splitlines() if line.startswith("| ") for cell in line.split(" | ")[1:]]
    passed, limits = (sum(mark in cell for cell in every) for mark in ("✓", "<sup>"))
    headings = len(clients) * (page.count("\n## ") - 1)
    left = len(every) - headings - passed - limits
    print(f"{TABLE.relative_to(ROOT)}: {passed} pass, {limits} are limits of the client's own, {left} are open")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
