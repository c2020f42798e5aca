"""Control, over real proxies."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from live import Live, echo, live
from peers import Listening, connect, receive_until_reset
from vaurien import registry
from vaurien.behavior import Behavior
from vaurien.behaviors.delay import Delay
from vaurien.config.document import DocumentError
from vaurien.config.state import State
from vaurien.control import server
from vaurien.control.server import Control, UnnamedError
from vaurien.errors import AddressError, BackendError, ListenError, OptionError, UnknownNameError
from vaurien.net.address import Address
from vaurien.net.spec import ProxySpec
from vaurien.protocols.tcp import Tcp
from vaurien.rules.plan import Plan, Rule
from vaurien.values.options import option

RULE = {"behavior": "delay", "sleep": 3.0, "before": False, "percent": 10.0, "name": "slow"}


@pytest.fixture
def running() -> Iterator[Live]:
    with live() as started:
        yield started


@pytest.fixture
def several() -> Iterator[Live]:
    with live(names=["cache", "db"]) as started:
        yield started


def nobody_listens(address: Address) -> bool:
    try:
        connect(address).close()
    except ConnectionRefusedError:
        return True
    return False


def sleep_of(running: Live) -> object:
    (entry,) = running.control.plan()
    return entry["sleep"]


def test_behaviors_are_sorted(running: Live) -> None:
    names = running.control.behaviors()
    assert names == sorted(names)
    assert {"abort", "blackout", "delay", "dummy", "error", "hang", "transient"} <= {*names}


def test_a_registered_behavior_is_listed_and_can_be_set(
    running: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Custom(Behavior):
        name = "custom"

    monkeypatch.setitem(registry.behaviors._plugins, "custom", Custom)
    assert "custom" in running.control.behaviors()
    running.control.set_behavior("custom")
    assert running.control.behavior() == "custom"


@pytest.mark.parametrize(
    ("entries", "text"),
    [
        ([], "dummy"),
        ([RULE], "10:delay"),
        ([RULE, {"behavior": "dummy", "mix": "behavior"}], "10:delay"),
        ([{"behavior": "hang"}], "hang"),
        ([{"behavior": "hang"}, RULE], "100:hang,10:delay"),
        ([RULE, {"behavior": "hang", "mix": "behavior", "percent": 5}], "5:hang"),
        ([{"behavior": "dummy", "mix": "behavior"}], "dummy"),
        ([{"behavior": "hang", "mix": "behavior"}], "hang"),
        ([{"behavior": "hang", "mix": "behavior", "percent": 20}], "20:hang"),
        (
            [
                {"behavior": "error", "mix": "behavior", "percent": 0.1},
                {"behavior": "delay", "mix": "behavior", "percent": 0.2},
            ],
            "0.1:error,0.2:delay",
        ),
    ],
)
def test_behavior_names_what_has_the_mix(entries: list[dict[str, object]], text: str) -> None:
    with live(entries) as running:
        assert running.control.behavior() == text


def test_set_behavior_replaces_the_mix_and_leaves_the_rules() -> None:
    mix = [{"behavior": name, "mix": "behavior", "percent": 5} for name in ("error", "hang")]
    last = {"behavior": "abort", "percent": 1.0, "name": "last"}
    with live([RULE, *mix, last]) as running:
        running.control.set_behavior("blackout")
        first, *middle, third = running.control.plan()
        assert (first, third) == (RULE, last)
        assert middle == [{"behavior": "blackout", "name": "blackout", "mix": "behavior"}]


def test_rules_that_stay_keep_what_they_have_counted() -> None:
    with live([{"behavior": "delay", "sleep": 0}]) as running:
        running.ask()
        before = running.proxy.active_plan.rules[0]
        running.control.set_behavior("transient", {"agitate": 0})
        assert before.fired == 1
        assert running.proxy.active_plan.rules == (running.proxy.active_plan.rules[0], before)


def test_the_generation_grows_by_one_and_the_seed_stays(running: Live) -> None:
    for generation, name in enumerate(["delay", "hang", "delay"], 1):
        running.control.set_behavior(name)
        assert running.proxy.plan.generation == generation
        assert running.proxy.plan.seed == 7


def test_options_do_not_leak_into_later_calls(running: Live) -> None:
    running.control.set_behavior("delay", {"sleep": 0.25})
    assert sleep_of(running) == 0.25
    running.control.set_behavior("delay")
    assert sleep_of(running) == 1.0


def test_options_not_given_are_as_configured_at_start() -> None:
    class Configured(Delay):
        sleep: float = option(4.0, "as a flag would have it")

    def find(name: str) -> type[Behavior]:
        return Configured if name == "delay" else registry.behaviors.get(name)

    with live(find_behavior=find) as running:
        running.control.set_behavior("delay", {"sleep": 0.25, "before": False})
        running.control.set_behavior("delay", {"before": False})
        assert sleep_of(running) == 4.0
        running.control.set_behavior("50:delay")
        assert sleep_of(running) == 4.0


@pytest.mark.parametrize(
    ("name", "options", "error", "text"),
    [
        ("nope", {}, UnknownNameError, "'nope' is an unknown behavior"),
        ("", {}, UnknownNameError, "'' is an unknown behavior"),
        ("os.path", {}, UnknownNameError, "'os.path' is an unknown behavior"),
        ("5:nope", {}, UnknownNameError, "'nope' is an unknown behavior"),
        ("60:delay,60:hang", {}, OptionError, "total needs to be 100 or less"),
        ("5:delay,hang", {}, OptionError, "PERCENT:NAME"),
        ("5:delay", {"sleep": 1}, OptionError, "takes no options: sleep"),
        (
            "delay",
            {"slep": 1},
            OptionError,
            "'slep' is not an option of 'delay': it takes one of sleep, before",
        ),
        ("delay", {"percent": 50}, OptionError, "'percent' is not an option of 'delay'"),
        ("delay", {"sleep": "soon"}, OptionError, "sleep='soon' is not allowed"),
        ("delay", {"sleep": [1]}, OptionError, "is not allowed: it takes a number"),
    ],
)
def test_a_refused_behavior_changes_nothing(
    name: str, options: dict[str, object], error: type[Exception], text: str
) -> None:
    with live([RULE]) as running:
        before = running.proxy.plan
        with pytest.raises(error, match=text):
            running.control.set_behavior(name, options)
        assert running.proxy.plan is before


def test_a_mix_can_be_set_as_it_is_told(running: Live) -> None:
    running.control.set_behavior("5.5:error,10:delay")
    text = running.control.behavior()
    assert text == "5.5:error,10:delay"
    before = running.proxy.plan.rules
    running.control.set_behavior("hang")
    running.control.set_behavior(text)
    assert running.proxy.plan.rules == before


def test_the_mix_gives_way_to_the_names_of_rules() -> None:
    taken: list[dict[str, object]] = [{**RULE, "name": name} for name in ("delay", "delay-2")]
    with live(taken) as running:
        running.control.set_behavior("delay")
        assert [entry["name"] for entry in running.control.plan()] == [
            "delay-3",
            "delay",
            "delay-2",
        ]


def test_a_plan_comes_back_as_it_was() -> None:
    with live([RULE, {"behavior": "hang", "after": 2, "direction": "to_client"}]) as running:
        before, entries = running.proxy.plan, running.control.plan()
        running.control.set_plan([])
        assert running.control.plan() == []
        running.control.set_plan(entries)
        assert running.proxy.plan == Plan(before.rules, before.generation + 2, before.seed)


def test_a_plan_with_one_wrong_rule_changes_nothing() -> None:
    with live([RULE]) as running:
        before = running.proxy.plan
        with pytest.raises(DocumentError) as caught:
            running.control.set_plan(
                [{"behavior": "hang", "every": 0}, {"behavior": "delay", "slep": 1}]
            )
        assert [str(problem).partition(" is")[0] for problem in caught.value.problems] == [
            "rules[0].every = 0",
            "rules[1].slep = 1",
        ]
        with pytest.raises(DocumentError, match=r"rules\[1\]\.behavior = 'nope' is an unknown"):
            running.control.set_plan([{"behavior": "hang"}, {"behavior": "nope"}])
        assert running.proxy.plan is before


def test_a_new_behavior_reaches_open_connections(running: Live) -> None:
    with running.connect() as sock:
        running.control.set_behavior("hang")
        sock.sendall(b"held")
        running.control.set_behavior("dummy")
        assert sock.recv(100) == b"held"
        running.control.set_behavior("blackout")
        sock.sendall(b"lost")
        assert sock.recv(100) == b""


def test_set_backend_is_for_new_connections(running: Live) -> None:
    with echo(b"other ") as other, running.connect() as sock:
        sock.sendall(b"1")
        assert sock.recv(100) == b"1"
        running.control.set_backend(str(other))
        assert running.control.backend() == str(other)
        assert running.ask(b"hello") == b"other hello"
        sock.sendall(b"2")
        assert sock.recv(100) == b"2"


@pytest.mark.parametrize("text", ["", "nowhere", "localhost:http", "localhost:0", "::1:80"])
def test_a_bad_backend_changes_nothing(running: Live, text: str) -> None:
    before = running.control.backend()
    with pytest.raises(AddressError, match=repr(text)):
        running.control.set_backend(text)
    assert running.control.backend() == before


def test_a_unix_socket_is_a_backend(running: Live) -> None:
    running.control.set_backend("unix:/run/some.sock")
    assert running.proxy.backend == Address("", 0, "/run/some.sock")


def test_a_fault_that_the_protocol_does_not_have_nobody_listens(running: Live) -> None:
    with pytest.raises(OptionError, match="the protocol 'tcp' has no faults"):
        running.control.set_behavior("error", {"fault": "READONLY"})
    assert running.control.behavior() == "dummy"


# Several proxies.

ASKING: list[Callable[[Control, str], object]] = [
    Control.address,
    Control.behavior,
    Control.backend,
    Control.plan,
]
CHANGING: list[Callable[[Control, str], object]] = [
    lambda control, proxy: control.set_behavior("hang", proxy=proxy),
    lambda control, proxy: control.set_backend("elsewhere:80", proxy=proxy),
    lambda control, proxy: control.set_plan([RULE], proxy=proxy),
    lambda control, proxy: control.disable(proxy),
    lambda control, proxy: control.enable(proxy),
]


@pytest.mark.parametrize("call", [*ASKING, *CHANGING])
def test_which_of_several_is_meant_must_be_said(
    several: Live, call: Callable[[Control, str], object]
) -> None:
    before = several.control.state
    with pytest.raises(UnnamedError, match="there are 2 proxies: name one of cache, db"):
        call(several.control, "")
    with pytest.raises(UnknownNameError, match=r"'disk' is an unknown proxy\. .*'cache', 'db'"):
        call(several.control, "disk")
    assert several.control.state is before


@pytest.mark.parametrize("call", [*ASKING, *CHANGING])
def test_where_there_is_none_that_is_said(call: Callable[[Control, str], object]) -> None:
    with live(names=[]) as running, pytest.raises(UnnamedError, match="there is no proxy"):
        call(running.control, "")


def test_the_only_one_may_be_named(running: Live) -> None:
    running.control.set_behavior("hang", proxy="vaurien")
    assert running.control.behavior("vaurien") == running.control.behavior() == "hang"


def test_changes_are_of_the_proxy_that_is_named(several: Live) -> None:
    with echo(b"other ") as other:
        several.control.set_plan([{"behavior": "abort"}], "cache")
        several.control.set_backend(str(other), "db")
        several.control.set_behavior("delay", {"sleep": 0}, "db")
        assert several.control.behavior("cache") == "abort"
        assert several.control.behavior("db") == "delay"
        assert [entry["behavior"] for entry in several.control.plan("cache")] == ["abort"]
        assert several.ask(b"hello", "db") == b"other hello"
    assert several.control.backend("cache") == str(several.backend)


def test_what_is_logged_names_the_proxy_that_was_named(
    several: Live, running: Live, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        running.control.set_behavior("hang")
        several.control.set_behavior("hang", proxy="cache")
        several.control.set_backend("elsewhere:80", "cache")
        several.control.set_plan([], "cache")
        several.control.disable("cache")
        several.control.remove("cache")
    assert caplog.messages == [
        'Behavior changed to "hang"',
        'Behavior of cache changed to "hang"',
        "Backend of cache changed to elsewhere:80",
        "Plan of cache replaced; rules: 0",
        "Proxy cache disabled",
        "Proxy cache removed",
    ]


def test_the_address_has_the_real_port(several: Live) -> None:
    ports = {several.control.address(name).port for name in ("cache", "db")}
    assert len(ports - {0}) == 2
    assert [proxy.listen.port for proxy in several.control.state.proxies] == [0, 0]


def test_a_disabled_proxy_comes_back_on_its_port(several: Live) -> None:
    address = several.control.address("cache")
    with several.connect("cache") as sock, several.connect("db") as other:
        several.control.disable("cache")
        assert receive_until_reset(sock) == b""
        assert nobody_listens(address)
        assert several.control.address("cache") == address
        other.sendall(b"still here")
        assert other.recv(100) == b"still here"
    several.control.enable("cache")
    assert several.control.address("cache") == address
    assert several.ask(b"hello", "cache") == b"hello"


def test_connections_of_a_disabled_proxy_may_finish(several: Live) -> None:
    with several.connect("cache") as sock:
        sock.sendall(b"1")
        assert sock.recv(100) == b"1"
        several.control.disable("cache", drain=5)
        assert nobody_listens(several.control.address("cache"))
        assert sock.recv(100) == b""


def test_a_port_that_is_taken_keeps_a_proxy_disabled(several: Live) -> None:
    address = several.control.address("cache")
    several.control.disable("cache")
    with Listening(address), pytest.raises(ListenError, match=f"'cache'.*{address}.*in use"):
        several.control.enable("cache")
    assert [proxy.enabled for proxy in several.control.state.proxies] == [False, True]
    several.control.enable("cache")
    assert several.ask(b"hello", "cache") == b"hello"


def added(running: Live, name: str = "more") -> ProxySpec:
    return ProxySpec(
        name=name, listen=Address("127.0.0.1", 0), backend=running.backend, protocol=Tcp()
    )


def test_a_proxy_is_added_and_removed(several: Live) -> None:
    several.control.add(added(several))
    assert [proxy.name for proxy in several.control.state.proxies] == ["cache", "db", "more"]
    address = several.control.address("more")
    with several.connect("more") as sock:
        sock.sendall(b"hello")
        assert sock.recv(100) == b"hello"
        several.control.remove("more")
        assert receive_until_reset(sock) == b""
    assert nobody_listens(address)
    assert [proxy.name for proxy in several.control.state.proxies] == ["cache", "db"]


def test_a_name_is_given_once(several: Live) -> None:
    before = several.control.state
    with pytest.raises(OptionError, match="name='db' is taken by another proxy"):
        several.control.add(added(several, "db"))
    assert several.control.state is before


def test_who_is_not_there_cannot_be_removed(several: Live) -> None:
    with pytest.raises(UnknownNameError, match="'disk' is an unknown proxy"):
        several.control.remove("disk")


def test_connections_to_an_old_backend_are_closed_if_asked(running: Live) -> None:
    with echo(b"other ") as other, running.connect() as sock:
        sock.sendall(b"1")
        assert sock.recv(100) == b"1"
        running.control.set_backend(str(other), moved=True)
        assert receive_until_reset(sock) == b""
        assert running.ask(b"hello") == b"other hello"


def test_a_state_is_replaced_as_a_whole(several: Live) -> None:
    with several.connect("db") as sock:
        sock.sendall(b"1")
        assert sock.recv(100) == b"1"
        (_, db) = several.control.state.proxies
        rules = (Rule(behavior=Delay(sleep=0), name="new"),)
        changed = replace(db, plan=replace(db.plan, rules=rules))
        several.control.replace(State((changed, added(several))))
        assert [proxy.name for proxy in several.control.state.proxies] == ["db", "more"]
        assert [entry["name"] for entry in several.control.plan("db")] == ["new"]
        sock.sendall(b"2")
        assert sock.recv(100) == b"2"
    assert several.ask(b"hello", "more") == b"hello"


def test_a_new_configuration_brings_its_own_defaults(running: Live) -> None:
    class Configured(Delay):
        sleep: float = option(4.0, "as a file would have it")

    running.control.replace(
        running.control.state, config_digest="abc", find_behavior=lambda name: Configured
    )
    running.control.set_behavior("delay")
    assert sleep_of(running) == 4.0
    assert running.control.config_digest == "abc"


# What is not allowed.


def test_there_are_not_too_many_proxies(several: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "PROXY_LIMIT", 2)
    with pytest.raises(OptionError, match=r"^3 proxies are too many: there may be 2$"):
        several.control.add(added(several))
    monkeypatch.setattr(server, "PROXY_LIMIT", 1)  # the configuration had more
    several.control.disable("db")
    assert [spec.enabled for spec in several.control.state.proxies] == [True, False]


def test_a_ring_of_proxies_is_refused(several: Live) -> None:
    cache, db = (several.control.address(name) for name in ("cache", "db"))
    several.control.set_backend(str(db), "cache")
    assert several.ask(proxy="cache") == b"hello"
    before = several.control.state
    with pytest.raises(BackendError) as caught:
        several.control.set_backend(f"127.1:{cache.port}", "db")
    assert caught.value.proxy == "db"
    assert str(caught.value).endswith("leads back to the proxy: db -> cache -> db")
    assert several.control.state is before
    assert several.ask(proxy="cache") == b"hello"
