"""Verdicts on pymemcache, with its client that tries again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest
from pymemcache.client.base import (  # type: ignore[import-untyped]  # it has no types
    Client as Memcached,
)
from pymemcache.client.retrying import (  # type: ignore[import-untyped]  # it has no types
    RetryingClient,
)
from pymemcache.exceptions import (  # type: ignore[import-untyped]  # it has no types
    MemcacheError,
    MemcacheServerError,
)

from end_to_end.judging import Client, found
from vaurien.embedded.handle import ProxyHandle
from vaurien.net.address import Address

LIMIT = 0.5
CUT = {"then": "fin"}
STALLS = {"direction": "to_client"}
Asks = Callable[[RetryingClient], object]


def trying(asks: Asks, *errors: type[Exception]) -> Client:
    """Asks, and tries again after these errors."""

    def ask(proxy: ProxyHandle) -> None:
        with closing(Memcached((proxy.host, proxy.port), timeout=LIMIT)) as client:
            asks(RetryingClient(client, attempts=3, retry_delay=0.05, retry_for=list(errors)))

    return ask


def saves(client: RetryingClient) -> None:
    client.set("done", "yes", noreply=False)


def counts(client: RetryingClient) -> None:
    client.incr("paid", 1)


LOST = (OSError, MemcacheServerError)
ANY = (OSError, MemcacheError)


@pytest.mark.parametrize(
    ("asks", "errors", "behavior", "rule", "says"),
    [
        (saves, LOST, "reply-lost", {}, ""),
        (saves, LOST, "partial-reply", CUT, ""),
        (saves, LOST, "hang", STALLS, ""),
        (saves, LOST, "error", {"fault": "SERVER_ERROR"}, ""),
        (saves, LOST, "error", {"fault": "CLIENT_ERROR"}, ""),
        (saves, ANY, "error", {"fault": "CLIENT_ERROR"}, "WARN retried-fatal"),
        (counts, LOST, "request-lost", {}, ""),
        (counts, LOST, "hang", STALLS, "FAIL repeated-effect"),
        (counts, ANY, "reply-lost", {}, "FAIL repeated-effect"),
    ],
)
def test_requests(
    memcached_address: Address,
    asks: Asks,
    errors: tuple[type[Exception], ...],
    behavior: str,
    rule: dict[str, object],
    says: str,
) -> None:
    client = trying(asks, *errors)
    with closing(Memcached((memcached_address.host, memcached_address.port))) as direct:
        direct.set("paid", "0", noreply=False)
    known = {"match.command": "~^(set|incr)$", "times": 1, **rule}
    assert found(memcached_address, "memcache", client, behavior, **known) == says
