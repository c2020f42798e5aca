"""Reading a configuration again; what it is like for a whole process is in test_serve."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from peers import PATIENCE
from serving import proxy_table
from vaurien.cli.configuration import Source, Understood
from vaurien.cli.reload import Reloads
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
        self.reloads = Reloads(self.source, self.control, self.understood.settings)
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
        reloading.reloads.on_signal(1, None)
        assert called.acquire(timeout=PATIENCE)
    reloading.reloads.end()
    assert caplog.messages == ["The configuration stays as it was"] * 2
