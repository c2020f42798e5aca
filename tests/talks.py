"""Requests of the real protocols with answers to each, for a backend that only looks them up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from memcache_server import request, response
from postgresql_server import SYNC, bind, describe, execute, frame, parse, query, startup
from redis_talk import command
from scenario import Peer
from vaurien.protocols.mysql.wire import error_packet, packet

Answers = Sequence[bytes]
LONG = 9000
"""Bytes of what does not fit into one read of an armed link."""


@dataclass(frozen=True)
class Talk:
    """What may be said on a connection of a protocol."""

    requests: dict[bytes, Answers]
    """The possible answers to each; b"" is none.  No request begins with another one."""
    greeting: bytes = b""
    opening: dict[bytes, Answers] = field(default_factory=dict)
    """What clients say first."""
    unasked: Answers = ()
    matches: Sequence[str] = ()
    """What rules may match."""


@dataclass
class Answering:
    """A backend that answers each request in one of its ways, which its number chooses."""

    talk: Talk
    seed: int
    answered: int = 0
    unread: bytes = b""

    def __call__(self, peer: Peer, data: bytes) -> None:
        self.unread += data
        known = {**self.talk.opening, **self.talk.requests}
        while found := [said for said in known if self.unread.startswith(said)]:
            self.unread = self.unread[len(found[0]) :]
            self.answered += 1
            random = Random(f"{self.seed}/{self.answered}")
            if self.talk.unasked and random.random() < 0.05:
                peer.say(random.choice(self.talk.unasked))
            peer.say(random.choice(known[found[0]]))


def http(status: str, body: bytes = b"", *more: str) -> bytes:
    head = [f"HTTP/1.1 {status}", *more, f"Content-Length: {len(body)}", "\r\n"]
    return "\r\n".join(head).encode() + body


def asked(line: str, body: bytes = b"", *more: str) -> bytes:
    sized = [f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([f"{line} HTTP/1.1", "Host: here", *more, *sized, "\r\n"]).encode() + body


HTTP_ANSWERS = (
    http("200 OK", b"hello"),
    http("200 OK", bytes(LONG)),
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + http("200 OK", b"abc"),
    http("404 Not Found"),
    http("500 Internal Server Error", b"oops"),
)
REDIS_VALUES = (b"$1\r\nv\r\n", b"$-1\r\n", b"-ERR no\r\n", b"$9000\r\n" + bytes(LONG) + b"\r\n")
VALUE = b"VALUE a 0 5\r\nhello\r\n"

OK = packet(1, b"\0\0\0\2\0\0\0")
EOF = b"\xfe\0\0\2\0"
COLUMN = b"\x03def\0\0\0\x011\0\x0c?\0\x01\0\0\0\x03\x81\0\0\0\0"
ROWS = b"".join(
    packet(number, data) for number, data in enumerate([b"\1", COLUMN, EOF, b"\x011", EOF], 1)
)
MYSQL_ANSWERS = (OK, ROWS, error_packet(1, 1064, "42000", "no"))
GREETING = packet(
    0,
    b"\n5.5.5-10.11.19-MariaDB-0+deb12u1\0\x04\0\0\0_m+((-Ls\0\xfe\xff\x08\x02\0\xff\xff\x15"
    b"\0\0\0\0\0\0\x1d\0\0\0#OFQC>J8z~.d\0mysql_native_password\0",
)
LOGIN = packet(
    1,
    (0x000F_A20D).to_bytes(4, "little")
    + bytes([0, 0, 0, 1, 45, *bytes(23)])
    + b"me\0\0shop\0mysql_native_password\0",
)

READY = frame("Z", b"I")
COMPLETE = frame("C", b"SELECT 1\0")
HEADING = frame("T", b"\0\x01id\0" + bytes(18))
ROW = HEADING + frame("D", b"\0\x01\0\0\0\x011")
PG_ERROR = frame("E", b"SERROR\0VERROR\0C42601\0Msyntax error\0\0")
PG_ANSWERS = (ROW + COMPLETE + READY, COMPLETE + READY, PG_ERROR + READY)

TALKS: dict[str, Talk] = {
    "redis": Talk(
        {
            command("SET a v"): (b"+OK\r\n", b"-READONLY no\r\n"),
            command("SET", "b", bytes(LONG)): (b"+OK\r\n",),
            command("GET a"): REDIS_VALUES,
            command("GET b"): REDIS_VALUES,
            command("LRANGE a 0 -1"): (b"*2\r\n:1\r\n*1\r\n$1\r\na\r\n", b"*0\r\n"),
            b"PING\r\n": (b"+PONG\r\n",),
        },
        unasked=(b">2\r\n$7\r\nmessage\r\n$2\r\nhi\r\n",),
        matches=("command=GET", "key=b", "access=write", "error=~.", "command=SET error=READONLY"),
    ),
    "http": Talk(
        {
            asked("GET /"): HTTP_ANSWERS,
            asked("GET /a"): HTTP_ANSWERS,
            asked("POST /b", b"some data"): HTTP_ANSWERS,
            asked("PUT /b", bytes(LONG)): HTTP_ANSWERS,
            asked("HEAD /"): (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n",),
        },
        matches=("method=GET", "path=/a", "path=~^/b", "status=200", "method=GET status=~^5"),
    ),
    "memcache": Talk(
        {
            b"get a\r\n": (VALUE + b"END\r\n", b"END\r\n", b"SERVER_ERROR out\r\n"),
            b"get a b\r\n": (VALUE + VALUE + b"END\r\n",),
            b"set b 0 0 5\r\nhello\r\n": (b"STORED\r\n", b"NOT_STORED\r\n"),
            b"set a 0 0 9000\r\n" + bytes(LONG) + b"\r\n": (b"STORED\r\n",),
            b"set c 0 0 2 noreply\r\nhi\r\n": (b"",),
            b"mg a v\r\n": (b"VA 5\r\nhello\r\n", b"EN\r\n"),
            b"mg b v q\r\n": (b"", b"VA 2\r\nhi\r\n"),
            b"mn\r\n": (b"MN\r\n",),
        },
        matches=("command=get", "key=b", "result=STORED", "error=~.", "quiet=yes"),
    ),
    "memcache, binary": Talk(
        {
            request(0x00, b"a"): (response(0, extras=bytes(4), body=b"v"), response(0, 1, b"no")),
            request(0x09, b"q"): (b"", response(0x09, extras=bytes(4), body=b"v")),
            request(0x0A): (response(0x0A),),
            request(0x01, b"b", extras=bytes(8), value=bytes(LONG)): (response(1),),
        },
        matches=("command=get", "key=b", "result=SUCCESS", "error=~."),
    ),
    "mysql": Talk(
        {
            packet(0, b"\x03SELECT 1"): MYSQL_ANSWERS,
            packet(0, b"\x03INSERT INTO t VALUES (1)"): MYSQL_ANSWERS,
            packet(0, b"\x03UPDATE t SET a='" + b"x" * LONG + b"'"): MYSQL_ANSWERS,
            packet(0, b"\x0e"): (OK,),
            packet(0, b"\x19\1\0\0\0"): (b"",),
        },
        greeting=GREETING,
        opening={LOGIN: (packet(2, b"\0\0\0\2\0\0\0"),)},
        matches=("verb=SELECT", "verb=INSERT", "command=PING", "verb=UPDATE error=~."),
    ),
    "postgresql": Talk(
        {
            query("SELECT 1"): PG_ANSWERS,
            query("INSERT INTO t VALUES (1)"): PG_ANSWERS,
            query(f"UPDATE t SET a = '{'x' * LONG}'"): PG_ANSWERS,
            parse("SELECT 1"): (frame("1"),),
            bind(): (frame("2"),),
            describe(): (HEADING,),
            execute(): (ROW.removeprefix(HEADING) + COMPLETE,),
            SYNC: (READY,),
        },
        opening={startup(user="me"): (frame("R", bytes(4)) + frame("K", bytes(8)) + READY,)},
        unasked=(frame("A", b"\0\0\x10\0news\0payload\0"),),
        matches=("verb=SELECT", "verb=INSERT", "mode=extended", "error=~.", "verb=UPDATE"),
    ),
    "smtp": Talk(
        {
            b"NOOP\r\n": (b"250 ok\r\n",),
            b"RSET\r\n": (b"250 ok\r\n",),
            b"MAIL FROM:<a@x>\r\n": (b"250 ok\r\n", b"451 later\r\n"),
            b"RCPT TO:<b@x>\r\n": (b"250-a\r\n250 b\r\n", b"550 no\r\n"),
            b"VRFY a\r\n": (b"252 perhaps\r\n", b"550 no\r\n"),
        },
        greeting=b"220 x\r\n",
        opening={b"EHLO x\r\n": (b"250-x\r\n250-PIPELINING\r\n250-STARTTLS\r\n250 SIZE\r\n",)},
        matches=("verb=RCPT", "verb=MAIL", "code=250", "code=~^5"),
    ),
}
