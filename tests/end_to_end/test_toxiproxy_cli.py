"""The command ``toxiproxy-cli`` beside Toxiproxy's own: both do the same with each server.

Help texts are vaurien's own, so of a help only what it begins with is compared.
"""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from peers import PATIENCE, connect, wait_until
from servers import free_port, stop
from serving import served
from vaurien.net.address import Address

CALL = "import sys; from vaurien.cli.toxiproxy.main import main; sys.exit(main())"
OURS = (sys.executable, "-c", CALL)


def theirs() -> str | None:
    """The path of Toxiproxy's own command: a program without an interpreter."""
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        path = shutil.which("toxiproxy-cli", path=folder)
        if path and Path(path).read_bytes()[:2] != b"#!":
            return path
    return None


THEIRS = theirs()
SERVER = shutil.which("toxiproxy-server")
PLACE = "{place}"

pytestmark = pytest.mark.skipif(THEIRS is None, reason="toxiproxy-cli is not installed")


class Done(NamedTuple):
    status: int
    out: str
    err: str


def compared(text: str, port: int) -> str:
    """What an output must have in common: no help texts, and no ports."""
    return text.partition("NAME:")[0].replace(f":{port}", f":{PLACE}")


def run(program: Sequence[str], words: Sequence[str], url: str, port: int) -> Done:
    done = subprocess.run(
        [*program, *(word.replace(PLACE, str(port)) for word in words)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={**os.environ, "TOXIPROXY_URL": url},
    )
    return Done(done.returncode, compared(done.stdout, port), compared(done.stderr, port))


def run_on_terminal(program: Sequence[str], words: Sequence[str], url: str, port: int) -> Done:
    """Run a command whose output is a terminal."""
    ours, its = pty.openpty()
    with subprocess.Popen(
        [*program, *(word.replace(PLACE, str(port)) for word in words)],
        stdout=its,
        stderr=subprocess.PIPE,
        env={**os.environ, "TOXIPROXY_URL": url},
    ) as process:
        os.close(its)
        shown = b""
        with suppress(OSError):  # the end of a terminal is an error
            while data := os.read(ours, 65536):
                shown += data
        os.close(ours)
        assert process.stderr is not None
        err = process.stderr.read().decode()
        status = process.wait(PATIENCE)
    return Done(status, compared(shown.decode(), port), compared(err, port))


@pytest.fixture(scope="module", params=["vaurien", "toxiproxy"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of each server."""
    if request.param == "vaurien":
        log = tmp_path_factory.mktemp("cli") / "log"
        with served("--host", "127.0.0.1", "--port", "0", log=log) as serving:
            yield f"http://{serving.http}"
        return
    if SERVER is None:
        pytest.skip("toxiproxy-server is not installed")
    address = Address("127.0.0.1", free_port())
    quiet = subprocess.DEVNULL
    command = [SERVER, "-host", address.host, "-port", str(address.port)]
    process = subprocess.Popen(command, stdout=quiet, stderr=quiet)
    try:
        wait_until(lambda: accepts(address), "toxiproxy-server")
        yield f"http://{address}"
    finally:
        stop(process)


def accepts(address: Address) -> bool:
    try:
        connect(address).close()
    except ConnectionRefusedError:
        return False
    return True


CREATE = f"create -l 127.0.0.1:{PLACE} -u 127.0.0.1:1"
COMMANDS = [
    "list",
    f"{CREATE} redis",
    f"{CREATE} redis",
    "create redis",
    "create -l 127.0.0.1:1 redis",
    "create -l= -u x:1 redis",
    "create",
    "new -listen 127.0.0.1:0 --upstream=h:1",
    "ls",
    "li ignored words",
    "toggle redis",
    "list",
    "tog redis",
    "toggle nope",
    "toxic add -t latency -n slow -a latency=1000000 -a jitter=50 -tox 0.255 redis",
    "toxic add -t latency -n slow redis",
    "t a --type latency --upstream redis",
    "toxic add -t slicer -a average_size=64,size_variation=32,delay=123456789 redis",
    "toxic add -t latency -u -d redis",
    "toxic add -t latency -u=false -downstream=false -n both redis",
    "toxic add -t latency -upstream=x redis",
    "toxic add -t nope redis",
    "toxic add redis",
    "toxic add -t latency",
    "toxic add -t latency --tox 2 redis",
    "toxic add -t latency --tox x redis",
    "toxic add -t latency nope",
    "toxic add -t latency -a latency -a x=y -a =7 -n odd redis",
    "toxic add -t latency -a jitter=0.5 redis",
    "toxic add -t limit_data -a bytes=x redis",
    "inspect redis",
    "ins nope",
    "i",
    "toxic update -n slow -a jitter=7 redis",
    "toxic u --toxicName=slow --toxicity 0.5 redis",
    "toxic update -n nope redis",
    "toxic update -n slow nope",
    "inspect redis",
    "toxic remove -n slow redis",
    "toxic delete -n slow redis",
    "toxic r -n x nope",
    "toxic remove -n x",
    "toxic nope",
    "toxic",
    "nope",
    "list --nope",
    "list -- --nope",
    "create -l",
    "create -h",
    "create --=x",
    "create --help",
    "create help",
    "help toxic",
    "help nope",
    "--nope",
    "-h",
    "--help",
    "",
    "delete nope",
    "delete",
    "d redis",
    "d redis",
]


def test_both_commands_do_the_same(url: str) -> None:
    """Each command line has the same output and exit status."""
    assert THEIRS is not None
    port = free_port()
    theirs = [run([THEIRS], words.split(), url, port) for words in COMMANDS]
    ours = [run(OURS, words.split(), url, port) for words in COMMANDS]
    different = [
        (words, their, our)
        for words, their, our in zip(COMMANDS, theirs, ours, strict=True)
        if our != their
    ]
    assert different == []


ON_TERMINALS = [
    "list",
    f"{CREATE} redis",
    "create -l 127.0.0.1:0 -u a-rather-long-name-of-a-server.example:6379 a-rather-long-name",
    "toggle a-rather-long-name",
    "inspect redis",
    "toxic add -t latency -n slow -a latency=1000,jitter=7 redis",
    "inspect redis",
    "toxic add -t latency -u redis",
    "inspect redis",
    "toxic remove -n slow redis",
    "inspect redis",
    "delete a-rather-long-name",
    "list",
    "toggle redis",
    "list",
    "toggle redis",
    "delete redis",
]


def test_both_commands_look_the_same_on_a_terminal(url: str) -> None:
    assert THEIRS is not None
    port = free_port()
    theirs = [run_on_terminal([THEIRS], words.split(), url, port) for words in ON_TERMINALS]
    ours = [run_on_terminal(OURS, words.split(), url, port) for words in ON_TERMINALS]
    assert ours == theirs


@pytest.mark.parametrize("at", ["127.0.0.1:1", "http://127.0.0.1:1/", ""])
def test_a_server_that_is_not_there(at: str) -> None:
    assert THEIRS is not None
    found = [run(program, ["-h", at, "list"], "x", 0) for program in ([THEIRS], OURS)]
    said = [done.err.partition('": ')[0] for done in found]
    assert said[0] == said[1]
    assert found[0][:2] == found[1][:2] == (1, "")
