"""``vaurien top``: what proxies carry, second by second, in a terminal.

A thread follows the samples of a running vaurien and puts them into an inbox; another one notices
changes, so that the first asks for the proxies again.  The command itself waits for the inbox and
for keys, and draws; ``screen`` has what is drawn.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from queue import Empty, SimpleQueue
from select import select
from shutil import get_terminal_size

import click

from ...client.blocking import Client
from ...client.errors import ApiError, ClientError, NotFoundError
from .command import Session, api_command, switch, text_flag
from .output import Resource, shows_colors
from .screen import TOP, Screen

HELP = """Show what proxies carry, second by second.

Keys: arrows up and down, page up and page down scroll; left and right choose by which column
the proxies are sorted, r reverses that; q quits. With --once, or where standard output is no
terminal, it prints one second and ends.
"""
RETRY_DELAY = 1.0
"""Seconds between attempts to reach a server that was there before."""
FIRST_SAMPLE = 5.0
"""Seconds within which there is a sample; a server that has just started takes one."""
BEGIN = "\x1b[?1049h\x1b[?25l\x1b[?7l"
"""Another screen, without a cursor; long lines are cut."""
END = "\x1b[?7h\x1b[?25h\x1b[?1049l"
KEYS_AT_ONCE = 1024

News = Callable[[Screen], None]
"""What a thread has learnt, told to the screen."""


class Inbox:
    """What threads have put in; a descriptor is ready to be read while there is something."""

    def __init__(self) -> None:
        self._news: SimpleQueue[News] = SimpleQueue()
        self.ready, self._wake = os.pipe()

    def put(self, news: News) -> None:
        self._news.put(news)
        os.write(self._wake, b"\0")

    def take(self) -> Iterator[News]:
        """Yield all there is."""
        os.read(self.ready, KEYS_AT_ONCE)
        while True:
            try:
                yield self._news.get_nowait()
            except Empty:
                return


def _top(session: Session, proxy: str, once: bool) -> None:
    client = session.client
    if once or session.form or not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        session.show(_rows_now(client, proxy), TOP)
        return
    screen = Screen(client.root_url, has_colors=shows_colors())
    screen.meet(_proxies(client, proxy))  # what was never there, or refuses, is not waited for
    inbox, stale = Inbox(), threading.Event()
    for follow in (
        partial(_follow_samples, client, proxy, inbox, stale),
        partial(_follow_changes, client, proxy, stale),
    ):
        threading.Thread(target=follow, daemon=True).start()
    with _terminal() as keys:
        while not screen.quits:
            _draw(screen)
            for ready in select([inbox.ready, *keys], [], [])[0]:
                if ready == inbox.ready:
                    for news in inbox.take():
                        news(screen)
                elif pressed := os.read(ready, KEYS_AT_ONCE):
                    screen.press(pressed.decode("ascii", "replace"))
                else:
                    keys = []  # the terminal has gone, or there are no keys


def _rows_now(client: Client, proxy: str) -> list[Resource]:
    screen = Screen(client.root_url)
    screen.meet(_proxies(client, proxy))
    for sample in client.samples(proxy=proxy, timeout=FIRST_SAMPLE):
        screen.take(sample.data)
        return screen.rows()
    raise ClientError("there is no sample")


def _proxies(client: Client, proxy: str) -> list[Resource]:
    """Return the proxies that are shown.

    Raises:
        NotFoundError: there is none of this name.
    """
    return [client.proxy(proxy).read()] if proxy else list(client.proxies())


def _proxies_left(client: Client, proxy: str) -> list[Resource]:
    try:
        return _proxies(client, proxy)
    except NotFoundError:
        return []  # it was removed meanwhile, and may come back


def _follow_samples(client: Client, proxy: str, inbox: Inbox, stale: threading.Event) -> None:
    """Tell of each sample, and of the proxies where they are ``stale``."""
    while True:
        stale.set()
        try:
            for sample in client.samples(proxy=proxy):
                if stale.is_set():
                    stale.clear()
                    inbox.put(_meet(_proxies_left(client, proxy)))
                inbox.put(_take(sample.data))
        except ApiError as error:
            inbox.put(_lose(str(error)))
        except ClientError as error:
            inbox.put(_lose(f"connection lost: {error}"))
        time.sleep(RETRY_DELAY)  # noqa: TID251 - it has nothing else to do


def _follow_changes(client: Client, proxy: str, stale: threading.Event) -> None:
    """Mark the proxies as stale when they change; who follows samples tells what goes wrong."""
    while True:
        with suppress(ClientError, ApiError):
            for _ in client.events(proxy=proxy, type="changed"):
                stale.set()
        time.sleep(RETRY_DELAY)  # noqa: TID251 - it has nothing else to do


def _take(data: Mapping[str, object]) -> News:
    return lambda screen: screen.take(data)


def _meet(proxies: list[Resource]) -> News:
    return lambda screen: screen.meet(proxies)


def _lose(why: str) -> News:
    return lambda screen: screen.lose(why)


def _draw(screen: Screen) -> None:
    size = get_terminal_size()
    lines = screen.lines(size.lines, size.columns)
    sys.stdout.write("\x1b[H" + "\x1b[K\n".join(lines) + "\x1b[K\x1b[J")
    sys.stdout.flush()


@contextmanager
def _terminal() -> Iterator[list[int]]:
    """Take over the terminal; yield where keys can be read, if anywhere."""
    try:
        import termios
        import tty
    except ImportError:
        raise click.UsageError("this system has no such terminals: it takes --once") from None
    keys = [sys.stdin.fileno()] if sys.stdin.isatty() else []
    before = {descriptor: termios.tcgetattr(descriptor) for descriptor in keys}
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        for descriptor in keys:
            tty.setcbreak(descriptor)
        sys.stdout.write(BEGIN)
        yield keys
    finally:
        for descriptor, attributes in before.items():
            termios.tcsetattr(descriptor, termios.TCSADRAIN, attributes)
        with suppress(OSError):
            sys.stdout.write(END)
            sys.stdout.flush()


top = api_command(
    "top",
    _top,
    HELP,
    [
        text_flag("--proxy", "Only this proxy.", metavar="NAME"),
        switch("--once", "Print one second, and end."),
    ],
)
