"""Reading a configuration again; what it is like for a whole process is in test_serve."""

from __future__ import annotations

import errno
import logging
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NoReturn

import pytest

from knowing import understood, with_rules
from peers import PATIENCE, Listening
from serving import proxy_table
from vaurien import plugins, registry
from vaurien.behavior import Behavior
from vaurien.cli.reload import ReloadRequests, Reloads, same
from vaurien.config.document import DocumentError
from vaurien.config.source import Source
from vaurien.config.state import State
from vaurien.control.server import Control
from vaurien.control.store import Store
from vaurien.net.address import Address
from vaurien.net.proxies import Proxies
from vaurien.net.proxy import Proxy
from vaurien.net.reactor import Reactor
from vaurien.net.spec import ProxySpec
from vaurien.rules.plan import Rule
from vaurien.values.options import Configured

NOBODY = Address("127.0.0.1", 9)


class Reloading:
    """A running configuration: its reactor runs in a thread."""

    def __init__(self, config: Path, store: Store | None = None) -> None:
        self.source = Source(str(config), plugins.load_named)
        document = self.source.read()
        self.configuration = self.source.understand(document)
        state = self.configuration.state
        self.reactor = Reactor()
        self.proxies = Proxies(self.reactor, self.make)
        self.proxies.apply(state.proxies)
        find = self.configuration.names.behaviors.get
        self.control = Control(
            self.reactor,
            self.proxies,
            state,
            find_behavior=find,
            store=store,
            config_digest=self.source.digest(document, state),
        )
        self.requests: ReloadRequests = SimpleQueue()
        self.reloads = Reloads(self.source, self.control, self.configuration, self.requests, store)
        self._thread = threading.Thread(target=self.reactor.run)
        self._thread.start()

    def make(self, spec: ProxySpec) -> Proxy:
        return Proxy(self.reactor, spec)

    def close(self) -> None:
        self.reloads.end()
        self.reactor.submit(self.proxies.close).result(PATIENCE)
        self.reactor.submit(self.reactor.stop).result(PATIENCE)
        self._thread.join(PATIENCE)
        self.reactor.close()


@pytest.fixture
def config(tmp_path: Path, plugin_folder: Path) -> Path:
    path = tmp_path / "v.toml"
    path.write_text(
        'seed = 1\n[behaviors.loud]\ncallable = "troubles.Super"\nfoo = 2\n[protocols.tcp]\n'
        + proxy_table("a", NOBODY, 'rules = [{behavior = "loud"}, {behavior = "delay"}]')
        + proxy_table("b", NOBODY, 'behavior = "5:troubles.Super"')
    )
    return path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    (tmp_path / "kept").mkdir()
    with closing(Store(str(tmp_path / "kept" / "state"))) as store:
        yield store


@pytest.fixture
def reloading(config: Path, store: Store, caplog: pytest.LogCaptureFixture) -> Iterator[Reloading]:
    caplog.set_level(logging.INFO, "vaurien")
    reloading = Reloading(config, store)
    yield reloading
    reloading.close()


def kept(store: Store) -> list[str]:
    """The names of the copies that are kept of a state file."""
    folder = Path(store.path).parent
    return sorted(entry.name for entry in folder.iterdir() if "replaced" in entry.name)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.levelno == logging.WARNING]


def test_what_declares_the_same_in_other_words_changes_nothing(
    reloading: Reloading, config: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """Plugins with options, classes by their path: all are what they were."""
    before, proxies = reloading.control.state, list(reloading.proxies)
    config.write_text(f"drain = 5\n{config.read_text()}")
    reloading.reloads.reload()
    assert "State replaced" in caplog.text
    assert reloading.control.state == before
    assert list(reloading.proxies) == proxies
    assert warnings(caplog) == kept(store) == []


def test_what_was_changed_live_stays_while_the_file_is_as_it_was(
    reloading: Reloading, config: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    reloading.control.set_behavior("hang", proxy="a")
    before, saved = reloading.control.state, Path(store.path).read_bytes()
    config.write_text(f"# a remark\n{config.read_text()}")
    reloading.reloads.reload()
    assert reloading.control.state == before
    assert Path(store.path).read_bytes() == saved
    assert caplog.messages[-1] == "The configuration has not changed; live changes are kept"
    assert warnings(caplog) == kept(store) == []


def test_a_file_that_has_changed_wins_and_what_was_changed_live_is_kept(
    reloading: Reloading, config: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    for number in (1, 2):
        reloading.control.set_behavior("hang", proxy="a")
        saved = Path(store.path).read_bytes()
        config.write_text(config.read_text().replace(f"foo = {number + 1}", f"foo = {number + 2}"))
        reloading.reloads.reload()
        spec = reloading.source.understand(reloading.source.read()).state
        assert same(spec, reloading.control.state)
        copy = Path(f"{store.path}.replaced-{number}")
        assert copy.read_bytes() == saved
        assert warnings(caplog)[-1] == (
            f"Live changes are discarded; the state with them is kept as {copy}"
        )
    assert len(warnings(caplog)) == 2


class Raced(Control):
    """A live change comes just before the state is replaced."""

    late: list[str]

    def replace(self, state: State, **how: Any) -> None:
        while self.late:
            self.set_behavior("hang", proxy=self.late.pop())
        super().replace(state, **how)


def test_what_is_changed_live_during_a_reload_is_kept_too(
    reloading: Reloading, config: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    reloading.control.__class__ = Raced
    reloading.control.late = ["a"]  # type: ignore[attr-defined] # of the class that it has now
    config.write_text(f"drain = 5\n{config.read_text()}")
    reloading.reloads.reload()
    assert same(reloading.configuration.state, reloading.control.state)
    copy = Path(f"{store.path}.replaced-1")
    assert b"hang" in copy.read_bytes()
    assert warnings(caplog)[0] == (
        f"Live changes are discarded; the state with them is kept as {copy}"
    )
    assert kept(store) == [copy.name]


def test_without_a_state_file_they_are_gone(config: Path, caplog: pytest.LogCaptureFixture) -> None:
    with closing(Reloading(config)) as reloading:
        reloading.control.disable("a")
        config.write_text(f"drain = 5\n{config.read_text()}")
        reloading.reloads.reload()
        assert reloading.control.state.proxies[0].enabled
    assert warnings(caplog) == ["Live changes are discarded"]


def test_what_was_changed_live_and_in_the_file_alike_is_not_gone(
    reloading: Reloading, config: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    reloading.control.disable("b")
    config.write_text(f"{config.read_text()}enabled = false\n")
    reloading.reloads.reload()
    assert "State replaced" in caplog.text
    assert warnings(caplog) == kept(store) == []


def test_a_reload_that_fails_keeps_the_state_file_and_no_copy(
    reloading: Reloading, config: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    reloading.control.set_behavior("hang", proxy="a")
    before, saved = reloading.control.state, Path(store.path).read_bytes()
    with Listening() as taken:
        config.write_text(config.read_text() + proxy_table("c", NOBODY, listen=str(taken.address)))
        reloading.reloads.reload()
    assert caplog.messages[-1].startswith("The configuration was not applied: proxy 'c': cannot")
    assert reloading.control.state == before
    assert Path(store.path).read_bytes() == saved
    assert warnings(caplog) == kept(store) == []


def test_a_state_that_cannot_be_kept_stays_in_force(
    reloading: Reloading,
    config: Path,
    store: Store,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(word: str, data: bytes) -> NoReturn:
        raise OSError(errno.ENOSPC, f"no room for one {word}")

    reloading.control.set_behavior("hang", proxy="a")
    before = reloading.control.state
    config.write_text(config.read_text().replace("foo = 2", "foo = 3"))
    monkeypatch.setattr(store, "_new_file", fail)
    reloading.reloads.reload()
    assert reloading.control.state == before
    reason = f"{store.path} cannot be copied: no room for one replaced"
    assert caplog.messages[-1] == f"The configuration was not applied: {reason}"


def test_a_rule_that_is_gone_by_itself_is_no_change() -> None:
    """Nor is one of which a part of its life is left."""

    def state(*lives: float) -> State:
        rules = [{"behavior": "hang", "name": f"r{life:g}", "ttl": life} for life in lives]
        return understood(with_rules({"behavior": "delay"}, *rules, behavior="5:error")).state

    def shorter(rule: Rule) -> Rule:
        return replace(rule, ttl=rule.ttl and rule.ttl / 2)

    spec = state(100, 200)
    assert same(spec, spec)
    assert same(spec, state(200))
    (proxy,) = spec.proxies
    plan = replace(proxy.plan, rules=tuple(map(shorter, proxy.plan.rules)))
    assert same(spec, State((replace(proxy, plan=plan),)))
    assert not same(state(200), spec)
    assert not same(spec, State())
    everlasting = replace(plan, rules=tuple(replace(rule, ttl=None) for rule in plan.rules))
    assert not same(spec, State((replace(proxy, plan=everlasting),)))


def test_an_empty_file_changes_nothing(
    reloading: Reloading, config: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Such as an editor leaves it for a moment."""
    before = reloading.control.state
    config.write_text("")
    reloading.reloads.reload()
    assert reloading.control.state == before
    assert caplog.messages[-1] == "The configuration was not applied; problems: 1"


def test_signals_that_come_meanwhile_are_one(
    reloading: Reloading, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Semaphore(0), threading.Semaphore(0)
    left: list[bool] = []

    def reload() -> None:
        left.append(reloading.requests.empty())
        begun.release()
        assert go_on.acquire(timeout=PATIENCE)

    monkeypatch.setattr(reloading.reloads, "reload", reload)
    reloading.requests.put(None)
    assert begun.acquire(timeout=PATIENCE)
    for _ in range(5):
        reloading.requests.put(None)
    go_on.release()
    assert begun.acquire(timeout=PATIENCE)
    go_on.release()
    assert left == [True, True]


def loud(reloading: Reloading) -> Behavior:
    return Configured.of(reloading.control.find_behavior("loud")).make({})


def test_defaults_that_change_hold_for_what_is_set_live(reloading: Reloading, config: Path) -> None:
    assert loud(reloading).settings()["foo"] == 2
    config.write_text(config.read_text().replace("foo = 2", "foo = 3"))
    reloading.reloads.reload()
    assert loud(reloading).settings()["foo"] == 3


def test_a_plugin_that_fails_leaves_all_as_it_was(
    reloading: Reloading, config: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = reloading.control.state
    config.write_text(config.read_text().replace("troubles.Super", "broken.Super"))
    reloading.reloads.reload()
    assert reloading.control.state == before
    assert any("RuntimeError: two lines" in message for message in caplog.messages)
    assert caplog.messages[-1].startswith("The configuration was not applied; problems: ")


def test_it_lives_on_after_a_mistake_of_ours(
    reloading: Reloading, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    called = threading.Semaphore(0)

    def fail() -> None:
        called.release()
        raise RuntimeError("no luck")

    monkeypatch.setattr(reloading.reloads, "reload", fail)
    for _ in range(2):
        reloading.requests.put(None)
        assert called.acquire(timeout=PATIENCE)
    reloading.reloads.end()
    assert caplog.messages == ["The configuration was not applied"] * 2


OWN_HANG = '[behaviors.hang]\ncallable = "troubles.Super"\n'


def test_a_file_that_is_refused_registers_nothing(reloading: Reloading, config: Path) -> None:
    before = registry.behaviors.get("hang")
    config.write_text(config.read_text() + "nonsense = 1\n" + OWN_HANG)
    reloading.reloads.reload()
    assert registry.behaviors.get("hang") is before
    reloading.control.set_behavior("hang", proxy="a")
    assert isinstance(behavior_of(reloading), before)


def test_what_cannot_take_effect_registers_nothing(reloading: Reloading, config: Path) -> None:
    before = registry.behaviors.get("hang")
    with Listening() as taken:
        config.write_text(
            config.read_text() + proxy_table("c", NOBODY, listen=str(taken.address)) + OWN_HANG
        )
        reloading.reloads.reload()
    assert registry.behaviors.get("hang") is before
    reloading.control.set_behavior("hang", proxy="a")
    assert isinstance(behavior_of(reloading), before)


def test_what_a_file_says_no_more_is_registered_no_more(reloading: Reloading, config: Path) -> None:
    before = registry.behaviors.get("hang")
    plain = config.read_text()
    config.write_text(plain + OWN_HANG)
    reloading.reloads.reload()
    assert registry.behaviors.get("hang") is not before
    config.write_text(plain)
    reloading.reloads.reload()
    assert registry.behaviors.get("hang") is before
    reloading.control.set_behavior("hang", proxy="a")
    assert isinstance(behavior_of(reloading), before)


def behavior_of(reloading: Reloading) -> Behavior:
    (rule,) = (rule for rule in reloading.control.state.proxies[0].plan.rules if rule.mix)
    return rule.behavior


def test_who_asks_for_a_reload_is_told_the_outcome(
    reloading: Reloading, config: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reload = reloading.control.reload
    assert reload is not None
    text = config.read_text()
    config.write_text(
        text.replace('callable = "troubles.Super"', "").replace("seed = 1", "sed = 1")
    )
    with pytest.raises(DocumentError, match="sed = 1 is an unknown key"):
        reload()
    config.write_text(text.replace("seed = 1", "seed = 2"))
    reload()
    assert reloading.control.state.seed == 2
    reloading.reloads.end()
    assert "problems: " in caplog.text


def test_without_a_file_there_is_nothing_to_reload(reloading: Reloading) -> None:
    source = Source("", plugins.load_named)
    requests: ReloadRequests = SimpleQueue()
    reloads = Reloads(source, reloading.control, reloading.configuration, requests)
    assert reloading.control.reload is None
    reloads.end()
