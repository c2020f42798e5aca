"""The methods of the native API that concern one proxy."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence

from .errors import ClientError, ConflictError
from .native import Entry, killed, paged, undone
from .resources import Proxy, Rule, without_status
from .steps import Json, Steps, Undoable, ask, attempted, block, listed, operation, path_of


class ProxyMethods:
    """Reads and changes one proxy and its rules.

    All methods raise ``NotFoundError`` if the proxy does not exist; besides, as all methods do,
    ``ClientError`` and ``ApiError``.

    A rule may have options and keys of any name, so what is not one of them comes before them
    or by a name that no rule has.
    """

    name: str

    # The proxy.

    @operation
    def read(self) -> Steps[Proxy]:
        """Return its settings, its rules and its status."""
        return (yield from self._read())

    @operation
    def address(self) -> Steps[tuple[str, int]]:
        """Return the host and the port on which it listens.

        Raises:
            ClientError: it is disabled, or listens on a unix socket.
        """
        address = (yield from self._read()).address
        host, colon, port = address.rpartition(":")
        if not colon or not port.isdigit():
            raise ClientError(f"{self.name} does not listen on a port: {address or 'disabled'}")
        return host.removeprefix("[").removesuffix("]"), int(port)

    @operation
    def change(self, /, *, if_generation: int | None = None, **table: object) -> Steps[Proxy]:
        """Change some settings; None sets the default.  Return the proxy.

        ``if_generation``: raise ``ConflictError`` if the proxy has another one by now.
        """
        return (yield from self._change(table, if_generation))

    @operation
    def replace(self, table: Entry, /, *, if_generation: int | None = None) -> Steps[Proxy]:
        """Create it, or replace all settings and rules; return the proxy.

        ``table`` needs a ``backend``, and may be what ``read`` returned.
        """
        path = self._path()
        return Proxy((yield from ask("PUT", path, dict(table), if_generation=if_generation)))

    @operation
    def delete(self, *, drain: float = 0.0, if_generation: int | None = None) -> Steps[None]:
        """Remove it; its connections get ``drain`` seconds to finish."""
        path = self._path(drain=drain or None)
        yield from ask("DELETE", path, if_generation=if_generation)

    @operation
    def enable(self) -> Steps[Proxy]:
        """Listen again."""
        return (yield from self._change({"enabled": True}))

    @operation
    def disable(self, *, drain: float = 0.0) -> Steps[Proxy]:
        """Stop listening; open connections get ``drain`` seconds to finish."""
        return (yield from self._change({"enabled": False}, drain=drain))

    @block
    def down(self) -> Undoable[None]:
        """Disable it for the duration of the block, and end its connections."""
        before = yield from self._read()
        undo = undone(self._change({"enabled": before.enabled}))
        yield from attempted(self._change({"enabled": False}), undo)
        return None, undo

    @operation
    def reset(self) -> Steps[Json]:
        """Enable it, remove all its rules, and release what they hold."""
        return (yield from ask("POST", path_of("v1", "reset", proxy=self.name)))

    # Its rules.

    @operation
    def rules(self) -> Steps[list[Rule]]:
        """Return all rules, in their order."""
        return (yield from self._rules())

    @operation
    def get_rule(self, rule: str, /) -> Steps[Rule]:
        """Return one rule, with how often it matched and fired."""
        return Rule((yield from ask("GET", self._path("rules", rule))))

    @operation
    def set_rules(
        self, rules: Sequence[Entry], /, *, if_generation: int | None = None
    ) -> Steps[list[Rule]]:
        """Replace all rules; those of the same name and behavior keep their counts."""
        body = {"rules": [dict(rule) for rule in rules]}
        path = self._path("rules")
        return _rules((yield from ask("PUT", path, body, if_generation=if_generation)))

    @operation
    def add_rule(
        self,
        behavior: str,
        /,
        *,
        before_rule: str = "",
        if_generation: int | None = None,
        **entry: object,
    ) -> Steps[Rule]:
        """Add a rule after all others, or before another one; return it.

        ``entry``: the behavior's options, the keys of a rule, and labels to match.
        """
        return (yield from self._add(behavior, entry, before_rule, if_generation))

    @operation
    def update_rule(
        self, rule: str, /, *, if_generation: int | None = None, **changes: object
    ) -> Steps[Rule]:
        """Change some of a rule's options and keys; None sets the default.  Counts are kept."""
        path = self._path("rules", rule)
        return Rule((yield from ask("PATCH", path, changes, if_generation=if_generation)))

    @operation
    def remove_rule(self, rule: str, /, *, if_generation: int | None = None) -> Steps[None]:
        """Remove a rule, and release what it holds."""
        yield from ask("DELETE", self._path("rules", rule), if_generation=if_generation)

    @operation
    def pause_rule(self, rule: str, /) -> Steps[Rule]:
        """Let a rule do nothing until it is resumed; its counts are kept."""
        return Rule((yield from ask("PATCH", self._path("rules", rule), {"paused": True})))

    @operation
    def resume_rule(self, rule: str, /) -> Steps[Rule]:
        """Let a rule that is paused act again."""
        return Rule((yield from ask("PATCH", self._path("rules", rule), {"paused": False})))

    @block
    def rule(self, behavior: str, /, *, before_rule: str = "", **entry: object) -> Undoable[Rule]:
        """Add a rule for the duration of the block; it gets the rule.

        The client chooses the name of a rule that has none, so that it can remove the rule even
        if it gets no answer.
        """
        while True:
            taken = {rule.name for rule in (yield from self._rules())}
            name = str(entry.get("name") or _free_name(behavior, taken))
            undo = undone(ask("DELETE", self._path("rules", name)))
            add = self._add(behavior, {**entry, "name": name}, before_rule)
            try:
                added = yield from (add if name in taken else attempted(add, undo))
            except ConflictError:
                if entry.get("name"):
                    raise
                continue  # someone else was faster
            return added, undo

    # Profiles and recipes.

    @operation
    def apply_profile(self, profile: str, /) -> Steps[None]:
        """Apply the profile of a network, in place of the one applied before."""
        yield from ask("POST", self._path("profile"), {"name": profile})

    @operation
    def remove_profile(self) -> Steps[None]:
        """Remove the rules of the profile that is applied."""
        yield from ask("DELETE", self._path("profile"))

    @block
    def profile(self, profile: str, /) -> Undoable[None]:
        """Apply the profile of a network for the duration of the block, then the one before."""
        before = (yield from self._read()).rules
        apply = ask("POST", self._path("profile"), {"name": profile})
        after = Proxy((yield from attempted(apply, self._restore(before)))).rules
        gone = _without(before, after)
        if not gone:
            return None, undone(ask("DELETE", self._path("profile")))
        return None, undone(self._swap(_without(after, before), gone))

    @operation
    def start_recipe(self, recipe: str, /, *, start: float = 0.0) -> Steps[None]:
        """Start a recipe, now or in ``start`` seconds.

        Raises:
            ConflictError: it is running.
        """
        yield from ask("POST", self._path("recipes"), {"name": recipe, "start": start})

    @operation
    def stop_recipe(self, recipe: str, /) -> Steps[None]:
        """Remove the rules of a recipe."""
        yield from ask("DELETE", self._path("recipes", recipe))

    @block
    def recipe(self, recipe: str, /, *, start: float = 0.0) -> Undoable[None]:
        """Start a recipe, and stop it at the end of the block."""
        undo = undone(ask("DELETE", self._path("recipes", recipe)))
        begin = ask("POST", self._path("recipes"), {"name": recipe, "start": start})
        yield from attempted(begin, undo)
        return None, undo

    # Its connections.

    @operation
    def connections(self) -> Steps[list[Json]]:
        """Return its open connections."""
        return (yield from paged(("v1", "proxies", self.name, "connections"), "connections"))

    @operation
    def kill(self, connection: int | None = None, *, how: str = "reset") -> Steps[int]:
        """End one connection, or all, with a RST or (``how="close"``) a FIN; return how many."""
        one = () if connection is None else (str(connection),)
        answer = yield from ask("DELETE", self._path("connections", *one, how=how))
        return killed(answer) if connection is None else 1

    def _path(self, *parts: str, **query: object) -> str:
        return path_of("v1", "proxies", self.name, *parts, **query)

    def _read(self) -> Steps[Proxy]:
        return Proxy((yield from ask("GET", self._path())))

    def _rules(self) -> Steps[list[Rule]]:
        return _rules((yield from ask("GET", self._path("rules"))))

    def _change(
        self, table: Entry, if_generation: int | None = None, *, drain: float = 0.0
    ) -> Steps[Proxy]:
        path = self._path(drain=drain or None)
        return Proxy((yield from ask("PATCH", path, dict(table), if_generation=if_generation)))

    def _add(
        self, behavior: str, entry: Entry, before_rule: str, if_generation: int | None = None
    ) -> Steps[Rule]:
        path = self._path("rules", before=before_rule)
        body = {**entry, "behavior": behavior}
        return Rule((yield from ask("POST", path, body, if_generation=if_generation)))

    def _restore(self, before: Sequence[Rule]) -> Steps[None]:
        """Put back the rules that there were before."""
        now = (yield from self._read()).rules
        yield from self._swap(_without(now, before), _without(before, now))

    def _swap(self, gone: Sequence[Json], back: Sequence[Json]) -> Steps[None]:
        """Put rules in the place of others, whatever else has changed meanwhile."""
        names = {rule["name"] for rule in gone}
        while True:
            now = yield from self._read()
            rules = [without_status(rule) for rule in now.rules]
            at = next((at for at, rule in enumerate(rules) if rule["name"] in names), len(rules))
            rules = [
                *rules[:at],
                *back,
                *(each for each in rules[at:] if each["name"] not in names),
            ]
            body, generation = {"rules": rules}, now.generation
            try:
                yield from ask("PUT", self._path("rules"), body, if_generation=generation)
            except ConflictError:
                continue  # someone else has changed it since
            return


def _without(rules: Sequence[Rule], others: Sequence[Rule]) -> list[Json]:
    """Return the rules that are not among others, without their status."""
    known = [without_status(rule) for rule in others]
    return [each for rule in rules if (each := without_status(rule)) not in known]


def _free_name(name: str, taken: Collection[str]) -> str:
    """Return a name that is not taken, as the API would choose it."""
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return next(each for each in names if each not in taken)


def _rules(answer: Json) -> list[Rule]:
    return [Rule(each) for each in listed(answer, "rules")]
