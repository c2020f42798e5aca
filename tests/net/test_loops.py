"""Proxies that lead back to themselves, and to the API."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest

from vaurien.net.address import Address
from vaurien.net.loops import API, Loops, literal, reaches
from vaurien.net.system import Endpoint

V4, V6, UNIX = int(socket.AF_INET), int(socket.AF_INET6), int(socket.AF_UNIX)


def at(port: int, host: str = "127.0.0.1") -> Endpoint:
    return V4, (host, port)


@pytest.fixture
def loops() -> Loops:
    """Three proxies, and the API."""
    made = Loops()
    for number, name in enumerate(("a", "b", "c"), 1):
        made.listen(name, [at(number)])
    made.listen(API, [at(9)])
    return made


def refusal(loops: Loops, name: str, endpoint: Endpoint) -> str:
    with pytest.raises(OSError, match="the backend") as caught:
        loops.enter(name, endpoint)
    assert caught.value.errno == errno.ELOOP
    return str(caught.value.strerror)


def test_a_proxy_is_not_its_own_backend(loops: Loops) -> None:
    assert refusal(loops, "a", at(1)) == "the backend is the proxy itself"


def test_the_api_is_no_backend(loops: Loops) -> None:
    assert refusal(loops, "a", at(9)) == "the backend is the API of this process"


def test_a_proxy_may_be_the_backend_of_another(loops: Loops) -> None:
    loops.enter("a", at(2))
    loops.enter("b", at(3))
    loops.enter("c", at(80))


def test_a_ring_is_refused_where_it_closes(loops: Loops) -> None:
    loops.enter("a", at(2))
    loops.enter("b", at(3))
    why = refusal(loops, "c", at(1))
    assert why == "the backend leads back to the proxy: c -> a -> b -> c"
    assert refusal(loops, "b", at(1)) == "the backend leads back to the proxy: b -> a -> b"


def test_another_backend_opens_a_ring(loops: Loops) -> None:
    loops.enter("a", at(2))
    loops.forget("a")
    loops.enter("b", at(1))
    loops.forget("b")
    loops.enter("a", at(2))


def test_who_listens_no_more_is_in_no_ring(loops: Loops) -> None:
    loops.enter("a", at(2))
    loops.leave("a")
    assert loops.listening("a") == ()
    assert not loops.has_port(Address("127.0.0.1", 1))
    loops.enter("b", at(1))
    loops.leave("a")


def test_where_one_listens_is_replaced(loops: Loops) -> None:
    loops.listen("a", [at(4), (V6, ("::1", 4, 0, 0))])
    assert loops.has_port(Address("127.0.0.1", 4))
    loops.enter("a", at(1))
    for there in loops.listening("a"):
        assert refusal(loops, "a", there) == "the backend is the proxy itself"


def test_two_may_listen_on_a_port(loops: Loops) -> None:
    loops.listen("d", [at(1, "127.0.0.2")])
    loops.leave("a")
    loops.enter("a", at(1))
    assert refusal(loops, "d", at(1, "127.0.0.2")) == "the backend is the proxy itself"


def own_address() -> str | None:
    """An address of this machine that is not of the loopback interface, if it has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))  # UDP: this sends nothing
        except OSError:
            return None
        return str(probe.getsockname()[0])


@pytest.mark.parametrize(
    ("dialled", "listening", "same"),
    [
        ((V4, ("127.0.0.1", 80)), (V4, ("127.0.0.1", 80)), True),
        ((V4, ("127.0.0.1", 80)), (V4, ("127.0.0.1", 81)), False),
        ((V4, ("127.0.0.1", 80)), (V4, ("127.0.0.2", 80)), False),
        ((V4, ("127.0.0.1", 80)), (V4, ("0.0.0.0", 80)), True),
        ((V4, ("127.9.9.9", 80)), (V4, ("0.0.0.0", 80)), True),
        ((V4, ("198.51.100.1", 80)), (V4, ("0.0.0.0", 80)), False),
        ((V4, ("198.51.100.1", 80)), (V6, ("::", 80, 0, 0)), False),
        ((V4, ("0.0.0.0", 80)), (V4, ("127.0.0.1", 80)), True),
        ((V4, ("0.0.0.0", 80)), (V4, ("0.0.0.0", 80)), True),
        ((V4, ("0.0.0.0", 80)), (V6, ("::", 80, 0, 0)), True),
        ((V6, ("::ffff:127.0.0.1", 80, 0, 0)), (V4, ("127.0.0.1", 80)), True),
        ((V6, ("::ffff:127.0.0.1", 80, 0, 0)), (V4, ("0.0.0.0", 80)), True),
        ((V6, ("::ffff:0.0.0.0", 80, 0, 0)), (V4, ("127.0.0.1", 80)), True),
        ((V6, ("::1", 80, 0, 0)), (V6, ("::", 80, 0, 0)), True),
        ((V6, ("::", 80, 0, 0)), (V6, ("::", 80, 0, 0)), True),
        ((V6, ("::", 80, 0, 0)), (V6, ("::1", 80, 0, 0)), True),
        ((V6, ("::1", 80, 0, 0)), (V6, ("::1", 80, 0, 0)), True),
        ((V6, ("fe80::1", 80, 0, 2)), (V6, ("fe80::1%eth0", 80, 0, 2)), True),
        ((V6, ("::1", 80, 0, 0)), (V4, ("127.0.0.1", 80)), False),
        ((V6, ("::1", 80, 0, 0)), (V4, ("0.0.0.0", 80)), False),
        ((V4, ("127.0.0.1", 80)), (V6, ("::", 80, 0, 0)), True),
        ((V4, ("0.0.0.0", 80)), (V6, ("::1", 80, 0, 0)), False),
        ((UNIX, "/run/a"), (UNIX, "/run/a"), True),
        ((UNIX, "/run/a"), (UNIX, "/run/b"), False),
        ((UNIX, "/run/a"), (V4, ("127.0.0.1", 80)), False),
    ],
)
def test_which_endpoints_are_our_own(dialled: Endpoint, listening: Endpoint, same: bool) -> None:
    assert reaches(dialled, listening) is same


@pytest.mark.skipif(own_address() is None, reason="this machine has no other address")
def test_the_own_addresses_of_the_machine_are_ours() -> None:
    own = str(own_address())
    assert reaches(at(80, own), at(80, "0.0.0.0"))
    assert reaches(at(80, own), (V6, ("::", 80, 0, 0)))
    assert reaches((V6, (f"::ffff:{own}", 80, 0, 0)), at(80, "0.0.0.0"))
    assert not reaches(at(80, own), at(80))


def test_a_path_is_the_same_by_another_way(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        (tmp_path / "link").symlink_to(path)
        os.mkdir(tmp_path / "folder")
        for other in ("link", "folder/../socket"):
            assert reaches((UNIX, f"{tmp_path}/{other}"), (UNIX, str(path)))


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("127.0.0.1", ["127.0.0.1"]),
        ("127.1", ["127.0.0.1"]),
        ("2130706433", ["127.0.0.1"]),
        ("0x7f.1", ["127.0.0.1"]),
        ("0177.0.0.1", ["127.0.0.1"]),
        ("0", ["0.0.0.0"]),
        ("::1", ["::1"]),
        ("0:0::1", ["::1"]),
        ("::ffff:7f00:1", ["::ffff:127.0.0.1"]),
        ("localhost", ["127.0.0.1", "::1"]),
        ("LocalHost", ["127.0.0.1", "::1"]),
        ("backend.example", []),
        ("a..b", []),
        ("x" * 70, []),
    ],
)
def test_numbers_need_no_lookup(host: str, found: list[str]) -> None:
    assert [where[0] for _, where in literal(Address(host, 80))] == found


def test_a_path_needs_no_lookup() -> None:
    assert list(literal(Address("", 0, "/run/a"))) == [(UNIX, "/run/a")]
