"""Backends that are refused, through each API and when they are dialled."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection
from pathlib import Path

import pytest

from live import echo
from peers import PATIENCE, connect, receive_until_fin, wait_until
from serving import Served, proxy_table, served
from vaurien.net.address import Address

CONTROL = re.compile(r"[^\x20-\x7e\xa0-\U0010ffff\n]")


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Served]:
    config = tmp_path / "vaurien.toml"
    with echo() as backend:
        tables = [proxy_table(name, backend) for name in ("a", "b")]
        config.write_text("".join(tables))
        words = ["--config", str(config), "--port", "0", "--host", "127.0.0.1"]
        with served(*words, log=tmp_path / "log") as process:
            yield process


def ask(serving: Served, method: str, path: str, body: object) -> tuple[int, str]:
    """The status and the body of an answer."""
    address = serving.http
    with closing(HTTPConnection(address.host, address.port, timeout=PATIENCE)) as connection:
        connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read().decode()


def own_names(port: int) -> list[str]:
    """Spellings of an address that is listened on at 127.0.0.1."""
    hosts = ["127.0.0.1", "127.1", "localhost", "LOCALHOST", "0", "0.0.0.0", "2130706433"]
    hosts += ["[::ffff:127.0.0.1]", "[::ffff:7f00:1]"]
    with suppress(OSError):
        if socket.gethostbyname(socket.gethostname()) == "127.0.0.1":
            hosts.append(socket.gethostname())
    return [f"{host}:{port}" for host in hosts]


def test_each_api_refuses_what_leads_back_to_vaurien(serving: Served) -> None:
    ports = {
        "the backend is the API of this process": serving.http.port,
        "the backend is the proxy itself": serving.address("a").port,
    }
    for why, port in ports.items():
        for backend in own_names(port):
            for status, method, path, body in (
                (400, "PUT", "/backend?proxy=a", {"backend": backend}),
                (400, "POST", "/proxies/a", {"upstream": backend}),
                (422, "PATCH", "/v1/proxies/a", {"backend": backend}),
            ):
                answer = ask(serving, method, path, body)
                assert answer[0] == status, (backend, path, answer)
                itself = "is where the proxy itself listens"
                assert why in answer[1] or ("itself" in why and itself in answer[1])
    assert serving.ask("a") == b"hello"


def test_each_api_refuses_rings(serving: Served) -> None:
    a, b = (serving.address(name) for name in ("a", "b"))
    assert ask(serving, "PUT", "/backend?proxy=a", {"backend": str(b)})[0] == 200
    assert serving.ask("a") == b"hello"
    for status, method, path, key in (
        (400, "PUT", "/backend?proxy=b", "backend"),
        (400, "POST", "/proxies/b", "upstream"),
        (422, "PATCH", "/v1/proxies/b", "backend"),
    ):
        for backend in own_names(a.port):
            answer = ask(serving, method, path, {key: backend})
            assert answer[0] == status, (backend, path, answer)
            assert "leads back to the proxy: b -> a -> b" in answer[1].replace("\\u003e", ">")
    assert serving.ask("a") == b"hello"


@pytest.mark.parametrize("host", ["169.254.169.254", "[::ffff:169.254.169.254]", "[fd00:ec2::254]"])
def test_each_api_refuses_metadata(serving: Served, host: str) -> None:
    for status, method, path, body in (
        (400, "PUT", "/backend?proxy=a", {"backend": f"{host}:80"}),
        (400, "POST", "/proxies", {"name": "c", "upstream": f"{host}:80"}),
        (422, "POST", "/v1/proxies", {"name": "c", "backend": f"{host}:80"}),
        (422, "PUT", "/v1/state", {"proxies": [{"name": "c", "backend": f"{host}:80"}]}),
    ):
        answer = ask(serving, method, path, body)
        assert answer[0] == status, answer
        assert "which takes --allow-backend" in answer[1]


def test_the_native_api_says_where_it_is_wrong(serving: Served) -> None:
    _, answer = ask(serving, "PATCH", "/v1/proxies/a", {"backend": "169.254.169.254:80"})
    (wrong,) = json.loads(answer)["errors"]
    assert (wrong["pointer"], wrong["given"]) == ("#/backend", "'169.254.169.254:80'")
    proxies = [{"name": "c", "backend": "h:1"}, {"name": "d", "backend": "100.100.100.200:80"}]
    _, answer = ask(serving, "PUT", "/v1/state", {"proxies": proxies})
    (wrong,) = json.loads(answer)["errors"]
    assert wrong["pointer"] == "#/proxies/1/backend"


def test_a_name_is_judged_by_what_it_resolves_to_when_it_is_dialled(tmp_path: Path) -> None:
    """Only addresses are allowed here that no name of this machine has."""
    log, config = tmp_path / "log", tmp_path / "vaurien.toml"
    with echo() as backend:
        name = socket.gethostname()
        config.write_text(proxy_table("a", Address(name, backend.port)))
        words = ["--config", str(config), "--allow-backend", "198.51.100.0/24"]
        with served(*words, log=log) as serving:
            with connect(serving.address("a")) as client:
                assert receive_until_fin(client) == b""
            wait_until(lambda: "cannot be reached" in serving.log, "the refusal is logged")
            assert f"{name}:{backend.port} is in no --allow-backend" in serving.log


def test_a_configuration_is_refused_at_once(tmp_path: Path) -> None:
    config = tmp_path / "vaurien.toml"
    config.write_text(proxy_table("a", Address("169.254.169.254", 80)))
    with (
        pytest.raises(AssertionError, match=r"169\.254\.169\.254 is a link-local address"),
        served("--config", str(config), log=tmp_path / "log"),
    ):
        pass


def test_nothing_from_requests_reaches_the_log_unescaped(serving: Served) -> None:
    hostile = "\x1b[31m\r\nfake [1] [INFO] line\x07\x9b\u202e"
    for method, path, body in (
        ("PUT", "/behavior?proxy=a", {"name": hostile}),
        ("PUT", "/backend?proxy=a", {"backend": f"{hostile}:80"}),
        ("PUT", "/backend?proxy=a", {"backend": f"unix:/{hostile}"}),
        ("PUT", "/plan?proxy=a", {"rules": [{"behavior": "delay", "name": hostile}]}),
        ("POST", "/proxies", {"name": hostile, "upstream": "h:1"}),
        ("POST", "/proxies", {"name": "c", "upstream": f"{hostile}:1"}),
        ("POST", "/proxies/a/toxics", {"type": "latency", "name": hostile}),
        ("POST", "/v1/proxies", {"name": hostile, "backend": "h:1"}),
        ("POST", "/v1/proxies", {"name": "d", "backend": f"unix:/{hostile}"}),
        ("POST", "/v1/proxies/a/rules", {"behavior": hostile}),
    ):
        ask(serving, method, path, body)
    with suppress(OSError), connect(serving.address("a")) as client:
        client.sendall(hostile.encode())
        client.recv(100)
    log = serving.log
    assert not CONTROL.search(log), CONTROL.search(log)
    assert not re.search(r"^fake", log, re.MULTILINE)
