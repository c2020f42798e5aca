"""TLS inside the ends of a connection: links carry what is inside of TLS, and notice nothing.

``spec`` says, as a value, on which side of a proxy there is TLS; ``credentials`` are what it shows
and trusts there, made of the PEM files that ``pem`` reads.  For each connection the ``Opener`` of
its proxy (``opening``) reads the ClientHello (``hello``), dials the backend, and lets both shake
hands (``handshake``); both wait for the peer as ``awaiting`` says.  What results is a ``TlsStream``
(``stream``), which a ``TlsEnd`` (``end``) has in place of its socket: bytes in, bytes out, over
buffers in memory.  It may hold bytes that the poller does not see, for which an ``AheadEnd``
(``ahead``) takes turns.  ``reasons`` says why TLS has failed, ``facts`` what was agreed on.  A
``TlsServer`` (``server``) knows no connection: faults of the handshake play it.

A proxy without TLS imports none of this, nor ``ssl``.
"""
