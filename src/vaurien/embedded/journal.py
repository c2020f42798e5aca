"""What proxies have seen, as lines for a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ..values.texts import printable
from .exchanges import Exchange

if TYPE_CHECKING:
    from .handle import ProxyHandle

LINES = 100
"""Exchanges of a proxy that are told: the newest."""
SHOWN = 60
"""Characters of a label that are shown."""


def lines_of(proxies: Iterable[ProxyHandle], since: float = 0.0) -> Iterator[str]:
    """Yield a line for each proxy and each of its exchanges that began at ``since`` or later.

    Times are in seconds since the first of them.
    """
    for proxy in proxies:
        exchanges = [each for each in proxy.exchanges if each.asked_at >= since]
        yield printable(
            f"{proxy.name}: {proxy.address} to {proxy.backend}, {len(exchanges)} exchanges"
        )
        if len(exchanges) > LINES:
            yield f"  ... {len(exchanges) - LINES} more"
        begin = exchanges[0].asked_at if exchanges else 0.0
        for exchange in exchanges[-LINES:]:
            yield "  " + line_of(exchange, begin)


def line_of(exchange: Exchange, begin: float = 0.0) -> str:
    """Return an exchange in a line: when, where, what was asked, and what came of it."""
    labels = ", ".join(f"{name}={_shown(text)}" for name, text in exchange.labels.items())
    at = f"+{exchange.asked_at - begin:.3f} s"
    where = f"connection {exchange.connection}, exchange {exchange.number}"
    return printable(f"{at} {where}: {labels or 'bytes'}: {outcome_of(exchange)}")


def outcome_of(exchange: Exchange) -> str:
    """Return what came of an exchange, in words."""
    injected = f"injected {', '.join(map(str, exchange.injected))}; " if exchange.injected else ""
    if exchange.told_at is not None:
        took = (exchange.told_at - exchange.asked_at) * 1000
        labels = [f"{name}={_shown(text)}" for name, text in exchange.answer_labels.items()]
        return f"{injected}answered in {took:.1f} ms{''.join(f', {each}' for each in labels)}"
    if exchange.replied_at is not None:
        return f"{injected}did not reach the backend"
    if exchange.reached_backend:
        return f"{injected}reached the backend, no answer reached the client"
    return f"{injected}did not reach the backend"


def _shown(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
