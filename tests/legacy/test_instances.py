"""Old plugins made ready to be called."""

from __future__ import annotations

from typing import Any

import pytest

from legacy.plugins import documented, handlers, hooks, unruly
from legacy.running import RunningLegacy, behavior
from peers import Listening
from vaurien.behaviors import delay, error
from vaurien.behaviors import dummy as today
from vaurien.legacy.adaptation import Adapted
from vaurien.legacy.behaviors import Delay
from vaurien.legacy.forms import BaseHandler, BaseProtocol, Dummy
from vaurien.legacy.instances import PluginProxy, completed, make
from vaurien.legacy.proxy import LegacyProxy


@pytest.fixture
def proxy(backend: Listening) -> PluginProxy:
    with RunningLegacy(backend.address, settings={"bufsize": 10}) as running:
        assert isinstance(running.proxy, LegacyProxy)
        return PluginProxy(running.proxy, running.proxy.settings)


def made(cls: type, proxy: PluginProxy, **options: object) -> Any:
    """An instance of an old class; whatever it has comes from several places."""
    adapted = behavior(cls).configured(options)
    assert isinstance(adapted, Adapted)
    return make(adapted, proxy)


@pytest.mark.parametrize(
    ("cls", "base"),
    [
        (documented.MySuperHandler, BaseHandler),
        (hooks.Announce, Dummy),
        (hooks.Later, Delay),
        (hooks.Three, BaseProtocol),
    ],
)
def test_has_the_base_of_its_form(cls: type, base: type) -> None:
    assert issubclass(completed(cls), base)
    assert issubclass(completed(cls), cls)


def test_attributes(proxy: PluginProxy, backend: Listening) -> None:
    plain = made(handlers.Plain, proxy, greeting="hi", foo="bar")
    assert plain.settings == {"greeting": "hi", "foo": "bar"}
    assert plain.proxy is proxy
    assert proxy.backend == str(backend.address)
    assert proxy.dest == (backend.address.host, backend.address.port)
    assert proxy.settings["bufsize"] == 10
    assert proxy.protocol == "tcp"
    assert proxy.logger is proxy._logger is plain.logger


def test_attributes_are_there_when_it_is_made(proxy: PluginProxy) -> None:
    class Curious(hooks.Announce):
        def __init__(self) -> None:
            self.seen = (self.proxy, dict(self.settings))  # type: ignore[attr-defined]

    curious = made(Curious, proxy)
    assert curious.seen == (proxy, {})


def test_derived_from_a_built_in_behavior(proxy: PluginProxy) -> None:
    refuse = made(hooks.Refuse, proxy, word="x")
    assert refuse.option("word") == "x"
    assert refuse.on_between_handle(None, None, None, True)


def test_failure_to_make_it(proxy: PluginProxy) -> None:
    with pytest.raises(TypeError, match="something"):
        made(unruly.Unmakeable, proxy)


class OfDummy(today.Dummy):
    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.calls = 1

    def on_before_handle(self, protocol: object, *ends: object) -> object:
        return True


class OfDelay(delay.Delay):
    def __init__(self, settings: Any = None, proxy: Any = None) -> None:
        super().__init__(settings, proxy)  # type: ignore[call-arg]  # it was another class
        self.calls = self.option("sleep")  # type: ignore[attr-defined]

    def on_before_handle(self, protocol: object, *ends: object) -> object:
        return True


class OfError(error.Error):
    def __init__(self) -> None:
        self.calls = 1

    def on_before_handle(self, protocol: object, *ends: object) -> object:
        return True


class Further(OfDummy):
    pass


class Alone:
    def __init__(self, settings: Any, proxy: Any) -> None:
        self.calls = 1
        self.given = settings, proxy

    def on_before_handle(self, protocol: object, *ends: object) -> object:
        return True


@pytest.mark.parametrize("cls", [OfDummy, OfDelay, OfError, Further, Alone])
def test_what_init_sets_is_there(cls: type, proxy: PluginProxy) -> None:
    one = made(cls, proxy)
    assert one.calls == 1
    assert one.proxy is proxy
    assert one.on_before_handle(None, None, None, True)
    assert made(cls, proxy, word="x").settings["word"] == "x"


def test_init_may_read_options(proxy: PluginProxy) -> None:
    assert made(OfDelay, proxy, sleep=3).calls == 3


def test_init_gets_what_it_asks_for(proxy: PluginProxy) -> None:
    assert made(Alone, proxy, word="x").given == ({"word": "x"}, proxy)
