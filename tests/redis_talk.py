"""Talking to redis byte by byte: commands as clients send them, and whole answers."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Any, Self

from redis import Redis

from peers import connect
from vaurien.net.address import Address
from vaurien.parsing.exchanges import Exchanges
from vaurien.protocol import Stream
from vaurien.protocols.redis.parser import Redis as Protocol
from vaurien.values.messages import Direction, Message


def command(*words: str | bytes) -> bytes:
    """A command; of a single text, its words."""
    if len(words) == 1 and isinstance(words[0], str):
        words = tuple(words[0].split())
    whole = [word.encode() if isinstance(word, str) else word for word in words]
    return b"*%d\r\n" % len(whole) + b"".join(b"$%d\r\n%b\r\n" % (len(w), w) for w in whole)


class Talk:
    """The two sides of a connection as the parsers see them, every request being passed on."""

    def __init__(self) -> None:
        self.exchanges = Exchanges()
        self.protocol = Protocol()
        self.to_backend = Stream(Direction.TO_BACKEND, self.exchanges)
        self.to_client = Stream(Direction.TO_CLIENT, self.exchanges)
        self.to_backend.parse_with(self.protocol.requests(self.to_backend))
        self.to_client.parse_with(self.protocol.responses(self.to_client))

    def ask(self, *chunks: bytes) -> list[Message]:
        """The pieces that requests make, which arrive like this."""
        pieces = [piece for chunk in chunks for piece in self.to_backend.feed(chunk, 0.0)]
        for piece in pieces:
            if piece.begins and piece.expects_reply:
                self.exchanges.expect_response(piece.exchange, piece.about)
        return pieces

    def hurry(self) -> list[Message]:
        """The pieces that the requests make of which no more comes in time."""
        assert self.to_backend.waits_briefly
        self.to_backend.overdue = True
        return self.ask(b"")

    def answer(self, *chunks: bytes) -> list[Message]:
        """The pieces that responses make."""
        return [piece for chunk in chunks for piece in self.to_client.feed(chunk, 0.0)]


def ask(sock: socket.socket, *requests: bytes) -> list[bytes]:
    """Send requests at once; gives what answers each of them, and pushes on their own.

    Raises:
        EOFError: the connection ends before all have their answers.
    """
    talk = Talk()
    for request in requests:
        talk.ask(request)
    sock.sendall(b"".join(requests))
    return told(sock, talk)


def told(sock: socket.socket, talk: Talk) -> list[bytes]:
    """The messages that come until no response is pending."""
    found: list[bytes] = []
    under_way = False
    while talk.exchanges.pending:
        data = sock.recv(65536)
        if not data:
            raise EOFError(f"after {found!r}")
        for piece in talk.answer(data):
            if under_way:
                found[-1] += piece.data
            else:
                found.append(piece.data)
            under_way = not piece.ends
    return found


class Client:
    """Talks to a redis, one command after the other."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.sock = connect(address)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.sock.close()

    def another(self) -> Client:
        return Client(self.address)

    def told(self, *words: str) -> bytes:
        """What a command is answered; of a single text, the words."""
        return ask(self.sock, command(*words))[-1]

    def does(self, *commands: str) -> None:
        """Do these things, none of which may fail."""
        for words in commands:
            answer = self.told(words)
            assert answer[:1] != b"-", (words, answer)

    def hear(self, end: bytes) -> bytes:
        """What is said up to this ending."""
        heard = b""
        while not heard.endswith(end):
            chunk = self.sock.recv(65536)
            assert chunk, heard
            heard += chunk
        return heard


def call(client: Redis, *words: str) -> Any:
    """Have redis-py send a command."""
    return client.execute_command(*words)  # type: ignore[no-untyped-call]  # redis has no types
