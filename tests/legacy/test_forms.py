"""Telling the old forms apart, and what their bases give them."""

from __future__ import annotations

import functools
import os
import socket
from collections.abc import Callable

import pytest

from legacy.plugins import documented, handlers, hooks
from vaurien.behaviors.delay import Delay
from vaurien.legacy.forms import (
    BaseHandler,
    BaseProtocol,
    Dummy,
    Form,
    form_of,
    takes_between,
    takes_ends,
)
from vaurien.legacy.sockets import HandedSocket


class OwnCall:
    def __call__(self, source: object, dest: object, to_backend: bool, behavior: object) -> None:
        """A protocol without a base."""


class Nothing:
    """Of no form at all."""


@pytest.mark.parametrize(
    ("cls", "form"),
    [
        (documented.MySuperHandler, BaseHandler),
        (documented.Dummy, BaseHandler),
        (handlers.Relative, BaseHandler),
        (hooks.Announce, Dummy),
        (hooks.Refuse, Dummy),
        (hooks.Later, Dummy),
        (hooks.Three, BaseProtocol),
        (hooks.Kept, BaseProtocol),
        (OwnCall, BaseProtocol),
        (Nothing, None),
        (Delay, None),
    ],
)
def test_form(cls: type, form: Form | None) -> None:
    assert form_of(cls) is form


def two(source: object, dest: object) -> None:
    """Too few for a handler."""


def any_number(*ends: object) -> None:
    """Enough."""


@pytest.mark.parametrize(
    ("plugin", "form"),
    [
        (os.getcwd, None),
        (two, None),
        (any_number, BaseHandler),
        (functools.partial(documented.Dummy()), BaseHandler),
        (OwnCall(), BaseProtocol),
        (OwnCall().__call__, BaseProtocol),
        (lambda **ends: True, BaseHandler),
        (lambda source, dest, to_backend: True, BaseHandler),
    ],
)
def test_form_of_what_is_no_class(plugin: object, form: Form | None) -> None:
    assert form_of(plugin) is form


@pytest.mark.parametrize(
    ("handler", "by_keyword"),
    [
        (lambda client_sock, backend_sock, to_backend: True, True),
        (lambda **ends: True, True),
        (lambda source, dest, to_backend: True, False),
        (lambda client, backend, to_backend: True, False),
        (lambda *ends: True, False),
    ],
)
def test_takes_ends(handler: Callable[..., object], by_keyword: bool) -> None:
    assert takes_ends(handler) is by_keyword


@pytest.mark.parametrize(
    ("handle", "four"),
    [
        (lambda source, dest, to_backend: True, False),
        (lambda source, dest, to_backend, on_between_handle: True, True),
        (lambda source, dest, to_backend, on_between_handle=None: True, True),
        (lambda *all_of_them: True, True),
    ],
)
def test_takes_between(handle: Callable[..., object], four: bool) -> None:
    assert takes_between(handle) is four


class Options(BaseHandler):
    options = {
        "text": ("a text", str, "a"),
        "number": ("a number", int, 1),
        "share": ("a float", float, 1),
        "flag": ("a bool", bool, False),
        "nothing": ("none by default", str, None),
        "buffer": ("how much is read", int, 3),
        "chosen": ("with choices", str, "a", ["a", "b"]),
    }


@pytest.mark.parametrize(
    ("name", "setting", "value"),
    [
        ("text", None, "a"),
        ("number", "5", 5),
        ("share", None, 1.0),
        ("share", "0.5", 0.5),
        ("flag", "yes", True),
        ("flag", "True", True),
        ("flag", "no", False),
        ("flag", True, True),
        ("nothing", None, None),
        ("chosen", "b", "b"),
    ],
)
def test_option(name: str, setting: object, value: object) -> None:
    handler = Options({} if setting is None else {name: setting})
    assert handler.option(name) == value
    assert type(handler.option(name)) is type(value)


def test_settings_are_a_copy() -> None:
    given = {"number": 2}
    handler = Options(given)
    handler.update_settings({"number": 3})
    assert given == {"number": 2}
    assert handler.option("number") == 3


def test_get_data_takes_one_socket_or_three_arguments() -> None:
    one, peer = socket.socketpair()
    other, other_peer = socket.socketpair()
    handler = Options()
    with one, peer, other, other_peer:
        peer.sendall(b"1234567890")
        other_peer.sendall(b"abcdefghij")
        assert handler._get_data(one) == b"123"
        assert handler._get_data(one, 2) == b"45"
        assert handler._get_data(one, buffer=1) == b"6"
        assert handler._get_data(one, other, True) == b"789"
        assert handler._get_data(one, other, False) == b"abc"
        assert handler._get_data(one, other, False, 2) == b"de"
        assert handler._get_data(one, other, False, buffer=1) == b"f"


def test_get_data_of_a_handler_reads_nothing_from_a_broken_connection() -> None:
    ours, peer = socket.socketpair()
    peer.close()
    handed = HandedSocket(ours)
    handed.close()
    assert Options()._get_data(handed) == ""
    with pytest.raises(OSError, match="Bad file descriptor"):
        BaseProtocol()._get_data(handed)
