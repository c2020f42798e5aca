"""Verdicts on clients: what they did when something failed, from what proxies have seen.

``evidence`` groups the exchanges of a trace into calls, each with its attempts.  Every other
module but ``verdict`` is one rule: what it looks for, and what it may not claim.  ``verdict``
has them all, and says what they found.
"""
