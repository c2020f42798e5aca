"""Feeding parsers: whole, byte by byte, in any chunks; and what comes out, put together."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from hypothesis import strategies as st

from vaurien.parsing.exchanges import Exchanges, Pending
from vaurien.protocol import Parser, Stream
from vaurien.values.messages import NO_LABELS, Direction, Message

Parse = Callable[[Stream], Parser]


@dataclass(frozen=True)
class Whole:
    """A message, put together from its pieces."""

    data: bytes
    labels: Mapping[str, str]
    exchange: int
    expects_reply: bool = True
    complete: bool = True
    """Its last piece was seen."""


def owing(*exchanges: int, about: object = None) -> Callable[[], Exchanges]:
    """Make exchanges whose requests all await a response, with the same noted for each."""

    def make() -> Exchanges:
        made = Exchanges()
        latency = made.tally.latency_of("")
        made.pending.extend(Pending(exchange, latency, about) for exchange in exchanges)
        return made

    return make


def stream_of(
    parse: Parse,
    direction: Direction = Direction.TO_BACKEND,
    exchanges: Exchanges | None = None,
) -> Stream:
    """A stream with a parser at its start."""
    stream = Stream(direction, exchanges or Exchanges())
    stream.parse_with(parse(stream))
    return stream


def feed(stream: Stream, chunks: Iterable[bytes]) -> list[Message]:
    """All pieces that a stream cuts out of these chunks, and out of what it kept back at the end.

    Raises:
        Exception: whatever the parser raised.
    """
    pieces: list[Message] = []
    for chunk in chunks:
        pieces += stream.feed(chunk, 0.0)
        while stream.lags:
            pieces += stream.feed(stream.take_aside(), 0.0)
    return pieces + stream.surrender()


def feed_any(stream: Stream, chunks: Iterable[bytes]) -> list[Message]:
    """The same of a parser that may raise: what comes after it has is opaque, as on a link."""
    pieces: list[Message] = []
    left = iter(chunks)
    for chunk in left:
        try:
            pieces += stream.feed(chunk, 0.0)
            while stream.lags:
                pieces += stream.feed(stream.take_aside(), 0.0)
        except Exception:  # noqa: BLE001 - any parser, any mistake
            break
    pieces += stream.surrender()
    return pieces + [Message(chunk, stream.direction, 0.0) for chunk in left]


def put_together(pieces: Iterable[Message]) -> list[Whole]:
    """The messages that these pieces make; pieces of one message follow each other."""
    wholes: list[Whole] = []
    under_way = False
    for piece in pieces:
        assert piece.begins is not under_way, piece
        before = wholes.pop().data if under_way else b""
        under_way = not piece.ends
        wholes.append(
            Whole(
                before + piece.data,
                dict(piece.labels),
                piece.exchange,
                piece.expects_reply,
                complete=piece.ends,
            )
        )
    return wholes


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """The bytes, cut at these places; no chunk is empty."""
    ends = [0, *sorted(places), len(data)]
    return [data[start:end] for start, end in pairwise(ends) if start < end]


def chunkings(data: bytes) -> st.SearchStrategy[list[bytes]]:
    """Any way in which these bytes may arrive."""
    return st.sets(st.integers(0, len(data)), max_size=20).map(lambda places: cut(data, places))


def parse_in_all_ways(
    parse: Parse,
    data: bytes,
    direction: Direction = Direction.TO_BACKEND,
    exchanges: Callable[[], Exchanges] = Exchanges,
    *,
    chunks: Sequence[bytes] = (),
) -> list[Whole]:
    """What a parser makes of some bytes: always the same, and no byte is lost.

    They are fed whole, in halves, byte by byte, so that the parser pauses after each message
    and, where given, in these chunks; each time to another connection, whose ``exchanges``
    are made for it.  Where they have passed before they are parsed, or where nothing acts on some
    of them, the same exchanges are counted, and the same requests await a response.
    """
    ways = {
        "whole": [data],
        "in halves": cut(data, [len(data) // 2]),
        "byte by byte": cut(data, range(len(data))),
        "in chunks": list(chunks) or [data],
        "a message a turn": [data],
    }
    outcomes = {}
    counted = []
    for way, arriving in ways.items():
        stream = stream_of(parse, direction, exchanges())
        stream.turn = way == "a message a turn"
        pieces = feed(stream, arriving)
        assert b"".join(piece.data for piece in pieces) == data, way
        outcomes[way] = put_together(pieces)
        counted.append(watched(parse, arriving, direction, exchanges(), turn=stream.turn))
        acted = len(outcomes) % 3
        made = sift(parse, arriving, direction, exchanges(), turn=stream.turn, acted=acted)
        assert made.bytes == data, way
        assert [whole for whole in made.whole if whole not in outcomes[way]] == [], way
        counted.append(made.counts)
    for way, outcome in outcomes.items():
        assert outcome == outcomes["whole"], way
    for counts in counted:
        assert counts == counted[0]
    begun, _, _, awaiting, _ = counted[0]
    if direction is Direction.TO_BACKEND:
        fed = [whole for whole in outcomes["whole"] if whole.exchange]
        assert begun == max((whole.exchange for whole in fed), default=0)
        assert [number for number, _ in awaiting] == [w.exchange for w in fed if w.expects_reply]
    return outcomes["whole"]


Counts = tuple[int, dict[str, int], dict[str, int], list[tuple[int, type]], int]
"""How many requests have begun, how many of each kind, the errors, which requests await a response
with the type of what is noted of them, and how many responses were timed."""


def counts_of(exchanges: Exchanges) -> Counts:
    """What is known of exchanges."""
    tally = exchanges.tally
    awaiting = [(pending.exchange, type(pending.about)) for pending in exchanges.pending]
    return exchanges.begun, tally.exchanges, tally.errors, awaiting, tally.latency.count


@dataclass(frozen=True)
class Sifted:
    """What a stream makes of bytes when nothing acts on some of the messages."""

    bytes: bytes
    """All that passed or was cut, in its order."""
    whole: list[Whole]
    """The messages that were cut."""
    counts: Counts


def sift(
    parse: Parse,
    chunks: Iterable[bytes],
    direction: Direction,
    exchanges: Exchanges,
    *,
    turn: int,
    acted: int,
) -> Sifted:
    """Sift these chunks: something acts on every third exchange, from ``acted`` on.

    Each request that is not behind a message that was cut is decided on once.
    """
    exchanges.tallied = "command"
    exchanges.pending = deque(
        pending._replace(labels=None if pending.exchange % 3 == acted else NO_LABELS)
        for pending in exchanges.pending
    )
    stream = stream_of(parse, direction, exchanges)
    stream.turn = turn
    asked: list[int] = []
    done = b""
    pieces: list[Message] = []

    def passes(_: Mapping[str, str]) -> bool:
        asked.append(exchanges.begun + 1)
        return asked[-1] % 3 != acted

    def take(messages: list[Message]) -> None:
        nonlocal done
        done += stream.passed + b"".join(message.data for message in messages)
        stream.passed = b""
        pieces.extend(messages)
        for message in messages:
            exchanges.pass_on(message, 1.0)

    for chunk in chunks:
        take(stream.feed(chunk, 1.0, passes))
        while stream.lags:
            take(stream.feed(stream.take_aside(), 1.0, passes))
    counts = counts_of(exchanges)
    take(stream.surrender())
    assert len(asked) == len(set(asked))
    if pieces and not pieces[-1].begins and (len(pieces) == 1 or pieces[-2].ends):
        pieces.pop()  # what came at the end of a message that has passed
    return Sifted(done, put_together(pieces), counts)


def watched(
    parse: Parse, chunks: Iterable[bytes], direction: Direction, exchanges: Exchanges, *, turn: int
) -> Counts:
    """What is known of exchanges after these chunks have passed, and were parsed afterwards."""
    exchanges.tallied = "command"
    stream = stream_of(parse, direction, exchanges)
    stream.turn = turn
    for chunk in chunks:
        stream.watch(chunk, 1.0)
        while stream.lags:
            stream.watch(stream.take_aside(), 1.0)
    return counts_of(exchanges)


def run_once(steps: Callable[[Stream], Parser]) -> Parse:
    """A parser that takes these steps and then lets everything pass."""

    def parse(stream: Stream) -> Parser:
        yield from steps(stream)
        if not stream.in_message:
            stream.begin()
        yield from stream.rest()

    return parse
