"""The native HTTP API, ``/v1``, as a view of the proxies that run.

``app`` finds the route of a request in the ``routes``, which ``table`` collects, and answers
errors as ``problems`` says (RFC 9457).  ``bodies`` reads and writes JSON.  ``resources`` makes
proxies and rules of what users send, and shows them; ``status`` adds what they have counted.

The handlers are in ``state``, ``proxies``, ``rules``, ``presets``, ``connections``, ``events``,
``live`` and ``health``; ``changes`` composes those that change the state.  ``streams`` sends
server-sent events.  ``dashboard`` answers the page that shows it all, which is in ``page``.
``differences`` tells what a change changes.  ``catalogue`` lists what there is to choose from.
``openapi`` describes the API, with the ``schemas``, and ``page`` has what shows it in a browser.

Law: nothing is kept here.  A request that changes something becomes a ``Change``, a function from
the ``State`` to the next one, which goes through the one ``Writer``.
"""
