"""memcached: text commands, meta commands and the binary protocol.  Imports go upwards only.

===============  =================================================================
``wire``         what all files share: requests as parsed, binary headers, statuses
``fault_types``  the kinds of faults, and how each is played
``faults``       the catalogue: which faults there are
``text``         the parsers of text and meta commands and their responses
``binary``       the parsers of the binary protocol
``semantics``    what requests mean to who judges a client
``parser``       the protocol: ``Memcache``, which chooses between ``text`` and ``binary``
===============  =================================================================
"""

from __future__ import annotations

from .parser import Memcache

__all__ = ["Memcache"]
