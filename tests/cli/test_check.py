"""Files that are checked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from serving import refused
from vaurien.cli import main
from vaurien.cli.check import check_config

TOML = """
seed = 1
[proxies.a]
backend = "localhost:80"
behavior = "20:delay"
profile = "3g"
[proxies.b]
backend = "localhost:81"
enabled = false
"""
TOXIPROXY = [
    {
        "name": "redis",
        "listen": "127.0.0.1:0",
        "upstream": "127.0.0.1:6379",
        "toxics": [{"type": "latency", "attributes": {"latency": 100}}],
    }
]
INI = """
[vaurien]
proxy = localhost:0
rule =
    delay sleep=2
    hang times=1
[behavior:delay]
before = false
"""


def checked(path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What is said of a file that is right."""
    with pytest.raises(SystemExit) as caught:
        main(["check-config", str(path)])
    said = capsys.readouterr()
    assert (caught.value.code, said.err) == (0, "")
    return said.out


@pytest.mark.parametrize(
    ("name", "text", "outcome"),
    [
        ("v.toml", TOML, "ok, 2 proxies, 4 rules"),
        ("v.json", json.dumps(TOXIPROXY), "ok, 1 proxy, 1 rule"),
        ("toxiproxy.conf", f"\n[ {json.dumps(TOXIPROXY)[1:]}", "ok, 1 proxy, 1 rule"),
        ("toxiproxy", json.dumps({"a": TOXIPROXY[0]}), "ok, 1 proxy, 1 rule"),
        ("seed.conf", '{"http": true, "proxies": {}}', "ok, 0 proxies, 0 rules"),
        ("v.json", "[]", "ok, 0 proxies, 0 rules"),
        ("v.ini", INI, "ok, 1 proxy, 2 rules"),
        ("vaurien.conf", TOML, "ok, 2 proxies, 4 rules"),
    ],
)
def test_right_files(
    name: str, text: str, outcome: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert checked(path, capsys) == f"{path}: {outcome}\n"


def test_nothing_is_opened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "v.toml"
    wanted = f'journal = "{tmp_path}/journal"\nlog-output = "{tmp_path}/log"\n'
    path.write_text(f'{wanted}[proxies.a]\nlisten = "192.0.2.1:1"\nbackend = "h:1"\n')
    assert "ok, 1 proxy" in checked(path, capsys)
    assert list(tmp_path.iterdir()) == [path]


def test_all_that_is_wrong_is_told(tmp_path: Path) -> None:
    path = tmp_path / "v.toml"
    path.write_text(TOML + 'listen = "x\\u001b[2J"\nprotocol = "ftp"\nrules = [{behavior = ""}]\n')
    lines = refused("check-config", str(path))
    assert [line.split(" ")[1] for line in lines[:-1]] == [
        "proxies.b.listen",
        "proxies.b.protocol",
        "proxies.b.rules[0].behavior",
    ]
    assert lines[-1] == "3 problems"
    assert "\x1b" not in lines[0]
    assert "\\x1b[2J" in lines[0]


def test_all_that_is_wrong_with_an_ini_file(tmp_path: Path) -> None:
    path = tmp_path / "v.ini"
    path.write_text(
        "[vaurien]\nproxy = x\nrule =\n    hang x\n    delay sleep=x\ntimeout = soon\nnope = 1\n"
        "[statsd]\nport = x\n[behavior:delay]\nslep = 2\n"
    )
    lines = refused("check-config", str(path))
    places = [line.removeprefix(f"{path}: ").partition("=")[0] for line in lines[:-1]]
    assert sorted(places) == [
        "[behavior:delay] slep",
        "[statsd] port",
        "[vaurien] nope",
        "[vaurien] proxy",
        "[vaurien] rule",
        "[vaurien] rule 'delay sleep",
        "[vaurien] timeout",
    ]
    assert all(line.startswith(f"{path}: ") for line in lines[:-1])


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("v.toml", "x = ?", "{path}: line 1, column 5 is not TOML: Invalid value"),
        ("vaurien.conf", INI, "{path}: line 3, column 9 is not TOML: Invalid value"),
        ("empty.toml", "", "{path}: proxies declares no proxy: it takes a table [proxies.NAME]"),
        ("v.json", '{"seed": 1} {}', "{path}: line 1, column 13 is not JSON: Extra data"),
        ("v.json", "[", "{path}: line 1, column 2 is not JSON: Expecting value"),
        ("v.ini", "x", "{path}: the file is not INI: File contains no section headers."),
        (
            "v.ini",
            "[vaurien]\nbackend = ${NO_SUCH}",
            "{path}: [vaurien] backend needs",
        ),
    ],
)
def test_what_is_no_file_of_its_kind(name: str, text: str, line: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)
    told, count = refused("check-config", str(path))
    assert told.startswith(line.format(path=path))
    assert count == "1 problem"


def test_mistakes() -> None:
    assert refused("check-config", "a", "b") == ["Got unexpected extra argument (b)"]


def test_what_has_no_effect_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "v.toml"
    proxy = '[proxies.a]\nlisten = "localhost:1"\nbackend = "localhost:2"\n'
    file.write_text(f"generation = 7\nhttp-port = 1\n[statsd]\nport = 9\n{proxy}")
    with pytest.raises(SystemExit) as ended:
        check_config.main([str(file)], "vaurien check-config")
    assert ended.value.code == 0
    assert capsys.readouterr().err.splitlines() == [
        f"vaurien: warning: {file}: generation has no effect: it is for state files",
        f"vaurien: warning: {file}: http-port has no effect without http",
        f"vaurien: warning: {file}: statsd.port has no effect without statsd.enabled",
    ]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            'protocol = "redis"\nrules = [{ behavior = "error", fault = "X", comand = "SET" }]',
            [
                "fault = 'X' is unknown",
                "comand = 'SET' is an unknown key (did you mean 'command'?)",
            ],
        ),
        (
            'protocol = "reds"\nrules = [{ behavior = "error", fault = "X", precent = 5 }]',
            [
                "protocol = 'reds' is an unknown",
                "precent = 5 is an unknown key (did you mean 'percent'",
            ],
        ),
        (
            'protocol = "http"\nrecipe = "redis-failover"',
            ["recipe = 'redis-failover' is for the protocol redis, not http"],
        ),
        ('rules = [{ behavior = "hang", times = 1e99 }]', ["times = 1e+99 is not allowed"]),
    ],
)
def test_all_is_said_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: str, said: list[str]
) -> None:
    file = tmp_path / "v.toml"
    file.write_text(f'[proxies.a]\nlisten = "localhost:1"\nbackend = "localhost:2"\n{lines}\n')
    with pytest.raises(SystemExit):
        check_config.main([str(file)], "vaurien check-config")
    *problems, _ = capsys.readouterr().err.splitlines()
    assert len(problems) == len(said)
    for part in said:
        assert any(part in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "v.toml",
            'extends = "nope.toml"\ntimeout = "x"\n[proxies.p]\nfoo = 1\nprotocol = "mine"\n'
            'journal = "${NOPE}"\n[proxies.q]\nprotocol = "reds"\n',
            [
                "nope.toml: the file cannot be read",
                "{file}: proxies.p.journal = '${NOPE}' needs the environment variable",
                "{file}: timeout = 'x' is not allowed",
                "{file}: proxies.p.foo = 1 is an unknown key",
                "{file}: proxies.q.protocol = 'reds' is an unknown protocol (did you",
            ],
        ),
        (
            "v.ini",
            "[DEFAULT]\nextends = nope.ini\n[vaurien]\nproxy = x\nnope = 1\nprotocol = mine\n",
            [
                "nope.ini: the file cannot be read",
                "{file}: [vaurien] nope='1' is an unknown key",
                "{file}: [vaurien] proxy='x' is not an address",
            ],
        ),
    ],
)
def test_all_else_is_told_of_a_file_that_extends_one_that_cannot_be_read(
    name: str, text: str, expected: list[str], tmp_path: Path
) -> None:
    file = tmp_path / name
    file.write_text(text)
    *lines, count = refused("check-config", str(file))
    assert count == f"{len(expected)} problems"
    for line, beginning in zip(lines, expected, strict=True):
        assert line.startswith(beginning.replace("{file}", str(file)))
