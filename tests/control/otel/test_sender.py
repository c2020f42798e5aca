"""Sending to a real collector, or to none."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from functools import partial

import pytest

from collector import Collector, collector, points, texts
from live import Live, live
from peers import Listening, wait_until
from vaurien.control.otel import sender
from vaurien.control.otel.sender import Telemetry, resource
from vaurien.values.events import Event

SLOW = {"behavior": "delay", "name": "slow", "sleep": 0.0}


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    for name in ("OTEL_BSP_SCHEDULE_DELAY", "OTEL_METRIC_EXPORT_INTERVAL"):
        monkeypatch.setenv(name, "10")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.5")
    with live([SLOW], names=["cache"]) as started:
        yield started


class Sending:
    """What is told meanwhile."""

    def __init__(self, running: Live) -> None:
        self.told: list[str] = []
        self.telemetry = Telemetry(running.reactor, lambda event: self.told.append(event.text()))
        self._running = running

    def __enter__(self) -> Sending:
        proxy, telemetry = self._running.proxy, self.telemetry
        before = proxy.emit

        def emit(event: Event) -> None:
            before(event)
            telemetry(event)

        self._running.in_reactor(partial(setattr, proxy, "emit", emit))
        telemetry.start(self._running.control)
        return self

    def __exit__(self, *_: object) -> None:
        self._running.in_reactor(partial(self.telemetry.close, self._running.proxies))


@pytest.fixture
def collecting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collector() as server:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.url)
        yield server


def test_metrics_and_spans(
    collecting: Collector, running: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "team=blue,service.name=shop")
    with Sending(running) as sending:
        for _ in range(3):
            running.ask()
        wait_until(lambda: len(collecting.spans) == 3, "the spans")

        def accepted() -> float:
            found = collecting.metrics.get("vaurien.connections_accepted")
            return points(found)[0].value if found else 0

        wait_until(lambda: accepted() == 3, "the metrics")
    assert sending.told == []
    assert [texts(span.attributes)["vaurien.connection"] for span in collecting.spans] == [
        *("1", "2", "3"),
    ]
    (fired,) = points(collecting.metrics["vaurien.rule_fired"])
    assert fired == ({"proxy": "cache", "rule": "slow", "behavior": "delay"}, 3)
    assert collecting.metrics["vaurien.transferred"].unit == "By"
    known = {"team": "blue", "service.name": "shop", "telemetry.sdk.language": "python"}
    assert known.items() <= collecting.resource.items()
    assert collecting.media_types == {"application/x-protobuf"}


def test_failures_are_told_once_and_traffic_goes_on(collecting: Collector, running: Live) -> None:
    collecting.status = 400
    with Sending(running) as sending:
        running.ask()
        wait_until(lambda: len(sending.told) == 2 and collecting.refused > 5, "failures")
        assert sorted(sending.told) == [
            f"{kind} cannot be sent to OpenTelemetry: "
            f"Failed to export {kind} batch code: 400, reason: Bad Request"
            for kind in ("metrics", "spans")
        ]
        collecting.status = 200
        running.ask()
        wait_until(lambda: len(sending.told) == 4, "that it works again")
        assert sorted(sending.told[2:]) == [
            "metrics are sent to OpenTelemetry again",
            "spans are sent to OpenTelemetry again: lost: 1",
        ]


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is sent at the end."""
    for name in ("OTEL_BSP_SCHEDULE_DELAY", "OTEL_METRIC_EXPORT_INTERVAL"):
        monkeypatch.setenv(name, "3600000")


def test_the_end_sends_what_is_left(collecting: Collector, running: Live, later: None) -> None:
    with Sending(running):
        running.ask()
    assert len(collecting.spans) == 1
    assert points(collecting.metrics["vaurien.rule_fired"])[0].value == 1


def test_the_end_waits_for_a_limited_time(
    running: Live, later: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "END_LIMIT", 0.05)
    with Listening() as silent:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://{silent.address}")
        with Sending(running) as sending:
            running.ask()
    assert sending.told == ["not all could be sent to OpenTelemetry before the end"]
    for thread in threading.enumerate():
        if thread.name == "otel":
            thread.join()


def test_nobody_is_there(running: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    with Sending(running) as sending:
        wait_until(lambda: bool(sending.told), "a failure")
        assert running.ask() == b"hello"
    first = min(sending.told)
    assert first.startswith("metrics cannot be sent to OpenTelemetry: Failed to export metrics")


@pytest.mark.parametrize(
    ("name", "value", "sent"),
    [
        ("OTEL_TRACES_EXPORTER", "none", (False, True)),
        ("OTEL_METRICS_EXPORTER", "none", (True, False)),
        ("OTEL_SDK_DISABLED", "true", (False, False)),
    ],
)
def test_what_is_not_wanted_is_not_sent(
    collecting: Collector,
    running: Live,
    monkeypatch: pytest.MonkeyPatch,
    later: None,
    name: str,
    value: str,
    sent: tuple[bool, bool],
) -> None:
    monkeypatch.setenv(name, value)
    with Sending(running):
        running.ask()
    assert (bool(collecting.spans), bool(collecting.metrics)) == sent


def test_a_queue_is_bounded(
    collecting: Collector, running: Live, later: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "2")
    with Sending(running) as sending:
        for _ in range(5):
            running.ask()
    assert [texts(span.attributes)["vaurien.connection"] for span in collecting.spans] == ["4", "5"]
    assert sending.told == ["spans are not sent fast enough: some are lost"]


def test_each_process_is_an_instance_of_its_own() -> None:
    assert resource().attributes["service.name"] == "vaurien"
    assert len({str(resource().attributes["service.instance.id"]) for _ in range(2)}) == 2
