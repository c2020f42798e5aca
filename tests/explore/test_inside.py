"""Runs of commands that open their proxies themselves, in front of a real server."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from exploring import TALK, scenario
from vaurien.errors import VaurienError
from vaurien.explore.inside import InsideRunner
from vaurien.explore.points import points_of
from vaurien.explore.scenarios import strikes
from vaurien.net.address import Address

PROGRAM = (
    TALK
    + """
from vaurien.embedded.chaos import Chaos
from vaurien.explore.inside import DESCRIPTOR, Line

line = Line(int(os.environ.pop(DESCRIPTOR)))
with Chaos(1, rules=line.rules({"cache": [{"behavior": "latency", "delay": 0.001}]})) as chaos:
    with line.watching(chaos):
        cache = chaos.proxy("BACKEND", protocol="redis", name="cache")
        os.environ["VAURIEN_CACHE_ADDRESS"] = cache.address
        MORE
line.close()
"""
)
ASKING = """
        with connected(LIMIT) as sock:
            ask(sock, b"GET", b"value")
"""


@contextmanager
def running(folder: Path, address: Address, more: str) -> Iterator[InsideRunner]:
    path = folder / "program.py"
    path.write_text(PROGRAM.replace("BACKEND", str(address)).replace("MORE", more.strip()))
    runner = InsideRunner([sys.executable, str(path)], 0, str(folder))
    try:
        yield runner
    finally:
        runner.close()


def asking(limit: str) -> str:
    return ASKING.replace("LIMIT", limit)


def test_what_its_proxies_see_is_told(tmp_path: Path, redis_address: Address) -> None:
    with running(tmp_path, redis_address, asking("5")) as runner:
        for _ in range(2):
            outcome = runner.run()
            assert (outcome.status, outcome.output) == ("passed", "")
            points = [point.id for point in points_of(outcome.trace)]
            assert points == ["cache/connect/1", "cache/GET-value/1"]
            assert not strikes(outcome.trace)  # its own rule is no scenario


def test_a_scenario_strikes(tmp_path: Path, redis_address: Address) -> None:
    with running(tmp_path, redis_address, asking("5")) as runner:
        outcome = runner.run(scenario(runner, "cache/GET-value/1/LOADING/once"))
        assert outcome.status == "failed"
        assert outcome.output.splitlines()[-1].startswith("OSError: b'-LOADING")
        assert [each.detail for each in strikes(outcome.trace)] == ["LOADING"]


def test_who_waits_for_ever_is_ended_early(tmp_path: Path, redis_address: Address) -> None:
    with running(tmp_path, redis_address, asking("None")) as runner:
        outcome = runner.run(scenario(runner, "cache/GET-value/1/hang/once"), limit=40)
    assert (outcome.status, outcome.stuck) == ("hung", True)
    assert [each.behavior for each in strikes(outcome.trace)] == ["hang"]


def test_who_waits_long_is_ended_at_the_limit(tmp_path: Path, redis_address: Address) -> None:
    with running(tmp_path, redis_address, asking("60")) as runner:
        outcome = runner.run(scenario(runner, "cache/GET-value/1/hang/once"), limit=3)
    assert (outcome.status, outcome.stuck) == ("hung", False)
    assert [each.behavior for each in strikes(outcome.trace)] == ["hang"]


def test_who_ends_without_a_word_has_seen_nothing(tmp_path: Path, redis_address: Address) -> None:
    with running(tmp_path, redis_address, "os._exit(3)") as runner:
        outcome = runner.run()
    assert (outcome.status, outcome.code, outcome.trace.proxies) == ("failed", 3, {})


def test_a_child_may_not_hold_the_line(tmp_path: Path, redis_address: Address) -> None:
    more = """
        import subprocess
        subprocess.Popen(["sleep", "600"], stdout=subprocess.DEVNULL)
"""
    with running(tmp_path, redis_address, more + asking("5")) as runner:
        assert list(runner.run().trace.proxies) == ["cache"]


def test_what_is_no_line_ends_the_line(tmp_path: Path, redis_address: Address) -> None:
    more = """
        line._socket.sendall(b"cos\\nsystem\\n(S'touch loaded'\\ntR.")
"""
    with running(tmp_path, redis_address, more + asking("5")) as runner:
        assert runner.run().status == "passed"
    assert not (tmp_path / "loaded").exists()


def test_a_protocol_that_only_the_program_knows(tmp_path: Path, redis_address: Address) -> None:
    more = """
        from vaurien.protocols.redis import Redis
        Redis.name = "own"
"""
    with (
        running(tmp_path, redis_address, more) as runner,
        pytest.raises(VaurienError, match="own"),
    ):
        runner.run()
