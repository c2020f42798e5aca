"""Where a setting is: its flag, and its place in documents."""

from __future__ import annotations

import pytest

from vaurien.config.setting import NAME, Setting, setting


@pytest.mark.parametrize(
    ("declared", "flag", "path"),
    [
        (setting("", "log_level", "", ""), "--log-level", ("log_level",)),
        (setting("", "sample_rate", 1.0, "", section="x"), "--x.sample-rate", ("x", "sample_rate")),
        (setting("", "rule", "", "", of_proxy="rules"), "--rule", ("proxies", NAME, "rules")),
        (
            setting("", "tls_ca", "", "", of_proxy="tls.ca"),
            "--tls-ca",
            ("proxies", NAME, "tls", "ca"),
        ),
    ],
)
def test_places(declared: Setting, flag: str, path: tuple[str, ...]) -> None:
    assert (declared.flag, declared.path) == (flag, path)


def test_the_default_tells_the_type() -> None:
    assert [setting("", "x", value, "").option.type for value in (False, 1, 1.0, "")] == [
        *(bool, int, float, str),
    ]
