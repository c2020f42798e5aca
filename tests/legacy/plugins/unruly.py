# Handlers that do what they should not.
# mypy: ignore-errors
# ruff: noqa

import sys
import threading


class Raising(object):
    name = "raising"
    options = {}

    def __call__(self, client_sock, backend_sock, to_backend):
        raise RuntimeError("on purpose")


class Exiting(object):
    name = "exiting"
    options = {}

    def __call__(self, client_sock, backend_sock, to_backend):
        sys.exit("on purpose")


class Unmakeable(object):
    name = "unmakeable"
    options = {}

    def __init__(self, something):
        pass

    def __call__(self, client_sock, backend_sock, to_backend):
        return True


class Stuck(object):
    """Never comes back, until a test lets it."""

    name = "stuck"
    options = {}
    entered = threading.Semaphore(0)
    released = threading.Event()

    def __call__(self, client_sock, backend_sock, to_backend):
        self.entered.release()
        self.released.wait()
        return False


class Deaf(object):
    """Waits for a backend that says nothing."""

    name = "deaf"
    options = {}
    entered = threading.Semaphore(0)
    left = threading.Semaphore(0)

    def __call__(self, client_sock, backend_sock, to_backend):
        self.entered.release()
        try:
            backend_sock.recv(1)
        finally:
            self.left.release()
        return True


class ClosePolicy(object):
    """Closes both sockets, and says that all is well."""

    name = "closing"
    options = {}

    def __call__(self, client_sock, backend_sock, to_backend):
        for sock in (client_sock, backend_sock):
            sock.close()
            sock._closed = True
            sock.close()
        return True


class Marking(object):
    """Marks the sockets as closed without closing them."""

    name = "marking"
    options = {}

    def __call__(self, client_sock, backend_sock, to_backend):
        client_sock.recv(100)
        client_sock._closed = True
        backend_sock._closed = True
        client_sock.sendall(b"marked")
        return False
