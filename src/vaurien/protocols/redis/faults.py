"""The catalogue: which faults there are, in the words of Redis 7.0."""

from __future__ import annotations

from ...fault import Catalogue
from ...values.options import Option
from .commands import names
from .fault_types import ErrorReply, NullReply, PushMessage
from .server_faults import ACCESS, BLOB, DATA, KEYED, REPLICATION, SERVER, WRITES, error

ONE_BY_ONE = {"access": "~^(read|write)$", "command": "~^(?!EXEC$)"}
"""Errors of single commands, which the reply to EXEC may contain, but never is."""
SEVERAL_KEYS = {
    "command": "~^(BITOP|BLMOVE|COPY|DEL|EXISTS|LMOVE|MGET|MSET|MSETNX|PFCOUNT|PFMERGE|RENAME|"
    "RENAMENX|RPOPLPUSH|SDIFF|SDIFFSTORE|SINTER|SINTERSTORE|SMOVE|SUNION|SUNIONSTORE|TOUCH|UNLINK)$"
}
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

CLUSTER = (
    error(
        "MOVED",
        "{slot} {address}",
        "another node serves the slot",
        "refreshing the slot map (redis-py: MovedError)",
        SLOT,
        ADDRESS,
        applies_to=KEYED,
        routes=True,
    ),
    error(
        "ASK",
        "{slot} {address}",
        "the slot is being migrated, and the key is already on the other node",
        "retrying there once, after ASKING (redis-py: AskError)",
        SLOT,
        ADDRESS,
        applies_to=KEYED,
        routes=True,
    ),
    error(
        "TRYAGAIN",
        "Multiple keys request during rehashing of slot",
        "the keys are on two nodes while their slot is being migrated",
        "retrying (redis-py: TryAgainError)",
        applies_to=SEVERAL_KEYS,
        routes=True,
    ),
    error(
        "CROSSSLOT",
        "Keys in request don't hash to the same slot",
        "the keys of a command hash to different slots",
        "hash tags (redis-py: ClusterCrossSlotError)",
        applies_to=SEVERAL_KEYS,
        routes=True,
    ),
    error(
        "CLUSTERDOWN",
        "The cluster is down",
        "too many nodes are down",
        "waiting for a failover (redis-py: ClusterDownError)",
        applies_to=DATA,
        routes=True,
    ),
    error(
        "CLUSTERDOWN",
        "Hash slot not served",
        "no node serves the slot",
        "waiting for a failover (redis-py: ClusterDownError)",
        name="slot-not-served",
        applies_to=KEYED,
        routes=True,
    ),
    error(
        "CLUSTERDOWN",
        "The cluster is down and only accepts read commands",
        "too many nodes are down, and cluster-allow-reads-when-down is on",
        "reporting failed writes while reads continue (redis-py: ClusterDownError)",
        name="cluster-read-only",
        applies_to=WRITES,
        routes=True,
    ),
)

COMMANDS = (
    error(
        "WRONGTYPE",
        "Operation against a key holding the wrong kind of value",
        "the key holds a value of another type",
        "two programs that use the same key",
        applies_to=ONE_BY_ONE,
        runs=True,
    ),
    error(
        "NOSCRIPT",
        "No matching script. Please use EVAL.",
        "the server has restarted and lost its scripts",
        "loading the script again (redis-py: NoScriptError)",
        applies_to={"command": "~^EVALSHA(_RO)?$"},
        runs=True,
    ),
    error(
        "NOTBUSY",
        "No scripts in execution right now.",
        "no script is running",
        "tools that kill scripts",
        applies_to=KILL,
        runs=True,
    ),
    error(
        "UNKILLABLE",
        "Sorry the script already executed write commands against the dataset. You can either "
        "wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE "
        "command.",
        "the script has already written",
        "tools that kill scripts",
        applies_to=KILL,
        runs=True,
    ),
    error(
        "BUSYGROUP",
        "Consumer Group name already exists",
        "another consumer has already created the group",
        "consumers that create their group at startup",
        applies_to={"command": "XGROUP", "subcommand": "CREATE"},
        runs=True,
    ),
    error(
        "NOGROUP",
        "No such key '{key}' or consumer group '{group}' in XREADGROUP with GROUP option",
        "the stream or the group no longer exists",
        "consumers that recreate their group",
        Option("group", str, "", "the missing group; '' for the one in the command"),
        applies_to={"command": "XREADGROUP"},
        runs=True,
    ),
    error(
        "BUSYKEY",
        "Target key name already exists.",
        "RESTORE without REPLACE found an existing key",
        "tools that copy data",
        applies_to={"command": "RESTORE"},
        runs=True,
    ),
    error(
        "IOERR",
        "error or timeout reading to target instance",
        "MIGRATE cannot tell whether the target has the key",
        "tools that move data",
        applies_to={"command": "MIGRATE"},
        runs=True,
    ),
    error(
        "ERR",
        "value is not an integer or out of range",
        "a counter holds something other than an integer",
        "two programs that use the same key",
        name="not-an-integer",
        applies_to={"command": "~^(DECR|DECRBY|HINCRBY|INCR|INCRBY)$"},
        runs=True,
    ),
    error(
        "ERR",
        "unknown command '{command}', with args beginning with: {arguments}",
        "the server is too old, or the command is disabled",
        "doing without the command (redis-py: ResponseError)",
        name="unknown-command",
    ),
    error(
        "EXECABORT",
        "Transaction discarded because of previous errors.",
        "a command of the transaction was refused",
        "retrying the transaction (redis-py: ExecAbortError)",
        applies_to=EXEC,
    ),
)

OTHERS = (
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
    ErrorReply(
        name="error",
        aliases=("ERR",),
        code="",
        text="injected by vaurien",
        meaning="any error, given by its parameters",
        exercises="how the client handles this code",
        parameters=(
            Option("code", str, "ERR", "the first word of the error"),
            Option("message", str, "injected by vaurien", "the rest of the error"),
            BLOB,
        ),
    ),
)

CATALOGUE = Catalogue(
    (*SERVER, *REPLICATION, *ACCESS, *CLUSTER, *COMMANDS, *OTHERS), typical_where=DATA
)
