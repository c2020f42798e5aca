# Handlers, as versions 0.1 to 0.3 called them.
# mypy: ignore-errors
# ruff: noqa

from vaurien.handlers.base import BaseHandler
from vaurien.handlers.dummy import Dummy


class Stamp(BaseHandler):
    """Called by keyword, with the ends.  Marks what the client says."""

    name = "stamp"
    options = {
        "mark": ("What is put in front", str, "*"),
        "wait": ("Not used", int, 3),
        "ratio": ("A float with an int as its default", float, 1),
        "mode": ("With choices", str, "soft", ["soft", "hard"]),
        "path": ("Of a type that is no plain one", list, ["a"]),
        "limit": ("None by default", int, None),
    }

    def __call__(self, client_sock, backend_sock, to_backend):
        data = self._get_data(client_sock, backend_sock, to_backend)
        dest = to_backend and backend_sock or client_sock
        if data:
            if to_backend:
                dest.sendall(self.option("mark"))
            dest.sendall(data)
        return data != ""


class Relative(BaseHandler):
    """Called by position, with where data comes from and where it goes."""

    name = "relative"

    def __call__(self, source, dest, to_backend):
        data = self._get_data(source)
        if data:
            dest.sendall(b">" + data if to_backend else b"<" + data)
        return data != ""


class Plain(object):
    """Without a base: it has what the proxy gives it."""

    name = "plain"
    options = {"greeting": ("What it says", str, "hello")}

    def __call__(self, client_sock, backend_sock, to_backend):
        client_sock.recv(100)
        peer = "%s:%d" % client_sock.getpeername()
        client_sock.sendall("%s %s %s" % (self.settings["greeting"], self.proxy.backend, peer))
        return False


class Counting(BaseHandler):
    """Counts its calls, over all connections."""

    name = "counting"

    def __init__(self, settings=None, proxy=None):
        super(Counting, self).__init__(settings, proxy)
        self.calls = 0

    def __call__(self, client_sock, backend_sock, to_backend):
        client_sock.recv(100)
        self.calls += 1
        client_sock.sendall(str(self.calls))
        return False


class Loud(Dummy):
    """Derived from a built-in handler, which is called with the ends."""

    name = "loud"
    options = dict(Dummy.options)

    def __call__(self, client_sock, backend_sock, to_backend):
        client_sock.sendall("loud ")
        return super(Loud, self).__call__(client_sock, backend_sock, to_backend)
