"""reset: a connection that is torn down."""

from __future__ import annotations

from ..behavior import Behavior, Firing
from ..values.actions import Actions, Close, Forward, Wait
from ..values.messages import Message
from ..values.options import option
from .limit_data import cut


class Reset(Behavior):
    """Tears the connection down with a RST on both sides: at once, after a time, or after N bytes.

    So it is when a process crashes, a load balancer forgets the connection, or a firewall cuts
    it; whoever reads or writes next sees ``ECONNRESET``.  Connections on which nothing is said
    are reset too, and those that are open when the rule comes.  Bytes count in each direction by
    itself, from when the connection was opened or the rule came; exactly so many arrive, then
    nothing more, and after ``seconds`` the reset.

    A rule that matches something has it come in place of the first message that it matches.
    With ``scope=exchange`` it comes in place of the first message of the exchange that the rule
    sees, or after so many bytes of the exchange.  Toxiproxy's ``reset_peer`` waits for the first
    byte, and ``timeout`` milliseconds more.
    """

    name = "reset"
    scopes = ("connection", "exchange")
    seconds: float = option(0.0, "seconds until the reset", minimum=0)
    bytes: int = option(0, "bytes that arrive before that; 0: do not count", minimum=0)

    def on_open(self, firing: Firing) -> Actions:
        if not self.bytes:
            yield Wait(firing.now + self.seconds)
            yield Close(reset=True)

    def on_message(self, message: Message, firing: Firing) -> Actions:
        if firing.scope == "connection" and not (self.bytes or firing.matches):
            yield Forward(message)  # on_open sees to it
            return
        head, rest = cut(message, self.bytes, firing)
        if head is not None:
            yield Forward(head)
        if rest is not None:
            until = message.at + self.seconds
            yield Wait(until)
            if firing.now >= until:
                yield Close(reset=True, at_once=firing.scope == "connection")
            elif rest.data:  # the rule was lifted meanwhile
                yield Forward(rest)
