# Behaviors and protocols, as versions 0.4 to 2.0 called them.
# mypy: ignore-errors
# ruff: noqa

import copy
import socket

from vaurien.behaviors import Behavior
from vaurien.behaviors.delay import Delay
from vaurien.behaviors.dummy import Dummy
from vaurien.protocols import Protocol
from vaurien.protocols.base import BaseProtocol
from vaurien.protocols.tcp import TCP
from vaurien.util import get_data


@Behavior.register
class Announce(object):
    """Without a base, and with two of the three hooks."""

    name = "announce"
    options = {}

    def on_before_handle(self, protocol, source, dest, to_backend):
        if to_backend:
            dest.sendall("[" + protocol.name + " ")
        return True

    def on_after_handle(self, protocol, source, dest, to_backend):
        if to_backend:
            dest.sendall("]")
        return True


class Refuse(Dummy):
    """Derived from a built-in behavior; skips the handling."""

    name = "refuse"
    options = {"word": ("What the client hears", str, "no")}
    options.update(Dummy.options)

    def on_before_handle(self, protocol, source, dest, to_backend):
        get_data(source)
        source.sendall(self.option("word"))
        return False


class Cut(Dummy):
    """Derived from a built-in behavior; closes the backend between request and response."""

    name = "cut"

    def on_between_handle(self, protocol, source, dest, to_backend):
        dest.shutdown(socket.SHUT_RDWR)
        dest.close()
        return False


class Later(Delay):
    """Derived from a built-in behavior that does something."""

    name = "later"

    def on_before_handle(self, protocol, source, dest, to_backend):
        self.settings["sleep"] = 0
        super(Later, self).on_before_handle(protocol, source, dest, to_backend)
        source.sendall("later ") if to_backend else None
        return True


class Three(BaseProtocol):
    """A handling with three parameters."""

    name = "three"

    def _handle(self, source, dest, to_backend):
        data = self._get_data(source)
        if data:
            dest.sendall("3" if to_backend else "")
            dest.sendall(data)
        else:
            self._abort_handling(to_backend, dest)
        return data != ""


@Protocol.register
class Four(BaseProtocol):
    """A handling with four parameters."""

    name = "four"

    def _handle(self, source, dest, to_backend, on_between_handle):
        data = self._get_data(source, self.option("buffer"))
        if not data:
            return False
        dest.sendall("4" if to_backend else "")
        dest.sendall(data)
        if to_backend and not on_between_handle():
            return False
        return True


class Kept(TCP):
    """Derived from the built-in protocol, as the protocols of mysql and smtp were."""

    name = "kept"
    options = copy.copy(TCP.options)
    del options["keep_alive"]

    def update_settings(self, settings):
        if "keep_alive" in settings:
            del settings["keep_alive"]
        super(Kept, self).update_settings(settings)

    def option(self, name):
        if name == "keep_alive":
            return True
        return super(Kept, self).option(name)
