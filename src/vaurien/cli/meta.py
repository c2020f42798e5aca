"""The command ``meta-vaurien``: serves ``control.meta`` until SIGINT or SIGTERM."""

from __future__ import annotations

import re
import signal
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence

from ..config.settings import LOG_FORMATS
from ..errors import ListenError
from ..values.texts import printable
from ..version import __version__
from .api import show_token, url_of
from .logs import LEVELS, LOGGER, configure

STOPPING = {signal.SIGINT, signal.SIGTERM}

DESCRIPTION = (
    "Serve the HTTP APIs of all vauriens on a host through one port: "
    "a request for /<port>/path is forwarded to /path on that port."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; return the exit status."""
    given = _parser().parse_args(argv)
    # Signals are blocked, not handled: a handler's effect may go unnoticed by a thread that
    # waits for a lock.  The server's threads inherit the mask, so sigwait gets the signals.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        return _serve(given)
    finally:
        while pending := signal.sigpending() & STOPPING:
            signal.sigwait(pending)  # discard it: the process is ending anyway
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(given: Namespace) -> int:
    from ..control.guard import Guard
    from ..control.http import ServerThread
    from ..control.meta import Meta
    from ..control.sockets import on_tcp
    from ..control.tokens import TokenError, configured, needed

    try:
        configure(given.log_level, given.log_output, given.log_format)
        tokens = configured(given.token_file)
        opened = on_tcp(given.host, given.port)
    except ListenError as error:
        return _refused(f"--host, --port: {error.strerror}")
    except TokenError as error:
        return _refused(f"--token-file: {error}" if given.token_file else str(error))
    except OSError as error:
        return _refused(f"--log-output: {given.log_output!r}: {error.strerror}")
    tokens, made = needed(tokens, is_public=opened.is_public, insecure=given.insecure)
    guard = Guard(Meta(given.host), [given.host, *given.allow_host], tokens)
    server = ServerThread(guard, [opened])
    LOGGER.info("Started the meta server: %s", url_of(server.address))
    if made:
        show_token(opened, made)
    signal.sigwait(STOPPING)
    server.stop()
    LOGGER.info("Bye!")
    return 0


def _refused(text: str) -> int:
    sys.stderr.write(f"{printable(text)}\n")
    return 2


def _parser() -> ArgumentParser:
    parser = ArgumentParser("meta-vaurien", description=DESCRIPTION)
    add = parser.add_argument
    add("--version", action="version", version=__version__)
    add(
        "--host",
        default="localhost",
        help="host to listen on and forward to (default: %(default)s)",
    )
    add("--port", type=_port, default=9998, help="port to listen on (default: %(default)s)")
    add("--token-file", default="", metavar="FILE", help="tokens to ask for (default: none)")
    add(
        "--insecure",
        action="store_true",
        help="ask for no token on other addresses than loopback, too",
    )
    add(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="accept this name in the Host header, too",
    )
    level = "lowest level to log (default: %(default)s)"
    add("--log-level", type=str.lower, choices=list(LEVELS), default="info", help=level)
    add("--log-output", default="-", metavar="FILE", help="log file, or - for standard error")
    form = "format of the log (default: %(default)s)"
    add("--log-format", type=str.lower, choices=LOG_FORMATS, default="text", help=form)
    return parser


def _port(text: str) -> int:
    if re.fullmatch("[0-9]{1,5}", text) and int(text) < 65536:
        return int(text)
    raise ArgumentTypeError(f"{text!r} is not a port: a number from 0 to 65535")
