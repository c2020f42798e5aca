"""What several proxies have seen, in order."""

from __future__ import annotations

from dataclasses import replace

from traces import exchange, injected, trace_of


def test_exchanges_of_all_proxies_are_in_order() -> None:
    trace = trace_of(exchange(1, "a"), exchange(3, "a"), exchange(2, "b"))
    assert [(each.proxy, each.number) for each in trace.exchanges()] == [
        ("a", 1),
        ("b", 2),
        ("a", 3),
    ]


def test_what_fired_is_in_order() -> None:
    trace = trace_of(injected(exchange(2, "a")), injected(exchange(1, "b")))
    assert [each.at for each in trace.fired] == [1.0, 2.0]
    assert replace(trace, proxies={}).fired == ()
