"""The data plane: moving bytes between clients and backends.

A ``Proxy`` has a listener, a backend, a protocol and a plan.  For each client it makes a
``Connection`` with two ``End``s, one for each peer, and two ``Link``s, one for each
direction.  A quiet link forwards bytes in the callback that reads them.  Otherwise
``Framing`` cuts messages out of them, ``Decisions`` say which rules fire, and a ``Player``
plays the link's messages in order, as the actions of behaviors say.  ``Hooks`` run what
behaviors do when there is no message.

Everything runs in the one thread of a ``Reactor``, one event at a time, so there are no
locks and no tasks; other threads reach it only through ``Reactor.submit`` and ``post``.
``System`` is the part of the operating system that all this uses, and ``simulated``
replaces it in tests.
"""
