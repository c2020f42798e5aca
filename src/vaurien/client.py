"""A client of the HTTP API, and the command ``vaurienctl``.

Law: it works with proxies of any version, and imports nothing else of vaurien.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from argparse import ArgumentParser

DEFAULT_PORT = 8080
ACTIONS = ("list-behaviors", "set-behavior", "get-behavior")


class ClientError(OSError):
    """The HTTP API cannot be reached, or its response is not one of vaurien's."""


class Client:
    """Controls a proxy over its HTTP API; ``timeout`` is in seconds.

    ``proxy`` is a proxy's name, optional if there is only one.  All methods raise
    ``ClientError`` if the API cannot be reached.
    """

    def __init__(
        self,
        host: str = "localhost",
        port: int = DEFAULT_PORT,
        scheme: str = "http",
        *,
        timeout: float = 10.0,
        proxy: str = "",
    ) -> None:
        self.host = host
        self.port = int(port)
        self.scheme = scheme
        self.timeout = timeout
        self.proxy = proxy
        self.root_url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"

    def set_behavior(self, behavior: str, **options: object) -> None:
        """Apply a behavior, with these options, to all traffic.

        Raises:
            ValueError: the proxy refuses it; the text is its reason.
        """
        self._put("/behavior", {**options, "name": behavior})

    def get_behavior(self) -> str:
        """Return the name of the behavior in use, or a mix such as ``5:error,10:delay``."""
        return str(self._get("/behavior")["behavior"])

    def list_behaviors(self) -> list[str]:
        """Return the names of all behaviors."""
        names = self._get("/behaviors")["behaviors"]
        return [str(name) for name in names] if isinstance(names, list) else []

    @contextmanager
    def with_behavior(self, behavior: str, **options: object) -> Iterator[None]:
        """Set a behavior for the duration of the block, then restore all rules and options.

        With a proxy older than version 3, only the behavior's name is restored.
        """
        status, plan = self._request("GET", "/plan")
        before = None if status == 404 else _checked(status, plan)
        name = self.get_behavior() if before is None else ""
        self.set_behavior(behavior, **options)
        try:
            yield
        finally:
            if before is None:
                self.set_behavior(name)
            else:
                self._put("/plan", before)

    # Before version 0.4, behaviors were called handlers.
    set_handler = set_behavior
    get_handler = get_behavior
    list_handlers = list_behaviors
    with_handler = with_behavior

    def get_backend(self) -> str:
        """Return the address of the backend."""
        return str(self._get("/backend")["backend"])

    def set_backend(self, backend: str, *, reset: bool = False) -> None:
        """Send new connections to another backend, such as ``localhost:8000``.

        ``reset``: reset the connections to the old one; otherwise they stay open.

        Raises:
            ValueError: the proxy refuses it; the text is its reason.
        """
        self._put("/backend", {"backend": backend, **({"reset": True} if reset else {})})

    def _get(self, path: str) -> dict[str, object]:
        return _checked(*self._request("GET", path))

    def _put(self, path: str, body: dict[str, object]) -> None:
        _checked(*self._request("PUT", path, body))

    def _request(
        self, method: str, path: str, body: dict[str, object] | None = None
    ) -> tuple[int, bytes]:
        """Return the status and the body of the response."""
        if self.proxy:
            path = f"{path}?proxy={quote(self.proxy, safe='')}"
        from http.client import HTTPConnection, HTTPException, HTTPSConnection

        connect = HTTPSConnection if self.scheme == "https" else HTTPConnection
        connection = connect(self.host, self.port, timeout=self.timeout)
        try:
            data = None if body is None else json.dumps(body).encode()
            headers = {} if data is None else {"Content-Type": "application/json"}
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, HTTPException) as error:
            reason = str(error) or type(error).__name__
            raise ClientError(f"vaurien does not respond at {self.root_url}: {reason}") from error
        finally:
            connection.close()


def _checked(status: int, data: bytes) -> dict[str, object]:
    """Return the JSON object of a successful response.

    Raises:
        ValueError: the proxy refuses the request.
        ClientError: anything else.
    """
    try:
        answer = json.loads(data)
    except ValueError:
        answer = None
    if status == 200 and isinstance(answer, dict):
        return answer
    try:
        reason = str(answer["errors"][0]["description"])
    except (TypeError, LookupError):
        reason = data[:200].decode(errors="replace")
    if status == 400:
        raise ValueError(reason)
    raise ClientError(f"the proxy responded with status {status}: {reason}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command ``vaurienctl``; return its exit status."""
    parser = _parser()
    if "--version" in (sys.argv[1:] if argv is None else argv):
        from importlib.metadata import version

        _print(version("vaurien"))
        return 0
    given = parser.parse_intermixed_args(argv)
    try:
        client = _client(given.host, given.proxy)
        options = _options(given.options)
        if given.action == "set-behavior" and not given.behavior:
            raise ValueError("set-behavior needs the name of a behavior")
        if given.action != "set-behavior" and given.behavior:
            raise ValueError(f"{given.action} takes no behavior")
    except ValueError as error:
        parser.error(str(error))
    try:
        if given.action == "set-behavior":
            return _set_behavior(client, given.behavior, options)
        if given.action == "get-behavior":
            _print(client.get_behavior())
        else:
            _print(", ".join(client.list_behaviors()))
    except (ClientError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _parser() -> ArgumentParser:
    from argparse import ArgumentParser

    parser = ArgumentParser("vaurienctl", description="Change the behavior of a running vaurien.")
    add = parser.add_argument
    add("--version", action="store_true", help="show the version and exit")
    # Before version 0.4 it was list-handlers, and so on.
    add("action", type=_action, help=f"command to run: {', '.join(ACTIONS)}")
    add("behavior", nargs="?", help="behavior to set, or a mix such as 20:delay")
    add("options", nargs="*", default=[], metavar="key=value", help="options of the behavior")
    url = f"http://localhost:{DEFAULT_PORT}"
    add("--host", default=url, metavar="URL", help="URL of the HTTP API (default: %(default)s)")
    add("--proxy", default="", metavar="NAME", help="name of the proxy, if there are several")
    return parser


def _action(word: str) -> str:
    """Return today's word; raise ArgumentTypeError if it is none."""
    from argparse import ArgumentTypeError
    from difflib import get_close_matches

    word = word.replace("handler", "behavior")
    if word not in ACTIONS:
        near = get_close_matches(word, ACTIONS, 1)
        meant = f" (did you mean {near[0]!r}?)" if near else ""
        raise ArgumentTypeError(
            f"invalid choice: {word!r}{meant}: choose from {', '.join(ACTIONS)}"
        )
    return word


def _client(url: str, proxy: str) -> Client:
    """Make a client from the value of ``--host``; raise ValueError if it is invalid."""
    try:
        parts = urlsplit(url if "//" in url else f"//{url}", scheme="http")
        port = parts.port or DEFAULT_PORT
    except ValueError:
        parts, port = urlsplit(""), 0
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
        raise ValueError(f"--host {url!r} is not allowed: it takes http://HOST:PORT")
    return Client(parts.hostname, port, parts.scheme, proxy=proxy)


def _options(words: Sequence[str]) -> dict[str, object]:
    """Parse ``key=value`` arguments; raise ValueError if one is invalid."""
    options: dict[str, object] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not (key and equals) or key in ("name", "behavior"):
            raise ValueError(f"{word!r} is not an option of a behavior: it takes key=value")
        options[key] = value
    return options


def _set_behavior(client: Client, behavior: str, options: dict[str, object]) -> int:
    try:
        client.set_behavior(behavior, **options)
    except ValueError as error:
        names = client.list_behaviors()
        if behavior in names:  # so an option was refused
            _print(f"The request failed. {error}")
        else:
            _print(f"The request failed. Please use one of {', '.join(names)}")
        return 1
    _print(f'Behavior changed to "{behavior}"')
    return 0


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
