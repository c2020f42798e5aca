"""Flags of the earliest versions."""

from __future__ import annotations

import pytest

from legacy.plugins import documented
from vaurien import plugins, registry
from vaurien.cli.flags import document_of, expand, plugin_flags
from vaurien.cli.oldest import gone_options, respelled
from vaurien.legacy.adaptation import adapt


@pytest.mark.parametrize(
    ("arguments", "newer"),
    [
        ("--local localhost:1 --distant=localhost:2", "--proxy localhost:1 --backend=localhost:2"),
        ("--handlers.delay.sleep=1", "--handler-delay-sleep=1"),
        ("--handlers.delay.sleep 1", "--handler-delay-sleep 1"),
        ("--handlers.my-own.some_thing", "--handler-my-own-some-thing"),
        ("--handler.delay.sleep=a.b", "--handler-delay-sleep=a.b"),
        ("--handlers.error.http=1", "--handler-error-http=1"),
        ("--handlers.dummy.keep_alive=1", "--handler-dummy-keep-alive=1"),
        # none of theirs
        ("--statsd.port handlers.delay.sleep", "--statsd.port handlers.delay.sleep"),
        ("--locals local", "--locals local"),
    ],
)
def test_arguments_in_the_newer_form(arguments: str, newer: str) -> None:
    assert " ".join(respelled(arguments.split())) == newer


@pytest.mark.parametrize(
    ("argument", "content"),
    [
        ("--handler-error-http=1", {"proxies": {"vaurien": {"protocol": "http"}}}),
        ("--handler-error-http", {"proxies": {"vaurien": {"protocol": "http"}}}),
        ("--handler-error-http=0", {}),
        ("--handler-dummy-protocol=redis", {"proxies": {"vaurien": {"protocol": "redis"}}}),
        ("--handler-delay-keep-alive", {"protocols": {"tcp": {"keep_alive": True}}}),
        ("--handler-hang-buffer=10", {"protocols": {"tcp": {"buffer": "10"}}}),
        ("--handler-error-inject=1", {"behaviors": {"error": {"inject": True}}}),
    ],
)
def test_options_of_the_built_in_handlers(argument: str, content: object) -> None:
    plugins.install()
    flags = plugin_flags([argument])
    given = [str(flag.name) for flag in flags if argument.split("=")[0] in flag.opts]
    (word,) = expand([argument], flags)
    value = argument.partition("=")[2] if "=" in word else word.startswith("--handler")
    assert document_of(flags, {given[0]: value}).content == content


def test_options_of_a_plugin_of_the_same_name_stay_its_own() -> None:
    plugin = adapt(documented.Dummy)
    assert plugin.name == "dummy"
    assert "reuse_socket" not in {option.name for option in gone_options(plugin)}


def test_other_behaviors_had_none() -> None:
    plugins.install()
    assert not gone_options(registry.behaviors.get("latency"))
