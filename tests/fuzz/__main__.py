"""`make fuzz`: each harness for some seconds, with libFuzzer looking for bytes that lead to code not seen before.

    python -m tests.fuzz [--seconds 60] [NAME ...]

What is found is written below .cache/fuzz, with the words in which it failed; put it into tests/pure/test_fuzz.py.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from tests.fuzz.harness import Harness

WHERE = Path(".cache/fuzz")
MOST_SECONDS = 60  # for one input; a machine may be busy
MOST_BYTES = 4096
MOST_MEMORY = 2048  # MB
# Whose branches are counted; to count those of everything takes minutes before the first input.
EXPLORED = """accounts.agents accounts.bearer accounts.body accounts.devices accounts.directory registry_site.egress
    registry_site.logs registry_site.strictjson packages.highlighting packages.identities packages.links
    packages.lockfiles packages.lookup packages.manifests packages.markup packages.moving packages.names
    packages.queries packages.ranges packages.readmes packages.requirements packages.statements packages.stock
    packages.tarballs packages.upstream.audits packages.upstream.reading packages.wire packages.workflows""".split()


def main() -> int:
    parser = argparse.ArgumentParser(prog="make fuzz")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--seconds", type=int, default=60)
    asked = parser.parse_args()
    every = _every()
    if unknown := set(asked.names) - set(every):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(every)}")
    failed = [name for name in asked.names or every if not _run(every[name], asked.seconds)]
    print(f"Something was found by {', '.join(failed)}; see {WHERE}" if failed else "Nothing was found")
    return 1 if failed else 0


def _every() -> dict[str, Harness]:
    import atheris

    (WHERE / "data").mkdir(parents=True, exist_ok=True)
    os.environ["DATA_DIR"] = str(WHERE / "data")  # never anybody's own
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry_site.settings")
    with atheris.instrument_imports(include=EXPLORED):
        import django

        django.setup()
        from tests.fuzz.every import EVERY
    return EVERY


def _run(harness: Harness, seconds: int) -> bool:
    log = WHERE / f"{harness.name}.log"
    started = time.monotonic()
    sys.stdout.flush()
    child = os.fork()  # libFuzzer ends its process
    if not child:
        _explore(harness, seconds, log)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    last = [line for line in log.read_text(errors="replace").splitlines() if line.startswith("Done ")]
    print(f"{harness.name}: {last[-1] if last else f'see {log}'} ({time.monotonic() - started:.0f} s)", flush=True)
    return code == 0


def _explore(harness: Harness, seconds: int, log: Path) -> NoReturn:
    import atheris

    with log.open("w") as output:
        for stream in (1, 2):
            os.dup2(output.fileno(), stream)
    corpus, words = WHERE / harness.name / "corpus", WHERE / harness.name / "words"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(harness.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    words.write_text("".join(f'"{_written(word)}"\n' for word in harness.words))
    options = {
        "max_total_time": seconds,
        "timeout": MOST_SECONDS,
        "max_len": MOST_BYTES,
        "rss_limit_mb": MOST_MEMORY,
        "dict": words,
        "artifact_prefix": f"{WHERE / harness.name}/",
    }
    atheris.Setup(["fuzz", *(f"-{key}={value}" for key, value in options.items()), str(corpus)], harness.run)
    atheris.Fuzz()
    os._exit(0)


def _written(word: bytes) -> str:
    return "".join(f"\\x{each:02x}" for each in word)


if __name__ == "__main__":
    sys.exit(main())
