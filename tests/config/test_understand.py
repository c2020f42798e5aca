"""What documents come to; and that all which is wrong with one is said at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from knowing import FILE, document_of, known, problems_of, understood, with_rules
from vaurien.config import files
from vaurien.config.configuration import Configuration
from vaurien.config.document import DocumentError
from vaurien.config.sections import origin_of
from vaurien.config.understand import understand, understand_state
from vaurien.net.address import Address
from vaurien.net.spec import Limits
from vaurien.rules.notation import describe

DOCUMENTS = Path(__file__).parent / "documents"


def read(name: str, **environment: str) -> Configuration:
    return understand(files.read(str(DOCUMENTS / name), environment), known())


# A document in which everything is said.


@pytest.fixture(scope="module")
def everything() -> Configuration:
    return read("everything.toml", HOME="/home/me", WEB="web:80")


def test_proxies_are_what_they_are_said_to_be(everything: Configuration) -> None:
    state = everything.state
    assert [proxy.name for proxy in state.proxies] == ["web", "cache", "db", "mail"]
    assert state.seed == 42
    web, cache, db, mail = state.proxies
    assert (web.listen, web.backend) == (Address("localhost", 0), Address("web", 80))
    assert web.protocol.settings() == {"overwrite_host_header": True}
    assert str(cache.listen) == "localhost:6380"
    assert [proxy.enabled for proxy in state.proxies] == [True, True, False, True]
    assert [proxy.plan.seed for proxy in state.proxies] == [42, 7, 42, 42]
    assert cache.limits == Limits(timeout=60, dial_timeout=2.5, max_connections=100)
    assert mail.limits == Limits(timeout=60, dial_timeout=2.5, backlog=10)
    assert (mail.listen.path, str(mail.backend)) == ("/tmp/mail", "[::1]:25")
    assert mail.protocol.settings() == {"tls": "pass"}
    assert db.protocol.settings() == {"tls": "refuse"}


def test_rules_come_in_their_order(everything: Configuration) -> None:
    cache = everything.state.get("cache")
    assert cache is not None
    names = [rule.name for rule in cache.plan.rules]
    assert names[:2] == ["delay", "error"]
    assert names[-4:] == ["later", "error-2", "delay-2", "hang"]
    presets = [name.rpartition("-")[0] for name in names[2:-4]]
    assert presets[0] == "3g"
    assert any(name.startswith("redis-failover") for name in presets)
    assert any(name.startswith("redis-slow") for name in presets)
    slow = [rule for rule in cache.plan.rules if rule.name.startswith("redis-slow")]
    assert all(rule.start >= 30 for rule in slow)


def test_rules_are_what_they_are_said_to_be(everything: Configuration) -> None:
    cache = everything.state.get("cache")
    assert cache is not None
    rules = {rule.name: describe(rule) for rule in cache.plan.rules}
    assert rules["delay"]["sleep"] == 2
    assert rules["later"] == {
        "behavior": "sluggish",
        "name": "later",
        "direction": "to_client",
        "scope": "connection",
        "percent": "0..50/60..0/60",
        "delay": "0.1..1/30",
        "jitter": 0.0,
        "distribution": "normal",
        "correlation": 0.0,
        "start": 10,
        "stop": 600,
        "on": 10,
        "off": 50,
        "ttl": 3600,
    }
    error = rules["error-2"]
    assert (error["fault"], error["match.command"]) == ("OOM", "SET")
    assert (error["match.key"], error["after"], error["every"]) == ("~^user:", 2, 3)


def test_what_is_about_the_process_is_handed_out(everything: Configuration) -> None:
    common, main = DOCUMENTS / "common.toml", DOCUMENTS / "everything.toml"
    assert everything.journal == "/home/me/journal"
    assert str(origin_of(everything.document, "journal")) == f"{common}: journal"
    assert str(origin_of(everything.document, "http_port")) == f"{main}: http-port"
    assert str(origin_of(everything.document, "log_output")) == "--log-output"  # nowhere
    assert everything.http is None
    assert everything.statsd is not None
    assert everything.statsd.sample_rate == 0.5
    assert everything.environment == {
        "REDIS_URL": "redis://{cache}/0",
        "PGHOST": "{db.host}",
        "PGPORT": "{db.port}",
    }


def test_plugins_with_options_are_handed_out(everything: Configuration) -> None:
    names = everything.names
    assert names.behaviors.get("sluggish").make({}).settings()["delay"] == 0.25
    assert names.behaviors.get("delay").defaults
    assert names.behaviors.get("hang").defaults == {}
    assert names.protocols.get("postgresql").defaults


# A document in which everything is wrong.

WRONG = """
environment.C = '${NOT_SET}' needs the environment variable 'NOT_SET', which is not set
timeout = -1 is not allowed: it takes a number of at least 0
protocols.redis.callable is an unknown protocol: it takes one of
behaviors.delay.slep = 1 is an unknown option: it takes one of
behaviors.delay.sleep = 'long' is not allowed: it takes a number of at least 0
behaviors.nosuch is an unknown behavior: it takes one of
proxies."bad\\tname" is named 'bad\\tname': it takes 1 to 255 printable characters, but not . or ..
proxies."bad\\tname".backend = 'localhost' is not an address: it takes HOST:PORT
proxies.a.listen = 'localhost:70000' is not an address: it takes a port from 0 to 65535
proxies.a.backend is missing: it takes HOST:PORT, [IPV6]:PORT or unix:/path
proxies.a.behavior = '60:delay,50:hang' is too much
proxies.b.protocol = 'redsi' is an unknown protocol (did you mean 'redis'?): it takes one of http,
proxies.b.rules[0].behavior = 'delya' is an unknown behavior (did you mean 'delay'?): it takes one
proxies.b.rules[0].percent = 101 is not allowed: it takes a number from 0 to 100
proxies.c.backend = 'localhost:0' is not a backend
proxies.c.options.tls = 'pass' is an unknown key: it takes no keys
proxies.c.profile = '6g' is an unknown profile
proxies.c.recipe[0] = 'nosuch' is an unknown recipe
proxies.c.recipe[1].start = -3 is not allowed: it takes a number of at least 0
proxies.c.recipe[2] = '5.5' is an unknown recipe
proxies.c.rules[6] = 'delay' is not allowed: it takes a table
proxies.c.rules[0].off is missing: on=5 needs it
proxies.c.rules[5].behavior is missing: it takes the name of a behavior
proxies.c.rules[7].nme = 1 is an unknown key (did you mean 'name'?): it takes one of name,
proxies.c.rules[7].every = 0 is not allowed: it takes a whole number of at least 1
proxies.c.rules[7].sleep = '5..a/3' is not allowed: it takes a number of at least 0, or a ramp
proxies.c.rules[8].stop = 3 is not allowed: it takes more than start=5
proxies.c.rules[9].sleep = [1] is a list: it takes a text, a number, true or false
proxies.c.rules[10].command = '~(' is not a regular expression
proxies.c.rules[11].fault = 'nosuch' is unknown
proxies.c.rules[11].told = 1 is an unknown key:
proxies.c.rules[11].times = -1 is not allowed: it takes a whole number of at least 0
proxies.c.rules[12].direction = 'up' is not allowed: it takes one of both, to_backend, to_client
proxies.c.rules[12].name = 'a b\\x00\\x1b' is not allowed: it takes 1 to 255 printable characters
proxies.c.rules[2].name = 'x' is given to two rules
proxies.c.rules[4].percent = 60 is too much: the mix 'm' has 60 of 100 already
proxies.c.backlog = 0 is not allowed: it takes a whole number from 1
proxies.c.enabled = 'perhaps' is not allowed: it takes true or false
proxies.c.rulez = [] is an unknown key (did you mean 'rules'?): it takes one of rules,
proxies.b.backend = 'localhost:6000' is where the proxy itself listens
proxies.c.listen = 'LOCALHOST:6000' is where the proxy 'b' listens
environment.A = '{nosuch}' stands for no proxy
environment."B=" is not a name of an environment variable
journal = ['a'] is a list: it takes a text
http_port = 'x' is not allowed: it takes a whole number from 0 to 65535
statsd.sample_rate = 7 is not allowed: it takes a number from 0.0001 to 1
statsd.portt = 1 is an unknown key
sead = 4 is an unknown key (did you mean 'seed'?): it takes one of seed, statsd,
"""


def test_every_mistake_is_said_at_once() -> None:
    with pytest.raises(DocumentError) as caught:
        read("wrong.toml")
    file = DOCUMENTS / "wrong.toml"
    found = str(caught.value).splitlines()
    expected = [f"{file}: {line}" for line in WRONG.strip().splitlines()]
    for line, beginning in zip(sorted(found), sorted(expected), strict=True):
        assert line.startswith(beginning)


# One thing each.


def test_an_empty_document_is_one() -> None:
    configuration = understood({}, seed=5)
    assert configuration.state.proxies == ()
    assert configuration.state.seed == 5
    assert (configuration.http, configuration.statsd, configuration.journal) == (None, None, "")


def test_a_configuration_declares_a_proxy() -> None:
    contents: list[dict[str, object]] = [{}, {"seed": 5}, {"proxies": {}}]
    for content in contents:
        with pytest.raises(DocumentError) as caught:
            understand(document_of(content), known(), needs_proxy=True)
        assert str(caught.value) == (
            f"{FILE}: proxies declares no proxy: it takes a table [proxies.NAME] for each"
        )
    with pytest.raises(DocumentError) as caught:
        understand(document_of({"proxies": 5}), known(), needs_proxy=True)
    assert len(caught.value.problems) == 1
    understand(document_of(with_rules()), known(), needs_proxy=True)


def test_a_saved_state_says_nothing_of_plugins() -> None:
    with pytest.raises(DocumentError, match=r"behaviors = .* is an unknown key"):
        understand_state(document_of({"behaviors": {"delay": {"sleep": 2}}}), known())


def test_a_saved_state_names_no_paths() -> None:
    for keys in ({"protocol": "package.Class"}, {"rules": [{"behavior": "package.Class"}]}):
        with pytest.raises(DocumentError, match=r"'package\.Class' is an unknown"):
            understand_state(document_of(with_rules(**keys)), known())


def test_a_saved_rule_may_have_too_little_time_left_to_turn_on() -> None:
    document = with_rules({"behavior": "hang", "start": 5, "ttl": 2})
    (rule,) = understand_state(document_of(document), known()).proxies[0].plan.rules
    assert rule.ttl == 2
    assert problems_of(document)


def test_variables_of_the_environment_have_names() -> None:
    environment = {"": "x", "A=B": "x", "C": [], "D": 5, "E": "a\0"}
    found = problems_of({"environment": environment})
    assert [line.partition(" ")[0] for line in found] == [
        "environment.C",
        'environment.""',
        'environment."A=B"',
        "environment.E",
    ]
    assert understood({"environment": {"D": 5}}).environment == {"D": "5"}


@pytest.mark.parametrize(
    "content",
    [
        {"proxies": []},
        {"proxies": {"a": 5}},
        {"proxies": {"a": {"backend": "b:1", "options": 5}}},
        {"proxies": {"a": {"backend": "b:1", "rules": {}}}},
        {"behaviors": 5},
        {"statsd": []},
        {"environment": "x"},
        {"seed": None},
        {"proxies": {"a": {"backend": None}}},
    ],
)
def test_what_is_of_another_shape_is_one_problem(content: dict[str, object]) -> None:
    assert len(problems_of(content)) == 1


# Documents that mean harm.


def deep(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


HOSTILE: dict[str, Callable[[], dict[str, object]]] = {
    "many rules": lambda: with_rules(*[{"behavior": "hang"}] * 10_000),
    "many bad rules": lambda: with_rules(*[{"behavior": "hnag", "percent": -1}] * 10_000),
    "many keys": lambda: with_rules({"behavior": "hang", **{f"k{n}": n for n in range(10_000)}}),
    "many unknown keys": lambda: {f"seed{number}": number for number in range(10_000)},
    "many options": lambda: {"behaviors": {"delay": {f"k{n}": n for n in range(10_000)}}},
    "many proxies": lambda: {
        "proxies": {f"p{n}": {"listen": "h:1", "backend": "h:1"} for n in range(3000)}
    },
    "a long mix": lambda: with_rules(behavior=",".join(["0.001:hang"] * 10_000)),
    "deep": lambda: {"seed": deep(1000), "proxies": {"a": deep(1000)}},
    "deep in a rule": lambda: with_rules({"behavior": deep(1000), "sleep": deep(1000)}),
    "long texts": lambda: with_rules({"behavior": "x" * 10**6, "y" * 10**6: "z" * 10**6}),
    "control characters": lambda: {
        "\0\n": "\x1b[2J",
        "proxies": {"a\nb\ud800": {"backend": "\x1b:\0", "rules": [{"behavior": "a\rb", "\n": 1}]}},
    },
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", HOSTILE)
def test_documents_that_mean_harm_are_understood_as_fast_as_others(name: str) -> None:
    problems = problems_of(HOSTILE[name]())
    assert problems
    assert all(line.isprintable() and len(line) < 1100 for line in problems)


def test_a_saved_state_may_be_large() -> None:
    content = with_rules(*[{"behavior": "delay", "sleep": n, "percent": 1} for n in range(1000)])
    assert len(understood(json.loads(json.dumps(content))).state.proxies[0].plan.rules) == 1000
