"""Proxies inside the process of a test, and what they have seen.

``chaos`` starts and stops them: a ``Chaos`` is a reactor in a thread, with the one writer of
``control`` in front.  ``handle`` is what a test holds of each proxy.  ``recording`` notes each
exchange of each connection; ``exchanges`` is what was noted, as values.
"""
