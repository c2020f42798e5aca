"""``python -m vaurien.cli.demo``: a small web server behind a misbehaving proxy, to play with.

It prints what the proxy does to each request.  There are events for rules that fire, but
none for requests that are left alone; so the demo adds a last rule, which fires on every
request and does nothing.
"""

from __future__ import annotations

import sys
import threading
from contextlib import ExitStack, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .. import plugins, registry
from ..behavior import Behavior
from ..config.state import State
from ..control.http import start_control
from ..control.server import Control
from ..control.sockets import on_tcp
from ..errors import ListenError
from ..net.address import Address
from ..net.proxies import Proxies
from ..net.proxy import Proxy
from ..net.reactor import Reactor
from ..net.spec import ProxySpec
from ..protocols.tcp import Tcp
from ..rules.notation import make_rules, parse_mix
from ..rules.plan import Plan
from ..values.events import Event, Fired
from ..values.messages import Direction
from .logs import reopen
from .run import ForcedExit, Signals

MIX = "20:delay,10:abort"
SEED = 12
"""Chosen so that the first ten requests show everything: two are delayed, one is cut."""
LISTEN = Address("localhost", 8000)
CONTROL_PORT = 8080
DRAIN = 0.5

WELCOME = """\
A small web server runs at {proxy}, behind a proxy that delays
20 % of the requests by a second and cuts the connection of 10 %.
In another terminal, try each of these a few times:

  curl {proxy}
  for i in 1 2 3 4 5 6 7 8 9 10; do curl {proxy}; done

Ask the proxy for its behavior, delay all requests, and change it back:

  curl {control}/behavior
  curl -X PUT {control}/behavior -d '{{"name": "delay", "sleep": 3}}'
  curl -X PUT {control}/behavior -d '{{"name": "{mix}"}}'

Press Ctrl-C to stop.  This is what happens to each request:
"""
EFFECTS = {
    "abort": "cut: the server received it, but its response is lost",
    "blackout": "cut: the server never received it",
    "delay": "delayed by {sleep:g} s",
    "error": "answered with garbage",
    "hang": "held until the behavior changes",
}


class Web(BaseHTTPRequestHandler):
    """The backend."""

    def do_GET(self) -> None:
        self.send_response(200)
        with suppress(ConnectionError):  # the proxy cuts connections on purpose
            self.end_headers()
            self.wfile.write(b"Hello from the backend!\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Print nothing: the proxy reports each request."""


class Watch(Behavior):
    """Does nothing, so that its rule only reports the request."""

    name = "watch"

    def concerns(self, direction: Direction) -> bool:
        del direction
        return False


class Narrator:
    """A subscriber to events: it prints a line for each request."""

    def __init__(self) -> None:
        self.proxy: Proxy | None = None
        self._requests = 0
        self._exchange = (0, 0)
        self._effects: list[str] = []

    def __call__(self, event: Event) -> None:
        if not isinstance(event, Fired):
            say(event.text())
            return
        exchange = (event.connection, event.exchange)
        if exchange != self._exchange:
            self._exchange = exchange
            self._effects = []
        if event.behavior != Watch.name:
            self._effects.append(self._effect(event))
            return
        self._requests += 1
        say(f"  request {self._requests}  {' and '.join(self._effects) or 'forwarded'}")

    def _effect(self, event: Fired) -> str:
        assert self.proxy is not None
        rule = next(rule for rule in self.proxy.plan.rules if rule.name == event.rule)
        return EFFECTS.get(event.behavior, event.behavior).format_map(rule.behavior.settings())


def find_behavior(name: str) -> type[Behavior]:
    return Watch if name == Watch.name else registry.behaviors.get(name)


def open_proxy(reactor: Reactor, backend: Address) -> tuple[Proxies, State]:
    """Open a proxy at ``LISTEN``, or on a free port if that one is in use."""
    rules = make_rules([*parse_mix(MIX), {"behavior": Watch.name}], find_behavior, Tcp)
    plan = Plan(rules, seed=SEED)
    narrator = Narrator()

    def make(spec: ProxySpec) -> Proxy:
        narrator.proxy = Proxy(reactor, spec, narrator)
        return narrator.proxy

    proxies = Proxies(reactor, make)
    spec = ProxySpec(name="vaurien", listen=LISTEN, backend=backend, protocol=Tcp(), plan=plan)
    try:
        proxies.apply([spec])
    except ListenError:
        spec = replace(spec, listen=Address(LISTEN.host, 0))
        proxies.apply([spec])
    return proxies, State((spec,))


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    """Run until Ctrl-C."""
    plugins.install()
    with ExitStack() as closing:
        web = closing.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Web))
        threading.Thread(target=web.serve_forever, daemon=True).start()
        closing.callback(web.shutdown)
        reactor = Reactor()
        closing.callback(reactor.close)
        proxies, state = open_proxy(reactor, Address(*web.server_address))
        closing.callback(proxies.close)
        control = Control(reactor, proxies, state, find_behavior=find_behavior)
        try:
            opened = on_tcp(LISTEN.host, CONTROL_PORT)
        except ListenError:
            opened = on_tcp(LISTEN.host, 0)
        server = start_control(control, [opened])
        closing.callback(server.stop)
        Signals(reactor, proxies, DRAIN, reopen)
        urls = {"proxy": f"http://{control.address()}", "control": f"http://{server.address}"}
        say(WELCOME.format_map(urls | {"mix": MIX}))
        try:
            reactor.run()
        except ForcedExit:
            say("Stopped at once.")


if __name__ == "__main__":
    main()
