"""PostgreSQL: the frontend/backend protocol, versions 3.0 and 3.2.  Imports go upwards only.

==================  ==============================================================
``wire``            message types, framing, messages encoded
``statements``      labels of requests, and prepared statements
``fault_types``     the kinds of faults, and how each is played
``session_faults``  the catalogue, first part: sessions that end, or do not begin
``faults``          the catalogue: those, and statements that fail
``parser``          the protocol: ``PostgreSQL``, with the parsers of requests and responses
==================  ==============================================================
"""

from __future__ import annotations

from .parser import PostgreSQL

__all__ = ["PostgreSQL"]
