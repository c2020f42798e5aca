"""The goals of vaurien's performance, and whether a run of the benchmark met them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from results import Results, Spread

QUIET, ARMED, NO_DELAY = "vaurien", "vaurien-armed", "vaurien-0ms"
DELAYED = {"vaurien-100ms": "toxiproxy-100ms", "vaurien-latency": "toxiproxy-100ms"}
"""Each delayed vaurien, and the system with the same delay that it is compared with."""
BESIDES = ("beside-redis", "beside-inline", "beside-memcache", "beside-http")
THROTTLED, MANY, API = "vaurien-rate", "vaurien-200", "vaurien-api"
DELAYS = {"delay-1": 0.5, "delay-100": 1.0, "delay-1000": 4.0}
"""How many ms late the median response may be, by the number of connections."""
RATES = ("rate-1", "rate-100", "rate-1000")
DISTANCES = ("distance-10", "distance-100", "distance-1000")
REQUESTS = ("redis-50", "redis-1", "http")
FRAMED = "vaurien-framed"
BESIDE_HAPROXY = {"redis-50": 1.0, "redis-1": 1.0, "http": 1.0, "connections": 0.85}
"""The share of HAProxy's rate that a quiet vaurien must reach."""
ARMED_LIMITS = {"redis-50": 0.75, "redis-1": 0.9, "http": 0.9, "connections": 0.75, "bulk": 0.9}
"""The share of the quiet rate that must remain while a rule might act ..."""
NO_DELAY_LIMITS = {"redis-50": 0.75, "redis-1": 0.75, "http": 0.75, "connections": 0.5, "bulk": 0.5}
"""... and while each message is delayed by 0 ms."""
FRAMED_LIMITS = {
    "redis-50": 0.9,
    "redis-1": 0.6,
    "redis-pipelined": 0.5,
    "http": 0.8,
    "mysql": 0.6,
    "postgresql": 0.6,
    "memcache": 0.75,
}
"""The share of the plain rate that must remain when vaurien parses each message."""
TLS, TLS_BESIDE = "vaurien-tls", "haproxy-tls"
TLS_LIMITS = {"tls-http": 0.9, "tls-connections": 0.8, "tls-bulk": 0.6}
"""The share of HAProxy's rate that must be reached where TLS is terminated ..."""
BOTH_LIMIT, PASS_LIMIT = 0.5, 0.95
"""... of that rate, with TLS on both sides; and of the quiet rate, where it is passed on."""
TOXIPROXY_CPU = 0.8
"""The share of Toxiproxy's CPU time that trouble may take."""


@dataclass(frozen=True)
class Goal:
    """A limit for a figure, or for its ratio to another system's."""

    work: str
    figure: str
    limit: float
    at_least: bool = True
    system: str = QUIET
    beside: str = ""
    """The system to divide by; empty: compare the figure itself."""
    always: bool = False
    """Every round must meet the limit, not only the median."""
    needs_cubic: bool = False
    unit: str = "x"
    decimals: int = 2

    @property
    def title(self) -> str:
        compared = f" / {self.beside}" if self.beside else ""
        return f"{self.work}: {self.figure} of {self.system}{compared}"

    def seen(self, results: Results) -> Spread | None:
        """Return the figure or ratio as measured, None if it was not."""
        if self.beside:
            return results.ratio(self.work, self.system, self.beside, self.figure)
        return results.spread(self.work, self.system, self.figure)

    def reached(self, seen: Spread) -> bool:
        if self.at_least:
            return (seen.low if self.always else seen.median) >= self.limit
        return (seen.high if self.always else seen.median) <= self.limit


@dataclass(frozen=True)
class Verdict:
    """A goal, and what was measured."""

    goal: Goal
    seen: Spread | None
    reached: bool | None
    """None if it could not be judged."""
    remark: str = ""


def judge(results: Results, works: Collection[str], congestion: str) -> list[Verdict]:
    """Judge each goal that is about one of these works, in the order of GOALS."""
    verdicts = []
    for goal in GOALS:
        if goal.work not in works:
            continue
        seen = goal.seen(results)
        if seen is None and (goal.work, goal.system) in results.failures:
            verdicts.append(Verdict(goal, None, False, "every run failed"))
        elif seen is None:
            verdicts.append(Verdict(goal, None, None, "not measured"))
        elif goal.needs_cubic and congestion != "cubic":
            verdicts.append(Verdict(goal, seen, None, f"set for cubic, measured with {congestion}"))
        else:
            verdicts.append(Verdict(goal, seen, goal.reached(seen)))
    return verdicts


GOALS = (
    *(Goal(work, "rate", limit, beside="haproxy") for work, limit in BESIDE_HAPROXY.items()),
    Goal("connections", "rate", 0.7, system=FRAMED, beside="haproxy"),
    Goal("redis-50", "cpu", 0.7, at_least=False, beside="toxiproxy"),
    Goal("bulk", "rate", 2.0, beside="haproxy", needs_cubic=True),
    Goal("bulk", "rate", 0.75, beside="direct", needs_cubic=True),
    *(Goal(work, "cpu", 1.0, at_least=False, beside="haproxy") for work in REQUESTS),
    Goal("bulk", "cpu", 0.25, at_least=False, beside="haproxy"),
    *(
        Goal("memory", "bytes", 2048, at_least=False, system=system, unit="bytes", decimals=0)
        for system in (QUIET, ARMED)
    ),
    *(
        Goal(work, "rate", limit, system=system, beside=QUIET)
        for system, limits in ((ARMED, ARMED_LIMITS), (NO_DELAY, NO_DELAY_LIMITS))
        for work, limit in limits.items()
    ),
    Goal("bulk", "cpu", 0.25, at_least=False, system=NO_DELAY, unit="s a GB"),
    *(
        Goal(work, "rate", limit, system=FRAMED, beside=QUIET)
        for work, limit in FRAMED_LIMITS.items()
    ),
    *(
        Goal(work, "rate", limit, system=TLS, beside=TLS_BESIDE)
        for work, limit in TLS_LIMITS.items()
    ),
    *(
        Goal(work, "cpu", round(1 / limit, 2), at_least=False, system=TLS, beside=TLS_BESIDE)
        for work, limit in TLS_LIMITS.items()
    ),
    *(Goal(work, "rate", BOTH_LIMIT, system="vaurien-both", beside=TLS) for work in TLS_LIMITS),
    *(
        Goal("tls-memory", "bytes", limit, at_least=False, system=system, unit="bytes", decimals=0)
        for system, limit in ((TLS, 32 * 1024), ("vaurien-both", 2 * 32 * 1024))
    ),
    *(
        Goal(work, "rate", PASS_LIMIT, system="vaurien-pass", beside=QUIET)
        for work in ("tls-pass", "tls-pass-bulk")
    ),
    *(
        Goal(work, "growth", 16, at_least=False, system=FRAMED, unit="MiB", decimals=1)
        for work in ("body", "value")
    ),
    *(
        Goal(work, figure, limit, at_least=False, system=system, unit="ms")
        for work in BESIDES
        for system in (FRAMED, "vaurien-framed-armed")
        for figure, limit in (("median", 2), ("worst", 20))
    ),
    *(
        Goal(work, "least", 0.0, system=system, always=True, unit="ms late")
        for work in DELAYS
        for system in DELAYED
    ),
    *(
        Goal(work, "median", limit, at_least=False, system=system, unit="ms late")
        for work, limit in DELAYS.items()
        for system in DELAYED
    ),
    *(
        Goal(work, "cpu", TOXIPROXY_CPU, at_least=False, system=system, beside=other)
        for work in DELAYS
        for system, other in DELAYED.items()
    ),
    *(Goal(work, "least", 99, system=THROTTLED, unit="%") for work in RATES),
    *(
        Goal(work, "most", 100, at_least=False, system=THROTTLED, always=True, unit="%")
        for work in RATES
    ),
    *(
        Goal(work, "cpu", TOXIPROXY_CPU, at_least=False, system=THROTTLED, beside="toxiproxy-rate")
        for work in RATES
    ),
    *(
        Goal(work, "rate", 1.0, system="vaurien-distant", beside="toxiproxy-distant")
        for work in DISTANCES
    ),
    Goal("stream-1", "added median", 60, at_least=False, system=FRAMED, unit="µs", decimals=1),
    Goal("stream-2000", "added p99", 5, at_least=False, system=FRAMED, unit="ms", decimals=1),
    Goal("stream-2000", "arrived", 95, system=FRAMED, unit="%", decimals=0),
    *(
        Goal(work, "rate", 0.95, system=MANY, beside=QUIET)
        for work in ("redis-50", "http", "connections", "scattered")
    ),
    Goal("scattered", "cpu", 1 / 0.95, at_least=False, system=MANY, beside=QUIET),
    Goal("readers", "kept", 95, system=API, unit="%", decimals=1),
    Goal("dashboard-open", "kept", 95, system=API, unit="%", decimals=1),
    Goal("api-load", "slowest", 100, at_least=False, system=API, unit="ms", decimals=1),
    Goal("api-load", "traffic", 1.5, at_least=False, system=API),
    Goal("replace", "replaced", 50, at_least=False, system=MANY, unit="ms"),
    Goal("reload", "holds", 50, at_least=False, system=MANY, unit="ms", decimals=1),
    Goal("reload", "added pause", 2, at_least=False, system=MANY, unit="ms"),
    Goal("version", "milliseconds", 60, at_least=False, unit="ms", decimals=1),
    Goal("ready", "milliseconds", 100, at_least=False, unit="ms", decimals=1),
)
