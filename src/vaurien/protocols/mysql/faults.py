"""The catalogue: which faults there are, in the words of MariaDB 10.11 and MySQL 8.4.

An error that only one of the two servers has is marked in its meaning.  Where their texts
differ, clients get the text of the server they are connected to.
"""

from __future__ import annotations

import re
from collections.abc import Container

from ...fault import Catalogue, Fault
from .fault_types import (
    CLOSES,
    LARGEST,
    SQLSTATE,
    AnyErrPacket,
    ErrPacket,
    IdleErrPacket,
    MalformedPacket,
    ServerGone,
    ServerLost,
)
from .sqlstates import sqlstate_of

AT_GREETING = {"phase": "greeting"}
AT_LOGIN = {"command": "~^(LOGIN|CHANGE_USER)$"}
AT_COMMANDS = {"phase": "command"}
STATEMENTS = {"command": "~^(QUERY|STMT_EXECUTE|STMT_BULK_EXECUTE)$"}
QUERIES = {"verb": "~^(SELECT|WITH|INSERT|UPDATE|DELETE|REPLACE|LOAD|CALL)$"}
SELECTS = {"verb": "~^(SELECT|WITH)$"}
ROW_WRITES = {"verb": "~^(INSERT|UPDATE|REPLACE|LOAD|CALL)$"}
WRITES = {"verb": "~^(INSERT|UPDATE|DELETE|REPLACE|LOAD|CREATE|ALTER|DROP|TRUNCATE|RENAME|CALL)$"}
COMMITS = {"verb": "~^COMMIT$"}
"""Labels of the requests that servers refuse with such errors."""

FAULTS: tuple[Fault, ...] = (
    # In place of the greeting, or of a successful login.
    ErrPacket(
        name="ER_CON_COUNT_ERROR",
        error="1040 (08004): Too many connections",
        applies_to=AT_GREETING,
        meaning="max_connections is reached; sent instead of the greeting, without a SQLSTATE",
        exercises="backing off when connecting; the limit and the queue of a pool",
    ),
    ErrPacket(
        name="ER_HOST_IS_BLOCKED",
        error="1129 (HY000): Host '127.0.0.1' is blocked because of many connection errors; "
        "unblock with 'mysqladmin flush-hosts'",
        of_mariadb="Host '127.0.0.1' is blocked because of many connection errors; "
        "unblock with 'mariadb-admin flush-hosts'",
        applies_to=AT_GREETING,
        meaning="this host has reached max_connect_errors; sent instead of the greeting",
        exercises="giving up instead of reconnecting forever",
    ),
    ErrPacket(
        name="ER_HOST_NOT_PRIVILEGED",
        error="1130 (HY000): Host '127.0.0.1' is not allowed to connect to this MySQL server",
        of_mariadb="Host '127.0.0.1' is not allowed to connect to this MariaDB server",
        applies_to=AT_GREETING,
        meaning="no account may log in from this host; sent instead of the greeting",
        exercises="what operators see when a network changes",
    ),
    ErrPacket(
        name="ER_ACCESS_DENIED_ERROR",
        error="1045 (28000): Access denied for user '{user}'@'localhost' (using password: "
        "{password})",
        applies_to=AT_LOGIN,
        meaning="the password is wrong, or has been changed",
        exercises="credential rotation: reading them again without storming the server",
    ),
    ErrPacket(
        name="ER_TOO_MANY_USER_CONNECTIONS",
        error="1203 (42000): User {user} already has more than 'max_user_connections' active "
        "connections",
        applies_to=AT_LOGIN,
        meaning="the server's limit on connections per user is reached",
        exercises="backing off when connecting; the limit of a pool",
    ),
    ErrPacket(
        name="ER_USER_LIMIT_REACHED",
        error="1226 (42000): User '{user}' has exceeded the 'max_user_connections' resource "
        "(current value: 10)",
        applies_to=AT_LOGIN,
        meaning="a limit of this account is reached; with another message, one on its commands",
        exercises="backing off when connecting; distinguishing a limit from a failure",
    ),
    ErrPacket(
        name="ER_SERVER_OFFLINE_MODE",
        error="3032 (HY000): The server is currently in offline mode",
        applies_to=AT_LOGIN,
        meaning="offline_mode is on, for maintenance (MySQL)",
        exercises="waiting for maintenance to end, or trying another server",
    ),
    # Locks and conflicts.
    ErrPacket(
        name="ER_LOCK_WAIT_TIMEOUT",
        error="1205 (HY000): Lock wait timeout exceeded; try restarting transaction",
        applies_to=QUERIES,
        typical=True,
        meaning="innodb_lock_wait_timeout has passed; only the statement is rolled back",
        exercises="retrying a statement inside a transaction that is still open",
    ),
    ErrPacket(
        name="ER_LOCK_DEADLOCK",
        error="1213 (40001): Deadlock found when trying to get lock; try restarting transaction",
        applies_to=QUERIES,
        rolls_back=True,
        typical=True,
        meaning="chosen as the victim of a deadlock; the whole transaction is rolled back",
        exercises="retrying whole transactions (Rails' Deadlocked, Django, Hibernate)",
    ),
    ErrPacket(
        name="ER_LOCK_NOWAIT",
        error="3572 (HY000): Statement aborted because lock(s) could not be acquired immediately "
        "and NOWAIT is set.",
        applies_to={"sql": r"~(?i)\bNOWAIT\b"},
        meaning="a row requested with NOWAIT is locked (MySQL; MariaDB gives 1205)",
        exercises="queues in tables: moving on to another row",
    ),
    ErrPacket(
        name="ER_CHECKREAD",
        error="1020 (HY000): Record has changed since last read in table 't'",
        of_mariadb="Record has changed since last read in table 't'; try restarting transaction",
        applies_to=QUERIES,
        rolls_back=True,
        meaning="a snapshot conflict (MariaDB with innodb_snapshot_isolation)",
        exercises="retrying whole transactions after errors other than deadlocks",
    ),
    ErrPacket(
        name="ER_LOCK_TABLE_FULL",
        error="1206 (HY000): The total number of locks exceeds the lock table size",
        applies_to=QUERIES,
        rolls_back=True,
        meaning="locks have filled the buffer pool; the whole transaction is rolled back",
        exercises="reducing the size of batches",
    ),
    ErrPacket(
        name="ER_ERROR_DURING_COMMIT",
        error="1180 (HY000): Got error 149 - 'Lock deadlock; Retry transaction' during COMMIT",
        of_mariadb='Got error 149 "Lock deadlock; Retry transaction" during COMMIT',
        applies_to=COMMITS,
        rolls_back=True,
        meaning="the other nodes of a cluster did not certify the transaction; rolled back",
        exercises="retrying when the COMMIT fails (Group Replication, Galera)",
    ),
    ErrPacket(
        name="ER_TRANSACTION_ROLLBACK_DURING_COMMIT",
        error="3101 (40000): Plugin instructed the server to rollback the current transaction.",
        applies_to=COMMITS,
        rolls_back=True,
        meaning="Group Replication found a conflict; the transaction is rolled back (MySQL)",
        exercises="retrying when the COMMIT fails",
    ),
    ErrPacket(
        name="ER_UNKNOWN_ERROR",
        error="1105 (HY000): The last transaction was aborted due to Seamless Scaling. Please "
        "retry.",
        applies_to=STATEMENTS,
        rolls_back=True,
        meaning="Aurora Serverless has scaled during a transaction",
        exercises="retries that depend on the text of an error (Laravel)",
    ),
    ErrPacket(
        name="ER_DUP_ENTRY",
        error="1062 (23000): Duplicate entry '1' for key 'PRIMARY'",
        applies_to=ROW_WRITES,
        meaning="the row already exists, as after a retry whose first attempt succeeded",
        exercises="idempotent writes; distinguishing this error from those worth a retry",
    ),
    # Writes.
    ErrPacket(
        name="ER_OPTION_PREVENTS_STATEMENT",
        error="1290 (HY000): The MySQL server is running with the --read-only option so it cannot "
        "execute this statement",
        of_mariadb="The MariaDB server is running with the --read-only option so it cannot "
        "execute this statement",
        applies_to=WRITES,
        meaning="the server has become a replica",
        exercises="failover: reconnecting (go-sql-driver's rejectReadOnly, Connector/J)",
    ),
    ErrPacket(
        name="ER_READ_ONLY_MODE",
        error="1836 (HY000): Running in read-only mode",
        applies_to=WRITES,
        meaning="the storage engine is read-only (innodb_read_only, an Aurora reader)",
        exercises="failover: reconnecting",
    ),
    ErrPacket(
        name="ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION",
        error="1792 (25006): Cannot execute statement in a READ ONLY transaction.",
        of_mariadb="Cannot execute statement in a READ ONLY transaction",
        applies_to=WRITES,
        meaning="the transaction was started READ ONLY, or that is the server's default",
        exercises="routing of reads and writes",
    ),
    ErrPacket(
        name="ER_RECORD_FILE_FULL",
        error="1114 (HY000): The table 't' is full",
        applies_to=ROW_WRITES,
        meaning="out of space: a full disk, MEMORY table or temporary table",
        exercises="writes that keep failing while reads succeed",
    ),
    # Statements that are interrupted or refused.
    ErrPacket(
        name="ER_QUERY_INTERRUPTED",
        error="1317 (70100): Query execution was interrupted",
        applies_to=STATEMENTS,
        typical=True,
        meaning="somebody ran KILL QUERY",
        exercises="an error that is no reason to reconnect",
    ),
    ErrPacket(
        name="ER_QUERY_TIMEOUT",
        error="3024 (HY000): Query execution was interrupted, maximum statement execution time "
        "exceeded",
        applies_to=SELECTS,
        meaning="the statement exceeded max_execution_time (MySQL)",
        exercises="slow queries: no immediate retry",
    ),
    ErrPacket(
        name="ER_STATEMENT_TIMEOUT",
        error="1969 (70100): Query execution was interrupted (max_statement_time exceeded)",
        applies_to=QUERIES,
        meaning="the statement exceeded max_statement_time (MariaDB)",
        exercises="slow queries: no immediate retry",
    ),
    ErrPacket(
        name="ER_UNKNOWN_COM_ERROR",
        error="1047 (08S01): WSREP has not yet prepared node for application use",
        applies_to=STATEMENTS,
        meaning="the Galera node is out of sync with the cluster, or cut off from it",
        exercises="trying another node",
    ),
    ErrPacket(
        name="ER_MAX_PREPARED_STMT_COUNT_REACHED",
        error="1461 (42000): Can't create more than max_prepared_stmt_count statements (current "
        "value: 16382)",
        applies_to={"command": "STMT_PREPARE"},
        meaning="prepared statements are leaking: somebody does not close them",
        exercises="falling back to plain queries",
    ),
    ErrPacket(
        name="ER_NEED_REPREPARE",
        error="1615 (HY000): Prepared statement needs to be re-prepared",
        applies_to={"command": "STMT_EXECUTE"},
        meaning="its tables have changed, or were evicted from the table cache",
        exercises="preparing again",
    ),
    ErrPacket(
        name="ER_NET_PACKET_TOO_LARGE",
        error="1153 (08S01): Got a packet bigger than 'max_allowed_packet' bytes",
        applies_to=STATEMENTS,
        closes=True,
        meaning="the statement is longer than max_allowed_packet; the server closes the connection",
        exercises="large values; not retrying what cannot succeed",
    ),
    # Connections that end, broken responses, and the rest.
    ErrPacket(
        name="ER_SERVER_SHUTDOWN",
        error="1053 (08S01): Server shutdown in progress",
        applies_to=AT_COMMANDS,
        closes=True,
        typical=True,
        meaning="the server is shutting down; it closes the connection",
        exercises="reconnecting; pools that discard a connection",
    ),
    ErrPacket(
        name="ER_CONNECTION_KILLED",
        error="1927 (70100): Connection was killed",
        applies_to=AT_COMMANDS,
        closes=True,
        meaning="somebody ran KILL, or idle_transaction_timeout has passed (MariaDB)",
        exercises="reconnecting (SQLAlchemy's is_disconnect)",
    ),
    IdleErrPacket(
        name="ER_CLIENT_INTERACTION_TIMEOUT",
        error="4031 (HY000): The client was disconnected by the server because of inactivity. See "
        "wait_timeout and interactive_timeout for configuring this behavior.",
        applies_to=AT_COMMANDS,
        meaning="wait_timeout has passed (MySQL from 8.0.24); sent to the idle client",
        exercises="pools that test connections before use: pool_pre_ping, testOnBorrow",
    ),
    ServerGone(
        name="server-gone",
        aliases=("2006", "CR_SERVER_GONE_ERROR"),
        applies_to=AT_COMMANDS,
        meaning="the connection died while idle: the next command cannot even be sent",
        exercises="pools that test connections before use; reconnecting, and resending safely",
    ),
    ServerLost(
        name="lost-connection",
        aliases=("2013", "CR_SERVER_LOST"),
        applies_to=AT_COMMANDS,
        meaning="the connection died after the command was passed on and executed",
        exercises="commands that may or may not have been executed: no blind retry",
    ),
    MalformedPacket(
        name="malformed-packet",
        aliases=("2027", "CR_MALFORMED_PACKET"),
        applies_to=AT_COMMANDS,
        meaning="a response violates the framing, as behind a broken proxy",
        exercises="detecting it, and discarding the connection",
    ),
    AnyErrPacket(
        name="error",
        error="1105 (HY000): Unknown error",
        applies_to=AT_COMMANDS,
        meaning="any error, given by its parameters",
        exercises="whatever handles that error",
    ),
)


def any_errno(number: str, _given: Container[str]) -> AnyErrPacket | None:
    """Return the fault that is an error number, if it may be one."""
    if not re.fullmatch("[1-9][0-9]{0,4}", number) or int(number) > LARGEST:
        return None
    return AnyErrPacket(
        name=number,
        error=f"{number} ({sqlstate_of(int(number))}): injected by vaurien",
        applies_to=AT_COMMANDS,
        parameters=(SQLSTATE, CLOSES),
        meaning="an error with this number, and any text",
        exercises="whatever handles that error",
    )


CATALOGUE = Catalogue(
    FAULTS,
    typical_where={"verb": "~^(SELECT|INSERT|UPDATE|DELETE|REPLACE)$"},
    any_code=any_errno,
    codes=f"any other error number from 1 to {LARGEST}",
)
