"""What the documentation names is there: commands and their options, settings, files, links; and each block is run or
says why not. tests/docs runs them.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import URLValidator

from accounts import recipes
from accounts.recipes import Wish
from registry_site import env
from tests.tools import pages
from tests.tools.pages import ROOT, Block

PATHS = pages.paths()
BLOCKS = [block for path in PATHS for block in pages.blocks(path)]
RECIPES = [block for block in BLOCKS if block.language in pages.RECIPES]
OURS = ("accounts", "orgs", "packages", "registry_site")
ADDRESS = "http://localhost:8000/npm/"
KINDS = ("run", "file", "connect", "steps", "settings", "not run", "synopsis")
# Words in capitals that are no settings of this registry: of clients, build servers, systems, and this program's own.
FOREIGN = """
    NPM_TOKEN NPM_ID_TOKEN SOURCE_TOKEN NODE_EXTRA_CA_CERTS NODE_USE_ENV_PROXY HTTPS_PROXY AWS_DEFAULT_REGION
    MAX_VERSIONS WEB_CONCURRENCY ACTIONS_ID_TOKEN_REQUEST_URL NODE_AUTH_TOKEN SIGUSR1 TEST_CACHE_DIR
    NAME_FILE FAULTS_SEED FAULTS_CYCLES FAULTS_DAYS TARGET_DATABASE_URL ERR_PNPM_IGNORED_BUILDS
""".split()
SETTING = re.compile(r"(?<![\w./$-])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?![\w/-])")
FOLDERS = "packages|accounts|orgs|registry_site|tests|deploy|templates|static|docs"


def ids(block: Block) -> str:
    return block.place


@pytest.mark.parametrize("block", RECIPES, ids=ids)
def test_each_block_is_run_or_says_why_not(block):
    assert block.kind in KINDS, f"{block.place}: a comment above says what is to be done with it (docs/testing.md)"
    if block.kind == "not run":
        assert len(block.words) > 5, f"{block.place}: why?"
    elif block.kind in ("run", "steps", "file"):
        pages.way(block if block.kind != "file" else _without_name(block))
    if block.kind == "steps" or (block.language in ("yaml", "groovy") and block.kind == "not run"):
        assert pages.typed(block).strip(), f"{block.place} has no step"


def _without_name(block: Block) -> Block:
    words, _, name = block.words.rpartition(", ")
    assert name
    return Block(block.page, block.line, block.language, block.text, block.kind, words)


@pytest.mark.parametrize("block", [each for each in BLOCKS if each.language == "yaml"], ids=ids)
def test_yaml_is_yaml(block):
    assert yaml.safe_load(block.text)


# --- commands -----------------------------------------------------------------------------------------------------


@cache
def command(name: str) -> BaseCommand:
    app = get_commands().get(name)
    assert app is not None, f"there is no manage.py {name}"
    return app if isinstance(app, BaseCommand) else load_command_class(app, name)


@cache
def options(name: str) -> frozenset[str]:
    parser = command(name).create_parser("manage.py", name)
    return frozenset(option for action in parser._actions for option in action.option_strings)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        pytest.param(block.place, words, id=f"{block.place} {' '.join(words)[:40]}")
        for block in BLOCKS
        if block.language in pages.COMMANDS and block.kind != "synopsis"
        for words in pages.managed(block)
    ],
)
def test_commands_are_ones_that_the_program_takes(place, words):
    name, *rest = words
    try:
        command(name).create_parser("manage.py", name).parse_args(rest)
    except CommandError as error:
        pytest.fail(f"{place}: manage.py {' '.join(words)}: {error}")


def test_lists_of_commands_name_their_options_and_no_others():
    for block in (each for each in BLOCKS if each.kind == "synopsis"):
        for line in block.text.splitlines():
            name, *rest = line.partition("manage.py ")[2].split()
            strange = set(re.findall(r"--[\w-]+", " ".join(rest))) - options(name)
            assert not strange, f"{block.place}: manage.py {name} has no {strange}"


def test_commands_in_sentences_exist():
    for path in PATHS:
        for said in re.findall(r"`(?:\.venv/bin/python )?manage\.py\s+([a-z_]+)([^`]*)`", pages.plain(path)):
            strange = set(re.findall(r"--[\w-]+", said[1])) - options(said[0])
            assert not strange, f"{path.name}: manage.py {said[0]} has no {strange}"


def test_every_command_of_ours_is_in_the_readme():
    readme = (ROOT / "README.md").read_text()
    ours = {name for name, app in get_commands().items() if app in OURS}
    missing = {name for name in ours if not re.search(rf"manage\.py {name}\b", readme)}
    assert missing <= {"prepare"}, "docs/upgrade.md has that one"


def test_targets_of_make_exist():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"(?m)^([a-z-]+):", makefile))
    for path in PATHS:
        named = set(re.findall(r"`make ([a-z][a-z-]*)", pages.plain(path)))
        named |= {
            word
            for block in pages.blocks(path)
            if block.language in pages.COMMANDS
            for word in re.findall(r"(?m)^(?:.* )?make ([a-z][a-z-]*)", block.text)
        }
        assert named <= targets, f"{path.name}: {named - targets}"


@pytest.mark.parametrize("block", [each for each in BLOCKS if each.kind == "connect"], ids=ids)
def test_lines_for_clients_are_those_of_the_page_connect(block):
    said = [
        line for step in recipes.steps(Wish(*(*block.words.split(), "")[:3]), ADDRESS) for line in step.text.split("\n")
    ]
    missing = [line for line in block.text.splitlines() if line not in said]
    assert not missing, f"{block.place}: /connect has {said}"


# --- settings -----------------------------------------------------------------------------------------------------


def is_setting(name: str) -> bool:
    return name in env.seen or name.removesuffix("_FILE") in env.seen


def test_settings_that_are_named_exist():
    for path in PATHS:
        spans = re.findall(r"`([^`]+)`", pages.plain(path))
        named = {word for span in spans for word in SETTING.findall(span) if "..." not in span}
        strange = {name for name in named if not is_setting(name) and name not in FOREIGN}
        assert not strange, f"{path.name}: {strange}"


@pytest.mark.parametrize("block", [each for each in BLOCKS if each.kind == "settings"], ids=ids)
def test_lines_that_set_something_set_what_there_is(block):
    for line in block.text.splitlines():
        name, equals, _ = line.partition("=")
        assert equals, f"{block.place}: {line}"
        assert is_setting(name), f"{block.place}: {name}"


# --- links and files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    wrong = []
    for target in re.findall(r"\]\(([^)\s]+)\)", pages.plain(path)):
        if target.startswith(("http://", "https://", "mailto:")):
            URLValidator()(target)
            continue
        file, _, anchor = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        is_there = found.exists() and found.is_relative_to(ROOT)
        if not is_there or (anchor and anchor not in pages.anchors(found)):
            wrong.append(target)
    assert not wrong


def test_files_that_are_named_exist():
    for path in PATHS:
        for span in re.findall(r"`([^`\s]+)`", pages.plain(path)):
            if re.fullmatch(rf"(?:{FOLDERS})/[\w./-]+", span) and not span.endswith("/NAME.py"):
                assert (ROOT / span).exists() or list(ROOT.glob(span)), f"{path.name}: {span}"


def test_files_that_reasons_name_exist():
    for block in BLOCKS:
        for file in re.findall(r"\btests/[\w/.]+\.py\b", block.words):
            assert (ROOT / file).exists(), f"{block.place}: {file}"


def test_every_page_is_in_the_index():
    index = (ROOT / "docs/README.md").read_text()
    pages_ = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert not {name for name in pages_ if f"]({name}" not in index}


def test_no_page_repeats_another():
    seen: dict[str, Path] = {}
    for path in PATHS:
        for line in {each.strip() for each in pages.plain(path).splitlines() if len(each.strip()) > 90}:
            assert line not in seen, f"{path.name} and {seen[line].name}: {line}"
            seen[line] = path
