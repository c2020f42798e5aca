"""How long it takes to replace a state that differs in one proxy: ``python replacing.py COUNT``.

That is what a reload costs without the reading of a file: the proxies are in this process,
without traffic. Every value of each state is made anew, as a file's are. It says the seconds
of each change, in a line each.
"""

from __future__ import annotations

import sys
import threading
import time

from vaurien import plugins
from vaurien.config.state import State
from vaurien.control.server import Control
from vaurien.net.address import Address
from vaurien.net.proxies import Proxies, ProxySpec, proxy_of
from vaurien.net.proxy import Proxy
from vaurien.net.reactor import Reactor
from vaurien.protocols.tcp import Tcp
from vaurien.registry import behaviors
from vaurien.rules.notation import make_rules
from vaurien.rules.plan import Plan

CHANGES = 50


def state(count: int, delay: float) -> State:
    """So many quiet proxies, but for a delay of the first."""
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
    """The seconds that each change took whoever asked for it."""
    plugins.install()
    reactor = Reactor()

    def make(spec: ProxySpec) -> Proxy:
        return proxy_of(reactor, spec)

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
