# Plugins as the documentation of version 0.2 taught to write them: the smallest one there
# is, and one that both moves the data and closes the backend's socket itself.
# mypy: ignore-errors
# ruff: noqa
# fmt: off

from vaurien.handlers import Handler
from vaurien.handlers.base import BaseHandler


class MySuperHandler(object):

    name = 'super'
    options = {}

    def __call__(self, client_sock, backend_sock, to_backend):
        return True


Handler.register(MySuperHandler)


class Dummy(BaseHandler):
    """One request, then everything the backend has to say to it."""

    name = 'dummy'
    options = {'keep_alive': ("Go on after the first answer", bool, False),
               'reuse_socket': ("Leave the backend's socket open", bool, False)}

    def __call__(self, client_sock, backend_sock, to_backend):
        received = self._get_data(client_sock, backend_sock, to_backend)
        if received:
            ends = [client_sock, backend_sock]
            target = ends[bool(to_backend)]
            origin = ends[not to_backend]
            target.sendall(received)
            if not self.option('keep_alive'):
                received = ''
                while True:
                    received = target.recv(1024)
                    if received == '':      # an empty text, as Python 2 had it
                        break
                    origin.sendall(received)
                target.close()
                target._closed = True
        elif not to_backend and not self.option('reuse_socket'):
            backend_sock.close()
            backend_sock._closed = True
        return received != ''
