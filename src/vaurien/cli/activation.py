"""Sockets that systemd has opened for this process: see sd_listen_fds(3)."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import MutableMapping

from ..config.state import State
from ..errors import OptionError
from ..net.activated import ActivatedSystem
from ..net.loops import literal
from ..values.options import one_of

COUNT = "LISTEN_FDS"
NAMES = "LISTEN_FDNAMES"
API_NAME = "vaurien-api"
"""The name of the API's socket; others are called like their proxies."""
FIRST = 3


class Activation:
    """What was passed: the sockets of proxies, as a system, and that of the API."""

    def __init__(self, state: State, environment: MutableMapping[str, str] = os.environ) -> None:
        """Take the sockets that the environment tells of.

        Raises:
            OptionError: one of them is nobody's, or everybody's.
        """
        passed = _passed(environment)
        self.api = passed.pop(API_NAME, None)
        if self.api is not None and _is_open_to_all(self.api):
            why = "is a socket that every user may open"
            raise OptionError(why, key=NAMES, given=API_NAME, allowed="SocketMode=0600")
        for name, sock in passed.items():
            _check(name, sock, state)
        self.system = ActivatedSystem(passed.values()) if passed else None


def _passed(environment: MutableMapping[str, str]) -> dict[str, socket.socket]:
    count = environment.pop(COUNT, "")
    names = environment.pop(NAMES, "").split(":")
    if environment.pop("LISTEN_PID", "") != str(os.getpid()) or not count.isdigit():
        return {}
    found: dict[str, socket.socket] = {}
    for number in range(int(count)):
        name = names[number] if number < len(names) else ""
        try:
            sock = socket.socket(fileno=FIRST + number)
            listens = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        except OSError as error:
            why = f"has no socket as descriptor {FIRST + number}: {error.strerror}"
            raise OptionError(why, key=COUNT) from None
        os.set_inheritable(sock.fileno(), False)
        if not listens:
            raise OptionError("does not listen", key=NAMES, given=name)
        if name in found:
            raise OptionError("is given twice", key=NAMES, given=name)
        found[name] = sock
    return found


def _is_open_to_all(sock: socket.socket) -> bool:
    """Whether it is a unix socket that any user may connect to, and so use without a token."""
    if sock.family != socket.AF_UNIX:
        return False
    path = sock.getsockname()
    return isinstance(path, bytes) or bool(os.stat(path).st_mode & stat.S_IWOTH)  # bytes: abstract


def _check(name: str, sock: socket.socket, state: State) -> None:
    spec = state.get(name)
    if spec is None:
        allowed = one_of([API_NAME, *(proxy.name for proxy in state.proxies)])
        raise OptionError("is no proxy", key=NAMES, given=name, allowed=allowed)
    where = int(sock.family), sock.getsockname()
    if where not in literal(spec.listen):
        why = f"is at {where[1]}, and its proxy listens on {spec.listen}"
        raise OptionError(why, key=NAMES, given=name)
