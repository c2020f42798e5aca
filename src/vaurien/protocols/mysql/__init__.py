"""MySQL and MariaDB: the client/server protocol.  Imports go upwards only.

===============  =================================================================
``wire``         packets, capabilities, length-encoded integers
``commands``     the table of commands, and what is remembered of a request
``statements``   the SQL in a command, for labels
``responses``    where a response ends
``sqlstates``    the SQLSTATE of each error number
``fault_types``  the kinds of faults, and how each is played
``faults``       the catalogue: which faults there are, in the words of both servers
``semantics``    what requests mean to who judges a client
``parser``       the protocol: ``MySQL``, with the parsers of requests and responses
===============  =================================================================
"""

from __future__ import annotations

from .parser import MySQL

__all__ = ["MySQL"]
