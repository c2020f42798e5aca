"""The settings of OpenTelemetry that the SDK leaves to whoever sends; the exporters read others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...errors import OptionError

OTLP, NONE = "otlp", "none"
PROTOCOL = "http/protobuf"
PROTOCOLS = (
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
)
MOST_SECONDS = 86400.0


@dataclass(frozen=True)
class Settings:
    """What is sent, and when; times are in seconds."""

    disabled: bool = False
    """``OTEL_SDK_DISABLED``"""
    traces: bool = True
    """``OTEL_TRACES_EXPORTER`` is not ``none``."""
    metrics: bool = True
    """``OTEL_METRICS_EXPORTER`` is not ``none``."""
    metrics_interval: float = 60.0
    """``OTEL_METRIC_EXPORT_INTERVAL``"""
    spans_interval: float = 5.0
    """``OTEL_BSP_SCHEDULE_DELAY``"""
    queue: int = 2048
    """``OTEL_BSP_MAX_QUEUE_SIZE``"""
    batch: int = 512
    """``OTEL_BSP_MAX_EXPORT_BATCH_SIZE``"""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Settings:
        """Read them.

        Raises:
            OptionError: one of them cannot be used.
        """
        for name in PROTOCOLS:
            _one_of(environment, name, PROTOCOL, (PROTOCOL,))
        queue = int(_number(environment, "OTEL_BSP_MAX_QUEUE_SIZE", cls.queue, 1, 1_000_000))
        batch = int(_number(environment, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", cls.batch, 1, queue))
        exporters = ("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER")
        traces, metrics = (_one_of(environment, name, OTLP, (OTLP, NONE)) for name in exporters)
        return cls(
            environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true",
            traces == OTLP,
            metrics == OTLP,
            _seconds(environment, "OTEL_METRIC_EXPORT_INTERVAL", cls.metrics_interval),
            _seconds(environment, "OTEL_BSP_SCHEDULE_DELAY", cls.spans_interval),
            queue,
            batch,
        )


def _one_of(
    environment: Mapping[str, str], name: str, default: str, allowed: tuple[str, ...]
) -> str:
    value = environment.get(name, "").strip() or default
    if value not in allowed:
        raise OptionError("is not supported", key=name, given=value, allowed=" or ".join(allowed))
    return value


def _seconds(environment: Mapping[str, str], name: str, default: float) -> float:
    """Return the seconds of a number of milliseconds."""
    return _number(environment, name, default * 1000, 1, MOST_SECONDS * 1000) / 1000


def _number(
    environment: Mapping[str, str], name: str, default: float, least: int, most: float
) -> float:
    text = environment.get(name, "").strip()
    if not text:
        return min(default, most)
    number = int(text) if text.isdecimal() and len(text) < 12 else -1
    if not least <= number <= most:
        allowed = f"a whole number from {least} to {most:.0f}"
        raise OptionError("is not allowed", key=name, given=text, allowed=allowed)
    return number
