"""Flags, and which plugins are imported for them."""

from __future__ import annotations

import pytest

from vaurien import plugins, registry
from vaurien.behaviors.delay import Delay
from vaurien.cli.flags import (
    all_flags,
    document_of,
    expand,
    flags_of_plugin,
    plugin_flags,
)
from vaurien.config.settings import SETTINGS
from vaurien.errors import OptionError, PluginError
from vaurien.protocols.tcp import Tcp


def test_every_setting_has_its_flag() -> None:
    flags = [flag for flag in all_flags() if not flag.hidden]
    assert [flag.flag for flag in flags] == [setting.flag for setting in SETTINGS]


def test_names_of_parameters_are_unique() -> None:
    names = [flag.name for flag in all_flags()]
    assert len(set(names)) == len(names)


def test_flags_of_a_behavior() -> None:
    flags = list(flags_of_plugin("behavior", Delay))
    assert {flag.flag: (flag.section, flag.key, flag.hidden) for flag in flags} == {
        "--behavior-delay-sleep": ("behavior:delay", "sleep", False),
        "--behavior-delay-before": ("behavior:delay", "before", False),
        "--handler-delay-sleep": ("behavior:delay", "sleep", True),
        "--handler-delay-before": ("behavior:delay", "before", True),
        # those of versions 0.2 and 0.3
        "--handler-delay-keep-alive": ("protocol:tcp", "keep_alive", True),
        "--handler-delay-reuse-socket": ("protocol:tcp", "reuse_socket", True),
        "--handler-delay-buffer": ("protocol:tcp", "buffer", True),
        "--handler-delay-protocol": ("vaurien", "protocol", True),
        "--handler-delay-http": ("vaurien", "http", True),
    }


def test_protocols_have_the_flags_of_old_as_well() -> None:
    flags = {flag.flag: flag.hidden for flag in flags_of_plugin("protocol", Tcp)}
    assert flags == {
        "--protocol-tcp-keep-alive": True,
        "--protocol-tcp-reuse-socket": True,
        "--protocol-tcp-buffer": True,
    }


def test_what_is_not_given_is_left_out() -> None:
    flags = all_flags()
    values: dict[str, object] = {str(flag.name): None for flag in flags}
    named = {flag.flag: str(flag.name) for flag in flags}
    values |= {named["--rule"]: (), named["--http"]: False, named["--statsd.sample_rate"]: "0.5"}
    document = document_of(flags, values)
    assert document.content == {"http": False, "statsd": {"sample_rate": "0.5"}}
    assert document.root is None
    assert str(document.origin(("http",))) == "--http"
    assert str(document.origin(("statsd", "sample_rate"))) == "--statsd.sample_rate"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("--http=true", "--http"),
        ("--http=ON", "--http"),
        ("--http=0", "--no-http"),
        ("--http", "--http"),
        ("--no-http", "--no-http"),
        ("--no-http=1", "--no-http=1"),
        ("--proxy=true", "--proxy=true"),
        ("true", "true"),
    ],
)
def test_switches_take_values(given: str, meant: str) -> None:
    assert expand([given], all_flags()) == [meant]


def test_a_switch_is_on_or_off() -> None:
    with pytest.raises(OptionError, match=r"^--http='maybe' is not allowed"):
        expand(["--http=maybe"], all_flags())


@pytest.fixture
def _names(monkeypatch: pytest.MonkeyPatch) -> None:
    plugins.install()

    def fail() -> object:
        raise RuntimeError("it is broken")

    registry.behaviors.register_lazily("broken", fail)
    registry.behaviors.register_lazily("delay-more", lambda: plugins.renamed(Delay, "delay-more"))


@pytest.mark.usefixtures("_names")
def test_plugins_are_found_by_the_flags_that_name_them() -> None:
    found = {flag.flag for flag in plugin_flags(["--behavior-delay-more-sleep=3", "x"])}
    assert "--behavior-delay-more-sleep" in found
    assert "--behavior-delay-sleep" in found  # the shorter name was tried as well
    found = {flag.flag for flag in plugin_flags(["--no-handler-delay-before"])}
    assert "--handler-delay-before" in found


@pytest.mark.usefixtures("_names")
def test_all_flags_of_a_plugin_are_found() -> None:
    found = {flag.flag for flag in plugin_flags(["--behavior-delay-x", "--protocol-tcp-x"])}
    assert {"--behavior-delay-sleep", "--protocol-tcp-keep-alive"} <= found


@pytest.mark.usefixtures("_names")
@pytest.mark.parametrize("argument", ["--behavior-nope-x", "--proxi", "--behavior", "broken", "--"])
def test_flags_that_name_no_plugin(argument: str) -> None:
    assert plugin_flags([argument]) == []


@pytest.mark.usefixtures("_names")
def test_a_plugin_that_a_flag_names_is_broken() -> None:
    with pytest.raises(PluginError, match="it is broken"):
        plugin_flags(["--behavior-broken-x"])
