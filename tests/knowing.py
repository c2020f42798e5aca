"""What documents may name in tests: the built-in plugins, and forms of them under other names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

from vaurien import plugins, registry
from vaurien.behavior import Behavior
from vaurien.config.configuration import Configuration
from vaurien.config.document import Document, DocumentError, FileKey
from vaurien.config.names import Names
from vaurien.config.settings import GONE_PROTOCOL_OPTIONS
from vaurien.config.understand import understand
from vaurien.values.options import Configurable

FILE = "chaos.toml"


def load(kind: str, path: str, name: str) -> type[Configurable]:
    """The plugin of a section; ``path`` is the name of another one, which it is a form of."""
    if kind == "behavior":
        return plugins.renamed(registry.behaviors.get(path), name)
    return plugins.renamed(registry.protocols.get(path), name)


def known() -> Names:
    plugins.install()
    return Names(registry.behaviors.copy(), registry.protocols.copy(), load, GONE_PROTOCOL_OPTIONS)


def find_behavior(name: str) -> type[Behavior]:
    """The behavior of this name or dotted path; it is registered then, as by flags."""
    names = Names(registry.behaviors, registry.protocols, plugins.load_named, {})
    return names.behaviors.find(name).plugin


def document_of(content: Mapping[str, object]) -> Document:
    return Document(content, FileKey(FILE))


def understood(content: Mapping[str, object], *, seed: int = 0) -> Configuration:
    """What a document comes to in which nothing is wrong."""
    return understand(document_of(content), known(), seed=seed)


def problems_of(document: Mapping[str, object] | Document) -> list[str]:
    """What is wrong with a document, without the file where that is the usual one."""
    if not isinstance(document, Document):
        document = document_of(document)
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
