"""Redis: RESP2 and RESP3.  Each file imports only from those above it.

============  ================================================================
``wire``      RESP: patterns of short messages, sizes, requests encoded
``commands``  the tables of commands: access, keys, replies
``session``   what a connection remembers: requests until they are answered, transactions,
              subscriptions
``arguments`` arguments of a request, as errors quote them
``forms``     the kinds of faults, and how each is played
``server``    faults of the server as a whole, and of access to it
``faults``    the catalogue: those, and the faults of single commands
``parser``    the protocol: the parsers of requests and responses
============  ================================================================
"""

from __future__ import annotations

from .parser import Redis

__all__ = ["Redis"]
