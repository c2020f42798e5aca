"""Runs of a real command, with a real server behind the proxy."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from exploring import PAYING, configuration, program, scenario
from vaurien.errors import OptionError
from vaurien.explore.points import points_of
from vaurien.explore.runner import Runner
from vaurien.net.address import Address


@pytest.fixture
def paying(tmp_path: Path, redis_address: Address) -> Iterator[Runner]:
    runner = Runner(
        configuration(tmp_path, redis_address), program(tmp_path, PAYING, redis_address)
    )
    yield runner
    runner.close()


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


def test_only_the_first_may_have_a_place_of_its_own(tmp_path: Path, redis_address: Address) -> None:
    more = '[proxies.fixed]\nlisten = "127.0.0.1:1"\nbackend = "localhost:2"'
    made = configuration(tmp_path, redis_address, more)
    with pytest.raises(OptionError, match=r"but 'fixed' listens on 127\.0\.0\.1:1: leave out"):
        Runner(made, ["true"], 1)
