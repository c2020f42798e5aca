"""Addresses of listeners and backends, in the form that users write."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from ..errors import AddressError

PATH_LIMIT = 107 if sys.platform == "linux" else 103
"""Maximum length of a unix socket's path, in bytes."""
EVERYWHERE = "::"
"""The host that stands for all addresses of the machine, of both families."""
ALLOWED = "HOST:PORT, [IPV6]:PORT or unix:/path"
UNUSABLE = "invalid://"
"""What a text that is no address is written with."""
NO_PORT = -1


@dataclass(frozen=True)
class Address:
    """A host and a port, or the path of a unix socket; or a text that is neither, as the host."""

    host: str
    port: int
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> Address:
        """Parse ``HOST:PORT``, ``[IPV6]:PORT``, ``unix:/path`` or what ``unusable`` returns.

        Raises:
            AddressError: it is none of these, or the port is not from 0 to 65535.
        """
        if text.startswith(UNUSABLE):
            return cls.unusable(text.removeprefix(UNUSABLE))
        if text.startswith("unix:"):
            path = text.removeprefix("unix:")
            if not path or "\0" in path:
                raise _not_an_address(text, ALLOWED)
            if len(path.encode(errors="surrogatepass")) > PATH_LIMIT:
                raise _not_an_address(text, f"a path of at most {PATH_LIMIT} bytes")
            return cls("", 0, path)
        host, colon, port = text.rpartition(":")
        bracketed = host.startswith("[") and host.endswith("]")
        if bracketed:
            host = host[1:-1]
        if (
            not (colon and host and port.isascii() and port.isdigit())
            or not host.isprintable()
            or " " in host
            or bracketed != (":" in host)
        ):
            raise _not_an_address(text, ALLOWED)
        if len(port) > 5 or int(port) > 65535:
            raise _not_an_address(text, "a port from 0 to 65535")
        return cls(host, int(port))

    @classmethod
    def unusable(cls, text: str) -> Address:
        """Return the address that stands for a text that is none: its use fails, and says so.

        Raises:
            AddressError: the text is not printable.
        """
        if not text.isprintable():
            raise _not_an_address(text, "printable characters")
        return cls(text, NO_PORT)

    @property
    def usable(self) -> bool:
        """It can be listened on, or connected to."""
        return self.port != NO_PORT

    @classmethod
    def parse_listen(cls, text: str) -> Address:
        """Parse an address to listen on; ``:PORT`` is all addresses of the machine.

        Raises:
            AddressError: see ``parse``.
        """
        return cls.parse(f"[{EVERYWHERE}]{text}" if text.startswith(":") else text)

    @classmethod
    def parse_backend(cls, text: str) -> Address:
        """Parse the address of a backend, whose port cannot be 0.

        Raises:
            AddressError: see ``parse``, or the port is 0.
        """
        address = cls.parse(text)
        if not address.path and not address.port:
            allowed = f"{ALLOWED}, the port not 0"
            raise AddressError("is not a backend", given=text, allowed=allowed)
        return address

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        if not self.usable:
            return f"{UNUSABLE}{self.host}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _not_an_address(text: str, allowed: str) -> AddressError:
    return AddressError("is not an address", given=text, allowed=allowed)
