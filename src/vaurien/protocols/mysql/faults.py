"""The faults native to MySQL and MariaDB.

Numbers, SQLSTATEs and texts are those of MariaDB 10.11 and MySQL 8.4; where only one of the
two has an error, its meaning says so.  Where their texts differ, each client is told what
its server says.
"""

from __future__ import annotations

from ...fault import Catalogue, Fault
from .fault_types import (
    AnyErrPacket,
    IdleErrPacket,
    MalformedPacket,
    ServerGone,
    ServerLost,
    err_packet,
)

AT_GREETING = {"phase": "greeting"}
AT_LOGIN = {"phase": "login"}
AT_COMMANDS = {"phase": "command"}
STATEMENTS = {"command": "~^(QUERY|STMT_EXECUTE|STMT_BULK_EXECUTE)$"}
QUERIES = {"verb": "~^(SELECT|WITH|INSERT|UPDATE|DELETE|REPLACE|LOAD|CALL)$"}
SELECTS = {"verb": "~^(SELECT|WITH)$"}
ROW_WRITES = {"verb": "~^(INSERT|UPDATE|REPLACE|LOAD|CALL)$"}
WRITES = {"verb": "~^(INSERT|UPDATE|DELETE|REPLACE|LOAD|CREATE|ALTER|DROP|TRUNCATE|RENAME|CALL)$"}
COMMITS = {"verb": "~^COMMIT$"}
"""Labels of what servers refuse in that way."""

LOGINS: tuple[Fault, ...] = (
    err_packet(
        1040,
        "ER_CON_COUNT_ERROR",
        "08004",
        "Too many connections",
        applies_to=AT_GREETING,
        closes=True,
        meaning="max_connections is reached; told instead of the greeting, without a SQLSTATE",
        exercises="backing off when connecting, the limit and the queue of a pool",
    ),
    err_packet(
        1129,
        "ER_HOST_IS_BLOCKED",
        "HY000",
        "Host '127.0.0.1' is blocked because of many connection errors; "
        "unblock with 'mysqladmin flush-hosts'",
        of_mariadb="Host '127.0.0.1' is blocked because of many connection errors; "
        "unblock with 'mariadb-admin flush-hosts'",
        applies_to=AT_GREETING,
        closes=True,
        meaning="max_connect_errors is reached by this host; told instead of the greeting",
        exercises="giving up instead of connecting again and again",
    ),
    err_packet(
        1130,
        "ER_HOST_NOT_PRIVILEGED",
        "HY000",
        "Host '127.0.0.1' is not allowed to connect to this MySQL server",
        of_mariadb="Host '127.0.0.1' is not allowed to connect to this MariaDB server",
        applies_to=AT_GREETING,
        closes=True,
        meaning="no account may log in from this host; told instead of the greeting",
        exercises="what operators get to see when a network changes",
    ),
    err_packet(
        1045,
        "ER_ACCESS_DENIED_ERROR",
        "28000",
        "Access denied for user '{user}'@'localhost' (using password: {password})",
        applies_to=AT_LOGIN,
        closes=True,
        meaning="the password is wrong, or no longer right",
        exercises="rotation of credentials: reading them again, not storming the server",
    ),
    err_packet(
        1203,
        "ER_TOO_MANY_USER_CONNECTIONS",
        "42000",
        "User {user} already has more than 'max_user_connections' active connections",
        applies_to=AT_LOGIN,
        closes=True,
        meaning="the server's limit on connections of one user is reached",
        exercises="backing off when connecting, the limit of a pool",
    ),
    err_packet(
        1226,
        "ER_USER_LIMIT_REACHED",
        "42000",
        "User '{user}' has exceeded the 'max_user_connections' resource (current value: 10)",
        applies_to=AT_LOGIN,
        closes=True,
        meaning="a limit of this account is reached; with another message, also of its commands",
        exercises="backing off when connecting, telling a limit from a failure",
    ),
    err_packet(
        3032,
        "ER_SERVER_OFFLINE_MODE",
        "HY000",
        "The server is currently in offline mode",
        applies_to=AT_LOGIN,
        closes=True,
        meaning="offline_mode is on, for maintenance (MySQL)",
        exercises="waiting for a maintenance to end, going to another server",
    ),
)
"""Told in place of the greeting, or of a successful login."""

TRANSACTIONS: tuple[Fault, ...] = (
    err_packet(
        1205,
        "ER_LOCK_WAIT_TIMEOUT",
        "HY000",
        "Lock wait timeout exceeded; try restarting transaction",
        applies_to=QUERIES,
        typical=True,
        meaning="innodb_lock_wait_timeout has passed; the statement alone is rolled back",
        exercises="retries of a statement inside a transaction that is still open",
    ),
    err_packet(
        1213,
        "ER_LOCK_DEADLOCK",
        "40001",
        "Deadlock found when trying to get lock; try restarting transaction",
        applies_to=QUERIES,
        rolls_back=True,
        typical=True,
        meaning="chosen as the victim of a deadlock; the whole transaction is rolled back",
        exercises="retries of whole transactions (Rails' Deadlocked, Django, Hibernate)",
    ),
    err_packet(
        3572,
        "ER_LOCK_NOWAIT",
        "HY000",
        "Statement aborted because lock(s) could not be acquired immediately and NOWAIT is set.",
        applies_to={"sql": r"~(?i)\bNOWAIT\b"},
        meaning="a row that was asked for with NOWAIT is locked (MySQL; MariaDB says 1205)",
        exercises="queues in tables: going on with another row",
    ),
    err_packet(
        1020,
        "ER_CHECKREAD",
        "HY000",
        "Record has changed since last read in table 't'",
        of_mariadb="Record has changed since last read in table 't'; try restarting transaction",
        applies_to=QUERIES,
        rolls_back=True,
        meaning="a conflict between snapshots (MariaDB with innodb_snapshot_isolation)",
        exercises="retries of whole transactions after other errors than deadlocks",
    ),
    err_packet(
        1206,
        "ER_LOCK_TABLE_FULL",
        "HY000",
        "The total number of locks exceeds the lock table size",
        applies_to=QUERIES,
        rolls_back=True,
        meaning="locks have filled the buffer pool; the whole transaction is rolled back",
        exercises="batches that become smaller",
    ),
    err_packet(
        1180,
        "ER_ERROR_DURING_COMMIT",
        "HY000",
        "Got error 149 - 'Lock deadlock; Retry transaction' during COMMIT",
        of_mariadb='Got error 149 "Lock deadlock; Retry transaction" during COMMIT',
        applies_to=COMMITS,
        rolls_back=True,
        meaning="certification by the other nodes of a cluster failed; rolled back",
        exercises="retries when it is the COMMIT that fails (Group Replication, Galera)",
    ),
    err_packet(
        3101,
        "ER_TRANSACTION_ROLLBACK_DURING_COMMIT",
        "40000",
        "Plugin instructed the server to rollback the current transaction.",
        applies_to=COMMITS,
        rolls_back=True,
        meaning="Group Replication found a conflict; rolled back (MySQL)",
        exercises="retries when it is the COMMIT that fails",
    ),
    err_packet(
        1105,
        "ER_UNKNOWN_ERROR",
        "HY000",
        "The last transaction was aborted due to Seamless Scaling. Please retry.",
        applies_to=STATEMENTS,
        rolls_back=True,
        meaning="Aurora Serverless has changed its size under a transaction",
        exercises="retries by the text of an error (Laravel)",
    ),
    err_packet(
        1062,
        "ER_DUP_ENTRY",
        "23000",
        "Duplicate entry '1' for key 'PRIMARY'",
        applies_to=ROW_WRITES,
        meaning="the row is there already, as after a retry whose first attempt was heard",
        exercises="idempotent writes; telling this error from those worth a retry",
    ),
)
"""Of locks and conflicts."""

READ_ONLY: tuple[Fault, ...] = (
    err_packet(
        1290,
        "ER_OPTION_PREVENTS_STATEMENT",
        "HY000",
        "The MySQL server is running with the --read-only option so it cannot execute "
        "this statement",
        of_mariadb="The MariaDB server is running with the --read-only option so it cannot "
        "execute this statement",
        applies_to=WRITES,
        meaning="the server has become a replica",
        exercises="failover: connecting anew (go-sql-driver's rejectReadOnly, Connector/J)",
    ),
    err_packet(
        1836,
        "ER_READ_ONLY_MODE",
        "HY000",
        "Running in read-only mode",
        applies_to=WRITES,
        meaning="the storage engine is read-only (innodb_read_only, an Aurora reader)",
        exercises="failover: connecting anew",
    ),
    err_packet(
        1792,
        "ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION",
        "25006",
        "Cannot execute statement in a READ ONLY transaction.",
        of_mariadb="Cannot execute statement in a READ ONLY transaction",
        applies_to=WRITES,
        meaning="the transaction was begun as READ ONLY, or the server makes all of them so",
        exercises="routing of reads and writes",
    ),
    err_packet(
        1114,
        "ER_RECORD_FILE_FULL",
        "HY000",
        "The table 't' is full",
        applies_to=ROW_WRITES,
        meaning="no more fits: a full disk, a MEMORY table, a full temporary table",
        exercises="writes that fail for long, while reads go on",
    ),
)
"""Told to writes."""

INTERRUPTIONS: tuple[Fault, ...] = (
    err_packet(
        1317,
        "ER_QUERY_INTERRUPTED",
        "70100",
        "Query execution was interrupted",
        applies_to=STATEMENTS,
        typical=True,
        meaning="somebody said KILL QUERY",
        exercises="an error that is no reason to connect anew",
    ),
    err_packet(
        3024,
        "ER_QUERY_TIMEOUT",
        "HY000",
        "Query execution was interrupted, maximum statement execution time exceeded",
        applies_to=SELECTS,
        meaning="max_execution_time has passed (MySQL)",
        exercises="slow queries: no retry at once",
    ),
    err_packet(
        1969,
        "ER_STATEMENT_TIMEOUT",
        "70100",
        "Query execution was interrupted (max_statement_time exceeded)",
        applies_to=QUERIES,
        meaning="max_statement_time has passed (MariaDB)",
        exercises="slow queries: no retry at once",
    ),
    err_packet(
        1047,
        "ER_UNKNOWN_COM_ERROR",
        "08S01",
        "WSREP has not yet prepared node for application use",
        applies_to=STATEMENTS,
        meaning="the node of a Galera cluster is not in sync with the others, or has lost them",
        exercises="going to another node",
    ),
    err_packet(
        1461,
        "ER_MAX_PREPARED_STMT_COUNT_REACHED",
        "42000",
        "Can't create more than max_prepared_stmt_count statements (current value: 16382)",
        applies_to={"command": "STMT_PREPARE"},
        meaning="somebody forgets to close statements",
        exercises="falling back on plain queries",
    ),
    err_packet(
        1615,
        "ER_NEED_REPREPARE",
        "HY000",
        "Prepared statement needs to be re-prepared",
        applies_to={"command": "STMT_EXECUTE"},
        meaning="its tables have changed, or were thrown out of the table cache",
        exercises="preparing again",
    ),
    err_packet(
        1153,
        "ER_NET_PACKET_TOO_LARGE",
        "08S01",
        "Got a packet bigger than 'max_allowed_packet' bytes",
        applies_to=STATEMENTS,
        closes=True,
        meaning="the statement is longer than max_allowed_packet; then the server hangs up",
        exercises="large values; not repeating what can't succeed",
    ),
)
"""Statements that come to nothing."""

ENDS: tuple[Fault, ...] = (
    err_packet(
        1053,
        "ER_SERVER_SHUTDOWN",
        "08S01",
        "Server shutdown in progress",
        applies_to=AT_COMMANDS,
        closes=True,
        typical=True,
        meaning="the server is being stopped; then it hangs up",
        exercises="connecting anew; pools that throw a connection away",
    ),
    err_packet(
        1927,
        "ER_CONNECTION_KILLED",
        "70100",
        "Connection was killed",
        applies_to=AT_COMMANDS,
        closes=True,
        meaning="somebody said KILL, or idle_transaction_timeout has passed (MariaDB)",
        exercises="connecting anew (SQLAlchemy's is_disconnect)",
    ),
    IdleErrPacket(
        name="ER_CLIENT_INTERACTION_TIMEOUT",
        aliases=("4031",),
        errno=4031,
        sqlstate="HY000",
        text="The client was disconnected by the server because of inactivity. "
        "See wait_timeout and interactive_timeout for configuring this behavior.",
        applies_to=AT_COMMANDS,
        meaning="wait_timeout has passed (MySQL from 8.0.24); said to the idle client",
        exercises="pools that ask before use: pool_pre_ping, testOnBorrow",
    ),
    ServerGone(
        name="server-gone",
        aliases=("2006", "CR_SERVER_GONE_ERROR"),
        applies_to=AT_COMMANDS,
        meaning="the connection has died while idle: the next command can't even be sent",
        exercises="pools that ask before use; connecting anew, and sending again safely",
    ),
    ServerLost(
        name="lost-connection",
        aliases=("2013", "CR_SERVER_LOST"),
        applies_to=AT_COMMANDS,
        meaning="the connection has died after the command was passed on, which was done",
        exercises="commands that may or may not have been done: no blind retry",
    ),
    MalformedPacket(
        name="malformed-packet",
        aliases=("2027", "CR_MALFORMED_PACKET"),
        applies_to=AT_COMMANDS,
        meaning="a response breaks the framing, as through a broken proxy",
        exercises="noticing it, and throwing the connection away",
    ),
    AnyErrPacket(
        name="error",
        errno=1105,
        sqlstate="HY000",
        text="Unknown error",
        applies_to=AT_COMMANDS,
        meaning="any error, as its parameters say",
        exercises="whatever handles it",
    ),
)
"""Connections that end, broken responses, and the rest."""

CATALOGUE = Catalogue(
    (*LOGINS, *TRANSACTIONS, *READ_ONLY, *INTERRUPTIONS, *ENDS),
    typical_where={"verb": "~^(SELECT|INSERT|UPDATE|DELETE|REPLACE)$"},
)
