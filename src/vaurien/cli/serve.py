"""``vaurien serve``: run many proxies, declared in a file; reload it, and save live changes."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

import click

from .. import plugins
from ..config.configuration import Configuration
from ..config.source import Source
from ..control.server import Control
from ..control.store import Store
from ..errors import OptionError
from ..values.texts import printable
from . import logs
from .command import Flagged, counted
from .flags import SHARED, document_of, flags_named
from .reload import ReloadRequests, Reloads, requests_from_signals, summary
from .resume import resumed
from .run import run_until_signalled
from .running import Running, begin

LOG = logs.LOGGER
HELP = """Run all proxies that a file declares.

FILE is TOML, or the JSON of Toxiproxy. SIGHUP reloads it: proxies that have not changed
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
        OptionError: there is nothing to serve.
        VaurienError: see ``Running`` and ``resumed``.
    """
    begin(configuration)
    configuration.names.adopt()
    found = resumed(store, digest, configuration) if store else None
    if found:
        LOG.info("Resuming from the state in %s", printable(str(store and store.path)))
    elif not digest:
        raise OptionError("--state: no state is saved there yet; start from a --config")
    state, digest = found or (configuration.state, digest)
    source.seed = state.seed  # so that a file which gives none does not change it

    def start(running: Running, closing: ExitStack) -> None:
        control = Control(
            running.reactor,
            running.proxies,
            state,
            find_behavior=configuration.names.behaviors.get,
            store=store,
            config_digest=digest,
        )
        running.start_http(control)
        reloads = Reloads(source, control, configuration, requests, store, running.reopen)
        closing.callback(reloads.end)
        for spec in state.proxies:
            LOG.info("%s", summary(spec, control))
        LOG.info("ready: %s, seed %d", counted(len(state.proxies), "proxy", "proxies"), state.seed)

    return run_until_signalled(replace(configuration, state=state), start, named=True, live=True)


@click.pass_context
def _serve(ctx: click.Context, /, config: str | None, state: str | None, **given: object) -> int:
    del given
    if config is None and state is None:
        raise click.UsageError("--config, or a --state that was saved, is required")
    for flag, file in (("--config", config), ("--state", state)):
        if file == "":
            raise click.UsageError(f"{flag}='' is not allowed: it takes the name of a file")
    requests = requests_from_signals()
    plugins.install()
    source = Source(config or "", plugins.load_named, document_of(ctx.command.params, ctx.params))
    document = source.read()
    configuration = source.understand(document)
    digest = source.digest(document) if config else ""
    return serve_all(source, configuration, digest, Store(state) if state else None, requests)


serve = Flagged(
    "vaurien serve",
    callback=_serve,
    params=[
        click.Option(["--config"], metavar="FILE", help="The configuration."),
        click.Option(["--state"], metavar="FILE", help="Where to save live changes."),
        *flags_named(SHARED),
    ],
    help=HELP,
)
