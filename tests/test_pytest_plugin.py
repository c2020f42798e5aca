"""The pytest plugin, in runs of pytest of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest

import vaurien.embedded.chaos  # noqa: F401 - pytester forgets what its runs import first
from postgresql_server import postgresql_server
from vaurien.net.address import Address

pytest_plugins = ["pytester"]

BEGIN = """
import redis, pytest, vaurien
from redis.backoff import NoBackoff
from redis.retry import Retry

def client(proxy):
    retry = Retry(NoBackoff(), 0)
    return redis.Redis(host=proxy.host, port=proxy.port, retry=retry, socket_timeout=10)
"""


def run(pytester: pytest.Pytester, address: Address, text: str, *flags: str) -> pytest.RunResult:
    pytester.makepyfile(BEGIN + text.replace("REDIS", f'"{address}", protocol="redis"'))
    return pytester.runpytest_inprocess(*FLAGS, *flags)


FLAGS = ("-p", "no:cacheprovider", "-p", "vaurien.pytest_plugin")


@pytest.fixture(autouse=True)
def _without_plugins_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take long to import."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def apart(pytester: pytest.Pytester, *flags: str) -> pytest.RunResult:
    """Run pytest in another process."""
    return pytester.runpytest_subprocess(*FLAGS, *flags)


def test_the_fixture(pytester: pytest.Pytester, redis_address: Address) -> None:
    result = run(
        pytester,
        redis_address,
        """
def test_retried(chaos):
    cache = chaos.proxy(REDIS)
    with client(cache) as r, cache.rule("error", fault="READONLY", command="SET", times=1):
        with pytest.raises(redis.exceptions.ReadOnlyError):
            r.set("key", 1)
        r.set("key", 2)
    assert cache.exchanges.of(command="SET").count == 2
""",
    )
    result.assert_outcomes(passed=1)


@pytest.fixture(scope="module")
def orders() -> Iterator[Address]:
    with (
        postgresql_server() as address,
        psycopg.connect(host=address.host, port=address.port, user="postgres") as connection,
    ):
        connection.execute("CREATE TABLE orders (item text)")
        connection.commit()
        yield address


CHECKOUT = """
import threading
import psycopg

def checkout(address):
    host, port = address.rsplit(":", 1)
    for attempt in range(3):
        try:
            with psycopg.connect(host=host, port=port, user="postgres") as connection:
                connection.execute("INSERT INTO orders VALUES ('tea')")
            return
        except psycopg.errors.DeadlockDetected:
            threading.Event().wait(0.02 * 2**attempt)


def test_checkout(chaos):
    db = chaos.proxy("127.0.0.1:5432", protocol="postgresql")
    with db.rule("error", fault="deadlock_detected", times=2):
        checkout(db.address)
    assert db.exchanges.of(verb="COMMIT").count == 1
    db.assert_resilient()
"""


def test_a_checkout(pytester: pytest.Pytester, orders: Address) -> None:
    pytester.makepyfile(CHECKOUT.replace("127.0.0.1:5432", str(orders)))
    pytester.runpytest_inprocess(*FLAGS).assert_outcomes(passed=1)
    pytester.makepyfile(CHECKOUT.replace("127.0.0.1:5432", str(orders)).replace("(3)", "(2)"))
    result = pytester.runpytest_inprocess(*FLAGS)
    result.assert_outcomes(failed=1)
    assert result.stdout.str().count("injected error deadlock_detected") == 2


FAILING = """
def test_fails(chaos):
    cache = chaos.proxy(REDIS, name="cache")
    with client(cache) as r, cache.rule("error", fault="OOM", command="SET", percent=50):
        for number in range(20):
            try:
                r.set("key", number)
            except redis.exceptions.ResponseError:
                pass
    assert [each.number for each in cache.exchanges.injected()] == []
"""


def test_a_failure_tells_the_journal_and_repeats(
    pytester: pytest.Pytester, redis_address: Address
) -> None:
    first = run(pytester, redis_address, FAILING)
    first.assert_outcomes(failed=1)
    text = first.stdout.str()
    found = re.search(r"repeat with --chaos-seed=(\d+)", text)
    assert found is not None
    assert "injected error OOM; did not reach the backend" in text
    assert re.search(rf"cache: 127\.0\.0\.1:\d+ to {re.escape(str(redis_address))}", text)

    def failure(text: str) -> list[str]:
        """What failed, and the journal, without times and ports."""
        told = [line for line in text.splitlines() if line.startswith(("E ", "  +"))]
        return [re.sub(r"\+\d.* s|in \d.* ms", "", line) for line in told]

    again = run(pytester, redis_address, FAILING, f"--chaos-seed={found[1]}")
    assert failure(again.stdout.str()) == failure(text)
    assert len(failure(text)) > 20


def test_the_session(pytester: pytest.Pytester, redis_address: Address) -> None:
    result = run(
        pytester,
        redis_address,
        """
@pytest.fixture(scope="session")
def cache(chaos_session):
    return chaos_session.proxy(REDIS)

def test_first(cache):
    with client(cache) as r:
        r.set("first", 1)

def test_second(cache, chaos_session):
    with client(cache) as r:
        r.set("second", 1)
    assert cache.exchanges.of(command="SET").count == 2
    assert False
""",
    )
    result.assert_outcomes(passed=1, failed=1)
    text = result.stdout.str()
    assert "key=second" in text
    assert "key=first" not in text


MARKED = """
@pytest.mark.chaos(proxy="cache", fault=FAULT, times=1)
def test_marked(chaos):
    cache = chaos.proxy(REDIS, name="NAME")
    with client(cache) as r:
        for _ in range(3):
            try:
                r.set("key", 1)
                break
            except redis.exceptions.RedisError:
                pass
    assert cache.exchanges.injected().count == 1
"""


def test_a_marker_runs_a_test_for_each_fault(
    pytester: pytest.Pytester, redis_address: Address
) -> None:
    text = MARKED.replace("FAULT", '["READONLY", "OOM", "NOSCRIPT"]').replace("NAME", "cache")
    result = run(pytester, redis_address, text, "-v", "-rs")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*test_marked?cache-READONLY? PASSED*"])


def test_a_fault_that_never_happens_proves_nothing(
    pytester: pytest.Pytester, redis_address: Address
) -> None:
    text = MARKED.replace("FAULT", '"NOSCRIPT"').replace("NAME", "cache")
    text = text.replace("    assert cache.exchanges.injected().count == 1\n", "")
    result = run(pytester, redis_address, text, "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*NOSCRIPT never happened on the proxy 'cache'*"])


def test_a_proxy_that_was_not_opened(pytester: pytest.Pytester, redis_address: Address) -> None:
    text = MARKED.replace("FAULT", '"READONLY"').replace("NAME", "other")
    text = text.replace("    assert cache.exchanges.injected().count == 1\n", "")
    result = run(pytester, redis_address, text)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*the test opened no proxy 'cache', but: other*"])


def test_typical_faults(pytester: pytest.Pytester, redis_address: Address) -> None:
    text = MARKED.replace("FAULT", '"typical", protocol="redis"').replace("NAME", "cache")
    text = text.replace("    assert cache.exchanges.injected().count == 1\n", "")
    result = run(pytester, redis_address, text)
    outcomes = result.parseoutcomes()
    assert outcomes["passed"] >= 3
    assert "failed" not in outcomes


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            '@pytest.mark.chaos("db", "typical")\ndef test(chaos): pass',
            "test_mistakes_in_markers.py::test: the marker chaos: fault='typical': "
            "'db' is an unknown protocol.",
        ),
        (
            '@pytest.mark.chaos(proxi="db", fault="x")\ndef test(chaos): pass',
            "::test: the marker chaos: missing 1 required positional argument: 'proxy'",
        ),
        (
            '@pytest.mark.chaos("db", [])\ndef test(chaos): pass',
            "::test: the marker chaos: fault has no fault",
        ),
        (
            '@pytest.mark.chaos("db", "x")\ndef test(): pass',
            "is marked chaos, but does not use the fixture",
        ),
    ],
)
def test_mistakes_in_markers(
    pytester: pytest.Pytester, redis_address: Address, text: str, why: str
) -> None:
    result = run(pytester, redis_address, text)
    assert result.ret != 0
    assert why in result.stdout.str() + result.stderr.str()


def test_a_seed_out_of_range(pytester: pytest.Pytester, redis_address: Address) -> None:
    result = run(pytester, redis_address, "", "--chaos-seed=-1")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "--chaos-seed=-1 is not allowed: it takes 0 to 4294967295" in result.stderr.str()


SCENARIO = """
[[fire]]
proxy = "redis"
behavior = "error"
options = { fault = "NOPERM" }
exchange = { command = "INCRBY" }
occurrence = OCCURRENCE
"""
COUNTING = """
def test_counts(chaos):
    with client(chaos.proxy(REDIS)) as r:
        for _ in range(3):
            r.incr("counted")
"""


@pytest.mark.parametrize(
    ("occurrence", "failure", "not_placed"),
    [(2, "NoPermissionError", 0), (4, "AssertionError", 1)],
)
def test_what_is_replayed(
    pytester: pytest.Pytester,
    redis_address: Address,
    occurrence: int,
    failure: str,
    not_placed: int,
) -> None:
    pytester.makefile(".toml", s=SCENARIO.replace("OCCURRENCE", str(occurrence)))
    text = COUNTING + "    assert chaos.not_placed == ()\n"
    result = run(pytester, redis_address, text, "--chaos-replay=s.toml")
    result.assert_outcomes(failed=1)
    told = result.stdout.str()
    assert failure in told
    assert told.count(f"not placed: redis: fire-1: occurrence {occurrence}") == not_placed


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (["--chaos-replay=nosuch"], "--chaos-replay: 'nosuch' cannot be read"),
        (["--chaos-replay=test_mistakes_in_replays.py"], "has no line of a journal"),
        (["--chaos-replay=j", "--chaos-explore"], "so there is nothing to explore"),
    ],
)
def test_mistakes_in_replays(
    pytester: pytest.Pytester, redis_address: Address, flags: list[str], why: str
) -> None:
    result = run(pytester, redis_address, COUNTING, *flags)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert why in result.stderr.str()


def test_workers_of_xdist_share_the_seed(pytester: pytest.Pytester, redis_address: Address) -> None:
    text = "\n".join(f"def test_{each}(chaos): assert chaos.seed < 0" for each in range(4))
    result = run(pytester, redis_address, text, "-p", "xdist.plugin", "-n", "2")
    seeds = re.findall(r"repeat with --chaos-seed=(\d+)", result.stdout.str())
    assert (len(seeds), len(set(seeds))) == (4, 1)


def test_asyncio_and_unittest(pytester: pytest.Pytester, redis_address: Address) -> None:
    result = run(
        pytester,
        redis_address,
        """
import asyncio, unittest
import redis.asyncio

def test_asyncio(chaos):
    async def talk(proxy):
        async with redis.asyncio.Redis(host=proxy.host, port=proxy.port) as r:
            return await r.ping()
    assert asyncio.run(talk(chaos.proxy(REDIS)))

class Test(unittest.TestCase):
    def test(self):
        with vaurien.chaos() as chaos:
            cache = chaos.proxy(REDIS)
            with client(cache) as r:
                r.set("key", 1)
        self.assertEqual(cache.exchanges.of(command="SET").count, 1)
""",
        "-W",
        "error",
    )
    result.assert_outcomes(passed=2)


LOGGED = """
def refused(chaos):
    chaos.proxy("127.0.0.1:9", name="nobody")
    with pytest.raises(redis.exceptions.ConnectionError):
        client(chaos["nobody"]).ping()

def test_in_caplog(chaos, caplog, capfd):
    refused(chaos)
    assert "nobody: " in caplog.text
    assert capfd.readouterr() == ("", "")

def test_in_the_report(chaos_session):
    refused(chaos_session)
    assert False

def test_of_another_process(capfd):
    with vaurien.start_proxy(proxy_port=0, http=False):
        pass
    assert "Bye!" in capfd.readouterr().err
"""


@pytest.mark.parametrize("flag", ["--capture=fd", "--capture=sys", "--capture=no"])
def test_events_are_logged_and_nothing_else(
    pytester: pytest.Pytester, redis_address: Address, flag: str
) -> None:
    pytester.makepyfile(BEGIN + LOGGED)
    result = apart(pytester, flag)
    result.assert_outcomes(passed=2, failed=1)
    assert result.stderr.str() == ""
    assert result.stdout.str().count("cannot be reached") == 1
    result.stdout.fnmatch_lines(["*Captured log call*", "WARNING*vaurien:*nobody: *"])


LEFT = """
import gc, os, socket, threading
THREADS = []

def listening():
    sockets = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            sockets.add(os.readlink(f"/proc/self/fd/{name}"))
        except FileNotFoundError:
            pass
    with open("/proc/net/tcp") as file:
        lines = [line.split() for line in file.readlines()[1:]]
    return [line[1] for line in lines if line[3] == "0A" and f"socket:[{line[9]}]" in sockets]

def test_first(chaos, chaos_session):
    # It leaves a thread that is connected.
    def wait(proxy):
        with socket.create_connection((proxy.host, proxy.port)) as sock:
            asked.set()
            try:
                sock.recv(1)
            except ConnectionError:
                pass
    asked = threading.Event()
    THREADS.append(threading.Thread(target=wait, args=(chaos.proxy(REDIS),)))
    THREADS[0].start()
    asked.wait()
    chaos_session.proxy(REDIS)

def test_second():
    THREADS[0].join(10)
    assert [each.name for each in threading.enumerate()] == ["MainThread", "vaurien"]
    assert len(listening()) == 1

@pytest.fixture(scope="session", autouse=True)
def nothing_left():
    yield
    assert [each.name for each in threading.enumerate()] == ["MainThread"]
    assert not listening()
    gc.collect()
"""


def test_nothing_is_left(pytester: pytest.Pytester, redis_address: Address) -> None:
    text = LEFT.replace("REDIS", f'"{redis_address}", protocol="redis"')
    pytester.makepyfile(BEGIN + text)
    result = apart(pytester, "-W", "error")
    result.assert_outcomes(passed=2)
    assert result.stderr.str() == ""


def test_nothing_is_imported_before_it_is_used() -> None:
    code = (
        "import sys, pytest; pytest.main(['--version']); "
        "print(sorted(name for name in sys.modules if name.startswith('vaurien')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] in ("[]", "['vaurien', 'vaurien.pytest_plugin']")
