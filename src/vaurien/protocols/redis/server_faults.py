"""The catalogue, first part: errors that do not depend on the command."""

from __future__ import annotations

from ...values.options import Option
from .fault_types import ErrorReply

DATA = {"access": "~^(read|write)$"}
WRITES = {"access": "write"}
BUT_CONTROL = {"access": "~^(read|write|other)$"}
KEYED = {"access": "~^(read|write)$", "key": "~."}
AUTHENTICATED = {"command": "~^(?!(AUTH|HELLO|QUIT|RESET)$)"}
LOGIN = {"command": "~^(AUTH|HELLO)$"}
BLOCKING = (
    "~^(BLMOVE|BLMPOP|BLPOP|BRPOP|BRPOPLPUSH|BZMPOP|BZPOPMAX|BZPOPMIN|WAIT|XREAD|XREADGROUP)$"
)

BLOB = Option("blob", bool, False, "send a blob error, if the connection uses RESP3")


def error(
    code: str,
    text: str,
    meaning: str,
    exercises: str,
    *parameters: Option,
    name: str = "",
    aliases: tuple[str, ...] = (),
    applies_to: dict[str, str] | None = None,
    runs: bool = False,
    routes: bool = False,
    closes: bool = False,
    typical: bool = False,
) -> ErrorReply:
    """An entry of the catalogue, named after its code unless it has another name."""
    return ErrorReply(
        name=name or code,
        aliases=aliases,
        code=code,
        text=text,
        meaning=meaning,
        exercises=exercises,
        applies_to=applies_to or {},
        parameters=(Option("message", str, text, "the text after the code"), BLOB, *parameters),
        runs=runs,
        routes=routes,
        closes=closes,
        typical=typical,
    )


SERVER = (
    error(
        "LOADING",
        "Redis is loading the dataset in memory",
        "the server has restarted and is loading its data",
        "waiting, then retrying (redis-py: BusyLoadingError)",
        applies_to=BUT_CONTROL,
        typical=True,
    ),
    error(
        "BUSY",
        "Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
        "a script runs for longer than busy-reply-threshold",
        "retrying with a backoff",
        applies_to=BUT_CONTROL,
        typical=True,
    ),
    error(
        "BUSY",
        "Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.",
        "a function runs for longer than busy-reply-threshold",
        "retrying with a backoff",
        name="busy-function",
        applies_to=BUT_CONTROL,
    ),
    error(
        "OOM",
        "command not allowed when used memory > 'maxmemory'.",
        "maxmemory is reached, and nothing may be evicted",
        "working without the cache (redis-py: OutOfMemoryError)",
        applies_to={"grows": "yes"},
    ),
    error(
        "MISCONF",
        "Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. "
        "Commands that may modify the data set are disabled, because this instance is configured "
        "to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error "
        "option). Please check the Redis logs for details about the RDB error.",
        "the last snapshot failed",
        "reporting failed writes while reads continue",
        applies_to=WRITES,
    ),
    error(
        "MISCONF",
        "Errors writing to the AOF file: No space left on device",
        "the append-only file cannot be written",
        "reporting failed writes while reads continue",
        name="aof-error",
        applies_to=WRITES,
    ),
    error(
        "ERR",
        "max number of clients reached",
        "maxclients is reached",
        "leaking pools, and backing off (redis-py: ConnectionError)",
        name="max-clients",
        closes=True,
    ),
    error(
        "DENIED",
        "Redis is running in protected mode because protected mode is enabled and no password is "
        "set for the default user. In this mode connections are only accepted from the loopback "
        "interface. If you want to connect from external computers to Redis you may adopt one of "
        "the following solutions: 1) Just disable protected mode sending the command 'CONFIG SET "
        "protected-mode no' from the loopback interface by connecting to Redis from the same host "
        "the server is running, however MAKE SURE Redis is not publicly accessible from internet "
        "if you do so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can "
        "just disable the protected mode by editing the Redis configuration file, and setting the "
        "protected mode option to 'no', and then restarting the server. 3) If you started the "
        "server manually just for testing, restart it with the '--protected-mode no' option. 4) "
        "Setup a an authentication password for the default user. NOTE: You only need to do one "
        "of the above things in order for the server to start accepting connections from the "
        "outside.",
        "the server accepts connections from its own host only",
        "distinguishing a configuration error from an outage",
        name="DENIED",
        aliases=("protected-mode",),
        closes=True,
    ),
    error(
        "ERR",
        "Protocol error: invalid bulk length",
        "the server could not parse the request",
        "discarding a connection that is out of sync",
        name="protocol-error",
        closes=True,
    ),
)

REPLICATION = (
    error(
        "READONLY",
        "You can't write against a read only replica.",
        "the server is a replica, after a failover or because the address is wrong",
        "finding the new primary (redis-py: ReadOnlyError; ioredis: reconnectOnError)",
        applies_to=WRITES,
    ),
    error(
        "NOREPLICAS",
        "Not enough good replicas to write.",
        "fewer than min-replicas-to-write replicas are up to date",
        "retrying writes later",
        applies_to=WRITES,
    ),
    error(
        "MASTERDOWN",
        "Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
        "a replica has lost its primary",
        "reading from another server (redis-py: MasterDownError)",
        applies_to=BUT_CONTROL,
        typical=True,
    ),
    error(
        "NOMASTERLINK",
        "Can't SYNC while not connected with my master",
        "a replica that lost its primary cannot serve replicas of its own",
        "replication tools that retry",
        applies_to={"command": "~^P?SYNC$"},
    ),
    error(
        "UNBLOCKED",
        "force unblock from blocking operation, instance state changed (master -> replica?)",
        "a failover ends a blocking command, and the connection",
        "workers that block waiting for jobs",
        applies_to={"command": BLOCKING},
        closes=True,
    ),
    error(
        "UNBLOCKED",
        "client unblocked via CLIENT UNBLOCK",
        "somebody ended the wait with CLIENT UNBLOCK",
        "workers that block waiting for jobs",
        name="client-unblocked",
        applies_to={"command": BLOCKING},
        runs=True,
    ),
)

ACCESS = (
    error(
        "NOAUTH",
        "Authentication required.",
        "the server requires a password",
        "distinguishing a configuration error from an outage (redis-py: AuthenticationError)",
        applies_to=AUTHENTICATED,
    ),
    error(
        "WRONGPASS",
        "invalid username-password pair or user is disabled.",
        "the password is wrong, or has been rotated",
        "fetching new credentials (redis-py: AuthenticationError)",
        applies_to=LOGIN,
    ),
    error(
        "ERR",
        "AUTH <password> called without any password configured for the default user. Are you "
        "sure your configuration is correct?",
        "a password was sent, but none is configured",
        "distinguishing a configuration error from an outage (redis-py: AuthenticationError)",
        name="no-password",
        applies_to={"command": "AUTH"},
    ),
    error(
        "NOPERM",
        "this user has no permissions to run the '{command}' command",
        "the user may not run this command",
        "distinguishing a permission error from an outage (redis-py: NoPermissionError)",
        applies_to=AUTHENTICATED,
    ),
    error(
        "NOPERM",
        "this user has no permissions to access one of the keys used as arguments",
        "the user may not access this key",
        "distinguishing a permission error from an outage (redis-py: NoPermissionError)",
        name="no-key-permission",
        applies_to=KEYED,
    ),
    error(
        "NOPROTO",
        "unsupported protocol version",
        "the server does not support RESP3",
        "falling back to RESP2",
        applies_to={"command": "HELLO"},
    ),
)
