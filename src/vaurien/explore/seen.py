"""What the proxies inside a command have seen, as a line of JSON that another process reads.

Law: whatever a line says, to read it runs no code; protocols are those that are known here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..embedded.exchanges import Connection, Exchange, Exchanges, Injected
from ..embedded.trace import ProxyTrace, Trace
from ..errors import UnknownNameError, VaurienError
from ..registry import protocols

BYTES = ("head", "answer", "told")
"""Fields of an exchange that are bytes; here, texts of which each character is a byte."""


@dataclass(frozen=True)
class Seen:
    """What all proxies of a process have seen so far."""

    traces: tuple[Trace, ...] = ()
    ports: frozenset[int] = frozenset()
    threads: frozenset[int] = frozenset()
    """Those of the proxies, and of whoever tells it."""

    @property
    def trace(self) -> Trace:
        """What was seen, as one value.

        Raises:
            VaurienError: two proxies have the same name.
        """
        proxies: dict[str, ProxyTrace] = {}
        for trace in self.traces:
            for name, proxy in trace.proxies.items():
                if proxies.setdefault(name, proxy) is not proxy:
                    raise VaurienError(f"two proxies are called {name!r}: give them names")
        return Trace(proxies, max((trace.ended_at for trace in self.traces), default=0.0))

    def to_line(self) -> bytes:
        return json.dumps(self, default=_plain).encode("ascii") + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Seen:
        """Return what ``to_line`` has made a line of.

        Raises:
            UnknownNameError: a protocol is not known.
            ValueError: it is no such line.
        """
        try:
            value = json.loads(line)
            traces = tuple(map(_trace, value["traces"]))
            ports, threads = (frozenset(map(int, value[key])) for key in ("ports", "threads"))
        except UnknownNameError:
            raise
        except (TypeError, LookupError, AttributeError, RecursionError) as error:
            raise ValueError(f"no line of a process that is explored: {error}") from None
        return cls(traces, ports, threads)


def _plain(value: object) -> object:
    """Return what JSON has in place of a value that it has not."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, type):
        return value.name  # type: ignore[attr-defined]  # the only classes are protocols
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (Exchanges, frozenset)):
        return list(value)
    return vars(value)


def _trace(value: Mapping[str, Any]) -> Trace:
    proxies = {name: _proxy(proxy) for name, proxy in value["proxies"].items()}
    return Trace(proxies, float(value["ended_at"]))


def _proxy(value: Mapping[str, Any]) -> ProxyTrace:
    return ProxyTrace(
        protocols.get(value["protocol"]),
        Exchanges(map(_exchange, value["exchanges"])),
        tuple(Connection(**_with_injected(each)) for each in value["connections"]),
        _injected(value["fired"]),
        int(value["forgotten"]),
    )


def _exchange(value: Mapping[str, Any]) -> Exchange:
    texts = {field: value[field].encode("latin-1") for field in BYTES}
    return Exchange(**{**_with_injected(value), **texts})


def _with_injected(value: Mapping[str, Any]) -> dict[str, Any]:
    return {**value, "injected": _injected(value["injected"])}


def _injected(values: Iterable[Mapping[str, Any]]) -> tuple[Injected, ...]:
    return tuple(Injected(**each) for each in values)
