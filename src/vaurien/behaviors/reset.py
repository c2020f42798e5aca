"""reset: a connection that is reset."""

from __future__ import annotations

from ..behavior import Behavior, Firing
from ..values.actions import Actions, Close, Forward, Wait
from ..values.messages import Message
from ..values.options import option
from .limit_data import cut


class Reset(Behavior):
    """Resets the connection on both sides: at once, after a time, or after a number of bytes.

    A crashed process, a load balancer that forgot the connection and a firewall that cuts it look
    like this: the next read or write fails with ``ECONNRESET``.  Idle connections are reset, too,
    and those that are open when the rule comes.  Each direction counts its own bytes, from when
    the connection was opened or the rule came; exactly ``bytes`` arrive, then nothing, and the
    reset follows after ``seconds``.

    If the rule has a match, the reset comes in place of the first message that matches.  With
    ``scope=exchange`` it comes in place of the first message of the exchange that the rule sees,
    or after ``bytes`` bytes of the exchange.  With ``wait`` the reset follows ``seconds`` after
    the first byte that the rule sees of the connection, which is lost: with
    ``direction=to_client`` the backend has the request, and idle connections stay.  Toxiproxy
    calls that ``reset_peer``.
    """

    name = "reset"
    resumable = True
    scopes = ("connection", "exchange")
    seconds: float = option(0.0, "seconds until the reset", minimum=0)
    bytes: int = option(0, "bytes that pass before the reset; 0: do not count", minimum=0)
    wait: bool = option(False, "wait for the first byte")

    def on_open(self, firing: Firing) -> Actions:
        if not (self.bytes or self.wait):
            yield Wait(firing.since + self.seconds)
            yield Close(reset=True)

    def on_message(self, message: Message, firing: Firing) -> Actions:
        if firing.scope == "connection" and not (self.bytes or firing.matches or self.wait):
            yield Forward(message)  # on_open resets
            return
        head, rest = cut(message, self.bytes, firing)
        if head is not None:
            yield Forward(head)
        if rest is not None:
            until = message.at + self.seconds
            yield Wait(until, rest if rest.data else rest._replace(ends=False))
            if firing.now >= until:
                yield Close(reset=True, at_once=firing.scope == "connection")
            elif rest.data:  # the rule was lifted meanwhile
                yield Forward(rest)
