"""The demo, as a newcomer starts it."""

from __future__ import annotations

import http.client
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from peers import PATIENCE
from scenario import World, echo
from servers import stop
from vaurien import Client
from vaurien.cli.demo import MIX, SEED
from vaurien.rules.notation import parse_mix

LAST_WORDS = "Press Ctrl-C to stop.  This is what happens to each request:"


class Demo:
    """A running demo that has printed its welcome."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        welcome = "".join(iter(self.line, f"{LAST_WORDS}\n"))
        self.line()
        ports = re.findall(r"  curl .*http://localhost:(\d+)", welcome)
        self.port = int(ports[0])
        self.control = Client(port=int(ports[-1]))

    def line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the demo has ended"
        return line.decode()

    def ask(self) -> bytes:
        """Request the page through the proxy, and return it."""
        connection = http.client.HTTPConnection("localhost", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", "/")
            return connection.getresponse().read()
        finally:
            connection.close()


@contextmanager
def running() -> Iterator[Demo]:
    process = subprocess.Popen([sys.executable, "-m", "vaurien.cli.demo"], stdout=subprocess.PIPE)
    try:
        yield Demo(process)
    finally:
        stop(process)
        assert process.stdout is not None
        process.stdout.close()


def test_the_first_ten_requests_show_everything() -> None:
    world = World(*parse_mix(MIX), seed=SEED, on_data=echo)
    for _ in range(10):
        world.client().say(b"?")
        world.run(seconds=2)
    assert [rule for _, _, rule in world.fired] == ["delay", "delay", "abort"]


def test_it_says_what_happens_to_each_request() -> None:
    with running() as demo:
        assert demo.control.get_behavior() == MIX
        demo.control.set_behavior("delay", sleep=0.01)
        assert demo.ask() == b"Hello from the backend!\n"
        assert demo.line() == "  request 1  delayed by 0.01 s\n"
        demo.control.set_behavior("abort")
        with pytest.raises(http.client.RemoteDisconnected):
            demo.ask()
        assert demo.line().startswith("  request 2  cut: ")
        with demo.control.with_behavior("dummy"):
            assert demo.ask() == b"Hello from the backend!\n"
            assert demo.line() == "  request 3  forwarded\n"
        assert demo.control.get_behavior() == "abort"


def test_it_takes_other_ports_where_its_own_are_in_use() -> None:
    with ExitStack() as stack:
        demos = [stack.enter_context(running()) for _ in range(2)]
        for demo in demos:
            demo.control.set_behavior("dummy")
            assert demo.ask() == b"Hello from the backend!\n"
        assert demos[0].port != demos[1].port


def test_ctrl_c_ends_it_well() -> None:
    with running() as demo:
        demo.process.send_signal(signal.SIGINT)
        assert demo.process.wait(PATIENCE) == 0
