"""The suites: which tests, in which versions, with which arguments."""

from __future__ import annotations

import os
from pathlib import Path

from backends import MEMCACHED, REDIS, WEB, WEB_TLS, Backend
from certificate import certificate
from client_suites import ClientSuite
from databases import MARIADB, POSTGRESQL
from processes import HOST
from suite import Suite
from tool_suites import Tool, ToolSuite


def _redis(port: int, folder: Path) -> list[str]:
    return [*REDIS.command(port, folder), "--enable-debug-command", "yes"]


def _redis_tls(port: int, folder: Path) -> list[str]:
    path = str(certificate(folder))
    keys = ["--tls-cert-file", path, "--tls-key-file", path, "--tls-ca-cert-file", path]
    where = ["--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no"]
    return [*_redis(port, folder), *where, *keys]


def _smtp_sink(port: int, _folder: Path) -> list[str]:
    # Run as root, it needs the name of a user.
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    return ["smtp-sink", *user, f"{HOST}:{port}", "100"]


REDIS_TO_TEST = Backend("redis-server", _redis)
REDIS_TLS_TO_TEST = Backend("redis-server", _redis_tls)
MAIL = Backend("smtp-sink", _smtp_sink)
MEMCACHED_AT = ("-h", "{host}", "-p", "{port}")
MARIADB_AT = ("--no-defaults", "--protocol=tcp", "--host={host}", "--port={port}", "--user=root")
POSTGRESQL_AT = ("-h", "{host}", "-p", "{port}", "-U", "postgres")


def _memcslap(test: str, *options: str) -> Tool:
    name = " ".join(["memcslap", test, *options])
    command = ("memcslap", "-s", "{host}:{port}", "-t", test, "-c", "4", "-e", "1000", *options)
    return Tool(name, command, r"Time to \w+ +\d+ keys by +4 threads")


def _mariadb_slap(*options: str) -> Tool:
    load = ("--auto-generate-sql", "--auto-generate-sql-add-autoincrement", "--concurrency=4")
    count = ("--number-of-queries=2000", "--auto-generate-sql-write-number=100")
    command = ("mariadb-slap", *MARIADB_AT, *load, *count, *options)
    return Tool(" ".join(["mariadb-slap", *options]), command, "Average number of seconds")


def _pgbench(mode: str, *options: str) -> Tool:
    count = "20" if "-C" in options else "250"  # -C: one connection each
    command = ("pgbench", *POSTGRESQL_AT, "-n", "-M", mode, "-c", "4", "-t", count, *options)
    processed = r"transactions actually processed: (?:80/80|1000/1000)\n.*failed transactions: 0 "
    return Tool(" ".join(["pgbench", mode, *options]), (*command, "postgres"), processed)


def _redis_py(
    name: str, backend: Backend, url: str, tests: tuple[str, ...] = ("tests",), *, tls: bool = False
) -> Suite:
    return ClientSuite(
        name,
        "redis",
        backend,
        tls=tls,
        project="redis",
        version="8.1.0",
        takes=(
            *("tests/*.py", "tests/testdata/*"),
            *("tests/test_asyncio/*.py", "tests/test_asyncio/testdata/*"),
        ),
        arguments=(
            *(*tests, "--redis-url", url),
            *("-m", "not onlycluster and not redismod and not ssl"),
            *("--ignore-glob=*sentinel*", "--ignore-glob=*credentials*"),
            *("-o", "asyncio_mode=auto"),
        ),
        packages=("numpy",),
    )


def _redis_benchmark(name: str, backend: Backend, *flags: str, tls: bool = False) -> Suite:
    return ToolSuite(
        name,
        "redis",
        backend,
        tls=tls,
        tools=tuple(
            Tool(
                f"{pipelined} at once",
                (
                    *("redis-benchmark", "-h", "{host}", "-p", "{port}", "-q", *flags),
                    *("-n", "2000", "-c", "20", "-P", pipelined, *options),
                ),
                r"^([A-Z][^:\n]*): [\d.]+ requests per second",
            )
            for pipelined, options in (("1", ()), ("16", ()), ("16", ("-3",)))
        ),
    )


def _wrk(name: str, backend: Backend, scheme: str, *, tls: bool = False) -> Suite:
    return ToolSuite(
        name,
        "http",
        backend,
        tls=tls,
        tools=tuple(
            Tool(
                f"wrk {header}",
                ("wrk", "-t1", "-c20", "-d1s", "-H", header, f"{scheme}://{{host}}:{{port}}/"),
                r"requests in",
                failure=r"Socket errors|Non-2xx",
            )
            for header in ("Connection: keep-alive", "Connection: close")
        ),
    )


SUITES: tuple[Suite, ...] = (
    _redis_py("redis-py", REDIS_TO_TEST, "redis://{host}:{port}/0"),
    _redis_py(
        "redis-py over TLS",
        REDIS_TLS_TO_TEST,
        "rediss://{host}:{port}/0?ssl_cert_reqs=none&ssl_check_hostname=false",
        tests=(  # those that send most
            *("-p", "redis_over_tls"),
            *("tests/test_commands.py", "tests/test_pipeline.py", "tests/test_pubsub.py"),
            *("tests/test_asyncio/test_pipeline.py", "tests/test_asyncio/test_pubsub.py"),
        ),
        tls=True,
    ),
    ClientSuite(
        "pymemcache",
        "memcache",
        MEMCACHED,
        project="pymemcache",
        version="4.0.0",
        takes=("pymemcache/test/*.py", "pymemcache/test/certs/*"),
        arguments=(
            *("pymemcache/test", "-m", "integration", "--server", "{host}", "--port", "{port}"),
            "--tls-port={port}",
        ),
    ),
    ClientSuite(
        "asyncpg",
        "postgresql",
        POSTGRESQL,
        project="asyncpg",
        version="0.32.0",
        takes=("tests/*.py", "tests/certs/*"),
        arguments=("tests",),
        packages=("distro",),
        environment={
            "PGHOST": "{host}",
            "PGPORT": "{port}",
            "PGUSER": "postgres",
            "PGDATABASE": "postgres",
        },
    ),
    ClientSuite(
        "aiomysql",
        "mysql",
        MARIADB,
        project="aiomysql",
        version="0.3.2",
        takes=("tests/*.py", "tests/fixtures/*", "tests/sa/*.py"),
        arguments=(
            *("tests", "--mysql-unix-socket={socket}", "--ignore-glob=*test_ssl*"),
            *("-W", "ignore"),  # hooks in an old style
        ),
        packages=("uvloop", "sqlalchemy<2"),
        over_unix=True,
    ),
    _redis_benchmark("redis-benchmark", REDIS_TO_TEST),
    _redis_benchmark(
        "redis-benchmark over TLS", REDIS_TLS_TO_TEST, "--tls", "--insecure", tls=True
    ),
    ToolSuite(
        "memccapable",
        "memcache",
        MEMCACHED,
        tools=tuple(
            Tool(form, ("memccapable", *MEMCACHED_AT, flag), r"^(.*?) +\[pass\]")
            for form, flag in (("text", "-a"), ("binary", "-b"))
        ),
    ),
    ToolSuite(
        "memcslap",
        "memcache",
        MEMCACHED,
        tools=tuple(
            _memcslap(test, *options)
            for test in ("set", "get", "mget")
            for options in ((), ("--binary",), ("--noreply",))
        ),
    ),
    ToolSuite(
        "mariadb-slap",
        "mysql",
        MARIADB,
        tools=tuple(
            _mariadb_slap(f"--auto-generate-sql-load-type={kind}", *options)
            for kind in ("read", "write", "key", "update", "mixed")
            for options in ((), ("--compress",))
        ),
    ),
    ToolSuite(
        "pgbench",
        "postgresql",
        POSTGRESQL,
        tools=tuple(
            _pgbench(mode, *options)
            for mode in ("simple", "extended", "prepared")
            for options in ((), ("-S",), ("-C",))
        ),
    ),
    _wrk("wrk", WEB, "http"),
    _wrk("wrk over TLS", WEB_TLS, "https", tls=True),
    ToolSuite(
        "smtp-source",
        "smtp",
        MAIL,
        tools=tuple(
            Tool(
                " ".join(["smtp-source", *options]),
                ("smtp-source", "-c", "-s", "4", "-m", "100", *options, "{host}:{port}"),
                r"\b100\b",
            )
            for options in ((), ("-l", "100000"), ("-r", "5"), ("-d",))
        ),
    ),
)
