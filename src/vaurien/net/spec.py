"""The wanted state of a proxy, as a value: what a configuration declares."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ..protocol import Protocol
from ..rules.plan import Plan, Rule
from .address import Address

if TYPE_CHECKING:
    from .tls.credentials import Credentials
    from .tls.spec import Tls


@dataclass(frozen=True)
class Limits:
    """Limits of a proxy; times in seconds, 0 for no limit."""

    timeout: float = 0.0
    """Idle time after which a connection is closed, unless a rule keeps it open."""
    dial_timeout: float = 5.0
    """Time to connect to the backend."""
    max_connections: int = 0
    """Open connections; more clients wait in the system's queue."""
    backlog: int = 8192
    """Clients that may wait in the system's queue."""


@dataclass(frozen=True, kw_only=True)
class ProxySpec:
    """The wanted state of a proxy."""

    name: str = "vaurien"
    listen: Address
    """Port 0: a free port, which the proxy keeps."""
    backend: Address
    protocol: Protocol
    plan: Plan = Plan()  # noqa: RUF009 - a value
    limits: Limits = Limits()
    tls: Tls | None = None
    """None: bytes are passed on, and not looked at for TLS."""
    credentials: Credentials | None = None
    """What is in the files of ``tls``; None if they have not been read."""
    enabled: bool = True
    generation: int = field(default=0, compare=False)
    """That of the state with which it last changed."""

    @property
    def matching(self) -> type[Protocol]:
        """The protocol with all labels that rules may match here."""
        return matching(type(self.protocol), self.tls)

    @property
    def flaws(self) -> set[str]:
        """The flaws of certificates that its rules show to clients; "" is one without."""
        return {flaw for rule in self.plan.rules for flaw in rule.behavior.flaws}

    def __post_init__(self) -> None:
        """Raise ``ValueError`` if the protocol decrypts, and ``tls`` does not say with what."""
        if self.protocol.decrypts and (self.tls is None or self.tls.mode != "both"):
            raise ValueError(f"{self.protocol.name} decrypts, and tls is {self.tls}")

    def with_rules(self, rules: Iterable[Rule]) -> ProxySpec:
        """Return the same proxy with other rules."""
        return replace(self, plan=replace(self.plan, rules=tuple(rules)))


def matching(protocol: type[Protocol], tls: Tls | None) -> type[Protocol]:
    """Return a protocol with all labels that rules may match on a proxy."""
    if tls is None:
        return protocol
    from ..rules.handshake import inside_tls

    return inside_tls(protocol, greeted=tls.with_clients)  # type: ignore[arg-type]  # for mypy a class is not hashable
