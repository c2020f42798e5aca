"""The composition root."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from knowing import find_behavior
from vaurien import plugins, registry
from vaurien.behavior import Behavior, Firing
from vaurien.behaviors.delay import Delay
from vaurien.errors import PluginError, UnknownNameError
from vaurien.legacy.adaptation import adapt
from vaurien.legacy.proxy import LegacyProxy
from vaurien.net.address import Address
from vaurien.net.proxy import Proxy, ignore_event
from vaurien.net.reactor import Reactor
from vaurien.net.simulated import SimulatedSystem
from vaurien.net.spec import ProxySpec
from vaurien.protocol import Protocol
from vaurien.protocols.tcp import Tcp
from vaurien.rules.plan import Plan, Rule
from vaurien.values.actions import Actions, Forward
from vaurien.values.messages import Message
from vaurien.values.options import Configured, options_of

HERE = Address("localhost", 0)


class Old:
    name = "old"
    options = {"foo": ("how much", int, 1)}

    def __call__(self, client_sock: object, backend_sock: object, to_backend: bool) -> bool:
        return False


class Named(Behavior):
    name = "named"

    def on_message(self, message: Message, firing: Firing) -> Actions:
        yield Forward(message)


@pytest.fixture(autouse=True)
def _forget_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    for each in (registry.behaviors, registry.protocols):
        monkeypatch.setattr(each, "_plugins", {})
        monkeypatch.setattr(each, "_loaders", {})
    plugins.install()


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    reactor = Reactor(SimulatedSystem())
    yield reactor
    reactor.close()


@pytest.mark.parametrize("name", plugins.BEHAVIORS)
def test_built_in_behaviors(name: str) -> None:
    assert find_behavior(name).name == name


@pytest.mark.parametrize("name", plugins.PROTOCOLS)
def test_built_in_protocols(name: str) -> None:
    assert registry.protocols.get(name).name == name


def test_what_is_registered_comes_first() -> None:
    registry.behaviors.register(plugins.renamed(Delay, "tests.named"))
    assert find_behavior("tests.named") is not Named
    assert find_behavior("tests.named").name == "tests.named"


@pytest.mark.parametrize("path", [f"{__name__}.Named", f"{__name__}:Named"])
def test_a_path_is_loaded_and_registered(path: str) -> None:
    assert find_behavior(path) is Named
    assert registry.behaviors.get("named") is Named
    assert path not in registry.behaviors.names()


def test_a_name_without_a_dot_is_no_path() -> None:
    with pytest.raises(UnknownNameError):
        find_behavior("os")


def test_a_protocol_is_no_behavior() -> None:
    with pytest.raises(PluginError, match=r"'vaurien.protocols.tcp.Tcp' is not a behavior"):
        find_behavior("vaurien.protocols.tcp.Tcp")
    assert plugins.load_named("protocol", "vaurien.protocols.tcp:Tcp") is Tcp


def test_an_old_class_is_adapted() -> None:
    found = find_behavior(f"{__name__}.Old")
    assert found is adapt(Old)
    assert plugins.is_old(found)
    assert not plugins.is_old(Delay)
    assert registry.behaviors.get("old") is found


def test_renamed() -> None:
    slow = plugins.renamed(Delay, "slow")
    assert (slow.name, slow.__name__, slow.__doc__) == ("slow", "Delay", Delay.__doc__)
    assert slow.configured({"sleep": 2}).settings() == {"sleep": 2.0, "before": True}
    assert slow.configured({}) == slow.configured({})
    assert slow.configured({}) != Delay.configured({})
    assert Delay.name == "delay"


def test_an_old_class_renamed() -> None:
    found = plugins.renamed(plugins.load(registry.behaviors, f"{__name__}.Old"), "other")
    assert plugins.is_old(found)
    assert found.name == "other"
    assert list(options_of(found)) == ["foo"]


def test_a_name_for_what_is_loaded() -> None:
    assert plugins.load_named("behavior", f"{__name__}.Named") is Named
    assert plugins.load_named("behavior", f"{__name__}.Named", "named") is Named
    other = plugins.load_named("behavior", f"{__name__}.Named", "other")
    assert (other.name, issubclass(other, Named)) == ("other", True)
    with pytest.raises(PluginError, match="is not a protocol"):
        plugins.load_named("protocol", f"{__name__}.Named")


def test_an_old_class_with_defaults() -> None:
    found = plugins.load(registry.behaviors, f"{__name__}.Old")
    configured = Configured(found, {"foo": 3, "undeclared": "x"})
    assert configured.make({}).settings() == {"foo": 3, "undeclared": "x"}
    assert configured.make({"foo": 4}).settings() == {"foo": 4, "undeclared": "x"}


def make_proxy(
    reactor: Reactor, behavior: type[Behavior], protocol: type[Protocol] = Tcp, *, live: bool
) -> Proxy:
    plan = Plan((Rule(behavior=behavior(), name="rule"),))
    spec = ProxySpec(listen=HERE, backend=HERE, protocol=protocol(), plan=plan)
    proxy = plugins.make_proxy(
        reactor, spec, ignore_event, settings={"timeout": 3}, max_threads=5, live=live
    )
    assert type(proxy) is plugins.proxy_type(spec, live=live)
    return proxy


def test_a_plain_proxy(reactor: Reactor) -> None:
    assert type(make_proxy(reactor, Delay, live=False)) is Proxy
    assert type(make_proxy(reactor, Delay, live=True)) is Proxy


def test_old_plugins_get_a_proxy_that_runs_them(reactor: Reactor) -> None:
    old = find_behavior(f"{__name__}.Old")
    assert type(make_proxy(reactor, Delay, live=False)) is Proxy
    for proxy in (make_proxy(reactor, old, live=False), make_proxy(reactor, Delay, live=True)):
        assert isinstance(proxy, LegacyProxy)
        assert proxy.settings == {"timeout": 3}
        assert proxy.max_threads == 5


def test_a_broken_plugin_does_not_stop_others(reactor: Reactor) -> None:
    def fail() -> object:
        raise RuntimeError("it is broken")

    registry.behaviors.register_lazily("broken", fail)
    assert type(make_proxy(reactor, Delay, live=True)) is Proxy


def test_plugins_are_found_in_the_current_directory(tmp_path: Path) -> None:
    """As with ``python -m``, though this is a script elsewhere."""
    (tmp_path / "troubles.py").write_text(
        "from vaurien import Behavior\nclass Mine(Behavior):\n    name = 'mine'\n"
    )
    script = tmp_path / "elsewhere" / "script.py"
    script.parent.mkdir()
    script.write_text(
        "from vaurien import plugins\nprint(plugins.load_named('behavior', 'troubles.Mine').name)\n"
    )
    paths = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert done.stdout == "mine\n"


def test_the_current_directory_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "wave.py").write_text("raise RuntimeError('the wrong one')\n")
    (tmp_path / "troubles.py").write_text(
        "from vaurien import Behavior\nclass Mine(Behavior):\n    name = 'mine'\n"
    )
    script = tmp_path / "elsewhere" / "script.py"
    script.parent.mkdir()
    script.write_text(
        "from vaurien import plugins\nplugins.load_named('behavior', 'troubles.Mine')\n"
        "import wave\nprint(wave.__name__)\n"
    )
    paths = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert done.stdout == "wave\n"


def test_legacy_is_not_imported_without_need() -> None:
    code = (
        "import sys\n"
        "from vaurien import plugins\n"
        "plugins.install()\n"
        "assert not plugins.is_old(plugins.behaviors.get('delay'))\n"
        "print('vaurien.legacy' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout == "False\n"
