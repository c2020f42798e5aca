"""Requests and responses that are lost, cut or doubled, before real servers."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import closing, contextmanager

import httpx
import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as LostConnection
from redis.exceptions import TimeoutError as TooSlow
from redis.retry import Retry

from end_to_end.proxies import RunningProxy, StartProxy
from peers import PATIENCE, connect, is_silent, receive, receive_until_fin, receive_until_reset
from servers import LARGE_FILE
from smtp_server import client_of, mail_server, send
from vaurien.net.address import Address
from vaurien.protocol import Protocol
from vaurien.protocols.http.parser import Http
from vaurien.protocols.redis.parser import Redis as RedisProtocol
from vaurien.protocols.smtp.parser import Smtp
from vaurien.protocols.tcp import Tcp

VALUE = b"0123456789" * 100
REPLY = b"$1000\r\n" + VALUE + b"\r\n"
GET = b"GET key\r\n"


@contextmanager
def redis_client(address: Address, tries: int = 0, timeout: float = PATIENCE) -> Iterator[Redis]:
    retry = Retry(NoBackoff(), tries)
    with closing(
        Redis(address.host, address.port, socket_timeout=timeout, retry=retry, protocol=2)
    ) as client:
        yield client


@pytest.fixture(autouse=True)
def redis(redis_address: Address) -> Iterator[Redis]:
    """The redis itself, without a proxy, and with nothing but a key in it."""
    with redis_client(redis_address) as client:
        client.flushall()
        client.set("key", VALUE)
        yield client


@pytest.fixture(params=[Tcp, RedisProtocol], ids=["tcp", "redis"])
def framing(request: pytest.FixtureRequest) -> Protocol:
    made = request.param()
    assert isinstance(made, Protocol)
    return made


def counted(redis: Redis) -> int:
    return int(redis.get("count") or 0)


# Redis.


def rule_for(framing: Protocol, rule: str) -> str:
    """The rule, on INCRBY alone where that can be told from what a client says first."""
    return f"{rule} command=INCRBY" if framing.framed else rule


@pytest.mark.parametrize("reset", ["false", "true"])
def test_a_lost_request_is_not_done(
    start_proxy: StartProxy, redis_address: Address, redis: Redis, framing: Protocol, reset: str
) -> None:
    rule = rule_for(framing, f"request-lost reset={reset}")
    proxy = start_proxy(redis_address, rule, protocol=framing)
    with redis_client(proxy.address) as client, pytest.raises(LostConnection):
        client.incr("count")
    assert counted(redis) == 0


@pytest.mark.parametrize("reset", ["false", "true"])
def test_what_a_lost_reply_was_for_is_done(
    start_proxy: StartProxy, redis_address: Address, redis: Redis, framing: Protocol, reset: str
) -> None:
    proxy = start_proxy(redis_address, f"reply-lost reset={reset}", protocol=framing)
    with connect(proxy.address) as client:
        client.sendall(b"INCR count\r\n")
        end = receive_until_reset if reset == "true" else receive_until_fin
        assert end(client) == b""
    assert counted(redis) == 1


@pytest.mark.parametrize(("behavior", "done"), [("request-lost", 1), ("reply-lost", 2)])
def test_who_tries_again_must_know_whether_it_was_done(
    start_proxy: StartProxy, redis_address: Address, redis: Redis, behavior: str, done: int
) -> None:
    proxy = start_proxy(
        redis_address, f"{behavior} command=INCRBY times=1", protocol=RedisProtocol()
    )
    with redis_client(proxy.address, tries=1) as client:
        assert client.incr("count") == done
    assert counted(redis) == done


@pytest.mark.parametrize(
    ("options", "size"), [("bytes=3", 3), ("bytes=500", 500), ("fraction=0.25", 252)]
)
def test_a_part_of_a_reply_arrives(
    start_proxy: StartProxy, redis_address: Address, framing: Protocol, options: str, size: int
) -> None:
    for then, end in (("fin", receive_until_fin), ("rst", receive_until_reset)):
        proxy = start_proxy(redis_address, f"partial-reply {options} then={then}", protocol=framing)
        with connect(proxy.address) as client:
            client.sendall(GET)
            assert end(client) == REPLY[:size]


def test_the_rest_of_a_reply_arrives_when_the_stall_is_lifted(
    start_proxy: StartProxy, redis_address: Address, framing: Protocol
) -> None:
    proxy = start_proxy(redis_address, "partial-reply", protocol=framing)
    with connect(proxy.address) as client:
        client.sendall(GET)
        assert receive(client, len(REPLY) // 2) == REPLY[: len(REPLY) // 2]
        assert is_silent(client)
        proxy.change()
        assert receive(client, len(REPLY) - len(REPLY) // 2) == REPLY[len(REPLY) // 2 :]
        client.sendall(GET)
        assert receive(client, len(REPLY)) == REPLY


def test_a_client_does_not_wait_for_the_rest_for_ever(
    start_proxy: StartProxy, redis_address: Address
) -> None:
    proxy = start_proxy(redis_address, "partial-reply command=GET", protocol=RedisProtocol())
    with redis_client(proxy.address, timeout=0.3) as client, pytest.raises(TooSlow):
        client.get("key")
    proxy = start_proxy(
        redis_address, "partial-reply command=GET then=fin", protocol=RedisProtocol()
    )
    with redis_client(proxy.address) as client, pytest.raises(LostConnection):
        client.get("key")


def test_a_doubled_request_is_done_twice(
    start_proxy: StartProxy, redis_address: Address, redis: Redis
) -> None:
    proxy = start_proxy(redis_address, "duplicate-request command=INCRBY", protocol=RedisProtocol())
    with redis_client(proxy.address) as client:
        assert client.incr("count") == 1
        assert client.incr("count") == 3
        assert client.get("key") == VALUE
    assert counted(redis) == 4


def test_pipelined_requests_are_doubled_one_by_one(
    start_proxy: StartProxy, redis_address: Address, redis: Redis
) -> None:
    rule = "duplicate-request command=INCRBY every=2"
    proxy = start_proxy(redis_address, rule, protocol=RedisProtocol())
    with redis_client(proxy.address) as client:
        pipeline = client.pipeline(transaction=False)
        for _ in range(200):
            pipeline.incr("count")
            pipeline.echo("x" * 100)
        heard = pipeline.execute()
    expected = [number + number // 2 + 1 for number in range(200)]
    assert heard[::2] == expected
    assert heard[1::2] == [b"x" * 100] * 200
    assert counted(redis) == 300


# HTTP.


def http_proxy(start_proxy: StartProxy, backend: Address, rule: str) -> RunningProxy:
    return start_proxy(backend, rule, protocol=Http())


@pytest.mark.parametrize("behavior", ["request-lost", "reply-lost", "partial-reply then=fin"])
def test_an_http_client_tells_a_lost_message(
    start_proxy: StartProxy, nginx_address: Address, behavior: str
) -> None:
    proxy = http_proxy(start_proxy, nginx_address, f"{behavior} path=/hello times=1")
    with httpx.Client(base_url=f"http://{proxy.address}", timeout=PATIENCE) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            client.get("/hello")
        assert client.get("/hello").text == "hello\n"


def test_a_long_body_breaks_off(start_proxy: StartProxy, nginx_address: Address) -> None:
    size = 3_000_000
    proxy = http_proxy(start_proxy, nginx_address, f"partial-reply bytes={size} then=fin")
    with connect(proxy.address) as client:
        client.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        heard = receive_until_fin(client)
    assert len(heard) == size
    _, _, body = heard.partition(b"\r\n\r\n")
    assert LARGE_FILE.startswith(body)


def test_a_doubled_http_request_is_answered_once(
    start_proxy: StartProxy, nginx_address: Address
) -> None:
    proxy = http_proxy(start_proxy, nginx_address, "duplicate-request path=/large")
    with httpx.Client(base_url=f"http://{proxy.address}", timeout=PATIENCE) as client:
        for _ in range(2):
            assert client.get("/large").content == LARGE_FILE
            assert client.get("/hello").text == "hello\n"
    assert proxy.totals.bytes_to_client > 4 * len(LARGE_FILE)


# Mail.


def test_a_mail_whose_reply_is_lost_is_delivered(start_proxy: StartProxy) -> None:
    with mail_server() as mailbox:
        proxy = start_proxy(mailbox.address, "reply-lost verb=DATA", protocol=Smtp())
        with (
            closing(client_of(proxy.address)) as client,
            pytest.raises(smtplib.SMTPServerDisconnected),
        ):
            send(client)
        assert len(mailbox.mails) == 1


def test_a_doubled_mail_is_told_from_its_content(start_proxy: StartProxy) -> None:
    with mail_server() as mailbox:
        proxy = start_proxy(mailbox.address, "duplicate-request", protocol=Smtp())
        with client_of(proxy.address) as client:
            assert client.login("user", "secret")[0] == 235
            client.mail("a@example.org")
            client.rcpt("b@example.org")
            assert client.data("Subject: x\r\n\r\nx\r\n")[0] == 250
        (mail,) = mailbox.mails
        assert mail.content == b"Subject: x\r\n\r\nx\r\n"
        assert mail.recipients == ("b@example.org",) * 2
