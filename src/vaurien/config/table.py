"""Everything that can be set, one line each: a flag and a key of the INI file.

The order is that of ``--help``.  Options of plugins are not here: each plugin
declares its own.
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
"""What every protocol once took, and a full-duplex proxy has no use for."""


@dataclass(frozen=True)
class Setting:
    """One thing that can be set."""

    heading: str
    """Under which ``--help`` lists it."""
    option: Option
    section: str = "vaurien"
    """The section of the INI file."""
    metavar: str = ""
    repeatable: bool = False
    """The flag may be given several times; the key of the file takes one a line."""
    shown: str | None = None
    """The default in words, where it is not a value."""

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
WITHOUT_EFFECT = "Without effect, but old plugins find these in their settings"

SETTINGS: tuple[Setting, ...] = (
    _setting(PROXY, "proxy", "localhost:8000", "Where to listen.", "ADDRESS"),
    _setting(PROXY, "backend", "localhost:80", "Whom to pass the traffic to.", "ADDRESS"),
    _setting(PROXY, "protocol", "tcp", "What the traffic is: {protocols}.", "NAME"),
    _setting(
        TROUBLE,
        "behavior",
        "100:dummy",
        "One behavior at most for each exchange, drawn with these percentages, "
        "such as 5:error,10:delay; what they leave of 100 is untouched. Behaviors: "
        "{behaviors}, or package.module.Class.",
        "PERCENT:NAME,...",
    ),
    _setting(
        TROUBLE,
        "rule",
        "",
        "A behavior with a draw of its own, such as 'delay sleep=2 percent=10'. Keys: "
        "the behavior's options, {keys}, and what the protocol matches on. Repeatable.",
        "'NAME KEY=VALUE ...'",
        repeatable=True,
        shown="none",
    ),
    _setting(
        TROUBLE,
        "profile",
        "",
        "Make connections like those of a kind of network, such as 3g, satellite-geo or "
        "wifi-lossy; 'vaurien profiles' lists them.",
        "NAME",
        shown="none",
    ),
    _setting(
        TROUBLE,
        "seed",
        0,
        "The same seed and the same requests give the same decisions.",
        "NUMBER",
        shown="random",
        minimum=0,
    ),
    _setting(
        TROUBLE,
        "journal",
        "",
        "Write each rule that fires to this file, a line of JSON each.",
        "FILE",
        shown="none",
    ),
    _setting(
        LIMITS,
        "timeout",
        30.0,
        "Close connections that are idle for so long; 0: never.",
        "SECONDS",
        minimum=0,
    ),
    _setting(
        LIMITS,
        "connect_timeout",
        5.0,
        "Give up on a backend that has not answered a connect by then.",
        "SECONDS",
        minimum=0.001,
    ),
    _setting(
        LIMITS,
        "max_connections",
        0,
        "Serve so many clients at once, and let more wait; 0: no limit.",
        "NUMBER",
        minimum=0,
    ),
    _setting(
        LIMITS,
        "backlog",
        8192,
        "How many clients may wait to be accepted.",
        "NUMBER",
        minimum=1,
        maximum=2**31 - 1,
    ),
    _setting(
        LIMITS,
        "drain",
        5.0,
        "How long SIGTERM and SIGINT let connections finish; a second signal ends at once.",
        "SECONDS",
        minimum=0,
    ),
    _setting(
        LIMITS,
        "reset_moved",
        False,
        "When SIGHUP gives a proxy another backend, reset its connections to the old one.",
    ),
    _setting(
        LIMITS,
        "max_plugin_threads",
        1000,
        "How many connections may run in old plugins at once, a thread each; one more is refused.",
        "NUMBER",
        minimum=1,
    ),
    _setting(CONTROL, "http", False, "Serve the API that changes behaviors live."),
    _setting(CONTROL, "http_host", "localhost", "Where it listens.", "HOST"),
    _setting(CONTROL, "http_port", 8080, "And on which port.", "PORT", minimum=0, maximum=PORTS),
    _setting(STATSD, "enabled", False, "Send counters to a statsd server.", section="statsd"),
    _setting(STATSD, "host", "localhost", "Where it is.", "HOST", section="statsd"),
    _setting(
        STATSD,
        "port",
        8125,
        "Its UDP port.",
        "PORT",
        section="statsd",
        minimum=1,
        maximum=PORTS,
    ),
    _setting(
        STATSD,
        "prefix",
        "vaurien",
        "What the counters' names begin with.",
        "TEXT",
        section="statsd",
    ),
    _setting(
        STATSD,
        "sample_rate",
        1.0,
        "Send this share of the counts, marked so that the sums stay true.",
        "NUMBER",
        section="statsd",
        minimum=0.0001,
        maximum=1,
    ),
    _setting(LOG, "log_level", "info", "How much to log: {levels}.", "LEVEL", choices=LOG_LEVELS),
    _setting(LOG, "log_output", "-", "A file, or - for standard error.", "FILE"),
    _setting(WITHOUT_EFFECT, "stay_connected", False, "Go on when one returns something false."),
    _setting(WITHOUT_EFFECT, "sync", False, "Use blocking sockets."),
    _setting(WITHOUT_EFFECT, "bufsize", 8192, "Bytes to read at once.", "NUMBER"),
    _setting(WITHOUT_EFFECT, "pool_max_size", 100, "Connections kept for reuse.", "NUMBER"),
    _setting(WITHOUT_EFFECT, "pool_timeout", 30, "How long to wait for one.", "SECONDS"),
)


def settings_of(section: str) -> dict[str, Setting]:
    """What can be set in a section, by key."""
    return {setting.key: setting for setting in SETTINGS if setting.section == section}
