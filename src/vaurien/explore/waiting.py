"""What processes wait for, as Linux tells it: whether any of them has a limit of time.

A program that waits for an answer without a limit waits for ever if none comes.  The kernel
knows the system call in which each thread is, and its arguments; where it does not tell them,
nothing is claimed.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress

NEVER = (1 << 64) - 1, (1 << 32) - 1
"""-1, as 64 or 32 bits."""
ALARM = 1 << 13
"""The signal SIGALRM, in a set of signals: its handler is a limit of time."""
Calls = Mapping[int, tuple[int, tuple[int, ...]] | tuple[()]]
"""System calls that wait, by their numbers: which argument, of which value, has no limit."""
CALLS: Mapping[str, Calls] = {
    "x86_64": {
        **dict.fromkeys((0, 19, 45, 47, 43, 61, 288, 34), ()),  # read, recvfrom, accept, wait4
        7: (2, NEVER),  # poll
        232: (3, NEVER),  # epoll_wait
        281: (3, NEVER),  # epoll_pwait
        23: (4, (0,)),  # select
        270: (4, (0,)),  # pselect6
        271: (2, (0,)),  # ppoll
        202: (3, (0,)),  # futex
        247: (),  # waitid
    },
    "aarch64": {
        **dict.fromkeys((63, 65, 207, 212, 202, 260, 242, 95), ()),
        22: (3, NEVER),
        72: (4, (0,)),
        73: (2, (0,)),
        98: (3, (0,)),
    },
}
State = tuple[tuple[int, str], ...]


def waiting(session: int, ports: set[int], ours: Collection[int] = ()) -> State | None:
    """Return what all threads of a session wait for, if none has a limit of time; else None.

    As long as what it returns is the same, none of them has run.

    ``ports``: one of its processes must be connected to one of these, and no other process.
    ``ours``: threads of proxies in it, which do not count.
    """
    calls = CALLS.get(platform.machine())
    if calls is None:
        return None
    found: list[tuple[int, str]] = []
    try:
        processes = list(_processes_of(session))
        for process in processes:
            if _has_timer(process):
                return None
            for thread in set(os.listdir(f"/proc/{process}/task")).difference(map(str, ours)):
                call = _read(f"/proc/{process}/task/{thread}/syscall")
                if not _is_endless(call, calls):
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


def _is_endless(call: str, calls: Calls) -> bool:
    """Whether a thread is in a system call without a limit of time."""
    words = call.split()
    if not words[0].isdigit() or int(words[0]) not in calls:
        return False
    limit = calls[int(words[0])]
    return not limit or int(words[1 + limit[0]], 16) in limit[1]


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
