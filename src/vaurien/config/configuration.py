"""Files that tell of many proxies, and what flags add: what ``serve`` and others begin with.

Law: to understand a file is to change nothing: no address is taken, no file written.
Plugins are imported, though, if it names them; they are registered when it is adopted.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from types import MappingProxyType
from typing import NoReturn, cast

from .. import plugins
from ..behavior import Behavior
from ..cli.command import USER_ERROR
from ..cli.flags import Flag, flags_of
from ..errors import OptionError, UnknownNameError
from ..plugins import PluginType
from ..protocol import Protocol
from ..registry import Registry, behaviors, protocols
from ..values.options import Configurable, Option, one_of, options_of
from ..values.texts import printable
from . import files
from .documents import Document, DocumentError
from .given import Given, Section, Sections, merge
from .presets import Presets
from .settings import Settings, drawn_seed, shared
from .state import LIMITS, SEED
from .table import GONE_PROTOCOL_OPTIONS, SETTINGS, settings_of
from .understanding import Configuration, Known, Said, understand

OF_PROXIES = {
    *("proxy", "backend", "protocol", "behavior", "rule", "profile", SEED.name),
    *(option.name for option in LIMITS.values()),
}
"""Settings of the command with one proxy that are not about the process."""
FLAGS = ("http", "http_host", "http_port", "seed", "journal", "log_level", "log_output")
"""What flags say, too; all the rest is said by the file."""
PRESETS = Presets()
NO_DEFAULTS: Mapping[str, str] = MappingProxyType({})


def known_settings() -> dict[str, dict[str, Option]]:
    """What a document may say of the process: by section, ``""`` being the top level."""
    known: dict[str, dict[str, Option]] = {}
    for setting in SETTINGS:
        if setting.section != "vaurien" or setting.key not in OF_PROXIES:
            section = "" if setting.section == "vaurien" else setting.section
            known.setdefault(section, {})[setting.key] = setting.option
    return known


Loaded = dict[tuple[str, str, str], type[Configurable]]


class Names:
    """What a document may name: plugins by name or dotted path, with what is said of them."""

    def __init__(
        self, known: tuple[Registry[Behavior], Registry[Protocol]], loaded: Loaded
    ) -> None:
        """``known``: what is registered without the document.

        ``loaded``: what paths have led to.  That is loaded once, so that a document which is
        read again names the same plugins.
        """
        self.behaviors, self.protocols = known[0].copy(), known[1].copy()
        self._loaded = loaded
        self.kept: dict[str, object] = {}
        """Values of options that are gone, by ``protocol.NAME.OPTION``: old plugins look there."""

    def known(self) -> Known:
        return Known(
            find_behavior=partial(self._find, self.behaviors),
            find_protocol=partial(self._find, self.protocols),
            presets=PRESETS,
            configure=self.configure,
            settings=known_settings(),
        )

    def configure(
        self, kind: str, name: str, path: str, options: Mapping[str, object]
    ) -> type[Configurable]:
        """A plugin with these options as its defaults; ``path`` is where its class is, if given.

        Raises:
            UnknownNameError, PluginError: there is none, or it cannot be loaded.
            OptionError: it has no such option, or does not allow the value.
        """
        if kind == self.behaviors.kind:
            return self._configured(self.behaviors, name, path, options)
        gone = {key: value for key, value in options.items() if key in GONE_PROTOCOL_OPTIONS}
        values = {key: GONE_PROTOCOL_OPTIONS[key].parse(value) for key, value in gone.items()}
        rest = {key: value for key, value in options.items() if key not in gone}
        plugin = self._configured(self.protocols, name, path, rest)
        self.kept |= {f"{kind}.{name}.{key}": value for key, value in values.items()}
        return plugin

    def _configured(
        self,
        registry: Registry[PluginType],
        name: str,
        path: str,
        options: Mapping[str, object],
    ) -> type[PluginType]:
        plugin = self._load(registry, name, path) if path else self._find(registry, name)
        known = options_of(plugin)
        for key in options:
            if key not in known and not _takes_more(plugin):
                raise OptionError("is an unknown option", key=key, allowed=one_of(known))
        plugin.configured(options)
        if path:
            registry.register(plugin)
        return plugins.with_defaults(plugin, options)

    def _find(self, registry: Registry[PluginType], name: str) -> type[PluginType]:
        """The plugin of this name, or of this dotted path."""
        try:
            return registry.get(name)
        except UnknownNameError:
            if not plugins.is_path(name):
                raise
        plugin = self._load(registry, "", name)
        registry.register(plugin)
        return plugin

    def _load(self, registry: Registry[PluginType], name: str, path: str) -> type[PluginType]:
        """The plugin of a dotted path; if a name is given, under that."""
        key = registry.kind, name, path
        if key not in self._loaded:
            plugin = plugins.load(registry, path)
            same = name in ("", plugin.name)
            self._loaded[key] = plugin if same else plugins.renamed(plugin, name)
        return cast("type[PluginType]", self._loaded[key])


def _takes_more(plugin: type[Configurable]) -> bool:
    """Whether it takes options that it does not declare; rules will tell whether these."""
    if plugin.open_ended or not issubclass(plugin, Behavior):
        return plugin.open_ended
    return any("further_options" in vars(each) for each in plugin.__mro__ if each is not Behavior)


class Source:
    """A file with what flags say besides; it can be read again and again.

    Without a name it is one that says nothing.
    """

    def __init__(self, name: str, flags: Sections, defaults: Sections | None = None) -> None:
        """``flags`` win over the file, and the file over ``defaults``."""
        self.name = name
        self._flags = flags
        self._defaults = defaults or {}
        self.seed = drawn_seed()
        """Of what gives none."""
        self._known = behaviors.copy(), protocols.copy()
        self._loaded: Loaded = {}

    def read(self) -> Document:
        """What the file says; a seed that a flag gives is the file's then.

        Raises:
            DocumentError: it cannot be read.
            OptionError: the flag's value is not allowed.
        """
        document = files.read(self.name) if self.name else Document({}, "")
        seed = self._flags.get("vaurien", Section("")).values.get(SEED.name)
        if seed is None:
            return document
        return replace(document, content={**document.content, "seed": seed.parse(SEED)})

    def understand(self, document: Document) -> Understood:
        """What a document comes to.

        Raises:
            DocumentError: it says something impossible, or a file declares no proxy.
            OptionError: a flag says something impossible.
        """
        names = Names(self._known, self._loaded)
        known = names.known()
        needs_proxy = bool(self.name)
        configuration = understand(document, known, seed=self.seed, needs_proxy=needs_proxy)
        sections = merge(self._defaults, merge(_said(configuration), self._flags))
        settings = shared(sections, configuration.state.proxies, names.behaviors.get)
        classic = {**settings.classic, **names.kept}
        return Understood(configuration, known, replace(settings, classic=classic), names)


@dataclass(frozen=True)
class Understood:
    """A configuration, and the settings of the process, flags and all."""

    configuration: Configuration
    known: Known
    """What it was understood with."""
    settings: Settings
    names: Names

    def adopt(self) -> Callable[[], None]:
        """Have the plugins registered that it names, and no others; gives what undoes that."""
        before = behaviors.copy(), protocols.copy()

        def undo() -> None:
            behaviors.become(before[0])
            protocols.become(before[1])

        behaviors.become(self.names.behaviors)
        protocols.become(self.names.protocols)
        return undo

    def find_behavior(self, name: str) -> type[Behavior]:
        """A registered behavior, with the options given for it as defaults.

        Raises:
            UnknownNameError, PluginError: there is none, or it cannot be loaded.
        """
        return self.configuration.behaviors.get(name) or self.names.behaviors.get(name)


def _said(configuration: Configuration) -> Sections:
    """What a file says of the process, in the form of flags."""
    return {
        section or "vaurien": Section("", {key: _given(said) for key, said in values.items()})
        for section, values in configuration.settings.items()
    }


def _given(said: Said) -> Given:
    return Given(said.place, said.value if isinstance(said.value, bool) else str(said.value))


def digest_of(document: Document) -> str:
    """What tells one configuration from another."""
    said = json.dumps(document.content, sort_keys=True, default=str)
    return sha256(said.encode("utf-8", "surrogatepass")).hexdigest()


def flags_named(keys: Sequence[str], shown: Mapping[str, str] = NO_DEFAULTS) -> list[Flag]:
    """The flags of these settings; ``shown`` are defaults that are others here, in words."""
    known = settings_of("vaurien")
    settings = (replace(known[key], shown=shown.get(key, known[key].shown)) for key in keys)
    return [flag for setting in settings for flag in flags_of(setting)]


def counted(number: int, one: str, many: str) -> str:
    """``1 rule``, ``2 rules``."""
    return f"{number} {one if number == 1 else many}"


def refuse(error: DocumentError) -> NoReturn:
    """Say all that is wrong with a file, a line each and then how much it is, and exit."""
    for problem in error.problems:
        sys.stderr.write(f"vaurien: {printable(str(problem))}\n")
    count = counted(len(error.problems), "problem", "problems")
    sys.stderr.write(f"vaurien: {count}\n")
    sys.exit(USER_ERROR)
