"""Plugins by dotted path, under other names, and of old forms."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands import Refuse, Understand
from vaurien import registry

pytestmark = pytest.mark.usefixtures("plugin_folder")


@pytest.mark.parametrize("path", ["troubles.Super", "troubles:Super"])
@pytest.mark.parametrize("word", ["behavior", "handler"])
def test_a_class_by_its_path(path: str, word: str, understand: Understand) -> None:
    settings = understand(
        *["--behavior", f"20:{path}", f"--{word}-super-foo", "3", f"--no-{word}-super-loud-bar"]
    )
    (rule,) = settings.state.proxies[0].plan.rules
    assert (rule.name, rule.percent) == ("super", 20)
    assert rule.behavior.settings() == {"foo": 3, "loud_bar": False}
    assert "super" in registry.behaviors.names()


def test_a_class_in_a_rule(understand: Understand) -> None:
    settings = understand("--rule", "troubles.Super foo=4 percent=1")
    rule = settings.state.proxies[0].plan.rules[-1]
    assert (rule.name, rule.behavior.settings()["foo"]) == ("super", 4)


def test_a_protocol_by_its_path(understand: Understand) -> None:
    settings = understand(
        *["--protocol", "troubles.Lines", "--protocol-lines-strict=yes"],
        *["--protocol-lines-keep-alive", "--rule", "delay word=GET"],
    )
    assert settings.state.proxies[0].protocol.name == "lines"
    assert settings.state.proxies[0].protocol.settings() == {"strict": True}
    assert settings.classic["protocol.lines.keep_alive"] is True
    assert settings.state.proxies[0].plan.rules[-1].match[0].label == "word"


def test_the_api_finds_what_was_loaded_but_loads_nothing(understand: Understand) -> None:
    settings = understand("--behavior", "20:troubles.Super", "--behavior-super-foo", "3")
    assert settings.names.behaviors.get("super").make({"loud_bar": False}).settings() == {
        "foo": 3,
        "loud_bar": False,
    }
    with pytest.raises(LookupError, match=r"'troubles.Old' is an unknown behavior"):
        settings.names.behaviors.get("troubles.Old")


def test_a_class_under_the_name_of_its_section(understand: Understand, plugin_folder: Path) -> None:
    (plugin_folder / "v.ini").write_text(
        "[vaurien]\nbehavior = 20:foobar\nprotocol = words\n"
        "[behavior:foobar]\ncallable = troubles:Super\nfoo = 2\n"
        "[behavior:unused]\ncallable = troubles.Second\n"
        "[protocol:words]\ncallable = troubles.Lines\nstrict = true\n"
    )
    settings = understand("--config", "v.ini", "--behavior-foobar-loud-bar=off")
    (rule,) = settings.state.proxies[0].plan.rules
    assert (rule.name, rule.behavior.name) == ("foobar", "foobar")
    assert rule.behavior.settings() == {"foo": 2, "loud_bar": False}
    assert (
        settings.state.proxies[0].protocol.name,
        settings.state.proxies[0].protocol.settings(),
    ) == (
        "words",
        {"strict": True},
    )
    assert {"foobar", "unused"} <= set(registry.behaviors.names())
    assert "super" not in registry.behaviors.names()


def test_two_classes_of_one_name(refuse: Refuse) -> None:
    line = refuse("--behavior", "20:troubles.Super,10:troubles.Second")
    assert line == (
        "--behavior='troubles.Second' and 'troubles.Super' are both named 'super': a section "
        "[behavior:NAME] with its callable renames one"
    )


def test_one_class_by_two_names(understand: Understand) -> None:
    settings = understand(
        *["--behavior", "20:troubles.Super,10:super", "--behavior-super-foo", "3"],
    )
    assert [rule.behavior.settings()["foo"] for rule in settings.state.proxies[0].plan.rules] == [
        3,
        3,
    ]


def test_a_section_for_a_class_named_by_its_path(
    understand: Understand, plugin_folder: Path
) -> None:
    (plugin_folder / "v.ini").write_text(
        "[vaurien]\nbehavior = 20:troubles.Super\n[behavior:super]\nfoo = 2\n"
    )
    (rule,) = understand("--config", "v.ini").state.proxies[0].plan.rules
    assert rule.behavior.settings()["foo"] == 2


def test_a_section_titled_with_a_path(understand: Understand, plugin_folder: Path) -> None:
    (plugin_folder / "v.ini").write_text(
        "[vaurien]\nbehavior = 20:troubles.Super\n[behavior:troubles.Super]\nfoo = 2\n"
    )
    (rule,) = (
        understand("--config", "v.ini", "--no-behavior-super-loud-bar").state.proxies[0].plan.rules
    )
    assert rule.behavior.settings() == {"foo": 2, "loud_bar": False}


def test_an_old_class_and_its_options(understand: Understand, plugin_folder: Path) -> None:
    (plugin_folder / "v.ini").write_text(
        "[vaurien]\nbehavior = 20:foobar\n"
        "[handler:foobar]\ncallable = troubles.Old\nundeclared = 7\nflag = True\nlist =\n  a\n  b\n"
    )
    settings = understand("--config", "v.ini", "--handler-foobar-foo", "5")
    (rule,) = settings.state.proxies[0].plan.rules
    assert rule.name == "foobar"
    assert rule.behavior.settings() == {
        "foo": 5,
        "start": "here",
        "undeclared": 7,
        "flag": True,
        "list": "a\nb",
    }


@pytest.mark.parametrize("mode", ["pass", "originate"])
def test_an_old_class_is_refused_where_there_is_tls(refuse: Refuse, mode: str) -> None:
    line = refuse("--behavior", "20:troubles.Old", "--tls", mode)
    assert line.startswith("--behavior")
    assert "is an old plugin, which cannot be used where there is TLS" in line


def test_an_old_protocol_is_refused_where_there_is_tls(refuse: Refuse, plugin_folder: Path) -> None:
    (plugin_folder / "spoken.py").write_text(
        "from vaurien.protocols.base import BaseProtocol\n\n\n"
        "class Spoken(BaseProtocol):\n    name = 'spoken'\n"
    )
    line = refuse("--protocol", "spoken.Spoken", "--tls", "pass")
    assert line.startswith("--tls")
    assert "the protocol spoken cannot be used where there is TLS" in line


def test_an_option_of_an_old_class_may_be_named_like_a_key_of_rules(
    understand: Understand,
) -> None:
    settings = understand("--behavior", "20:troubles.Old", "--handler-old-start", "there")
    (rule,) = settings.state.proxies[0].plan.rules
    assert rule.start == 0.0
    assert rule.behavior.settings()["start"] == "there"


def test_a_mistake_in_an_option_of_an_old_class(refuse: Refuse) -> None:
    line = refuse("--behavior", "20:troubles.Old", "--handler-old-foo", "x")
    assert line == "--handler-old-foo='x' is not allowed: it takes a whole number"


def test_what_a_fault_may_be_told_stands_in_the_section_of_its_behavior(
    understand: Understand, refuse: Refuse, plugin_folder: Path
) -> None:
    words = ["--config", "faults.ini", "--protocol", "redis"]
    path = plugin_folder / "faults.ini"
    path.write_text("[vaurien]\nbehavior=10:error\n[behavior:error]\nfault=MOVED\nslot=42\n")
    (rule,) = understand(*words).state.proxies[0].plan.rules
    assert rule.behavior.settings()["slot"] == 42
    (_, other) = understand(*words, "--rule", "error slot=7").state.proxies[0].plan.rules
    assert other.behavior.settings()["slot"] == 7
    (_, other) = understand(*words, "--rule", "error fault=READONLY").state.proxies[0].plan.rules
    assert "slot" not in other.behavior.settings()
    path.write_text("[vaurien]\nbehavior=10:error\n[behavior:error]\nfault=READONLY\nslot=42\n")
    assert "'slot' is not a parameter of the fault 'READONLY'" in refuse(*words)
    assert "fault='NOTHING' is unknown" in refuse(
        "--protocol", "redis", "--rule", "error fault=NOTHING"
    )


@pytest.mark.parametrize(("inert", "refused"), [("False", True), ("True", False)])
def test_a_behavior_without_any_hook_is_refused_unless_it_is_inert(
    inert: str, *, refused: bool, plugin_folder: Path, understand: Understand, refuse: Refuse
) -> None:
    module = f"still_{inert}".lower()  # each is imported only once
    (plugin_folder / f"{module}.py").write_text(
        "from vaurien import Behavior\nclass Still(Behavior):\n    name = 'still'\n"
        f"    inert = {inert}\n"
    )
    if refused:
        line = refuse("--rule", f"{module}.Still")
        assert (
            "does nothing: it overrides none of on_connect, on_hello, on_open, on_message" in line
        )
    else:
        assert (
            understand("--rule", f"{module}.Still").state.proxies[0].plan.rules[-1].name == "still"
        )
