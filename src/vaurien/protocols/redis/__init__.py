"""Redis: RESP2 and RESP3.  Imports go upwards only.

=================  ===============================================================
``wire``           RESP: patterns of short messages, sizes, requests encoded
``commands``       the tables of commands: access, keys, replies
``session``        what a connection remembers: requests, a transaction, subscriptions
``arguments``      the arguments of a request, inline or not, and as errors quote them
``fault_types``    the kinds of faults, and how each is played
``server_faults``  the catalogue, first part: errors that do not depend on the command
``faults``         the catalogue: those, and the errors of single commands
``requests``       the parser of requests
``responses``      the parser of responses
``semantics``      what requests mean to who judges a client
``parser``         the protocol: ``Redis``
=================  ===============================================================
"""

from __future__ import annotations

from .parser import Redis

__all__ = ["Redis"]
