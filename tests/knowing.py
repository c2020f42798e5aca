"""What documents may name in tests: the built-in plugins, the presets, and settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

from vaurien import plugins, registry
from vaurien.config.documents import Document, DocumentError
from vaurien.config.presets import Presets
from vaurien.config.understanding import Configuration, Known, understand
from vaurien.errors import OptionError
from vaurien.values.options import Configurable, Option, options_of

FILE = "chaos.toml"
SETTINGS = {
    "": {
        "journal": Option("journal", str, "", "a file"),
        "http_port": Option("http_port", int, 8080, "a port", minimum=0, maximum=65535),
    },
    "statsd": {
        "enabled": Option("enabled", bool, False, "send counters"),
        "sample_rate": Option("sample_rate", float, 1.0, "a share", minimum=0.0001, maximum=1),
    },
}


def configure(kind: str, name: str, path: str, options: Mapping[str, object]) -> type[Configurable]:
    """The plugin of a section; ``path`` is the name of another one, which it is a form of."""
    find = registry.behaviors.get if kind == "behavior" else registry.protocols.get
    plugin: type[Configurable] = find(path or name)
    known = options_of(plugin)
    for key, value in options.items():
        if key not in known:
            raise OptionError("is unknown", key=key, allowed=", ".join(known))
        known[key].parse(value)
    return plugins.with_defaults(plugins.renamed(plugin, name), options)


def known() -> Known:
    plugins.install()
    return Known(
        find_behavior=registry.behaviors.get,
        find_protocol=registry.protocols.get,
        presets=Presets(),
        configure=configure,
        settings=SETTINGS,
    )


def understood(content: Mapping[str, object], *, seed: int = 0) -> Configuration:
    """What a document comes to in which nothing is wrong."""
    return understand(Document(content, FILE), known(), seed=seed)


def problems_of(document: Mapping[str, object] | Document) -> list[str]:
    """What is wrong with a document, without the file where that is the usual one."""
    if not isinstance(document, Document):
        document = Document(document, FILE)
    try:
        understand(document, known())
    except DocumentError as error:
        return [str(problem).removeprefix(f"{FILE}: ") for problem in error.problems]
    return []


def with_rules(*rules: object, **keys: object) -> dict[str, object]:
    """A document with one proxy, ``a``, that has these rules."""
    return {"proxies": {"a": {"backend": "localhost:1", "rules": list(rules), **keys}}}


def saved(content: object) -> object:
    """What comes back of a document that is saved."""
    return cast("object", json.loads(json.dumps(content)))
