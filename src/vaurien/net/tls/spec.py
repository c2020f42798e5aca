"""How a proxy treats TLS, as a value: what a configuration declares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mode = Literal["pass", "terminate", "originate", "both"]
"""On which side vaurien speaks TLS: on neither, with clients, with the backend, with both."""
MODES: tuple[Mode, ...] = ("pass", "terminate", "originate", "both")
Version = Literal["1.0", "1.1", "1.2", "1.3"]
VERSIONS: tuple[Version, ...] = ("1.0", "1.1", "1.2", "1.3")


@dataclass(frozen=True, kw_only=True)
class Tls:
    """How a proxy treats TLS.  Files are paths of PEM files."""

    mode: Mode
    ca: str = ""
    """Authorities that the certificate of a backend is verified with; "": the system's."""
    cert: str = ""
    """What clients are shown, with what is between it and its authority; "": a certificate of
    vaurien's own authority for the name that the client asks for."""
    key: str = ""
    """The private key of ``cert``; "": it is in the same file."""
    server_name: str = ""
    """The name that a backend is asked for, and verified to have; "": the one that the client
    asks for, else the backend's host."""
    insecure: bool = False
    """Accept any certificate of a backend."""
    client_cert: str = ""
    """What a backend is shown that asks for a certificate."""
    client_key: str = ""
    """The private key of ``client_cert``; "": it is in the same file."""
    client_ca: str = ""
    """Authorities one of which must have signed a certificate of the client; "": it needs none."""
    minimum: Version = "1.2"
    """The lowest version that is spoken."""

    @property
    def with_clients(self) -> bool:
        """Clients speak TLS to vaurien."""
        return self.mode in ("terminate", "both")

    @property
    def with_backend(self) -> bool:
        """Vaurien speaks TLS to the backend."""
        return self.mode in ("originate", "both")
