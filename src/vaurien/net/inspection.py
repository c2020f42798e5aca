"""What an operator sees of open connections, and may do to them.

Law: one call looks at, or closes, ``PORTION`` connections at most; whoever wants more calls again
for the next ones, in another turn of the reactor.  Looking changes nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from typing import Protocol as Interface

from .address import Address
from .turns import PORTION

if TYPE_CHECKING:
    from .connection import Connection
    from .link import Link
    from .system import Socket

KILLED = "it was killed"
"""Why a connection is closed."""
ConnectionState = Literal["connecting", "held", "blocked", "half_closed", "unanswered", "idle"]
"""``connecting``: it has no backend yet; ``held``: a rule makes it wait; ``blocked``: a peer takes
no more; ``half_closed``: a peer has ended its side; ``unanswered``: the client sent last;
``idle``: nothing is under way.  If several are true, ``held`` or else the first."""


class InspectedProxy(Interface):
    """The proxy as it is seen here."""

    name: str
    killed: int

    @property
    def connections(self) -> dict[Connection, None]:
        """The open ones, in the order of their numbers."""


@dataclass(frozen=True, slots=True)
class Inspected:
    """A connection as it was when it was looked at."""

    proxy: str
    number: int
    client: str
    """Its address; '' if it is gone."""
    backend: str
    """The address that it is connected to, or will be."""
    state: ConnectionState
    age: float
    """Seconds since it was accepted."""
    bytes_to_backend: int
    bytes_to_client: int
    exchanges: int
    held_by: tuple[str, ...]
    """The names of the rules that make it wait."""
    waiting_bytes: int
    """Bytes of memory that wait on it, for whatever reason."""


def inspect(proxy: InspectedProxy, after: int = 0, most: int = PORTION) -> list[Inspected]:
    """Return what there is to see of the first connections with numbers above ``after``."""
    return [_look_at(proxy.name, each) for each in _following(proxy, after)[:most]]


def newest(proxy: InspectedProxy) -> int:
    """Return the number of the newest connection that is open; 0: none is."""
    last = next(reversed(proxy.connections), None)
    return 0 if last is None else last.number


def kill(proxy: InspectedProxy, last: int, *, reset: bool) -> int:
    """Close the first connections, up to this number; return how many that were.

    ``reset``: with a RST; otherwise with a FIN.  0 means that none is left.
    """
    doomed = [each for each in _following(proxy, 0)[:PORTION] if each.number <= last]
    for connection in doomed:
        _kill(proxy, connection, reset=reset)
    return len(doomed)


def kill_one(proxy: InspectedProxy, number: int, *, reset: bool) -> bool:
    """Close the connection with this number; False if there is none."""
    found = [each for each in _following(proxy, number - 1)[:1] if each.number == number]
    for connection in found:
        _kill(proxy, connection, reset=reset)
    return bool(found)


def _kill(proxy: InspectedProxy, connection: Connection, *, reset: bool) -> None:
    proxy.killed += 1
    connection.close(reset=reset, why=KILLED)


def _following(proxy: InspectedProxy, after: int) -> list[Connection]:
    connections = list(proxy.connections)
    return connections[bisect_right(connections, after, key=lambda each: each.number) :]


def _look_at(proxy: str, connection: Connection) -> Inspected:
    links = connection.links
    to_backend, to_client = (link.bytes for link in links) if links else (0, 0)
    held_by = _held_by(connection)
    client = connection.client_socket or connection.client.sock
    backend = _peer(connection.backend.sock) if links else ""
    decisions = connection.decisions
    exchanges = decisions.exchanges
    return Inspected(
        proxy=proxy,
        number=connection.number,
        client=_peer(client),
        backend=backend or str(connection.proxy.backend),
        state=_state(connection, held=bool(held_by)),
        age=max(0.0, connection.now() - connection.opened_at),
        bytes_to_backend=to_backend,
        bytes_to_client=to_client,
        exchanges=max(decisions.exchange, 0 if exchanges is None else exchanges.begun),
        held_by=held_by,
        waiting_bytes=sum(map(_waiting_bytes, links)),
    )


def _held_by(connection: Connection) -> tuple[str, ...]:
    hooks = [] if connection.hooks is None else connection.hooks.held_by
    players = [link.player.held_by for link in connection.links if link.player is not None]
    return tuple(dict.fromkeys(rule.name for rule in [*hooks, *players] if rule is not None))


def _waiting_bytes(link: Link) -> int:
    queued = 0 if link.player is None else link.player.size
    unparsed = 0 if link.framing is None else link.framing.stream.kept_back
    return queued + link.unsent + unparsed


def _state(connection: Connection, *, held: bool) -> ConnectionState:
    links = connection.links
    if held:
        return "held"
    if not links:
        return "connecting"
    if any(link.blocked for link in links):
        return "blocked"
    if any(link.ending is not None or link.dead for link in links):
        return "half_closed"
    conversation = connection.conversation
    unanswered = None if conversation is None else conversation.unanswered
    if unanswered is None:
        unanswered = connection.to_backend.active_at > connection.to_client.active_at
    return "unanswered" if unanswered else "idle"


def _peer(sock: Socket) -> str:
    """Return the address of a peer; '' if it has none, or is gone."""
    try:
        name = sock.getpeername()
    except OSError:
        return ""
    if isinstance(name, tuple):
        return str(Address(str(name[0]), int(name[1])))
    return f"unix:{name}" if name else ""
