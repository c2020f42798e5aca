"""The forms of the output; beside Toxiproxy's own in tests/end_to_end/."""

from __future__ import annotations

import pytest

from vaurien.cli.toxiproxy.forms import Forms, value_text

TOXIC = {
    "name": "slow",
    "type": "latency",
    "stream": "downstream",
    "toxicity": 0.5,
    "attributes": {"latency": 7, "jitter": 0},
}
CACHE = {
    "name": "cache",
    "listen": "127.0.0.1:1",
    "upstream": "h:2",
    "enabled": True,
    "toxics": [TOXIC],
}
HOSTILE = "\x1b[2Jx\ny"


def forms(*, on_terminal: bool) -> tuple[Forms, list[str]]:
    lines: list[str] = []
    return Forms(lines.append, on_terminal=on_terminal), lines


def test_lines_for_programs() -> None:
    form, written = forms(on_terminal=False)
    form.proxies({"b": {**CACHE, "name": "b", "enabled": False, "toxics": None}, "a": CACHE})
    form.proxy(CACHE)
    form.toggled("cache", enabled=False)
    form.line("Deleted")
    assert "".join(written) == (
        "cache\t127.0.0.1:1\th:2\tenabled\t1\n"
        "b\t127.0.0.1:1\th:2\tdisabled\t0\n"
        "slow\ttype=latency\tstream=downstream\ttoxicity=0.50\t"
        "attributes=[\tjitter=0\tlatency=7\t]\n"
        "Proxy cache is now disabled\n"
        "Deleted\n"
    )


@pytest.mark.parametrize("on_terminal", [True, False])
def test_texts_of_others_are_escaped(on_terminal: bool) -> None:
    form, written = forms(on_terminal=on_terminal)
    toxic = dict.fromkeys(TOXIC, HOSTILE) | {"attributes": {HOSTILE: HOSTILE}, "toxicity": HOSTILE}
    proxy = dict.fromkeys(CACHE, HOSTILE) | {"toxics": [toxic, {**toxic, "stream": "upstream"}]}
    form.proxies({HOSTILE: proxy})
    form.proxy(proxy)
    form.toggled(HOSTILE, enabled=True)
    form.line(HOSTILE)
    assert "\x1b[2J" not in "".join(written)


def test_no_colors_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    form, written = forms(on_terminal=True)
    form.proxies({"cache": CACHE})
    form.proxies({})
    form.proxy(CACHE)
    assert "\x1b" not in "".join(written)
    assert "Hint: inspect" in "".join(written)
    assert "no proxies" in "".join(written)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-0.5, "-0.5"),
        (999_999, "999999"),
        (123456.5, "123456.5"),
        (1_000_000, "1e+06"),
        (123456789, "1.23456789e+08"),
        (1e100, "1e+100"),
        (0.0001, "0.0001"),
        (0.000012, "1.2e-05"),
        (True, "true"),
        (None, "<nil>"),
        ("x", "x"),
    ],
)
def test_values_of_attributes(value: object, text: str) -> None:
    assert value_text(value) == text
