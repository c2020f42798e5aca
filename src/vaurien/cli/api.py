"""The API of a process: where it listens, and which tokens it asks for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from ..config.document import Document
from ..config.sections import origin_of
from ..control.sockets import Opened, adopted, on_tcp, on_unix
from ..errors import ListenError, OptionError
from ..net.address import Address
from . import logs

if TYPE_CHECKING:
    from socket import socket

    from ..config.configuration import Configuration
    from ..control.http import ServerThread
    from ..control.server import Control

LOG = logs.LOGGER


def open_api(
    configuration: Configuration, closing: ExitStack, passed: socket | None = None
) -> list[Opened]:
    """Listen wherever the API is served; ``closing`` closes it.

    ``passed``: a socket that takes the place of the configured host and port.

    Raises:
        OptionError: an address cannot be listened on.
    """
    opened: list[Opened] = []

    def add(listen: Callable[[], Opened], *keys: str) -> None:
        with _placed(configuration.document, *keys):
            opened.append(listen())
        closing.callback(opened[-1].close)

    http = configuration.http
    if passed is not None:
        add(lambda: adopted(passed))
    elif http is not None:
        add(lambda: on_tcp(http.host, http.port), "http_host", "http_port")
    if configuration.http_socket:
        add(lambda: on_unix(configuration.http_socket), "http_socket")
    return opened


def start(
    configuration: Configuration, control: Control, opened: list[Opened], token: str = ""
) -> ServerThread:
    """Serve the API of running proxies; ``token``: one more that may change everything.

    Raises:
        OptionError: the tokens cannot be used.
    """
    from ..control.http import start_control
    from ..control.tokens import TokenError, configured, needed

    try:
        tokens = configured(configuration.token_file)
    except TokenError as error:
        place = f"{origin_of(configuration.document, 'token_file')}: "
        raise OptionError(f"{place if configuration.token_file else ''}{error}") from None
    if token:
        tokens = tokens.with_token(token)
    public = [each for each in opened if each.is_public]
    tokens, made = needed(tokens, is_public=bool(public), insecure=configuration.insecure)
    if public and not tokens:
        what = "has no password: anyone who can reach it can use it"
        LOG.warning("The HTTP server on %s %s", public[0].address, what)
    thread = start_control(control, opened, configuration.allow_host, tokens)
    for each in opened:
        LOG.info("Started the HTTP server: %s", url_of(each.address))
    if made:
        show_token(public[0], made)
    return thread


def url_of(address: Address) -> str:
    """Return the URL of the API at an address, or ``unix:/path``."""
    return str(address) if address.path else f"http://{address}"


def local_url(opened: Opened) -> str:
    """Return the URL of the API, with a host that it can be reached at."""
    address = opened.address
    return url_of(Address("localhost", address.port) if opened.is_everywhere else address)


def show_token(opened: Opened, token: str) -> None:
    """Print a token, on standard error even if the log is a file, which others may read."""
    text = "others can reach the API, so it asks for a token; this one is valid until the end"
    sys.stderr.write(f"vaurien: {text}: {local_url(opened)}/#token={token}\n")
    sys.stderr.flush()


@contextmanager
def _placed(document: Document, *keys: str) -> Iterator[None]:
    """Name the settings of an address that cannot be listened on: either may be what is wrong."""
    try:
        yield
    except ListenError as error:
        found = [key for key in keys if document.find(key)] or [keys[-1]]
        place = ", ".join(str(origin_of(document, key)) for key in found)
        raise OptionError(f"{place}: {error.strerror}") from None
