"""The data plane: moving bytes between clients and backends.

A ``Proxy`` listens, and has a plan.  For each client it accepts, it makes a
``Connection``: two ``End``s, one for each peer, and two ``Link``s, one for each
direction.  A quiet link passes bytes on in the reader's callback.  When a rule
fires, a ``Player`` plays the messages of that link one after the other, as the
behaviors' actions say.  Everything runs in the one thread of a ``Reactor``,
between two of its events, so there is no lock and no task; other threads reach
it through ``Reactor.submit`` alone.  ``System`` is the part of the operating
system that all this uses, and ``simulated`` is its twin for tests.
"""
