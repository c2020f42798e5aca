"""What toxiproxy-python is for, in front of an echo; its documentation has no example.

Arguments: host and port of the API, where the proxy listens, and where the echo is.
"""

import socket
import sys
import time

import toxiproxy
from toxiproxy.exceptions import NotFound, ProxyExists

host, port, listen, upstream = sys.argv[1:]


def ask() -> float:
    """Return how many seconds an echo takes."""
    where, _, number = listen.partition(":")
    with socket.create_connection((where, int(number)), timeout=5) as sock:
        start = time.monotonic()
        sock.sendall(b"hello")
        assert sock.recv(5)
        return time.monotonic() - start


def fails(error: type[Exception], call: object, *given: object) -> None:
    assert callable(call)
    try:
        call(*given)
    except error:
        return
    raise AssertionError(f"no {error.__name__}")


server = toxiproxy.Toxiproxy()
server.update_api_consumer(host, int(port))
assert server.running()
assert b'"2.' in server.version()
(proxy,) = server.populate([{"name": "redis", "listen": listen, "upstream": upstream}])
fails(ProxyExists, server.create, upstream, "redis")
ask()
with proxy.down():
    fails(ConnectionRefusedError, ask)
proxy.add_toxic(type="latency", attributes={"latency": 100})
assert ask() >= 0.1
assert proxy.get_toxic("latency_downstream").attributes == {"latency": 100, "jitter": 0}
proxy.destroy_toxic("latency_downstream")
proxy.add_toxic(name="cut", type="timeout", stream="upstream", toxicity=0.5)
assert list(proxy.toxics()) == ["cut"]
assert server.reset()
assert not proxy.toxics()
fails(NotFound, proxy.destroy_toxic, "cut")
server.create("localhost:1", "second")
assert sorted(server.proxies()) == ["redis", "second"]
server.destroy_all()
assert server.get_proxy("redis") is None
print("done")
