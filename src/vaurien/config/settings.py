"""What the flags and files given come to: one value, complete and checked.

Law: the command with one proxy pays for one.  Documents are for the commands with many
(``configuration``); they come to the same ``Settings``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..errors import OptionError
from ..net.address import Address
from ..net.spec import Limits, ProxySpec
from ..rules.notation import FindBehavior
from ..rules.plan import Plan
from ..values.options import Value, one_of
from .chosen import Chosen
from .given import Given, Section, Sections, blamed_on
from .table import WITHOUT_EFFECT, settings_of

NAME = "vaurien"
"""Of the proxy that flags and INI files tell of."""
OF_PROXY = ("proxy", "backend", "protocol", "timeout", "backlog")
"""What old plugins find of their proxy in their settings."""


@dataclass(frozen=True)
class Statsd:
    """Where counters go, and how."""

    server: Address
    prefix: str
    sample_rate: float


@dataclass(frozen=True)
class Settings:
    """Everything a run needs to know."""

    proxies: tuple[ProxySpec, ...]
    find_behavior: FindBehavior
    """Finds what is registered, with the options given for it as defaults."""
    http: Address | None
    statsd: Statsd | None
    journal: Given | None
    log_level: str
    log_output: Given
    drain: float
    """Seconds."""
    reset_moved: bool
    max_plugin_threads: int
    classic: Mapping[str, object]
    """What old plugins find in their settings, whatever their proxy."""
    places: Mapping[str, str]
    """The flag, or the file's key, that ``http`` came from, and ``proxy`` if there is but one."""


class Values:
    """The values of one section: those given, else the defaults."""

    def __init__(self, name: str, sections: Sections) -> None:
        """Check that every key is known.

        Raises:
            OptionError: one is not.
        """
        self._known = settings_of(name)
        self._given = sections.get(name, Section("")).values
        for key, given in self._given.items():
            if key not in self._known:
                allowed = one_of(self._known)
                raise OptionError(f"{given.place} is unknown: it takes {allowed}")

    def given(self, key: str) -> Given:
        """What was given, or the default as if it had been given."""
        setting = self._known[key]
        return self._given.get(key) or Given(setting.flag, str(setting.option.default))

    def __contains__(self, key: str) -> bool:
        return key in self._given

    def value(self, key: str) -> Value:
        return self.given(key).parse(self._known[key].option)

    def text(self, key: str) -> str:
        return str(self.value(key))

    def whole(self, key: str) -> int:
        return int(self.value(key))

    def number(self, key: str) -> float:
        return float(self.value(key))

    def address(self, key: str) -> Address:
        text = self.text(key)
        with blamed_on(self.given(key).place):
            return Address.parse(text)


def understand(sections: Sections, chosen: Chosen) -> Settings:
    """What the sections come to.

    Raises:
        OptionError: a key is unknown or a value not allowed; the message names the place.
    """
    vaurien = Values("vaurien", sections)
    chosen.configure(sections)
    spec = ProxySpec(
        name=NAME,
        listen=vaurien.address("proxy"),
        backend=_backend(vaurien),
        protocol=chosen.protocol(),
        plan=Plan(
            chosen.rules(), seed=vaurien.whole("seed") if "seed" in vaurien else drawn_seed()
        ),
        limits=Limits(
            timeout=vaurien.number("timeout"),
            dial_timeout=vaurien.number("connect_timeout"),
            max_connections=vaurien.whole("max_connections"),
            backlog=vaurien.whole("backlog"),
        ),
    )
    settings = shared(sections, (spec,), chosen.behaviors.find)
    classic = {**settings.classic, **_classic(vaurien), **chosen.protocols.kept}
    places = {**settings.places, "proxy": vaurien.given("proxy").place}
    return replace(settings, classic=classic, places=places)


def drawn_seed() -> int:
    """A seed, where none is given."""
    return int.from_bytes(os.urandom(4), "little")


def shared(
    sections: Sections, proxies: tuple[ProxySpec, ...], find_behavior: FindBehavior
) -> Settings:
    """What a process has once, for these proxies.

    Raises:
        OptionError: see ``understand``.
    """
    vaurien = Values("vaurien", sections)
    return Settings(
        proxies=proxies,
        find_behavior=find_behavior,
        http=_http(vaurien),
        statsd=_statsd(Values("statsd", sections)),
        journal=vaurien.given("journal") if vaurien.text("journal") else None,
        log_level=_log_level(vaurien),
        log_output=vaurien.given("log_output"),
        drain=vaurien.number("drain"),
        reset_moved=bool(vaurien.value("reset_moved")),
        max_plugin_threads=vaurien.whole("max_plugin_threads"),
        classic=_without_effect(vaurien),
        places={"http": _http_place(vaurien)},
    )


def _log_level(vaurien: Values) -> str:
    given = vaurien.given("log_level")
    return str(
        Given(given.place, str(given.value).lower()).parse(
            settings_of("vaurien")["log_level"].option
        )
    )


def _backend(vaurien: Values) -> Address:
    given = vaurien.given("backend")
    with blamed_on(given.place):
        return Address.parse_backend(vaurien.text("backend"))


def _http_place(vaurien: Values) -> str:
    """Whatever was given of the address: either may be what is wrong with it."""
    given = [vaurien.given(key).place for key in ("http_host", "http_port") if key in vaurien]
    return ", ".join(given) or vaurien.given("http_port").place


def _http(vaurien: Values) -> Address | None:
    address = Address(vaurien.text("http_host"), vaurien.whole("http_port"))
    return address if vaurien.value("http") else None


def _statsd(values: Values) -> Statsd | None:
    statsd = Statsd(
        Address(values.text("host"), values.whole("port")),
        values.text("prefix"),
        values.number("sample_rate"),
    )
    return statsd if values.value("enabled") else None


def _without_effect(vaurien: Values) -> dict[str, object]:
    known = settings_of("vaurien").values()
    keys = [setting.key for setting in known if setting.heading == WITHOUT_EFFECT]
    return {key: vaurien.value(key) for key in keys}


def _classic(vaurien: Values) -> dict[str, object]:
    """What old plugins find of their proxy, as it was written."""
    return {key: vaurien.value(key) for key in OF_PROXY}


def classic_of(spec: ProxySpec) -> dict[str, object]:
    """What old plugins find of their proxy."""
    values = (
        str(spec.listen),
        str(spec.backend),
        spec.protocol.name,
        spec.limits.timeout,
        spec.limits.backlog,
    )
    return dict(zip(OF_PROXY, values, strict=True))
