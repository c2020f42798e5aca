"""The built-in behaviors, one file each.

The names of old that plugins import from here are in ``vaurien.legacy``.
"""

from __future__ import annotations

from importlib import import_module

REGISTRY = "vaurien.legacy.registries"


def __getattr__(name: str) -> object:
    if name == "Behavior":
        return import_module(REGISTRY).Behavior
    if name in ("get_behaviors", "get_behavior"):
        return getattr(import_module(REGISTRY).Behavior, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
