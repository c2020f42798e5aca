"""What a document comes to: a state, and what else it says of the process.

::

    seed = 42
    timeout = 60

    [behaviors.delay]
    sleep = 2

    [environment]
    REDIS_URL = "redis://{cache}/0"

    [proxies.cache]
    listen = "localhost:6380"
    backend = "localhost:6379"
    protocol = "redis"
    behavior = "20:delay"
    profile = "3g"
    rules = [{ behavior = "hang", times = 1 }]

What a document may name is an argument, ``Known``: nothing here knows a plugin, or what
the process can be told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar
from typing import Protocol as Interface

from ..behavior import Behavior
from ..errors import OptionError, UnknownNameError, VaurienError
from ..net.address import ALLOWED, Address
from ..net.spec import Limits, ProxySpec
from ..protocol import Protocol
from ..rules.notation import Entry, FindBehavior, parse_mix
from ..rules.plan import NAME
from ..values.options import Configurable, Option, Value, options_of
from .documents import INVALID, Document, Problems, Table
from .entries import Entries, LocatedEntry
from .formatting import Path, format_value
from .state import GENERATION, LIMITS, SEED, State, fill_in, place_of, talks_to_itself

PluginType = TypeVar("PluginType", bound=Configurable)
Sections = Mapping[str, type[PluginType]]

FindProtocol = Callable[[str], type[Protocol]]
Configure = Callable[[str, str, str, Mapping[str, object]], type[Configurable]]
"""The plugin of a section: of this kind (behavior or protocol) and name, loaded from this dotted
path unless that is ``""``, with these options as defaults.  If it raises an error of ours, whose
message begins with the key that is to blame, it has had no effect."""

OWN_KEYS = frozenset({SEED.name, *(option.name for option in LIMITS.values())})
"""Of the top level; they are about proxies."""
ENABLED = Option("enabled", bool, True, "whether it listens")
START = Option("start", float, 0.0, "seconds until the recipe begins", minimum=0)
RECIPE = Option("recipe", str, "", "the name of a recipe")
RECIPE_NAME = "the name of a recipe"
MIX = "20:NAME,... with percentages that come to 100 at most"
PROXIES = "a table [proxies.NAME] for each"
TEXT = Option("", str, "", "")
ANYWHERE = Address("localhost", 0)
"""Where a proxy listens that is not told: at any free port."""


class FindPresets(Interface):
    """Rules that are made already, by name; each raises ``UnknownNameError``."""

    def profile(self, name: str) -> Sequence[Entry]:
        """The rules that make a network."""

    def recipe(self, name: str, start: float = 0.0) -> Sequence[Entry]:
        """The rules that make a course of events, which begins after so many seconds."""


class NoPresets:
    """Where there are none."""

    def profile(self, name: str) -> Sequence[Entry]:
        raise UnknownNameError("profile", name, [])

    def recipe(self, name: str, start: float = 0.0) -> Sequence[Entry]:
        del start
        raise UnknownNameError("recipe", name, [])


@dataclass(frozen=True, kw_only=True)
class Known:
    """What a document may name."""

    find_behavior: FindBehavior
    find_protocol: FindProtocol
    presets: FindPresets = field(default_factory=NoPresets)
    configure: Configure | None = None
    """For ``[behaviors.NAME]`` and ``[protocols.NAME]``."""
    settings: Mapping[str, Mapping[str, Option]] = field(default_factory=dict)
    """What the process can be told, by section (``""``: outside of any) and key."""


@dataclass(frozen=True)
class Said:
    """A setting that a document gives, and the file and key to name if it does not work."""

    value: Value
    place: str


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """All that a document says."""

    state: State
    settings: Mapping[str, Mapping[str, Said]]
    """What it gives of ``Known.settings``."""
    environment: Mapping[str, str]
    """Variables for a command, to be completed with ``fill_in``."""
    behaviors: Sections[Behavior]
    """With the options that it gives as defaults."""
    protocols: Sections[Protocol]


def understand(
    document: Document, known: Known, *, seed: int = 0, needs_proxy: bool = False
) -> Configuration:
    """What a document says; ``seed`` is for one that gives none.

    ``needs_proxy``: one that declares no proxy is a mistake.

    Raises:
        DocumentError: something is wrong with it; the error has all problems.
    """
    problems = Problems(document)
    top = Table(document.content, (), problems)
    understanding = _Understanding(top, known, problems)
    configuration = understanding.configuration(seed)
    if needs_proxy and document.content.get("proxies", {}) == {}:
        problems.add(("proxies",), why="declares no proxy", allowed=PROXIES)
    problems.check()
    return configuration


class _Understanding:
    """One document on its way to be understood."""

    def __init__(self, top: Table, known: Known, problems: Problems) -> None:
        self._top = top
        self._known = known
        self._problems = problems
        self._protocols: dict[str, type[Protocol]] = {}
        self._behaviors: dict[str, type[Behavior]] = {}
        self._limits = Limits()

    def configuration(self, seed: int) -> Configuration:
        top = self._top
        self._limits = _limits(top, Limits())
        own_seed = top.take(SEED)
        seed = seed if own_seed is None else int(own_seed)
        generation = int(top.take(GENERATION) or 0)
        self._protocols = dict(self._plugins("protocol", Protocol))
        self._behaviors = dict(self._plugins("behavior", Behavior))
        proxies = [self._proxy(name, table, seed) for name, table in top.tables("proxies")]
        self._check_addresses(proxies)
        configuration = Configuration(
            state=State(tuple(proxies), generation, seed),
            environment=self._environment(proxies),
            settings=self._settings(),
            behaviors=self._behaviors,
            protocols=self._protocols,
        )
        top.end()
        return configuration

    # What is about the process.

    def _settings(self) -> dict[str, dict[str, Said]]:
        settings: dict[str, dict[str, Said]] = {}
        for section, options in self._known.settings.items():
            table = self._top.table(section) if section else self._top
            given = settings.setdefault(section, {})
            for key, option in options.items():
                place = self._problems.place(table.where(key))
                if key not in OWN_KEYS and (value := table.take(option)) is not None:
                    given[key] = Said(value, place)
            if section:
                table.end()
        return settings

    def _environment(self, proxies: Sequence[ProxySpec]) -> dict[str, str]:
        addresses = {proxy.name: proxy.listen for proxy in proxies}
        table = self._top.table("environment")
        variables: dict[str, str] = {}
        for path, given in table.plain().values():
            name = str(path[-1])
            if not name or "=" in name or "\0" in name:
                self._problems.add(path, why="is no name of an environment variable")
            text = str(self._problems.parse(path, given, TEXT) or "")
            try:
                fill_in(text, addresses.get)
            except VaurienError as error:
                self._problems.add_error(path, given, error)
            variables[name] = text
        return variables

    def _plugins(
        self, kind: str, parent: type[PluginType]
    ) -> Iterator[tuple[str, type[PluginType]]]:
        """The plugins of the sections of a kind, configured."""
        for name, table in self._top.tables(f"{kind}s"):
            where, path = table.text("callable")
            options = table.plain()
            if self._known.configure is None:
                self._problems.add(table.path, why="is not for this document to say")
                continue
            configure = partial(self._known.configure, kind, name, path)
            to_blame = where if path else table.path
            plugin = self._problems.made(to_blame, options, configure)
            if plugin is not None and issubclass(plugin, parent):
                yield name, plugin

    # What is about one proxy.

    def _proxy(self, name: str, table: Table, seed: int) -> ProxySpec:
        """A proxy; with problems, whatever is nearest to what it should be."""
        if not NAME.fullmatch(name):
            self._problems.add(
                table.path, why=f"is named {format_value(name)}", allowed=NAME.pattern
            )
        listen = self._address(table, "listen", Address.parse)
        table.need("backend", ALLOWED)
        backend = self._address(table, "backend", Address.parse_backend)
        protocol = self._protocol(table)
        own_seed = table.take(SEED)
        spec = ProxySpec(
            name=name,
            listen=listen or ANYWHERE,
            backend=backend or ANYWHERE,
            protocol=self._with_options(protocol, table.table("options")),
            plan=Entries(self._find_behavior, protocol, self._problems).plan(
                self._entries(table),
                table.where("rules"),
                seed if own_seed is None else int(own_seed),
            ),
            limits=_limits(table, self._limits),
            enabled=table.take(ENABLED) is not False,
        )
        table.end()
        return spec

    def _address(self, table: Table, key: str, parse: Callable[[str], Address]) -> Address | None:
        path = table.where(key)
        text = table.take(replace(TEXT, name=key))
        try:
            return None if text is None else parse(str(text))
        except VaurienError as error:
            self._problems.add_error(path, text, error)
        return None

    def _protocol(self, table: Table) -> type[Protocol] | None:
        path, name = table.text("protocol", "tcp")
        try:
            return self._protocols.get(name) or self._known.find_protocol(name)
        except VaurienError as error:
            self._problems.add_error(path, name, error)
        return None

    def _with_options(self, protocol: type[Protocol] | None, table: Table) -> Protocol:
        options = table.plain()
        if protocol is None:
            return Protocol()
        known = options_of(protocol)
        for key in [key for key in options if key not in known and not protocol.open_ended]:
            self._problems.add_unknown(*options.pop(key), known)
        return self._problems.made(table.path, options, protocol.configured) or protocol()

    def _find_behavior(self, name: str) -> type[Behavior]:
        return self._behaviors.get(name) or self._known.find_behavior(name)

    def _entries(self, table: Table) -> Iterator[LocatedEntry]:
        """All entries, in their order: those of its mix, of what is made already, and its own."""
        presets = self._known.presets
        yield from self._mix(*table.text("behavior"))
        yield from self._brought(*table.text("profile"), presets.profile)
        for path, recipe, start in self._recipes(table):
            yield from self._brought(path, recipe, partial(presets.recipe, start=start))
        for path, entry in table.items("rules"):
            if isinstance(entry, Mapping):
                yield LocatedEntry(path, entry)
            elif entry is not INVALID:
                self._problems.add(path, format_value(entry), allowed="a table")

    def _mix(self, path: Path, text: str) -> Iterator[LocatedEntry]:
        """The entries of a mix; none, if anything is wrong with it: all of that is noted."""
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
        """The parts of a mix that are of its form; one that is not is noted, and a sum too high."""
        entries: list[Entry] = []
        wrong: list[str] = []
        for part in text.split(",") if text else ():
            try:
                entries += parse_mix(part)
            except OptionError:
                wrong.append(part)
        if wrong:
            self._problems.add(
                path, format_value(text), f"is no mix, for {format_value(wrong[0])}", MIX
            )
        elif text:
            try:
                parse_mix(text)
            except OptionError as error:
                self._problems.add_error(path, text, error)
        return entries

    def _brought(
        self, path: Path, text: str, make: Callable[[str], Iterable[Entry]]
    ) -> Iterator[LocatedEntry]:
        """The entries that a text stands for."""
        try:
            entries = make(text) if text else ()
        except VaurienError as error:
            self._problems.add_error(path, text, error)
        else:
            yield from (LocatedEntry(path, entry, text) for entry in entries)

    def _recipes(self, table: Table) -> Iterator[tuple[Path, str, float]]:
        """The recipes of a proxy: where each is, its name, and when it begins."""
        for path, given in table.one_or_more("recipe"):
            if isinstance(given, Mapping):
                inner = Table(given, path, self._problems)
                inner.need("name", RECIPE_NAME)
                at, name = inner.text("name")
                yield at, name, float(inner.take(START) or 0.0)
                inner.end()
            else:
                yield path, str(self._problems.parse(path, given, RECIPE) or ""), 0.0

    def _check_addresses(self, proxies: Iterable[ProxySpec]) -> None:
        """Note proxies that would listen in one place, or talk to themselves."""
        taken: dict[tuple[str, int, str], str] = {}
        for proxy in proxies:
            path: Path = ("proxies", proxy.name)
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


def _limits(table: Table, otherwise: Limits) -> Limits:
    taken = {name: table.take(option) for name, option in LIMITS.items()}
    given: dict[str, Any] = {name: value for name, value in taken.items() if value is not None}
    return replace(otherwise, **given)
