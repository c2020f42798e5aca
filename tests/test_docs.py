"""The documentation: complete, and true to what the program says of itself."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import get_args

import click
import pytest
from starlette.routing import Route

from live import live
from test_architecture import RINGS
from vaurien import Client, client, plugins
from vaurien.cli import COMMANDS, meta
from vaurien.cli.command import vaurien
from vaurien.cli.flags import flags_of_plugin
from vaurien.client import ProxyHandle
from vaurien.config.presets import Presets
from vaurien.config.settings import BY_SECTION
from vaurien.control.classic import make_app
from vaurien.control.journal import entry
from vaurien.control.statsd import COUNTERS
from vaurien.pytest_plugin import EXPLORING
from vaurien.registry import behaviors
from vaurien.values.actions import Action
from vaurien.values.events import Fired, Noted
from vaurien.values.messages import Direction

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
EXAMPLES = sorted((ROOT / "examples").rglob("*.md"))
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")  # but for those to other sites, which stand below
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FLAG = re.compile(r"(?<![\w-])--([a-z][a-z0-9.-]*[a-z0-9])(?![\w-]*[A-Z])")
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
TARGET = re.compile(r"^([a-z]+):.*## ", re.MULTILINE)
COMMAND = re.compile(r"(?:^ {4}|`)make ((?:[a-z]+ ?)*)", re.MULTILINE)
NOT_OURS = {"CONTRIBUTING.md", "docs/legacy.md", "docs/faults.md"}
"""Pages that name flags of other tools and servers, and of plugins that do not exist."""
COMMANDED = [path for path in PAGES if path.parent != DOCS / "howto"]
"""Pages of which the flags are not seen by running them."""
OTHERS_FLAGS = {
    "chaos-replay",  # of pytest
    "chaos-seed",
    *(flag.removeprefix("--") for flag in EXPLORING),
    "cacert",  # of curl
    "behavior-truncate-size",  # of the plugin that is taught
    "flag",
    "no-flag",
    "extra",  # these are of the benchmark
    "json",
    "limit",
    "only",
    "quick",
    "unix-socket",  # of curl
    "rounds",
    "seconds",
    "systems",
}


def page(name: str) -> str:
    return (DOCS / f"{name}.md").read_text("utf-8")


def by_name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def flags_of(parameter: click.Parameter) -> set[str]:
    """The spellings of a flag that are not hidden."""
    if getattr(parameter, "hidden", False):
        return set()
    return {flag.removeprefix("--") for flag in parameter.opts if flag.startswith("--")}


@pytest.fixture
def flags(capsys: pytest.CaptureFixture[str]) -> set[str]:
    """Every flag of all commands, but for the options of plugins."""
    found: set[str] = set()
    for module, name in COMMANDS.values():
        command = getattr(import_module(f"vaurien.cli.{module}"), name)
        found |= {flag for param in command.params for flag in flags_of(param)}
    found |= {flag for param in vaurien.params for flag in flags_of(param)}
    commands: tuple[Callable[[list[str]], object], ...] = (meta.main, client.main)
    for command in commands:
        with pytest.raises(SystemExit):
            command(["--help"])
        found |= set(FLAG.findall(capsys.readouterr().out))
    return found


# Generated parts.


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    path = ROOT / "scripts" / "generate_docs.py"
    spec = importlib.util.spec_from_file_location("generate_docs", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", sorted(DOCS.rglob("*.md")), ids=by_name)
def test_generated_parts_are_up_to_date(path: Path, generator: ModuleType) -> None:
    text = path.read_text("utf-8")
    assert generator.filled(text) == text, "`make docs` updates them"


def test_each_generated_part_is_in_a_page(generator: ModuleType) -> None:
    text = "".join(path.read_text("utf-8") for path in PAGES)
    named = {found[2] for found in generator.PART.finditer(text)}
    assert {name for name in named if "/" not in name} == set(generator.PARTS)


# Nothing is missing.


def test_every_flag_is_documented(flags: set[str]) -> None:
    text = page("usage") + page("control") + page("serving") + page("explore") + page("cli")
    assert {flag for flag in flags if not re.search(rf"--{re.escape(flag)}[` ]", text)} == set()


def test_every_behavior_has_a_section() -> None:
    headings = HEADING.findall(page("behaviors"))
    assert [name for name in plugins.BEHAVIORS if name not in headings] == []


def test_every_route_is_documented() -> None:
    with live() as running:
        app = make_app(running.control)
    routes = [route for route in app.routes if isinstance(route, Route)]
    asked = {f"{method} {route.path}" for route in routes for method in route.methods or ()}
    headings = [
        words for heading in HEADING.findall(page("control")) for words in heading.split(", ")
    ]
    assert {words for words in headings if "/" in words} == {
        words for words in asked if not words.startswith("HEAD")
    }


def test_every_method_of_the_client_is_documented() -> None:
    text = page("control")
    methods = {name for kind in (Client, ProxyHandle) for name in dir(kind) if name[0] != "_"}
    assert {name for name in methods if not re.search(rf"[`.]{name}\(", text)} == set()


def test_every_action_is_documented() -> None:
    text = page("plugins")
    assert [each for each in get_args(Action) if f"| `{each.__name__}(" not in text] == []


def test_every_field_of_the_journal_is_documented() -> None:
    noted = Noted(1, 1, "", 0)
    fired = Fired("p", "r", "b", 1, 1, 50.0, 1, Direction.TO_CLIENT, {}, "", noted)
    fields = list(json.loads(entry(fired, 0.0)))
    text = page("rules").partition("## The journal")[2]
    assert re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) == fields
    example = re.search(r"```json\n(.*)\n```", text)
    assert example is not None
    assert list(json.loads(example[1])) == fields


def test_every_counter_is_documented() -> None:
    text = page("usage").partition("## Statsd")[2]
    assert [name for name in COUNTERS if f"`{name}`" not in text] == []


@pytest.mark.parametrize("folder", ["net", "control", "cli"])
def test_every_module_is_in_the_architecture(folder: str) -> None:
    paths = (ROOT / "src" / "vaurien" / folder).glob("[!_]*.py")
    named = set(re.findall(r"`(\w+)`", page("architecture")))
    assert {path.stem for path in paths} - named == set()


# Nothing is made up.


def test_modules_of_the_architecture_exist() -> None:
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", page("architecture"), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"\w+", row)}
    there = {path.stem for path in (ROOT / "src" / "vaurien").glob("*/*.py")}
    assert named
    assert named - there == set()


def test_the_rings_are_those_that_are_enforced() -> None:
    rows = re.findall(r"^\| (\d) \| (.*?) \|", page("architecture"), re.MULTILINE)
    named = {name: int(ring) for ring, row in rows for name in re.findall(r"`(\w+)/?`", row)}
    assert named == RINGS


def test_profiles_that_the_help_names_exist() -> None:
    found = re.search(r"such as (.*?);", BY_SECTION["vaurien"]["profile"].option.help)
    assert found is not None
    assert set(re.split(", | or ", found[1])) <= set(Presets().profiles)


@pytest.mark.parametrize(
    "path", [each for each in COMMANDED if by_name(each) not in NOT_OURS], ids=by_name
)
def test_flags_that_are_mentioned_exist(path: Path, flags: set[str]) -> None:
    plugins.install()
    known = flags | {f"no-{flag}" for flag in flags} | OTHERS_FLAGS
    for name in plugins.BEHAVIORS:
        for flag in flags_of_plugin("behavior", behaviors.get(name)):
            known |= {spelling.removeprefix("--") for spelling in flag.opts}
    assert set(FLAG.findall(COMMENT.sub("", path.read_text("utf-8")))) - known == set()


def test_commands_that_are_mentioned_exist() -> None:
    targets = set(TARGET.findall((ROOT / "Makefile").read_text("utf-8")))
    assert {"help", "demo", "test"} <= targets
    assert len(targets) <= 12
    for path in PAGES:
        for words in COMMAND.findall(path.read_text("utf-8")):
            assert set(words.split()) <= targets, f"{path.name}: make {words}"


def anchors(path: Path) -> set[str]:
    """The anchors that a forge makes of a page's headings."""
    headings = HEADING.findall(FENCE.sub("", path.read_text("utf-8")))
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=by_name)
def test_each_code_block_says_what_it_is(path: Path) -> None:
    """Indented blocks, and fences without a language, would not be run: see tests/pages.py."""
    text = path.read_text("utf-8")
    assert re.findall(r"\n\n    \S.*", FENCE.sub("", text)) == []
    assert [each for each in FENCE.findall(text) if each.startswith("```\n")] == []


@pytest.mark.parametrize("path", [*PAGES, *EXAMPLES], ids=by_name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in LINK.findall(FENCE.sub("", path.read_text("utf-8"))):
        name, _, anchor = target.partition("#")
        other = (path.parent / name).resolve() if name else path
        assert other.exists(), target
        if anchor:
            assert anchor in anchors(other), target


def test_every_example_is_listed() -> None:
    folder = ROOT / "examples"
    linked = LINK.findall((folder / "README.md").read_text("utf-8"))
    assert {path.name for path in folder.iterdir() if path.is_dir()} == {
        target.partition("/")[0] for target in linked
    }


@pytest.mark.parametrize("path", EXAMPLES, ids=by_name)
def test_examples_install_vaurien_from_its_source(path: Path) -> None:
    for target in re.findall(r"pip install (\S+)", path.read_text("utf-8")):
        assert (path.parent / target / "pyproject.toml").exists(), target


def test_every_page_is_in_the_index() -> None:
    linked = set(LINK.findall(page("index")))
    assert {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")} - {"index.md"} <= linked


@pytest.mark.parametrize("path", [*PAGES, *EXAMPLES], ids=by_name)
def test_no_folder_of_somebodys_machine_is_named(path: Path) -> None:
    text = path.read_text("utf-8")
    assert re.findall(r"(?<![\w.])/(?:home|root|tmp|work|Users)\b", text) == []
    assert re.findall(r"\b(?:TODO|FIXME|TBD)\b", text) == []
