"""Findings, from what a run did beside the first."""

from __future__ import annotations

from dataclasses import replace

from traces import exchange, injected, trace_of
from vaurien.embedded.exchanges import Connection
from vaurien.embedded.trace import Trace
from vaurien.explore.command import Outcome, Status
from vaurien.explore.judge import Judgement, is_slow, judge, not_reached, why_not_reached
from vaurien.explore.points import points_of
from vaurien.explore.scenarios import Mode, scenarios_at


def pay(number: int = 1, **how: bool) -> Trace:
    made = injected(exchange(1, command="INCRBY", access="write", key="paid"))
    further = [
        exchange(n, command="INCRBY", access="write", key="paid", **how)  # type: ignore[arg-type]
        for n in range(2, number + 1)
    ]
    return trace_of(made, *further)


QUIET = Outcome(
    "passed", 0, 1.0, "", trace_of(exchange(1, command="INCRBY", access="write", key="paid"))
)
LEFT = Connection("db", 1, 0.0, client_ended_at=4.0)
SCENARIOS = {
    each.id.removeprefix("db/INCRBY-paid/1/"): each
    for each in scenarios_at(points_of(QUIET.trace), QUIET.trace, every_fault=False)
}


def judged(
    status: Status,
    trace: Trace | None = None,
    *,
    mode: Mode = "once",
    survive: bool = False,
    seconds: float = 1.0,
    fault: str = "reply-lost",
    stuck: bool = False,
) -> Judgement:
    outcome = Outcome(status, int(status != "passed"), seconds, "", trace or pay(), stuck)
    scenario = SCENARIOS[f"{fault}/{mode}"]
    return judge(scenario, outcome, QUIET, "survive" if survive else "give-up")


def test_a_program_that_survives() -> None:
    assert judged("passed") == Judgement("passed")
    assert not judged("passed").broke


def test_what_happens_once_is_to_be_survived() -> None:
    assert judged("failed").findings == ("it failed, with exit status 1",)
    assert judged("hung", seconds=20).findings == ("it hung: it was ended after 20 s",)


def test_a_wait_without_a_limit_is_told() -> None:
    (finding,) = judged("hung", seconds=2, stuck=True).findings
    assert finding == "it hung: it was ended after 2 s, and waited without a limit of time"


def refused(number: int = 1) -> Trace:
    """The server answers that it will never do it."""
    made = []
    for each in range(1, number + 1):
        lost = exchange(each, command="INCRBY", access="write", key="paid", reached=False)
        lost.replied_at = lost.asked_at
        made.append(injected(lost, detail="NOPERM"))
    return trace_of(*made)


def test_it_may_give_up_if_trying_again_is_no_use() -> None:
    assert not judged("failed", refused(), fault="NOPERM").broke
    assert not judged("failed", refused(), fault="NOPERM", survive=True).broke
    assert "NOPERM/lasting" not in SCENARIOS
    (finding,) = judged("passed", refused(), fault="NOPERM").findings
    assert finding == "it ended with success, though db: INCRBY paid never reached the backend"


def test_what_proxies_have_seen_may_be_wrong() -> None:
    (finding,) = judged("failed", refused(2), fault="NOPERM").findings
    assert finding == "db: INCRBY paid was repeated after NOPERM, times: 1 (retried-fatal)"


def test_it_may_give_up_if_the_fault_lasts() -> None:
    assert not judged("failed", mode="lasting").broke
    assert judged("failed", mode="lasting", survive=True).broke
    assert judged("hung", mode="lasting").broke


def test_giving_up_takes_no_time() -> None:
    (finding,) = judged("failed", mode="lasting", seconds=11).findings
    assert finding == "it took 11.0 s; without faults, 1.0 s"


def test_only_giving_up_may_be_too_slow() -> None:
    lasting, once = SCENARIOS["reply-lost/lasting"], SCENARIOS["reply-lost/once"]
    slow = Outcome("failed", 1, 11.0, "", pay())
    assert is_slow(lasting, slow, QUIET)
    assert not is_slow(lasting, replace(slow, seconds=9.0), QUIET)
    assert not is_slow(lasting, replace(slow, status="hung"), QUIET)
    waited = Trace({"db": replace(pay(2, told=False).proxies["db"], connections=(LEFT,))})
    assert not is_slow(lasting, replace(slow, trace=waited), QUIET)
    assert not is_slow(once, slow, QUIET)


def test_success_though_nothing_can_have_worked() -> None:
    lost = injected(exchange(1, command="INCRBY", access="write", key="paid", reached=False))
    (finding,) = judged("passed", trace_of(lost), mode="lasting").findings
    assert finding == "it ended with success, though db: INCRBY paid never reached the backend"


def test_a_cache_may_do_without() -> None:
    lost = injected(exchange(1, command="INCRBY", access="write", key="paid", reached=False))
    cached = exchange(1, command="INCRBY", access="write", key="paid", head=b"\r\nEX\r\n")
    quiet = Outcome("passed", 0, 1.0, "", trace_of(cached))
    outcome = Outcome("passed", 0, 1.0, "", trace_of(lost))
    assert not judge(SCENARIOS["request-lost/lasting"], outcome, quiet).broke


def test_what_was_not_kept_needs_no_removal() -> None:
    def cached(*reached: bool) -> Outcome:
        keep = exchange(2, command="SET", access="write", key="a", head=b"\r\nEX\r\n")
        made = [
            exchange(1, command="INCRBY", access="write", key="paid"),
            keep,
            exchange(3, command="DEL", access="write", key="a"),
        ]
        for each, there in zip(made[1:], reached, strict=True):
            each.forwarded_at = each.answered_at = 1.0 if there else None
        return Outcome("passed", 0, 1.0, "", trace_of(injected(made[0]), *made[1:]))

    scenario = SCENARIOS["request-lost/lasting"]
    quiet = cached(True, True)
    assert not judge(scenario, cached(False, False), quiet).broke
    (finding,) = judge(scenario, cached(True, False), quiet).findings
    assert finding == "it ended with success, though db: DEL a never reached the backend"


def test_twice_is_too_often() -> None:
    (finding,) = judged("passed", pay(2)).findings
    assert finding == "db: INCRBY paid changed the backend twice; without faults, once"


def test_points_that_are_not_reached() -> None:
    other = trace_of(exchange(1, command="GET", access="read", key="paid"))
    judgement = judged("passed", other)
    assert (judgement.result, judgement.broke) == ("not reached", False)
    assert judgement.why == "db: INCRBY paid did not happen"
    assert "does not repeat" in judged("failed", other).findings[0]


def test_why_a_point_was_not_reached() -> None:
    twice = trace_of(*(exchange(n, command="GET", access="read", key="a") for n in (1, 2, 3)))
    third = scenarios_at(points_of(twice)[-1:], twice, every_fault=False)[0]
    fewer = trace_of(*(exchange(n, command="GET", access="read", key="a") for n in (1, 2)))
    assert why_not_reached(third, fewer) == ("db: GET a happened twice only, and was to fail at #3")
    assert why_not_reached(third, twice) == (
        "db: GET a happened 3 times, but not so that reply-lost can"
    )
    connect = scenarios_at(points_of(twice)[:1], twice, every_fault=False)[0]
    none = trace_of(connections=0)
    assert why_not_reached(connect, none) == "db: connect did not happen"


def test_of_two_faults_the_first_that_did_not_happen_is_told() -> None:
    before = SCENARIOS["reply-lost/once"]
    deeper = replace(SCENARIOS["hang/once"], before=before)
    neither = trace_of(exchange(1, command="INCRBY", access="write", key="paid"))
    assert not_reached(deeper, neither) is before
    assert not_reached(deeper, pay()) is deeper
    second = injected(exchange(1, command="INCRBY", access="write", key="paid"))
    (fired,) = second.injected
    second.injected = (fired, replace(fired, rule="explored-2"))
    assert not_reached(deeper, trace_of(second)) is None


def test_rules_of_the_program_itself_are_no_scenario() -> None:
    made = injected(exchange(1, command="INCRBY", access="write", key="paid"))
    (fired,) = made.injected
    made.injected = (replace(fired, rule="error"),)
    assert judged("passed", trace_of(made)).result == "not reached"
