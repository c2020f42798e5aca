"""PostgreSQL: the frontend/backend protocol, versions 3.0 and 3.2.  Imports go upwards only.

==================  ==============================================================
``wire``            message types, framing, messages encoded
``statements``      what is known of requests and sessions, and prepared statements
``positions``       what errors say about places in a statement
``fault_types``     the kinds of faults, and how each is played
``session_faults``  the catalogue, first part: sessions that end, or do not begin
``faults``          the catalogue: those, and statements that fail
``requests``        the parser of requests
``responses``       the parser of responses
``semantics``       what requests mean to who judges a client
``parser``          the protocol: ``PostgreSQL``
==================  ==============================================================
"""

from __future__ import annotations

from .parser import PostgreSQL

__all__ = ["PostgreSQL"]
