"""The catalogue, first part: sessions that do not begin, or that end.

Texts and source locations are those of PostgreSQL 15, unless a later version is named.
"""

from __future__ import annotations

from ...fault import Fault
from ...values.options import Option
from .fault_types import (
    CrashNotice,
    ParameterStatus,
    RawBytes,
    RefusedSession,
    SessionEnd,
    SessionTimeout,
)

ENCRYPTION = {"phase": "encryption"}
EARLY = {"phase": "~^(encryption|startup)$"}
IDLE = Option("idle", bool, False, "end the session after the response, while the client is idle")
HOST = Option("host", str, "127.0.0.1", "the client's address, as the server sees it")
REASON = Option("reason", str, "connect failed", "the pooler's last error from the server")
RECONNECT = "In a moment you should be able to reconnect to the database and repeat your command."

REFUSED_SESSIONS: tuple[Fault, ...] = (
    RefusedSession(
        name="starting-up",
        aliases=("cannot_connect_now",),
        meaning="the server is starting",
        exercises="waiting, at application startup and after a restart",
        error="57P03: the database system is starting up",
        source="postmaster.c 2415 ProcessStartupPacket",
    ),
    RefusedSession(
        name="shutting-down",
        meaning="the server is shutting down and accepts nobody",
        exercises="failing over to another host, and back",
        error="57P03: the database system is shutting down",
        source="postmaster.c 2432 ProcessStartupPacket",
    ),
    RefusedSession(
        name="in-recovery",
        meaning="the server is recovering from a crash",
        exercises="reconnecting with a backoff",
        error="57P03: the database system is in recovery mode",
        source="postmaster.c 2437 ProcessStartupPacket",
    ),
    RefusedSession(
        name="not-yet-accepting",
        meaning="a standby is not yet consistent enough to be read from",
        exercises="connection strings with several hosts",
        error="57P03: the database system is not yet accepting connections",
        detail="Consistent recovery state has not been yet reached.",
        source="postmaster.c 2421 ProcessStartupPacket",
    ),
    RefusedSession(
        name="not-accepting",
        meaning="a standby that does not allow reads",
        exercises="connection strings with several hosts; wrong addresses",
        error="57P03: the database system is not accepting connections",
        detail="Hot standby mode is disabled.",
        source="postmaster.c 2426 ProcessStartupPacket",
    ),
    RefusedSession(
        name="too_many_connections",
        meaning="max_connections is reached",
        exercises="pool limits; backing off when every instance wants another connection",
        error="53300: sorry, too many clients already",
        source="proc.c 357 InitProcess",
    ),
    RefusedSession(
        name="reserved-slots",
        meaning="the remaining connections are reserved for superusers",
        exercises="pool limits",
        error="53300: remaining connection slots are reserved for non-replication superuser "
        "connections",
        source="postinit.c 886 InitPostgres",
    ),
    RefusedSession(
        name="role-limit",
        meaning="the role's connection limit is reached",
        exercises="pool limits",
        error='53300: too many connections for role "{user}"',
        source="miscinit.c 842 InitializeSessionUserId",
    ),
    RefusedSession(
        name="database-limit",
        meaning="the database's connection limit is reached",
        exercises="pool limits",
        error='53300: too many connections for database "{database}"',
        source="postinit.c 384 CheckMyDatabase",
    ),
    RefusedSession(
        name="invalid_password",
        meaning="the password is wrong, or has been changed",
        exercises="password rotation; whether it is retried forever",
        error='28P01: password authentication failed for user "{user}"',
        source="auth.c 334 auth_failed",
    ),
    RefusedSession(
        name="invalid_authorization_specification",
        meaning="pg_hba.conf does not admit the client from its address",
        exercises="whether it is retried forever",
        parameters=(HOST,),
        error='28000: no pg_hba.conf entry for host "{host}", user "{user}", database '
        '"{database}", no encryption',
        source="auth.c 544 ClientAuthentication",
    ),
    RefusedSession(
        name="no-such-role",
        meaning="the role does not exist",
        exercises="whether it is retried forever",
        error='28000: role "{user}" does not exist',
        source="miscinit.c 768 InitializeSessionUserId",
    ),
    RefusedSession(
        name="invalid_catalog_name",
        meaning="the database does not exist",
        exercises="applications that start before the database is created",
        error='3D000: database "{database}" does not exist',
        source="postinit.c 948 InitPostgres",
    ),
    RefusedSession(
        name="not-accepting-database",
        aliases=("object_not_in_prerequisite_state",),
        meaning="the database is closed for maintenance",
        exercises="waiting for maintenance to end",
        error='55000: database "{database}" is not currently accepting connections',
        source="postinit.c 350 CheckMyDatabase",
    ),
    RawBytes(
        name="could-not-fork",
        meaning="the server cannot fork another process; sent as bytes that are not a message",
        exercises="clients that parse any answer as a message",
        applies_to=EARLY,
        answer=b"Ecould not fork new process for connection: Cannot allocate memory\n\0",
        closes=True,
    ),
    RefusedSession(
        name="max_client_conn",
        meaning="PgBouncer's client limit is reached",
        exercises="limits of application pools in front of a pooler",
        error="08P01: no more connections allowed (max_client_conn)",
        bare=True,
    ),
    RefusedSession(
        name="server_login_retry",
        meaning="PgBouncer cannot reach the server and has paused its attempts",
        exercises="recovering once the server is back",
        parameters=(REASON,),
        error="08P01: server login has been failing, cached error: {reason} (server_login_retry)",
        bare=True,
    ),
    RawBytes(
        name="ssl-refused",
        meaning="the server does not offer encryption; needs tls=pass or both",
        exercises="sslmode=prefer, require and verify-full",
        applies_to=ENCRYPTION,
        answer=b"N",
    ),
    RawBytes(
        name="ssl-garbage",
        meaning="the peer is not PostgreSQL; needs tls=pass or both",
        exercises="clients that take any answer for yes or no",
        applies_to=ENCRYPTION,
        answer=b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
        closes=True,
    ),
)
"""Sessions that do not begin."""

REPORTED_SETTINGS: tuple[Fault, ...] = tuple(
    ParameterStatus(
        name=name,
        meaning=meaning,
        exercises="target_session_attrs; noticing a failover during a session",
        parameters=(Option("value", str, "on", "the reported value", choices=("on", "off")),),
    )
    for name, meaning in (
        ("in_hot_standby", "the server reports that it is a standby"),
        ("default_transaction_read_only", "the server reports that transactions are read-only"),
    )
)
"""Settings by which clients choose one of several servers."""

ENDED_SESSIONS: tuple[Fault, ...] = (
    SessionEnd(
        name="admin_shutdown",
        meaning="the server is shutting down, or somebody called pg_terminate_backend",
        exercises="pools that detect it, pool_pre_ping; retrying a transaction",
        parameters=(IDLE,),
        typical=True,
        error="57P01: terminating connection due to administrator command",
        source="postgres.c 3211 ProcessInterrupts",
    ),
    CrashNotice(
        name="crash_shutdown",
        meaning="another server process has crashed, so all sessions end",
        exercises="pools that detect it; ambiguous commits",
        parameters=(IDLE,),
        error="57P02: terminating connection because of crash of another server process",
        detail="The postmaster has commanded this server process to roll back the current "
        "transaction and exit, because another server process exited abnormally and possibly "
        "corrupted shared memory.",
        hint=RECONNECT,
        source="postgres.c 2895 quickdie",
    ),
    CrashNotice(
        name="immediate-shutdown",
        meaning="the server is stopped in immediate mode",
        exercises="pools that detect it; ambiguous commits",
        parameters=(IDLE,),
        error="57P01: terminating connection due to immediate shutdown command",
        source="postgres.c 2907 quickdie",
    ),
    SessionEnd(
        name="postmaster-exit",
        meaning="the postmaster, the server's first process, has exited",
        exercises="pools that detect it",
        parameters=(IDLE,),
        error="57P01: terminating connection due to unexpected postmaster exit",
        source="be-secure.c 207 secure_read",
    ),
    SessionEnd(
        name="terminating-conflict",
        meaning="on a standby, the session conflicts with changes to be replayed",
        exercises="reading from replicas: retrying the transaction on a new connection",
        parameters=(IDLE,),
        error="40001: terminating connection due to conflict with recovery",
        detail="User query might have needed to see row versions that must be removed.",
        hint=RECONNECT,
        source="postgres.c 3259 ProcessInterrupts",
    ),
    SessionEnd(
        name="database_dropped",
        meaning="a standby replays the drop of the database",
        exercises="whether it is retried forever",
        parameters=(IDLE,),
        error="57P04: terminating connection due to conflict with recovery",
        detail="User was connected to a database that must be dropped.",
        source="postgres.c 3200 ProcessInterrupts",
    ),
    SessionTimeout(
        name="idle_session_timeout",
        meaning="the session was idle for too long",
        exercises="pools whose connections are closed behind their back",
        error="57P05: terminating connection due to idle-session timeout",
        source="postgres.c 3374 ProcessInterrupts",
    ),
    SessionTimeout(
        name="idle_in_transaction_session_timeout",
        meaning="the session was idle in an open transaction for too long",
        exercises="retrying a whole transaction after slow work between two statements",
        states=b"TE",
        error="25P03: terminating connection due to idle-in-transaction timeout",
        source="postgres.c 3363 ProcessInterrupts",
    ),
    SessionEnd(
        name="transaction_timeout",
        meaning="the transaction took too long (PostgreSQL 17)",
        exercises="retrying a whole transaction",
        error="25P04: terminating connection due to transaction timeout",
    ),
    SessionEnd(
        name="protocol-lost",
        meaning="client and server are out of sync",
        exercises="whether the connection is discarded",
        error="08P01: terminating connection because protocol synchronization was lost",
        source="postgres.c 4429 PostgresMain",
    ),
    SessionEnd(
        name="query_wait_timeout",
        meaning="PgBouncer had no free server connection for too long",
        exercises="distinguishing a pool that is too small from a server that is down",
        error="08P01: query_wait_timeout",
        bare=True,
    ),
    SessionEnd(
        name="client_idle_timeout",
        meaning="PgBouncer disconnects a client that was idle for too long",
        exercises="pools whose connections are closed behind their back",
        parameters=(Option("idle", bool, True, IDLE.help),),
        error="08P01: client_idle_timeout",
        bare=True,
    ),
)
"""Sessions that end."""
