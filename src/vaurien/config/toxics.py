"""Toxiproxy's JSON as a document: its proxies, each with its toxics as rules.

Its units are milliseconds, microseconds and KB of 1000 bytes; ours are seconds and bytes.
Problems name the keys and the values of the JSON.  Keys that mean nothing are warnings, as
Toxiproxy ignores them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..errors import AddressError
from ..net.address import ALLOWED, Address
from ..values.options import Option, Value
from .document import INVALID, Document, FileKey, Origin
from .formatting import Path, format_value
from .go_addresses import GoError, parse_listen, parse_upstream
from .problems import Problems
from .tables import Table

MILLI = 0.001
MICRO = 0.000001
KILO = 1000
PERCENT = 100
ROUNDING = 1e-5
"""Rounding error allowed in a sum of percentages of 32 bits."""
DIRECTIONS = {"upstream": "to_backend", "downstream": "to_client"}
WHOLE = Option("", int, 0, "", minimum=0)
SHARE = Option("", float, 0.0, "", minimum=0, maximum=1)


@dataclass(frozen=True)
class Attribute:
    """An attribute of a toxic."""

    option: str
    """The option of the behavior that it becomes."""
    factor: float = 1
    """The value of the option for 1."""
    declared: Option = WHOLE


@dataclass(frozen=True)
class Toxic:
    """A toxic: the equivalent behavior, and its attributes."""

    behavior: str
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    options: Mapping[str, Value] = field(default_factory=dict)
    """Further options of the behavior."""
    stalls: bool = False
    """If its first attribute is 0, nothing gets through."""
    correlated: bool = False
    """Its correlation is added to the probability after a loss: see ``in_the_long_run``."""


TOXICS: Mapping[str, Toxic] = {
    "latency": Toxic(
        "latency", {"latency": Attribute("delay", MILLI), "jitter": Attribute("jitter", MILLI)}
    ),
    "bandwidth": Toxic("bandwidth", {"rate": Attribute("rate", KILO)}, stalls=True),
    "slow_close": Toxic("slow-close", {"delay": Attribute("delay", MILLI)}),
    "timeout": Toxic("timeout", {"timeout": Attribute("idle", MILLI)}, {"data": "drop"}),
    "reset_peer": Toxic("reset", {"timeout": Attribute("seconds", MILLI)}, {"wait": True}),
    "slicer": Toxic(
        "slicer",
        {
            "average_size": Attribute("size"),
            "size_variation": Attribute("variation"),
            "delay": Attribute("delay", MICRO),
        },
    ),
    "limit_data": Toxic("limit-data", {"bytes": Attribute("bytes")}),
    "packet_loss": Toxic(
        "packet-loss",
        {
            "loss_rate": Attribute("loss", PERCENT, SHARE),
            "correlation": Attribute("correlation", PERCENT, SHARE),
        },
        {"drop": True},
        correlated=True,
    ),
    "noop": Toxic("dummy"),
}
"""https://github.com/Shopify/toxiproxy, the folder toxics."""
KINDS = f"one of {', '.join(TOXICS)}"
STALL = "hang"
"""The behavior that lets nothing through."""

KEYS = {"name": "name", "behavior": "type", "direction": "stream", "percent": "toxicity"}
"""Keys of a rule, each with the key of a toxic that it comes from."""
STREAM = Option("stream", str, "downstream", "", tuple(DIRECTIONS))
TOXICITY = Option("toxicity", float, 1.0, "", minimum=0, maximum=1)
ENABLED = Option("enabled", bool, True, "")
FIRST_VERSION = ("upstream_toxics", "downstream_toxics")
"""Keys of a proxy in the first version, each with a table of toxics."""
API: Mapping[str, object] = {"http": True, "http_port": 8474}
"""What Toxiproxy serves without being told."""


@dataclass(frozen=True)
class Listing:
    """The proxies in a value of JSON, and what is beside them, each with its path."""

    proxies: Sequence[tuple[Path, object]]
    others: Sequence[tuple[Path, object]] = ()


def listing_in(content: object) -> Listing | None:
    """Return the proxies of what Toxiproxy reads or answers; None if it is something else.

    It reads a list, and answers ``{"proxies": [...]}`` or, by name, ``{"cache": {...}}``.
    """
    if isinstance(content, list):
        return Listing([((number,), proxy) for number, proxy in enumerate(content)])
    if not isinstance(content, Mapping):
        return None
    if "proxies" in content:
        listed = content["proxies"]
        if not (listed is None or isinstance(listed, list)):
            return None
        others = [((key,), value) for key, value in content.items() if key != "proxies"]
        return Listing(
            [(("proxies", number), proxy) for number, proxy in enumerate(listed or ())], others
        )
    if content and not any(map(_is_answered, content.values())):
        return None
    values: list[tuple[Path, object]] = [((key,), value) for key, value in content.items()]
    tables = [each for each in values if isinstance(each[1], Mapping)]
    return Listing(tables, [each for each in values if each not in tables])


def _is_answered(value: object) -> bool:
    """Whether a value is a proxy as Toxiproxy answers it."""
    return isinstance(value, Mapping) and all(
        isinstance(value.get(key), str) for key in ("name", "upstream")
    )


def translate(listing: Listing, file: str) -> Document:
    """Return the document of proxies; it has the API that Toxiproxy has, too."""
    origins: dict[Path, Origin] = {(key,): FileKey(file) for key in API}
    problems = Problems(Document(root=FileKey(file)))
    found: dict[str, dict[str, object]] = {}
    for path, proxy in listing.proxies:
        table = Table(_lowered(proxy), path, problems, joint="_")
        table.need("name", "a name")
        where, name = table.text("name")
        if name in found:
            problems.add(where, format_value(name), "is given to two proxies")
        translation = _Translation(table, ("proxies", name), file)
        document = translation.proxy()
        if name and name not in found:
            found[name] = document
            origins |= translation.origins
    for path, value in listing.others:
        problems.ignore(path, value, ["proxies"])
    content = {"proxies": found, **API}
    warnings = tuple(problems.warnings)
    return Document(content, FileKey(file), origins, tuple(problems.found), warnings)


class _Translation:
    """Translates one proxy, and notes where each key comes from."""

    def __init__(self, table: Table, path: Path, file: str) -> None:
        self.origins: dict[Path, Origin] = {}
        self._table = table
        self._path = path
        self._file = file
        self._streams: dict[str, str] = {}  # of the toxics so far, by name

    def proxy(self) -> dict[str, object]:
        self._note(self._path, self._table.path)
        enabled = self._table.take(ENABLED) is not False
        document = {
            "listen": self._listen(enabled=enabled),
            "backend": self._backend(),
            "enabled": enabled,
            "timeout": 0.0,  # idle connections stay
        }
        rules = self._table.items("toxics")
        document["rules"] = [self._rule(toxic, where) for where, toxic in rules]
        for key in FIRST_VERSION:
            where, toxics = self._table.pop(key)
            if toxics:
                why = "is of the first version of Toxiproxy, and not read"
                self._table.problems.add(where, format_value(toxics), why, "a list, as toxics")
        self._table.pop("logger")  # in what the server answers
        self._table.end(lenient=True)
        return document

    def _listen(self, *, enabled: bool) -> object:
        where, text = self._address("listen", "listen")
        if text is INVALID:
            return INVALID
        try:
            return str(parse_listen(str(text)))
        except GoError:
            if enabled or not str(text).isprintable():
                problems = self._table.problems
                problems.add(where, format_value(text), "is not an address", ALLOWED)
                return INVALID
            return str(Address.unusable(str(text)))

    def _backend(self) -> object:
        where, text = self._address("backend", "upstream")
        if text is INVALID:
            return INVALID
        if not text:
            if self._table.is_table:
                self._table.problems.add(where, why="is missing", allowed=ALLOWED)
            return INVALID
        try:
            return str(parse_upstream(str(text)))
        except AddressError as error:
            self._table.problems.add_error(where, text, error)
            return INVALID

    def _address(self, ours: str, theirs: str) -> tuple[Path, object]:
        """Return where an address is written, and its text; ``INVALID`` if it is none."""
        there = theirs in self._table
        where = self._table.where(theirs)
        self._note((*self._path, ours), where)
        text = self._table.take(Option(theirs, str, "", ""))
        return where, INVALID if text is None and there else text or ""

    def _rule(self, toxic: object, where: Path) -> object:
        """Return the entry of a toxic; ``INVALID`` if it has problems."""
        table = Table(_lowered(toxic), where, self._table.problems, joint="_")
        found = len(self._table.problems.found)
        table.need("type", KINDS)
        where_kind, name = table.text("type")
        kind = TOXICS.get(name)
        stream = _word(table, STREAM)
        called = self._called(table.text("name", f"{name}_{stream}")[1], stream)
        toxicity = table.take(TOXICITY)
        if kind is None:
            if name:
                table.problems.add(where_kind, format_value(name), "is an unknown toxic", KINDS)
            return INVALID
        place = (*self._path, "rules", where[-1])
        self._note(place, where)
        for ours, theirs in KEYS.items():
            self._note((*place, ours), (*where, theirs))
        entry: dict[str, object] = {
            "behavior": kind.behavior,
            "name": called,
            "direction": DIRECTIONS[stream],
            "scope": "connection",
            "percent": _scaled(1.0 if toxicity is None else toxicity, PERCENT),
        }
        options = self._attributes(kind, *table.pop("attributes"), place)
        table.end(lenient=True)
        stalled = kind.stalls and not next(iter(options.values()))
        entry |= {"behavior": STALL} if stalled else {**options, **kind.options}
        return INVALID if len(table.problems.found) > found else entry

    def _called(self, name: str, stream: str) -> str:
        """Return the name of a rule; of two toxics of one name, it has the stream of the second."""
        if self._streams.get(name, stream) != stream:
            name = f"{name}_{stream}"
        self._streams[name] = stream
        return name

    def _attributes(self, kind: Toxic, where: Path, given: object, place: Path) -> dict[str, Value]:
        """Return the options of a toxic's attributes."""
        content = {} if given is None else _lowered(given)
        table = Table(content, where, self._table.problems, joint="_")
        options: dict[str, Value] = {}
        for name, attribute in kind.attributes.items():
            self._note((*place, attribute.option), table.where(name))
            value = table.take(replace(attribute.declared, name=name))
            options[attribute.option] = _scaled(value or 0, attribute.factor)
        table.end(lenient=True)
        return in_the_long_run(options) if kind.correlated else options

    def _note(self, ours: Path, theirs: Path) -> None:
        self.origins[ours] = FileKey(self._file, theirs)


def in_the_long_run(options: Mapping[str, Value]) -> dict[str, Value]:
    """Return the options of a behavior that loses as much as a toxic of these attributes.

    A toxic loses a chunk with probability ``loss``, and after a lost one with ``correlation``
    more.  Of a behavior, ``loss`` is that in the long run.  All are in percent.
    """
    loss, given = float(options["loss"]), float(options["correlation"])
    correlation = given if given + loss <= PERCENT + ROUNDING else PERCENT - loss
    if not (loss and correlation):
        return {"loss": loss, "correlation": correlation}
    in_all = min(PERCENT * loss / (PERCENT - correlation), PERCENT)
    return {"loss": in_all, "correlation": correlation}


def after_another(options: Mapping[str, Value]) -> float:
    """Return the ``loss`` that ``in_the_long_run`` was given."""
    loss, correlation = float(options["loss"]), float(options["correlation"])
    return loss * (PERCENT - correlation) / PERCENT


def _lowered(content: object) -> object:
    """Return a table as Toxiproxy reads it: keys in any case, null the same as missing."""
    if not isinstance(content, Mapping):
        return content
    return {str(key).lower(): value for key, value in content.items() if value is not None}


def _word(table: Table, option: Option) -> str:
    """Return a word that may be in any case."""
    where, given = table.pop(option.name)
    word = given.lower() if isinstance(given, str) else given
    found = table.problems.parse(where, option.default if word is None else word, option)
    return str(found or option.default)


def _scaled(value: Value, factor: float) -> Value:
    """Return a scaled value, rounded: a thousandth of 1001 is not 1.0009999999999999."""
    assert isinstance(value, int | float)
    return round(value * factor, 9)
