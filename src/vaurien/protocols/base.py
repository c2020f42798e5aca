"""The import path of protocols written for earlier versions; see ``vaurien.legacy``."""

from __future__ import annotations

from importlib import import_module


def __getattr__(name: str) -> object:
    if name == "BaseProtocol":
        return import_module("vaurien.legacy.forms").BaseProtocol
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
