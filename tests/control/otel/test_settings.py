"""Which variables of the environment count, and what they allow."""

from __future__ import annotations

import pytest

from vaurien.control.otel.settings import Settings
from vaurien.errors import OptionError


def test_defaults_are_those_of_the_sdk() -> None:
    assert Settings.of({"OTEL_TRACES_EXPORTER": "", "OTEL_BSP_SCHEDULE_DELAY": " "}) == Settings()


def test_all_of_them() -> None:
    assert Settings.of(
        {
            "OTEL_SDK_DISABLED": "TRUE",
            "OTEL_TRACES_EXPORTER": "none",
            "OTEL_METRICS_EXPORTER": "otlp",
            "OTEL_METRIC_EXPORT_INTERVAL": "1500",
            "OTEL_BSP_SCHEDULE_DELAY": "250",
            "OTEL_BSP_MAX_QUEUE_SIZE": "100",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        }
    ) == Settings(True, False, True, 1.5, 0.25, 100, 100)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("OTEL_METRICS_EXPORTER", "prometheus", "otlp or none"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc", "http/protobuf"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "1.5", "a whole number from 1 to 86400000"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "0", "a whole number from 1 to 86400000"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4096", "a whole number from 1 to 2048"),
    ],
)
def test_what_cannot_be_used(name: str, value: str, allowed: str) -> None:
    with pytest.raises(OptionError) as caught:
        Settings.of({name: value})
    assert str(caught.value).startswith(f"{name}={value!r} is not ")
    assert str(caught.value).endswith(f"it takes {allowed}")
