"""The checked value that every document becomes: all that a process needs to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..net.address import Address
from ..net.permitted import Pattern
from .document import Document
from .names import Names
from .state import State

if TYPE_CHECKING:
    from ..rules.replay import Places


@dataclass(frozen=True)
class Statsd:
    """Where counters are sent, and how."""

    server: Address
    prefix: str
    sample_rate: float


@dataclass(frozen=True)
class Exploring:
    """What ``vaurien explore`` takes for granted."""

    lasting: str = "give-up"
    """Whether a program may give up under a fault that lasts, or must survive it."""
    skip: tuple[str, ...] = ()
    """Patterns of scenarios that are not run."""
    expected: tuple[tuple[str, str], ...] = ()
    """Patterns of scenarios that may break the program, each with the reason."""


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """What a document says, complete and checked."""

    document: Document
    """Tells where a value was written, for messages."""
    names: Names
    """The plugins it may name, with their options as defaults."""
    state: State
    environment: Mapping[str, str]
    """Variables for a command, to be completed with ``fill_in``."""
    http: Address | None
    """Where the API is served on TCP, if it is."""
    http_socket: str
    """The path of a unix socket where it is served, or ``""``."""
    token_file: str
    """A file, or ``""``."""
    insecure: bool
    allow_host: tuple[str, ...]
    """Permitted as ``Host``, besides the server's own: ``NAME`` or ``NAME:PORT``."""
    allow_backend: tuple[Pattern, ...]
    """If there are any, no other backends are allowed."""
    statsd: Statsd | None
    otel: bool
    """Metrics and spans are sent to OpenTelemetry."""
    exploring: Exploring = Exploring()
    journal: str
    """A file, or ``""``."""
    replay: str
    """A journal or a scenario file, or ``""`` ..."""
    replaying: Places | None = None
    """... and where it says that rules fire, once it has been read."""
    port_file: str
    """A file, or ``""``."""
    toxiproxy_metrics: bool
    log_level: str
    log_output: str
    log_format: str
    drain: float
    """Seconds."""
    reset_moved: bool
    max_plugin_threads: int
    warnings: tuple[str, ...] = ()
    """What was given, and has no effect."""
    classic: Mapping[str, object]
    """The settings that old plugins get on every proxy."""

    @property
    def has_api(self) -> bool:
        """Whether the API is served."""
        return self.http is not None or bool(self.http_socket)
