"""Whether the process lives, and is ready."""

from __future__ import annotations

from threading import Event, Thread

from live import Live
from native import Native


def test_a_process_that_serves(ask: Native) -> None:
    for path in ("/livez", "/readyz"):
        assert (ask("GET", path).status, ask("GET", path).body) == (200, {"status": "ok"})


def test_a_process_whose_proxies_are_busy(ask: Native, running: Live) -> None:
    busy = Event()
    running.reactor.post(busy.wait)  # type: ignore[arg-type]  # what it returns is of no use
    others = [Thread(target=ask, args=("GET", "/v1/connections")) for _ in range(40)]
    try:
        for each in others:  # they take all threads
            each.start()
        assert ask("GET", "/livez").status == 200
        answer = ask("GET", "/readyz")
        assert answer.status == 503
        assert "did not answer within 1 s" in answer.body["detail"]
    finally:
        busy.set()
        for each in others:
            each.join()
    assert ask("GET", "/readyz").status == 200


def test_a_process_that_ends(ask: Native, running: Live) -> None:
    running.in_reactor(lambda: running.proxies.drain(lambda: None, 1))
    assert ask("GET", "/livez").status == 200
    answer = ask("GET", "/readyz")
    assert (answer.status, answer.body["detail"]) == (503, "the proxies are ending")
