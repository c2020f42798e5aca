"""The hooks of behaviors beside that for messages: ``on_connect``, ``on_hello``, and so on.

A hook run is a generator that runs until it must wait, as a player is.  When a rule is lifted,
its behavior is asked for nothing more, and the run continues with what comes after it.  When a
rule is updated during a wait, its behavior is asked anew, with the time at which the hook began.
"""

from __future__ import annotations

from collections.abc import Callable
from traceback import format_exc
from typing import TYPE_CHECKING, Literal
from typing import Protocol as Interface

from ..rules.active import ActiveRule
from ..rules.plan import Rule
from ..values.actions import Action, Close, Hold, Note, Refuse, Reply, Shake, Until, Wait
from ..values.events import Trouble
from ..values.messages import NO_LABELS, Direction, Ended, Message

if TYPE_CHECKING:
    from .decisions import Decisions
    from .greeting import Greeting
    from .played import Steps
    from .reactor import Timer

CONNECT: Literal["connect"] = "connect"
HELLO: Literal["hello"] = "hello"
BEFORE = frozenset({CONNECT, HELLO})
"""Those before there is a backend."""
Key = Literal["connect", "hello"] | Direction | ActiveRule
"""Which run: all rules' ``on_connect``; their ``on_hello``; their ``on_end`` in a direction; a
rule's ``on_open``."""


class HookedConnection(Interface):
    """The connection as its hooks see it."""

    decisions: Decisions
    number: int
    closed: bool

    def close(self, *, reset: bool = False) -> None: ...
    def watch_peers(self) -> None: ...
    def on_failure(self, report: str) -> None: ...
    def refuse(self, detail: str) -> None:
        """Close a client that has no backend yet, as if the backend could not be reached."""


class Hooks:
    """The hook runs of one connection."""

    __slots__ = ("_connection", "_proxy", "_runs")

    def __init__(self, connection: HookedConnection) -> None:
        self._connection = connection
        self._proxy = connection.decisions.proxy
        self._runs: dict[Key, HookRun] = {}

    @property
    def running(self) -> list[Key]:
        """The runs that have not ended."""
        return [key for key, run in self._runs.items() if not run.over]

    @property
    def held_by(self) -> list[ActiveRule]:
        """The rules that may keep the connection from a backend, or a peer from seeing the end."""
        plan, drawn = self._proxy.active_plan, self._connection.decisions.memory.connection_draws
        run_by: dict[Key, tuple[ActiveRule, ...]]
        run_by = {CONNECT: plan.connecting, HELLO: plan.greeting}
        rules = [
            active_rule
            for key in self.running
            if not isinstance(key, ActiveRule)
            for active_rule in run_by.get(key, plan.ending)
        ]
        return [active_rule for active_rule in rules if drawn.get(active_rule) is not None]

    def connect(self, then: Callable[[], None]) -> None:
        """Run ``on_connect`` of each rule, then continue."""
        if self._start(CONNECT, self._on_connect(), then) and not self._connection.closed:
            then()

    def greet(self, greeting: Greeting, then: Callable[[], None]) -> None:
        """Run ``on_hello`` of each rule, and continue when they let it; see ``Greeting``."""
        run = HookRun(self._connection, self._on_hello(greeting), greeting.hello.at)
        self._runs[HELLO] = greeting.run = run
        greeting.then = then
        run.step()
        run.then = greeting.go_on
        if run.over and not self._connection.closed:
            greeting.go_on()

    def open(self) -> None:
        """Run ``on_open`` of each rule for which that has not been done yet."""
        for active_rule in self._proxy.active_plan.opening:
            if active_rule in self._runs or self._connection.closed:
                continue
            if self._connection.decisions.draw(active_rule) is not None:
                self._open(active_rule, self._proxy.reactor.clock())

    def end(
        self, direction: Direction, is_reset: Callable[[], bool], then: Callable[[], None]
    ) -> None:
        """Run ``on_end`` of each rule; ``then`` is called if that ends later."""
        self._start(direction, self._on_end(direction, is_reset), then)

    def pass_close(self, by: ActiveRule, *, reset: bool) -> Steps:
        """Run ``on_end`` of the rules behind one that closes the connection."""
        plan, now = self._proxy.active_plan, self._proxy.reactor.clock()
        if not plan.ending or by not in plan.rules:
            return
        behind = plan.rules[plan.rules.index(by) + 1 :]
        for direction in Direction:
            for active_rule in plan.ending:
                if active_rule in behind:
                    ended = Ended(direction, now, reset)
                    yield from self._ask(active_rule, "on_end", now, ended)

    def has_begun(self, key: Key) -> bool:
        return key in self._runs

    def follow_plan(self) -> None:
        """Continue where a rule has been lifted or updated."""
        opening = self._proxy.active_plan.opening
        for key, run in list(self._runs.items()):
            if not isinstance(key, ActiveRule):
                run.step()
            elif key not in opening or key.since > run.generation:
                run.cancel()
                del self._runs[key]
            elif run.over and key.rule is not run.rule and key.rule.behavior.resumable:
                self._open(key, run.began)
            else:
                run.step()
                run.rule = key.rule

    def cancel(self) -> None:
        """Stop all runs."""
        for run in self._runs.values():
            run.cancel()

    def _open(self, active_rule: ActiveRule, began: float) -> None:
        """Run ``on_open`` of a rule, which began on this connection at this time."""
        self._start(active_rule, self._ask(active_rule, "on_open", began), began=began)

    def _start(
        self,
        key: Key,
        steps: Steps,
        then: Callable[[], None] | None = None,
        began: float = 0.0,
    ) -> bool:
        """Start a run; True if it has ended at once; ``then`` is not called in that case."""
        run = self._runs[key] = HookRun(self._connection, steps, began)
        run.rule = key.rule if isinstance(key, ActiveRule) else None
        run.step()
        run.then = then
        return run.over

    def _on_connect(self) -> Steps:
        for active_rule in self._proxy.active_plan.connecting:
            yield from self._ask(active_rule, "on_connect", self._proxy.reactor.clock())

    def _on_hello(self, greeting: Greeting) -> Steps:
        hello = greeting.hello
        for active_rule in self._proxy.active_plan.greeting:
            yield from self._ask(active_rule, "on_hello", hello.at, hello, greeting=greeting)

    def _on_end(self, direction: Direction, is_reset: Callable[[], bool]) -> Steps:
        for active_rule in self._proxy.active_plan.ending:
            now = self._proxy.reactor.clock()
            ended = Ended(direction, now, is_reset())
            yield from self._ask(active_rule, "on_end", now, ended)

    def _ask(
        self,
        active_rule: ActiveRule,
        hook: str,
        began: float,
        *seen: Ended | Message,
        greeting: Greeting | None = None,
    ) -> Steps:
        """Do what a behavior asks for in one of its hooks, if its rule fires.

        That ends when the rule is lifted or the connection is closed.
        """
        decisions, rule = self._connection.decisions, None
        while self._acts(active_rule) and active_rule.rule is not rule:
            if hook == "on_end" and active_rule.direction not in (None, seen[0].direction):
                return
            labels = NO_LABELS if greeting is None else greeting.hello.labels
            firing = decisions.draw(active_rule, labels)
            if firing is None:
                return
            rule = active_rule.rule
            behavior = active_rule.behavior(self._proxy.reactor.clock())
            values = rule if behavior.resumable else None
            for action in getattr(behavior, hook)(*seen, firing.in_hook(began)):
                if greeting is not None and isinstance(action, Reply | Shake | Until | Note):
                    yield from self._greet(action, active_rule, greeting)
                else:
                    yield from self._do(action, active_rule, hook, values)
                if not self._acts(active_rule, values):
                    break
            else:
                return

    def _do(self, action: Action, active_rule: ActiveRule, hook: str, values: Rule | None) -> Steps:
        connection, clock = self._connection, self._proxy.reactor.clock
        match action:
            case Wait(until):
                if hook in ("on_connect", "on_hello") and clock() < until:
                    connection.watch_peers()
                while clock() < until and self._acts(active_rule, values):
                    yield until
            case Hold():
                connection.watch_peers()
                while self._acts(active_rule, values):
                    yield None
            case Close(reset):
                if hook != "on_end":
                    yield from self.pass_close(active_rule, reset=reset)
                connection.close(reset=reset)
            case Refuse(reason) if hook == "on_connect":
                connection.refuse(f"{reason} (rule {active_rule.name})")
            case _:
                what = f"{active_rule.name} yielded {action!r}"
                raise TypeError(f"{what}, which is not allowed in {hook}")

    def _greet(
        self, action: Reply | Shake | Until | Note, active_rule: ActiveRule, greeting: Greeting
    ) -> Steps:
        match action:
            case Reply(data):
                greeting.send(data)
            case Shake():
                greeting.shake = action
            case Until(stage):
                while not greeting.has_reached(stage) and self._acts(active_rule):
                    greeting.go_on()
                    yield None
            case Note(label, text):
                decisions = self._connection.decisions
                decisions.facts = {**decisions.facts, label: text}
                what = f"connection {self._connection.number}: {label}"
                self._proxy.emit(Trouble(self._proxy.name, what, text, self._connection.number))

    def _acts(self, active_rule: ActiveRule, values: Rule | None = None) -> bool:
        """Whether a rule is on, with these values, and the connection open."""
        return (
            not self._connection.closed
            and self._proxy.active_plan.is_on(active_rule)
            and (values is None or values is active_rule.rule)
        )


class HookRun:
    """One run."""

    __slots__ = (
        "_connection",
        "_stepping",
        "_steps",
        "_timer",
        "began",
        "generation",
        "rule",
        "then",
    )

    def __init__(self, connection: HookedConnection, steps: Steps, began: float) -> None:
        self._connection = connection
        self.began = began
        self.rule: Rule | None = None
        """With which values it began, if it is the ``on_open`` of a rule."""
        self.generation = connection.decisions.proxy.active_plan.generation
        """Of the plan under which it began."""
        self._steps: Steps | None = steps
        self.then: Callable[[], None] | None = None
        """Called when it ends, unless the connection is closed."""
        self._timer: Timer | None = None
        self._stepping = False

    @property
    def over(self) -> bool:
        """It has ended, or was cancelled."""
        return self._steps is None

    def step(self) -> None:
        """Run until it must wait: a rule may have been lifted, or a moment have come."""
        if self._steps is None or self._stepping:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._stepping = True
        try:
            until = next(self._steps)
        except StopIteration:
            self._steps = None
        except Exception:  # noqa: BLE001 - it ends this connection only
            self._steps = None
            self._connection.on_failure(format_exc())
            return
        finally:
            self._stepping = False
        if self._steps is None:
            if self.then is not None and not self._connection.closed:
                self.then()
        elif until is not None:
            reactor = self._connection.decisions.proxy.reactor
            self._timer = reactor.call_at(until, self.step)

    def cancel(self) -> None:
        """Stop, without calling ``then``."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._steps = None
