"""Where the API is served, and which tokens it asks for: the matrix of all starts."""

from __future__ import annotations

import http.client
import logging
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from commands import Understand
from live import LIMIT, Live, live
from vaurien.cli.api import open_api, show_token, start, url_of
from vaurien.control.http import ServerThread
from vaurien.control.sockets import on_tcp
from vaurien.control.tokens import VARIABLE
from vaurien.errors import OptionError
from vaurien.net.address import Address

TOKEN, OTHER = "t" * 20, "o" * 20
LOCAL = ["localhost", "127.0.0.1", "127.1", "127.0.0.2", "::1"]
PUBLIC = ["0.0.0.0", "0", "::"]
SHOWN = re.compile(r"http://localhost:(\d+)/#token=(\S+)\n")


@pytest.fixture(scope="module")
def running() -> Iterator[Live]:
    with live() as started:
        yield started


@pytest.fixture
def ending() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


class Started:
    """The API as it is served with some flags."""

    def __init__(
        self, understand: Understand, running: Live, ending: ExitStack, *words: str
    ) -> None:
        configuration = understand("--http-port", "0", *words)
        opened = open_api(configuration, ending)
        self.server: ServerThread = start(configuration, running.control, opened)
        ending.callback(self.server.stop)

    def status(self, token: str = "", method: str = "GET") -> int:
        """The status of an answer to a request with a token."""
        port = self.server.address.port
        host = {"::1": "::1", "127.0.0.2": "127.0.0.2"}.get(self.server.address.host, "127.0.0.1")
        with closing(http.client.HTTPConnection(host, port, timeout=LIMIT)) as connection:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            connection.request(method, "/behavior", b'{"name": "dummy"}', headers)
            return connection.getresponse().status


@pytest.mark.parametrize("host", [*LOCAL, *PUBLIC])
@pytest.mark.parametrize("given", ["none", "file", "environment"])
@pytest.mark.parametrize("insecure", [False, True])
def test_a_token_is_asked_for_wherever_others_are(
    understand: Understand,
    running: Live,
    ending: ExitStack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    host: str,
    given: str,
    insecure: bool,
) -> None:
    words = ["--http", "--http-host", host, *(["--insecure"] if insecure else [])]
    if given == "file":
        file = tmp_path / "tokens"
        file.touch(0o600)
        file.write_text(TOKEN)
        words += ["--token-file", str(file)]
    elif given == "environment":
        monkeypatch.setenv(VARIABLE, TOKEN)
    caplog.set_level(logging.INFO)
    started = Started(understand, running, ending, *words)
    shown = SHOWN.findall(capsys.readouterr().err)
    made = given == "none" and host in PUBLIC and not insecure
    assert bool(shown) is made
    token = shown[0][1] if shown else TOKEN
    assert started.status(token) == started.status(token, "PUT") == 200
    open_to_all = given == "none" and not made
    assert started.status() == (200 if open_to_all else 401)
    assert started.status(OTHER) == (200 if open_to_all else 401)
    warned = [record for record in caplog.records if record.levelname == "WARNING"]
    assert bool(warned) is (open_to_all and host in PUBLIC)
    assert token not in caplog.text


def test_a_file_wins_over_the_environment_and_has_tokens_that_only_read(
    understand: Understand,
    running: Live,
    ending: ExitStack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(VARIABLE, OTHER)
    file = tmp_path / "tokens"
    file.touch(0o600)
    file.write_text(f"read {TOKEN}")
    started = Started(understand, running, ending, "--http", "--token-file", str(file))
    assert (started.status(TOKEN), started.status(TOKEN, "PUT")) == (200, 403)
    assert started.status(OTHER) == 401


def test_a_token_file_that_cannot_be_used_is_said(
    understand: Understand, running: Live, ending: ExitStack, tmp_path: Path
) -> None:
    file = tmp_path / "tokens"
    file.write_text(TOKEN)
    file.chmod(0o644)
    with pytest.raises(OptionError) as caught:
        Started(understand, running, ending, "--http", "--token-file", str(file))
    assert str(caught.value).startswith(f"--token-file: {file} is open to others")


def test_a_variable_that_is_no_token_is_said(
    understand: Understand, running: Live, ending: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "secret")
    with pytest.raises(OptionError, match=r"^VAURIEN_TOKEN is not a token"):
        Started(understand, running, ending, "--http")


def over_socket(path: Path) -> bytes:
    """The answer to a request over a unix socket."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(LIMIT)
        sock.connect(str(path))
        sock.sendall(b"GET /behavior HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return sock.recv(65536)


def test_a_socket_may_take_the_place_of_a_port(
    understand: Understand, running: Live, ending: ExitStack, tmp_path: Path
) -> None:
    path = tmp_path / "api"
    configuration = understand("--http-socket", str(path))
    assert configuration.http is None
    (opened,) = open_api(configuration, ending)
    server = start(configuration, running.control, [opened])
    assert over_socket(path).startswith(b"HTTP/1.1 200 ")
    server.stop()
    ending.close()
    assert not path.exists()


def test_a_socket_and_a_port_are_both_served(
    understand: Understand, running: Live, ending: ExitStack, tmp_path: Path
) -> None:
    path = tmp_path / "api"
    started = Started(understand, running, ending, "--http", "--http-socket", str(path))
    assert started.status() == 200
    assert over_socket(path).startswith(b"HTTP/1.1 200 ")


def test_where_nobody_can_listen_is_said(
    understand: Understand, ending: ExitStack, tmp_path: Path
) -> None:
    folder = tmp_path / "no" / "folder"
    with pytest.raises(
        OptionError, match=r"^--http-socket: cannot listen on unix:.*: No such file"
    ):
        open_api(understand("--http-socket", str(folder)), ending)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        words = ["--http", "--http-host", "127.0.0.1", "--http-port", port]
        with pytest.raises(OptionError, match=r"^--http-host, --http-port: cannot listen on"):
            open_api(understand(*words), ending)


def test_a_token_is_shown_as_the_url_of_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    for host, shown in (("127.0.0.2", "127.0.0.2"), ("::", "localhost"), ("::1", "[::1]")):
        opened = on_tcp(host, 0)
        show_token(opened, TOKEN)
        url = f"http://{shown}:{opened.address.port}/#token={TOKEN}"
        assert capsys.readouterr().err.endswith(f": {url}\n")
        opened.close()
    assert url_of(Address("", 0, "/run/api")) == "unix:/run/api"
