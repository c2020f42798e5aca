"""What commands over the API share: where it is, the token, and exit statuses."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.remote.conftest import Run
from live import Http
from peers import PATIENCE
from serving import command
from vaurien.cli.remote.command import STATUSES


@contextmanager
def answering(answer: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A server that answers one request so, and what it was asked."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer_one() -> None:
            listening.settimeout(PATIENCE)
            with listening.accept()[0] as peer:
                peer.settimeout(PATIENCE)
                asked.append(peer.recv(65536))
                peer.sendall(answer)

        thread = threading.Thread(target=answer_one)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}", asked
        thread.join()


def answer(status: int, body: str, kind: str = "application/problem+json") -> bytes:
    head = (
        f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body.encode())}\r\n"
    )
    return f"{head}Connection: close\r\n\r\n{body}".encode()


EMPTY = answer(200, '{"proxies": []}')


def test_where_the_api_is(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOXIPROXY_URL", "127.0.0.1:1")
    assert "http://127.0.0.1:1:" in run("list").message
    monkeypatch.setenv("VAURIEN_URL", "http://127.0.0.1:2/behind")
    assert "http://127.0.0.1:2/behind:" in run("list").message
    assert "http://127.0.0.1:3:" in run("list --url 127.0.0.1:3").message
    assert run("list --url unix:/no/where").status == 5
    said = run("list --url ftp://x")
    assert (said.status, said.message.partition(":")[0]) == (2, "'ftp")


def test_the_token(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    file.write_text("of-the-file\nread other\n")
    monkeypatch.setenv("VAURIEN_TOKEN", "of-the-environment")
    for words, token in (("", b"of-the-environment"), (f"--token-file {file}", b"of-the-file")):
        with answering(EMPTY) as (address, asked):
            assert run(f"list --url {address} {words}").status == 0
        assert b"Authorization: Bearer " + token + b"\r\n" in asked[0]
    file.write_text("\n# comment\nread looking\n  changing\nother\n")
    with answering(EMPTY) as (address, asked):
        run(f"list --url {address} --token-file {file}")
    assert b"Bearer changing\r\n" in asked[0]
    file.write_text("read looking\n")
    with answering(EMPTY) as (address, asked):
        run(f"list --url {address} --token-file {file}")
    assert b"Bearer looking\r\n" in asked[0]
    said = run("list --token-file /no/where")
    assert said.status == 2
    assert said.message == "--token-file='/no/where' cannot be read: No such file or directory"


def test_a_token_that_no_header_may_have(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for token in ("ö", "a\nb", "a\x1b[2J"):
        monkeypatch.setenv("VAURIEN_TOKEN", token)
        said = run("list")
        why = "VAURIEN_TOKEN has no token: it takes printable ASCII characters"
        assert (said.status, said.message) == (2, why)
    file = tmp_path / "token"
    file.write_text("ö\n")
    said = run(f"list --token-file {file}")
    assert said.message == f"{file} has no token: it takes printable ASCII characters"


@pytest.mark.parametrize(
    ("status", "exit_status"), [*STATUSES.items(), (403, 1), (500, 1), (418, 1)]
)
def test_exit_statuses_of_refusals(status: int, exit_status: int, run: Run) -> None:
    with answering(answer(status, '{"title": "No", "detail": "not \\u001b[2J so"}')) as (
        address,
        _,
    ):
        said = run(f"list --url {address}")
    assert (said.status, said.out, said.message) == (exit_status, "", r"not \x1b[2J so")


def test_every_wrong_field_is_told(run: Run) -> None:
    body = '{"title": "No", "errors": [{"pointer": "#/a", "detail": "a is"}, {"detail": "b is"}, '
    body += '{"parameter": "drain", "detail": "is wrong"}]}'
    with answering(answer(422, body)) as (address, _):
        said = run(f"list --url {address}")
    assert (said.status, said.err) == (4, "vaurien: a is\nvaurien: b is\nvaurien: drain is wrong\n")


def test_a_token_is_missing(run: Run) -> None:
    with answering(answer(401, '{"title": "Unauthorized"}')) as (address, _):
        said = run(f"list --url {address}")
    assert said.status == 1
    assert said.message == (
        "the API asks for a token: it takes one in VAURIEN_TOKEN, or --token-file"
    )


@pytest.mark.parametrize(
    ("words", "where"),
    [
        ("--token-file {file}", "--token-file='{file}'"),
        ("", "VAURIEN_TOKEN"),
        ("#token=c", "the URL"),
    ],
)
def test_a_token_is_not_known(
    words: str, where: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text("a")
    if where == "VAURIEN_TOKEN":
        monkeypatch.setenv(where, "b")
    with answering(answer(401, '{"title": "Unauthorized"}')) as (address, asked):
        separator = "" if words.startswith("#") else " "
        said = run(f"list --url {address}{separator}{words.format(file=file)}")
    assert b"Bearer " in asked[0]
    assert said.status == 1
    assert said.message == f"the API does not know the token of {where.format(file=file)}"


def test_a_server_that_does_not_answer(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        said = run(f"list --url 127.0.0.1:{silent.getsockname()[1]} --timeout 0.05")
    assert said.status == 5
    assert "timed out" in said.message


@pytest.mark.parametrize(
    "raw", [b"", b"nonsense", answer(404, "404 page not found", "text/plain"), answer(200, "[]")]
)
def test_a_server_that_is_another(raw: bytes, run: Run) -> None:
    with answering(raw) as (address, _):
        assert run(f"list --url {address}").status == 5


@pytest.mark.parametrize(
    "words",
    [
        "list x",
        "list --nope",
        "list -o nope",
        "list --timeout 0",
        "inspect",
        "kill",
        "kill a --all",
    ],
)
def test_wrong_usage(words: str, run: Run) -> None:
    said = run(words)
    assert (said.status, said.out) == (2, "")
    assert said.message


def test_an_interruption(run: Run, http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("vaurien.client.blocking.Client.proxies", interrupted)
    assert run("list").status == 130


@pytest.mark.parametrize(
    ("environment", "target", "message"),
    [
        ({}, "/dev/full", b"standard output cannot be written: No space left on device"),
        ({"PYTHONIOENCODING": "latin-1"}, os.devnull, b"standard output cannot be written: 'latin"),
    ],
)
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_output_that_cannot_be_written(
    environment: dict[str, str], target: str, message: bytes, http: Http, run: Run
) -> None:
    assert run("create 日本 --backend localhost:1 --listen localhost:0").status == 0
    with open(target, "wb") as output:
        done = subprocess.run(
            command("list"),
            stdout=output,
            stderr=subprocess.PIPE,
            env={**os.environ, **environment},
            timeout=PATIENCE,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith(b"vaurien: " + message)
    assert done.stderr.count(b"\n") == 1


def test_a_reader_that_leaves(http: Http, run: Run) -> None:
    done = subprocess.run(
        ["sh", "-c", '"$@" | true', "sh", *command("list")],
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.stderr == b""
