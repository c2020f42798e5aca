"""handshake breaks the handshake of a client with vaurien."""

from __future__ import annotations

import pytest

from acting import firing
from tls_talk import hello_of
from vaurien import plugins
from vaurien.behaviors.handshake import Handshake
from vaurien.errors import OptionError
from vaurien.parsing.client_hello import read_client_hello
from vaurien.protocols.tcp import Tcp
from vaurien.protocols.tls.fault_types import LINGER
from vaurien.protocols.tls.wire import alert
from vaurien.rules.handshake import inside_tls
from vaurien.rules.notation import make_rules, parse_rule
from vaurien.values.actions import Action, Close, Hold, Note, Reply, Shake, Until, Wait
from vaurien.values.messages import TO_BACKEND, Message

INSIDE = inside_tls(Tcp, greeted=True)


@pytest.fixture(autouse=True)
def _installed() -> None:
    plugins.install()


def actions(rule: str) -> list[Action]:
    """What a rule does about a handshake."""
    (made,) = make_rules([parse_rule(f"handshake {rule}")], lambda _: Handshake, INSIDE)
    data = hello_of()
    hello = Message(data, TO_BACKEND, 1.0, about=read_client_hello(data))
    return list(made.behavior.on_hello(hello, firing(now=2.0)))


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        ("fault=handshake_failure", [Reply(alert(40)), Close()]),
        ("fault=111 level=warning", [Reply(alert(111, 1)), Close()]),
        ("fault=handshake-closes", [Close(at_once=True)]),
        (
            "fault=handshake-resets at=server-hello",
            [Until("server-hello"), Close(reset=True, at_once=True)],
        ),
        ("fault=handshake-stalls at=client-finished", [Until("client-finished"), Hold()]),
        (
            "fault=expired-certificate",
            [Shake(flaw="expired"), Until("done"), Note("accepted", "expired-certificate")],
        ),
        (
            "fault=client-certificate-demanded",
            [Shake(demand=True), Until("done"), Note("accepted", "client-certificate-demanded")],
        ),
        ("fault=no-close-notify", [Shake(notifies=False)]),
    ],
)
def test_each_fault_is_played(rule: str, wanted: list[Action]) -> None:
    assert actions(rule) == wanted


def test_a_bad_record_follows_the_handshake() -> None:
    until, reply, wait, close = actions("fault=bad-record size=7")
    assert (until, wait, close) == (Until("done"), Wait(2.0 + LINGER), Close())
    assert isinstance(reply, Reply)
    assert (reply.data[:5], len(reply.data)) == (bytes.fromhex("17 03 03 00 07"), 12)


def test_without_a_name_a_typical_fault_is_played() -> None:
    rule = Handshake().fit(INSIDE)
    names = {rule.detail(firing(seed=seed)) for seed in range(100)}
    assert "handshake-stalls" in names
    assert len(names) > 4


def test_its_flaws_are_known_beforehand() -> None:
    assert Handshake(fault="wrong-host").fit(INSIDE).flaws == ("wrong_host",)
    assert Handshake(fault="handshake_failure").fit(INSIDE).flaws == ()


@pytest.mark.parametrize(
    "protocol",
    [Tcp, inside_tls(Tcp)],
)
def test_it_needs_a_proxy_that_speaks_tls_to_clients(protocol: type[Tcp]) -> None:
    with pytest.raises(OptionError, match="needs a proxy that speaks TLS") as caught:
        make_rules([parse_rule("handshake fault=wrong-host")], lambda _: Handshake, protocol)
    assert "terminate or both" in str(caught.value)
    assert "the protocol tls" in str(caught.value)


def test_a_rule_matches_on_what_is_known_then() -> None:
    entry = parse_rule("handshake fault=wrong-host accepted=no-san")
    with pytest.raises(OptionError, match="not known during the handshake"):
        make_rules([entry], lambda _: Handshake, INSIDE)


def test_unknown_faults_are_refused() -> None:
    with pytest.raises(OptionError, match="did you mean wrong-host"):
        make_rules([parse_rule("handshake fault=wrong-hots")], lambda _: Handshake, INSIDE)
