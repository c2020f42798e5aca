"""``pytest --chaos-explore``, in runs of pytest of its own, whose runs have a real server."""

from __future__ import annotations

import re
import shlex

import pytest

import vaurien.pytest_explorer  # noqa: F401 - pytester forgets what its runs import first
from exploring import TALK
from vaurien.net.address import Address

pytest_plugins = ["pytester"]

BEGIN = (
    TALK
    + """
import pytest, unittest

def asked(address, *words, limit=5):
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), limit) as sock:
        return ask(sock, *words)
"""
)
PAYING = """
@pytest.mark.parametrize("way", ["card"])
def test_pays(chaos, way):
    cache = chaos.proxy(REDIS)
    asked(BACKEND, b"DEL", b"paid")
    for attempt in range(3):
        try:
            asked(cache.address, b"INCRBY", b"paid", b"1")
            break
        except OSError:
            pass
    assert asked(BACKEND, b"INCRBY", b"paid", b"0") == b":1\\r\\n", "paid again"

def test_of_something_else():
    assert False
"""
LOST = "redis/INCRBY-paid/1/reply-lost/once"
ONLY = ("--chaos-only=*/reply-lost/once", "--chaos-only=*/LOADING/once")


@pytest.fixture(autouse=True)
def no_other_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each run imports all plugins; that takes most of the time."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def run(pytester: pytest.Pytester, address: Address, text: str, *flags: str) -> pytest.RunResult:
    text = text.replace("REDIS", f'"{address}", protocol="redis"')
    pytester.makepyfile(BEGIN + text.replace("BACKEND", f'"{address}"'))
    return pytester.runpytest_inprocess("-p", "vaurien.pytest_plugin", *flags)


def test_a_finding(pytester: pytest.Pytester, redis_address: Address) -> None:
    flags = ("--chaos-explore", "--junit-xml=all.xml", *ONLY)
    result = run(pytester, redis_address, PAYING, *flags)
    result.assert_outcomes(passed=2, failed=1, deselected=1)
    text = result.stdout.str()
    name = f"test_pays[card][{LOST}]"
    assert f"_ {name} _" in text
    assert "redis: INCRBY paid changed the backend twice; without faults, once" in text
    assert "AssertionError: paid again" in text
    assert re.search(
        r"redis \+\d.*command=INCRBY.*: injected reply-lost; reached the backend", text
    )
    assert "redis/INCRBY-paid/1   !  ." in text
    assert "2 points, 2 scenarios: 1 failed, 1 passed; broken: 1" in text
    assert f'name="{name}" time=' in (pytester.path / "all.xml").read_text()

    again = run(pytester, redis_address, PAYING, *flags)
    again.assert_outcomes(passed=2, failed=1, deselected=1)

    line = re.search(r"again: pytest (.*)", text)
    assert line is not None
    once = pytester.runpytest_inprocess(*shlex.split(line[1]))
    once.assert_outcomes(passed=1, failed=1)
    assert f"_ {name} _" in once.stdout.str()


def test_what_is_expected_to_break(pytester: pytest.Pytester, redis_address: Address) -> None:
    mark = '@pytest.mark.chaos_expected("*/reply-lost/*", reason="see 142")\n'
    text = PAYING.replace("def test_pays", f"{mark}def test_pays")
    result = run(pytester, redis_address, text, "--chaos-explore", *ONLY, "-rx")
    result.assert_outcomes(passed=2, xfailed=1, deselected=1)
    assert result.ret == 0
    result.stdout.fnmatch_lines([f"XFAIL *{LOST}] - see 142"])


WAITING = """
class Test(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def opened(self, chaos_session):
        self.cache = chaos_session.proxy(REDIS, name="cache")

    def test_waits(self):
        with self.cache.rule("latency", delay=0.001):
            asked(self.cache.address, b"GET", b"value", limit=None)
"""


def test_who_hangs_is_ended(pytester: pytest.Pytester, redis_address: Address) -> None:
    flags = ("--chaos-explore", "--chaos-only=*/hang/once", "--chaos-jobs=2")
    result = run(pytester, redis_address, WAITING, *flags)
    result.assert_outcomes(passed=1, failed=1)
    text = result.stdout.str()
    assert "cache/GET-value/1/hang/once" in text
    assert re.search(r"it hung: it was ended after \d+ s, and waited without a limit of time", text)


@pytest.mark.parametrize(
    ("text", "outcome", "why"),
    [
        ("chaos.proxy(REDIS); assert 0, 'wrong'", "failed", "failed without any fault"),
        ("chaos.proxy(REDIS)", "skipped", "its proxies have seen nothing"),
    ],
)
def test_what_cannot_be_explored(
    pytester: pytest.Pytester, redis_address: Address, text: str, outcome: str, why: str
) -> None:
    text = f"def test_it(chaos): {text}"
    result = run(pytester, redis_address, text, "--chaos-explore", "-rs")
    result.assert_outcomes(**{outcome: 1})
    assert why in result.stdout.str()


def test_a_scenario_that_there_is_not(pytester: pytest.Pytester, redis_address: Address) -> None:
    result = run(pytester, redis_address, PAYING, "--chaos-scenario=redis/GET/1/hang/once")
    result.assert_outcomes(passed=1, failed=1, deselected=1)
    assert "the test does not come to this scenario" in result.stdout.str()


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (["--chaos-budget=soon"], "--chaos-budget: 'soon' is not a time such as 90s, 10m or 1h"),
        (["--chaos-jobs=0"], "--chaos-jobs: '0' is not a whole number from 1 to 64"),
        (["--chaos-depth=9"], "--chaos-depth: '9' is not a whole number from 1 to 3"),
        (["--chaos-only=nosuch"], "--chaos-only and --chaos-skip leave nothing to run"),
        (["-p", "xdist", "-n2"], "--chaos-explore runs tests itself, and takes no -n"),
    ],
)
def test_mistakes(
    pytester: pytest.Pytester, redis_address: Address, flags: list[str], why: str
) -> None:
    result = run(pytester, redis_address, PAYING, "--chaos-explore", *flags)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert why in result.stderr.str()
