"""All settings, one entry each: a flag and a key of the INI file.

They are in the order of ``--help``.  Options of plugins are not here: each plugin declares
its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..values.options import Option, Value

LOG_LEVELS = ("critical", "error", "warning", "info", "debug")
PORTS = 65535

GONE_PROTOCOL_OPTIONS: dict[str, Option] = {
    declared.name: declared
    for declared in (
        Option("keep_alive", bool, False, "Keep the connection alive."),
        Option("reuse_socket", bool, False, "Reuse the backend's socket."),
        Option("buffer", int, 8124, "Bytes to read at once."),
    )
}
"""Obsolete options of every protocol, which a full-duplex proxy does not need."""


@dataclass(frozen=True)
class Setting:
    """A setting."""

    heading: str
    """The heading under which ``--help`` lists it."""
    option: Option
    section: str = "vaurien"
    """The section of the INI file."""
    metavar: str = ""
    repeatable: bool = False
    """The flag may be given several times; the key of the file takes one value per line."""
    shown: str | None = None
    """The default as shown to users, if it is not a value."""

    @property
    def key(self) -> str:
        return self.option.name

    @property
    def flag(self) -> str:
        section = "" if self.section == "vaurien" else f"{self.section}."
        return f"--{section}{self.key.replace('_', '-')}"


def _setting(
    heading: str,
    name: str,
    default: Value,
    text: str,
    metavar: str = "",
    *,
    section: str = "vaurien",
    repeatable: bool = False,
    shown: str | None = None,
    choices: tuple[Value, ...] = (),
    minimum: float | None = None,
    maximum: float | None = None,
) -> Setting:
    option = Option(name, type(default), default, text, choices, minimum, maximum)
    return Setting(heading, option, section, metavar, repeatable, shown)


PROXY = "The proxy"
TROUBLE = "Trouble"
LIMITS = "Limits"
CONTROL = "Control over HTTP"
STATSD = "Statistics"
LOG = "Log"
WITHOUT_EFFECT = "Without effect, kept for old plugins"

SETTINGS: tuple[Setting, ...] = (
    _setting(PROXY, "proxy", "localhost:8000", "Address to listen on.", "ADDRESS"),
    _setting(PROXY, "backend", "localhost:80", "Address of the backend.", "ADDRESS"),
    _setting(PROXY, "protocol", "tcp", "Protocol of the traffic: {protocols}.", "NAME"),
    _setting(
        TROUBLE,
        "behavior",
        "100:dummy",
        "Behaviors with their probabilities in percent, such as 5:error,10:delay. At most "
        "one of them applies to an exchange; the rest of the traffic is left alone. "
        "Behaviors: {behaviors}, or package.module.Class.",
        "PERCENT:NAME,...",
    ),
    _setting(
        TROUBLE,
        "rule",
        "",
        "A behavior that applies independently of others, such as 'delay sleep=2 percent=10'. "
        "Keys: the behavior's options, {keys}, and the labels of the protocol. Repeatable.",
        "'NAME KEY=VALUE ...'",
        repeatable=True,
        shown="none",
    ),
    _setting(
        TROUBLE,
        "profile",
        "",
        "Simulate a kind of network, such as 3g, satellite-geo or wifi-lossy; "
        "'vaurien profiles' lists them.",
        "NAME",
        shown="none",
    ),
    _setting(
        TROUBLE,
        "seed",
        0,
        "Random seed: the same seed and the same requests give the same decisions.",
        "NUMBER",
        shown="random",
        minimum=0,
    ),
    _setting(
        TROUBLE,
        "journal",
        "",
        "Append a line of JSON to this file for each rule that fires.",
        "FILE",
        shown="none",
    ),
    _setting(
        LIMITS,
        "timeout",
        30.0,
        "Seconds until an idle connection is closed; 0: never.",
        "SECONDS",
        minimum=0,
    ),
    _setting(
        LIMITS,
        "connect_timeout",
        5.0,
        "Seconds to wait for a connection to the backend.",
        "SECONDS",
        minimum=0.001,
    ),
    _setting(
        LIMITS,
        "max_connections",
        0,
        "Maximum number of concurrent connections; more wait. 0: no limit.",
        "NUMBER",
        minimum=0,
    ),
    _setting(
        LIMITS,
        "backlog",
        8192,
        "Maximum number of clients that wait to be accepted.",
        "NUMBER",
        minimum=1,
        maximum=2**31 - 1,
    ),
    _setting(
        LIMITS,
        "drain",
        5.0,
        "Seconds that connections get to finish on SIGTERM or SIGINT; a second one stops at once.",
        "SECONDS",
        minimum=0,
    ),
    _setting(
        LIMITS,
        "reset_moved",
        False,
        "When SIGHUP changes the backend of a proxy, reset its connections to the old one.",
    ),
    _setting(
        LIMITS,
        "max_plugin_threads",
        1000,
        "Maximum number of concurrent connections in old plugins, one thread each; more are "
        "refused.",
        "NUMBER",
        minimum=1,
    ),
    _setting(CONTROL, "http", False, "Serve the HTTP API, which changes running proxies."),
    _setting(CONTROL, "http_host", "localhost", "Host that the API listens on.", "HOST"),
    _setting(
        CONTROL,
        "http_port",
        8080,
        "Port that the API listens on.",
        "PORT",
        minimum=0,
        maximum=PORTS,
    ),
    _setting(STATSD, "enabled", False, "Send counters to a statsd server.", section="statsd"),
    _setting(STATSD, "host", "localhost", "Host of the statsd server.", "HOST", section="statsd"),
    _setting(
        STATSD,
        "port",
        8125,
        "UDP port of the statsd server.",
        "PORT",
        section="statsd",
        minimum=1,
        maximum=PORTS,
    ),
    _setting(
        STATSD,
        "prefix",
        "vaurien",
        "Prefix of the counters' names.",
        "TEXT",
        section="statsd",
    ),
    _setting(
        STATSD,
        "sample_rate",
        1.0,
        "Fraction of the counts to send, marked with this rate so that the sums stay correct.",
        "NUMBER",
        section="statsd",
        minimum=0.0001,
        maximum=1,
    ),
    _setting(
        LOG, "log_level", "info", "Lowest level to log: {levels}.", "LEVEL", choices=LOG_LEVELS
    ),
    _setting(LOG, "log_output", "-", "Log file, or - for standard error.", "FILE"),
    _setting(
        WITHOUT_EFFECT, "stay_connected", False, "Go on when a handler returns a false value."
    ),
    _setting(WITHOUT_EFFECT, "sync", False, "Use blocking sockets."),
    _setting(WITHOUT_EFFECT, "bufsize", 8192, "Bytes to read at once.", "NUMBER"),
    _setting(
        WITHOUT_EFFECT, "pool_max_size", 100, "Maximum number of pooled connections.", "NUMBER"
    ),
    _setting(
        WITHOUT_EFFECT, "pool_timeout", 30, "Seconds to wait for a pooled connection.", "SECONDS"
    ),
)


def settings_of(section: str) -> dict[str, Setting]:
    """Return the settings of a section, by key."""
    return {setting.key: setting for setting in SETTINGS if setting.section == section}
