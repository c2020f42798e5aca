"""Documents as configurations: ``understand`` makes one, or raises all problems.

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

Law: to understand a document is to change nothing, but that the classes it names are
imported, and registered in its ``Names``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ..behavior import Behavior
from ..errors import VaurienError
from ..net.address import Address
from ..net.spec import Limits, ProxySpec
from ..protocol import Protocol
from ..values.options import Option, Value, options_of
from .access import lists_of
from .configuration import Configuration, Exploring, Statsd
from .document import Document
from .formatting import Path
from .names import CALLABLE, Names, Plugins
from .problems import Given, Problems
from .proxies import ProxyReader, limits_of
from .sections import guessed
from .settings import BY_SECTION, SEED, SETTINGS, TOP_OPTIONS, WITHOUT_EFFECT
from .state import GENERATION, State, fill_in
from .tables import TEXT, Table

LASTING = Option(
    "lasting",
    str,
    Exploring.lasting,
    "what a program is to do under a fault that lasts",
    choices=("give-up", "survive"),
)
PROXIES = "a table [proxies.NAME] for each"
DEFAULTS: Mapping[str, Value] = {key: option.default for key, option in TOP_OPTIONS.items()} | {
    GENERATION.name: GENERATION.default
}
STATSD_OPTIONS: Mapping[str, Option] = {
    setting.key: setting.option for setting in BY_SECTION["statsd"].values()
}
CLASSIC = [setting.key for setting in SETTINGS if setting.heading == WITHOUT_EFFECT]
"""Settings without effect, for old plugins only."""


def understand(
    document: Document, names: Names, *, seed: int = 0, needs_proxy: bool = False
) -> Configuration:
    """Return the configuration that a document describes; ``seed`` is for one without.

    ``needs_proxy``: a document that declares no proxy has a problem, unless it says so and there
    is an API.

    Raises:
        DocumentError: all its problems.
    """
    problems = Problems(document)
    configuration = _Understanding(document, names, problems).configuration(seed)
    declared = document.content.get("proxies")
    waits = declared == {} and configuration.has_api
    if needs_proxy and declared in (None, {}) and not waits:
        problems.add(("proxies",), why="declares no proxy", allowed=PROXIES)
    problems.check()
    return configuration


def understand_state(document: Document, names: Names) -> State:
    """Return the proxies of a saved document, whose plugins are registered in ``names``.

    Raises:
        DocumentError: all its problems.
    """
    problems = Problems(document)
    top = Table(document.content, (), problems)
    values = top.take_all({SEED.name: SEED, GENERATION.name: GENERATION})
    seed = int(values.get(SEED.name, 0))
    reader = ProxyReader(names.behaviors.get, names.protocols.get, problems, written=False)
    proxies = reader.read(top, Limits(), seed)
    top.end()
    problems.check()
    generation = int(values.get(GENERATION.name, 0))
    proxies = tuple(replace(proxy, generation=generation) for proxy in proxies)
    return State(proxies, generation, seed)


class _Understanding:
    """One document on its way to be understood."""

    def __init__(self, document: Document, names: Names, problems: Problems) -> None:
        self._document = document
        self._names = names
        self._problems = problems
        self._top = Table(document.content, (), problems)

    def configuration(self, seed: int) -> Configuration:
        top = self._top
        given = top.take_all({**TOP_OPTIONS, GENERATION.name: GENERATION})
        value = {**DEFAULTS, SEED.name: seed, **given}
        seed = int(value[SEED.name])
        self._plugins()
        names = self._names
        reader = ProxyReader(names.behaviors.find, names.protocols.find, self._problems)
        proxies = reader.read(top, limits_of(given, Limits()), seed)
        environment = self._environment(proxies)
        statsd = self._statsd()
        hosts, backends = lists_of(top)
        exploring = self._exploring()
        top.end()
        api = Address(str(value["http_host"]), int(value["http_port"]))
        return Configuration(
            document=self._document,
            names=names,
            state=State(proxies, int(value[GENERATION.name]), seed),
            environment=environment,
            http=api if value["http"] else None,
            http_socket=str(value["http_socket"]),
            token_file=str(value["token_file"]),
            insecure=bool(value["insecure"]),
            allow_host=hosts,
            allow_backend=backends,
            port_file=str(value["port_file"]),
            toxiproxy_metrics=bool(value["toxiproxy_metrics"]),
            statsd=statsd,
            otel=bool(value["otel"]),
            exploring=exploring,
            journal=str(value["journal"]),
            replay=str(value["replay"]),
            log_level=str(value["log_level"]),
            log_output=str(value["log_output"]),
            log_format=str(value["log_format"]),
            drain=float(value["drain"]),
            reset_moved=bool(value["reset_moved"]),
            max_plugin_threads=int(value["max_plugin_threads"]),
            warnings=(*map(str, self._document.warnings), *self._without_effect()),
            classic={
                **{key: value[key] for key in CLASSIC},
                **names.protocols.gone_values,
            },
        )

    def _without_effect(self) -> Iterator[str]:
        """Yield a warning for each setting that was given, and means nothing without another."""
        document = self._document
        if document.find(GENERATION.name):
            yield f"{document.origin((GENERATION.name,))} has no effect: it is for state files"
        of_api = ("token_file", "insecure", "allow_host")
        for key in ("http_host", "http_port", *(() if document.find("http_socket") else of_api)):
            if (found := document.find(key)) and not document.find("http"):
                yield f"{document.origin(found[0])} has no effect without http"
        for key in STATSD_OPTIONS:
            found = None if document.find("statsd", "enabled") else document.find("statsd", key)
            if found:
                yield f"{document.origin(found[0])} has no effect without statsd.enabled"

    def _statsd(self) -> Statsd | None:
        table = self._top.table("statsd")
        given = table.take_all(STATSD_OPTIONS)
        table.end()
        if not given.get("enabled"):
            return None
        values = {key: given.get(key, option.default) for key, option in STATSD_OPTIONS.items()}
        server = Address(str(values["host"]), int(values["port"]))
        return Statsd(server, str(values["prefix"]), float(values["sample_rate"]))

    def _exploring(self) -> Exploring:
        table = self._top.table("explore")
        lasting = table.take(LASTING)
        skip = [self._text(*each) for each in table.items("skip")]
        expected: list[tuple[str, str]] = []
        for path, content in table.items("expected"):
            one = Table(content, path, self._problems)
            texts = one.text("scenario")[1], one.text("reason")[1]
            for key, text in zip(("scenario", "reason"), texts, strict=True):
                if one.is_table and not text:
                    self._problems.add((*path, key), why="is missing", allowed="a text")
            one.end()
            expected.append(texts)
        table.end()
        return Exploring(str(lasting or LASTING.default), tuple(skip), tuple(expected))

    def _text(self, path: Path, given: object) -> str:
        return str(self._problems.parse(path, given, TEXT) or "")

    def _environment(self, proxies: Sequence[ProxySpec]) -> dict[str, str]:
        addresses = {proxy.name: proxy.listen for proxy in proxies}
        variables: dict[str, str] = {}
        for path, given in self._top.table("environment").plain().values():
            name = str(path[-1])
            if not name or "=" in name or "\0" in name:
                self._problems.add(path, why="is not a name of an environment variable")
            text = self._text(path, given)
            try:
                fill_in(text, addresses.get)
            except VaurienError as error:
                self._problems.add_error(path, given, error)
            variables[name] = text
        return variables

    def _plugins(self) -> None:
        """Load and configure the plugins that have sections."""
        if "behaviors" in self._top or "protocols" in self._top:
            self._names.load_paths(self._document.content)
        self._configure("protocols", self._names.protocols)
        self._configure("behaviors", self._names.behaviors)

    def _configure(self, key: str, kind: Plugins[Behavior] | Plugins[Protocol]) -> None:
        for name, table in self._top.tables(key):
            path, dotted = table.text(CALLABLE)
            given = table.plain()
            try:
                if dotted:
                    kind.add(dotted, name)
                declared = options_of(kind.find(name).plugin)
            except VaurienError as error:
                self._problems.add_error(path if dotted else table.path, {}, error)
                continue

            def configure(values: Mapping[str, object], name: str = name) -> bool:
                kind.configure(name, values)
                return True

            self._problems.made(table.path, self._guessed(given, declared), configure)

    def _guessed(self, given: Given, declared: Mapping[str, Option]) -> Given:
        """Return these values, with those that have no declared type as what they look like."""
        return {
            key: (path, value)
            if key in declared or self._document.origin(path).typed
            else (path, guessed(value))
            for key, (path, value) in given.items()
        }
