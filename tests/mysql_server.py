"""A MariaDB for tests, and clients of it that are raw enough to see every packet."""

from __future__ import annotations

import contextlib
import getpass
import subprocess
from collections.abc import Iterator
from pathlib import Path

from peers import connect, receive
from servers import PACKAGES, require, serving
from vaurien.net.address import Address
from vaurien.protocols.mysql.wire import packet, size_of

PACKAGES.update(
    {
        "mariadbd": "mariadb-server",
        "mariadb-install-db": "mariadb-server",
        "mariadb": "mariadb-client",
        "mariadb-slap": "mariadb-client",
    }
)
SMALL = (
    "--innodb-buffer-pool-size=16M",
    "--innodb-log-file-size=8M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-fast-shutdown=2",
    "--aria-pagecache-buffer-size=1M",
    "--key-buffer-size=1M",
    "--max-allowed-packet=64M",
    "--local-infile=1",
    "--skip-name-resolve",
)
"""Options that make it start fast, and keep little."""
PLAIN = 0x000F_A205
"""Capabilities of a client that takes neither TLS nor compression, and no new EOFs."""


@contextlib.contextmanager
def mariadb_server(folder: Path, *options: str) -> Iterator[Address]:
    """A MariaDB in which ``root`` needs no password."""
    program = require("mariadbd")
    user = f"--user={getpass.getuser()}"
    data, scratch = f"--datadir={folder / 'data'}", folder / "tmp"
    scratch.mkdir()  # servers that start delete what they find where they keep such files
    mine = [user, data, f"--tmpdir={scratch}"]
    made = subprocess.run(
        [
            *(require("mariadb-install-db"), "--no-defaults", *mine),
            *("--auth-root-authentication-method=normal", "--skip-test-db"),
            "--innodb-log-file-size=8M",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr

    def command(port: int) -> list[str]:
        files = [f"--socket={folder / 'sock'}", f"--pid-file={folder / 'pid'}"]
        place = [f"--port={port}", "--bind-address=127.0.0.1"]
        return [program, "--no-defaults", *mine, *place, *files, *SMALL, *options]

    with serving(command, folder / "mariadb.log") as address:
        yield address


class RawClient:
    """A client that sends what it is told, and sees each packet: its sequence id and payload."""

    def __init__(self, address: Address, flags: int = PLAIN, user: str = "root") -> None:
        self.sock = connect(address)
        self.greeting = self.packet()
        self.answer = (0, b"")
        if self.greeting[1][:1] != b"\xff":
            head = flags.to_bytes(4, "little") + bytes([0, 0, 0, 1, 45]) + bytes(23)
            self.say(head + user.encode() + b"\0\0mysql_native_password\0", sequence=1)
            self.answer = self.packet()

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *failure: object) -> None:
        self.sock.close()

    def say(self, payload: bytes, sequence: int = 0) -> None:
        self.sock.sendall(packet(sequence, payload))

    def packet(self) -> tuple[int, bytes]:
        head = receive(self.sock, 4)
        return head[3], receive(self.sock, size_of(head))

    def ask(self, payload: bytes) -> tuple[int, bytes]:
        """The first packet of the answer."""
        self.say(payload)
        return self.packet()

    def query(self, sql: str) -> tuple[int, bytes]:
        """The only packet of the answer to a statement that gives no rows."""
        return self.ask(b"\x03" + sql.encode())

    @property
    def ended(self) -> bool:
        """The server has nothing more to say, and says so."""
        with contextlib.suppress(ConnectionResetError):
            return self.sock.recv(1) == b""
        return True


def has_status(packet: tuple[int, bytes], flag: int) -> bool:
    """Whether an OK packet, of a statement that touched less than 251 rows, has a status flag."""
    return bool(int.from_bytes(packet[1][3:5], "little") & flag)
