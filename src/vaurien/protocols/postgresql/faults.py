"""The catalogue: statements that fail, and with ``session_faults`` all that there are.

Names are the condition names of the manual's appendix "PostgreSQL Error Codes"; where several
errors share a condition, the others have names of their own.  Texts and source locations are
those of PostgreSQL 15.
"""

from __future__ import annotations

from collections.abc import Container

from ...fault import Catalogue, Fault
from ...values.options import Option
from ..checks import SQLSTATE
from .fault_types import WORK, AnyErrorReport, StatementError
from .positions import IN_COPY, WAITED_FOR_ROW
from .session_faults import ENDED_SESSIONS, REFUSED_SESSIONS, REPORTED_SETTINGS

WRITES = {
    "phase": "query",
    "verb": "~^(INSERT|UPDATE|DELETE|MERGE|TRUNCATE|COPY|CREATE|ALTER|DROP|GRANT|REVOKE|COMMENT"
    "|REFRESH|REINDEX|VACUUM|CLUSTER|IMPORT|SECURITY)$",
}
PREPARED = {"phase": "query", "mode": "extended"}

RELATION = Option("relation", str, "accounts", "the table it names")
CONSTRAINT = Option("constraint", str, "accounts_pkey", "the constraint it names")
COLUMN = Option("column", str, "id", "the column it names")
STATEMENT = Option("statement", str, "__asyncpg_stmt_1__", "the prepared statement it names")
FILE = Option("file", str, "base/16384/16397", "the file it names")

SEVERITY = Option("severity", str, "ERROR", "FATAL ends the session", choices=("ERROR", "FATAL"))

SERIALIZATION = "could not serialize access due to "

FAULTS: tuple[Fault, ...] = (
    AnyErrorReport(
        name="error",
        meaning="any error, given by its parameters",
        exercises="how the application handles errors it has never seen",
        parameters=(Option("sqlstate", str, "XX000", "its SQLSTATE"), SEVERITY),
        error="<sqlstate>: injected by vaurien",
    ),
    # Concurrency.
    StatementError(
        name="deadlock_detected",
        meaning="two transactions waited for each other; this one was chosen as the victim",
        exercises="retrying the whole transaction",
        typical=True,
        error="40P01: deadlock detected",
        detail="Process {pid} waits for ShareLock on transaction {xid}; blocked by process "
        "{other_pid}.\nProcess {other_pid} waits for ShareLock on transaction {other_xid}; "
        "blocked by process {pid}.",
        hint="See server log for query details.",
        context={**WAITED_FOR_ROW, **IN_COPY},
        source="deadlock.c 1147 DeadLockReport",
    ),
    StatementError(
        name="serialization_failure",
        meaning="another transaction has changed the row since this one began",
        exercises="retrying the whole transaction",
        typical=True,
        error=f"40001: {SERIALIZATION}concurrent update",
        source="nodeModifyTable.c 2399 ExecUpdate",
    ),
    StatementError(
        name="concurrent-delete",
        meaning="another transaction has deleted the row since this one began",
        exercises="retrying the whole transaction",
        error=f"40001: {SERIALIZATION}concurrent delete",
        source="nodeModifyTable.c 2490 ExecUpdate",
    ),
    StatementError(
        name="read-write-dependencies",
        meaning="serializable transactions conflict, often detected at COMMIT",
        exercises="retrying the whole transaction; commits that fail",
        error=f"40001: {SERIALIZATION}read/write dependencies among transactions",
        detail="Reason code: Canceled on identification as a pivot, during commit attempt.",
        hint="The transaction might succeed if retried.",
        source="predicate.c 4879 PreCommit_CheckForSerializationFailure",
    ),
    StatementError(
        name="canceling-conflict",
        meaning="on a standby, the query conflicts with changes to be replayed",
        exercises="reading from replicas: retrying",
        error="40001: canceling statement due to conflict with recovery",
        detail="User query might have needed to see row versions that must be removed.",
        source="postgres.c 3335 ProcessInterrupts",
    ),
    StatementError(
        name="lock_not_available",
        meaning="a lock was not acquired within lock_timeout",
        exercises="migrations under load; retrying",
        typical=True,
        error="55P03: canceling statement due to lock timeout",
        context={**WAITED_FOR_ROW, **IN_COPY},
        source="postgres.c 3312 ProcessInterrupts",
    ),
    StatementError(
        name="nowait",
        meaning="a row is locked, and the statement has NOWAIT",
        exercises="queues in tables",
        parameters=(RELATION,),
        error='55P03: could not obtain lock on row in relation "{relation}"',
        source="heapam.c 4937 heap_lock_tuple",
    ),
    StatementError(
        name="query_canceled",
        meaning="somebody cancelled the statement",
        exercises="distinguishing a cancelled statement from one that failed",
        error="57014: canceling statement due to user request",
        context=IN_COPY,
        source="postgres.c 3349 ProcessInterrupts",
    ),
    StatementError(
        name="statement_timeout",
        meaning="the statement took longer than statement_timeout",
        exercises="timeouts; whether the same slow statement is retried forever",
        typical=True,
        error="57014: canceling statement due to statement timeout",
        context=IN_COPY,
        source="postgres.c 3319 ProcessInterrupts",
    ),
    StatementError(
        name="tuple-concurrently-updated",
        aliases=("internal_error",),
        meaning="two sessions changed the same row of a system catalog",
        exercises="concurrent migrations and grants",
        error="XX000: tuple concurrently updated",
        source="heapam.c 4417 simple_heap_update",
    ),
    # Resources.
    StatementError(
        name="disk_full",
        meaning="no space is left to extend a table",
        exercises="whether writes stop while reads continue",
        applies_to=WRITES,
        parameters=(FILE,),
        error='53100: could not extend file "{file}": No space left on device',
        hint="Check free disk space.",
        context=IN_COPY,
        source="md.c 486 mdextend",
    ),
    StatementError(
        name="temporary-disk-full",
        meaning="no space is left for a query's temporary files",
        exercises="large sorts and joins",
        parameters=(Option("file", str, "base/pgsql_tmp/pgsql_tmp4711.0", FILE.help),),
        error='53100: could not write to file "{file}": No space left on device',
        source="buffile.c 535 BufFileDumpBuffer",
    ),
    StatementError(
        name="out_of_memory",
        meaning="the server process cannot allocate more memory",
        exercises="large statements; whether they are retried forever",
        parameters=(Option("size", int, 1_048_576, "bytes that were requested", minimum=1),),
        error="53200: out of memory",
        detail='Failed on request of size {size} in memory context "ExecutorState".',
        source="mcxt.c 1112 palloc",
    ),
    StatementError(
        name="out-of-shared-memory",
        meaning="the server has no room for more locks",
        exercises="dumps, partitioning and migrations with many tables",
        error="53200: out of shared memory",
        hint="You might need to increase max_locks_per_transaction.",
        source="lock.c 1033 LockAcquireExtended",
    ),
    StatementError(
        name="configuration_limit_exceeded",
        meaning="a query's temporary files exceed temp_file_limit",
        exercises="large sorts and joins",
        parameters=(Option("limit", int, 1_024, "temp_file_limit, in kB", minimum=0),),
        error="53400: temporary file size exceeds temp_file_limit ({limit}kB)",
        source="fd.c 2202 FileWrite",
    ),
    StatementError(
        name="io_error",
        meaning="the disk fails",
        exercises="whether somebody is alerted",
        parameters=(FILE,),
        error='58030: could not read block 0 in file "{file}": Input/output error',
        source="md.c 707 mdread",
    ),
    StatementError(
        name="undefined_file",
        meaning="a file of the database is missing",
        exercises="whether somebody is alerted",
        parameters=(FILE,),
        error='58P01: could not open file "{file}": No such file or directory',
        source="md.c 539 mdopenfork",
    ),
    StatementError(
        name="data_corrupted",
        meaning="a page of a table is corrupted",
        exercises="whether somebody is alerted",
        parameters=(FILE,),
        error="XX001: invalid page in block 0 of relation {file}",
        source="bufmgr.c 1052 ReadBuffer_common",
    ),
    # The state of the server, the session or a prepared statement.
    StatementError(
        name="read_only_sql_transaction",
        meaning="the server has become a standby, or accepts no writes",
        exercises="failover: finding the primary",
        applies_to=WRITES,
        error="25006: cannot execute {command} in a read-only transaction",
        source="utility.c 414 PreventCommandIfReadOnly",
    ),
    StatementError(
        name="in_failed_sql_transaction",
        meaning="the transaction has already failed and must be rolled back",
        exercises="sessions that return to a pool without a rollback",
        error="25P02: current transaction is aborted, commands ignored until end of transaction "
        "block",
        source="postgres.c 1081 exec_simple_query",
    ),
    StatementError(
        name="invalid_sql_statement_name",
        meaning="the prepared statement does not exist: the pooler switched server connections",
        exercises="drivers that prepare statements automatically, behind a pooler",
        applies_to=PREPARED,
        parameters=(STATEMENT,),
        error='26000: prepared statement "{statement}" does not exist',
        source="prepare.c 451 FetchPreparedStatement",
    ),
    StatementError(
        name="duplicate_prepared_statement",
        meaning="the prepared statement already exists: the pooler assigned a used connection",
        exercises="drivers that prepare statements automatically, behind a pooler",
        applies_to=PREPARED,
        parameters=(STATEMENT,),
        error='42P05: prepared statement "{statement}" already exists',
        source="prepare.c 412 StorePreparedStatement",
    ),
    StatementError(
        name="cached-plan",
        aliases=("feature_not_supported",),
        meaning="the table was altered after the statement was prepared",
        exercises="migrations under load: preparing again",
        applies_to=PREPARED,
        error="0A000: cached plan must not change result type",
        source="plancache.c 722 RevalidateCachedQuery",
    ),
    StatementError(
        name="protocol_violation",
        meaning="the statement was prepared with other parameters, on another connection",
        exercises="drivers that prepare statements automatically, behind a pooler",
        applies_to=PREPARED,
        parameters=(STATEMENT,),
        error='08P01: bind message supplies 1 parameters, but prepared statement "{statement}" '
        "requires 0",
        source="postgres.c 1674 exec_bind_message",
    ),
    # Constraints, privileges and names.
    StatementError(
        name="unique_violation",
        meaning="another session has written the same key",
        exercises="get-or-create, and requests that are sent twice",
        applies_to={**WORK, "verb": "~^(INSERT|UPDATE|MERGE|COPY|COMMIT|END)$"},
        parameters=(RELATION, CONSTRAINT, COLUMN),
        error='23505: duplicate key value violates unique constraint "{constraint}"',
        detail="Key ({column})=(1) already exists.",
        objects={"s": "public", "t": "{relation}", "n": "{constraint}"},
        context=IN_COPY,
        source="nbtinsert.c 664 _bt_check_unique",
    ),
    StatementError(
        name="insufficient_privilege",
        meaning="the role lacks the privilege",
        exercises="whether it is retried forever",
        parameters=(RELATION,),
        error="42501: permission denied for table {relation}",
        source="aclchk.c 3655 aclcheck_error",
    ),
    StatementError(
        name="undefined_table",
        meaning="the table does not exist, or not yet",
        exercises="deployments that run before their migrations",
        parameters=(RELATION,),
        error='42P01: relation "{relation}" does not exist',
        points_at="relation",
        source="parse_relation.c 1392 parserOpenTable",
    ),
    StatementError(
        name="undefined_column",
        meaning="the column does not exist, or no longer",
        exercises="deployments that run before their migrations",
        parameters=(COLUMN,),
        error='42703: column "{column}" does not exist',
        points_at="column",
        source="parse_relation.c 3665 errorMissingColumn",
    ),
    *ENDED_SESSIONS,
    *REFUSED_SESSIONS,
    *REPORTED_SETTINGS,
)


def any_sqlstate(code: str, _given: Container[str]) -> AnyErrorReport | None:
    """Return the fault that is a SQLSTATE, if it may be one."""
    state = code.upper() if any(map(str.isdigit, code)) else code
    if not SQLSTATE.fullmatch(state):
        return None
    return AnyErrorReport(
        name=state,
        meaning="an error with this SQLSTATE, and any text",
        exercises="how the application handles errors it has never seen",
        parameters=(SEVERITY,),
        error=f"{state}: injected by vaurien",
    )


CATALOGUE = Catalogue(
    FAULTS,
    typical_where=WORK,
    any_code=any_sqlstate,
    codes="any other SQLSTATE: five digits or capital letters",
)
