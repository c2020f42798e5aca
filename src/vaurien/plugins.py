"""The composition root: where built-in plugins enter, by everyone's door."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from .registry import behaviors, protocols

BEHAVIORS = {
    "dummy": "Dummy",
    "delay": "Delay",
    "error": "Error",
    "hang": "Hang",
    "blackout": "Blackout",
    "transient": "Transient",
    "abort": "Abort",
}
PROTOCOLS = {"tcp": "Tcp"}


def _loader(module: str, name: str) -> Callable[[], object]:
    return lambda: getattr(import_module(module), name)


def install() -> None:
    """Make the built-in plugins known; each is imported when it is first asked for."""
    for module, name in BEHAVIORS.items():
        behaviors.register_lazily(module, _loader(f"vaurien.behaviors.{module}", name))
    for module, name in PROTOCOLS.items():
        protocols.register_lazily(module, _loader(f"vaurien.protocols.{module}", name))
