"""The faults of PostgreSQL that end a session, or let none begin.

Texts and places in the source are those of PostgreSQL 15, but where said otherwise.
"""

from __future__ import annotations

from ...fault import Fault
from ...values.options import Option
from .forms import Crash, Ending, RawAnswer, Setting, Timeout

STARTUP = {"phase": "startup"}
ENCRYPTION = {"phase": "encryption"}
QUERY = {"phase": "query"}
EARLY = {"phase": "~^(encryption|startup)$"}
IDLE = Option("idle", bool, False, "after the response, while the client asks for nothing")
HOST = Option("host", str, "127.0.0.1", "the address that the server sees the client at")
REASON = Option("reason", str, "connect failed", "what the pooler last heard from the server")
RECONNECT = "In a moment you should be able to reconnect to the database and repeat your command."

REFUSALS: tuple[Fault, ...] = (
    Ending(
        name="starting-up",
        aliases=("57P03", "cannot_connect_now"),
        meaning="the server has just been started",
        exercises="patience at the start of an application, and after a restart",
        applies_to=STARTUP,
        text="the database system is starting up",
        source="postmaster.c 2415 ProcessStartupPacket",
    ),
    Ending(
        name="shutting-down",
        aliases=("57P03",),
        meaning="the server is being stopped and lets nobody in",
        exercises="going over to another host, and coming back",
        applies_to=STARTUP,
        text="the database system is shutting down",
        source="postmaster.c 2432 ProcessStartupPacket",
    ),
    Ending(
        name="in-recovery",
        aliases=("57P03",),
        meaning="the server recovers from a crash",
        exercises="reconnecting with a backoff",
        applies_to=STARTUP,
        text="the database system is in recovery mode",
        source="postmaster.c 2437 ProcessStartupPacket",
    ),
    Ending(
        name="not-yet-accepting",
        aliases=("57P03",),
        meaning="a standby has not caught up enough to be read from",
        exercises="lists of several hosts",
        applies_to=STARTUP,
        text="the database system is not yet accepting connections",
        detail="Consistent recovery state has not been yet reached.",
        source="postmaster.c 2421 ProcessStartupPacket",
    ),
    Ending(
        name="not-accepting",
        aliases=("57P03",),
        meaning="a standby that is not to be read from",
        exercises="lists of several hosts, and wrong addresses",
        applies_to=STARTUP,
        text="the database system is not accepting connections",
        detail="Hot standby mode is disabled.",
        source="postmaster.c 2426 ProcessStartupPacket",
    ),
    Ending(
        name="too_many_connections",
        aliases=("53300",),
        meaning="max_connections is reached",
        exercises="limits of pools, and backing off where every instance wants one more",
        applies_to=STARTUP,
        text="sorry, too many clients already",
        source="proc.c 357 InitProcess",
    ),
    Ending(
        name="reserved-slots",
        aliases=("53300",),
        meaning="what is left of max_connections is for superusers",
        exercises="limits of pools",
        applies_to=STARTUP,
        text="remaining connection slots are reserved for non-replication superuser connections",
        source="postinit.c 886 InitPostgres",
    ),
    Ending(
        name="role-limit",
        aliases=("53300",),
        meaning="the role has as many connections as it may",
        exercises="limits of pools",
        applies_to=STARTUP,
        text='too many connections for role "{user}"',
        source="miscinit.c 842 InitializeSessionUserId",
    ),
    Ending(
        name="database-limit",
        aliases=("53300",),
        meaning="the database has as many connections as it may",
        exercises="limits of pools",
        applies_to=STARTUP,
        text='too many connections for database "{database}"',
        source="postinit.c 384 CheckMyDatabase",
    ),
    Ending(
        name="invalid_password",
        aliases=("28P01",),
        meaning="the password is wrong, or was changed",
        exercises="rotation of passwords; whether it is tried over and over",
        applies_to=STARTUP,
        text='password authentication failed for user "{user}"',
        source="auth.c 334 auth_failed",
    ),
    Ending(
        name="invalid_authorization_specification",
        aliases=("28000",),
        meaning="pg_hba.conf does not let the client in from there",
        exercises="whether it is tried over and over",
        applies_to=STARTUP,
        parameters=(HOST,),
        text='no pg_hba.conf entry for host "{host}", user "{user}", database "{database}", '
        "no encryption",
        source="auth.c 544 ClientAuthentication",
    ),
    Ending(
        name="no-such-role",
        aliases=("28000",),
        meaning="the role does not exist",
        exercises="whether it is tried over and over",
        applies_to=STARTUP,
        text='role "{user}" does not exist',
        source="miscinit.c 768 InitializeSessionUserId",
    ),
    Ending(
        name="invalid_catalog_name",
        aliases=("3D000",),
        meaning="the database does not exist",
        exercises="starts before the database has been made",
        applies_to=STARTUP,
        text='database "{database}" does not exist',
        source="postinit.c 948 InitPostgres",
    ),
    Ending(
        name="not-accepting-database",
        aliases=("55000", "object_not_in_prerequisite_state"),
        meaning="the database is closed for maintenance",
        exercises="patience during maintenance",
        applies_to=STARTUP,
        text='database "{database}" is not currently accepting connections',
        source="postinit.c 350 CheckMyDatabase",
    ),
    RawAnswer(
        name="could-not-fork",
        meaning="the server has no means left to serve another client, and says so in plain bytes",
        exercises="clients that take any answer for a message",
        applies_to=EARLY,
        answer=b"Ecould not fork new process for connection: Cannot allocate memory\n\0",
        closes=True,
    ),
    Ending(
        name="max_client_conn",
        aliases=("08P01",),
        meaning="PgBouncer has as many clients as it takes",
        exercises="limits of pools in front of a pooler",
        applies_to=STARTUP,
        text="no more connections allowed (max_client_conn)",
        bare=True,
    ),
    Ending(
        name="server_login_retry",
        aliases=("08P01",),
        meaning="PgBouncer can't reach the server and has stopped trying for a while",
        exercises="going on once the server is back",
        applies_to=STARTUP,
        parameters=(REASON,),
        text="server login has been failing, cached error: {reason} (server_login_retry)",
        bare=True,
    ),
    RawAnswer(
        name="ssl-refused",
        meaning="the server has no encryption to offer; tls=pass lets the client ask",
        exercises="sslmode=prefer, require and verify-full",
        applies_to=ENCRYPTION,
        answer=b"N",
    ),
    RawAnswer(
        name="ssl-garbage",
        meaning="who answers is no PostgreSQL; tls=pass lets the client ask",
        exercises="clients that take any answer for a yes or a no",
        applies_to=ENCRYPTION,
        answer=b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
        closes=True,
    ),
)
"""Sessions that do not begin."""

SETTINGS: tuple[Fault, ...] = tuple(
    Setting(
        name=name,
        meaning=meaning,
        exercises="target_session_attrs, and noticing a failover in the middle of a session",
        applies_to=STARTUP,
        parameters=(Option("value", str, "on", "what the server reports", choices=("on", "off")),),
    )
    for name, meaning in (
        ("in_hot_standby", "the server says that it is a standby"),
        ("default_transaction_read_only", "the server says that transactions are read-only"),
    )
)
"""What decides whether a client takes this server for the one it wants."""

ENDINGS: tuple[Fault, ...] = (
    Ending(
        name="admin_shutdown",
        aliases=("57P01",),
        meaning="the server is stopped, or somebody ends the session with pg_terminate_backend",
        exercises="pools that find out, pool_pre_ping, trying a transaction again",
        applies_to=QUERY,
        parameters=(IDLE,),
        typical=True,
        text="terminating connection due to administrator command",
        source="postgres.c 3211 ProcessInterrupts",
    ),
    Crash(
        name="crash_shutdown",
        aliases=("57P02",),
        meaning="another server process has crashed, so all sessions end",
        exercises="pools that find out; ambiguous commits",
        applies_to=QUERY,
        parameters=(IDLE,),
        text="terminating connection because of crash of another server process",
        detail="The postmaster has commanded this server process to roll back the current "
        "transaction and exit, because another server process exited abnormally and possibly "
        "corrupted shared memory.",
        hint=RECONNECT,
        source="postgres.c 2895 quickdie",
    ),
    Crash(
        name="immediate-shutdown",
        aliases=("57P01",),
        meaning="the server is stopped without ceremony",
        exercises="pools that find out; ambiguous commits",
        applies_to=QUERY,
        parameters=(IDLE,),
        text="terminating connection due to immediate shutdown command",
        source="postgres.c 2907 quickdie",
    ),
    Ending(
        name="postmaster-exit",
        aliases=("57P01",),
        meaning="the server's first process is gone",
        exercises="pools that find out",
        applies_to=QUERY,
        parameters=(IDLE,),
        text="terminating connection due to unexpected postmaster exit",
        source="be-secure.c 207 secure_read",
    ),
    Ending(
        name="terminating-conflict",
        aliases=("40001",),
        meaning="a standby can't replay what is written elsewhere while this session goes on",
        exercises="reading from replicas: trying the transaction again, on a new connection",
        applies_to=QUERY,
        parameters=(IDLE,),
        text="terminating connection due to conflict with recovery",
        detail="User query might have needed to see row versions that must be removed.",
        hint=RECONNECT,
        source="postgres.c 3259 ProcessInterrupts",
    ),
    Ending(
        name="database_dropped",
        aliases=("57P04",),
        meaning="a standby replays that the database is dropped",
        exercises="whether it is tried over and over",
        applies_to=QUERY,
        parameters=(IDLE,),
        text="terminating connection due to conflict with recovery",
        detail="User was connected to a database that must be dropped.",
        source="postgres.c 3200 ProcessInterrupts",
    ),
    Timeout(
        name="idle_session_timeout",
        aliases=("57P05",),
        meaning="the session was idle for too long",
        exercises="pools with connections that have been closed behind their back",
        applies_to=QUERY,
        text="terminating connection due to idle-session timeout",
        source="postgres.c 3374 ProcessInterrupts",
    ),
    Timeout(
        name="idle_in_transaction_session_timeout",
        aliases=("25P03",),
        meaning="the session held a transaction open and did nothing",
        exercises="trying a whole transaction again, after slow work between two statements",
        applies_to=QUERY,
        states=b"TE",
        text="terminating connection due to idle-in-transaction timeout",
        source="postgres.c 3363 ProcessInterrupts",
    ),
    Ending(
        name="transaction_timeout",
        aliases=("25P04",),
        meaning="the transaction took too long (PostgreSQL 17)",
        exercises="trying a whole transaction again",
        applies_to=QUERY,
        text="terminating connection due to transaction timeout",
    ),
    Ending(
        name="protocol-lost",
        aliases=("08P01",),
        meaning="client and server are out of step",
        exercises="whether the connection is thrown away",
        applies_to=QUERY,
        text="terminating connection because protocol synchronization was lost",
        source="postgres.c 4429 PostgresMain",
    ),
    Ending(
        name="query_wait_timeout",
        aliases=("08P01",),
        meaning="PgBouncer had no server connection to spare for too long",
        exercises="telling a pool that is too small from a server that is down",
        applies_to=QUERY,
        text="query_wait_timeout",
        bare=True,
    ),
    Ending(
        name="client_idle_timeout",
        aliases=("08P01",),
        meaning="PgBouncer closes a client that has been idle for too long",
        exercises="pools with connections that have been closed behind their back",
        applies_to=QUERY,
        parameters=(Option("idle", bool, True, IDLE.help),),
        text="client_idle_timeout",
        bare=True,
    ),
)
"""Sessions that end."""
