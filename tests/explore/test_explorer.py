"""Explorations of real programs, with a real server behind the proxy."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from exploring import PAYING, configuration, program, scenario
from vaurien.explore.exploration import Exploration, Options
from vaurien.explore.explorer import Explorer, FirstRunError
from vaurien.explore.results import Result
from vaurien.explore.runner import Runner
from vaurien.explore.table import lines_of
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
    assert list(lines_of(one, {})) == list(lines_of(two, {}))


def test_a_scenario_shows_the_same_each_time(tmp_path: Path, redis_address: Address) -> None:
    command = program(tmp_path, PAYING, redis_address)
    runner = Runner(configuration(tmp_path, redis_address), command)
    lost = scenario(runner, "cache/INCRBY-paid-N/1/reply-lost/once")

    def shown() -> tuple[object, ...]:
        outcome = runner.run(lost)
        exchanges = [
            (dict(each.labels), list(map(str, each.injected)), each.answered)
            for each in outcome.trace.exchanges()
        ]
        return outcome.status, outcome.output, exchanges

    first, *others = [shown() for _ in range(10)]
    runner.close()
    assert first[:2] == ("failed", "paid 2 times")
    assert [each for each in others if each != first] == []


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
    options = Options(only=QUICK, skip=("*/hang/*", "*/silence/*"), folder=str(tmp_path / "memory"))

    def stop(exploration: Exploration, result: Result | None) -> None:
        if len(exploration.results) == 2:
            explorer.stop()

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


def test_a_backend_that_is_not_reached_is_told(tmp_path: Path, redis_address: Address) -> None:
    command = program(tmp_path, PAYING, redis_address)
    made = partial(Runner, configuration(tmp_path, Address("127.0.0.1", 1)), command)
    with pytest.raises(FirstRunError, match=r"status 1; not reached: the backend of cache:\n"):
        Explorer(made, command, Options(folder=str(tmp_path / "memory"))).explore()


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


CAREFUL = """
key = b"careful:" + os.environ["VAURIEN_JOB"].encode()
real = socket.create_connection(("127.0.0.1", PORT))
ask(real, b"SET", key, b"0")

def paid():
    try:
        with connected() as sock:
            return ask(sock, b"STRLEN", key + b":done") != b":0\\r\\n"
    except OSError:
        return False

ask(real, b"DEL", key + b":done")
for attempt in range(3):
    try:
        with connected() as sock:
            ask(sock, b"APPEND", key + b":done", b"x")
            break
    except OSError:
        if paid():
            break
else:
    sys.exit("gave up")
sys.exit(0 if ask(real, b"STRLEN", key + b":done") == b":1\\r\\n" else "paid twice")
"""
"""Looks whether it has paid before it pays again, but takes a failure to look for a no."""


def test_a_bug_that_only_a_second_fault_shows(tmp_path: Path, redis_address: Address) -> None:
    lost = "cache/APPEND-careful-N-done/1/reply-lost/once"
    only = ("*/reply-lost/once",)
    one, two = (
        explored(tmp_path, redis_address, CAREFUL, only=only, depth=depth, jobs=depth, again=True)
        for depth in (1, 2)
    )
    assert outcomes(one) == {lost: "passed"}
    name = f"{lost}+cache/STRLEN-careful-N-done/1/reply-lost/once"
    (broken,) = two.broken
    assert broken.id == name
    assert "it failed, with exit status 1" in broken.findings
    again = explored(tmp_path, redis_address, CAREFUL, exactly=(name,), depth=2, only=(), skip=())
    assert [each.id for each in again.broken] == [name]


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
