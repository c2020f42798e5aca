"""The native HTTP API, ``/v1``, as a view of the proxies that run.

``app`` finds the route of a request in the ``routes``, which ``table`` collects, and answers
errors as ``problems`` says (RFC 9457).  ``bodies`` reads JSON.  ``proxies`` has the handlers of
proxies, and ``status`` what proxies and rules have counted; ``connections``, ``events`` and
``health`` have those of their names.

Law: nothing is kept here.  A request that changes something becomes a ``Change``, a function from
the ``State`` to the next one, which goes through the one ``Writer``.
"""
