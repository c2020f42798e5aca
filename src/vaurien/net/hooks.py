"""What behaviors ask for where there is no message: before a connection has a backend,
while it is open, and when a peer has ended.

A hook run is a play, as the player's are: a generator that says by what it yields until
when it waits, or None for a rule to be lifted.  What it asks of a behavior that is
lifted meanwhile is asked no more, and the run goes on with what comes after it.
"""

from __future__ import annotations

from collections.abc import Callable
from traceback import format_exc
from typing import TYPE_CHECKING

from ..values.actions import Actions, Close, Hold, Refuse, Wait

if TYPE_CHECKING:
    from ..rules.active import ActiveRule
    from .connection import Connection
    from .player import Play
    from .reactor import Timer


class HookRun:
    """A play under way on a connection; ``then`` is called when it has come to its end."""

    __slots__ = ("_connection", "_play", "_stepping", "_then", "_timer")

    def __init__(
        self, connection: Connection, play: Play, then: Callable[[], None] | None = None
    ) -> None:
        self._connection = connection
        self._play: Play | None = play
        self._then = then
        self._timer: Timer | None = None
        self._stepping = False

    @property
    def over(self) -> bool:
        """It has come to its end, or was cancelled."""
        return self._play is None

    def start(self) -> bool:
        """Go as far as possible, and say whether that is to the end; nobody is called then."""
        then, self._then = self._then, None
        self.step()
        self._then = then
        return self.over

    def step(self) -> None:
        """Go on as far as possible: a rule may have been lifted, or its time have come."""
        if self._play is None or self._stepping:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._stepping = True
        try:
            until = next(self._play)
        except StopIteration:
            self._play = None
        except Exception:  # noqa: BLE001 - this connection's trouble, and no other's
            self._play = None
            self._connection.on_failure(format_exc())
            return
        finally:
            self._stepping = False
        if self._play is None:
            if self._then is not None and not self._connection.closed:
                self._then()
        elif until is not None:
            self._timer = self._connection.proxy.reactor.call_at(until, self.step)

    def cancel(self) -> None:
        """Stop; nobody is called."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._play = None


def perform(connection: Connection, active_rule: ActiveRule, actions: Actions) -> Play:
    """Do what a behavior asks for, for as long as its rule lives and the connection is there."""
    proxy = connection.proxy
    clock = proxy.reactor.clock
    for action in actions:
        match action:
            case Wait(until):
                while clock() < until and proxy.active_plan.lives(active_rule):
                    yield until
            case Hold():
                while proxy.active_plan.lives(active_rule):
                    yield None
            case Close(reset):
                connection.close(reset=reset)
            case Refuse(reason) if connection.client_socket is not None:
                told = f"{reason} (as the rule {active_rule.rule.name} has it)"
                proxy.refuse(connection, f"backend {proxy.backend} cannot be reached", told)
            case _:
                raise TypeError(
                    f"{active_rule.rule.name} yielded {action!r} where there is no message"
                )
        if connection.closed or not proxy.active_plan.lives(active_rule):
            return
