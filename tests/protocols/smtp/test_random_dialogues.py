"""Random dialogues: a client sees the same as before a server that refuses what a fault refuses."""

from __future__ import annotations

import random

import pytest

from protocols.smtp.test_dialogues import CONTENT, DATA, NOOP, RSET, Server, hello, rcpt, talk

FAULTS = (
    "error fault=550 verb=RCPT address=early@x",
    "error fault=550 verb=RCPT code=250 address=late@x",
    "error fault=451 verb=MAIL address=early@x",
    "error fault=552 verb=DATA at=content after=1 times=1",
)
OTHERS = (
    "delay sleep=0.5 percent=50",
    "delay sleep=0.5 percent=50 before=false",
    "slicer size=2 delay=0.01",
    "duplicate-request verb=~^(RCPT|MAIL|NOOP)$",
)


class Refusing(Server):
    """Refuses what the faults refuse."""

    contents = 0

    def _reply(self, line: bytes, words: list[str]) -> bytes:
        verb, address = (words[0], words[-1]) if words and not self._content else ("", "")
        if verb == "RCPT" and (":<LATE" in address or ":<EARLY" in address):
            return b"550 refused\r\n"
        if verb == "MAIL" and ":<EARLY" in address:
            return b"451 refused\r\n"
        self.contents += verb == "DATA"
        reply = super()._reply(line, words)
        if self.contents == 2 and line == b".":
            return reply.replace(b"250", b"552")
        return reply

    def answers(self, said: bytes) -> list[str]:
        """The codes that a client gets which says all this."""
        heard: list[bytes] = []

        class Client:
            say = heard.append

        self(Client(), said)  # type: ignore[arg-type]  # a client that only hears
        lines = b"".join(heard).decode().splitlines()
        return [line[:3] for line in lines if line[3:4] == " "]


def mail(draw: random.Random) -> list[bytes]:
    """A mail, or a part of one; it has a recipient whom the client knows of if it has content."""
    if draw.random() < 0.15:
        return [b"MAIL FROM:<early@x>\r\n", RSET]
    names = [draw.choice(["b", "c", "no", "early", "late"]) for _ in range(draw.randint(0, 5))]
    chunks = [b"BDAT 3\r\na\r\n"] * draw.randint(0, 2) + [b"BDAT 4 LAST\r\n.\r\nb"]
    end = draw.choice([[DATA, CONTENT], [DATA, CONTENT], chunks, [RSET]])
    if end != [RSET]:
        names.insert(draw.randint(0, len(names)), "b")
    others = draw.choices([NOOP, b"XYZ\r\n"], k=draw.randint(0, 2))
    return [b"MAIL FROM:<a@x>\r\n", *map(rcpt, names), *end, *others]


def cut_anywhere(draw: random.Random, said: bytes) -> list[bytes]:
    places = sorted({draw.randrange(1, len(said)) for _ in range(draw.choice([0, 0, 1, 3, 10]))})
    return [said[start:end] for start, end in zip([0, *places], [*places, len(said)], strict=True)]


@pytest.mark.parametrize("seed", range(150))
def test_a_client_sees_what_it_would_see_of_such_a_server(seed: int) -> None:
    draw = random.Random(seed)
    lmtp = draw.random() < 0.6
    parts = [hello(lmtp), *(part for _ in range(draw.randint(1, 4)) for part in mail(draw))]
    said = b"".join(parts)
    steps = parts if draw.random() < 0.3 else cut_anywhere(draw, said)
    rules = [*FAULTS, *draw.sample(OTHERS, draw.choice([0, 0, 1]))]
    codes = talk(
        Server(lmtp=lmtp),
        steps,
        *(rules if draw.random() < 0.5 else reversed(rules)),
        seed=draw.choice([None, seed]),
        tls=draw.choice(["refuse", "pass"]),
    )
    assert codes == Refusing(lmtp=lmtp).answers(said)
