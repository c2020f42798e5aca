"""``vaurien run``: run a command, with proxies open as long as it runs.

Law: the command behaves like a shell's child.  Its standard streams and its exit status are
untouched, it stays in the process group, and it gets the signals that this process gets.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import click

from .. import plugins, trust
from ..config import discovery
from ..config.configuration import Configuration
from ..config.document import Document, merged
from ..config.source import Source
from ..config.state import PLAIN, fill_in
from ..errors import OptionError
from ..launch import report_ready
from ..net.address import Address
from ..values.texts import digest, printable
from . import logs
from .command import Flagged
from .files import CONFIG_OPTIONS, config_of, nothing_found
from .flags import SHARED, document_of, flags_named
from .running import Running, begin, collect_seldom

if TYPE_CHECKING:
    from ..net.proxy import Proxy

LOG = logs.LOGGER
QUIET = "warning"
"""The default log level: the command shares standard error."""
DEFAULTS = Document({"log_level": QUIET, "http": True, "http_port": 0})
URL = "VAURIEN_URL"
"""The environment variable with the URL of the API."""
PASSED_ON = {
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
}
AWAITED = PASSED_ON | {signal.SIGCHLD}
IGNORED_BY_PYTHON = {signal.SIGPIPE, signal.SIGXFSZ}
"""Signals that Python ignores, and whose default action the command gets back."""
NOT_FOUND = 127
NOT_EXECUTABLE = 126
DIED_OF = 128
"""Added to the number of the signal that killed the command."""
HELP = """Run a command with proxies around it, and exit with its status.

The proxies of the configuration are open before COMMAND starts. It is found as by
'vaurien serve'; --log-level info says where. COMMAND's environment has
their addresses in VAURIEN_NAME_ADDRESS (HOST:PORT), VAURIEN_NAME_HOST and
VAURIEN_NAME_PORT, where NAME is in capitals, with _ for all but letters and digits; and
the variables of [environment] in the file. Port 0 picks a free port.

So that COMMAND can change them, the HTTP API is served on a free port: VAURIEN_URL is its
URL, and VAURIEN_TOKEN the token that it asks for.

\b
  vaurien run --config vaurien.toml -- pytest tests
"""


def environment_of(
    configuration: Configuration, address_of: Callable[[str], Address | None]
) -> dict[str, str]:
    """Return the variables to add to the command's environment.

    Raises:
        AuthorityError: the authority that it is to trust cannot be used.
        OptionError: two proxies have the same variables, or a template cannot be filled in.
    """
    found: dict[str, str] = {}
    if trust.needs_trust(configuration.state.proxies):
        found |= trust.variables()
    owners: dict[str, str] = {}
    proxies = configuration.state.proxies
    words = _words_of(spec.name for spec in proxies)
    for spec in proxies:
        address = address_of(spec.name) or spec.listen
        own = dict(_variables(words[spec.name], address))
        variable = next(iter(own))  # the one that every proxy has
        other = owners.setdefault(variable, spec.name)
        if other != spec.name:
            raise OptionError(
                f"the proxies {other!r} and {spec.name!r} have the same variable: {variable}"
            )
        found |= own
    for name, text in configuration.environment.items():
        found[name] = fill_in(text, address_of)
    return found


def set_token(configuration: Configuration) -> str:
    """Make a token for the command, unless the user has chosen one, or none; return it, or ``""``.

    With a file of tokens, of which the command knows none, it is one more.
    """
    from ..control.tokens import VARIABLE, generate

    if configuration.insecure or os.environ.get(VARIABLE):
        return ""
    token = os.environ[VARIABLE] = generate()
    return token


def _words_of(names: Iterable[str]) -> dict[str, str]:
    """Return a word for the name of each proxy, in capitals.

    Where two are the same, those of names that are not plain end in a part of their digest.
    """
    words = {name: re.sub("[^A-Z0-9]", "_", name.upper()) for name in names}
    alike = Counter(words.values())
    return {
        name: word
        if alike[word] == 1 or PLAIN.fullmatch(name)
        else f"{word}_{digest(name).upper()}"
        for name, word in words.items()
    }


def _variables(word: str, address: Address) -> Iterator[tuple[str, str]]:
    prefix = f"VAURIEN_{word}"
    yield f"{prefix}_ADDRESS", str(address)
    if not address.path:
        yield f"{prefix}_HOST", address.host
        yield f"{prefix}_PORT", str(address.port)


class Child:
    """The running command, and a thread that attends to it.

    Only that thread waits for the command to exit, so no signal can go to another process
    that has been given its process id.
    """

    def __init__(self, words: Sequence[str], mask: Iterable[int]) -> None:
        """Start it.  ``mask``: the signals it blocks; this process blocks all of ``AWAITED``.

        Raises:
            OSError: it cannot be started.
        """
        self._pid = os.posix_spawnp(
            words[0], list(words), os.environ, setsigmask=mask, setsigdef=IGNORED_BY_PYTHON
        )

    def attend(self, then: Callable[[int], None]) -> None:
        """In a thread, forward signals until it exits; call ``then`` with its exit status."""
        threading.Thread(target=self._attend, args=(then,), name="command", daemon=True).start()

    def _attend(self, then: Callable[[int], None]) -> None:
        while True:
            number, reaches_it = _signal()
            if number != signal.SIGCHLD:
                if not reaches_it:
                    os.kill(self._pid, number)
                continue
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                code = os.waitstatus_to_exitcode(status)
                then(code if code >= 0 else DIED_OF - code)
                return


def _signal() -> tuple[int, bool]:
    """Wait for a signal; return its number, and whether the command has got it as well.

    Keys pressed at a terminal signal the whole process group; such signals come from the
    kernel, not from a process.
    """
    if not hasattr(signal, "sigwaitinfo"):
        number = signal.sigwait(AWAITED)
        return number, number in (signal.SIGINT, signal.SIGQUIT) and _has_terminal()
    info = signal.sigwaitinfo(AWAITED)
    return info.si_signo, info.si_code > 0


def _has_terminal() -> bool:
    """Return whether keys pressed at a terminal signal this process group."""
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


def run_around(
    configuration: Configuration, words: Sequence[str], name: str, *, judged: bool = False
) -> int:
    """Run a command with proxies around it; return the exit status.

    ``name``: of the file that the configuration is from.  ``judged``: print the verdict on it.

    Raises:
        OptionError: a proxy cannot be opened, or a file cannot be written.
    """
    begin(configuration)
    configuration.names.adopt()
    # Before there are threads: all of them inherit it, and leave signals to the one that waits.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, AWAITED)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # an ignored signal would not be delivered
    with ExitStack() as closing:
        live = configuration.has_api
        plain = recorded_proxy() if judged else None
        running = Running(configuration, closing, named=True, live=live, plain=plain)
        control = running.control() if live or configuration.otel else None
        if live and control is not None:
            running.start_http(control, set_token(configuration))
            os.environ[URL] = running.api_url
        running.announce()
        os.environ.update(environment_of(configuration, running.proxies.address_of))
        LOG.info("Configuration: %s", printable(name))
        logs.drain()  # whoever waits for it may read the log next
        report_ready()
        early = signal.sigpending() & PASSED_ON
        if early:
            return DIED_OF + int(min(early))  # there is no command to forward it to
        try:
            child = Child(words, mask)
        except OSError as error:
            return _not_started(words[0], error)
        ended: list[int] = []

        def end(status: int) -> None:
            ended.append(status)
            running.reactor.stop()

        child.attend(lambda status: running.reactor.post(partial(end, status)))
        collect_seldom()
        running.reactor.run()
        status = ended.pop()
        for line in running.replayed():
            sys.stderr.write(f"{line}\n")
        failed = judged and verdict_on(running)
        return status or int(failed)


def recorded_proxy() -> type[Proxy]:
    """Return the class of proxies that note each exchange."""
    from ..embedded.recording import RecordedProxy

    return RecordedProxy


def verdict_on(running: Running) -> bool:
    """Print what the command did wrong when something failed; return whether that is a failure."""
    from ..embedded.recording import RecordedProxy
    from ..embedded.trace import Trace
    from ..verdicts.verdict import judge

    seen = {each.name: each.trace() for each in running.proxies if isinstance(each, RecordedProxy)}
    verdict = judge(Trace(seen, running.reactor.clock()))
    sys.stderr.write(f"{verdict.text}\n")
    return verdict.failed


def _not_started(word: str, error: OSError) -> int:
    sys.stderr.write(f"vaurien: {printable(repr(word))} cannot be run: {error.strerror}\n")
    return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE


@click.pass_context
def _run_command(
    ctx: click.Context, /, words: tuple[str, ...], verdict: bool, **given: object
) -> int:
    del given
    config = config_of(ctx)
    if not config:
        raise nothing_found()
    plugins.install()
    flags = merged(discovery.settings(), document_of(ctx.command.params, ctx.params))
    source = Source(config, plugins.load_named, flags, DEFAULTS)
    return run_around(source.understand(source.read()), words, config, judged=verdict)


run_command = Flagged(
    "vaurien run",
    callback=_run_command,
    params=[
        CONFIG_OPTIONS[0],
        click.Option(
            ["--verdict"],
            is_flag=True,
            help="Tell what COMMAND did wrong when something failed; with status 1 if it passes.",
        ),
        *flags_named(SHARED, {"log_level": QUIET, "http": "on", "http_port": "a free one"}),
        click.Argument(
            ["words"], metavar="COMMAND [ARG]...", nargs=-1, required=True, type=click.UNPROCESSED
        ),
    ],
    help=HELP,
    context_settings={"allow_interspersed_args": False},
)
