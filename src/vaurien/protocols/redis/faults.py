"""The catalogue: which faults there are, in the words of Redis 7.0."""

from __future__ import annotations

import re
from collections.abc import Container
from functools import partial

from ...fault import Catalogue, Fault
from ...values.options import Option
from .commands import names
from .fault_types import AnyErrorReply, ErrorReply, NullReply, PushMessage
from .server_faults import DATA, KEYED, SERVER_FAULTS, WRITES

ONE_BY_ONE = {"access": "~^(read|write)$", "command": "!~^EXEC$"}
"""Errors of single commands, which the reply to EXEC may contain, but never is."""
SEVERAL_KEYS = names(
    "BITOP BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH BZMPOP BZPOPMAX BZPOPMIN COPY DEL EVAL EVALSHA "
    "EVALSHA_RO EVAL_RO EXISTS FCALL FCALL_RO GEORADIUS GEORADIUSBYMEMBER GEOSEARCHSTORE LCS LMOVE "
    "LMPOP MGET MSET MSETNX PFCOUNT PFMERGE RENAME RENAMENX RPOPLPUSH SDIFF SDIFFSTORE SINTER "
    "SINTERCARD SINTERSTORE SMOVE SORT SORT_RO SSUBSCRIBE SUNION SUNIONSTORE SUNSUBSCRIBE TOUCH "
    "UNLINK WATCH XREAD XREADGROUP ZDIFF ZDIFFSTORE ZINTER ZINTERCARD ZINTERSTORE ZMPOP "
    "ZRANGESTORE ZUNION ZUNIONSTORE"
)
"""Commands that may name several keys."""
ACROSS_SLOTS = {"command": f"~^({'|'.join(sorted(SEVERAL_KEYS))})$", "key": "~."}
KILL = {"command": "~^(SCRIPT|FUNCTION)$", "subcommand": "KILL"}
EXEC = {"command": "EXEC"}
NULL_STRINGS = names(
    "DUMP GET GETDEL GETEX GETSET HGET LINDEX LMOVE LPOP RANDOMKEY RPOP "
    "RPOPLPUSH SPOP SRANDMEMBER ZRANDMEMBER ZRANK ZREVRANK ZSCORE"
)
NULL_ARRAYS = names(
    "BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH BZMPOP BZPOPMAX BZPOPMIN LMPOP XREAD XREADGROUP ZMPOP"
)

ADDRESS = Option("address", str, "127.0.0.1:6379", "address of the other node, as host:port")
SLOT = Option("slot", int, -1, "the hash slot; -1 for that of the key", minimum=-1, maximum=16383)

ClusterError = partial(ErrorReply, routes=True)
CommandError = partial(ErrorReply, runs=True)

FAULTS: tuple[Fault, ...] = (
    *SERVER_FAULTS,
    # Cluster.
    ClusterError(
        error="MOVED {slot} {address}",
        meaning="another node serves the slot",
        exercises="refreshing the slot map (redis-py: MovedError)",
        parameters=(SLOT, ADDRESS),
        applies_to=KEYED,
    ),
    ClusterError(
        error="ASK {slot} {address}",
        meaning="the slot is being migrated, and the key is already on the other node",
        exercises="retrying there once, after ASKING (redis-py: AskError)",
        parameters=(SLOT, ADDRESS),
        applies_to=KEYED,
    ),
    ClusterError(
        error="TRYAGAIN Multiple keys request during rehashing of slot",
        meaning="the keys are on two nodes while their slot is being migrated",
        exercises="retrying (redis-py: TryAgainError)",
        applies_to=ACROSS_SLOTS,
    ),
    ClusterError(
        error="CROSSSLOT Keys in request don't hash to the same slot",
        meaning="the keys of a command hash to different slots",
        exercises="hash tags (redis-py: ClusterCrossSlotError)",
        applies_to=ACROSS_SLOTS,
    ),
    ClusterError(
        error="CLUSTERDOWN The cluster is down",
        meaning="too many nodes are down",
        exercises="waiting for a failover (redis-py: ClusterDownError)",
        applies_to=KEYED,
    ),
    ClusterError(
        name="slot-not-served",
        error="CLUSTERDOWN Hash slot not served",
        meaning="no node serves the slot",
        exercises="waiting for a failover (redis-py: ClusterDownError)",
        applies_to=KEYED,
    ),
    ClusterError(
        name="cluster-read-only",
        error="CLUSTERDOWN The cluster is down and only accepts read commands",
        meaning="too many nodes are down, and cluster-allow-reads-when-down is on",
        exercises="reporting failed writes while reads continue (redis-py: ClusterDownError)",
        applies_to={**WRITES, **KEYED},
    ),
    # Single commands.
    CommandError(
        error="WRONGTYPE Operation against a key holding the wrong kind of value",
        meaning="the key holds a value of another type",
        exercises="two programs that use the same key",
        applies_to=ONE_BY_ONE,
    ),
    CommandError(
        error="NOSCRIPT No matching script. Please use EVAL.",
        meaning="the server has restarted and lost its scripts",
        exercises="loading the script again (redis-py: NoScriptError)",
        applies_to={"command": "~^EVALSHA(_RO)?$"},
    ),
    CommandError(
        error="NOTBUSY No scripts in execution right now.",
        meaning="no script is running",
        exercises="tools that kill scripts",
        applies_to=KILL,
    ),
    CommandError(
        error="UNKILLABLE Sorry the script already executed write commands against the dataset. "
        "You can either wait the script termination or kill the server in a hard way using the "
        "SHUTDOWN NOSAVE command.",
        meaning="the script has already written",
        exercises="tools that kill scripts",
        applies_to=KILL,
    ),
    CommandError(
        error="BUSYGROUP Consumer Group name already exists",
        meaning="another consumer has already created the group",
        exercises="consumers that create their group at startup",
        applies_to={"command": "XGROUP", "subcommand": "CREATE"},
    ),
    CommandError(
        error="NOGROUP No such key '{key}' or consumer group '{group}' in XREADGROUP with GROUP "
        "option",
        meaning="the stream or the group no longer exists",
        exercises="consumers that recreate their group",
        parameters=(Option("group", str, "", "the missing group; '' for the one in the command"),),
        applies_to={"command": "XREADGROUP"},
    ),
    CommandError(
        error="BUSYKEY Target key name already exists.",
        meaning="RESTORE without REPLACE found an existing key",
        exercises="tools that copy data",
        applies_to={"command": "RESTORE"},
    ),
    CommandError(
        error="IOERR error or timeout reading to target instance",
        meaning="MIGRATE cannot tell whether the target has the key",
        exercises="tools that move data",
        applies_to={"command": "MIGRATE"},
    ),
    CommandError(
        name="not-an-integer",
        error="ERR value is not an integer or out of range",
        meaning="a counter holds something other than an integer",
        exercises="two programs that use the same key",
        applies_to={"command": "~^(DECR|DECRBY|HINCRBY|INCR|INCRBY)$"},
    ),
    ErrorReply(
        name="unknown-command",
        error="ERR unknown command '{command}', with args beginning with: {arguments}",
        meaning="the server is too old, or the command is disabled",
        exercises="doing without the command (redis-py: ResponseError)",
    ),
    ErrorReply(
        error="EXECABORT Transaction discarded because of previous errors.",
        meaning="a command of the transaction was refused",
        exercises="retrying the transaction (redis-py: ExecAbortError)",
        applies_to=EXEC,
    ),
    # Replies that are not errors, and any error.
    NullReply(
        name="watch-failed",
        aliases=("WatchError",),
        meaning="a watched key has changed: EXEC does nothing",
        exercises="optimistic locking (redis-py: WatchError)",
        applies_to=EXEC,
        arrays=frozenset(["EXEC"]),
    ),
    NullReply(
        name="miss",
        aliases=("null", "nil"),
        meaning="the key does not exist: never written, expired or evicted",
        exercises="refilling a cache",
        applies_to={"command": f"~^({'|'.join(sorted(NULL_STRINGS | NULL_ARRAYS))})$"},
        arrays=NULL_ARRAYS,
        runs=True,
    ),
    PushMessage(
        name="invalidate",
        meaning="all that the client has cached is stale; pushed before a response, RESP3 only",
        exercises="client-side caching, and pushes between responses",
        data=b">2\r\n$10\r\ninvalidate\r\n_\r\n",
    ),
    AnyErrorReply(
        name="error",
        aliases=("ERR",),
        error="ERR injected by vaurien",
        meaning="any error, given by its parameters",
        exercises="how the client handles this code",
        parameters=(Option("code", str, "ERR", "the first word of the error"),),
    ),
)


def any_error(code: str, given: Container[str]) -> ErrorReply | None:
    """Return the fault that is an error code, if its text is given.

    Any word may be one, so without a text it is taken for a misspelt name.
    """
    if "message" not in given or not re.fullmatch("[A-Z][A-Z0-9_-]*", code):
        return None
    return ErrorReply(
        error=f"{code} injected by vaurien",
        meaning="an error with this code, and any text",
        exercises="how the client handles this code",
    )


CATALOGUE = Catalogue(
    FAULTS,
    typical_where=DATA,
    any_code=any_error,
    codes="any other code in capital letters, with a message",
)
