"""The time to replace a state by one that differs in one proxy: ``python replacing.py COUNT``.

That is the cost of a reload without reading the file: the proxies are in this process,
without traffic. Each state is built from new values, as it would be from a file. It prints the
seconds of each change, one per line.
"""

from __future__ import annotations

import sys
import threading
import time

from vaurien import plugins
from vaurien.config.state import State
from vaurien.control.server import Control
from vaurien.net.address import Address
from vaurien.net.proxies import Proxies
from vaurien.net.proxy import Proxy
from vaurien.net.reactor import Reactor
from vaurien.net.spec import ProxySpec
from vaurien.protocols.tcp import Tcp
from vaurien.registry import behaviors
from vaurien.rules.notation import make_rules
from vaurien.rules.plan import Plan

CHANGES = 50


def state(count: int, delay: float) -> State:
    """A state of this many proxies without rules, except for a delay in the first."""
    rules = make_rules([{"behavior": "delay", "sleep": delay}], behaviors.get, Tcp)
    return State(
        tuple(
            ProxySpec(
                name=f"bench-{number}",
                listen=Address("127.0.0.1", 0),
                backend=Address("127.0.0.1", 1),
                protocol=Tcp(),
                plan=Plan(() if number else rules),
            )
            for number in range(count)
        )
    )


def durations(count: int) -> list[float]:
    """Return the seconds that each change took its caller."""
    plugins.install()
    reactor = Reactor()

    def make(spec: ProxySpec) -> Proxy:
        return Proxy(reactor, spec)

    proxies = Proxies(reactor, make)
    first, *others = [state(count, delay) for delay in range(CHANGES + 1)]
    proxies.apply(first.proxies)
    control = Control(reactor, proxies, first, find_behavior=behaviors.get)
    thread = threading.Thread(target=reactor.run)
    thread.start()
    took = []
    for other in others:
        began = time.perf_counter()
        control.replace(other)
        took.append(time.perf_counter() - began)
    reactor.submit(proxies.close).result()
    reactor.submit(reactor.stop).result()
    thread.join()
    reactor.close()
    return took


if __name__ == "__main__":
    print(*durations(int(sys.argv[1])), sep="\n")
