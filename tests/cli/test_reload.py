"""Reading a configuration again; what it is like for a whole process is in test_serve."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest

from peers import PATIENCE, Listening
from serving import proxy_table
from vaurien import registry
from vaurien.behavior import Behavior
from vaurien.cli.configuration import Source, Understood
from vaurien.cli.reload import Reloads, Wishes
from vaurien.control.server import Control
from vaurien.net.address import Address
from vaurien.net.proxies import Declared, Proxies
from vaurien.net.proxy import Proxy
from vaurien.net.reactor import Reactor

NOBODY = Address("127.0.0.1", 9)


class Reloading:
    """A configuration at work: its reactor runs in a thread."""

    def __init__(self, config: Path) -> None:
        self.source = Source(str(config), {})
        self.understood: Understood = self.source.understand(self.source.read())
        state = self.understood.configuration.state
        self.reactor = Reactor()
        self.proxies = Proxies(self.reactor, self.make)
        self.proxies.apply(state.proxies)
        find = self.understood.find_behavior
        self.control = Control(self.reactor, self.proxies, state, find_behavior=find)
        self.wishes: Wishes = SimpleQueue()
        self.reloads = Reloads(self.source, self.control, self.understood.settings, self.wishes)
        self._thread = threading.Thread(target=self.reactor.run)
        self._thread.start()

    def make(self, declared: Declared) -> Proxy:
        return Proxy(
            self.reactor,
            declared.listen,
            declared.backend,
            protocol=declared.protocol,
            name=declared.name,
            plan=declared.plan,
            limits=declared.limits,
        )

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
def reloading(config: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Reloading]:
    caplog.set_level(logging.INFO, "vaurien")
    reloading = Reloading(config)
    yield reloading
    reloading.close()


def test_reading_the_same_again_changes_nothing(reloading: Reloading) -> None:
    """Plugins with options, classes by their path: all are what they were."""
    before, proxies = reloading.control.state, list(reloading.proxies)
    reloading.reloads.reload()
    assert reloading.control.state == before
    assert list(reloading.proxies) == proxies


def test_defaults_that_change_hold_for_what_is_set_live(reloading: Reloading, config: Path) -> None:
    assert reloading.control._find_behavior("loud").configured({}).settings()["foo"] == 2
    config.write_text(config.read_text().replace("foo = 2", "foo = 3"))
    reloading.reloads.reload()
    assert reloading.control._find_behavior("loud").configured({}).settings()["foo"] == 3


def test_a_plugin_that_fails_leaves_all_as_it_was(
    reloading: Reloading, config: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = reloading.control.state
    config.write_text(config.read_text().replace("troubles.Super", "broken.Super"))
    reloading.reloads.reload()
    assert reloading.control.state == before
    assert any("RuntimeError: two lines" in message for message in caplog.messages)
    assert caplog.messages[-1].startswith("The configuration stays as it was; problems: ")


def test_it_lives_on_after_a_mistake_of_ours(
    reloading: Reloading, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    called = threading.Semaphore(0)

    def fail() -> None:
        called.release()
        raise RuntimeError("no luck")

    monkeypatch.setattr(reloading.reloads, "reload", fail)
    for _ in range(2):
        reloading.wishes.put(None)
        assert called.acquire(timeout=PATIENCE)
    reloading.reloads.end()
    assert caplog.messages == ["The configuration stays as it was"] * 2


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
