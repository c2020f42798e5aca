"""Explorations of real programs, with a real server behind the proxy."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from exploring import PAYING, configuration, program
from vaurien.explore.explorer import (
    Exploration,
    Explorer,
    FirstRunError,
    Options,
    matches,
)
from vaurien.explore.results import Result
from vaurien.explore.runner import Runner
from vaurien.net.address import Address

QUICK = ("*/once",)


def explored(folder: Path, address: Address, text: str = PAYING, **options: object) -> Exploration:
    made = {"only": QUICK, "skip": ("*/hang/*", "*/silence/*"), **options}
    command = program(folder, text, address)
    return Explorer(
        partial(Runner, configuration(folder, address), command),
        command,
        Options(folder=str(folder / "memory"), **made),  # type: ignore[arg-type]
    ).explore()


def outcomes(exploration: Exploration) -> dict[str, str]:
    return {result.id: result.result for result in exploration.results.values()}


def test_a_double_payment_is_found(tmp_path: Path, redis_address: Address) -> None:
    exploration = explored(tmp_path, redis_address)
    point = "cache/INCRBY-paid-N/1/"
    broken = {result.id.removeprefix(point): result for result in exploration.broken}
    assert set(broken) == {"reply-lost/once", "partial-reply/once", "NOPERM/once"}
    assert broken["reply-lost/once"].findings == (
        "it failed, with exit status 1",
        "cache: INCRBY paid:0 changed the backend twice; without faults, once",
    )
    assert exploration.left == 0


def test_two_at_a_time_find_the_same(tmp_path: Path, redis_address: Address) -> None:
    one, two = (explored(tmp_path, redis_address, jobs=jobs, again=True) for jobs in (1, 2))
    assert outcomes(one) == outcomes(two)


def test_what_passed_is_not_run_again(tmp_path: Path, redis_address: Address) -> None:
    first = explored(tmp_path, redis_address)
    told: list[Result | None] = []
    command = program(tmp_path, PAYING, redis_address)
    again = Explorer(
        partial(Runner, configuration(tmp_path, redis_address), command),
        command,
        Options(only=QUICK, skip=("*/hang/*", "*/silence/*"), folder=str(tmp_path / "memory")),
        lambda _, result: told.append(result),
    ).explore()
    assert [result.id for result in told if result] == [result.id for result in first.broken]
    assert again.remembered == len(first.results) - len(first.broken)
    assert outcomes(again) == outcomes(first)


def test_an_exploration_that_was_stopped_goes_on(tmp_path: Path, redis_address: Address) -> None:
    command = program(tmp_path, PAYING, redis_address)
    made = partial(Runner, configuration(tmp_path, redis_address), command)
    options = Options(only=QUICK, skip=("*/hang/*",), folder=str(tmp_path / "memory"))

    def stop(exploration: Exploration, result: Result | None) -> None:
        if len(exploration.results) == 2:
            explorer.stopping.set()

    explorer = Explorer(made, command, options, stop)
    stopped = explorer.explore()
    assert (len(stopped.results), stopped.left > 0) == (2, True)
    again = Explorer(made, command, options).explore()
    assert (again.remembered, again.left) == (2, 0)
    assert any(result.broke for result in stopped.results.values())


def test_a_budget(tmp_path: Path, redis_address: Address) -> None:
    exploration = explored(tmp_path, redis_address, budget=1e-9)
    assert exploration.results == {}
    assert exploration.left == len(exploration.scenarios) > 0


def test_the_first_run_must_pass(tmp_path: Path, redis_address: Address) -> None:
    with pytest.raises(FirstRunError, match=r"failed without any fault, with exit status 1:\nno$"):
        explored(tmp_path, redis_address, "sys.exit('no')")


PATIENT = """
with connected(None) as sock:
    ask(sock, b"GET", b"value")
"""
"""Waits without a limit of time."""


@pytest.mark.parametrize("jobs", [1, 2])
def test_who_hangs_once_hangs_for_ever(tmp_path: Path, redis_address: Address, jobs: int) -> None:
    exploration = explored(
        tmp_path, redis_address, PATIENT, only=("*/hang/*",), skip=(), limit=1.5, jobs=jobs
    )
    assert outcomes(exploration) == {"cache/GET-value/1/hang/once": "hung"}
    assert exploration.left == 0


RECOVERING = """
def attempt():
    with connected() as sock:
        return ask(sock, b"GET", b"value")

try:
    attempt()
except OSError:
    with connected() as sock:
        ask(sock, b"PING")
        ask(sock, b"GET", b"value")
"""
"""Asks for more while it recovers, and survives no fault at that."""


def test_a_second_fault_strikes_while_it_recovers(tmp_path: Path, redis_address: Address) -> None:
    shallow = explored(tmp_path, redis_address, RECOVERING, only=("*/reply-lost/once",))
    assert not shallow.broken
    deep = explored(tmp_path, redis_address, RECOVERING, only=("*/reply-lost/once",), depth=2)
    assert "cache/GET-value/1/reply-lost/once+cache/PING/1/reply-lost/once" in {
        result.id for result in deep.broken
    }


def test_a_second_connect_is_refused_after_the_first(
    tmp_path: Path, redis_address: Address
) -> None:
    name = "cache/connect/1/refused/once+cache/connect/2/refused/once"
    exploration = explored(
        tmp_path, redis_address, RECOVERING, exactly=(name,), depth=2, only=(), skip=()
    )
    assert exploration.results[name].result == "failed"


def test_one_scenario_exactly(tmp_path: Path, redis_address: Address) -> None:
    name = "cache/GET-value/1/reply-lost/once+cache/PING/1/reply-lost/once"
    exploration = explored(
        tmp_path, redis_address, RECOVERING, exactly=(name,), depth=2, only=(), skip=()
    )
    assert list(exploration.results) == [name.partition("+")[0], name]
    assert exploration.results[name].broke


def test_patterns_of_scenarios() -> None:
    assert matches("cache/GET/1/hang/once", ["cache"])
    assert matches("cache/GET/1/hang/once", ["*/hang/*"])
    assert matches("cache/GET/1/hang/once", ["cache/GET/1/"])
    assert not matches("cache/GET/1/hang/once", ["cach", "hang"])
