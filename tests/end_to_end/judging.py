"""What verdicts say of real clients."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import vaurien
from vaurien.embedded.handle import ProxyHandle
from vaurien.net.address import Address

Client = Callable[[ProxyHandle], None]
"""Does its work with the backend of a proxy; what fails in the end, it raises."""


def found(backend: Address, protocol: str, client: Client, behavior: str, **rule: object) -> str:
    """The findings on a client under a rule, in words: ``FAIL repeated-effect, WARN gave-up``.

    With ``behavior=""`` there is no rule.
    """
    with vaurien.chaos(seed=1) as chaos:
        proxy = chaos.proxy(str(backend), protocol=protocol)
        applied = proxy.add_rules({"behavior": behavior, **rule}) if behavior else ()
        with contextlib.suppress(Exception):  # whether it succeeds is not what is judged
            client(proxy)
        proxy.remove_rules(each.name for each in applied)  # what it holds passes
        assert not behavior or proxy.fired
        findings = proxy.verdict().findings
    return ", ".join(dict.fromkeys(f"{each.level} {each.rule}" for each in findings))
