"""The rings, enforced: which module may import which, what it may be named, how long it may be.

The table is that of the architecture page.  A module belongs to the ring of its folder,
or to the one it is listed in here; whatever is listed nowhere is at the edge, and may
import anything but what is quarantined.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import vaurien
from vaurien import plugins
from vaurien.config.settings import SETTINGS

TESTS = Path(__file__).parent
SOURCE = Path(str(vaurien.__file__)).parent

RINGS: dict[str, int] = {
    **dict.fromkeys(["values", "errors", "version"], 0),
    **dict.fromkeys(
        ["parsing", "rules", "behavior", "protocol", "fault", "registry", "semantics"], 1
    ),
    "authority": 1,
    **dict.fromkeys(["behaviors", "protocols"], 2),
    "net": 3,
    "config": 4,
    "control": 5,
}
"""The ring of a module or a folder."""

MAY_IMPORT: dict[int, set[int]] = {
    0: {0},
    1: {0, 1},
    2: {0, 1},
    3: {0, 1},
    4: {0, 1, 3},
    5: {0, 1, 3, 4},
}
"""From which rings a ring may import, besides its own folder."""

ALONE = {"client"}
"""Import nothing of ours but what is in the same folder."""

DATA = {"config.presets", "config.settings", "config.toxics"}
"""Tables of data, which may name plugins though the code around them knows none."""
SETTING_KEYS = {setting.key for setting in SETTINGS}
"""Some are called like a plugin."""

QUARANTINED = "legacy"
OLD_PATHS = {
    "behaviors.__init__",
    "handlers",
    "protocols.__init__",
    "protocols.base",
    "protocols.tcp",
    "util",
}
"""Old public import paths: besides ``plugins``, they alone may lead into the quarantine."""

EFFECTS = {
    "asyncio",
    "socket",
    "ssl",
    "select",
    "selectors",
    "threading",
    "time",
    "logging",
    "random",
}
"""What rings 0 to 2 do not import: clock and chance are arguments, and they do no I/O."""
LAZILY = {("rules.firing", "random")}
"""Imported when it is used, to make a generator of a seed."""

OTHERS_CODE = {
    "control": {"starlette", "uvicorn", "h11", "jinja2", "prometheus_client", "opentelemetry"},
    "cli": {"click"},
    "rules": {"re2"},
    "authority": {"cryptography"},
    "pytest_plugin": {"pytest"},
    "pytest_explorer": {"pytest"},
    "testcontainers": {"testcontainers"},
}
"""Which distributions of others a folder may import; the rest is the standard library."""

BANNED_WORDS = {"manager", "helper", "helpers", "util", "utils", "context", "core", "base"}
OLD_NAMES = {"util", "protocols.base", "handlers.base", "BaseHandler", "BaseProtocol"}

WITHOUT_TESTS = {
    "__main__": "one call, made by the tests of the command line",
    "version": "a text",
    "values.__init__": "a docstring",
    "values.actions": "values without code of their own",
    "parsing.__init__": "a docstring",
    "rules.__init__": "a docstring",
    "authority.__init__": "a docstring",
    "config.__init__": "a docstring",
    "config.configuration": "a value without code of its own",
    "errors": "raised, and read, in the tests of whatever raises them",
    "net.__init__": "a docstring",
    "net.view": "an interface",
    "net.spec": "values: the tests of proxies and their configuration",
    "net.tls.__init__": "a docstring",
    "control.__init__": "a docstring",
    "control.toxiproxy.__init__": "a docstring",
    "embedded.__init__": "a docstring",
    "explore.__init__": "a docstring",
    "verdicts.__init__": "a docstring",
    "semantics": "a value without code of its own",
    "cli.toxiproxy.__init__": "a docstring",
    "cli.remote.__init__": "a docstring",
    "control.v1.__init__": "a docstring",
    "behaviors.__init__": "names of old: tests/legacy",
    "protocols.__init__": "names of old: tests/legacy",
    "protocols.base": "a name of old: tests/legacy",
    **dict.fromkeys(
        [f"protocols.{name}.__init__" for name in sorted(plugins.PROTOCOLS) if name != "tcp"],
        "a name: the tests beside it",
    ),
    "handlers": "names of old: tests/legacy",
    "legacy.__init__": "a docstring",
}
"""Modules and folders without a test file of their own, and why."""

PARTS = {"checks", "sql", "texts"}
"""Files beside protocols that several of them share."""

LINES_OF_A_FILE = 400
LINES_OF_A_FUNCTION = 50


# Reading the source.


def modules() -> dict[str, Path]:
    """Every module of ours without the leading ``vaurien.``; a package is its ``__init__``."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        name = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        found[name] = path
    return found


MODULES = modules()


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def package_of(module: str) -> str:
    """``net.link`` and ``net.__init__`` are in ``net``; ``plan`` is in none."""
    return module.rpartition(".")[0]


def top(name: str) -> str:
    return name.partition(".")[0]


def ring_of(module: str) -> int | None:
    """The ring a module is in; None at the edge."""
    return RINGS.get(top(module))


def is_old_path(module: str) -> bool:
    return not OLD_PATHS.isdisjoint({module, package_of(module)})


def imported_names(module: str) -> Iterator[str]:
    """All that is imported anywhere in a module, as absolute dotted paths.

    ``from a import b`` counts as ``a.b``; so does a text that is the path of a module
    of ours, which is how a module imports lazily by ``import_module``.
    """
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{origin_of(module, node)}.{alias.name}" for alias in node.names)
    yield from (text for text in texts_in(module) if re.fullmatch(r"vaurien(\.\w+)+", text))


def texts_in(module: str) -> Iterator[str]:
    """Every text in the code of a module."""
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def origin_of(module: str, node: ast.ImportFrom) -> str:
    """The absolute path of the module that something is imported from."""
    if not node.level:
        return node.module or ""
    parts = ["vaurien", *filter(None, package_of(module).split("."))]
    parts = parts[: len(parts) - node.level + 1]
    return ".".join([*parts, *filter(None, [node.module])])


@cache
def ours_imported_by(module: str) -> set[str]:
    """The modules of ours that a module imports, anywhere in it."""
    found = set()
    for name in imported_names(module):
        if name == "vaurien" or name.startswith("vaurien."):
            parts = name.split(".")[1:]
            known = [".".join(parts[:end]) for end in range(len(parts), 0, -1)]
            found.add(next((path for path in known if is_ours(path)), "__init__"))
    return found


def is_ours(path: str) -> bool:
    return path in MODULES or f"{path}.__init__" in MODULES


def others_imported_by(module: str) -> set[str]:
    """The top-level names of whatever else a module imports."""
    return set(map(top, imported_names(module))) - {"vaurien", "__future__"}


def only_for_checkers(module: str) -> set[ast.AST]:
    """Every node that is there for type checkers, and never runs."""
    return {
        inner
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for part in node.body
        for inner in ast.walk(part)
    }


# The rings.


def test_the_table_names_what_is_there() -> None:
    assert all(is_ours(name) for name in [*RINGS, *ALONE, *OLD_PATHS, QUARANTINED])


def test_rings_import_inward_only() -> None:
    wrong = [
        f"{module} imports {other}"
        for module in MODULES
        if (ring := ring_of(module)) is not None
        for other in ours_imported_by(module)
        if not (top(other) == top(module) and package_of(module))
        and not (top(other) == QUARANTINED and is_old_path(module))
        and ring_of(other) not in MAY_IMPORT[ring]
    ]
    assert not wrong


def test_who_is_alone_imports_nothing_of_ours() -> None:
    assert not [
        f"{module} imports {other}"
        for module in MODULES
        for other in ours_imported_by(module)
        if top(module) in ALONE and top(other) not in ALONE
    ]


def test_nobody_imports_what_is_quarantined() -> None:
    wrong = [
        f"{module} imports {other}"
        for module in MODULES
        if module != "plugins" and top(module) != QUARANTINED and not is_old_path(module)
        for other in ours_imported_by(module)
        if top(other) == QUARANTINED
    ]
    assert not wrong


def test_the_inner_rings_have_no_effects() -> None:
    wrong = [
        f"{module} imports {name}"
        for module in MODULES
        if ring_of(module) in (0, 1, 2)
        for node in set(ast.walk(tree_of(module))) - only_for_checkers(module)
        for name in names_imported_by(node)
        if top(name) in EFFECTS
        and not ((module, name) in LAZILY and node not in tree_of(module).body)
    ]
    assert not wrong


def names_imported_by(node: ast.AST) -> list[str]:
    """The modules, not ours, that one statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [node.module or ""]
    return []


def test_what_others_wrote_is_imported_at_the_edge() -> None:
    wrong = [
        f"{module} imports {other}"
        for module in MODULES
        for other in others_imported_by(module) - sys.stdlib_module_names
        if other not in OTHERS_CODE.get(top(module), set())
    ]
    assert not wrong


def test_asyncio_is_for_the_api_not_for_traffic() -> None:
    wrong = [module for module in MODULES if "asyncio" in others_imported_by(module)]
    assert {top(module) for module in wrong} <= {"control", "client"}


def test_the_data_plane_and_the_configuration_name_no_plugin() -> None:
    names = {*plugins.BEHAVIORS, *plugins.PROTOCOLS}
    wrong = [
        f"{module} says {text!r}"
        for module in MODULES
        if ring_of(module) in (3, 4) and module not in DATA
        for text in texts_in(module)
        if text in names - (SETTING_KEYS if ring_of(module) == 4 else set())
    ]
    assert not wrong


def test_the_built_in_plugins_are_the_files_of_their_folders() -> None:
    for folder, known in (("behaviors", plugins.BEHAVIORS), ("protocols", plugins.PROTOCOLS)):
        within = [name.split(".")[1] for name in MODULES if top(name) == folder and "." in name]
        files = set(within)
        names = {name.replace("-", "_") for name in known}
        assert files - {"__init__", "base"} - PARTS == names


CIRCLES: list[set[str]] = [
    {f"net.{name}" for name in ("connection", "end", "link")},
    # An old path to the registries makes known what is built in, which is in these folders.
    {"plugins", "legacy.registries", "behaviors.__init__", "protocols.__init__"},
]
"""Modules that may import each other in a circle, if only for type checkers."""


def test_imports_go_in_no_other_circles() -> None:
    wrong = [
        sorted(circle)
        for module in MODULES
        if len(circle := {one for one in reached_by(module) if module in reached_by(one)}) > 1
        if not any(circle <= allowed for allowed in CIRCLES)
    ]
    assert not wrong


@cache
def reached_by(module: str) -> frozenset[str]:
    """The modules of ours that a module imports, itself or by way of others."""
    reached: set[str] = set()
    left = [module]
    while left:
        for other in ours_imported_by(left.pop()):
            name = other if other in MODULES else f"{other}.__init__"
            if name not in reached:
                reached.add(name)
                left.append(name)
    return frozenset(reached)


@pytest.mark.parametrize("protocol", sorted(plugins.PROTOCOLS.keys() - {"tcp"}))
def test_the_docstring_of_a_protocol_is_its_map(protocol: str) -> None:
    folder = f"protocols.{protocol}"
    known = re.findall(r"^``(\w+)``", ast.get_docstring(tree_of(f"{folder}.__init__")) or "", re.M)
    files = {name.rpartition(".")[2] for name in MODULES if package_of(name) == folder}
    assert files - {"__init__"} == set(known)
    for place, name in enumerate(known):
        above = {f"{folder}.{other}" for other in known[:place]}
        within = {each for each in ours_imported_by(f"{folder}.{name}") if folder in each}
        assert within - {f"{folder}.__init__"} <= above, "imports go upwards only"


# What an import costs.


def imported_by_running(code: str) -> set[str]:
    """What a fresh interpreter has imported after some code."""
    told = subprocess.check_output(
        [sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        text=True,
    )
    return set(told.split())


HEAVY = {
    "asyncio",
    "starlette",
    "uvicorn",
    "h11",
    "jinja2",
    "importlib.metadata",
    "ssl",
    "http.client",
    "vaurien.client",
}


@pytest.mark.parametrize(
    "code",
    [
        "import vaurien.cli",
        "import vaurien.cli.command",
        "import vaurien.cli.run",
        "import vaurien.net.proxy",
        "from vaurien import plugins, registry; plugins.install(); registry.behaviors.get('delay')",
    ],
)
def test_who_does_not_ask_for_the_api_does_not_pay_for_it(code: str) -> None:
    assert imported_by_running(code) & HEAVY == set()


def test_the_simulated_system_is_for_tests() -> None:
    assert "vaurien.net.simulated" not in imported_by_running("import vaurien.cli.run")
    assert not [module for module in MODULES if "net.simulated" in ours_imported_by(module)]


# Names and sizes.


def defined_names(module: str) -> Iterator[str]:
    """The names of the classes and functions of a module."""
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name


def words_of(name: str) -> set[str]:
    """``LinkManager`` and ``link_manager`` are a link and a manager."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def test_nothing_has_a_name_that_says_nothing() -> None:
    wrong = [
        f"{name} in {module}"
        for module in MODULES
        for name in {module, *defined_names(module)} - OLD_NAMES
        if words_of(name) & BANNED_WORDS
    ]
    assert not wrong


def test_a_file_and_a_function_hold_one_idea() -> None:
    long_files = {
        module: lines
        for module, path in MODULES.items()
        if (lines := path.read_text(encoding="utf-8").count("\n")) >= LINES_OF_A_FILE
    }
    long_functions = {
        f"{module}.{node.name}": lines
        for module in MODULES
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or 0) - node.lineno + 1) > LINES_OF_A_FUNCTION
    }
    assert not {**long_files, **long_functions}


def test_a_module_says_what_it_is() -> None:
    assert not [module for module in MODULES if not ast.get_docstring(tree_of(module))]


# Tests.


def mirror_of(module: str) -> Path:
    folder, _, name = module.rpartition(".")
    return TESTS.joinpath(*folder.split("."), f"test_{name.strip('_')}.py")


def test_the_tests_mirror_the_source() -> None:
    missing = [
        str(mirror_of(module).relative_to(TESTS.parent))
        for module in MODULES
        if not {module, package_of(module)} & set(WITHOUT_TESTS) and not mirror_of(module).exists()
    ]
    assert not missing


def test_the_exceptions_are_needed() -> None:
    assert all(map(is_ours, WITHOUT_TESTS))
    assert not [module for module in WITHOUT_TESTS if mirror_of(module).exists()]
