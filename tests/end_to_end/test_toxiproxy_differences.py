"""The table of differences in docs/toxiproxy.md: each row, beside ``toxiproxy-server``."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from end_to_end.toxiproxies import SERVER, Program, Request, rows_of, toxiproxy
from peers import Scripted, connect, echo, receive, receive_until_fin, receive_until_reset
from serving import served
from vaurien.net.address import Address

PAGE = Path(__file__).parents[2] / "docs" / "toxiproxy.md"
PLACE, OTHER_PLACE = "127.0.0.1:{0}", "127.0.0.1:{1}"
DEAD = "127.0.0.1:1"

pytestmark = pytest.mark.skipif(SERVER is None, reason="toxiproxy-server is not installed")


class Both(NamedTuple):
    theirs: Program
    ours: Program
    backend: str
    """The address of an echo."""

    def make(self, **table: object) -> None:
        """Make a proxy named ``a`` in both."""
        body = {"name": "a", "listen": PLACE, "upstream": self.backend, **table}
        for program in self.theirs, self.ours:
            assert program("POST", "/proxies", body)[0] == 201

    def statuses(self, method: str, path: str, body: object = None) -> tuple[int, int]:
        """Toxiproxy's status, and vaurien's."""
        return self.theirs(method, path, body)[0], self.ours(method, path, body)[0]


Check = Callable[[Both], None]
CHECKS: dict[str, Check] = {}


def row(name: str) -> Callable[[Check], Check]:
    def note(check: Check) -> Check:
        CHECKS[name] = check
        return check

    return note


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    log = tmp_path_factory.mktemp("differences") / "log"
    with (
        toxiproxy() as theirs,
        served("--host", "127.0.0.1", "--port", "0", log=log) as serving,
        Scripted(echo) as backend,
    ):
        ours = Program(serving.http)
        yield Both(theirs, ours, str(backend.address))
        ours.close()


@pytest.mark.parametrize("name", rows_of(PAGE.read_text("utf-8"), "The API"))
def test_a_row(name: str, both: Both) -> None:
    both.theirs.clear()
    both.ours.clear()
    CHECKS[name](both)


def test_there_is_no_other_check() -> None:
    assert set(CHECKS) == set(rows_of(PAGE.read_text("utf-8"), "The API"))


def shown(program: Program, path: str) -> object:
    status, body = program("GET", path)
    assert status == 200, body
    return body


def talking(program: Program) -> socket.socket:
    """A client of the proxy in the first place, which has had an answer."""
    client = connect(Address("127.0.0.1", program.ports[0]))
    client.sendall(b"hello")
    assert receive(client, 5) == b"hello"
    return client


@row("a change that fails")
def check_changes_that_fail(both: Both) -> None:
    both.make()
    slow = {"type": "latency", "name": "t", "attributes": {"latency": 5, "jitter": 1}}
    assert both.statuses("POST", "/proxies/a/toxics", slow) == (200, 200)
    wrong = b'{"attributes": {"latency": 9, "jitter": "x"}}'
    assert both.statuses("PATCH", "/proxies/a/toxics/t", wrong) == (400, 400)
    for program, latency in ((both.theirs, 9), (both.ours, 5)):
        toxic = shown(program, "/proxies/a/toxics/t")
        assert isinstance(toxic, dict)
        assert toxic["attributes"]["latency"] == latency
    new = {"name": "b", "listen": OTHER_PLACE, "upstream": DEAD}
    assert both.statuses("POST", "/populate", [new, {**new, "name": "c"}]) == (500, 500)
    assert both.statuses("GET", "/proxies/b") == (200, 404)
    taken = {"listen": OTHER_PLACE}
    with socket.create_server(("127.0.0.1", both.ours.ports[1])):
        assert both.statuses("PATCH", "/proxies/a", taken) == (500, 500)
    for program, enabled in ((both.theirs, False), (both.ours, True)):
        proxy = shown(program, "/proxies/a")
        assert isinstance(proxy, dict)
        assert proxy["enabled"] is enabled


@row("a toxicity outside of 0 to 1, attributes that are negative or too large, `average_size` 0")
def check_values(both: Both) -> None:
    both.make()
    wrong: list[dict[str, object]] = [
        {"type": "noop", "toxicity": 50},
        {"type": "latency", "attributes": {"latency": -5}},
        {"type": "timeout", "attributes": {"timeout": 2**63 - 1}},
        {"type": "slicer"},
    ]
    for toxic in wrong:
        assert both.statuses("POST", "/proxies/a/toxics", toxic) == (200, 400)


@row("an upstream that is not printable, or is where the proxy itself listens")
def check_upstreams(both: Both) -> None:
    for upstream in ("b\x1b:1", PLACE):
        body = {"name": "a", "listen": PLACE, "upstream": upstream}
        assert both.statuses("POST", "/proxies", body) == (201, 400)
        both.theirs.clear()


@row("addresses")
def check_addresses(both: Both) -> None:
    both.make(listen="", enabled=False)
    body = {"name": "b", "listen": "localhost:http", "upstream": ":https", "enabled": False}
    for program, free, listen, upstream in (
        (both.theirs, "", "localhost:http", ":https"),
        (both.ours, "[::]:0", "localhost:80", "localhost:443"),
    ):
        first = shown(program, "/proxies/a")
        status, second = program("POST", "/proxies", body)
        assert isinstance(first, dict)
        assert isinstance(second, dict)
        assert (status, first["listen"]) == (201, free)
        assert (second["listen"], second["upstream"]) == (listen, upstream)


@row("`stream`")
def check_streams(both: Both) -> None:
    both.make()
    for program, stream in ((both.theirs, "UpStream"), (both.ours, "upstream")):
        body = {"type": "noop", "stream": "UpStream"}
        _, toxic = program("POST", "/proxies/a/toxics", body)
        assert isinstance(toxic, dict)
        assert (toxic["name"], toxic["stream"]) == ("noop_UpStream", stream)


@row("`/populate` with proxies that have port 0, or are disabled and listen on a name")
def check_populate_again(both: Both) -> None:
    for listen, enabled in (("127.0.0.1:0", True), ("localhost:{0}", False)):
        both.theirs.clear()
        both.ours.clear()
        both.make(listen=listen, enabled=enabled)
        assert both.statuses("POST", "/proxies/a/toxics", {"type": "noop"}) == (200, 200)
        wanted = {"name": "a", "listen": listen, "upstream": both.backend, "enabled": enabled}
        for program, toxics in ((both.theirs, 0), (both.ours, 1)):
            assert program("POST", "/populate", [wanted])[0] == 201
            left = shown(program, "/proxies/a/toxics")
            assert isinstance(left, list)
            assert len(left) == toxics


@row("a proxy given twice to `/populate`")
def check_populate_twice(both: Both) -> None:
    body = [{"name": "a", "listen": PLACE, "upstream": f"b:{port}"} for port in (1, 2)]
    for program, upstreams in ((both.theirs, ["b:1", "b:2"]), (both.ours, ["b:2", "b:2"])):
        status, answer = program("POST", "/populate", body)
        assert status == 201
        assert isinstance(answer, dict)
        assert [each["upstream"] for each in answer["proxies"]] == upstreams


@row("two proxies that swap ports in one `/populate`")
def check_swaps(both: Both) -> None:
    places = [PLACE, OTHER_PLACE]
    for listens, statuses in ((places, (201, 201)), (places[::-1], (500, 201))):
        body = [
            {"name": name, "listen": listen, "upstream": DEAD}
            for name, listen in zip("ab", listens, strict=True)
        ]
        assert both.statuses("POST", "/populate", body) == statuses


@row("connections of a proxy that is disabled, deleted or changed")
def check_how_connections_end(both: Both) -> None:
    for method, body, status in (
        ("PATCH", {"enabled": False}, 200),
        ("PATCH", {"upstream": DEAD}, 200),
        ("DELETE", None, 204),
    ):
        both.theirs.clear()
        both.ours.clear()
        both.make()
        with talking(both.theirs) as client:
            assert both.theirs(method, "/proxies/a", body)[0] == status
            assert receive_until_fin(client) == b""
        with talking(both.ours) as client:
            assert both.ours(method, "/proxies/a", body)[0] == status
            assert receive_until_reset(client) == b""


def with_a_rule(both: Both) -> None:
    rule = {"name": "slow", "behavior": "delay", "sleep": 1}
    both.make()
    json_type = {"Content-Type": "application/json"}
    assert both.ours("PUT", "/plan?proxy=a", {"rules": [rule]}, **json_type)[0] == 200


@row("`/reset`")
def check_reset(both: Both) -> None:
    with_a_rule(both)
    assert both.statuses("POST", "/reset") == (204, 204)
    assert shown(both.ours, "/plan?proxy=a") == {"rules": []}


@row("rules that are not toxics")
def check_rules(both: Both) -> None:
    with_a_rule(both)
    toxic = shown(both.ours, "/proxies/a/toxics/slow")
    assert isinstance(toxic, dict)
    assert (toxic["type"], toxic["stream"], toxic["attributes"]["sleep"]) == ("delay", "both", 1)
    assert both.ours("PATCH", "/proxies/a/toxics/slow", {"toxicity": 0.5})[0] == 400
    assert both.ours("DELETE", "/proxies/a/toxics/slow")[0] == 204


@row("names")
def check_names(both: Both) -> None:
    body = {"listen": "127.0.0.1:0", "upstream": DEAD}
    assert both.statuses("POST", "/proxies", {**body, "name": "shop/redis"}) == (201, 201)
    assert both.statuses("GET", "/proxies/shop%2Fredis") == (404, 200)
    assert both.ours("DELETE", "/proxies/shop%2Fredis")[0] == 204
    for name in ("x\x1b", "x" * 256):
        assert both.statuses("POST", "/proxies", {**body, "name": name}) == (201, 400)


@row("`packet_loss`")
def check_packet_loss(both: Both) -> None:
    both.make()
    toxic = {"type": "packet_loss", "attributes": {"loss_rate": 0.75, "correlation": 0.5}}
    status, refused = both.theirs("POST", "/proxies/a/toxics", toxic)
    assert status == 200 or refused == {"error": "invalid toxic type", "status": 400}
    _, made = both.ours("POST", "/proxies/a/toxics", toxic)
    assert isinstance(made, dict)
    assert made["attributes"] == {"loss_rate": 0.75, "correlation": 0.25}


@row("other paths")
def check_other_paths(both: Both) -> None:
    assert both.theirs("GET", "/nope") == (404, "404 page not found\n")
    answer = both.ours.ask(Request("GET", "/nope"))
    assert answer.status == 404
    assert json.loads(answer.body)


@row("an upstream that is the API, leads back to the proxy, or is a link-local address")
def check_backends(both: Both) -> None:
    for program, status in ((both.theirs, 201), (both.ours, 400)):
        for upstream in (str(program.api), "169.254.169.254:80"):
            body = {"name": "a", "listen": PLACE, "upstream": upstream, "enabled": False}
            assert program("POST", "/proxies", body)[0] == status
            program.clear()


@row("`Host` and `Origin` of other sites")
def check_other_sites(both: Both) -> None:
    for header, value in (("Host", "evil.example"), ("Origin", "http://evil.example")):
        request = Request("POST", "/reset", None, {header: value})
        assert both.theirs.ask(request).status == 204
        assert both.ours.ask(request).status == 403


@row("a body longer than 1 MiB, or that does not arrive within 10 seconds")
def check_long_bodies(both: Both) -> None:
    body = {"name": "a", "listen": PLACE, "upstream": DEAD, "comment": "x" * 1024 * 1024}
    assert both.statuses("POST", "/proxies", body) == (201, 413)
