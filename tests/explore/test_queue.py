"""Which scenario is next."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from traces import exchange, trace_of
from vaurien.embedded.trace import Trace
from vaurien.explore import queue as queues
from vaurien.explore.command import Outcome
from vaurien.explore.exploration import Exploration, Options
from vaurien.explore.memory import Memory
from vaurien.explore.points import points_of
from vaurien.explore.queue import Queue
from vaurien.explore.results import Result
from vaurien.explore.scenarios import Scenario, scenarios_at

PLAIN = trace_of(exchange(1, command="GET", key="a"), connections=0)
RECOVERY = trace_of(
    exchange(1, command="GET", key="a"),
    exchange(2, command="PING"),
    exchange(3, command="GET", key="a"),
    connections=0,
)


def queue_of(folder: Path, **options: object) -> Queue:
    points = points_of(PLAIN)
    scenarios = scenarios_at(points, PLAIN, every_fault=False)
    memory = Memory(str(folder), "key")
    memory.close()
    made = Options(**options)  # type: ignore[arg-type]
    exploration = Exploration(outcome(PLAIN), points, list(filter(made.wants, scenarios)))
    return Queue(exploration, made, memory, 0.0, threading.Event())


def outcome(trace: Trace) -> Outcome:
    return Outcome("passed", 0, 1.0, "", trace)


def result(queue: Queue, scenario: Scenario, kind: str = "passed") -> Result:
    """What a run shows that recovers."""
    return Result(
        id=scenario.id,
        text="",
        point=scenario.point.id,
        fault=scenario.injection.name,
        mode=scenario.mode,
        result=kind,
        findings=("it hung",) if kind == "hung" else (),
        deeper=tuple(queue.fresh(scenario, outcome(RECOVERY))),
    )


def taken(queue: Queue, count: int) -> list[Scenario]:
    found = [queue.take() for _ in range(count)]
    return [each for each in found if each is not None]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_second_faults_come_in_the_same_order_whichever_run_ends_first(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    queue = queue_of(tmp_path, depth=2, only=("*/once",))
    first = taken(queue, 3)
    for number in order:
        queue.add(result(queue, first[number]))
    added = [each.id for each in queue.exploration.scenarios if each.depth == 2]
    prefixes = [each.partition("+")[0] for each in added]
    assert prefixes == sorted(prefixes, key=[each.id for each in first].index)
    assert f"{first[0].id}+db/PING/1/reply-lost/once" in added
    assert f"{first[0].id}+db/GET-a/2/reply-lost/once" in added


def test_the_same_recovery_is_struck_once_for_each_fault(tmp_path: Path) -> None:
    queue = queue_of(tmp_path, depth=2, only=("*/reply-lost/once*",))
    (only,) = taken(queue, 1)
    queue.add(result(queue, only))
    ids = [each.id for each in queue.exploration.scenarios]
    assert len(ids) == len(set(ids)) > 1
    queue._add_deeper(only, result(queue, only))
    assert [each.id for each in queue.exploration.scenarios] == ids


def test_there_are_not_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "MOST_DEEPER", 1)
    queue = queue_of(tmp_path, depth=2, only=("*/once",))
    (first,) = taken(queue, 1)
    queue.add(result(queue, first))
    assert [each.depth for each in queue.exploration.scenarios].count(2) == 1
    assert queue.exploration.left_out > 0


def test_without_depth_there_is_no_second_fault(tmp_path: Path) -> None:
    queue = queue_of(tmp_path)
    (first,) = taken(queue, 1)
    queue.add(result(queue, first))
    assert {each.depth for each in queue.exploration.scenarios} == {1}


def test_it_waits_for_what_others_find(tmp_path: Path) -> None:
    queue = queue_of(tmp_path, depth=2, only=("*/reply-lost/once*",))
    (first,) = taken(queue, 1)
    found: list[Scenario | None] = []
    thread = threading.Thread(target=lambda: found.append(queue.take()))
    thread.start()
    with queue.running():
        queue.add(result(queue, first))
    thread.join(10)
    assert [each and each.depth for each in found] == [2]


def test_it_ends_when_the_last_run_has_found_nothing(tmp_path: Path) -> None:
    queue = queue_of(tmp_path, only=("*/reply-lost/once",))
    (first,) = taken(queue, 1)
    with queue.running():
        queue.add(result(queue, first))
    assert queue.take() is None
    assert queue.exploration.left == 0


def test_who_hangs_once_is_not_asked_again(tmp_path: Path) -> None:
    queue = queue_of(tmp_path, only=("*/hang/*",))
    once, lasting = taken(queue, 2)
    queue.add(result(queue, once, "hung"))
    assert not queue.add(result(queue, lasting, "hung"))
    assert [each.id for each in queue.exploration.scenarios] == [once.id]
    assert queue.exploration.left == 0


def test_what_is_remembered_leads_further(tmp_path: Path) -> None:
    options = {"depth": 2, "only": ("*/reply-lost/once*",)}
    queue = queue_of(tmp_path, **options)
    (first,) = taken(queue, 1)
    memory = Memory(str(tmp_path), "key")
    memory.add(result(queue, first))
    memory.close()
    again = queue_of(tmp_path, **options)
    assert again.exploration.remembered == 1
    (second,) = taken(again, 1)
    assert second.depth == 2


def test_nothing_after_the_time_is_over(tmp_path: Path) -> None:
    assert queue_of(tmp_path, budget=1e-9).take() is None
