"""Real programs that ``vaurien run`` puts proxies around."""

from __future__ import annotations

import subprocess
from pathlib import Path

from peers import PATIENCE
from servers import require
from serving import command, proxy_table
from vaurien.net.address import Address


def test_programs_find_their_proxies(
    redis_address: Address, nginx_address: Address, tmp_path: Path
) -> None:
    """One by the variables that are always there, the other by the file's own."""
    config = tmp_path / "v.toml"
    config.write_text(
        '[environment]\nWEB = "http://{web}/hello"\n'
        + proxy_table("my-cache", redis_address, 'protocol = "redis"')
        + '[[proxies.my-cache.rules]]\nbehavior = "error"\nfault = "READONLY"\ncommand = "SET"\n'
        + proxy_table("web", nginx_address, 'protocol = "http"')
    )
    script = (
        f'{require("redis-cli")} -h "$VAURIEN_MY_CACHE_HOST" -p "$VAURIEN_MY_CACHE_PORT" set a b\n'
        f'{require("curl")} -s "$WEB"\n'
        "exit 42\n"
    )
    done = subprocess.run(
        command("run", "--config", str(config), "--", "sh", "-c", script),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    refusal, *web = done.stdout.splitlines()
    assert refusal.startswith("READONLY")
    assert [line for line in web if line] == ["hello"]
    assert (done.returncode, done.stderr) == (42, "")


def test_two_runs_at_once_do_not_meet(redis_address: Address, tmp_path: Path) -> None:
    """At port 0 each has a port of its own."""
    config = tmp_path / "v.toml"
    config.write_text(proxy_table("cache", redis_address))
    ping = f"{require('redis-cli')} -p $VAURIEN_CACHE_PORT ping"
    script = f"{ping}; echo $VAURIEN_CACHE_PORT; read it"
    words = command("run", "--config", str(config), "--", "sh", "-c", script)
    pipe = subprocess.PIPE
    runs = [subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True) for _ in range(2)]
    ports = set()
    for run in runs:
        assert run.stdout is not None
        assert run.stdout.readline() == "PONG\n"
        ports.add(run.stdout.readline())
    for run in runs:
        run.communicate("\n", timeout=PATIENCE)
        assert run.returncode == 0
    assert len(ports) == 2
