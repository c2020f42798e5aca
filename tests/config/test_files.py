"""Files: what they say, what they extend, and what is wrong with them as files."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from vaurien.config.document import INVALID, Document, DocumentError
from vaurien.config.files import SIZE_LIMIT, read

ENVIRONMENT = {"PORT": "8080", "HOST": "here"}


def write(folder: Path, name: str, text: str | bytes) -> str:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


def place(document: Document, *path: str | int) -> str:
    return str(document.origin(path))


def problem(path: str) -> str:
    """The one thing that is wrong with a file that cannot be read."""
    with pytest.raises(DocumentError) as caught:
        read(path, ENVIRONMENT)
    assert len(caught.value.problems) == 1
    return str(caught.value).replace(os.path.dirname(path) + "/", "")


def test_toml_says_what_it_says(tmp_path: Path) -> None:
    path = write(tmp_path, "a.toml", "seed = 1\r\n[proxies.a]\nrules = [{sleep = 1.5}]\n")
    document = read(path, ENVIRONMENT)
    assert document.content == {"seed": 1, "proxies": {"a": {"rules": [{"sleep": 1.5}]}}}
    assert str(document.origin(())) == path
    assert not document.problems


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    assert read(write(tmp_path, "a.toml", b"\xef\xbb\xbfx = 1"), {}).content == {"x": 1}
    assert read(write(tmp_path, "a.json", b'\xef\xbb\xbf{"x": 1}'), {}).content == {"x": 1}


def test_variables_are_filled_in_wherever_there_are_texts(tmp_path: Path) -> None:
    text = 'a = "${HOST}:${PORT}"\nb = [{c = "${PORT}", d = "$${PORT}"}]\n"${PORT}" = "$PORT"'
    content = read(write(tmp_path, "a.toml", text), ENVIRONMENT).content
    assert content == {
        "a": "here:8080",
        "b": [{"c": "8080", "d": "${PORT}"}],
        "${PORT}": "$PORT",
    }


def test_all_variables_that_are_not_set_are_problems(tmp_path: Path) -> None:
    text = 'a = "${ONE}${TWO}${PORT}"\n[b]\nc = ["${ONE}"]'
    document = read(write(tmp_path, "a.toml", text), ENVIRONMENT)
    assert document.content == {"a": INVALID, "b": {"c": [INVALID]}}
    assert [
        (str(problem.origin).removeprefix(f"{document.root}: "), problem.why)
        for problem in document.problems
    ] == [
        ("a", "needs the environment variable 'ONE', which is not set"),
        ("a", "needs the environment variable 'TWO', which is not set"),
        ("b.c[0]", "needs the environment variable 'ONE', which is not set"),
    ]


def test_json_is_taken_literally(tmp_path: Path) -> None:
    content = {"extends": "nosuch", "journal": "${NOT_SET}", "proxies": {}}
    assert read(write(tmp_path, "a.json", json.dumps(content)), {}).content == content


def test_a_list_in_json_is_that_of_toxiproxy(tmp_path: Path) -> None:
    text = '[{"name": "a", "upstream": "localhost:80"}]'
    content = read(write(tmp_path, "a.json", text), {}).content
    assert isinstance(content["proxies"], dict)
    assert content["proxies"]["a"]["backend"] == "localhost:80"


def test_a_file_gives_what_the_one_that_extends_it_leaves_open(tmp_path: Path) -> None:
    write(tmp_path, "common.toml", "x = 1\ny = 1\n[t]\na = 1\nb = 1\n[t.u]\nc = [1, 1]\nd = 1")
    main = write(
        tmp_path, "main.toml", 'extends = "common.toml"\ny = 2\n[t]\nb = 2\n[t.u]\nc = [2]'
    )
    document = read(main, {})
    assert document.content == {"x": 1, "y": 2, "t": {"a": 1, "b": 2, "u": {"c": [2], "d": 1}}}
    common = str(tmp_path / "common.toml")
    assert place(document, "x") == f"{common}: x"
    assert place(document, "y") == f"{main}: y"
    assert place(document, "t", "u", "d", 3, "deep") == f"{common}: t.u.d[3].deep"
    assert place(document, "t", "u", "c", 0) == f"{main}: t.u.c[0]"
    assert place(document, "t", "u") == f"{main}: t.u"
    assert place(document, "t", "new") == f"{main}: t.new"


def test_of_several_files_the_later_wins(tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    write(folder, "one.toml", 'extends = "two.json"\nx = 1\ny = 1')
    write(folder, "two.json", '{"x": 2, "y": 2, "z": 2}')
    write(tmp_path, "three.toml", "x = 3")
    main = write(tmp_path, "main.toml", 'extends = ["parts/one.toml", "three.toml"]')
    document = read(main, {})
    assert document.content == {"x": 3, "y": 1, "z": 2}
    assert place(document, "z") == f"{folder / 'two.json'}: z"


def test_what_is_not_beside_the_file_is_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    write(tmp_path, "common.toml", "x = 1")
    main = write(folder, "main.toml", 'extends = "common.toml"')
    monkeypatch.chdir(tmp_path)
    assert read(main, {}).content == {"x": 1}


def test_a_file_is_read_once_however_often_it_is_extended(tmp_path: Path) -> None:
    write(tmp_path, "0.toml", "x = '${NOT_SET}'")
    for number in range(1, 60):
        text = f'extends = ["{number - 1}.toml", "{number - 1}.toml"]'
        write(tmp_path, f"{number}.toml", text)
    document = read(str(tmp_path / "59.toml"), {})
    assert len(document.problems) == 1


@pytest.mark.parametrize("name", ["a.json", "toxiproxy", "a.conf", "a.toml"])
@pytest.mark.parametrize(
    ("behind", "line"), [("", 0), ("\n\n", 0), ("\n# mine\n", 3), ("[]", 2), ("\n\n{", 4)]
)
def test_what_follows_the_proxies_of_toxiproxy_is_ignored(
    name: str, behind: str, line: int, tmp_path: Path
) -> None:
    path = write(tmp_path, name, f'\n[{{"name": "a", "upstream": "b:1"}}]{behind}')
    document = read(path, {})
    assert "proxies" in document.content
    told = [f"{path}: line {line} is ignored from where the proxies end"] if line else []
    assert list(map(str, document.warnings)) == told


def test_warnings_of_a_file_that_is_extended_are_kept(tmp_path: Path) -> None:
    write(tmp_path, "toxiproxy.json", '[{"name": "a", "upstream": "b:1", "x": 1}] {}')
    for text in ("", "seed = 1"):
        path = write(tmp_path, "a.toml", f'extends = "toxiproxy.json"\n{text}')
        assert len(read(path, {}).warnings) == 2


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.toml", "x = 1\ny =\n", "a.toml: line 2, column 4 is not TOML: Invalid value"),
        ("a.toml", "x = [", "a.toml: end of document is not TOML: Invalid value"),
        ("a.json", '{"x": 1,\n "y" 2}', "a.json: line 2, column 6 is not JSON: Expecting"),
        ("a.json", "3", "a.json: the file is neither a list of proxies nor a table"),
        ("a.json", '{"a": {"x": 1, "x": 2}}', "a.json: x is given twice in one table"),
        ("a.toml", b"x = 1\ny = '\xff'", "a.toml: line 2 is not UTF-8"),
        ("a.ini", "", "a.ini: the file is an INI file: vaurien import-ini makes TOML of it"),
        ("a.yaml", "x: 1", "a.yaml: the file is YAML: a configuration is TOML or JSON"),
        ("a.toml", "x = " + "[" * 1000, "a.toml: the file is nested too deeply"),
        ("a.json", "[" * 100_000, "a.json: the file is nested too deeply"),
        ("a.json", "1" * 5000, "a.json: the file holds a whole number that is too large"),
        ("a.toml", "x = " + "1" * 5000, "a.toml: the file holds a whole number that is too large"),
        ("a.toml", 'extends = "a.toml"', "a.toml: extends leads back to the file itself"),
        ("a.toml", 'extends = "nosuch.toml"', "nosuch.toml: the file cannot be read: No such file"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_line(
    tmp_path: Path, name: str, text: str | bytes, expected: str
) -> None:
    assert problem(write(tmp_path, name, text)).startswith(expected)


def test_what_cannot_be_read_is_said_too(tmp_path: Path) -> None:
    assert problem(str(tmp_path)).endswith("the file cannot be read: Is a directory")
    assert "cannot be read: No such file" in problem(str(tmp_path / "nosuch\n.toml"))
    nul = problem(str(tmp_path / "no\0such.toml"))  # each version of Python words it anew
    assert "the file cannot be read: " in nul
    assert "embedded null" in nul
    large = tmp_path / "large.toml"
    large.touch()
    os.truncate(large, SIZE_LIMIT + 1)
    assert problem(str(large)) == f"large.toml: the file is longer than {SIZE_LIMIT} bytes"


def test_a_longer_loop_is_one_too(tmp_path: Path) -> None:
    write(tmp_path, "b.toml", 'extends = "c.toml"')
    write(tmp_path, "c.toml", 'extends = "a.toml"')
    main = write(tmp_path, "a.toml", 'extends = "b.toml"')
    assert problem(main) == "a.toml: extends leads back to the file itself"


def test_all_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    write(tmp_path, "b.toml", "x")
    main = write(tmp_path, "a.toml", 'extends = ["nosuch.toml", "b.toml", "nosuch2.toml"]')
    with pytest.raises(DocumentError) as caught:
        read(main, {})
    assert len(caught.value.problems) == 3
    for problem, name in zip(
        caught.value.problems[::2], ("nosuch.toml", "nosuch2.toml"), strict=True
    ):
        assert str(problem.origin) == f"{name}: the file"
        assert problem.why == f"cannot be read: No such file or directory; {main} extends it"


def test_extends_takes_names(tmp_path: Path) -> None:
    document = read(write(tmp_path, "a.toml", 'extends = ["${X}", 5, ""]'), {})
    assert [str(problem.origin) for problem in document.problems] == [
        f"{document.root}: {key}" for key in ("extends[0]", "extends", "extends")
    ]
    assert [problem.given for problem in document.problems[1:]] == ["5", "''"]
    assert document.problems[2].allowed == "the name of a file, or a list of such"


def test_what_is_nested_deeply_by_its_keys_alone_is_refused(tmp_path: Path) -> None:
    text = ".".join("a" * 400) + " = 1"
    document = read(write(tmp_path, "a.toml", text), {})
    assert [problem.why for problem in document.problems] == ["is nested too deeply"]


def test_what_a_file_says_with_a_line_below_wins_over_one_in_the_middle(tmp_path: Path) -> None:
    write(
        tmp_path,
        "common.toml",
        "http-port = 1\nlog_level = 'info'\n[proxies.a-b]\nconnect-timeout = 3\n",
    )
    main = write(
        tmp_path,
        "main.toml",
        'extends = "common.toml"\nhttp_port = 2\nlog-level = "debug"\n'
        "[proxies.a-b]\nconnect_timeout = 4\n[proxies.a_b]\n",
    )
    assert read(main, {}).content == {
        "http_port": 2,
        "log-level": "debug",
        "proxies": {"a-b": {"connect_timeout": 4}, "a_b": {}},
    }


def test_of_a_project_only_one_table_counts(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text('[project]\nname = "x"\n[tool.vaurien]\nseed = 7\njournal = "${NOPE}"\n')
    document = read(str(path), {})
    assert document.content["seed"] == 7
    assert str(document.origin(("seed",))) == f"{path}: tool.vaurien.seed"
    (problem,) = document.problems
    assert str(problem).startswith(f"{path}: tool.vaurien.journal = '${{NOPE}}' needs")


@pytest.mark.parametrize("text", ["", "[tool]\nvaurien = 1\n", "tool = 1\n"])
def test_a_project_without_the_table(text: str, tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text(text)
    with pytest.raises(DocumentError) as caught:
        read(str(path), {})
    assert str(caught.value) == f"{path}: tool.vaurien is not there, or no table"
