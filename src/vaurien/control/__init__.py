"""The control plane: it queries and changes proxies that run, and reports what they do.

``server.Control`` is the API: each change is validated and handed to the one
``writer.Writer``, which applies it in the reactor's thread and saves it to the
``store.Store``, if there is one.  ``expiry`` keeps times to live across restarts.

``http`` runs an HTTP server in its own thread.  It serves ``classic``, which maps
routes to ``Control``, or ``meta``, which forwards requests to other vauriens; ``guard``
wraps either of them and keeps out the web pages of other sites.

``statsd`` sends counters, and ``journal`` records the rules that fire.
"""
