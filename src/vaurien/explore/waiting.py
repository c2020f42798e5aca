"""What processes wait for, as Linux tells it: whether any of them has a limit of time.

A program that waits for an answer without a limit waits for ever if none comes.  The kernel
knows the system call in which each thread is, and its arguments; where it does not tell them,
nothing is claimed.
"""

from __future__ import annotations

import os
import platform
import struct
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from socket import SO_RCVTIMEO, SOL_SOCKET, socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ctypes import CDLL

NEVER = (1 << 64) - 1, (1 << 32) - 1
"""-1, as 64 or 32 bits."""
ALARM = 1 << 13
"""The signal SIGALRM, in a set of signals: its handler is a limit of time."""
LIMITS: Mapping[str, tuple[int, tuple[int, ...]] | None] = {
    **dict.fromkeys(("read", "readv", "recvfrom", "recvmsg", "accept", "accept4")),
    **dict.fromkeys(("wait4", "waitid", "pause")),
    "poll": (2, NEVER),
    "ppoll": (2, (0,)),
    "select": (4, (0,)),
    "pselect6": (4, (0,)),
    "epoll_wait": (3, NEVER),
    "epoll_pwait": (3, NEVER),
    "epoll_pwait2": (3, (0,)),
    "futex": (3, (0,)),
}
"""System calls that wait: which argument, of which value, says that there is no limit; None: no
argument limits it."""
RECEIVING = ("read", "readv", "recvfrom", "recvmsg", "accept", "accept4")
"""Those that an option of their socket limits; it is their first argument."""
PIDFD_GETFD = 438
"""The number of this call, on all machines."""
NUMBERS: Mapping[str, Mapping[int, str]] = {
    "x86_64": {
        0: "read",
        7: "poll",
        19: "readv",
        23: "select",
        34: "pause",
        43: "accept",
        45: "recvfrom",
        47: "recvmsg",
        61: "wait4",
        202: "futex",
        232: "epoll_wait",
        247: "waitid",
        270: "pselect6",
        271: "ppoll",
        281: "epoll_pwait",
        288: "accept4",
        441: "epoll_pwait2",
    },
    "aarch64": {
        22: "epoll_pwait",
        63: "read",
        65: "readv",
        72: "pselect6",
        73: "ppoll",
        95: "waitid",
        98: "futex",
        202: "accept",
        207: "recvfrom",
        212: "recvmsg",
        242: "accept4",
        260: "wait4",
        441: "epoll_pwait2",
    },
}
"""The numbers of system calls, by machines, from the kernel's ``unistd.h``."""
State = tuple[tuple[int, str], ...]


def waiting(
    session: int, ports: set[int], ours: Collection[int] = (), others: Iterable[int] = ()
) -> State | None:
    """Return what all threads of a session wait for, if none has a limit of time; else None.

    As long as what it returns is the same, none of them has run.

    ``ports``: one of its processes must be connected to one of these, and no other process.
    ``ours``: threads of proxies in it, which do not count.
    ``others``: further processes that belong to it.
    """
    names = NUMBERS.get(platform.machine())
    if names is None:
        return None
    found: list[tuple[int, str]] = []
    try:
        processes = sorted({*_processes_of(session), *others})
        for process in processes:
            if _has_timer(process):
                return None
            for thread in set(os.listdir(f"/proc/{process}/task")).difference(map(str, ours)):
                call = _read(f"/proc/{process}/task/{thread}/syscall")
                if not _is_endless(process, call.split(), names):
                    return None
                found.append((int(thread), f"{call}{_switches(process, thread)}"))
        connected = set(_connected(ports))
        if not connected or not connected <= set(_sockets(processes)):
            return None
    except (OSError, ValueError, LookupError):
        return None  # it has ended meanwhile, or is not ours to look at
    return tuple(sorted(found))


def _read(path: str) -> str:
    with open(path) as file:
        return file.read()


def _processes_of(session: int) -> Iterator[int]:
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError):
                words = _read(f"/proc/{name}/stat").rpartition(")")[2].split()
                if int(words[3]) == session and words[0] != "Z":
                    yield int(name)


def _has_timer(process: int) -> bool:
    """Whether a process may be woken up by an alarm or a timer."""
    status = dict(line.split(":", 1) for line in _read(f"/proc/{process}/status").splitlines())
    if int(status["SigCgt"], 16) & ALARM:
        return True
    folder = f"/proc/{process}/fd"
    return any("[timerfd]" in os.readlink(f"{folder}/{name}") for name in os.listdir(folder))


def _switches(process: int, thread: str) -> str:
    """Return how often a thread has begun to wait."""
    lines = _read(f"/proc/{process}/task/{thread}/status").splitlines()
    return " ".join(line for line in lines if "ctxt_switches" in line)


def _is_endless(process: int, words: Sequence[str], names: Mapping[int, str]) -> bool:
    """Whether a thread is in a system call without a limit of time."""
    name = names.get(int(words[0])) if words[0].isdigit() else None
    if name is None:
        return False
    limit = LIMITS[name]
    if limit is not None:
        return int(words[1 + limit[0]], 16) in limit[1]
    return name not in RECEIVING or not _receives_in_time(process, int(words[1], 16))


def _receives_in_time(process: int, descriptor: int) -> bool:
    """Whether a descriptor is a socket with SO_RCVTIMEO.

    Raises:
        OSError: we may not know.
    """
    if not os.readlink(f"/proc/{process}/fd/{descriptor}").startswith("socket:"):
        return False
    handle = os.pidfd_open(process)
    try:
        copied = _libc().syscall(PIDFD_GETFD, handle, descriptor, 0)
    finally:
        os.close(handle)
    if copied < 0:
        raise PermissionError
    with socket(fileno=copied) as copy:
        return any(copy.getsockopt(SOL_SOCKET, SO_RCVTIMEO, struct.calcsize("ll")))


@cache
def _libc() -> CDLL:
    from ctypes import CDLL  # few need it

    return CDLL(None)


def _connected(ports: set[int]) -> Iterator[str]:
    """Yield the sockets that are connected to one of these ports of loopback."""
    for name in ("tcp", "tcp6"):
        for line in _read(f"/proc/net/{name}").splitlines()[1:]:
            words = line.split()
            if int(words[2].rpartition(":")[2], 16) in ports and words[9] != "0":
                yield f"socket:[{words[9]}]"


def _sockets(processes: list[int]) -> Iterator[str]:
    for process in processes:
        for name in os.listdir(f"/proc/{process}/fd"):
            with suppress(FileNotFoundError):
                yield os.readlink(f"/proc/{process}/fd/{name}")
