"""What a rule is: it looks at a case, and yields what it finds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

from ..embedded.trace import Trace
from ..values.texts import printable
from .evidence import Attempt, Call, calls_of

Level = Literal["FAIL", "WARN"]


@dataclass(frozen=True)
class Case:
    """What a rule judges: a trace, and the calls in it."""

    trace: Trace

    @cached_property
    def calls(self) -> list[Call]:
        return calls_of(self.trace)


@dataclass(frozen=True)
class Finding:
    """Something that a client should not have done."""

    level: Level
    rule: str
    proxy: str
    text: str
    evidence: tuple[str, ...] = ()
    """The exchanges that show it, a line each."""

    def lines(self) -> Iterator[str]:
        yield printable(f"{self.level} {self.rule}: {self.proxy}: {self.text}")
        for line in self.evidence:
            yield printable(f"  {line}")


class Judging:
    """The base class of rules."""

    name: ClassVar[str]
    may_not_claim: ClassVar[str]
    """What cannot be known from what proxies see."""

    def judge(self, case: Case) -> Iterator[Finding]:
        """Yield what is wrong."""
        raise NotImplementedError

    def finding(
        self, level: Level, proxy: str, text: str, attempts: Iterable[Attempt] = ()
    ) -> Finding:
        """Return a finding of this rule, with the attempts that show it."""
        return Finding(level, self.name, proxy, text, tuple(map(str, attempts)))
