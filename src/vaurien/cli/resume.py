"""Start from a saved state: use it, or move it aside, whatever the file holds."""

from __future__ import annotations

import time

from ..config.configuration import Configuration
from ..config.document import Document, DocumentError, FileKey
from ..config.state import State
from ..config.understand import understand_state
from ..control.expiry import adjust_ttls
from ..control.store import DamagedError, Store
from ..control.writer import CONFIG_DIGEST
from . import logs

LOG = logs.LOGGER


def resumed(store: Store, digest: str, configuration: Configuration) -> tuple[State, str] | None:
    """Return the saved state, and the digest of the configuration that it is a change of.

    A file that is damaged, or was saved under another configuration than that of ``digest``,
    is moved aside, which is logged.  ``digest`` is empty without a configuration.

    Raises:
        DocumentError, DamagedError: the state cannot be used, and there is no configuration.
        StoreError: the state can neither be used nor moved aside.
    """
    try:
        saved = store.load()
    except DamagedError as error:
        if not digest:
            raise
        LOG.warning("%s; starting from the configuration", error)
        return None
    if saved is None:
        return None
    saved = adjust_ttls(saved, time.time())
    was = str(saved.pop(CONFIG_DIGEST, ""))
    if digest and was != digest:
        why = "was saved under another configuration"
        LOG.warning("%s; starting from the configuration", store.set_aside(why, "replaced"))
        return None
    try:
        return understand_state(Document(saved, FileKey(store.path)), configuration.names), was
    except DocumentError as error:
        if not digest:
            raise
        aside = store.set_aside(f"cannot be understood ({error.problems[0]})")
        LOG.warning("%s; starting from the configuration", aside)
        return None
