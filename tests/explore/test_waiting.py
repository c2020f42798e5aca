"""What a real process waits for."""

from __future__ import annotations

import platform
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from peers import wait_until
from vaurien.explore.waiting import LIMITS, NUMBERS, waiting

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in NUMBERS,
    reason="only Linux tells what a process waits for",
)
CONNECTED = "import socket; sock = socket.create_connection(('127.0.0.1', PORT))\n"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@contextmanager
def talking(text: str, listener: socket.socket) -> Iterator[tuple[int, socket.socket]]:
    """A process of its own session, which has connected, and this connection."""
    port = listener.getsockname()[1]
    command = [sys.executable, "-c", (CONNECTED + text).replace("PORT", str(port))]
    process = subprocess.Popen(command, start_new_session=True)
    try:
        with listener.accept()[0] as sock:
            yield process.pid, sock
    finally:
        process.kill()
        process.wait()


@contextmanager
def running(text: str, listener: socket.socket) -> Iterator[int]:
    with talking(text, listener) as (process, _):
        yield process


def waits(process: int) -> bool:
    """Whether it is in a system call that waits."""
    return Path(f"/proc/{process}/syscall").read_text().split()[0] in {
        str(number) for number in NUMBERS[platform.machine()]
    }


@pytest.mark.parametrize(
    "text",
    [
        "sock.recv(1)",
        "import select; select.select([sock], [], [])",
        "import select; poll = select.poll(); poll.register(sock); poll.poll() and sock.recv(1)",
        "import threading; threading.Thread(target=sock.recv, args=(1,)).start()",
        "import asyncio; asyncio.run(asyncio.Event().wait())",
        "import os; os.read(os.pipe()[0], 1)",
    ],
)
def test_a_wait_without_a_limit(text: str, listener: socket.socket) -> None:
    with running(text, listener) as process:
        ports = {listener.getsockname()[1]}

        def lasts() -> bool:  # on its way there it may wait for other things
            state = waiting(process, ports)
            return state is not None and state == waiting(process, ports)

        wait_until(lasts, "an endless wait")


@pytest.mark.parametrize(
    "text",
    [
        "sock.settimeout(100); sock.recv(1)",
        "import select; select.select([sock], [], [], 100)",
        "import struct; limit = struct.pack('ll', 100, 0);"
        "sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit); sock.recv(1)",
        "import threading; threading.Timer(100, print).start(); sock.recv(1)",
        "import signal; signal.signal(signal.SIGALRM, print); sock.recv(1)",
    ],
)
def test_a_wait_with_a_limit(text: str, listener: socket.socket) -> None:
    with running(text, listener) as process:
        wait_until(lambda: waits(process), "a wait")
        for _ in range(20):
            assert waiting(process, {listener.getsockname()[1]}) is None


def test_a_process_that_has_run_meanwhile(listener: socket.socket) -> None:
    with talking("while data := sock.recv(1): sock.send(data)", listener) as (process, sock):
        ports = {listener.getsockname()[1]}
        wait_until(lambda: waiting(process, ports) is not None, "an endless wait")
        before = waiting(process, ports)
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"
        wait_until(lambda: waiting(process, ports) is not None, "an endless wait")
        assert waiting(process, ports) != before


def test_other_processes_may_still_wake_it(listener: socket.socket) -> None:
    with running("sock.recv(1)", listener) as process:
        ports = {listener.getsockname()[1]}
        wait_until(lambda: waiting(process, ports) is not None, "an endless wait")
        assert waiting(process, {1}) is None, "it is not connected there"
        with socket.create_connection(listener.getsockname()):
            assert waiting(process, ports) is None, "somebody else is connected, too"


def test_a_process_that_has_ended() -> None:
    assert waiting(0x7FFFFFFF, {1}) is None


def test_processes_that_have_left_the_session(listener: socket.socket) -> None:
    ports = {listener.getsockname()[1]}
    with running("sock.recv(1)", listener) as first, running("sock.recv(1)", listener) as second:
        wait_until(lambda: waiting(first, ports, others=[second]) is not None, "two endless waits")
        assert waiting(first, ports) is None


HEADERS = {
    "aarch64": ("/usr/include/asm-generic/unistd.h",),
    "x86_64": (
        "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
        "/usr/include/asm/unistd_64.h",
    ),
}
"""Where Linux's headers tell the numbers of calls: those of aarch64 are the generic ones."""


@pytest.mark.parametrize("machine", NUMBERS)
def test_the_numbers_of_system_calls(machine: str) -> None:
    header = next((path for path in map(Path, HEADERS[machine]) if path.exists()), None)
    if header is None:
        pytest.skip("the headers of Linux are not installed (the package is linux-libc-dev)")
    found = re.findall(r"^#define\s+__NR_(\w+)\s+(\d+)$", header.read_text(), re.MULTILINE)
    numbers = {name: int(number) for name, number in found}
    assert {name: numbers.get(name) for name in NUMBERS[machine].values()} == {
        name: number for number, name in NUMBERS[machine].items()
    }
    assert set(NUMBERS[machine].values()) == LIMITS.keys() & numbers.keys()
