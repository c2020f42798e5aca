"""The data plane: moving bytes between clients and backends.

A ``Proxy`` listens, and has a plan.  For each client that it accepts, it creates a
``Connection``: two ``End``s, one for each peer, and two ``Link``s, one for each direction.  A
quiet link passes bytes on in the reader's callback.  Otherwise ``Framing`` cuts messages out of
them, ``Decisions`` say which rules fire, and a ``Player`` plays the messages of the link one
after the other, as the behaviors' actions say.  ``Hooks`` run what behaviors do when there is
no message.

Everything runs in the one thread of a ``Reactor``, between two of its events, so there is no
lock and no task; other threads reach it through ``Reactor.submit`` alone.  ``System`` is the
part of the operating system that all this uses, and ``simulated`` is its twin for tests.
"""
