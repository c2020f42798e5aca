"""SMTP (RFC 5321) and LMTP (RFC 2033).  Imports go upwards only.

===============  =================================================================
``wire``         what all files share: requests and their dialogue, extensions
``fault_types``  the kinds of faults, and how each is played
``faults``       the catalogue: which faults there are, in the words of real servers
``semantics``    what requests mean to who judges a client
``parser``       the protocol: ``Smtp``, with the parsers of requests and responses
===============  =================================================================
"""

from __future__ import annotations

from .parser import Smtp

__all__ = ["Smtp"]
