"""Replacing the state: atomically, or not at all."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from control.plane import HOST, SEED, Plane, spec
from knowing import known
from live import LIMIT, live
from peers import wait_until
from vaurien.config.document import Document, DocumentError
from vaurien.config.state import State, to_document
from vaurien.config.understand import understand_state
from vaurien.control import writer
from vaurien.control.expiry import EXPIRES
from vaurien.control.server import Control
from vaurien.control.store import Prepared, Store, StoreError
from vaurien.control.writer import StalledError
from vaurien.errors import ListenError, OptionError
from vaurien.net.address import Address
from vaurien.net.proxies import ClosePolicy, Hosts
from vaurien.net.spec import ProxySpec
from vaurien.net.system import Endpoint

HANG: dict[str, object] = {"behavior": "hang"}
BRIEF: dict[str, object] = {"behavior": "hang", "name": "brief", "ttl": 10.0}
ELSEWHERE = Address("elsewhere", 80)


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[Plane]:
    with closing(Plane(tmp_path, spec("a", 1), spec("b", 2))) as made:
        yield made


def test_a_change_reaches_all_three(plane: Plane) -> None:
    plane.control.set_plan([HANG], "a")
    assert plane.control.plan("a") == [{"behavior": "hang", "name": "hang"}]
    assert plane.plans() == {"a": ["hang"], "b": []}
    assert plane.saved == as_saved(plane)
    assert plane.control.state.generation == 1


def test_what_stays_as_it_is_is_not_saved_again(plane: Plane) -> None:
    plane.control.set_plan([HANG], "a")
    state = plane.control.state
    plane.store.fault = "prepare"
    plane.control.set_plan([HANG], "a")
    plane.control.set_backend("there:80", "b")
    plane.control.enable("b")
    plane.control.replace(state)
    assert plane.control.state is state


def test_generations_are_counted_on(plane: Plane) -> None:
    for generation in (1, 2, 3):
        plane.control.set_plan([HANG] * generation, "a")
        assert plane.control.state.generation == generation
        assert plan_generations(plane) == [generation, 0]
    plane.control.replace(State((spec("a", 1), spec("b", 2))))
    assert plan_generations(plane) == [4, 0]
    assert plane.control.state.generation == 4


def test_a_port_that_is_taken_changes_nothing(plane: Plane) -> None:
    plane.control.set_plan([HANG], "a")
    state, saved = plane.control.state, plane.saved
    plane.system.taken = {3}
    with pytest.raises(ListenError, match=r"'b'.*here:3.*in use"):
        plane.control.replace(State((spec("a", 1, backend=ELSEWHERE), spec("b", 3))))
    assert plane.control.state is state
    assert plane.saved == saved
    assert plane.leftovers == set()
    assert plane.system.listening == {1, 2}
    assert plane.control.backend("a") == "there:80"


def test_what_cannot_be_prepared_does_not_reach_the_data_plane(plane: Plane) -> None:
    plane.control.set_plan([HANG], "a")
    state, saved = plane.control.state, plane.saved
    plane.store.fault = "prepare"
    with pytest.raises(StoreError, match="the writing failed"):
        plane.control.set_plan([], "a")
    assert plane.control.state is state
    assert plane.plans() == {"a": ["hang"], "b": []}
    assert plane.saved == saved


def test_what_cannot_be_committed_is_taken_back(plane: Plane) -> None:
    plane.control.set_plan([HANG], "a")
    state, saved = plane.control.state, plane.saved
    plane.store.fault = "commit"
    with pytest.raises(StoreError, match=r"^the renaming failed$"):
        plane.control.replace(State((spec("a", 3), spec("c", 2))))
    assert plane.control.state is state
    assert plane.plans() == {"a": ["hang"], "b": []}
    assert plane.system.listening == {1, 2}
    assert plane.saved == saved
    assert plane.leftovers == set()


def test_what_can_neither_be_committed_nor_taken_back_is_told(plane: Plane) -> None:
    plane.store.fault = "commit"
    apply = plane.proxies.apply

    def apply_once(
        wanted: Sequence[ProxySpec],
        *,
        close_policy: ClosePolicy = ClosePolicy(),  # noqa: B008
        hosts: Hosts = {},  # noqa: B006
    ) -> None:
        apply(wanted, close_policy=close_policy, hosts=hosts)
        plane.system.taken = {1}  # somebody was quicker

    plane.proxies.apply = apply_once  # type: ignore[method-assign]
    with pytest.raises(StoreError) as raised:
        plane.control.disable("a")
    assert str(raised.value).startswith(
        "the renaming failed; the change could not be undone and is in force"
    )
    assert "here:1" in str(raised.value)
    assert [proxy.enabled for proxy in plane.control.state.proxies] == [False, True]
    assert plane.system.listening == {2}
    plane.store.fault = ""
    plane.control.set_plan([HANG], "b")
    assert plane.saved == as_saved(plane)


def test_a_change_that_makes_no_sense_lets_the_next_one_go_on(plane: Plane) -> None:
    with pytest.raises(DocumentError):
        plane.control.set_plan([{}], "a")
    with pytest.raises(ZeroDivisionError):
        plane.control._writer.change(broken)
    plane.control.set_plan([HANG], "a")


def test_the_digest_of_the_configuration_is_saved(plane: Plane) -> None:
    assert plane.control.config_digest == ""
    plane.control.replace(plane.control.state, config_digest="abc")  # nothing else changes
    assert plane.control.config_digest == "abc"
    assert (plane.store.load() or {})["config_digest"] == "abc"
    plane.control.set_plan([HANG], "a")
    assert (plane.store.load() or {})["config_digest"] == "abc"
    plane.system.taken = {3}
    with pytest.raises(ListenError):
        plane.control.replace(State((spec("a", 3),)), config_digest="def")
    assert plane.control.config_digest == "abc"


# Rules whose time to live passes.


def test_an_expired_rule_is_gone(plane: Plane) -> None:
    plane.control.set_plan([BRIEF, HANG], "a")
    plane.pass_time(9.9)
    assert [entry["name"] for entry in plane.control.plan("a")] == ["brief", "hang"]
    plane.pass_time(0.1)
    assert [entry["name"] for entry in plane.control.plan("a")] == ["hang"]


def test_generations_grow_as_rules_expire_and_are_never_used_again(plane: Plane) -> None:
    def generations() -> tuple[int, list[int]]:
        state = plane.control.state
        return state.generation, [spec.generation for spec in state.proxies]

    plane.control.set_plan([BRIEF, {**BRIEF, "name": "brief-2"}, HANG], "a")
    assert generations() == (1, [1, 0])
    plane.pass_time(10)
    assert generations() == (3, [3, 0])
    plane.control.set_backend("elsewhere:80", "b")
    assert generations() == (4, [4, 4])


def test_an_expired_rule_is_left_out_of_what_is_saved_next(plane: Plane) -> None:
    plane.control.set_plan([BRIEF, HANG], "a")
    plane.pass_time(10)
    plane.control.set_backend("elsewhere:80", "b")
    assert plane.plans() == {"a": ["hang"], "b": []}
    assert plane.saved == as_saved(plane)


def test_a_rule_that_has_expired_begins_anew_when_it_is_set_again(plane: Plane) -> None:
    plane.control.set_plan([BRIEF], "a")
    plane.pass_time(10)
    assert plane.control.plan("a") == []
    plane.control.set_plan([BRIEF], "a")
    assert plane.control.plan("a") == [BRIEF]
    plane.pass_time(9.9)
    assert plane.control.plan("a") == [BRIEF]
    plane.pass_time(0.1)
    assert plane.control.plan("a") == []


def test_a_rule_that_has_not_expired_does_not_begin_anew(plane: Plane) -> None:
    plane.control.set_plan([BRIEF], "a")
    plane.pass_time(9.9)
    plane.control.set_plan([BRIEF, HANG], "a")
    plane.pass_time(0.1)
    assert [entry["name"] for entry in plane.control.plan("a")] == ["hang"]


def test_when_a_rule_will_be_gone_is_saved(plane: Plane) -> None:
    def saved() -> object:
        return (plane.store.load() or {}).get(EXPIRES)

    begun = time.time()
    plane.control.set_plan([BRIEF], "a")
    first = saved()
    assert isinstance(first, dict)
    assert begun + 10 <= first["a"]["brief"] <= time.time() + 10
    plane.control.set_plan([BRIEF, HANG], "a")
    assert saved() == first
    plane.control.set_plan([HANG], "a")
    assert saved() is None


def test_a_rule_that_expires_while_a_change_is_prepared_does_not_come_back(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    plane.control.set_plan([BRIEF], "a")
    prepare = plane.store.prepare
    documents = []

    def take_long(document: Mapping[str, object]) -> Prepared:
        documents.append(document)
        plane.pass_time(10)
        return prepare(document)

    monkeypatch.setattr(plane.store, "prepare", take_long)
    plane.control.set_behavior("delay", proxy="a")
    assert [entry["name"] for entry in plane.control.plan("a")] == ["delay"]
    assert plane.plans() == {"a": ["delay"], "b": []}
    assert len(documents) == 2
    assert plane.saved == as_saved(plane)
    assert plane.leftovers == set()


# Waiting.


def test_names_are_resolved_before_the_data_plane_is_asked(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Resolving may take seconds, for which all traffic would wait."""
    resolve, submit = plane.system.resolve, plane.reactor.submit
    resolved: list[tuple[int, bool]] = []
    asked = False

    def resolve_noted(host: str, port: int) -> list[Endpoint]:
        resolved.append((port, asked))
        return resolve(host, port)

    def submit_noted(call: Callable[[], bool]) -> Future[bool]:
        nonlocal asked
        asked = True
        try:
            return submit(call)
        finally:
            asked = False

    monkeypatch.setattr(plane.system, "resolve", resolve_noted)
    monkeypatch.setattr(plane.reactor, "submit", submit_noted)
    plane.control.set_plan([HANG], "a")
    assert resolved == []
    plane.control.add(spec("c", 3))
    plane.control.replace(State((spec("a", 4), spec("b", 2, enabled=False), spec("c", 3))))
    plane.control.enable("b")
    plane.store.fault = "commit"
    with pytest.raises(StoreError):
        plane.control.disable("b")
    assert resolved == [(3, False), (4, False), (2, False), (2, False)]


def test_what_takes_too_long_to_save_is_withdrawn(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is told that a change was not made can rely on it."""
    now = 0.0
    prepare = plane.store.prepare

    def take_long(document: Mapping[str, object]) -> Prepared:
        nonlocal now
        now += writer.PREPARATION_LIMIT + 0.1
        return prepare(document)

    monkeypatch.setattr(plane.control._writer, "_timer", lambda: now)
    with monkeypatch.context() as slow:
        slow.setattr(plane.store, "prepare", take_long)
        with pytest.raises(StalledError, match="could not be prepared within 6 s"):
            plane.control.set_plan([HANG], "a")
    assert plane.plans() == {"a": [], "b": []}
    assert plane.saved == {}
    assert plane.leftovers == set()
    plane.control.set_plan([HANG], "a")
    assert plane.plans() == {"a": ["hang"], "b": []}


def test_a_stalled_reactor_is_not_waited_for(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "PATIENCE", 0.05)
    plane.reactor.stalled = True
    state = plane.control.state
    with pytest.raises(StalledError, match=r"within 0\.05 s; the change was withdrawn"):
        plane.control.set_plan([HANG], "a")
    plane.reactor.stalled = False
    plane.pass_time(0)
    assert plane.control.state is state
    assert plane.plans() == {"a": [], "b": []}
    assert plane.saved == {}
    assert plane.leftovers == set()
    plane.control.set_plan([HANG], "a")
    assert plane.plans() == {"a": ["hang"], "b": []}


def test_a_change_does_not_wait_for_ever_for_others(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "PATIENCE", 0.05)
    with plane.control._writer._writing, pytest.raises(StalledError, match="earlier changes"):
        plane.control.set_plan([HANG], "a")


def test_what_the_data_plane_has_begun_is_waited_for_and_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "PATIENCE", 0.05)
    begun, go_on = threading.Event(), threading.Event()
    with closing(Store(str(tmp_path / "state.json"))) as store, live(store=store) as running:
        apply = running.proxies.apply

        def apply_slowly(
            wanted: Sequence[ProxySpec], *, close_policy: ClosePolicy, hosts: Hosts
        ) -> None:
            begun.set()
            go_on.wait(LIMIT)
            apply(wanted, close_policy=close_policy, hosts=hosts)

        monkeypatch.setattr(running.proxies, "apply", apply_slowly)
        with ThreadPoolExecutor(1) as pool:
            change = pool.submit(running.control.set_behavior, "hang")
            try:
                assert begun.wait(LIMIT)
                with pytest.raises(StalledError, match="earlier changes"):
                    running.control.set_behavior("delay")
                assert running.control.behavior() == "dummy"  # asking does not wait
                assert store.load() is None
                assert not change.done()
            finally:
                go_on.set()
            assert change.result(LIMIT) is None
        assert running.control.behavior() == "hang"
        document = store.load()
        assert document is not None
        assert "hang" in str(document["proxies"])


def test_writers_take_turns(tmp_path: Path) -> None:
    with closing(Store(str(tmp_path / "state.json"))) as store, live(store=store) as running:
        entries = [[{**HANG, "name": f"rule-{number}"}] for number in range(40)]
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(running.control.set_plan, entries)) == [None] * 40
        assert running.proxy.plan.generation == running.control.state.generation == 40
        assert running.proxy.plan == running.control.state.proxies[0].plan
        (entry,) = running.control.plan()
        assert str(entry["name"]) in str((store.load() or {})["proxies"])


def test_whoever_asks_sees_a_change_whole_or_not_at_all(plane: Plane) -> None:
    """Both proxies change at once, repeatedly."""
    states = [State((spec("a", 1, *rules), spec("b", 2, *rules))) for rules in ([HANG], [])]
    seen: list[bool] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            state = plane.control.state
            seen.append(state.proxies[0].plan.rules == state.proxies[1].plan.rules)

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look)
        for state in states * 20:
            plane.control.replace(state)
        wait_until(lambda: seen, "somebody looked")
        ended.set()
        looking.result(LIMIT)
    assert all(seen)


def broken(state: State) -> State:
    """A change with a bug."""
    raise ZeroDivisionError


def as_saved(plane: Plane) -> dict[str, object]:
    """What the state file should hold of the proxies."""
    proxies = to_document(plane.control.state)["proxies"]
    assert isinstance(proxies, dict)
    return proxies


def plan_generations(plane: Plane) -> list[int]:
    """The generations of the proxies' plans, which the state reports correctly."""
    reported = [proxy.plan.generation for proxy in plane.control.state.proxies]
    assert [proxy.plan.generation for proxy in plane.proxies] == reported
    return reported


# What is saved can be read back.


@pytest.mark.parametrize(
    "change",
    [
        lambda control: control.set_plan([{**HANG, "times": 10**30}], "a"),
        lambda control: control.set_plan([{**HANG, "times": 1e30}], "a"),
        lambda control: control.set_behavior("error", {"warmup": 10**30}, "a"),
        lambda control: control.set_backend("unix:/\ud800", "a"),
        lambda control: control.set_backend(f"{HOST.upper()}:1", "a"),
    ],
    ids=["number", "float", "option", "text", "itself"],
)
def test_what_could_not_be_read_back_is_refused(
    plane: Plane, change: Callable[[Control], None]
) -> None:
    with pytest.raises((OptionError, DocumentError)):
        change(plane.control)
    assert plane.saved == {}
    assert plane.control.state.generation == 0


def test_a_disabled_proxy_may_have_lent_its_place(plane: Plane) -> None:
    plane.control.disable("a")
    plane.control.add(spec("c", 1))
    saved = {"seed": SEED, "proxies": plane.saved}
    state = understand_state(Document(saved), known())
    assert state.proxies == plane.control.state.proxies
