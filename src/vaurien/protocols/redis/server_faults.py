"""The catalogue, first part: errors that do not depend on the command."""

from __future__ import annotations

from .fault_types import ErrorReply

DATA = {"access": "~^(read|write)$"}
WRITES = {"access": "write"}
BUT_CONTROL = {"access": "~^(read|write|other)$"}
KEYED = {"key": "~."}
AUTHENTICATED = {"command": "!~^(AUTH|HELLO|QUIT|RESET)$"}
LOGIN = {"command": "~^(AUTH|HELLO)$"}
BLOCKING = (
    "~^(BLMOVE|BLMPOP|BLPOP|BRPOP|BRPOPLPUSH|BZMPOP|BZPOPMAX|BZPOPMIN|WAIT|XREAD|XREADGROUP)$"
)

SERVER_FAULTS = (
    # The server.
    ErrorReply(
        error="LOADING Redis is loading the dataset in memory",
        meaning="the server has restarted and is loading its data",
        exercises="waiting, then retrying (redis-py: BusyLoadingError)",
        applies_to=BUT_CONTROL,
        typical=True,
    ),
    ErrorReply(
        error="BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN "
        "NOSAVE.",
        meaning="a script runs for longer than busy-reply-threshold",
        exercises="retrying with a backoff",
        applies_to=BUT_CONTROL,
        typical=True,
    ),
    ErrorReply(
        name="busy-function",
        error="BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN "
        "NOSAVE.",
        meaning="a function runs for longer than busy-reply-threshold",
        exercises="retrying with a backoff",
        applies_to=BUT_CONTROL,
    ),
    ErrorReply(
        error="OOM command not allowed when used memory > 'maxmemory'.",
        meaning="maxmemory is reached, and nothing may be evicted",
        exercises="working without the cache (redis-py: OutOfMemoryError)",
        applies_to={"grows": "yes"},
    ),
    ErrorReply(
        error="MISCONF Redis is configured to save RDB snapshots, but it's currently unable to "
        "persist to disk. Commands that may modify the data set are disabled, because this "
        "instance is configured to report errors during writes if RDB snapshotting fails "
        "(stop-writes-on-bgsave-error option). Please check the Redis logs for details about the "
        "RDB error.",
        meaning="the last snapshot failed",
        exercises="reporting failed writes while reads continue",
        applies_to=WRITES,
    ),
    ErrorReply(
        name="aof-error",
        error="MISCONF Errors writing to the AOF file: No space left on device",
        meaning="the append-only file cannot be written",
        exercises="reporting failed writes while reads continue",
        applies_to=WRITES,
    ),
    ErrorReply(
        name="max-clients",
        error="ERR max number of clients reached",
        meaning="maxclients is reached",
        exercises="leaking pools, and backing off (redis-py: ConnectionError)",
        closes=True,
    ),
    ErrorReply(
        aliases=("protected-mode",),
        error="DENIED Redis is running in protected mode because protected mode is enabled and no "
        "password is set for the default user. In this mode connections are only accepted from the "
        "loopback interface. If you want to connect from external computers to Redis you may adopt "
        "one of the following solutions: 1) Just disable protected mode sending the command "
        "'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from "
        "the same host the server is running, however MAKE SURE Redis is not publicly accessible "
        "from internet if you do so. Use CONFIG REWRITE to make this change permanent. 2) "
        "Alternatively you can just disable the protected mode by editing the Redis configuration "
        "file, and setting the protected mode option to 'no', and then restarting the server. 3) "
        "If you started the server manually just for testing, restart it with the "
        "'--protected-mode no' option. 4) Setup a an authentication password for the default user. "
        "NOTE: You only need to do one of the above things in order for the server to start "
        "accepting connections from the outside.",
        meaning="the server accepts connections from its own host only",
        exercises="telling misconfiguration from an outage",
        closes=True,
    ),
    ErrorReply(
        name="protocol-error",
        error="ERR Protocol error: invalid bulk length",
        meaning="the server could not parse the request",
        exercises="discarding a connection that is out of sync",
        closes=True,
    ),
    # Replication.
    ErrorReply(
        error="READONLY You can't write against a read only replica.",
        meaning="the server is a replica, after a failover or because the address is wrong",
        exercises="finding the new primary (redis-py: ReadOnlyError; ioredis: reconnectOnError)",
        applies_to=WRITES,
    ),
    ErrorReply(
        error="NOREPLICAS Not enough good replicas to write.",
        meaning="fewer than min-replicas-to-write replicas are up to date",
        exercises="retrying writes later",
        applies_to=WRITES,
    ),
    ErrorReply(
        error="MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
        meaning="a replica has lost its primary",
        exercises="reading from another server (redis-py: MasterDownError)",
        applies_to=BUT_CONTROL,
        typical=True,
    ),
    ErrorReply(
        error="NOMASTERLINK Can't SYNC while not connected with my master",
        meaning="a replica that lost its primary cannot serve replicas of its own",
        exercises="replication tools that retry",
        applies_to={"command": "~^P?SYNC$"},
    ),
    ErrorReply(
        error="UNBLOCKED force unblock from blocking operation, instance state changed (master -> "
        "replica?)",
        meaning="a failover ends a blocking command, and the connection",
        exercises="workers that block waiting for jobs",
        applies_to={"command": BLOCKING},
        closes=True,
    ),
    ErrorReply(
        name="client-unblocked",
        error="UNBLOCKED client unblocked via CLIENT UNBLOCK",
        meaning="somebody ended the wait with CLIENT UNBLOCK",
        exercises="workers that block waiting for jobs",
        applies_to={"command": BLOCKING},
        runs=True,
    ),
    # Access.
    ErrorReply(
        error="NOAUTH Authentication required.",
        meaning="the server requires a password",
        exercises="telling misconfiguration from an outage (redis-py: AuthenticationError)",
        applies_to=AUTHENTICATED,
    ),
    ErrorReply(
        error="WRONGPASS invalid username-password pair or user is disabled.",
        meaning="the password is wrong, or has been rotated",
        exercises="fetching new credentials (redis-py: AuthenticationError)",
        applies_to=LOGIN,
    ),
    ErrorReply(
        name="no-password",
        error="ERR AUTH <password> called without any password configured for the default user. "
        "Are you sure your configuration is correct?",
        meaning="a password was sent, but none is configured",
        exercises="telling misconfiguration from an outage (redis-py: AuthenticationError)",
        applies_to={"command": "AUTH"},
    ),
    ErrorReply(
        error="NOPERM this user has no permissions to run the '{command}' command",
        meaning="the user may not run this command",
        exercises="distinguishing a permission error from an outage (redis-py: NoPermissionError)",
        applies_to=AUTHENTICATED,
    ),
    ErrorReply(
        name="no-key-permission",
        error="NOPERM this user has no permissions to access one of the keys used as arguments",
        meaning="the user may not access this key",
        exercises="distinguishing a permission error from an outage (redis-py: NoPermissionError)",
        applies_to=KEYED,
    ),
    ErrorReply(
        error="NOPROTO unsupported protocol version",
        meaning="the server does not support RESP3",
        exercises="falling back to RESP2",
        applies_to={"command": "HELLO"},
    ),
)
