"""``vaurien serve`` as a process of its own."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from peers import PATIENCE, connect, receive, wait_until
from servers import stop
from vaurien.launch import READY_FD
from vaurien.net.address import Address

OUTCOME = re.compile(r"State replaced|was not applied|has not changed")


def proxy_table(name: str, backend: Address, *lines: str, listen: str = "127.0.0.1:0") -> str:
    """The table of a proxy, as a configuration has it."""
    return "\n".join(
        [f"[proxies.{name}]", f'listen = "{listen}"', f'backend = "{backend}"', *lines, ""]
    )


class Served:
    """The running process."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def messages(self) -> list[str]:
        """The lines of the log, without what they begin with."""
        return [line.partition("] [")[2].partition("] ")[2] for line in self.log.splitlines()]

    def address(self, name: str) -> Address:
        """Where a proxy listens, as the log said last."""
        told = re.findall(rf"\] {re.escape(name)}: (\S+) forwards to", self.log)
        assert told, self.log
        return Address.parse(told[-1])

    @property
    def http(self) -> Address:
        """Where the API listens."""
        told = re.search(r"Started the HTTP server: http://(\S+)", self.log)
        assert told is not None, self.log
        return Address.parse(told[1])

    def ask(self, name: str, data: bytes = b"hello") -> bytes:
        """What a proxy in front of an echo gives."""
        with connect(self.address(name)) as client:
            client.sendall(data)
            return receive(client, len(data))

    def reload(self) -> None:
        """Have the configuration read again, and wait until it has taken effect or not."""
        before = len(OUTCOME.findall(self.log))
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(OUTCOME.findall(self.log)) > before, "the outcome of SIGHUP")

    def end(self) -> int:
        """Have it end; gives the exit status."""
        self.process.terminate()
        return self.process.wait(PATIENCE)


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "vaurien", *words]


@contextmanager
def served(
    *words: str, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Served]:
    """Run ``vaurien serve`` with these words, as soon as it is ready."""
    ready, tell = os.pipe()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command("serve", *words),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[tell],
            env={**os.environ, READY_FD: str(tell), **(environment or {})},
        )
    os.close(tell)
    try:
        poll = select.poll()
        poll.register(ready, select.POLLIN)
        assert poll.poll(PATIENCE * 1000), "it does not get ready"
        assert os.read(ready, 1) == b"\n", log.read_text()
        yield Served(process, log)
    finally:
        os.close(ready)
        stop(process)


def refused(*words: str) -> list[str]:
    """What a command says that ends at once, with the status of a mistake, line by line."""
    done = subprocess.run(
        command(*words), capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (done.returncode, done.stdout) == (2, ""), done
    lines = done.stderr.splitlines()
    assert all(line.startswith("vaurien: ") for line in lines), done.stderr
    return [line.removeprefix("vaurien: ") for line in lines]
