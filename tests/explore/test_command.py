"""Commands that end, or are ended, behind a real server."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from exploring import configuration, program, scenario
from peers import wait_until
from vaurien.errors import OptionError
from vaurien.explore.runner import Runner
from vaurien.net.address import Address

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
    with pytest.raises(OptionError, match="nothing' cannot be run: No such file or directory"):
        runner.run()
    runner.close()
