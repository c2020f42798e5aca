"""The tables ``[proxies.NAME]`` of a document, as proxies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from ..errors import OptionError, UnknownNameError, VaurienError
from ..net.address import ALLOWED, Address
from ..net.loops import Loops, literal
from ..net.spec import Limits, ProxySpec, matching
from ..protocol import Protocol
from ..rules.notation import Entry, FindBehavior, parse_mix
from ..rules.plan import NAME_ALLOWED, is_name
from ..values.options import Configured, Option, Value, options_of
from .entries import Entries, LocatedEntry, entries_in
from .formatting import Path, format_value
from .problems import Problems, nearest
from .settings import PROTOCOL, SEED, TLS
from .state import LIMITS, place_of, talks_to_itself
from .tables import Table

if TYPE_CHECKING:
    from ..net.tls.credentials import Credentials
    from ..net.tls.spec import Tls
    from .presets import Presets

FindProtocol = Callable[[str], Configured[Protocol]]

ENABLED = Option("enabled", bool, True, "whether it listens")
START = Option("start", float, 0.0, "seconds until the recipe begins", minimum=0)
RECIPE = Option("recipe", str, "", "the name of a recipe")
OPTIONS = {option.name: option for option in (SEED, ENABLED, *LIMITS.values())}
"""Keys of a proxy that are plain options."""
BOTH = "both"
"""The mode of a proxy in which a protocol may decrypt what is inside of TLS."""
ANYWHERE = Address("localhost", 0)
"""Where a proxy listens by default: any free port."""


def limits_of(values: Mapping[str, Value], otherwise: Limits) -> Limits:
    """Return the limits that these options set; the others are those of ``otherwise``."""
    given: dict[str, Any] = {
        field: values[option.name] for field, option in LIMITS.items() if option.name in values
    }
    return replace(otherwise, **given) if given else otherwise


@cache
def presets() -> Presets:
    """Return the predefined rules; most proxies have none."""
    from .presets import Presets

    return Presets()


class ProxyReader:
    """Reads the proxies of a document."""

    def __init__(
        self,
        find_behavior: FindBehavior,
        find_protocol: FindProtocol,
        problems: Problems,
        *,
        written: bool = True,
    ) -> None:
        """``written``: a user wrote the document; otherwise it was saved."""
        self._written = written
        self._find_behavior = find_behavior
        self._find_protocol = find_protocol
        self._problems = problems

    def read(self, top: Table, limits: Limits, seed: int) -> tuple[ProxySpec, ...]:
        """Take all proxies; see ``proxy``."""
        proxies = [
            (table.path, self.proxy(name, table, limits, seed))
            for name, table in top.tables("proxies")
        ]
        self.check_addresses(proxies)
        return tuple(proxy for _, proxy in proxies)

    def proxy(self, name: str, table: Table, limits: Limits, seed: int) -> ProxySpec:
        """Take all keys of a proxy; what is wrong has its default or is left out.

        ``limits`` and ``seed`` are those of a proxy that sets none.
        """
        if not is_name(name):
            self._problems.add(
                table.path, why=f"is named {format_value(name)}", allowed=NAME_ALLOWED
            )
        listen = self._address(table, "listen", Address.parse_listen)
        table.need("backend", ALLOWED)
        backend = self._address(table, "backend", Address.parse_backend)
        protocol, likely = self._protocol(table)
        plugin = protocol.plugin if protocol else Protocol
        tls, credentials = self._tls(table, listen, plugin)
        made = self._with_options(protocol, table, tls)
        if made.decrypts and tls is None:
            from .tls import read_tls

            where = (*table.path, TLS)
            tls, credentials = read_tls(where, BOTH, listen, plugin, self._problems)
        values = table.take_all(OPTIONS)
        entries = Entries(
            self._find_behavior,
            matching(protocol.plugin, tls) if protocol else None,
            self._problems,
            likely=[matching(each, tls) for each in likely],
            written=self._written,
        )
        spec = ProxySpec(
            name=name,
            listen=listen or ANYWHERE,
            backend=backend or ANYWHERE,
            protocol=made,
            plan=entries.plan(
                self._entries(table, protocol),
                table.where("rules"),
                int(values.get(SEED.name, seed)),
            ),
            limits=limits_of(values, limits),
            tls=tls,
            credentials=credentials,
            enabled=values.get(ENABLED.name) is not False,
        )
        table.end()
        return spec

    def _tls(
        self, table: Table, listen: Address | None, protocol: type[Protocol]
    ) -> tuple[Tls | None, Credentials | None]:
        if TLS not in table:
            table.pop(TLS)
            return None, None
        from .tls import take_tls

        return take_tls(table, listen, protocol)

    def _address(self, table: Table, key: str, parse: Callable[[str], Address]) -> Address | None:
        path, text = table.text(key)
        try:
            return parse(text) if text else None
        except VaurienError as error:
            self._problems.add_error(path, text, error)
        return None

    def _protocol(self, table: Table) -> tuple[Configured[Protocol] | None, list[type[Protocol]]]:
        """Return the protocol of a proxy; or None, and those that may be meant."""
        path, name = table.text("protocol", str(PROTOCOL.default))
        try:
            return self._find_protocol(name), []
        except VaurienError as error:
            self._problems.add_error(path, name, error)
            known = error.known if isinstance(error, UnknownNameError) else []
        likely = list(filter(None, [nearest(name, known)])) or known
        return None, [self._find_protocol(each).plugin for each in likely]

    def _with_options(
        self, protocol: Configured[Protocol] | None, table: Table, tls: Tls | None
    ) -> Protocol:
        inner = table.table("options")
        options = inner.plain()
        if protocol is None:
            return Protocol()
        decrypting = protocol.plugin.decrypting
        both = tls is not None and tls.mode == BOTH
        for key, value in decrypting.items() if both else ():
            otherwise = (*inner.path, key), protocol.defaults.get(key, value)
            path, given = options.get(key, otherwise)
            options[key] = path, value
            if given != value:
                why = f"contradicts tls = {BOTH} of the proxy"
                self._problems.add(path, format_value(given), why, format_value(value))
        known = options_of(protocol.plugin)
        for key in [key for key in options if key not in known and not protocol.plugin.open_ended]:
            self._problems.add_unknown(*options.pop(key), known)
        made = self._problems.made(inner.path, options, protocol.make) or protocol.plugin()
        if made.decrypts and tls is not None and not both:
            for key, value in decrypting.items():
                why = f"needs tls = {BOTH} of the proxy, which has {tls.mode}"
                self._problems.add((*inner.path, key), format_value(value), why)
            return protocol.plugin()
        return made

    def _entries(
        self, table: Table, protocol: Configured[Protocol] | None
    ) -> Iterator[LocatedEntry]:
        """Yield all entries in order: of the mix, the profile, the recipes, and the rules."""
        given = "behavior" in table
        path, mix = table.text("behavior")
        if given and not mix:
            self._problems.add(path, format_value(mix), allowed="PERCENT:NAME,...")
        yield from self._mix(path, mix)
        path, profile = table.text("profile")
        if profile:
            yield from self._brought(path, profile, presets().profile)
        for path, recipe, start in self._recipes(table):
            make = partial(recipe_for, protocol.plugin if protocol else None, start)
            yield from self._brought(path, recipe, make)
        yield from entries_in(table)

    def _mix(self, path: Path, text: str) -> Iterator[LocatedEntry]:
        """Yield the entries of a mix; none if it has problems."""
        found = len(self._problems.found)
        entries = self._parts(path, text)
        for name in dict.fromkeys(str(entry["behavior"]) for entry in entries):
            try:
                self._find_behavior(name)
            except VaurienError as error:
                self._problems.add_error(path, name, error)
        if len(self._problems.found) == found:
            yield from (LocatedEntry(path, entry, text) for entry in entries)

    def _parts(self, path: Path, text: str) -> list[Entry]:
        """Return the well-formed parts of a mix; others, and a sum too high, are problems."""
        if not text:
            return []
        try:
            return parse_mix(text)
        except OptionError as error:
            entries: list[Entry] = []
            wrong: list[OptionError] = []
            for part in text.split(","):
                try:
                    entries += parse_mix(part)
                except OptionError as problem:
                    wrong.append(problem)
            if wrong:
                self._problems.add(path, format_value(text), f"is not a mix: {wrong[0]}")
            else:
                self._problems.add_error(path, text, error)
            return entries

    def _brought(
        self, path: Path, text: str, make: Callable[[str], Iterable[Entry]]
    ) -> Iterator[LocatedEntry]:
        """Yield the entries that a text stands for."""
        try:
            entries = make(text) if text else ()
        except VaurienError as error:
            self._problems.add_error(path, text, error)
        else:
            yield from (LocatedEntry(path, entry, text) for entry in entries)

    def _recipes(self, table: Table) -> Iterator[tuple[Path, str, float]]:
        """Yield the path, the name and the start of each recipe of a proxy."""
        for path, given in table.one_or_more("recipe"):
            if isinstance(given, Mapping):
                inner = Table(given, path, self._problems)
                inner.need("name", RECIPE.help)
                at, name = inner.text("name")
                yield at, name, float(inner.take(START) or 0.0)
                inner.end()
            else:
                yield path, str(self._problems.parse(path, given, RECIPE) or ""), 0.0

    def check_addresses(self, proxies: Sequence[tuple[Path, ProxySpec]]) -> None:
        """Check that no two proxies listen in one place, and that none leads back to itself."""
        taken: dict[tuple[str, int, str], str] = {}
        loops = Loops()
        for path, proxy in proxies:
            if talks_to_itself(proxy):
                why = "is where the proxy itself listens"
                self._problems.add((*path, "backend"), format_value(str(proxy.backend)), why)
            place = place_of(proxy.listen)
            if place is None or not proxy.enabled:
                continue
            if place in taken:
                why = f"is where the proxy {taken[place]!r} listens"
                self._problems.add((*path, "listen"), format_value(str(proxy.listen)), why)
            taken.setdefault(place, proxy.name)
            loops.listen(proxy.name, literal(proxy.listen))
        for path, proxy in proxies:
            if not loops.has_port(proxy.backend) or talks_to_itself(proxy):
                continue
            for endpoint in literal(proxy.backend):
                try:
                    loops.enter(proxy.name, endpoint)
                except OSError as error:
                    why = f"is refused: {error.strerror}"
                    self._problems.add((*path, "backend"), format_value(str(proxy.backend)), why)
                    break


def recipe_for(protocol: type[Protocol] | None, start: float, name: str) -> list[Entry]:
    """Return the rules of a recipe, which must be for this protocol if that is known.

    Raises:
        UnknownNameError: there is none of this name.
        OptionError: it is for another protocol.
    """
    entries = presets().recipe(name, start)
    needed = presets().recipes[name].protocol
    if needed and protocol and needed not in [getattr(base, "name", "") for base in protocol.mro()]:
        raise OptionError(f"is for the protocol {needed}, not {protocol.name}", given=name)
    return entries
