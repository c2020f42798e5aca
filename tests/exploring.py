"""Programs to explore: each pays once, or does not."""

from __future__ import annotations

import sys
from pathlib import Path

from vaurien import plugins
from vaurien.config.configuration import Configuration
from vaurien.config.source import Source
from vaurien.explore.command import CommandRunner
from vaurien.explore.points import points_of
from vaurien.explore.scenarios import Scenario, scenarios_at
from vaurien.net.address import Address

TALK = """
import os, socket, sys

def ask(sock, *words):
    request = b"*%d" % len(words) + b"\\r\\n"
    request += b"".join(b"$%d\\r\\n%s\\r\\n" % (len(word), word) for word in words)
    sock.sendall(request)
    answer = sock.makefile("rb").readline()
    if not answer.endswith(b"\\r\\n") or answer.startswith(b"-"):
        raise OSError(answer)
    return answer

def connected(limit=5):
    host, port = os.environ["VAURIEN_CACHE_ADDRESS"].rsplit(":", 1)
    return socket.create_connection((host, int(port)), limit)
"""
PAYING = """
key = b"paid:" + os.environ["VAURIEN_JOB"].encode()
real = socket.create_connection(("127.0.0.1", PORT))
ask(real, b"DEL", key)
for attempt in range(3):
    try:
        with connected() as sock:
            ask(sock, b"INCRBY", key, b"1")
            break
    except OSError:
        pass
else:
    sys.exit("gave up")
real.sendall(b"*2\\r\\n$3\\r\\nGET\\r\\n$%d\\r\\n%s\\r\\n" % (len(key), key))
paid = real.recv(100).split(b"\\r\\n")[1].decode()
sys.exit(0 if paid == "1" else f"paid {paid} times")
"""
"""Tries again whatever has happened: it pays twice if the answer is lost."""


def program(folder: Path, text: str, address: Address) -> list[str]:
    """A command that runs a program, which finds the real server at ``PORT``."""
    path = folder / "program.py"
    path.write_text(TALK + text.replace("PORT", str(address.port)))
    return [sys.executable, str(path)]


def toml(folder: Path, address: Address, more: str = "") -> Path:
    """A file that declares a proxy ``cache``."""
    path = folder / "vaurien.toml"
    path.write_text(f'{more}\n[proxies.cache]\nbackend = "{address}"\nprotocol = "redis"\n')
    return path


def configuration(folder: Path, address: Address, more: str = "") -> Configuration:
    """The configuration of such a file."""
    plugins.install()
    source = Source(str(toml(folder, address, more)), plugins.load_named)
    return source.understand(source.read())


def scenario(runner: CommandRunner, name: str) -> Scenario:
    """The scenario with this identifier."""
    trace = runner.run().trace
    found = scenarios_at(points_of(trace), trace, every_fault=False)
    return next(each for each in found if each.id == name)
