"""The plugins that flags and files name, with the options given for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from .. import plugins
from ..behavior import Behavior
from ..errors import OptionError
from ..protocol import Protocol
from ..registry import Registry, behaviors, protocols
from ..rules.notation import Entry, make_rules, parse_mix, parse_rule
from ..rules.plan import Rule
from ..values.options import Configurable, Option, one_of, options_of
from .given import Given, Section, Sections, blamed_on
from .table import GONE_PROTOCOL_OPTIONS, settings_of

PluginType = TypeVar("PluginType", bound=Configurable)
Options = dict[str, object]

CALLABLE = "callable"
"""The key of a plugin's section that says where its class is."""


class Plugins(dict[str, type[PluginType]]):
    """The plugins of one kind, as they were written: by name or by dotted path.

    Options given for one are its defaults for the whole run: for the mix, for
    rules, and for what is set live.
    """

    def __init__(self, registry: Registry[PluginType], gone: Mapping[str, Option]) -> None:
        """``gone``: options that every plugin of this kind once had."""
        super().__init__()
        self.registry = registry
        self._configured: dict[str, type[PluginType]] = {}
        self.kept: Options = {}
        """Values of options that are gone, by ``KIND.NAME.OPTION``."""
        self._gone = gone

    def register(self, name: str, path: str) -> None:
        """Load a class by its dotted path, and register it under a name.

        Raises:
            PluginError: it cannot be loaded.
        """
        plugin = plugins.load(self.registry, path)
        self.registry.register(plugin if plugin.name == name else plugins.renamed(plugin, name))

    def choose(self, written: str) -> None:
        """Load a plugin.

        Raises:
            UnknownNameError, PluginError: it is unknown, or cannot be loaded.
            OptionError: another one has the same name.
        """
        if written in self:
            return
        found = plugins.find(self.registry, written)
        for other, plugin in self.items():
            if plugin.name == found.name and plugin is not found:
                raise OptionError(
                    f"{other!r} and {written!r} are both named {found.name!r}; a section "
                    f"[{self.registry.kind}:NAME] with its {CALLABLE} gives one another name"
                )
        self[written] = found

    def configure(self, name: str, section: Section, protocol: type[Protocol]) -> None:
        """Take the options of a plugin from its section; the protocol is that of the proxy.

        Raises:
            OptionError: it does not have such an option, or does not allow the value.
        """
        named = (each for each in self.values() if each.name == name)
        plugin = self.get(name) or next(named, None) or self.registry.get(name)
        known = options_of(plugin)
        if issubclass(plugin, Behavior):
            given_so_far = {key: given.value for key, given in section.values.items()}
            with blamed_on(section.place):
                known = {**known, **plugin.further_options(given_so_far, protocol)}
        options: Options = {}
        for key, given in section.values.items():
            if key in known:
                options[key] = given.parse(known[key])
            elif key == CALLABLE:
                continue
            elif key in self._gone:
                gone = f"{self.registry.kind}.{plugin.name}.{key}"
                self.kept[gone] = given.parse(self._gone[key])
            elif plugins.is_old(plugin):
                options[key] = guessed(given)
            else:
                allowed = one_of([*known, CALLABLE])
                raise OptionError(f"{given.place} is unknown: it takes {allowed}")
        with blamed_on(section.place):
            plugin.configured(options)
        earlier = self._configured.get(plugin.name, plugin)
        self._configured[plugin.name] = plugins.with_defaults(earlier, options)

    def find(self, name: str) -> type[PluginType]:
        """A registered plugin by its name, with the options given for it as defaults.

        Raises:
            UnknownNameError, PluginError: it is unknown, or cannot be loaded.
        """
        return self._configured.get(name) or self.registry.get(name)

    def find_chosen(self, written: str) -> type[PluginType]:
        """A chosen plugin as it was written, with the options given for it as defaults."""
        plugin = self[written]
        return self._configured.get(plugin.name, plugin)


class Chosen:
    """The plugins that were chosen, and the rules made of them."""

    def __init__(self, sections: Sections) -> None:
        """Load the plugins that the sections name.

        Raises:
            OptionError: a mix or a rule that is none; or a plugin that is unknown or
                cannot be loaded, or is named like another.  It names the place.
        """
        self.behaviors = Plugins(behaviors, {})
        self.protocols = Plugins(protocols, GONE_PROTOCOL_OPTIONS)
        for kind, name, section in self._sections(sections):
            if CALLABLE in section.values:
                path = section.values[CALLABLE]
                with blamed_on(path.place):
                    kind.register(name, str(path.value))
        self._entries = list(_entries(sections))
        for place, entry in self._entries:
            with blamed_on(place):
                self.behaviors.choose(str(entry["behavior"]))
        protocol = _given(sections, "protocol")
        self._protocol = str(protocol.value)
        with blamed_on(protocol.place):
            self.protocols.choose(self._protocol)
        for kind, name, section in self._sections(sections):
            with blamed_on(section.place):
                kind.choose(name)

    def __iter__(self) -> Iterator[tuple[str, type[Configurable]]]:
        """All chosen plugins, each with its kind."""
        for kind in (self.behaviors, self.protocols):
            yield from ((kind.registry.kind, plugin) for plugin in kind.values())

    def configure(self, sections: Sections) -> None:
        """Take the options of plugins from their sections.

        Raises:
            OptionError: an option does not exist, or a value is not allowed.
        """
        for kind, name, section in self._sections(sections):
            kind.configure(name, section, self.protocols[self._protocol])

    def protocol(self) -> Protocol:
        """The chosen protocol, with the options given for it."""
        return self.protocols.find_chosen(self._protocol).configured({})

    def rules(self) -> tuple[Rule, ...]:
        """The rules of the mix, and the independent ones.

        Raises:
            OptionError: a rule's key is unknown or its value not allowed.
        """
        protocol = self.protocols[self._protocol]
        find = self.behaviors.find_chosen
        for place, entry in self._entries:
            with blamed_on(place):
                make_rules([entry], find, protocol)
        with blamed_on("--rule"):  # each is right alone: two have one name
            return make_rules([entry for _, entry in self._entries], find, protocol)

    def _sections(
        self, sections: Sections
    ) -> Iterator[tuple[Plugins[Behavior] | Plugins[Protocol], str, Section]]:
        for title, section in sections.items():
            kind, _, name = title.partition(":")
            for known in (self.behaviors, self.protocols):
                if known.registry.kind == kind:
                    yield known, name, section


def _given(sections: Sections, key: str) -> Given:
    setting = settings_of("vaurien")[key]
    given = sections.get("vaurien", Section("")).values.get(key)
    return given or Given(setting.flag, str(setting.option.default))


def _entries(sections: Sections) -> Iterator[tuple[str, Entry]]:
    """The entries of the mix, the profile and the independent rules, each with its place."""
    mix = _given(sections, "behavior")
    with blamed_on(mix.place):
        yield from [(mix.place, entry) for entry in parse_mix(",".join(mix.texts))]
    profile = _given(sections, "profile")
    if profile.value:
        from .presets import Presets

        with blamed_on(profile.place):
            yield from [(profile.place, entry) for entry in Presets().profile(str(profile.value))]
    rules = _given(sections, "rule")
    for text in filter(None, rules.texts):
        with blamed_on(rules.place):
            yield f"{rules.place} {text!r}", parse_rule(text)


def guessed(given: Given) -> object:
    """A value whose type nobody declared: a whole number, true or false, or a text."""
    text = "\n".join(given.texts)
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return int(text)
    except ValueError:
        return text
