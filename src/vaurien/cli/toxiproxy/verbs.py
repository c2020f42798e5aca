"""What each verb does."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from .api import Api, ApiError
from .arguments import Given
from .forms import Forms

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


class FailedError(Exception):
    """The reason for which a verb has failed; ``shows_help``: the help of the command, too."""

    def __init__(self, text: str, *, shows_help: bool = False) -> None:
        super().__init__(text)
        self.shows_help = shows_help


class Verbs:
    """The verbs, on one server."""

    def __init__(self, api: Api, forms: Forms) -> None:
        self._api = api
        self._forms = forms

    def list(self, given: Given) -> None:
        del given
        with failing("Failed to retrieve proxies: ", end=""):
            proxies = self._api.proxies()
        self._forms.proxies(proxies)

    def inspect(self, given: Given) -> None:
        name = _proxy_name(given)
        with failing(f"Failed to retrieve proxy {name}: "):
            proxy = self._api.proxy(name)
        self._forms.proxy(proxy)

    def toggle(self, given: Given) -> None:
        name = _proxy_name(given)
        with failing(f"Failed to retrieve proxy {name}: "):
            proxy = self._api.proxy(name)
        enabled = not proxy.get("enabled")
        with failing(f"Failed to toggle proxy {name}: "):
            self._api.save({**proxy, "enabled": enabled})
        self._forms.toggled(name, enabled=enabled)

    def create(self, given: Given) -> None:
        name = _proxy_name(given)
        listen, upstream = _required(given, "listen"), _required(given, "upstream")
        with failing("Failed to create proxy: Create: "):
            self._api.create(name, listen, upstream)
        self._forms.line(f"Created new proxy {name}")

    def delete(self, given: Given) -> None:
        name = _proxy_name(given)
        with failing(f"Failed to retrieve proxy {name}: "):
            self._api.proxy(name)
        with failing("Failed to delete proxy: Delete: "):
            self._api.delete(name)
        self._forms.line(f"Deleted proxy {name}")

    def add_toxic(self, given: Given) -> None:
        proxy = _toxic_proxy(given)
        kind = _required(given, "type")
        if given.has("upstream") and given.has("downstream"):
            raise FailedError("Only one should be specified: upstream or downstream.\n")
        toxic = {
            "name": given.text("toxicName"),
            "type": kind,
            "stream": "upstream" if given.has("upstream") else "downstream",
            "toxicity": _toxicity(given),
            "attributes": attributes_of(given),
        }
        self._find("add", proxy)
        with failing(f"Failed to add toxic: failed to add toxic to proxy {proxy}: AddToxic: "):
            added = self._api.add_toxic(proxy, toxic)
        self._forms.line(
            f"Added {added['stream']} {added['type']} toxic '{added['name']}' on proxy '{proxy}'"
        )

    def update_toxic(self, given: Given) -> None:
        proxy, name = _toxic_proxy(given), given.text("toxicName")
        toxic = {"toxicity": _toxicity(given), "attributes": attributes_of(given)}
        self._find("update", proxy)
        what = f"failed to update toxic '{name}' of proxy '{proxy}'"
        with failing(f"Failed to update toxic: {what}: "):
            updated = self._api.update_toxic(proxy, name, toxic)
        self._forms.line(f"Updated toxic '{updated['name']}' on proxy '{proxy}'")

    def remove_toxic(self, given: Given) -> None:
        proxy, name = _toxic_proxy(given), given.text("toxicName")
        self._find("remove", proxy)
        what = f"failed to remove toxic '{name}' from proxy '{proxy}'"
        with failing(f"Failed to remove toxic: {what}: "):
            self._api.remove_toxic(proxy, name)
        self._forms.line(f"Removed toxic '{name}' on proxy '{proxy}'")

    def _find(self, verb: str, proxy: str) -> None:
        missing = f"failed to retrieve proxy with name `{proxy}`: "
        with failing(f"Failed to {verb} toxic: {missing}"):
            self._api.proxy(proxy)


@contextmanager
def failing(text: str, end: str = "\n") -> Iterator[None]:
    """Say what has failed, before the reason."""
    try:
        yield
    except ApiError as error:
        raise FailedError(f"{text}{error}{end}") from None


def _proxy_name(given: Given) -> str:
    if not given.name:
        raise FailedError("Proxy name is required as the first argument.\n", shows_help=True)
    return given.name


def _toxic_proxy(given: Given) -> str:
    if not given.name:
        raise FailedError("Proxy name is missing.\n", shows_help=True)
    return given.name


def _required(given: Given, key: str) -> str:
    if not given.text(key):
        raise FailedError(f"Required argument '{key}' was empty.\n", shows_help=True)
    return given.text(key)


def _toxicity(given: Given) -> float:
    text = given.text("toxicity") or "1"
    if not NUMBER.fullmatch(text) or not 0 <= float(text) <= 1:
        raise FailedError("toxicity should be a float between 0 and 1.\n")
    return float(text)


def attributes_of(given: Given) -> dict[str, object]:
    """Return the attributes of a toxic; what is no number stays a text."""
    found: dict[str, object] = {}
    for part in given.parts("attribute"):
        key, equals, text = part.partition("=")
        if equals:
            found[key] = _number(text) if NUMBER.fullmatch(text) else text
    return found


def _number(text: str) -> object:
    number = float(text)
    if abs(number) == float("inf"):
        return text
    return int(number) if number.is_integer() and abs(number) < sys.maxsize else number
