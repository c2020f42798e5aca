"""The methods that clients of every version have, on paths of every version."""

from __future__ import annotations

from .errors import ApiError
from .steps import (
    Answer,
    Json,
    Request,
    Steps,
    Undoable,
    attempted,
    block,
    not_vauriens,
    oldest_reason,
    operation,
    path_of,
)


class ClassicMethods:
    """Changes the proxy of a name, or the only one."""

    proxy_name: str

    @operation
    def set_behavior(self, /, behavior: str, **options: object) -> Steps[None]:
        """Apply a behavior, with these options, to all traffic.

        Raises:
            ValueError: the proxy refuses it; the text is its reason.
        """
        yield from self._put("behavior", {**options, "name": behavior})

    @operation
    def get_behavior(self) -> Steps[str]:
        """Return the name of the behavior in use, or a mix such as ``5:error,10:delay``."""
        return str((yield from self._get("behavior"))["behavior"])

    @operation
    def list_behaviors(self) -> Steps[list[str]]:
        """Return the names of all behaviors."""
        names = (yield from self._get("behaviors"))["behaviors"]
        return [str(name) for name in names] if isinstance(names, list) else []

    @block
    def with_behavior(self, /, behavior: str, **options: object) -> Undoable[None]:
        """Set a behavior for the duration of the block, then restore all rules and options.

        With a proxy older than version 3, only the behavior's name is restored.
        """
        plan = yield from self._request("GET", "plan")
        if plan.status == 404:
            name = str((yield from self._get("behavior"))["behavior"])
            undo = self._put("behavior", {"name": name})
        else:
            undo = self._put("plan", _checked(plan))
        yield from attempted(self._put("behavior", {**options, "name": behavior}), undo)
        return None, undo

    # Before version 0.4, behaviors were called handlers.
    set_handler = set_behavior
    get_handler = get_behavior
    list_handlers = list_behaviors
    with_handler = with_behavior

    @operation
    def get_backend(self) -> Steps[str]:
        """Return the address of the backend."""
        return str((yield from self._get("backend"))["backend"])

    @operation
    def set_backend(self, backend: str, *, reset: bool = False) -> Steps[None]:
        """Send new connections to another backend, such as ``localhost:8000``.

        ``reset``: reset the connections to the old one; otherwise they stay open.

        Raises:
            ValueError: the proxy refuses it; the text is its reason.
        """
        yield from self._put("backend", {"backend": backend, **({"reset": True} if reset else {})})

    def _get(self, path: str) -> Steps[Json]:
        return _checked((yield from self._request("GET", path)))

    def _put(self, path: str, body: Json) -> Steps[None]:
        _checked((yield from self._request("PUT", path, body)))

    def _request(self, method: str, path: str, body: Json | None = None) -> Steps[Answer]:
        return (yield Request(method, path_of(path, proxy=self.proxy_name), body))


def _checked(answer: Answer) -> Json:
    """Return the JSON object of a successful answer.

    Raises:
        ApiError: the proxy refuses the request.
        ClientError: anything else.
    """
    found = answer.json
    if answer.status == 200 and isinstance(found, dict):
        return found
    reason = oldest_reason(found) or answer.body[:200].decode(errors="replace")
    if answer.status == 400:
        raise ApiError(400, found if isinstance(found, dict) else {}, reason)
    raise not_vauriens(answer, reason)
