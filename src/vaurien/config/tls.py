"""The key ``tls`` of a proxy: a mode, or a table of a mode and more; and what is in its files."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

from ..net.tls.spec import Tls
from ..values.options import Option
from .formatting import Path, format_value
from .problems import Problems
from .settings import BY_SECTION, ENCRYPTION, TLS
from .tables import Table

if TYPE_CHECKING:
    from ..net.address import Address
    from ..net.tls.credentials import Credentials
    from ..protocol import Protocol

MODE = "mode"
TLS_OPTIONS: Mapping[str, Option] = {
    name: replace(setting.option, name=name)
    for setting in BY_SECTION["vaurien"].values()
    if setting.heading == ENCRYPTION
    for name in [setting.path[-1]]
}
"""The keys of the table ``tls`` of a proxy, by the fields of ``Tls``."""
SIDES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "with clients": ("terminate or both", ("cert", "key", "client_ca")),
    "with the backend": (
        "originate or both",
        ("ca", "server_name", "insecure", "client_cert", "client_key"),
    ),
    "on either side": ("terminate, originate or both", ("minimum",)),
}
"""Where TLS must be spoken for a key to mean something: in which modes that is, and the keys."""
PAIRS = (("cert", "key"), ("client_cert", "client_key"))
"""A certificate, and its private key, which may be in a file of its own."""
EVERYWHERE = ("0.0.0.0", "::", "*")
"""What a proxy listens on, if that says nothing of its name."""


class Reading(NamedTuple):
    """What a proxy does about TLS, and with what."""

    tls: Tls | None = None
    credentials: Credentials | None = None


def take_tls(proxy: Table, listen: Address | None, protocol: type[Protocol]) -> Reading:
    """Take the key of a proxy's table; whatever is wrong is a problem of the table's."""
    path, given = proxy.pop(TLS)
    return Reading() if given is None else read_tls(path, given, listen, protocol, proxy.problems)


def read_tls(
    path: Path,
    given: object,
    listen: Address | None,
    protocol: type[Protocol],
    problems: Problems,
) -> Reading:
    """Return what a value of the key says; whatever is wrong is a problem."""
    if isinstance(given, Mapping):
        table = Table(given, path, problems)
        table.need(MODE, TLS_OPTIONS[MODE].allowed)
        where = {key: table.where(key) for key in TLS_OPTIONS}
        values = table.take_all(TLS_OPTIONS)
        table.end()
    else:
        where = {MODE: path}
        mode = problems.parse(path, given, TLS_OPTIONS[MODE])
        values = {} if mode is None else {MODE: mode}
    if MODE not in values:
        return Reading()
    wanted: dict[str, Any] = {
        key: value for key, value in values.items() if key == MODE or _is_given(key, value)
    }
    tls = Tls(**wanted)
    for key, why, allowed in _meaningless(tls, wanted):
        problems.add(where[key], format_value(wanted.pop(key)), why, allowed)
    if not protocol.allows_tls:
        why = f"is not allowed: the protocol {protocol.name} cannot be used where there is TLS"
        problems.add(where[MODE], format_value(tls.mode), why, "no tls")
    if tls.mode == "pass":
        return Reading(tls)
    if protocol.reads_tls:
        why = f"decrypts the TLS that the protocol {protocol.name} is to read"
        problems.add(where[MODE], format_value(tls.mode), why, "pass, or no tls")
    if tls.with_clients and not tls.cert and find_spec("cryptography") is None:
        from ..authority.folder import WITHOUT

        problems.add(where[MODE], format_value(tls.mode), f"is refused: without cert, {WITHOUT}")
    located = {key: (where[key], value) for key, value in wanted.items()}
    return Reading(tls, problems.made(path, located, lambda left: _loaded(left, wanted, listen)))


def _meaningless(tls: Tls, wanted: Mapping[str, object]) -> Iterator[tuple[str, str, str]]:
    """Yield the keys that have no effect, with the reason and what they take.

    The caller takes each out of those wanted before it asks for the next: a key has one reason.
    """
    spoken = {
        "with clients": tls.with_clients,
        "with the backend": tls.with_backend,
        "on either side": tls.mode != "pass",
    }
    for side, (modes, keys) in SIDES.items():
        for key in keys:
            if key in wanted and not spoken[side]:
                why = f"means nothing in the mode {tls.mode}, which speaks no TLS {side}"
                yield key, why, f"the mode {modes}"
    for cert, key in PAIRS:
        if key in wanted and cert not in wanted:
            name = cert.replace("_", "-")
            yield key, f"means nothing without {name}", f"{name}, too"
    if tls.with_backend and tls.insecure and tls.ca:
        yield "ca", "means nothing where insecure accepts any certificate", "no insecure"


def _loaded(
    left: Mapping[str, Any], wanted: Mapping[str, object], listen: Address | None
) -> Credentials:
    """Return what is in the files that are left of those wanted: others are a problem."""
    from ..net.tls.credentials import load

    spoiled = {each for pair in PAIRS if {*pair} & wanted.keys() - left.keys() for each in pair}
    usable = {key: value for key, value in left.items() if key not in spoiled}
    return load(Tls(**usable), _names(listen))


def _names(listen: Address | None) -> list[str]:
    """Return the name by which clients find a proxy that ask for none."""
    host = listen.host if listen else ""
    name = platform.node() if host in EVERYWHERE else host
    return [name] if name else []


def described_tls(tls: Tls) -> dict[str, object]:
    """Return the key with the table that makes it, without what is at its default."""
    given = {key: getattr(tls, key) for key in TLS_OPTIONS}
    return {TLS: {key: each for key, each in given.items() if key == MODE or _is_given(key, each)}}


def _is_given(key: str, value: object) -> bool:
    return value != TLS_OPTIONS[key].default
