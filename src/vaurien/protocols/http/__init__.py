"""HTTP/1.0 and HTTP/1.1.  Imports go upwards only.

===============  =================================================================
``heads``        the wire format: what a head says, and how the body is framed
``statuses``     the table of status codes, with the texts of error pages
``fault_types``  the kinds of faults, and how each is played
``faults``       the catalogue: which faults there are
``semantics``    what requests mean to who judges a client
``parser``       the protocol: ``Http``, with the parsers of requests and responses
===============  =================================================================
"""

from __future__ import annotations

from .parser import Http

__all__ = ["Http"]
