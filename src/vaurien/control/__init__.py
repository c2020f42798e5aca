"""The control plane: how a running proxy is asked and changed.

``server.Control`` is the one writer: it checks what is asked, has the new plan
applied in the reactor's thread, and answers.  ``classic`` says it in HTTP, in the
words Vaurien always used; ``guard`` keeps other people's web pages out; ``http``
serves all that from a thread of its own.  ``meta`` is the other application that
``http`` serves: it leads to the interfaces of many proxies.  ``statsd`` sends counters.
"""
