"""TLS (RFC 8446, RFC 5246), as far as it can be read without a key.  Imports go upwards only.

===============  =================================================================
``wire``         records, alerts, and the ServerHello
``fault_types``  the kinds of faults, and how each is played
``faults``       the catalogue: which faults there are
``semantics``    what a handshake means to who judges a client
``parser``       the protocol: ``Tls``, with the parsers of requests and responses
===============  =================================================================
"""

from __future__ import annotations

from .parser import Tls

__all__ = ["Tls"]
