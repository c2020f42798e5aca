"""Flags as Go's programs take them."""

from __future__ import annotations

import pytest

from vaurien.cli.toxiproxy.arguments import Command, Flag, IncorrectUsageError, read

FLAGS = [
    Flag(("listen", "l"), "where"),
    Flag(("attribute", "a"), "what"),
    Flag(("upstream", "u"), "whether", is_switch=True),
]


@pytest.mark.parametrize(
    ("words", "values", "rest"),
    [
        ("", {}, []),
        ("-l x name", {"listen": ["x"]}, ["name"]),
        ("--l=x name", {"listen": ["x"]}, ["name"]),
        ("-listen=a=b", {"listen": ["a=b"]}, []),
        ("-l -u", {"listen": ["-u"]}, []),
        ("-l= name", {"listen": [""]}, ["name"]),
        ("-a x -a y", {"attribute": ["x", "y"]}, []),
        ("-u name", {"upstream": ["on"]}, ["name"]),
        ("-u -u=F", {"upstream": []}, []),
        ("-- -l x", {}, ["-l", "x"]),
        ("name -l x more", {"listen": ["x"]}, ["name", "more"]),
        ("name -x", {}, ["name", "-x"]),
        ("name -- -l x", {}, ["name", "-l", "x"]),
        ("- -l x", {"listen": ["x"]}, ["-"]),
    ],
)
def test_flags(words: str, values: dict[str, list[str]], rest: list[str]) -> None:
    given = read(words.split(), FLAGS, among_words=True)
    assert (given.values, given.words) == (values, rest)


def test_flags_behind_a_verb_are_its_own() -> None:
    given = read(["-l", "x", "create", "-l", "y", "--", "-u"], FLAGS, among_words=False)
    assert given.values == {"listen": ["x"]}
    assert given.words == ["create", "-l", "y", "--", "-u"]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("-x", "flag provided but not defined: -x"),
        ("--nope=1", "flag provided but not defined: -nope"),
        ("-l", "flag needs an argument: -l"),
        ("-h", "flag: help requested"),
        ("--=x", "bad flag syntax: --=x"),
        ("---l", "bad flag syntax: ---l"),
        ("-u=x", 'invalid boolean value "x" for -u: parse error'),
    ],
)
def test_mistakes(words: str, text: str) -> None:
    with pytest.raises(IncorrectUsageError) as caught:
        read(words.split(), FLAGS, among_words=True)
    assert str(caught.value) == text


def test_what_was_given() -> None:
    given = read(
        ["-l", "a", "-l", "b", "-a", "x=1, y=2", "-a", "z", "name"], FLAGS, among_words=True
    )
    assert given.text("listen") == "b"
    assert given.text("upstream") == ""
    assert given.has("listen")
    assert not given.has("upstream")
    assert list(given.parts("attribute")) == ["x=1", "y=2", "z"]
    assert given.name == "name"


def test_commands_and_their_help() -> None:
    inner = Command(("add", "a"), "add it", "<name>", FLAGS, path="program add")
    outer = Command(("program",), "do things", commands=[inner], notes="NOTES: x", path="program")
    assert outer.at([]) is outer
    assert outer.at(["a", "whatever"]) is inner
    with pytest.raises(LookupError):
        outer.at(["nope"])
    assert inner.help_text() == (
        "NAME:\n   program add - add it\n\n"
        "USAGE:\n   program add <name>\n\n"
        "OPTIONS:\n"
        "   --listen value, -l value     where\n"
        "   --attribute value, -a value  what\n"
        "   --upstream, -u               whether\n"
        "   --help                       show help\n"
    )
    assert "\n\nNOTES: x\n\nCOMMANDS:\n   add, a  add it\n\n" in outer.help_text()
