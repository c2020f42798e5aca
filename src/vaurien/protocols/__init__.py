"""The built-in protocols: ``tcp``, and one folder for each of the others.

A folder has the parsers, the wire format and the faults of its protocol; its docstring is the
map.  ``checks``, ``sql`` and ``texts`` are shared by several.  Names that plugins of earlier
versions import from here are in ``vaurien.legacy``.
"""

from __future__ import annotations

from importlib import import_module

REGISTRY = "vaurien.legacy.registries"


def __getattr__(name: str) -> object:
    if name == "Protocol":
        return import_module(REGISTRY).Protocol
    if name in ("get_protocols", "get_protocol"):
        return getattr(import_module(REGISTRY).Protocol, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
