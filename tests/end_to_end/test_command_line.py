"""The command line between real clients and real servers."""

from __future__ import annotations

import json
import signal
import subprocess
from collections import Counter
from contextlib import closing
from http.client import HTTPConnection, RemoteDisconnected
from pathlib import Path

from end_to_end.proxies import command_line
from peers import PATIENCE, wait_until
from servers import LARGE_FILE, redis_benchmark, require
from vaurien.net.address import Address


def fired(journal: Path) -> list[tuple[str, int, int, float]]:
    """Rule, connection, exchange and draw of each line of a journal, sorted."""
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    return sorted(
        (each["rule"], each["connection"], each["exchange"], each["draw"]) for each in lines
    )


def test_a_mix_in_front_of_a_web_server(nginx_address: Address, tmp_path: Path) -> None:
    words = ["--behavior", "20:delay,10.5:blackout", "--behavior-delay-sleep", "0.02"]
    found = []
    for journal in (tmp_path / "first", tmp_path / "second"):
        lost = 0
        given = [*words, "--seed", "7", "--journal", str(journal)]
        with command_line(nginx_address, *given, log=tmp_path / "log") as proxy:
            for _ in range(100):
                with closing(HTTPConnection(proxy.address.host, proxy.address.port)) as client:
                    try:
                        client.request("GET", "/hello")
                        assert client.getresponse().read() == b"hello\n"
                    except RemoteDisconnected:
                        lost += 1
        found.append(fired(journal))
        rules = Counter(rule for rule, *_ in found[-1])
        assert rules["blackout"] == lost
        assert 5 < rules["delay"] < 40
    assert found[0] == found[1]


def test_a_rule_in_front_of_redis(redis_address: Address, tmp_path: Path) -> None:
    words = ["--rule", "delay sleep=0.001 percent=10", "--timeout", "0"]
    with command_line(redis_address, *words, log=tmp_path / "log") as proxy:
        assert len(redis_benchmark(proxy.address, "-n", "5000", "-t", "get,set")) == 2
        assert "WARNING" not in proxy.log


def test_curl_through_a_unix_socket(nginx_address: Address, tmp_path: Path) -> None:
    path = tmp_path / "proxy.sock"
    listen = Address("", 0, str(path))
    with command_line(nginx_address, log=tmp_path / "log", listen=listen):
        command = [require("curl"), "-sS", "--unix-socket", str(path), "http://localhost/hello"]
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=True)
        assert done.stdout == b"hello\n"
    assert not path.exists()


def test_a_download_is_finished_after_a_signal(nginx_address: Address, tmp_path: Path) -> None:
    with command_line(nginx_address, "--drain", "30", log=tmp_path / "log") as proxy:
        target = tmp_path / "downloaded"
        url = f"http://{proxy.address}/large"
        command = [require("curl"), "-sS", "--limit-rate", "8M", "-o", str(target), url]
        with subprocess.Popen(command) as curl:
            wait_until(lambda: target.exists() and target.stat().st_size, "the download begins")
            proxy.process.send_signal(signal.SIGTERM)
            assert curl.wait(PATIENCE) == 0
        assert target.read_bytes() == LARGE_FILE
        assert proxy.process.wait(PATIENCE) == 0
