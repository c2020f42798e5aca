"""What a process has open."""

from __future__ import annotations

import resource
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import pytest

from peers import Listening
from serving import proxy_table
from vaurien import plugins
from vaurien.cli.running import Running, classic_of, raise_descriptor_limit, telemetry
from vaurien.config.source import Source
from vaurien.control.server import Control
from vaurien.errors import ListenError, OptionError
from vaurien.net.address import Address
from vaurien.net.proxy import ignore_event
from vaurien.net.reactor import Reactor

NOBODY = Address("127.0.0.1", 9)


def test_as_many_descriptors_as_the_system_lets_us(monkeypatch: pytest.MonkeyPatch) -> None:
    """macOS says that there is no limit, and refuses that there be none."""
    allowed = []

    def setrlimit(_: int, limits: tuple[int, int]) -> None:
        if limits[0] == resource.RLIM_INFINITY:
            raise ValueError("current limit exceeds maximum limit")
        allowed.append(limits)

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", setrlimit)
    raise_descriptor_limit()
    assert allowed == [(10240, resource.RLIM_INFINITY)]


def test_all_proxies_are_open_or_none(tmp_path: Path) -> None:
    with Listening() as taken, ExitStack() as closing:
        free = Listening()
        free.close()
        config = tmp_path / "v.toml"
        config.write_text(
            proxy_table("first", NOBODY, listen=str(free.address))
            + proxy_table("second", NOBODY, listen=str(taken.address))
        )
        source = Source(str(config), plugins.load_named)
        configuration = source.understand(source.read())
        with pytest.raises(ListenError, match=f"proxy 'second': cannot listen on {taken.address}"):
            Running(configuration, closing)
        Listening(free.address).close()  # nobody has it


def test_opentelemetry_takes_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "vaurien.control.otel.sender", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    with pytest.raises(OptionError) as caught:
        telemetry(cast(Reactor, None), ignore_event)
    assert str(caught.value) == (
        "otel takes packages of OpenTelemetry: pip install 'vaurien[otel]' "
        "(opentelemetry.sdk.resources is missing)"
    )


def test_a_variable_that_opentelemetry_refuses_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER", "nope")
    with pytest.raises(OptionError, match=r"^otel cannot be used: .*nope"):
        telemetry(cast(Reactor, None), ignore_event)


def test_events_of_all_go_to_the_journal(tmp_path: Path) -> None:
    """What old plugins find of their proxy, and its name, are each proxy's own."""
    config = tmp_path / "v.toml"
    config.write_text(
        f'journal = "{tmp_path}/journal"\ntimeout = 7\n'
        + proxy_table("a", NOBODY)
        + proxy_table("b", NOBODY, "enabled = false")
    )
    source = Source(str(config), plugins.load_named)
    configuration = source.understand(source.read())
    with ExitStack() as closing:
        running = Running(configuration, closing)
        assert [proxy.name for proxy in running.proxies] == ["a", "b"]
        assert all(proxy.emits_firings for proxy in running.proxies)
        assert (tmp_path / "journal").exists()
        running.start_http(cast(Control, None))  # it is not asked for
    first, _ = configuration.state.proxies
    assert classic_of(first) == {
        "proxy": "127.0.0.1:0",
        "backend": str(NOBODY),
        "protocol": "tcp",
        "timeout": 7.0,
        "backlog": 8192,
    }
