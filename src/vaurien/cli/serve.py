"""``vaurien serve``: run many proxies, declared in a file; reload it, and save live changes."""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import replace

import click

from .. import plugins
from ..config import discovery
from ..config.configuration import Configuration
from ..config.document import Document, merged
from ..config.document import Flag as GivenFlag
from ..config.settings import BY_SECTION
from ..config.source import Source
from ..control.store import Store
from ..values.texts import printable
from . import logs
from .command import Flagged, counted, say
from .files import CONFIG_OPTIONS, config_of
from .flags import SHARED, Flag, document_of, flags_named
from .reload import ReloadRequests, Reloads, requests_from_signals, summary
from .resume import resumed
from .run import run_until_signalled
from .running import Running, begin

LOG = logs.LOGGER
ONE_DASH = re.compile(r"-(config|host|port|seed|help)(=|$)")
RUNTIME_METRICS = re.compile(r"--?runtime-metrics(=\w+)?")
"""A flag of ``toxiproxy-server``: metrics of its runtime, which is that of Go."""
PROXY_METRICS = re.compile(r"--?proxy-metrics(?:=(\w+))?")
"""Another one: its counters."""
FALSE = ("0", "f", "F", "FALSE", "false", "False")
"""How Go understands it."""
API = Document({"http": True})
PORT = Document({"http_port": 8474}, origins={("http_port",): GivenFlag("--port")})
"""Where Toxiproxy serves its API."""
HELP = """Run all proxies that a file declares.

Without a file there are none at first, and the HTTP API, on localhost:8474, waits for
clients: those of Toxiproxy, too.

FILE is TOML, or the JSON of Toxiproxy. Without --config it is the first of VAURIEN_CONFIG,
./vaurien.toml, [tool.vaurien] of ./pyproject.toml, ~/.config/vaurien/vaurien.toml and
/etc/vaurien/vaurien.toml; the log says which. SIGHUP reloads it: proxies that have not changed
are not disturbed, and a file with an error changes nothing. SIGTERM and SIGINT let
connections finish, then stop all proxies.

With --state, changes made over HTTP survive restarts, until the configuration itself
changes.
"""


def serve_all(
    source: Source,
    configuration: Configuration,
    digest: str,
    store: Store | None,
    requests: ReloadRequests,
) -> int:
    """Run until a signal ends it; return the exit status.  ``requests``: to reload the file.

    Raises:
        VaurienError: see ``Running`` and ``resumed``.
    """
    begin(configuration)
    configuration.names.adopt()
    found = resumed(store, digest, configuration) if store else None
    if found:
        LOG.info("Resuming from the state in %s", printable(str(store and store.path)))
    state, digest = found or (configuration.state, digest)
    source.seed = state.seed  # so that a file which gives none does not change it

    def start(running: Running, closing: ExitStack) -> None:
        control = running.control(store=store, config_digest=digest)
        running.start_http(control)
        if source.name:
            LOG.info("Configuration: %s", printable(source.name))
        reloads = Reloads(source, control, configuration, requests, store, running.reopen)
        closing.callback(reloads.end)
        for spec in state.proxies:
            LOG.info("%s", summary(spec, control), extra={"proxy": spec.name})
        running.announce()
        reloads.notify = running.notify
        LOG.info("ready: %s, seed %d", counted(len(state.proxies), "proxy", "proxies"), state.seed)

    return run_until_signalled(replace(configuration, state=state), start, named=True, live=True)


OWN_FLAGS = [
    Flag(BY_SECTION["vaurien"][key].option, "vaurien", flag, metavar=metavar, shown=shown)
    for flag, key, metavar, shown in (
        ("--host", "http_host", "HOST", "localhost"),
        ("--port", "http_port", "PORT", "8474"),
    )
]
"""Toxiproxy's names of the address of the API, which is served if one of them is given."""


@click.pass_context
def _serve(ctx: click.Context, /, state: str | None, **given: object) -> int:
    del given
    config = config_of(ctx)
    if state == "":
        raise click.UsageError("--state='' is not allowed: it takes the name of a file")
    requests = requests_from_signals()
    plugins.install()
    variables = discovery.settings()
    flags = merged(variables, document_of(ctx.command.params, ctx.params))
    asked = any(ctx.params[str(flag.name)] is not None for flag in OWN_FLAGS)
    asked = asked or any(flag.key in variables.content for flag in OWN_FLAGS)
    if asked:
        flags = merged(API, flags)
    document = Source(config, plugins.load_named, flags).read()
    alone = not config and flags.find("http_socket") is None
    defaults = Document()
    if asked or (alone and flags.content.get("http") is not False):
        defaults = merged(API, PORT)
    elif merged(document, flags).find("http"):
        defaults = PORT
    source = Source(config, plugins.load_named, flags, defaults)
    configuration = source.understand(document)
    digest = source.digest(document, configuration.state) if config else ""
    return serve_all(source, configuration, digest, Store(state) if state else None, requests)


class Serve(Flagged):
    """A command that takes flags as ``toxiproxy-server`` does, too: ``-port 8474``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        for word in filter(RUNTIME_METRICS.fullmatch, args):
            say(f"warning: {printable(word)} has no effect")
        words = [ours(word) for word in args if not RUNTIME_METRICS.fullmatch(word)]
        return super().parse_args(ctx, words)


def ours(word: str) -> str:
    """Return a flag of ``toxiproxy-server`` as one of this command; any other word as it is."""
    if found := PROXY_METRICS.fullmatch(word):
        return "--no-toxiproxy-metrics" if found[1] in FALSE else "--toxiproxy-metrics"
    return f"-{word}" if ONE_DASH.match(word) else word


serve = Serve(
    "vaurien serve",
    callback=_serve,
    params=[
        *CONFIG_OPTIONS,
        click.Option(["--state"], metavar="FILE", help="Where to save live changes."),
        *OWN_FLAGS,
        *flags_named(SHARED),
    ],
    help=HELP,
)
