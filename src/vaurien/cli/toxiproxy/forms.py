"""The forms of the output: lines of fields with tabs, or colours and headings on a terminal.

Texts that the server gives are printed with escapes for control characters.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from ...values.texts import printable

RED, GREEN, YELLOW, BLUE, PURPLE, PLAIN = (f"\x1b[{code}m" for code in (31, 32, 33, 34, 35, 0))
TAB = 8
SMALLEST_PLAIN, LARGEST_PLAIN = 1e-4, 1e6
"""Go writes numbers outside of these with an exponent."""

Table = Mapping[str, object]
Write = Callable[[str], object]


class Forms:
    """Writes proxies and toxics; ``on_terminal`` chooses the form."""

    def __init__(self, write: Write, *, on_terminal: bool) -> None:
        self._write = write
        self._on_terminal = on_terminal
        self._has_colors = on_terminal and not os.environ.get("NO_COLOR")

    def line(self, text: str) -> None:
        self._write(f"{printable(text)}\n")

    def proxies(self, proxies: Mapping[str, Table]) -> None:
        """Write a line for each proxy, by name."""
        color = self._color
        if self._on_terminal:
            self._write(
                f"{color(GREEN)}Name\t\t\t{color(BLUE)}Listen\t\t{color(YELLOW)}Upstream\t\t"
                f"{color(PURPLE)}Enabled\t\t{color(RED)}Toxics\n{color(PLAIN)}"
            )
            self._write(f"{color(PLAIN)}{'=' * 86}\n")
            if not proxies:
                self._write(f"{color(RED)}no proxies\n{color(PLAIN)}")
                self._hint("create a proxy with `toxiproxy-cli create`")
                return
        for name in sorted(proxies, key=lambda name: name.encode("utf-8", "surrogatepass")):
            self._proxy(proxies[name])
        self._hint("inspect toxics with `toxiproxy-cli inspect <proxyName>`")

    def _proxy(self, proxy: Table) -> None:
        count = len(toxics_of(proxy))
        number = "None" if self._on_terminal and not count else str(count)
        enabled = bool(proxy.get("enabled"))
        self._column(self._state_color(enabled), text_of(proxy, "name"), 3)
        self._column(BLUE, text_of(proxy, "listen"), 2)
        self._column(YELLOW, text_of(proxy, "upstream"), 3)
        self._column(PURPLE, state_of(enabled), 2)
        self._write(f"{self._color(RED)}{number}{self._color(PLAIN)}\n")

    def proxy(self, proxy: Table) -> None:
        """Write the toxics of a proxy."""
        toxics = toxics_of(proxy)
        if not self._on_terminal:
            self._toxics(toxics)
            return
        color = self._color
        self._write(f"{color(PURPLE)}Name: {color(PLAIN)}{text_of(proxy, 'name')}\t")
        self._write(f"{color(BLUE)}Listen: {color(PLAIN)}{text_of(proxy, 'listen')}\t")
        self._write(f"{color(YELLOW)}Upstream: {color(PLAIN)}{text_of(proxy, 'upstream')}\n")
        self._write(f"{color(PLAIN)}{'=' * 70}\n")
        if toxics:
            upstream = [toxic for toxic in toxics if toxic.get("stream") == "upstream"]
            self._direction(upstream, "Upstream")
            self._write("\n")
            self._direction([each for each in toxics if each not in upstream], "Downstream")
        else:
            self._write(f"{color(RED)}Proxy has no toxics enabled.\n{color(PLAIN)}")
        self._hint("add a toxic with `toxiproxy-cli toxic add`")

    def toggled(self, name: str, *, enabled: bool) -> None:
        color, plain = self._color(self._state_color(enabled)), self._color(PLAIN)
        state = f"{color}{state_of(enabled)}{plain}"
        self._write(f"Proxy {color}{printable(name)}{plain} is now {state}\n")

    def _direction(self, toxics: Sequence[Table], title: str) -> None:
        self._write(f"{self._color(GREEN)}{title} toxics:\n{self._color(PLAIN)}")
        if toxics:
            self._toxics(toxics)
        else:
            none = f"Proxy has no {title} toxics enabled."
            self._write(f"{self._color(RED)}{none}\n{self._color(PLAIN)}")

    def _toxics(self, toxics: Sequence[Table]) -> None:
        for toxic in toxics:
            name, colon = text_of(toxic, "name"), ":" if self._on_terminal else ""
            self._write(f"{self._color(BLUE)}{name}{colon}{self._color(PLAIN)}\t")
            attributes = cast(Table, toxic.get("attributes") or {})
            listed = [
                f"{printable(key)}={value_text(attributes[key])}" for key in sorted(attributes)
            ]
            self._write(
                f"type={text_of(toxic, 'type')}\tstream={text_of(toxic, 'stream')}\t"
                f"toxicity={_single(toxic.get('toxicity')):.2f}\t"
                f"attributes=[{''.join(f'{chr(9)}{each}' for each in listed)}\t]\n"
            )

    def _column(self, color: str, text: str, width: int) -> None:
        """Write a text that takes ``width`` tabs on a terminal, and one elsewhere."""
        more = max(0, width - len(text.encode()) // TAB - 1) if self._on_terminal else 0
        tabs = "\t" * (1 + more)
        self._write(f"{self._color(color)}{text}{self._color(PLAIN)}{tabs}")

    def _hint(self, text: str) -> None:
        if self._on_terminal:
            self._write(f"\n{self._color(PLAIN)}Hint: {text}\n")

    def _color(self, color: str) -> str:
        return color if self._has_colors else ""

    def _state_color(self, enabled: bool) -> str:
        return GREEN if enabled else RED


def _single(number: object) -> float:
    """Return a number in 32 bits, which Toxiproxy has."""
    if not isinstance(number, int | float):
        return 0.0
    return cast(float, struct.unpack("f", struct.pack("f", number))[0])


def state_of(enabled: bool) -> str:
    return "enabled" if enabled else "disabled"


def toxics_of(proxy: Table) -> Sequence[Table]:
    return cast(Sequence[Table], proxy.get("toxics") or [])


def text_of(table: Table, key: str) -> str:
    return printable(str(table.get(key, "")))


def value_text(value: object) -> str:
    """Write the value of an attribute as Go's programs do: 1000000 is ``1e+06``."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, int | float):
        return "<nil>" if value is None else printable(str(value))
    number = float(value)
    shortest = repr(number)
    if not number or SMALLEST_PLAIN <= abs(number) < LARGEST_PLAIN:
        return shortest.removesuffix(".0")
    digits = shortest.partition("e")[0].replace(".", "").lstrip("-").strip("0")
    return f"{number:.{len(digits) - 1}e}"
