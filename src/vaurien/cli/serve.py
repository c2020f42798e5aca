"""``vaurien serve``: many proxies, declared in a file, changed while they run, and kept."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace

import click

from .. import plugins
from ..config.configuration import (
    FLAGS,
    Source,
    Understood,
    counted,
    digest_of,
    flags_named,
    refuse,
)
from ..config.documents import Document, DocumentError
from ..config.state import State
from ..config.understanding import understand
from ..control.expiry import adjust_ttls
from ..control.server import Control
from ..control.store import DamagedError, Store
from ..control.writer import CONFIG_DIGEST
from ..errors import OptionError
from ..values.texts import printable
from . import logs
from .command import Flagged
from .flags import given_by
from .reload import ReloadRequests, Reloads, told, wished_by_signals
from .run import run_until_signalled
from .running import Running, begin

LOG = logs.LOGGER
HELP = """Run the proxies that a file declares: all of them, or none.

FILE is TOML, or the JSON of Toxiproxy. SIGHUP has it read again: what has not changed
goes on, and a file with a mistake changes nothing. SIGTERM and SIGINT let connections
finish, and end it.

With --state, what is changed over HTTP outlasts a restart, until the configuration
itself has changed.
"""


def resumed(store: Store, digest: str, understood: Understood) -> tuple[State, str] | None:
    """The state that was saved, and the digest of the configuration it began with.

    What was saved under another configuration than that of ``digest``, or what is
    damaged, is moved aside, and the log says so.  ``digest`` is empty without one.

    Raises:
        DocumentError, DamagedError: it cannot be used, and there is no configuration.
        StoreError: it cannot be used, nor be moved aside.
    """
    try:
        saved = store.load()
    except DamagedError as error:
        if not digest:
            raise
        LOG.warning("%s; what the configuration says is in force", error)
        return None
    if saved is None:
        return None
    saved = adjust_ttls(saved, time.time())
    was = str(saved.pop(CONFIG_DIGEST, ""))
    if digest and was != digest:
        why = "was saved under another configuration"
        LOG.warning(
            "%s; what the configuration says now is in force", store.set_aside(why, "replaced")
        )
        return None
    try:
        known = replace(understood.known, find_behavior=understood.find_behavior)
        return understand(Document(saved, store.path), known).state, was
    except DocumentError as error:
        if not digest:
            raise
        aside = store.set_aside(f"cannot be understood ({error.problems[0]})")
        LOG.warning("%s; what the configuration says is in force", aside)
        return None


def serve_all(
    source: Source, understood: Understood, digest: str, store: Store | None, wishes: ReloadRequests
) -> int:
    """Run until a signal ends it; returns the exit status.  ``wishes`` to read the file again.

    Raises:
        OptionError: an address cannot be listened on, or there is nothing to serve.
        VaurienError: see ``resumed``.
    """
    begin(understood.settings)
    understood.adopt()
    found = resumed(store, digest, understood) if store else None
    if found:
        LOG.info("Going on with the state in %s", printable(str(store and store.path)))
    elif not digest:
        raise OptionError("--state: nothing is saved there yet; --config says what to begin with")
    state, digest = found or (understood.configuration.state, digest)
    source.seed = state.seed  # so that a file which gives none does not change it
    settings = replace(understood.settings, proxies=state.proxies)

    def start(running: Running, closing: ExitStack) -> None:
        control = Control(
            running.reactor,
            running.proxies,
            state,
            find_behavior=understood.find_behavior,
            store=store,
            config_digest=digest,
        )
        running.start_http(control)
        reloads = Reloads(source, control, understood, wishes, store)
        closing.callback(reloads.end)
        for declared in state.proxies:
            LOG.info("%s", told(declared, control))
        LOG.info("ready: %s, seed %d", counted(len(state.proxies), "proxy", "proxies"), state.seed)

    return run_until_signalled(settings, start, named=True, live=True)


@click.pass_context
def _serve(ctx: click.Context, /, config: str | None, state: str | None, **given: object) -> int:
    del given
    if config is None and state is None:
        raise click.UsageError("--config names the file to serve; or --state one that was saved")
    for flag, file in (("--config", config), ("--state", state)):
        if file == "":
            raise click.UsageError(f"{flag}='' is not allowed: it takes the name of a file")
    wishes = wished_by_signals()
    plugins.install()
    source = Source(config or "", given_by(ctx.command.params, ctx.params))
    try:
        document = source.read()
        understood = source.understand(document)
        digest = digest_of(document) if config else ""
        return serve_all(source, understood, digest, Store(state) if state else None, wishes)
    except DocumentError as error:
        refuse(error)


serve = Flagged(
    "vaurien serve",
    callback=_serve,
    params=[
        click.Option(["--config"], metavar="FILE", help="The proxies, and what else there is."),
        click.Option(["--state"], metavar="FILE", help="Where to keep what is changed live."),
        *flags_named(FLAGS),
    ],
    help=HELP,
)
