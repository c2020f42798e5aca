"""The catalogue of memcached's faults: error lines, results, and binary statuses.

Texts are those of memcached 1.6 (``proto_text.c``, ``proto_parser.c``, ``proto_bin.c``),
except where noted.
"""

from __future__ import annotations

from ...fault import Catalogue
from .fault_types import AnyErrorFault, KindFault, MemcacheFault, ResultFault


def _one_of(*words: str) -> str:
    """Return a match on any of these values of a label."""
    return f"~^({'|'.join(words)})$"


STORAGE = ("set", "add", "replace", "append", "prepend", "cas", "ms")
RETRIEVAL = ("get", "gets", "gat", "gats", "mg")
ARITHMETIC = ("incr", "decr", "ma")
LINES = {"form": _one_of("text", "meta")}
OUT_OF_MEMORY_LINES = {
    **dict.fromkeys(STORAGE, "SERVER_ERROR out of memory storing object"),
    **dict.fromkeys(RETRIEVAL, "SERVER_ERROR out of memory writing get response"),
    "stats": "SERVER_ERROR out of memory writing stats",
}
OUT_OF_MEMORY_BODIES = {
    **dict.fromkeys(STORAGE, "Out of memory allocating item"),
    **dict.fromkeys(ARITHMETIC, "Out of memory incrementing value"),
    "stats": "Out of memory generating stats",
}

FAULTS: tuple[MemcacheFault, ...] = (
    AnyErrorFault(
        name="error",
        meaning="any error, with any text",
        exercises="how the application handles errors it has never seen",
        line="ERROR",
    ),
    KindFault(
        name="CLIENT_ERROR",
        meaning="any error that the client has made, with any text",
        exercises="telling bugs of the application from outages; not retrying them",
        line="CLIENT_ERROR",
    ),
    KindFault(
        name="SERVER_ERROR",
        meaning="any error that the server has made, with any text",
        exercises="whether the client retries, or marks the server as dead",
        line="SERVER_ERROR",
    ),
    ResultFault(
        name="UNKNOWN_COMMAND",
        aliases=("0x81", "unknown-command"),
        meaning="the server does not know the command",
        exercises="fallback for older servers, and for imitations of memcached",
        line="ERROR",
    ),
    MemcacheFault(
        name="EINVAL",
        aliases=("0x04", "bad-command-line-format"),
        meaning="the request is malformed",
        exercises="telling bugs of the application from outages; not retrying them",
        line="CLIENT_ERROR bad command line format",
        closes_binary=True,
    ),
    MemcacheFault(
        name="bad-data-chunk",
        meaning="the size of the value differs from the announced one",
        exercises="telling a rejected value from a rejected command",
        applies_to={**LINES, "command": _one_of(*STORAGE)},
        line="CLIENT_ERROR bad data chunk",
    ),
    MemcacheFault(
        name="request-too-long",
        meaning="the line is longer than memcached's proxy allows; it closes the connection",
        exercises="splitting of large multi-gets",
        applies_to=LINES,
        line="CLIENT_ERROR request too long",
        closes=True,
    ),
    MemcacheFault(
        name="invalid-exptime",
        meaning="the expiration time is not a number",
        exercises="validation of arguments",
        applies_to={"form": "text", "command": _one_of("touch", "gat", "gats", "flush_all")},
        line="CLIENT_ERROR invalid exptime argument",
    ),
    MemcacheFault(
        name="invalid-delta",
        meaning="the increment or decrement is not a number",
        exercises="validation of arguments",
        applies_to={"form": "text", "command": _one_of("incr", "decr")},
        line="CLIENT_ERROR invalid numeric delta argument",
    ),
    MemcacheFault(
        name="DELTA_BADVAL",
        aliases=("0x06", "non-numeric"),
        meaning="the value to increment or decrement is not a number",
        exercises="counters whose key is used for something else",
        applies_to={"command": _one_of(*ARITHMETIC)},
        line="CLIENT_ERROR cannot increment or decrement non-numeric value",
        status=0x06,
    ),
    MemcacheFault(
        name="E2BIG",
        aliases=("0x03", "object-too-large"),
        meaning="the value is above the server's item size limit; a set deletes the old value",
        exercises="values too large to cache; stale reads after a failed set",
        applies_to={"command": _one_of(*STORAGE)},
        line="SERVER_ERROR object too large for cache",
        status=0x03,
        forgets=True,
    ),
    MemcacheFault(
        name="ENOMEM",
        aliases=("0x82", "out-of-memory"),
        meaning="out of memory, and nothing to evict; a set deletes the old value",
        exercises="continuing without the cache; not marking the server as dead",
        applies_to={"command": _one_of(*STORAGE, *RETRIEVAL, *ARITHMETIC, "stats")},
        typical=True,
        line="SERVER_ERROR out of memory",
        lines=OUT_OF_MEMORY_LINES,
        bodies=OUT_OF_MEMORY_BODIES,
        forgets=True,
    ),
    ResultFault(
        name="NOT_STORED",
        aliases=("0x05", "NS"),
        meaning="the condition of an add, replace, append or prepend was not met",
        exercises="locks built on add; losing the race for the first write",
        applies_to={"command": _one_of("add", "replace", "append", "prepend", "ms")},
        line="NOT_STORED",
        code="NS",
        status=0x05,
        statuses={"add": 0x02, "replace": 0x01},
    ),
    ResultFault(
        name="EXISTS",
        aliases=("0x02", "KEY_EEXISTS", "EX"),
        meaning="the item has changed since its cas was read",
        exercises="gets-and-cas loops",
        applies_to={"command": _one_of("cas", "ms", "md", "ma")},
        line="EXISTS",
        code="EX",
        status=0x02,
    ),
    ResultFault(
        name="NOT_FOUND",
        aliases=("0x01", "KEY_ENOENT", "NF"),
        meaning="the item to change does not exist",
        exercises="eviction between two commands",
        applies_to={"command": _one_of("cas", "delete", "touch", "incr", "decr", "ms", "md", "ma")},
        line="NOT_FOUND",
        code="NF",
        status=0x01,
    ),
    ResultFault(
        name="miss",
        aliases=("END", "EN"),
        meaning="the item is reported as missing, even if it is cached",
        exercises="the path that bypasses the cache; stampedes",
        applies_to={"command": _one_of(*RETRIEVAL, "me")},
        line="END",
        code="EN",
        status=0x01,
        keyed=True,
        ordinary=True,
    ),
    MemcacheFault(
        name="AUTH_ERROR",
        aliases=("0x20", "unauthenticated"),
        meaning="the connection is not authenticated",
        exercises="authenticating on every new connection",
        line="CLIENT_ERROR unauthenticated",
        status=0x20,
        closes_binary=True,
    ),
    MemcacheFault(
        name="authentication-failure",
        meaning="wrong user or password",
        exercises="rotation of credentials",
        applies_to={"command": _one_of("set", "sasl_auth", "sasl_step")},
        line="CLIENT_ERROR authentication failure",
        status=0x20,
    ),
    MemcacheFault(
        name="flush-not-allowed",
        meaning="flush_all is disabled on the server",
        exercises="code that assumes flushing works",
        applies_to={"command": "flush_all"},
        line="CLIENT_ERROR flush_all not allowed",
        status=0x20,
    ),
    MemcacheFault(
        name="refcount-overflow",
        meaning="too many responses reference the item at the same time",
        exercises="very hot keys",
        applies_to={**LINES, "command": "mg"},
        line="SERVER_ERROR refcount overflow during fetch",
    ),
    MemcacheFault(
        name="backend-failure",
        meaning="memcached's proxy can't reach its backend",
        exercises="failover; continuing without the cache, although the command may have run",
        typical=True,
        line="SERVER_ERROR backend failure",
        status=0x84,
    ),
    MemcacheFault(
        name="proxy-write-failed",
        meaning="a proxy could not forward the write (a text from the test suites of clients)",
        exercises="failover of writes",
        applies_to={**LINES, "command": _one_of(*STORAGE)},
        line="SERVER_ERROR proxy write to backend failed",
        status=0x84,
    ),
    MemcacheFault(
        name="NOT_SUPPORTED",
        aliases=("0x83",),
        meaning="the server knows the command, but does not implement it (Couchbase)",
        exercises="fallback for imitations of memcached",
        line="SERVER_ERROR not supported",
        status=0x83,
    ),
    MemcacheFault(
        name="EINTERNAL",
        aliases=("0x84",),
        meaning="internal error of the server (Couchbase)",
        exercises="whether the client retries",
        line="SERVER_ERROR internal",
        status=0x84,
    ),
    MemcacheFault(
        name="EBUSY",
        aliases=("0x85",),
        meaning="the server is too busy (Couchbase, binary only)",
        exercises="backing off",
        applies_to={"form": "binary"},
        line="SERVER_ERROR temporary failure",
        status=0x85,
    ),
    MemcacheFault(
        name="ETMPFAIL",
        aliases=("0x86", "temporary-failure"),
        meaning="try again later (Couchbase)",
        exercises="retries with a pause in between",
        typical=True,
        line="SERVER_ERROR temporary failure",
        status=0x86,
    ),
    ResultFault(
        name="too-many-connections",
        aliases=("max-connections",),
        meaning="the server has no free connection: it sends a line of text and closes",
        exercises="unbounded connection pools; marking a server as dead",
        line="ERROR Too many open connections",
        status=None,
        closes=True,
    ),
)

CATALOGUE = Catalogue(FAULTS, typical_where={"command": _one_of(*STORAGE, *RETRIEVAL, *ARITHMETIC)})
