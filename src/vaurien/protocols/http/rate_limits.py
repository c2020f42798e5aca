"""Rate limits of the APIs of language models, with the fields that count them down."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, cast

from ...fault import Values
from ...rules.firing import Firing
from ...values.actions import Actions, Forward
from ...values.messages import Message
from .fault_types import ForgedResponse
from .heads import DATE, head_of
from .llm_errors import error_body, head_lines, refusal_of

if TYPE_CHECKING:
    from datetime import datetime

BYTES_OF_TOKEN = 4
"""Bytes of a request's body for which a token is counted."""


class Window:
    """What has been used of a limit, on all connections, until that begins anew."""

    used = 0
    ends = 0.0  # seconds on the reactor's clock
    date: datetime | None = None  # when the limit begins anew, as far as the backend says the time


@dataclass(slots=True)
class Admission:
    """What the limit says to a request."""

    window: Window | None = None
    """None: it has not been asked."""
    provider: str = ""
    passes: bool = False
    cost: int = 0
    used: int = 0
    """What has been used of the limit: before a request that is refused, with one that passes."""
    wait: float = 0.0
    """Seconds until the limit begins anew."""


@dataclass(frozen=True, kw_only=True)
class RateLimit(ForgedResponse):
    """A limit in each window of time: responses count it down, then requests are refused."""

    unit: str
    """``requests`` or ``tokens``."""

    def play(self, message: Message, firing: Firing, values: Values) -> Actions:
        first = self.first_piece(message, firing)
        admission = firing.of_exchange(Admission)
        if first is not None and admission.window is None:
            self._ask(admission, firing.shared(Window), first, values)
        if not admission.passes:
            told = {"used": admission.used, "cost": admission.cost, "wait": admission.wait}
            date = admission.window.date if admission.window else None
            told_date = date.strftime("%Y-%m-%dT%H:%M:%SZ") if date else ""
            yield from super().play(message, firing, {**values, **told, "date": told_date})
        elif not message.to_backend and message.final and message.begins:
            yield Forward(self._counted_down(message, admission, values))
        else:
            yield Forward(message)

    def _ask(self, admission: Admission, window: Window, first: Message, values: Values) -> None:
        """Ask whether a request may pass, of which this is the first piece."""
        limit = cast(int, values["limit"])
        size = len(first.data) + first.left - len(head_of(first))
        cost = 1 if self.unit == "requests" else max(1, size // BYTES_OF_TOKEN)
        if first.at >= window.ends:
            window.used, window.ends, window.date = (
                0,
                first.at + cast(float, values["window"]),
                None,
            )
        admission.window = window
        admission.provider = str(values["provider_form"]) or first.labels.get("provider", "")
        admission.passes = window.used + cost <= limit
        window.used += cost * admission.passes
        admission.cost, admission.used = cost, window.used
        admission.wait = window.ends - first.at

    def _counted_down(self, message: Message, admission: Admission, values: Values) -> Message:
        """Return the first piece of the real response with what is left of the limit."""
        head = head_of(message)
        window = admission.window
        if not head or window is None:
            return message
        if (date := DATE.search(head)) and window.date is None:
            from datetime import timedelta
            from email.utils import parsedate_to_datetime

            try:
                now = parsedate_to_datetime(date[1].decode("latin-1"))
                window.date = now + timedelta(seconds=ceil(window.ends - message.at))
            except (ValueError, OverflowError):
                pass
        limit, wait = cast(int, values["limit"]), max(0.0, window.ends - message.at)
        told_date = window.date.strftime("%Y-%m-%dT%H:%M:%SZ") if window.date else ""
        left = max(0, limit - admission.used)
        lines = self._fields(admission.provider, limit, left, wait, told_date)
        added = "".join(f"{line}\r\n" for line in lines).encode()
        end = head.index(b"\n") + 1
        return message.with_data(message.data[:end] + added + message.data[end:])

    def _fields(self, provider: str, limit: int, left: int, wait: float, date: str) -> list[str]:
        """Return the lines of a head that tell of the limit, as this provider has them."""
        if provider == "anthropic":
            name = f"anthropic-ratelimit-{self.unit}"
            lines = [f"{name}-limit: {limit}", f"{name}-remaining: {left}"]
            return [*lines, f"{name}-reset: {date}"] if date else lines
        return [
            f"x-ratelimit-limit-{self.unit}: {limit}",
            f"x-ratelimit-remaining-{self.unit}: {left}",
            f"x-ratelimit-reset-{self.unit}: {duration(wait)}",
        ]

    def render(self, first: Message, values: Values) -> tuple[int, list[str], bytes]:
        provider = str(values["provider_form"]) or first.labels.get("provider", "")
        refusal = refusal_of(provider, self.unit)
        limit, used, wait = (cast(float, values[name]) for name in ("limit", "used", "wait"))
        lines = head_lines(refusal.status, provider)
        left = max(0, int(limit - used))
        lines += self._fields(provider, int(limit), left, wait, str(values["date"]))
        if given := str(values["retry_after"]):
            lines += [f"retry-after: {given}"] * (given != "none")
        else:
            lines.append(f"retry-after: {ceil(wait)}")
            if provider != "anthropic":
                lines.append(f"retry-after-ms: {ceil(wait * 1000)}")
        text = str(values["message"]) or refusal.message.format(
            model=first.labels.get("model", "the model"), **{**values, "wait": duration(wait)}
        )
        return refusal.status, lines, error_body(provider, refusal, text).encode()


def duration(seconds: float) -> str:
    """Return a time as OpenAI writes it: 20ms, 1.5s, 6m0s."""
    if seconds < 1:
        return f"{ceil(seconds * 1000)}ms"
    if seconds < 60:
        return f"{round(seconds, 3):g}s"
    minutes, rest = divmod(ceil(seconds), 60)
    return f"{minutes}m{rest}s"
