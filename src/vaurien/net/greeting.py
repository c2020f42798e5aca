"""A handshake with a client, as the rules see it that act on it.

Whoever shakes hands asks with ``reach`` whether to go on.  It is called back at once if no rule
acts, or when those that do let the handshake go on: as far as the next stage, or to its end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from ..values.actions import STAGES, Shake, Stage

if TYPE_CHECKING:
    from ..values.messages import Message


class Run(Protocol):
    """What the rules do."""

    @property
    def over(self) -> bool: ...
    def step(self) -> None: ...


class Greeting:
    """One handshake."""

    __slots__ = ("_reached", "hello", "run", "send", "shake", "then")

    def __init__(self, hello: Message, send: Callable[[bytes], None]) -> None:
        """``send`` sends the client bytes that are not encrypted."""
        self.hello = hello
        self.send = send
        self.shake = Shake()
        """How to shake hands."""
        self.then: Callable[[], None] | None = None
        """What comes next, when rules let it."""
        self.run: Run | None = None
        self._reached = -1

    @property
    def over(self) -> bool:
        """No rule acts on it any more."""
        return self.run is None or self.run.over

    def has_reached(self, stage: Stage) -> bool:
        return self._reached >= STAGES.index(stage)

    def reach(self, stage: Stage, then: Callable[[], None]) -> None:
        """The handshake is so far; ``then`` goes on with it."""
        self._reached, self.then = STAGES.index(stage), then
        if self.run is None or self.run.over:
            self.go_on()
        else:
            self.run.step()

    def go_on(self) -> None:
        """Do what comes next, once."""
        then, self.then = self.then, None
        if then is not None:
            then()
