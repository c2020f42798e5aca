"""Words of a command line as what the API takes: KEY=VALUE, with the types that keys have.

The types of options are those of this installation; what only the server knows is guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from ... import plugins
from ...behavior import Behavior
from ...config.sections import guessed
from ...config.settings import SEED, TLS
from ...config.state import LIMITS
from ...config.tls import MODE
from ...errors import OptionError, VaurienError
from ...protocol import Protocol
from ...registry import behaviors, protocols
from ...rules.notation import RULE_KEYS, parse_rule
from ...values.options import Option, options_of

Options = Mapping[str, Option]
PROXY_KEYS: Options = {
    **{option.name: option for option in LIMITS.values()},
    SEED.name: SEED,
    "enabled": Option("enabled", bool, True, "whether it listens"),
}
PAUSED = Option("paused", bool, False, "whether it does nothing")
WORD = "KEY=VALUE"
OPTIONS = "options."


def pairs_of(words: Sequence[str]) -> dict[str, str]:
    """Return the values of KEY=VALUE words.

    Raises:
        OptionError: a word is not one, or a key is given twice.
    """
    found: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not key or not equals:
            raise OptionError("is not allowed here", given=word, allowed=WORD)
        if key in found:
            raise OptionError(f"is given twice: {found[key]!r} and {value!r}", key=key)
        found[key] = value
    return found


def proxy_values(words: Sequence[str], protocol: str) -> dict[str, object]:
    """Return the keys of a proxy that words give.

    ``options.KEY`` is one of its protocol's, ``tls.KEY`` one of the table ``tls``, whose mode may
    be given as ``tls``.
    """
    found: dict[str, object] = {}
    given: dict[str, object] = {}
    tls: dict[str, object] = {}
    options = options_of(_protocol(protocol))
    for word, value in pairs_of(words).items():
        key = word.replace("-", "_")
        if key.startswith(OPTIONS):
            option = key.removeprefix(OPTIONS)
            given[option] = _typed(value, options.get(option), guess=True)
        elif key == TLS or key.startswith(f"{TLS}."):
            tls[key.removeprefix(TLS).removeprefix(".") or MODE] = value
        else:
            found[key] = _typed(value, PROXY_KEYS.get(key))
    if tls:
        found[TLS] = tls
    return {**found, "options": given} if given else found


def rule_of(text: str, protocol: str) -> dict[str, object]:
    """Return the entry of a rule such as ``delay sleep=2 percent=10``."""
    entry = {key: str(value) for key, value in parse_rule(text).items()}
    behavior = entry.pop("behavior")
    return {"behavior": behavior, **rule_values(entry, behavior, protocol)}


def rule_values(given: Mapping[str, str], behavior: str, protocol: str) -> dict[str, object]:
    """Return the values of a rule's keys; labels of the protocol stay texts."""
    options = {**RULE_KEYS, PAUSED.name: PAUSED}
    plugin = _plugin(behavior)
    if plugin is not None:
        options |= options_of(plugin)
        with suppress(VaurienError):  # what is wrong is left to the server
            options |= plugin.further_options(given, _protocol(protocol))
    if plugin is None or plugin.open_ended:
        return {key: _typed(value, options.get(key), guess=True) for key, value in given.items()}
    return {key: _typed(value, options.get(key)) for key, value in given.items()}


def _typed(value: str, option: Option | None, *, guess: bool = False) -> object:
    """Return a value of the option's type; a ramp, and what is wrong, stay texts."""
    if option is None:
        return guessed(value) if guess else value
    with suppress(OptionError):
        return option.parse(value)
    return value


def _plugin(behavior: str) -> type[Behavior] | None:
    plugins.install()
    with suppress(VaurienError):
        return behaviors.get(behavior)
    return None


def _protocol(name: str) -> type[Protocol]:
    plugins.install()
    with suppress(VaurienError):
        return protocols.get(name)
    return Protocol
