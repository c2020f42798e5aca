"""What can be set."""

from __future__ import annotations

from dataclasses import fields

import pytest

from vaurien.config.settings import BY_SECTION, SETTINGS
from vaurien.config.state import LIMITS
from vaurien.net.spec import Limits


@pytest.mark.parametrize(
    ("flag", "default"),
    [
        ("--proxy", "localhost:8000"),
        ("--backend", "localhost:80"),
        ("--protocol", "tcp"),
        ("--behavior", "100:dummy"),
        ("--http", False),
        ("--http-host", "localhost"),
        ("--http-port", 8080),
        ("--bufsize", 8192),
        ("--timeout", 0),  # not 30, as it was: idle connections stay open
        ("--backlog", 8192),
        ("--stay-connected", False),
        ("--sync", False),
        ("--pool-max-size", 100),
        ("--pool-timeout", 30),
        ("--statsd.enabled", False),
        ("--statsd.host", "localhost"),
        ("--statsd.port", 8125),
        ("--statsd.prefix", "vaurien"),
        ("--statsd.sample-rate", 1.0),
        ("--log-level", "info"),
        ("--log-output", "-"),
    ],
)
def test_flags_of_old_keep_their_defaults(flag: str, default: object) -> None:
    options = {setting.flag: setting.option for setting in SETTINGS}
    assert options[flag].default == default


def test_limits_are_those_of_the_proxy() -> None:
    settings = BY_SECTION["vaurien"]
    assert settings["timeout"].option.default == Limits().timeout
    assert settings["connect_timeout"].option.default == Limits().dial_timeout
    assert settings["max_connections"].option.default == Limits().max_connections
    assert settings["backlog"].option.default == Limits().backlog
    assert {field.name for field in fields(Limits)} == set(LIMITS)


def test_keys_are_unique() -> None:
    keys = [(setting.section, setting.key) for setting in SETTINGS]
    assert len(set(keys)) == len(keys)


def test_defaults_are_allowed() -> None:
    for setting in SETTINGS:
        assert setting.option.parse(setting.option.default) == setting.option.default
