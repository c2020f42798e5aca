"""What the API answers: JSON objects as they are, with names for what they say of themselves.

A ``Proxy`` or a ``Rule`` is a dict, which the API accepts as it is: it ignores ``status``.
"""

from __future__ import annotations

from collections.abc import Mapping

from .steps import Json, listed


class Rule(Json):
    """A rule: its name, its behavior, options, keys and labels; and its status."""

    @property
    def name(self) -> str:
        return str(self["name"])

    @property
    def behavior(self) -> str:
        return str(self["behavior"])

    @property
    def state(self) -> str:
        """``on``, ``off`` or ``paused``."""
        return str(_status(self).get("state"))

    @property
    def matched(self) -> int:
        """How often it matched."""
        return _count(_status(self).get("matched"))

    @property
    def fired(self) -> int:
        """How often it fired."""
        return _count(_status(self).get("fired"))


class Proxy(Json):
    """A proxy with its settings and its rules; and its status."""

    @property
    def name(self) -> str:
        return str(self["name"])

    @property
    def enabled(self) -> bool:
        return self.get("enabled") is True

    @property
    def backend(self) -> str:
        return str(self["backend"])

    @property
    def address(self) -> str:
        """Where it listens, with the actual port; '' if it is disabled."""
        return str(_status(self).get("address") or "")

    @property
    def generation(self) -> int:
        """The number of the last change, for ``if_generation``."""
        return _count(_status(self).get("generation"))

    @property
    def rules(self) -> list[Rule]:
        return [Rule(each) for each in listed(self, "rules")]


def without_status(resource: Mapping[str, object]) -> Json:
    """Return a resource, and those in it, without what they say of themselves."""
    return {key: _without(value) for key, value in resource.items() if key != "status"}


def _without(value: object) -> object:
    if isinstance(value, list):
        return [without_status(each) if isinstance(each, dict) else each for each in value]
    return value


def _status(resource: Json) -> Json:
    status = resource.get("status")
    return status if isinstance(status, dict) else {}


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0
