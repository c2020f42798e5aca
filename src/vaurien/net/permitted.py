"""Which addresses a backend may have: those that the user allows, and no cloud's metadata.

A machine in a cloud finds its credentials at a link-local address.  Whoever may create a
proxy must not reach that through it, so such addresses are refused unless a pattern names
them.  A name is judged by the address that it resolves to.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ..errors import AddressError
from .address import Address
from .system import Endpoint

IP = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

ALLOWED = "HOST, HOST:PORT, NETWORK/BITS, [IPV6]:PORT or unix:/path, with * for any characters"
PORTED = re.compile(r"(?:\[([^\[\]]+)\]|([^\[\]:]+))(?::([0-9]{1,5}))?")
"""A host, with brackets around one of IPv6, and a port."""
METADATA: tuple[tuple[Network, str], ...] = tuple(
    (ipaddress.ip_network(network), what)
    for network, what in (
        ("169.254.0.0/16", "a link-local address"),
        ("fe80::/10", "a link-local address"),
        ("100.100.100.200/32", "a cloud's metadata address"),
        ("168.63.129.16/32", "a cloud's metadata address"),
        ("192.0.0.192/32", "a cloud's metadata address"),
        ("fd00:ec2::/32", "a cloud's metadata address"),
        ("fd20:ce::254/128", "a cloud's metadata address"),
    )
)
TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
"""Addresses of IPv4 as NAT64 writes them (RFC 6052)."""


def plain(host: str) -> IP:
    """Return a numeric address; of one that stands for an address of IPv4, that.

    Raises:
        ValueError: it is not numeric.
    """
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address in TRANSLATED:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address


@dataclass(frozen=True)
class Pattern:
    """Backends that are allowed."""

    host: str = ""
    """A host as it is written, in lower case."""
    network: Network | None = None
    port: int = 0
    """0: any."""
    path: str = ""
    """Of a unix socket."""

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """Parse ``HOST``, ``NETWORK/BITS``, either with ``:PORT``, or ``unix:/path``.

        Raises:
            AddressError: it is none of these.
        """
        kind, colon, path = text.partition("unix:")
        if colon and not kind and path:
            return cls(path=path)
        found = PORTED.fullmatch(text)
        host = text if found is None else found[1] or found[2]
        port = int(found[3] or 0) if found else 0
        network = _network(host)
        if port > 65535 or not (_is_host(host) if found and not network else network):
            raise AddressError("is not a pattern of backends", given=text, allowed=ALLOWED)
        return cls(host="" if network else host.lower(), network=network, port=port)

    def matches(self, address: Address, there: IP | None) -> bool:
        """Whether it allows an address as it is written, which resolves to ``there``."""
        if address.path or self.path:
            return bool(address.path) and _is_path_of(self.path, address.path)
        if self.port not in (0, address.port):
            return False
        if self.network is None:
            return fnmatchcase(address.host.lower(), self.host)
        return there is not None and there in self.network


class Permitted:
    """The backends that are allowed; without patterns all, but for those of ``METADATA``."""

    def __init__(self, patterns: Iterable[Pattern] = ()) -> None:
        self._patterns = tuple(patterns)

    def why_not(self, address: Address, endpoint: Endpoint) -> str:
        """Return why an address that resolves to this endpoint is refused, or ``""``."""
        there: IP | None = None
        if not isinstance(endpoint[1], str):
            with suppress(ValueError):  # a simulated one
                there = plain(endpoint[1][0])
        matching = [each for each in self._patterns if each.matches(address, there)]
        for network, what in METADATA:
            if there is not None and there in network:
                if any(each.network and _within(each.network, network) for each in matching):
                    break
                return f"{there} is {what}, which takes --allow-backend {there}"
        return self._why_none(address) if self._patterns and not matching else ""

    def why_never(self, address: Address) -> str:
        """Return why an address is refused whatever its name resolves to, or ``""``."""
        if not self._patterns or any(
            each.network or each.matches(address, None) for each in self._patterns
        ):
            return ""
        return self._why_none(address)

    def _why_none(self, address: Address) -> str:
        return f"{address} is in no --allow-backend"


def _is_path_of(pattern: str, path: str) -> bool:
    """Whether a pattern has a path; ``..`` would lead out of the folder that it names."""
    return path == pattern or (fnmatchcase(path, pattern) and ".." not in path.split("/"))


def _network(text: str) -> Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _is_host(host: str) -> bool:
    return host.isprintable() and not set(host) & set(" /")


def _within(network: Network, other: Network) -> bool:
    return network.version == other.version and (
        int(network.network_address) >= int(other.network_address)
        and int(network.broadcast_address) <= int(other.broadcast_address)
    )
