"""The state: all proxies of a process, each with its plan, as one value; and as a document.

``to_document`` is the inverse of ``understand_state``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from ..errors import OptionError, UnknownNameError
from ..net.address import Address
from ..net.loops import literal, reaches
from ..net.spec import ProxySpec
from ..protocol import Protocol
from ..rules.notation import describe
from ..values.options import Option, Value
from .settings import TOP_OPTIONS

LIMITS: Mapping[str, Option] = {
    "timeout": TOP_OPTIONS["timeout"],
    "dial_timeout": TOP_OPTIONS["connect_timeout"],
    "max_connections": TOP_OPTIONS["max_connections"],
    "backlog": TOP_OPTIONS["backlog"],
}
"""By the fields of ``Limits``; for one proxy, or at the top of a document for all."""
GENERATION = Option("generation", int, 0, "how often the state has changed", minimum=0)
PLACE = re.compile(r"\{([^{}]+)\}")
"""The placeholder of a proxy's address in the text of an environment variable ..."""
PLAIN = re.compile(r"[A-Za-z0-9._-]+")
"""... which it certainly is if it is such a name; other braces may stand for themselves."""


@dataclass(frozen=True)
class State:
    """The wanted state of all proxies."""

    proxies: tuple[ProxySpec, ...] = ()
    generation: int = 0
    seed: int = 0
    """The seed of proxies without one of their own."""

    def get(self, name: str) -> ProxySpec | None:
        """Return the proxy of this name, if there is one."""
        return next((proxy for proxy in self.proxies if proxy.name == name), None)

    def with_proxy(self, spec: ProxySpec) -> State:
        """Return the next state, with a proxy in place of the one of its name, or at the end."""
        others = tuple(spec if proxy.name == spec.name else proxy for proxy in self.proxies)
        new = () if self.get(spec.name) is not None else (spec,)
        return replace(self, proxies=(*others, *new), generation=self.generation + 1)

    def without_proxy(self, name: str) -> State:
        """Return the next state, without a proxy.

        Raises:
            UnknownNameError: there is none of this name.
        """
        if self.get(name) is None:
            raise UnknownNameError("proxy", name, [proxy.name for proxy in self.proxies])
        left = tuple(proxy for proxy in self.proxies if proxy.name != name)
        return replace(self, proxies=left, generation=self.generation + 1)


def place_of(address: Address) -> tuple[str, int, str] | None:
    """Return what only one proxy can listen on; None for any free port, and for no address."""
    if address.port <= 0 and not address.path:
        return None
    return address.host.lower(), address.port, address.path


def talks_to_itself(proxy: ProxySpec) -> bool:
    """Whether a proxy's backend is where it listens, as far as that is known without a lookup."""
    listen, backend = proxy.listen, proxy.backend
    place = place_of(listen)
    if place is None or listen.port != backend.port:
        return False
    return place == place_of(backend) or any(
        reaches(there, here) for there in literal(backend) for here in literal(listen)
    )


def to_document(state: State) -> dict[str, object]:
    """Return the document of a state: texts, numbers, lists and tables.

    ``understand_state`` makes an equal state of it, but for the generations of the plans,
    which are counted when plans are applied.
    """
    return {
        "generation": state.generation,
        "seed": state.seed,
        "proxies": {proxy.name: _described(proxy, state.seed) for proxy in state.proxies},
    }


def _described(proxy: ProxySpec, seed: int) -> dict[str, object]:
    document: dict[str, object] = {
        "listen": str(proxy.listen),
        "backend": str(proxy.backend),
        "protocol": proxy.protocol.name,
        "options": _described_options(proxy.protocol),
        "enabled": proxy.enabled,
        **{option.name: getattr(proxy.limits, name) for name, option in LIMITS.items()},
        **_described_tls(proxy),
        "rules": [describe(rule) for rule in proxy.plan.rules],
    }
    return document if proxy.plan.seed == seed else {**document, "seed": proxy.plan.seed}


def _described_options(protocol: Protocol) -> dict[str, Value]:
    """Return the options of a protocol, without those that follow from the proxy's ``tls``."""
    implied = protocol.decrypting if protocol.decrypts else ()
    return {key: value for key, value in protocol.settings().items() if key not in implied}


def _described_tls(proxy: ProxySpec) -> dict[str, object]:
    if proxy.tls is None:
        return {}
    from .tls import described_tls

    return described_tls(proxy.tls)


def fill_in(text: str, address_of: Callable[[str], Address | None]) -> str:
    """Return a text with the addresses of proxies filled in.

    ``{NAME}`` is ``HOST:PORT`` of the proxy NAME, or ``unix:/path``; ``{NAME.host}`` and
    ``{NAME.port}`` are its parts.

    Raises:
        OptionError: there is no such proxy, or its address has no host and port.
    """

    def fill(found: re.Match[str]) -> str:
        whole = address_of(found[1])
        if whole is not None:
            return str(whole)
        name, _, part = found[1].rpartition(".")
        address = address_of(name) if part in ("host", "port") else None
        if address is None:
            if not PLAIN.fullmatch(found[1]):
                return found[0]
            raise OptionError("stands for no proxy", given=found[0])
        if address.path:
            raise OptionError(f"stands for nothing: {address} has no {part}", given=found[0])
        return str(getattr(address, part))

    return PLACE.sub(fill, text)
