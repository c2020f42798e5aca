"""INI files: what they may say, and what is told when they say something else."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaurien.config.document import Document, DocumentError, FilePart
from vaurien.config.ini import read
from vaurien.errors import ConfigError
from vaurien.values.options import Option


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "v.ini"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file for all examples of a property."""
    return tmp_path_factory.mktemp("ini") / "v.ini"


def values(path: Path, *tables: str, **environment: str) -> object:
    """The content of a document, or of a table in it."""
    found: object = read(str(path), environment).content
    for name in tables:
        assert isinstance(found, dict)
        found = found[name]
    return found


def check(document: Document) -> None:
    """Raise the problems that were found while it was read."""
    if document.problems:
        raise DocumentError(document.problems)


def test_sections_and_places(config: Path) -> None:
    config.write_text(
        "# a comment\n"
        "[vaurien]\nproxy = localhost:8000\nhttp-host: ::1\n"
        "[statsd]\nenabled = true\n"
        "[behavior:delay]\nsleep = 2\n"
        "[handler: hang ]\n"
        "[protocol:tcp]\n"
    )
    document = read(str(config))
    assert document.content == {
        "proxies": {"vaurien": {"listen": "localhost:8000"}},
        "http_host": "::1",
        "statsd": {"enabled": "true"},
        "behaviors": {"delay": {"sleep": "2"}, "hang": {}},
        "protocols": {"tcp": {}},
    }
    for path, part in [
        (("proxies", "vaurien", "listen"), "[vaurien] proxy"),
        (("http_host",), "[vaurien] http-host"),
        (("behaviors", "hang"), "[handler: hang ]"),
    ]:
        assert document.origin(path) == FilePart(str(config), part)


def test_both_words_for_behaviors_are_one_section(config: Path) -> None:
    config.write_text("[behavior:delay]\nsleep = 2\n[handler:delay]\nbefore = false\n")
    assert values(config, "behaviors", "delay") == {"sleep": "2", "before": "false"}


@pytest.mark.parametrize(
    ("text", "content"),
    [
        (
            "[vaurien]\nlocal = localhost:1\ndistant = localhost:2\n",
            {"proxies": {"vaurien": {"listen": "localhost:1", "backend": "localhost:2"}}},
        ),
        ("[handlers.delay]\nsleep = 2\n", {"behaviors": {"delay": {"sleep": "2"}}}),
        ("[handlers:delay]\nsleep = 2\n", {"behaviors": {"delay": {"sleep": "2"}}}),
        (
            "[handler.mine]\ncallable = a.B\nhttp = 1\n",
            {"behaviors": {"mine": {"callable": "a.B", "http": "1"}}},
        ),
        (
            "[handlers:error]\nhttp = 1\n",
            {"behaviors": {"error": {}}, "proxies": {"vaurien": {"protocol": "http"}}},
        ),
        ("[handlers:error]\nhttp = off\n", {"behaviors": {"error": {}}}),
        (
            "[handlers:dummy]\nprotocol = redis\nkeep_alive = 1\n",
            {
                "behaviors": {"dummy": {}},
                "proxies": {"vaurien": {"protocol": "redis"}},
                "protocols": {"tcp": {"keep_alive": "1"}},
            },
        ),
        # it may be a plugin of this name
        (
            "[handler:error]\nhttp = 1\nbuffer = 2\n",
            {"behaviors": {"error": {"http": "1", "buffer": "2"}}},
        ),
    ],
)
def test_the_earliest_versions(config: Path, text: str, content: object) -> None:
    config.write_text(text)
    assert read(str(config)).content == content


def test_lists_and_quotes(config: Path) -> None:
    config.write_text(
        "[vaurien]\n"
        "rule =\n    delay sleep=2\n\n    # not this\n    hang times=1\n"
        'journal = " spaced "\n'
        'log_output = "${NOT_FILLED}"\n'
        '[statsd]\nprefix = "\n'
    )
    assert values(config) == {
        "proxies": {
            "vaurien": {
                "rules": [
                    {"behavior": "delay", "sleep": "2"},
                    {"behavior": "hang", "times": "1"},
                ]
            }
        },
        "journal": " spaced ",
        "log_output": "${NOT_FILLED}",
        "statsd": {"prefix": '"'},
    }


def test_a_backslash_in_a_rule_is_what_the_user_wrote(config: Path) -> None:
    config.write_text(
        "[vaurien]\nrule =\n    hang path=~^/api/\\d+$\n    hang 'path=~^/a b\\.c$'\n"
    )
    assert values(config, "proxies", "vaurien") == {
        "rules": [
            {"behavior": "hang", "path": r"~^/api/\d+$"},
            {"behavior": "hang", "path": r"~^/a b\.c$"},
        ]
    }


def test_environment_variables(config: Path) -> None:
    config.write_text("[vaurien]\nbackend = ${HOST}:${PORT}\nrule =\n  ${A}\n  delay\n")
    assert values(config, "proxies", "vaurien", HOST="h", PORT="80", A="hang") == {
        "backend": "h:80",
        "rules": [{"behavior": "hang"}, {"behavior": "delay"}],
    }


def test_an_environment_variable_that_is_not_set(config: Path) -> None:
    config.write_text("[statsd]\nhost = ${NOWHERE}\n")
    with pytest.raises(ConfigError) as caught:
        check(read(str(config), {}))
    text = f"{config}: [statsd] host needs the environment variable 'NOWHERE', which is not set"
    assert str(caught.value) == text


def test_extends(config: Path) -> None:
    folder = config.parent / "more"
    folder.mkdir()
    config.write_text("[DEFAULT]\nextends = more/a.ini\n    more/b.ini\n[vaurien]\nproxy = own\n")
    (folder / "a.ini").write_text(
        "[DEFAULT]\nextends = deep.ini\n[vaurien]\nproxy = a\nbackend = a\n"
    )
    (folder / "b.ini").write_text("[vaurien]\nbackend = b\nseed = 2\n[statsd]\nport = 2\n")
    (folder / "deep.ini").write_text("[vaurien]\nbackend = deep\ntimeout = 3\n")
    assert values(config) == {
        "proxies": {"vaurien": {"listen": "own", "backend": "a"}},
        "timeout": "3",
        "seed": "2",
        "statsd": {"port": "2"},
    }
    origin = read(str(config)).origin(("timeout",))
    assert str(origin) == f"{folder / 'deep.ini'}: [vaurien] timeout"


def test_extends_is_found_from_the_current_directory_too(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = config.parent / "here"
    folder.mkdir()
    (folder / "other.ini").write_text("[vaurien]\nseed = 1\n")
    config.write_text("[DEFAULT]\nextends = other.ini\n")
    monkeypatch.chdir(folder)
    assert values(config) == {"seed": "1"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[DEFAULT]\nextends = nowhere.ini\n",
            "nowhere.ini: the file cannot be read: No such file or directory; {config} extends it",
        ),
        (
            "[DEFAULT]\nextends =\n",
            "{config}: [DEFAULT] extends='' is not allowed: it takes the name of a file, or one a",
        ),
        ("[DEFAULT]\nextends = v.ini\n", "the file extends itself"),
        ("[DEFAULT]\nextends = ~nobody-has-this-name/x\n", "No such file or directory; {config}"),
        ("[DEFAULT]\nextends = a\0b\n", "cannot be read: embedded null byte; {config}"),
        ("[DEFAULT]\nproxy = x\n", "[DEFAULT] proxy is an unknown key: it takes extends"),
        (
            "[other]\n",
            "[other] is an unknown section: it takes one of [vaurien], [statsd], [behavior:NAME]",
        ),
        ("[behavior:]\n", "[behavior:] is an unknown section"),
        ("[vaurien:x]\n", "[vaurien:x] is an unknown section"),
        ("[vaurien]\nproxy = 1\nproxy = 2\n", "option 'proxy' in section 'vaurien' already exists"),
        ("[vaurien]\n[vaurien]\n", "section 'vaurien' already exists"),
        ("proxy = 1\n", "File contains no section headers"),
        ("[vaurien]\nproxy\n", "parsing errors"),
    ],
)
def test_a_mistake_names_the_file(config: Path, text: str, said: str) -> None:
    config.write_text(text)
    with pytest.raises(ConfigError) as caught:
        check(read(str(config)))
    assert said.format(config=config) in str(caught.value)
    assert "v.ini" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_mistakes_are_told(config: Path) -> None:
    config.write_text(
        "[statd]\n[DEFAULT]\nextend = x\n[statsd]\nhost = ${NOWHERE}\nprot = 1\n"
        "[vaurien]\nprxy = 1\n"
    )
    found = [str(problem) for problem in read(str(config), {}).problems]
    assert [re.sub(r"\?\).*|, which.*", "", text.partition(": ")[2]) for text in found] == [
        "[statd] is an unknown section (did you mean 'statsd'",
        "[DEFAULT] extend is an unknown key (did you mean 'extends'",
        "[statsd] host needs the environment variable 'NOWHERE'",
        "[statsd] prot='1' is an unknown key (did you mean 'port'",
        "[vaurien] prxy='1' is an unknown key (did you mean 'proxy'",
    ]


def test_a_file_in_another_encoding(config: Path) -> None:
    config.write_bytes(b"[vaurien]\nproxy = \xff\n")
    with pytest.raises(ConfigError, match=r"v.ini: the file cannot be read: 'utf-8' codec"):
        read(str(config))


def test_a_byte_order_mark(config: Path) -> None:
    config.write_bytes(b"\xef\xbb\xbf[vaurien]\nseed = 1\n")
    assert values(config) == {"seed": "1"}


LINES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1).filter(
    lambda text: not text.startswith(("#", ";")) and "$" not in text and text.strip() == text
)


@given(LINES)
def test_any_text_in_quotes_is_taken_as_it_stands(shared: Path, text: str) -> None:
    shared.write_text(f'[vaurien]\njournal = "{text}"\n', "utf-8")
    assert values(shared) == {"journal": text}


@given(st.lists(LINES.filter(lambda text: '"' not in text), min_size=1))
def test_any_lines_are_a_list(shared: Path, lines: list[str]) -> None:
    listed = "".join(f"    {line}\n" for line in lines)
    shared.write_text(f"[behavior:a]\nx =\n{listed}", "utf-8")
    assert values(shared, "behaviors", "a", "x") == "\n".join(lines)


@given(st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False)))
def test_any_value_is_understood_as_its_type(shared: Path, value: bool | int | float) -> None:
    shared.write_text(f"[behavior:a]\nx = {str(value).lower()}\n")
    assert Option("x", type(value), value, "").parse(values(shared, "behaviors", "a", "x")) == value


@given(st.binary() | st.text('[]vaurien:=\n\0 $\\{}"#', max_size=60).map(str.encode))
def test_nothing_but_its_own_errors(shared: Path, data: bytes) -> None:
    shared.write_bytes(data)
    with contextlib.suppress(ConfigError):
        read(str(shared), {})
