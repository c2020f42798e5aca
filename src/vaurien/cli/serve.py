"""``vaurien serve``: run many proxies, declared in a file; reload it, and save live changes."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace

import click

from .. import plugins
from ..config.configuration import Configuration
from ..config.document import Document, DocumentError, FileKey
from ..config.source import Source
from ..config.state import State
from ..config.understand import understand_state
from ..control.expiry import adjust_ttls
from ..control.server import Control
from ..control.store import DamagedError, Store
from ..control.writer import CONFIG_DIGEST
from ..errors import OptionError
from ..values.texts import printable
from . import logs
from .command import Flagged, counted
from .flags import SHARED, document_of, flags_named
from .reload import ReloadRequests, Reloads, requests_from_signals, summary
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


def resumed(store: Store, digest: str, configuration: Configuration) -> tuple[State, str] | None:
    """Return the saved state, and the digest of the configuration that it is a change of.

    A file that is damaged, or was saved under another configuration than that of ``digest``,
    is moved aside, which is logged.  ``digest`` is empty without a configuration.

    Raises:
        DocumentError, DamagedError: the state cannot be used, and there is no configuration.
        StoreError: the state can neither be used nor moved aside.
    """
    try:
        saved = store.load()
    except DamagedError as error:
        if not digest:
            raise
        LOG.warning("%s; starting from the configuration", error)
        return None
    if saved is None:
        return None
    saved = adjust_ttls(saved, time.time())
    was = str(saved.pop(CONFIG_DIGEST, ""))
    if digest and was != digest:
        why = "was saved under another configuration"
        LOG.warning("%s; starting from the configuration", store.set_aside(why, "replaced"))
        return None
    try:
        return understand_state(Document(saved, FileKey(store.path)), configuration.names), was
    except DocumentError as error:
        if not digest:
            raise
        aside = store.set_aside(f"cannot be understood ({error.problems[0]})")
        LOG.warning("%s; starting from the configuration", aside)
        return None


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
