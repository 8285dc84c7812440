"""The pages of the documentation: their blocks of commands, what is to be done with each, and their headings.

What is to be done stands above a block in a comment that no page shows; docs/testing.md has the words.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = ("sh", "console", "bash", "shell")
RECIPES = (*COMMANDS, "yaml", "groovy", "dockerfile", "ini")  # each of them says what is to be done with it
ENDS = ("|", "||", "&&", ";", "&", ">", ">>", "<", "(", ")")


@dataclass(frozen=True)
class Block:
    """A fenced block. kind: what is to be done with it, such as `run`; "" when nobody said. words: how."""

    page: str
    line: int
    language: str
    text: str
    kind: str = ""
    words: str = ""

    @property
    def place(self) -> str:
        """Where it is, for a message."""
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Way:
    """How to run a block. who: `operator`, or a person; folder: of theirs; before: what has to be there already."""

    who: str
    folder: str = ""
    before: list[str] = field(default_factory=list)
    with_token: bool = False
    fails: bool = False


def paths() -> list[Path]:
    """Every page, those at the root first."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]


def blocks(path: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    said, begun, inside = "", None, []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        fence = re.match(r"( *)```(\w*)$", line)
        if begun is None:
            if fence:
                begun = (number, fence[2], len(fence[1]), said)
            elif line.strip():
                comment = re.fullmatch(r" *<!-- (.+) -->", line)
                said = comment[1] if comment else ""
        elif fence and not fence[2]:
            kind, _, words = begun[3].partition(":")
            text = "".join(f"{each[begun[2] :]}\n" for each in inside)
            yield Block(str(path.relative_to(ROOT)), begun[0], begun[1], text, kind.strip(), words.strip())
            said, begun, inside = "", None, []
        else:
            inside.append(line)


def way(block: Block) -> Way:
    """How a block is to be run. Raises ValueError for words that nobody knows."""
    told, _, before = block.words.partition(", after ")
    who, *more = [each.strip() for each in told.split(",")]
    name, _, folder = who.partition(" in ")
    if set(more) - {"NPM_TOKEN", "fails"} or not re.fullmatch(r"[a-z]+", name) or (name == "operator") == bool(folder):
        raise ValueError(f"{block.place}: {block.words!r} is like `alice in hello`, or `operator`")
    return Way(name, folder, before.split(" and ") if before else [], "NPM_TOKEN" in more, "fails" in more)


def plain(path: Path) -> str:
    """A page without its blocks and comments."""
    text = re.sub(r"(?ms)^ *```.*?^ *```$", "", path.read_text())
    return re.sub(r"(?s)<!--.*?-->", "", text)


def anchors(path: Path) -> set[str]:
    """What links may name in a page, as websites make it of headings."""
    found: set[str] = set()
    for heading in re.findall(r"(?m)^#+ (.+)$", plain(path)):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip().lower()
        slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        while slug in found:
            slug += "-1"
        found.add(slug)
    return found


def managed(block: Block) -> Iterator[list[str]]:
    """The words after `manage.py` of each command in a block."""
    for line in block.text.replace("\\\n", " ").splitlines():
        words = shlex.shlex(line, posix=True, punctuation_chars=True)
        words.whitespace_split = True
        taken: list[str] | None = None
        for word in words:
            if word.endswith("manage.py"):
                taken = []
            elif taken is not None and word in ENDS:
                yield taken
                taken = None
            elif taken is not None:
                taken.append(word)
        if taken:
            yield taken


def typed(block: Block) -> str:
    """The commands of a block or of a workflow in it, one a line, for a shell."""
    match block.language:
        case "yaml":
            import yaml

            return "".join(f"{line}\n" for line in _steps(yaml.safe_load(block.text)))
        case "groovy":
            return "".join(f"{line}\n" for line in re.findall(r"\bsh '([^']+)'", block.text))
        case "dockerfile":
            return "".join(f"{line}\n" for line in re.findall(r"(?m)^RUN (?:--\S+ )*(.+)$", block.text))
    return block.text


def _steps(said: object) -> Iterator[str]:
    match said:
        case {"run": str(line)}:
            yield line
        case {"script": [*lines]}:
            yield from map(str, lines)
        case dict():
            for each in said.values():
                yield from _steps(each)
        case list():
            for each in said:
                yield from _steps(each)
