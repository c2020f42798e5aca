"""HTTP/1.0 and HTTP/1.1.  Imports go upwards only.

=================  ===============================================================
``members``        members of a JSON object, found while it arrives
``llm``            requests to the APIs of language models, and their labels
``heads``          the wire format: what a head says, and how the body is framed
``events``         the events in a body: server-sent events, JSON lines
``statuses``       the table of status codes, with the texts of error pages
``fault_types``    the kinds of faults, and how each is played
``event_faults``   how faults act on the events of a stream ...
``llm_errors``     the errors of the APIs of language models
``rate_limits``    their limits, counted down
``stream_faults``  ... that stalls, slows down, breaks off or loses its order ...
``edited_faults``  ... or says something else
``llm_faults``     the part of the catalogue that is about these
``faults``         the catalogue: which faults there are
``semantics``      what requests mean to who judges a client
``parser``         the protocol: ``Http``, with the parsers of requests and responses
=================  ===============================================================
"""

from __future__ import annotations

from .parser import Http

__all__ = ["Http"]
