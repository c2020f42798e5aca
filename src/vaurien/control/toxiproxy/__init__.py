"""The HTTP API of Toxiproxy 2.12, as a view of the proxies that run.

``app`` routes requests, and ``proxies`` and ``toxics`` do what they ask for: a proxy there is
a proxy here, a toxic is a rule.  ``decoding`` reads JSON as Go does, and ``answers`` writes it so.

Law: nothing is kept here.  Whatever a request makes is part of the one ``State``, and goes
through the one ``Writer``.
"""
