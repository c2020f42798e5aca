"""What is told as soon as everything listens, and until the end: where."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from .api import url_of

if TYPE_CHECKING:
    from ..control.sockets import Opened
    from ..net.proxies import Proxies


def listing(api: Iterable[Opened], proxies: Proxies) -> str:
    """Return all addresses that are listened on, as one line of JSON."""
    addresses = {
        "api": [url_of(each.address) for each in api],
        "proxies": {
            proxy.name: str(proxy.address) for proxy in proxies if proxy.listener is not None
        },
    }
    return json.dumps(addresses)


@contextmanager
def port_file(name: str, text: str) -> Iterator[None]:
    """Have a file with this line, complete from the first moment on; remove it at the end.

    Raises:
        OSError: it cannot be written.
    """
    temporary = f"{name}.{os.getpid()}"
    descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{text}\n")
        os.replace(temporary, name)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    try:
        yield
    finally:
        with suppress(OSError):
            with open(name) as file:
                is_ours = file.read() == f"{text}\n"
            if is_ours:
                os.unlink(name)
