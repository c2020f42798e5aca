"""A proxy that old plugins may serve, in a thread of the test's own process."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from end_to_end.proxies import NO_LIMITS, RunningProxy
from peers import LOOPBACK
from vaurien import plugins
from vaurien.behavior import Behavior
from vaurien.legacy.adaptation import adapt
from vaurien.legacy.proxy import LegacyProxy
from vaurien.net.address import Address
from vaurien.net.reactor import Reactor
from vaurien.net.spec import Limits, ProxySpec
from vaurien.net.tls.spec import Tls
from vaurien.protocol import Protocol
from vaurien.protocols.tcp import Tcp
from vaurien.rules.notation import Entry, make_rules
from vaurien.rules.plan import Plan
from vaurien.values.events import Event, PluginFailed


def behavior(cls: type) -> type[Behavior]:
    """The adapted class of an old handler or behavior."""
    adapted = adapt(cls)
    assert issubclass(adapted, Behavior)
    return adapted


def of_today(cls: type) -> type[Behavior]:
    """The class itself if it is a behavior of today, and not an old one that derives from it."""
    hooks = {"on_message", "release_at"} & set(vars(cls))
    return cls if issubclass(cls, Behavior) and hooks else behavior(cls)


def protocol(cls: type, **options: object) -> Protocol:
    """An old protocol, with these options."""
    adapted = adapt(cls)
    assert issubclass(adapted, Protocol)
    return adapted.configured(options)


def plan_of(*chosen: tuple[type, Mapping[str, object]], seed: int = 0, generation: int = 0) -> Plan:
    """A plan with a rule for each of these classes: old ones, or those of today."""
    classes: dict[str, type[Behavior]] = {}
    entries: list[Entry] = []
    for cls, keys in chosen:
        adapted = of_today(cls)
        classes[adapted.name] = adapted
        entries.append({"behavior": adapted.name, **keys})
    return Plan(make_rules(entries, classes.__getitem__, Tcp), generation, seed)


class RunningLegacy(RunningProxy):
    """As ``RunningProxy``; plugins that fail are the test's business."""

    def __init__(
        self,
        backend: Address,
        *chosen: type | tuple[type, Mapping[str, object]],
        protocol: Protocol | None = None,
        settings: Mapping[str, object] | None = None,
        max_threads: int = 100,
        limits: Limits = NO_LIMITS,
        seed: int = 0,
        tls: Tls | None = None,
    ) -> None:
        plugins.install()
        self.reactor = Reactor()
        self.reports: list[str] = []
        self.reactor.report = self.reports.append
        self.events: list[Event] = []
        self.failures: list[PluginFailed] = []
        self.proxy = LegacyProxy(
            self.reactor,
            ProxySpec(
                listen=LOOPBACK,
                backend=backend,
                protocol=protocol or Tcp(),
                plan=plan_of(*map(_pair, chosen), seed=seed),
                limits=limits,
                tls=tls,
            ),
            self._hear,
            settings={"timeout": 0, **(settings or {})},
            max_threads=max_threads,
        )
        self._thread = threading.Thread(target=self.reactor.run, name="reactor", daemon=True)

    def use(self, *chosen: type | tuple[type, Mapping[str, object]]) -> None:
        """Replace the plan."""
        now = self.proxy.plan
        plan = plan_of(*map(_pair, chosen), seed=now.seed, generation=now.generation + 1)
        self.call(lambda: self.proxy.apply(plan))

    def _hear(self, event: Event) -> None:
        if isinstance(event, PluginFailed):
            self.failures.append(event)
        else:
            self.events.append(event)


def _pair(chosen: type | tuple[type, Mapping[str, object]]) -> tuple[type, Mapping[str, object]]:
    return chosen if isinstance(chosen, tuple) else (chosen, {})


def plugin_threads() -> Sequence[threading.Thread]:
    """The threads that run old plugins."""
    return [thread for thread in threading.enumerate() if thread.name == "old plugin"]
