"""Reading bodies, over a real server; the tests of the APIs have their limits of size."""

from __future__ import annotations

import pytest

from live import controlled, live
from peers import receive_until_fin
from vaurien.control import reading


@pytest.mark.parametrize("request_line", [b"PUT /behavior", b"POST /proxies"])
def test_a_body_that_does_not_come_is_not_waited_for(
    request_line: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BODY_PATIENCE", 0.1)
    with live() as running, controlled(running) as http, http.connect() as sock:
        head = b"%s HTTP/1.1\r\nHost: localhost:%d\r\nContent-Length: 9\r\n\r\n{"
        sock.sendall(head % (request_line, http.port))
        assert receive_until_fin(sock).startswith(b"HTTP/1.1 408 ")
