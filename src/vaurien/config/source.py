"""A file and flags that are understood together, and can be read again."""

from __future__ import annotations

import json
import os
from functools import cache
from hashlib import sha256

from ..registry import behaviors, protocols
from . import files
from .configuration import Configuration
from .document import Document, DocumentError, merged
from .names import Load, Names
from .settings import GONE_PROTOCOL_OPTIONS, SEED
from .state import State
from .understand import understand

NOTHING = Document()
NO_PROXIES = State()


def drawn_seed() -> int:
    """Return a random seed, for a document without one."""
    return int.from_bytes(os.urandom(4), "little")


class Source:
    """Where a configuration comes from; without the name of a file, from flags alone."""

    def __init__(
        self, name: str, load: Load, flags: Document = NOTHING, defaults: Document = NOTHING
    ) -> None:
        """``flags`` win over the file, and the file over ``defaults``."""
        self.name = name
        self._flags = flags
        self._defaults = defaults
        self.seed = drawn_seed()
        """For a document without one."""
        self._registered = behaviors.copy(), protocols.copy()
        self._load = cache(load)  # so that what is read again names the same classes

    def read(self) -> Document:
        """Return the document of the file; if only one that it extends cannot be read, its rest.

        That has the reason as a problem, so that ``understand`` raises it with all others.

        Raises:
            DocumentError: it cannot be read.
        """
        try:
            return files.read(self.name) if self.name else NOTHING
        except DocumentError as error:
            return error.or_rest()

    def understand(self, document: Document) -> Configuration:
        """Return what a document and the flags say; ``Names.adopt`` registers its plugins.

        Raises:
            DocumentError: all problems.
        """
        known = self._registered[0].copy(), self._registered[1].copy()
        configuration = understand(
            merged(merged(self._defaults, document), self._flags),
            Names(*known, self._load, GONE_PROTOCOL_OPTIONS),
            seed=self.seed,
            needs_proxy=bool(self.name),
        )
        if not configuration.replay:
            return configuration
        from .replay import with_replay

        return with_replay(configuration)

    def digest(self, document: Document, state: State = NO_PROXIES) -> str:
        """Return a digest of a document, of what was read besides it, and of the flag ``--seed``.

        ``state``: what it was understood as.
        """
        seed = self._flags.content.get(SEED.name)
        given = {} if seed is None else {SEED.name: SEED.parse(seed)}
        read = [spec.credentials.digest for spec in state.proxies if spec.credentials]
        content = {**document.content, **given, **({"": read} if read else {})}
        text = json.dumps(content, sort_keys=True, default=str)
        return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
