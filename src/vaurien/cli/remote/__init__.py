"""Commands that drive a running vaurien over its API.

``command`` is what they share: flags, the client, exit statuses; ``output`` has the forms of
what they print, ``notations`` JSON and YAML, and ``entries`` reads KEY=VALUE words.  The
commands are in ``proxies``, ``rules``, ``presets``, ``states``, ``live`` and ``top``, which draws a
``screen``.
"""
