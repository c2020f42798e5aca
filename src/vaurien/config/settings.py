"""Everything that can be set, one line each: flags, keys of INI files and keys of documents.

The order is that of ``--help``.  Options of plugins are not here: each plugin declares its
own.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..net.spec import Limits
from ..net.tls.spec import MODES, VERSIONS, Tls
from ..values.options import Option, Value
from .setting import Setting, setting

OLDEST = {"local": "proxy", "distant": "backend"}
"""Keys of version 0.1, and what they are called today."""
HANDLERS = frozenset({"dummy", "delay", "error", "hang", "blackout"})
"""The built-in handlers of versions 0.1 to 0.3."""
TLS = "tls"
LOG_FORMATS = ("text", "json")
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
"""Options that every protocol had in earlier versions; they have no effect."""


def _tls(
    name: str,
    text: str,
    metavar: str = "",
    *,
    shown: str | None = None,
    choices: tuple[Value, ...] = (),
) -> Setting:
    """Return the setting of a field of ``Tls``."""
    key = TLS if name == "mode" else f"{TLS}_{name}"
    default: Value = getattr(Tls, name, MODES[0])
    option = Option(key, type(default), default, text, choices)
    return Setting(ENCRYPTION, option, metavar=metavar, of_proxy=f"{TLS}.{name}", shown=shown)


PROXY = "Proxy"
ENCRYPTION = "TLS"
BEHAVIORS = "Behaviors"
LIMITS_AND_TIMES = "Limits and timeouts"
CONTROL = "HTTP control"
STATSD = "Statistics"
LOG = "Log"
WITHOUT_EFFECT = "Without effect, kept for old plugins"

SETTINGS: tuple[Setting, ...] = (
    setting(
        PROXY, "proxy", "localhost:8000", "Address to listen on.", "ADDRESS", of_proxy="listen"
    ),
    setting(
        PROXY, "backend", "localhost:80", "Address of the backend.", "ADDRESS", of_proxy="backend"
    ),
    setting(
        PROXY,
        "protocol",
        "tcp",
        "Protocol of the traffic: {protocols}, or package.module.Class.",
        "NAME",
        of_proxy="protocol",
    ),
    _tls(
        "mode",
        "Where TLS is spoken: terminate, with clients; originate, with the backend; both. pass: "
        "nowhere, but its first message is looked at.",
        "MODE",
        shown="TLS is not looked at",
        choices=MODES,
    ),
    _tls("ca", "Authorities that a backend is verified with.", "FILE", shown="the system's"),
    _tls("cert", "Certificate that clients are shown.", "FILE", shown="made, see 'vaurien ca'"),
    _tls("key", "Its private key.", "FILE", shown="in the same file"),
    _tls(
        "server_name",
        "Name that a backend is asked for, and must have.",
        "NAME",
        shown="the one that the client asks for, else the backend's host",
    ),
    _tls("insecure", "Accept any certificate of a backend."),
    _tls("client_cert", "Certificate for a backend that asks for one.", "FILE", shown="none"),
    _tls("client_key", "Its private key.", "FILE", shown="in the same file"),
    _tls("client_ca", "Authorities that certificates of clients must be of.", "FILE", shown="none"),
    _tls("minimum", "Lowest version of TLS.", "VERSION", choices=VERSIONS),
    setting(
        BEHAVIORS,
        "behavior",
        "100:dummy",
        "Behaviors with their probabilities in percent, such as 5:error,10:delay. At most "
        "one of them applies to an exchange; the rest of the traffic is left alone. "
        "Behaviors: {behaviors}, or package.module.Class.",
        "PERCENT:NAME,...",
        of_proxy="behavior",
    ),
    setting(
        BEHAVIORS,
        "rule",
        "",
        "A behavior that applies independently of others, such as 'delay sleep=2 percent=10'. "
        "Keys: the behavior's options, {keys}, and the labels of the protocol. Repeatable.",
        "'NAME KEY=VALUE ...'",
        of_proxy="rules",
        repeatable=True,
        shown="none",
    ),
    setting(
        BEHAVIORS,
        "profile",
        "",
        "Simulate a kind of network, such as 3g, satellite-geo or wifi-lossy; "
        "'vaurien profiles' lists them.",
        "NAME",
        of_proxy="profile",
        shown="none",
    ),
    setting(
        BEHAVIORS,
        "recipe",
        "",
        "Play an outage, such as redis-failover; 'vaurien recipes' lists them. Repeatable.",
        "NAME",
        of_proxy="recipe",
        repeatable=True,
        shown="none",
    ),
    setting(
        BEHAVIORS,
        "seed",
        0,
        "Random seed: the same seed and the same requests give the same decisions.",
        "NUMBER",
        shown="random",
        minimum=0,
    ),
    setting(
        BEHAVIORS,
        "journal",
        "",
        "Append a line of JSON to this file for each rule that fires.",
        "FILE",
        shown="none",
    ),
    setting(
        BEHAVIORS,
        "replay",
        "",
        "Fire what this journal says, at the same exchanges, and nothing else; or play a "
        "scenario file, whose name ends in .toml.",
        "FILE",
        shown="none",
    ),
    setting(
        LIMITS_AND_TIMES,
        "timeout",
        Limits.timeout,
        "Seconds until an idle connection is closed; 0: never.",
        "SECONDS",
        minimum=0,
    ),
    setting(
        LIMITS_AND_TIMES,
        "connect_timeout",
        Limits.dial_timeout,
        "Seconds to wait for a connection to the backend.",
        "SECONDS",
        minimum=0.001,
    ),
    setting(
        LIMITS_AND_TIMES,
        "max_connections",
        Limits.max_connections,
        "Maximum number of concurrent connections; more wait. 0: no limit.",
        "NUMBER",
        minimum=0,
    ),
    setting(
        LIMITS_AND_TIMES,
        "backlog",
        Limits.backlog,
        "Maximum number of clients that wait to be accepted.",
        "NUMBER",
        minimum=1,
        maximum=2**31 - 1,
    ),
    setting(
        LIMITS_AND_TIMES,
        "drain",
        5.0,
        "Seconds that connections get to finish on SIGTERM or SIGINT; a second one stops at once.",
        "SECONDS",
        minimum=0,
    ),
    setting(
        LIMITS_AND_TIMES,
        "reset_moved",
        False,
        "When SIGHUP changes the backend of a proxy, reset its connections to the old one.",
    ),
    setting(
        LIMITS_AND_TIMES,
        "max_plugin_threads",
        1000,
        "Maximum number of connections in old plugins, which take a thread each; more are refused.",
        "NUMBER",
        minimum=1,
    ),
    setting(CONTROL, "http", False, "Serve the HTTP API, which changes running proxies."),
    setting(CONTROL, "http_host", "localhost", "Host that the API listens on.", "HOST"),
    setting(
        CONTROL,
        "http_port",
        8080,
        "Port that the API listens on; 0: any free one.",
        "PORT",
        minimum=0,
        maximum=PORTS,
    ),
    setting(
        CONTROL,
        "http_socket",
        "",
        "Serve the API on this unix socket, which only its owner may open.",
        "PATH",
        shown="none",
    ),
    setting(
        CONTROL,
        "token_file",
        "",
        "File of the tokens that the API asks for, one a line; 'read TOKEN' may only read. "
        "Otherwise $VAURIEN_TOKEN.",
        "FILE",
        shown="none",
    ),
    setting(
        CONTROL,
        "insecure",
        False,
        "Serve the API without tokens on other addresses than loopback, too.",
    ),
    setting(
        CONTROL,
        "allow_host",
        "",
        "Accept this name in the Host header of requests to the API, too. Repeatable.",
        "NAME",
        repeatable=True,
        shown="none",
    ),
    setting(
        CONTROL,
        "allow_backend",
        "",
        "Allow only such backends, as HOST, HOST:PORT, NETWORK/BITS or unix:/path, with * for "
        "any characters. Repeatable.",
        "PATTERN",
        repeatable=True,
        shown="all",
    ),
    setting(
        CONTROL,
        "port_file",
        "",
        "Write all addresses that are listened on to this file, as JSON.",
        "FILE",
        shown="none",
    ),
    setting(
        CONTROL,
        "toxiproxy_metrics",
        False,
        "Serve Toxiproxy's counters of bytes in /metrics, too, under their own names.",
    ),
    setting(
        STATSD,
        "otel",
        False,
        "Send metrics, and a span for each rule that fires, to an OpenTelemetry collector.",
    ),
    setting(STATSD, "enabled", False, "Send counters to a statsd server.", section="statsd"),
    setting(STATSD, "host", "localhost", "Host of the statsd server.", "HOST", section="statsd"),
    setting(
        STATSD,
        "port",
        8125,
        "UDP port of the statsd server.",
        "PORT",
        section="statsd",
        minimum=1,
        maximum=PORTS,
    ),
    setting(
        STATSD, "prefix", "vaurien", "Prefix of the counters' names.", "TEXT", section="statsd"
    ),
    setting(
        STATSD,
        "sample_rate",
        1.0,
        "Fraction of the counts to send, marked with this rate so that the sums stay correct.",
        "NUMBER",
        section="statsd",
        minimum=0.0001,
        maximum=1,
    ),
    setting(
        LOG, "log_level", "info", "Lowest level to log: {levels}.", "LEVEL", choices=LOG_LEVELS
    ),
    setting(LOG, "log_output", "-", "Log file, or - for standard error.", "FILE"),
    setting(
        LOG,
        "log_format",
        LOG_FORMATS[0],
        "Format of the log: text, or json, which is an object a line.",
        "FORMAT",
        choices=LOG_FORMATS,
    ),
    setting(
        WITHOUT_EFFECT, "stay_connected", False, "Continue when a handler returns a false value."
    ),
    setting(WITHOUT_EFFECT, "sync", False, "Use blocking sockets."),
    setting(WITHOUT_EFFECT, "bufsize", 8192, "Bytes to read at once.", "NUMBER"),
    setting(
        WITHOUT_EFFECT, "pool_max_size", 100, "Maximum number of pooled connections.", "NUMBER"
    ),
    setting(
        WITHOUT_EFFECT, "pool_timeout", 30, "Seconds to wait for a pooled connection.", "SECONDS"
    ),
)

BY_SECTION: Mapping[str, Mapping[str, Setting]] = {
    section: {each.key: each for each in SETTINGS if each.section == section}
    for section in ("vaurien", "statsd")
}
"""By section and key of INI files."""
TOP_OPTIONS: Mapping[str, Option] = {
    each.key: each.option
    for each in BY_SECTION["vaurien"].values()
    if not (each.of_proxy or each.repeatable)
}
"""The keys that documents have outside of any table."""
SEED = TOP_OPTIONS["seed"]
PROTOCOL = BY_SECTION["vaurien"]["protocol"].option
