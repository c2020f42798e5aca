"""A real PostgreSQL for tests, and sessions with it that see every message."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from peers import connect, receive, wait_until
from secured import Certified
from servers import serving
from vaurien.net.address import Address

VERSION_3 = 196_608
VERSION_3_2 = 196_610
SSL_REQUEST = struct.pack(">II", 8, 80877103)
GSSENC_REQUEST = struct.pack(">II", 8, 80877104)
CANCEL_REQUEST = struct.pack(">IIII", 16, 80877102, 4711, 12345)

SETTINGS = {
    "fsync": "off",
    "autovacuum": "off",
    "jit": "off",
    "deadlock_timeout": "20ms",
    "password_encryption": "md5",
}
"""What makes it fast, and its locks impatient."""


def program(name: str) -> str:
    """The path of one of PostgreSQL's programs; without it the test is skipped."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name)
    search = os.pathsep.join([*map(str, reversed(folders)), os.environ.get("PATH", "")])
    path = shutil.which(name, path=search)
    if path is None:
        pytest.skip(f"{name} is not installed (the Debian package is postgresql)")
    return path


def as_postgres(*words: str) -> list[str]:
    """A command as it is run here: the server refuses to be root."""
    if os.geteuid() != 0:
        return list(words)
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *words]


@contextlib.contextmanager
def postgresql_server(
    certified: Certified | None = None,
    /,
    *,
    standby: bool = False,
    ready: bool = True,
    **settings: str,
) -> Iterator[Address]:
    """A PostgreSQL with these settings besides, where everybody on loopback is who he says.

    But roles ``md5`` and ``scram`` need a password, and only databases of ``HBA`` are open.
    ``certified``: speaks TLS, with its leaf.
    ``ready``: wait until it lets clients in, which some never do.
    """
    with tempfile.TemporaryDirectory(prefix="vaurien-postgresql-") as name:
        folder = Path(name)
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        data = folder / "data"
        made = [program("initdb"), "-D", str(data), "-A", "trust", "-U", "postgres", "--no-sync"]
        subprocess.run(
            as_postgres(*made), check=True, stdout=subprocess.DEVNULL, cwd=folder, timeout=60
        )
        (data / "pg_hba.conf").write_text(HBA)
        if standby:
            (data / "standby.signal").touch()
        if certified is not None:
            settings["ssl"] = "on"
            _give(data, "server.crt", certified.cert)
            _give(data, "server.key", certified.cert)
        elif "ssl" in settings:
            _make_certificate(data)
        options = {**SETTINGS, "unix_socket_directories": str(folder), **settings}

        def command(port: int) -> list[str]:
            words = [program("postgres"), "-D", str(data), "-p", str(port), "-h", "127.0.0.1"]
            for key, value in options.items():
                words += ["-c", f"{key}={value}"]
            return as_postgres(*words)

        with serving(command, folder / "log") as address:
            try:
                if ready:
                    wait_until(lambda: lets_in(address), "a start of PostgreSQL")
                yield address
            finally:
                stop_fast(data)


def stop_fast(data: Path) -> None:
    """Have a server stop without waiting for its clients."""
    with contextlib.suppress(OSError):
        pid = int((data / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGINT)


def lets_in(address: Address) -> bool:
    """Whether a server is up, and not about to be."""
    with contextlib.suppress(ConnectionError), Session(address) as session:
        return session.greeting[-1][:1] == b"Z"
    return False


HBA = """
host all md5 127.0.0.1/32 md5
host all scram 127.0.0.1/32 scram-sha-256
host postgres,limited,closed,nowhere all 127.0.0.1/32 trust
host replication all 127.0.0.1/32 trust
"""


def _give(data: Path, name: str, source: str) -> None:
    """Copy a file to where only the server may read it."""
    shutil.copy(source, data / name)
    (data / name).chmod(0o600)
    if os.geteuid() == 0:
        shutil.chown(data / name, "postgres")


def _make_certificate(data: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    words += ["-nodes", "-days", "2", "-subj", "/CN=localhost"]
    words += ["-keyout", str(data / "server.key"), "-out", str(data / "server.crt")]
    subprocess.run([openssl, *words], check=True, capture_output=True, timeout=60)
    for name in ("server.key", "server.crt"):
        (data / name).chmod(0o600)
        if os.geteuid() == 0:
            shutil.chown(data / name, "postgres")


# Messages.


def frame(kind: str, body: bytes = b"") -> bytes:
    """A message of this type."""
    return kind.encode() + struct.pack(">I", len(body) + 4) + body


def startup(version: int = VERSION_3, **parameters: str) -> bytes:
    """A StartupMessage."""
    words = "".join(f"{name}\0{value}\0" for name, value in parameters.items())
    body = struct.pack(">I", version) + words.encode() + b"\0"
    return struct.pack(">I", len(body) + 4) + body


def query(sql: str) -> bytes:
    return frame("Q", sql.encode() + b"\0")


def parse(sql: str, name: str = "") -> bytes:
    return frame("P", f"{name}\0{sql}\0".encode() + bytes(2))


def bind(name: str = "", portal: str = "", *values: str) -> bytes:
    told = b"".join(struct.pack(">I", len(value)) + value.encode() for value in values)
    count = struct.pack(">H", len(values))
    return frame("B", f"{portal}\0{name}\0".encode() + bytes(2) + count + told + bytes(2))


def execute(portal: str = "", rows: int = 0) -> bytes:
    return frame("E", portal.encode() + b"\0" + struct.pack(">I", rows))


def describe(kind: str = "P", name: str = "") -> bytes:
    return frame("D", f"{kind}{name}\0".encode())


SYNC = frame("S")
FLUSH = frame("H")
TERMINATE = frame("X")
COPY_DONE = frame("c")


def fields(message: bytes) -> dict[str, str]:
    """The fields of an error report or a notice, by their codes."""
    assert message[:1] in (b"E", b"N"), message
    return {text[:1].decode(): text[1:].decode() for text in message[5:].split(b"\0") if text}


class Session:
    """A session whose every message the test sees; the start-up is over when it is made."""

    def __init__(self, address: Address, user: str = "postgres", database: str = "postgres"):
        self.sock: socket.socket = connect(address)
        self.sock.sendall(startup(user=user, database=database))
        self.greeting = self.answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.sock.close()

    def send(self, *messages: bytes) -> None:
        self.sock.sendall(b"".join(messages))

    def read(self) -> bytes:
        """The next message.

        Raises:
            EOFError: there is none any more.
        """
        head = receive(self.sock, 5)
        return head + receive(self.sock, struct.unpack(">I", head[1:])[0] - 4)

    def answer(self, until: bytes = b"Z") -> list[bytes]:
        """Messages up to one of these types, or the end."""
        messages: list[bytes] = []
        with contextlib.suppress(EOFError):
            while not messages or messages[-1][:1] not in until:
                messages.append(self.read())
                if messages[-1][:1] == b"R" and messages[-1][8] not in (0, 12):
                    break
        return messages

    def ask(self, sql: str) -> list[bytes]:
        """The answer to a simple query."""
        self.send(query(sql))
        return self.answer()

    def report(self) -> Mapping[str, str]:
        """The error report in the answer that comes."""
        return report_in(self.answer())

    def value(self, sql: str) -> str:
        """The one value that a query gives."""
        row = next(message for message in self.ask(sql) if message[:1] == b"D")
        return row[11:].decode()


def report_in(messages: list[bytes]) -> Mapping[str, str]:
    """The error report, or else the notice, among these messages."""
    found = [message for message in messages if message[:1] in (b"E", b"N")]
    assert found, messages
    return fields(found[0])
