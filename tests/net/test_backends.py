"""Backends of all proxies, judged when they are wanted and when they are dialled."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable

import pytest

from vaurien.errors import BackendError
from vaurien.net import backends as judging
from vaurien.net.address import Address
from vaurien.net.backends import Backends, Lead
from vaurien.net.loops import API, literal
from vaurien.net.permitted import Pattern, Permitted
from vaurien.net.simulated import SimulatedSystem
from vaurien.net.system import Endpoint

V4 = int(socket.AF_INET)


class Names(SimulatedSystem):
    """Knows the names that a test gives it, and remembers which were looked up."""

    def __init__(self, **names: str) -> None:
        super().__init__()
        self.names = names
        self.asked: list[str] = []

    def resolve(self, host: str, port: int) -> list[Endpoint]:
        self.asked.append(host)
        if host not in self.names:
            raise OSError(errno.ENOENT, "name not known")
        return list(literal(Address(self.names[host], port)))

    def run_in_thread(self, work: Callable[[], None]) -> None:
        work()


def lead(name: str, port: int, backend: str, host: str = "127.0.0.1") -> Lead:
    listening = literal(Address(host, port)) if port else ()
    return Lead(name, listening, Address.parse(backend))


def refusal(backends: Backends, *leads: Lead, system: Names | None = None) -> str:
    with pytest.raises(BackendError) as caught:
        backends.check_wanted(leads, system or Names())
    assert caught.value.proxy in [each.name for each in leads]
    return str(caught.value)


@pytest.mark.parametrize(
    ("host", "backend"),
    [
        ("127.0.0.1", "127.0.0.1:80"),
        ("127.0.0.1", "localhost:80"),
        ("127.0.0.1", "127.1:80"),
        ("127.0.0.1", "0:80"),
        ("127.0.0.1", "0.0.0.0:80"),
        ("127.0.0.1", "[::ffff:127.0.0.1]:80"),
        ("0.0.0.0", "127.0.0.1:80"),
        ("0.0.0.0", "2130706433:80"),
        ("::", "127.0.0.1:80"),
        ("::", "[::]:80"),
        ("::1", "[::]:80"),
        ("::1", "localhost:80"),
        ("127.0.0.1", "here:80"),
        ("127.0.0.1", "HERE:80"),
    ],
)
def test_it_is_refused_to_be_its_own_backend_in_any_spelling(host: str, backend: str) -> None:
    system = Names(here="127.0.0.1", HERE="127.0.0.1")
    said = refusal(Backends(), lead("a", 80, backend, host), system=system)
    assert said == f"backend={backend!r} is refused: the backend is the proxy itself"


def test_a_chain_is_allowed_and_a_ring_is_not() -> None:
    chain = [lead("a", 1, "localhost:2"), lead("b", 2, "localhost:3"), lead("c", 3, "redis:6379")]
    Backends().check_wanted(chain, Names())
    ring = [*chain[:2], lead("c", 3, "127.1:1")]
    assert refusal(Backends(), *ring).endswith("leads back to the proxy: c -> a -> b -> c")


def test_the_order_does_not_matter() -> None:
    ring = [lead("b", 2, "localhost:1"), lead("a", 1, "localhost:2")]
    assert "leads back to the proxy" in refusal(Backends(), *ring)
    assert "leads back to the proxy" in refusal(Backends(), *reversed(ring))


def test_a_ring_is_open_while_a_part_of_it_is_disabled() -> None:
    Backends().check_wanted([lead("a", 1, "localhost:2"), lead("b", 0, "localhost:1")], Names())


def test_the_api_is_refused() -> None:
    backends = Backends()
    backends.loops.listen(API, literal(Address("localhost", 8474)))
    for backend in ("127.0.0.1:8474", "[::1]:8474", "api:8474"):
        said = refusal(backends, lead("a", 80, backend), system=Names(api="127.0.0.1"))
        assert said == f"backend={backend!r} is refused: the backend is the API of this process"
    backends.check_wanted([lead("a", 80, "127.0.0.1:8475")], Names())


def test_names_are_looked_up_only_where_they_may_be_ours() -> None:
    system = Names()
    Backends().check_wanted([lead("a", 80, "redis:6379"), lead("b", 81, "web:80")], system)
    assert system.asked == ["web"]


def test_a_lookup_that_takes_too_long_is_left_to_who_dials(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Slow(Names):
        def run_in_thread(self, work: Callable[[], None]) -> None:
            pass

    monkeypatch.setattr(judging, "LOOKUP_LIMIT", 0.01)
    Backends().check_wanted([lead("a", 80, "here:80")], Slow(here="127.0.0.1"))


def test_metadata_and_what_is_not_allowed_are_refused() -> None:
    said = refusal(Backends(), lead("a", 80, "169.254.169.254:80"))
    assert "169.254.169.254 is a link-local address" in said
    backends = Backends(Permitted([Pattern.parse("redis:6379")]))
    backends.check_wanted([lead("a", 80, "redis:6379")], Names())
    said = refusal(backends, lead("a", 80, "web:80"))
    assert said == "backend='web:80' is refused: web:80 is in no --allow-backend"


def test_what_is_dialled_is_judged_by_what_it_resolves_to() -> None:
    backends = Backends()
    backends.loops.listen("a", [(V4, ("127.0.0.1", 80))])
    for host, number in (("169.254.169.254", errno.EACCES), ("127.0.0.1", errno.ELOOP)):
        with pytest.raises(OSError, match="is ") as caught:
            backends.check("a", Address("name", 80), (V4, (host, 80)))
        assert caught.value.errno == number
    backends.check("a", Address("name", 80), (V4, ("192.0.2.1", 80)))
