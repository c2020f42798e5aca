"""A small line-based protocol, framed, with all that framing has to cope with.

A request is a line ``VERB argument``; ``PUT n`` is followed by a body of n bytes,
and ``QUIET`` verbs get no response; ``AND`` is more of the request before it.  A response
is a line; ``MORE`` announces another response to the same request, ``BODY n`` is followed
by n bytes, and a line that begins with ``!`` is said unasked.  After ``OPAQUE`` there are
no lines any more.  Of the option ``hides``, the text is taken out of what the backend says.
"""

from __future__ import annotations

from dataclasses import dataclass

from vaurien.behavior import Firing
from vaurien.errors import ProtocolError
from vaurien.fault import Answer, Catalogue, Fault, Values
from vaurien.protocol import Parser, Protocol, Stream
from vaurien.values.actions import Actions, Forward, Reply
from vaurien.values.messages import Message
from vaurien.values.options import Option, option


@dataclass(frozen=True, kw_only=True)
class Refusal(Answer):
    """A line in place of a response."""

    parameters: tuple[Option, ...] = (Option("reason", str, "no", "what it says"),)

    @property
    def wire(self) -> str:
        return f"{self.name} <reason>"

    def render(self, message: Message, firing: Firing, values: Values) -> bytes:
        return f"{self.name} {values['reason']}\n".encode()


@dataclass(frozen=True, kw_only=True)
class Undone(Fault):
    """The backend is told ``UNDO`` instead, and the client the fault."""

    wire = "UNDONE"

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        data = b"UNDO\n" if message.to_backend else b"UNDONE\n"
        if message.begins:
            yield Forward(message._replace(data=data, ends=True))


FAULTS = Catalogue(
    (
        Refusal(name="BUSY", aliases=("17",), meaning="busy", exercises="waiting", typical=True),
        Refusal(name="BYE", meaning="over", exercises="reconnects", closes=True),
        Refusal(name="LOCKED", meaning="read only", exercises="-", applies_to={"command": "PUT"}),
        Undone(name="UNDONE", meaning="rolled back", exercises="retries"),
    )
)


class Lines(Protocol):
    """See the module."""

    name = "lines"
    labels = {"command": "the first word of the line", "key": "the second"}
    response_labels = {"answer": "the first word of the response"}
    faults = FAULTS
    hides: str = option("", "what clients shall not see")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.adjusting = bool(self.hides)

    def adjust(self, message: Message) -> Forward | Reply:
        if message.to_backend:
            asks = self.hides.encode() in message.data
            return Reply(b"HIDDEN\n") if asks else Forward(message)
        self.tell(f"{self.hides} is hidden")
        return Forward(message.with_data(message.data.replace(self.hides.encode(), b"")))

    def requests(self, stream: Stream) -> Parser:
        while True:
            while b"\n" not in (begun := stream.at_hand()):
                word, _, rest = begun.decode("latin-1").partition(" ")
                if rest and word not in ("", "AND") and not self.hides:
                    stream.announce({"command": word}, unknown=["key"])
                yield
            words = (yield from stream.readline()).decode("latin-1").split()
            if not words:
                raise ProtocolError("an empty line")
            labels = dict(zip(("command", "key"), words, strict=False))
            stream.begin(labels, expects_reply=words[0] != "QUIET", continues=words[0] == "AND")
            if words[0] == "PUT":
                yield from stream.skip(int(words[1]))
            stream.end()

    def responses(self, stream: Stream) -> Parser:
        while True:
            while b"\n" not in (begun := stream.at_hand()):
                word, _, rest = begun.decode("latin-1").partition(" ")
                if rest and not self.hides:
                    stream.announce({"answer": word}, unsolicited=word.startswith("!"))
                yield
            line = yield from stream.readline()
            labels = {"answer": line.decode("latin-1").split(" ")[0].strip()}
            stream.begin(labels, unsolicited=line.startswith(b"!"))
            if line.startswith(b"BODY"):
                yield from stream.skip(int(line.split()[1]))
            if line.startswith(b"ERROR"):
                stream.error("ERROR")
            stream.end(final=not line.startswith(b"MORE"))
            if line.startswith(b"OPAQUE"):
                stream.turn_opaque()
                return
