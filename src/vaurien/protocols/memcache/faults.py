"""The faults of memcached: error lines, results, and binary statuses.

Texts are those of memcached 1.6 (``proto_text.c``, ``proto_parser.c``, ``proto_bin.c``), but
where said otherwise.
"""

from __future__ import annotations

from ...fault import Catalogue
from .forms import AnyFailure, Failure, Result


def _one_of(*words: str) -> str:
    """A match of labels that have one of these values."""
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

CATALOGUE = Catalogue(
    (
        AnyFailure(
            name="error",
            meaning="any error, as you say",
            exercises="how the application takes errors that it has never seen",
            line="ERROR",
            status=0x81,
        ),
        Result(
            name="UNKNOWN_COMMAND",
            aliases=("0x81", "unknown-command"),
            meaning="the server does not know the command",
            exercises="fallback for servers that are older, or only like memcached",
            line="ERROR",
            status=0x81,
        ),
        Failure(
            name="EINVAL",
            aliases=("0x04", "bad-command-line-format"),
            meaning="the request is malformed",
            exercises="whether bugs of one's own are told from an outage, and not tried again",
            line="CLIENT_ERROR bad command line format",
            status=0x04,
            closes_binary=True,
        ),
        Failure(
            name="bad-data-chunk",
            meaning="the value is not as long as its length says",
            exercises="whether a refused value is told from a refused command",
            applies_to={**LINES, "command": _one_of(*STORAGE)},
            line="CLIENT_ERROR bad data chunk",
            status=0x04,
        ),
        Failure(
            name="request-too-long",
            meaning="the request's line is longer than memcached's proxy takes; it hangs up",
            exercises="splitting of large multi-gets",
            applies_to=LINES,
            line="CLIENT_ERROR request too long",
            status=0x04,
            closes=True,
        ),
        Failure(
            name="invalid-exptime",
            meaning="the expiration time is no number",
            exercises="checks of arguments",
            applies_to={"form": "text", "command": _one_of("touch", "gat", "gats", "flush_all")},
            line="CLIENT_ERROR invalid exptime argument",
            status=0x04,
        ),
        Failure(
            name="invalid-delta",
            meaning="what is to be added is no number",
            exercises="checks of arguments",
            applies_to={"form": "text", "command": _one_of("incr", "decr")},
            line="CLIENT_ERROR invalid numeric delta argument",
            status=0x04,
        ),
        Failure(
            name="DELTA_BADVAL",
            aliases=("0x06", "non-numeric"),
            meaning="the value to be incremented or decremented is no number",
            exercises="counters whose key something else has taken",
            applies_to={"command": _one_of(*ARITHMETIC)},
            line="CLIENT_ERROR cannot increment or decrement non-numeric value",
            status=0x06,
        ),
        Failure(
            name="E2BIG",
            aliases=("0x03", "object-too-large"),
            meaning="the value is larger than the server's largest item; a set drops the old one",
            exercises="values that can never be cached; stale reads after a failed set",
            applies_to={"command": _one_of(*STORAGE)},
            line="SERVER_ERROR object too large for cache",
            status=0x03,
            forgets=True,
        ),
        Failure(
            name="ENOMEM",
            aliases=("0x82", "out-of-memory"),
            meaning="no memory is left, and nothing could be evicted; a set drops the old value",
            exercises="going on without the cache; not marking the server dead",
            applies_to={"command": _one_of(*STORAGE, *RETRIEVAL, *ARITHMETIC, "stats")},
            typical=True,
            line="SERVER_ERROR out of memory",
            lines=OUT_OF_MEMORY_LINES,
            status=0x82,
            bodies=OUT_OF_MEMORY_BODIES,
            forgets=True,
        ),
        Result(
            name="NOT_STORED",
            aliases=("0x05", "NS"),
            meaning="the condition for storing did not hold: add, replace, append or prepend",
            exercises="locks made of add; first writes that lose a race",
            applies_to={"command": _one_of("add", "replace", "append", "prepend", "ms")},
            line="NOT_STORED",
            code="NS",
            status=0x05,
            statuses={"add": 0x02, "replace": 0x01},
        ),
        Result(
            name="EXISTS",
            aliases=("0x02", "KEY_EEXISTS", "EX"),
            meaning="somebody else has changed the item since its cas was read",
            exercises="loops of gets and cas",
            applies_to={"command": _one_of("cas", "ms", "md", "ma")},
            line="EXISTS",
            code="EX",
            status=0x02,
        ),
        Result(
            name="NOT_FOUND",
            aliases=("0x01", "KEY_ENOENT", "NF"),
            meaning="there is no such item to change",
            exercises="items that are evicted between two commands",
            applies_to={
                "command": _one_of("cas", "delete", "touch", "incr", "decr", "ms", "md", "ma")
            },
            line="NOT_FOUND",
            code="NF",
            status=0x01,
        ),
        Result(
            name="miss",
            aliases=("END", "EN"),
            meaning="the item is not in the cache, though it may be",
            exercises="the way around the cache; stampedes",
            applies_to={"command": _one_of(*RETRIEVAL, "me")},
            line="END",
            code="EN",
            status=0x01,
            keyed=True,
            ordinary=True,
        ),
        Failure(
            name="AUTH_ERROR",
            aliases=("0x20", "unauthenticated"),
            meaning="the connection has not authenticated",
            exercises="authentication again, on every new connection",
            line="CLIENT_ERROR unauthenticated",
            status=0x20,
            closes_binary=True,
        ),
        Failure(
            name="authentication-failure",
            meaning="wrong user or password",
            exercises="rotation of credentials",
            applies_to={"command": _one_of("set", "sasl_auth", "sasl_step")},
            line="CLIENT_ERROR authentication failure",
            status=0x20,
        ),
        Failure(
            name="flush-not-allowed",
            meaning="the server was started with flush_all disabled",
            exercises="whether flushing is taken for granted",
            applies_to={"command": "flush_all"},
            line="CLIENT_ERROR flush_all not allowed",
            status=0x20,
        ),
        Failure(
            name="refcount-overflow",
            meaning="too many responses hold this item at the same time",
            exercises="very hot keys",
            applies_to={**LINES, "command": "mg"},
            line="SERVER_ERROR refcount overflow during fetch",
            status=0x82,
        ),
        Failure(
            name="backend-failure",
            meaning="memcached's proxy cannot reach the server behind it",
            exercises="failover, and going on without the cache; it was perhaps done all the same",
            typical=True,
            line="SERVER_ERROR backend failure",
            status=0x84,
        ),
        Failure(
            name="proxy-write-failed",
            meaning="a proxy could not pass the write on (a text that clients are tested with)",
            exercises="failover of writes",
            applies_to={**LINES, "command": _one_of(*STORAGE)},
            line="SERVER_ERROR proxy write to backend failed",
            status=0x84,
        ),
        Failure(
            name="NOT_SUPPORTED",
            aliases=("0x83",),
            meaning="the server knows the command, and does not do it (Couchbase)",
            exercises="fallback for servers that are only like memcached",
            line="SERVER_ERROR not supported",
            status=0x83,
        ),
        Failure(
            name="EINTERNAL",
            aliases=("0x84",),
            meaning="something broke inside the server (Couchbase)",
            exercises="whether it is tried again",
            line="SERVER_ERROR internal",
            status=0x84,
        ),
        Failure(
            name="EBUSY",
            aliases=("0x85",),
            meaning="the server is too busy (Couchbase, binary only)",
            exercises="backing off",
            applies_to={"form": "binary"},
            line="SERVER_ERROR temporary failure",
            status=0x85,
        ),
        Failure(
            name="ETMPFAIL",
            aliases=("0x86", "temporary-failure"),
            meaning="try again later (Couchbase)",
            exercises="retries with a pause",
            typical=True,
            line="SERVER_ERROR temporary failure",
            status=0x86,
        ),
        Result(
            name="too-many-connections",
            aliases=("max-connections",),
            meaning="the server has no connection left, says so in text, and hangs up",
            exercises="pools that grow without a limit; marking a server dead",
            line="ERROR Too many open connections",
            status=None,
            closes=True,
        ),
    ),
    typical_where={"command": _one_of(*STORAGE, *RETRIEVAL, *ARITHMETIC)},
)
