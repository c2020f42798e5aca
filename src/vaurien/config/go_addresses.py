"""Addresses as Toxiproxy takes them: those of Go's ``net`` package, with its errors.

There, and here, an address without a host, and ``0.0.0.0``, are all addresses of the machine.
"""

from __future__ import annotations

import socket

from ..errors import AddressError, VaurienError
from ..net.address import EVERYWHERE, Address

PORTS = 65536


class GoError(VaurienError):
    """An error as Go words it, without the operation."""


def parse_listen(text: str) -> Address:
    """Return the address to listen on; an empty text is any free port.

    Raises:
        GoError: it is none.
    """
    host, port = _split(text) if text else ("", "")
    if host in ("", "0.0.0.0"):
        host = EVERYWHERE
    return _checked(host, port)


def parse_upstream(text: str) -> Address:
    """Return the address of a backend; without a host, it is on this machine.

    A text that is no address is ``unusable``: what connects to it fails.

    Raises:
        AddressError: the text is not printable.
    """
    try:
        host, port = _split(text)
        address = _checked(host or "localhost", port)
    except GoError:
        return Address.unusable(text)
    return address if address.port else Address.unusable(text)


def _split(text: str) -> tuple[str, str]:
    """Return the host and the port of an address: Go's ``net.SplitHostPort``.

    Raises:
        GoError: it has none.
    """
    head, colon, port = text.rpartition(":")
    if not colon:
        raise _flawed(text, "missing port in address")
    if not head.startswith("["):
        if ":" in head:
            raise _flawed(text, "too many colons in address")
        host, rest = head, ""
    else:
        host, bracket, rest = head[1:].partition("]")
        if not bracket:
            raise _flawed(text, "missing ']' in address")
        if rest:
            why = (
                "too many colons in address" if rest.startswith(":") else "missing port in address"
            )
            raise _flawed(text, why)
    for each in "[]":
        if each in host or each in port:
            raise _flawed(text, f"unexpected '{each}' in address")
    return host, port


def _checked(host: str, port: str) -> Address:
    number = _port(port)
    try:
        return Address.parse(str(Address(host, number)))
    except AddressError:
        raise GoError(f"lookup {host}: no such host") from None


def _port(text: str) -> int:
    """Return the number of a port, which may be given by the name of its service."""
    if not text:
        return 0
    digits = text[1:] if text[0] in "+-" else text
    if digits.isascii() and digits.isdigit():
        if text[0] == "-" or len(digits) > 9 or int(digits) >= PORTS:
            raise GoError(f"address {text}: invalid port")
        return int(digits)
    try:
        return socket.getservbyname(text.lower())
    except (OSError, UnicodeError, ValueError):
        raise GoError(f"lookup tcp/{text}: unknown port") from None


def _flawed(text: str, why: str) -> GoError:
    return GoError(f"address {text}: {why}")
