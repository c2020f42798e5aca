"""The network for all runs: a namespace of its own, where TCP uses cubic.

A congestion control meant for the internet, such as BBR, halves the rate of bulk transfers
on loopback. A tool's option would set it on one of the two connections only; a route in a
private namespace sets it for every socket, and the namespace ends with its last process.
"""

from __future__ import annotations

import os
import resource
import shutil
import socket
import subprocess
import sys

from processes import HOST

INSIDE = "VAURIEN_BENCH_NAMESPACE"
"""Set in the environment of the process inside the namespace."""
SETUP = (
    "ip link set lo up && ip route replace local 127.0.0.1 dev lo table local "
    "proto kernel scope host src 127.0.0.1 congctl cubic"
)
WAYS = (["unshare", "--net"], ["unshare", "--user", "--map-root-user", "--net"])
"""As root, and as any other user where the kernel allows it."""


def enter_namespace() -> None:
    """Start this program again inside the namespace; return if there cannot be one."""
    if INSIDE in os.environ or not (shutil.which("unshare") and shutil.which("ip")):
        return
    for way in WAYS:
        trial = subprocess.run([*way, "sh", "-c", SETUP], capture_output=True, check=False)
        if trial.returncode == 0:
            again = [sys.executable, *sys.orig_argv[1:]]
            os.environ[INSIDE] = "1"
            os.execvp(way[0], [*way, "sh", "-c", f'{SETUP} && exec "$@"', "sh", *again])


def congestion_control() -> str:
    """Return the congestion control of a loopback connection's two ends, such as ``cubic``."""
    with (
        socket.create_server((HOST, 0)) as listener,
        socket.create_connection(listener.getsockname()) as client,
        listener.accept()[0] as server,
    ):
        names = {
            end.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0").decode()
            for end in (client, server)
        }
    return " and ".join(sorted(names))


def raise_file_limit() -> int:
    """Raise the limit of open files to the hard limit; the processes started inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
