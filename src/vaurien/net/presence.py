"""Whether the peer of a socket is still there.

A peer that has closed its socket and one that has only shut down its sending side send the same
FIN.  For a peer on this machine the kernel knows the difference: a socket that no process has
open any more has no inode.  It is asked over netlink (``sock_diag(7)``).
"""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import struct
import sys

CLOSED = getattr(select, "POLLRDHUP", 0)
PROBE_INTERVAL = 15
"""Seconds between the probes of a peer that may be gone."""
SOCK_DIAG = 4  # linux/netlink.h: NETLINK_SOCK_DIAG
BY_FAMILY = 20  # linux/sock_diag.h: SOCK_DIAG_BY_FAMILY
REQUEST = struct.Struct("=IHHII BBBxI")
"""A header of netlink, and of ``inet_diag_req_v2`` what precedes the socket's addresses."""
ADDRESSES = struct.Struct("=2s2s16s16sI8s")
"""``inet_diag_sockid``: ports and addresses in network order, interface, cookie."""
INODE = struct.Struct("=I")
INODE_AT = 84
"""Where it is in a netlink header with an ``inet_diag_msg``."""


def has_closed(sock: socket.SocketType) -> bool:
    """Whether a peer has sent a FIN or a RST; without POLLRDHUP, unread bytes hide it."""
    if CLOSED:
        return _is_ready(sock, CLOSED)
    try:
        return not sock.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True


def has_gone(sock: socket.SocketType) -> bool:
    """Whether a peer has closed or reset a connection, as far as can be known; else probe it."""
    if not has_closed(sock):
        return False
    try:
        sock.getpeername()
        if sock.family == socket.AF_UNIX:
            return _is_ready(sock, 0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if sys.platform == "linux":
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, PROBE_INTERVAL)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, PROBE_INTERVAL)
        return _is_orphan(sock)
    except OSError as error:
        return error.errno not in (errno.EMFILE, errno.ENFILE)


def _is_ready(sock: socket.SocketType, events: int) -> bool:
    """Whether a poller reports one of these events, an error or a hang-up."""
    poll = select.poll()
    poll.register(sock, events)
    return bool(poll.poll(0))


def _is_orphan(sock: socket.SocketType) -> bool:
    """Whether a TCP connection's peer is a socket of this machine that no process has open.

    Raises:
        OSError: the connection is reset, or no descriptor is left.
    """
    if sys.platform != "linux":
        return False
    family = sock.family
    here, there = sock.getsockname(), sock.getpeername()
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, SOCK_DIAG) as netlink:
        netlink.setblocking(False)
        size = REQUEST.size + ADDRESSES.size
        netlink.send(
            REQUEST.pack(size, BY_FAMILY, 1, 0, 0, family, socket.IPPROTO_TCP, 0, 0xFFFFFFFF)
            + ADDRESSES.pack(
                *(end[1].to_bytes(2, "big") for end in (there, here)),
                *(socket.inet_pton(family, end[0].partition("%")[0]) for end in (there, here)),
                0,
                b"\xff" * 8,
            )
        )
        answer = b""
        with contextlib.suppress(BlockingIOError):
            answer = netlink.recv(4096)
    _, kind, *_ = struct.unpack_from("=IH", answer or bytes(6))
    if kind != BY_FAMILY:  # the peer is on another machine
        return False
    (inode,) = INODE.unpack_from(answer, INODE_AT)
    return bool(inode == 0)
