"""Runs of a real command, with a real server behind the proxy."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from exploring import PAYING, configuration, program
from peers import wait_until
from vaurien.explore.points import points_of
from vaurien.explore.runner import Runner
from vaurien.explore.scenarios import Scenario, scenarios_at
from vaurien.net.address import Address


@pytest.fixture
def paying(tmp_path: Path, redis_address: Address) -> Iterator[Runner]:
    runner = Runner(
        configuration(tmp_path, redis_address), program(tmp_path, PAYING, redis_address)
    )
    yield runner
    runner.close()


def scenario(runner: Runner, name: str) -> Scenario:
    trace = runner.run().trace
    found = scenarios_at(points_of(trace), trace, every_fault=False)
    return next(each for each in found if each.id == name)


def test_a_quiet_run(paying: Runner) -> None:
    outcome = paying.run()
    assert (outcome.status, outcome.code, outcome.output) == ("passed", 0, "")
    assert [point.id for point in points_of(outcome.trace)] == [
        "cache/connect/1",
        "cache/INCRBY-paid-N/1",
    ]


def test_a_scenario_strikes_in_each_run_anew(paying: Runner) -> None:
    lost = scenario(paying, "cache/INCRBY-paid-N/1/reply-lost/once")
    for _ in range(3):
        outcome = paying.run(lost)
        assert (outcome.status, outcome.output) == ("failed", "paid 2 times")
        assert [fired.behavior for fired in outcome.trace.fired] == ["reply-lost"]
    assert paying.run().status == "passed"


def test_a_scenario_at_a_connect(paying: Runner) -> None:
    outcome = paying.run(scenario(paying, "cache/connect/1/reset/once"))
    assert outcome.status == "passed"
    assert len(outcome.trace.proxies["cache"].connections) == 2


HANGING = """
import subprocess, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
with connected(600) as sock:
    ask(sock, b"GET", b"key")
"""


def test_a_run_that_hangs_is_ended_with_its_children(
    tmp_path: Path, redis_address: Address
) -> None:
    made = configuration(tmp_path, redis_address)
    runner = Runner(made, program(tmp_path, HANGING, redis_address))
    try:
        hang = scenario(runner, "cache/GET-key/1/hang/once")
        outcome = runner.run(hang, limit=1.0)
    finally:
        runner.close()
    assert outcome.status == "hung"
    assert outcome.seconds >= 1.0
    child = int(outcome.output)
    wait_until(lambda: not Path(f"/proc/{child}/cmdline").exists(), "the child to be gone")


def test_output_is_cut(tmp_path: Path, redis_address: Address) -> None:
    command = [sys.executable, "-c", "for each in range(100_000): print(each)"]
    runner = Runner(configuration(tmp_path, redis_address), command)
    outcome = runner.run()
    runner.close()
    lines = outcome.output.splitlines()
    assert (len(lines), lines[-1]) == (40, "99999")


def test_a_command_that_cannot_be_started(tmp_path: Path, redis_address: Address) -> None:
    runner = Runner(configuration(tmp_path, redis_address), [str(tmp_path / "nothing")])
    with pytest.raises(OSError, match="No such file"):
        runner.run()
    runner.close()


def test_the_command_knows_its_job_and_addresses(tmp_path: Path, redis_address: Address) -> None:
    made = configuration(tmp_path, redis_address, '[environment]\nURL = "redis://{cache}"')
    text = "import os; print(os.environ['VAURIEN_JOB'], os.environ['URL'])"
    command = [sys.executable, "-c", text]
    runner = Runner(made, command, 3)
    outcome = runner.run()
    runner.close()
    job, url = outcome.output.split()
    assert (job, url[: url.rindex(":")]) == ("3", "redis://localhost")
    assert "VAURIEN_JOB" not in os.environ
