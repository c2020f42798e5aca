"""What proxies and rules have counted."""

from __future__ import annotations

from live import Live
from native import Native
from peers import wait_until


def test_what_a_proxy_has_counted(ask: Native, running: Live, cache: str) -> None:
    assert running.ask(b"hello") == b"hello"
    wait_until(lambda: ask("GET", cache).body["status"]["connections"]["open"] == 0, "it is closed")
    with running.connect() as client:
        client.sendall(b"12345")
        assert client.recv(5) == b"12345"
        status = ask("GET", cache).body["status"]
    assert status["address"] == str(running.control.address("cache"))
    assert status["connections"] == {"open": 1, "accepted": 2, "refused": 0, "killed": 0}
    assert status["bytes"] == {"to_backend": 10, "to_client": 10}
