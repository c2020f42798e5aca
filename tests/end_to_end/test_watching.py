"""What a running process tells of real traffic, second by second."""

from __future__ import annotations

import json
import subprocess
from http.client import HTTPConnection
from itertools import islice
from pathlib import Path
from typing import cast

import redis

from peers import PATIENCE, wait_until
from serving import command, proxy_table, served
from vaurien import Client
from vaurien.net.address import Address

TOKEN = "t" * 24
RULES = """
protocol = "redis"
[[proxies.cache.rules]]
behavior = "delay"
name = "slow"
sleep = 0.03
command = "GET"
"""


def test_what_redis_carries_is_told_second_by_second(
    redis_address: Address, tmp_path: Path
) -> None:
    config = tmp_path / "vaurien.toml"
    config.write_text(proxy_table("cache", redis_address) + RULES)
    words = ["--config", str(config), "--host", "127.0.0.1", "--port", "0"]
    with served(*words, log=tmp_path / "log") as server:
        client = Client(url=f"http://{server.http}")
        address = server.address("cache")
        with redis.Redis(address.host, address.port) as talking:
            talking.set("watching", 1)
            for _ in range(10):
                talking.get("watching")

            def series(name: str) -> list[float]:
                told = client.request("GET", "/v1/history?proxy=cache")
                found = cast(dict[str, list[float | None]], told["series"])[name]
                return [value for value in found if value]

            wait_until(lambda: sum(series("fired")) == 10, "the seconds in which rules fired")
            assert sum(series("exchanges")) >= 11
            assert sum(series("accepted")) == 1
            assert min(series("held_p50")) > 16  # the bucket of 30 ms begins there
            (sample,) = islice(client.samples(), 1)
            assert cast(dict[str, int], sample.data["totals"])["open"] == 1
            words = command("top", "--once", "-o", "json", "--url", f"http://{server.http}")
            (row,) = json.loads(subprocess.check_output(words))
            assert (row["name"], row["open"], row["rules"]) == ("cache", 1, 1)
        assert server.end() == 0
        assert "Traceback" not in server.log


def test_the_page_needs_no_token_and_what_it_asks_for_does(tmp_path: Path) -> None:
    environment = {"VAURIEN_TOKEN": TOKEN}
    words = ["--no-config", "--host", "127.0.0.1", "--port", "0"]
    with served(*words, log=tmp_path / "log", environment=environment) as server:
        connection = HTTPConnection("localhost", server.http.port, timeout=PATIENCE)

        def status(path: str, **headers: str) -> int:
            connection.request("GET", path, headers=headers)
            with connection.getresponse() as response:
                response.read()
                return response.status

        assert status("/", Accept="text/html") == 200
        assert status("/v1/history") == status("/v1/live") == 401
        assert status("/v1/history", Authorization=f"Bearer {TOKEN}") == 200
        connection.close()
