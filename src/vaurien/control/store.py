"""The state file: what was changed while running, kept across restarts.

Law: the file is only ever replaced by a complete one, by renaming.  So whoever reads it
finds what was committed last, at whatever moment this process was killed.  What cannot be
read is moved aside under a name that was free, never overwritten, and never passed over
in silence.

Beside the file lies ``FILE.lock``.  It is locked as long as the process lives, and stays
there: a lock on the file itself would go with each renaming, and one on its folder would
keep others from files of their own.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import logging
import os
import re
import secrets
import stat
from collections.abc import Iterator, Mapping

from ..errors import VaurienError

with contextlib.suppress(ImportError):  # Windows has none, and needs no store for the rest
    import fcntl

Document = dict[str, object]

FORMAT = 1
"""The form of the file; what an older vaurien cannot understand gets the next number."""
FORMAT_KEY = "format"
MODE = 0o600
"""A backend's address, or a reply, may be nobody else's business."""
UNREADABLE = frozenset({errno.EIO, errno.EBADMSG})
"""The disk cannot give the file back.  Other errors are about who asks, and when."""
NO_SYNCING = frozenset({errno.EACCES, errno.EINVAL})
"""A folder that is for entering and writing alone, and one that knows no such thing."""
UNIQUE = 8
"""Bytes of chance in the name of a temporary file."""
LOG = logging.getLogger("vaurien")


class StoreError(VaurienError):
    """The state file cannot be used, or a state not be saved in it."""


class DamagedError(StoreError):
    """What the file held was no state.  It has been moved aside; one can go on without."""


class Prepared:
    """A state that is complete on the disk, and not in force: commit it or discard it."""

    def __init__(self, temporary: str, path: str) -> None:
        self._temporary = temporary
        self._path = path

    def commit(self) -> None:
        """Make it the state.

        Raises:
            StoreError: it cannot be; the one before still is.
        """
        try:
            os.replace(self._temporary, self._path)
        except OSError as error:
            self.discard()
            raise _not_saved(self._path, error) from None
        _settle_folder(self._path)

    def discard(self) -> None:
        """Forget it."""
        with contextlib.suppress(OSError):  # the next start removes what stays
            os.unlink(self._temporary)


class Store:
    """The state file of one process; a symbolic link stands for what it leads to.

    A state is what JSON can say: an object, whose key ``format`` is the store's own.
    """

    def __init__(self, path: str) -> None:
        """Keep other processes out, and remove what one that was killed left half done.

        Raises:
            StoreError: another process uses the file, or its folder cannot be written.
        """
        self.path = os.path.realpath(path)
        self._lock = _locked(self.path)
        folder, name = os.path.split(self.path)
        self._new = os.path.join(folder, f".{name}.vaurien-")
        with contextlib.suppress(OSError):  # a folder may be for entering and writing alone
            self._remove_leftovers(folder)

    def load(self) -> Document | None:
        """What was committed last; None if nothing ever was.

        Raises:
            DamagedError: the file is no state, or the disk has lost it; it has been moved aside.
            StoreError: it may not be read, or it is a newer vaurien's, so it is where it was;
                or it is damaged and cannot be moved.
        """
        try:
            if not stat.S_ISREG(os.stat(self.path).st_mode):
                raise StoreError(f"{self.path} is not a file, so it cannot keep the state")
            with open(self.path, "rb") as file:
                saved = json.loads(file.read())
        except FileNotFoundError:
            return None
        except OSError as error:
            why = f"cannot be read: {error.strerror or error}"
            if error.errno not in UNREADABLE:
                raise StoreError(f"{self.path} {why}") from None
            raise self.set_aside(why) from None
        except (ValueError, RecursionError) as error:
            raise self.set_aside(f"is not JSON: {error}") from None
        number = saved.pop(FORMAT_KEY, None) if isinstance(saved, dict) else None
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise self.set_aside("is not a state that vaurien has saved")
        if number > FORMAT:
            raise StoreError(
                f"{self.path} was saved by a newer vaurien: "
                f"its format is {number}, and this version knows {FORMAT}"
            )
        document: Document = saved
        return document

    def set_aside(self, why: str, word: str = "damaged") -> DamagedError:
        """Move the file to ``FILE.WORD-N``, N being the first that is free.

        ``why`` completes a sentence about the file.  Gives the error that tells of it.

        Raises:
            StoreError: it cannot be moved, so it is where it was.
        """
        try:
            aside = self._new_file(word)
            try:
                os.replace(self.path, aside)
            except BaseException:
                os.unlink(aside)
                raise
        except OSError as error:
            raise StoreError(
                f"{self.path} {why}; it cannot be moved aside either: {error.strerror or error}"
            ) from None
        _settle_folder(self.path)
        return DamagedError(f"{self.path} {why}; it is now {aside}")

    @contextlib.contextmanager
    def copied(self, word: str) -> Iterator[str]:
        """Keep a copy as ``FILE.WORD-N``, N being the first that is free, unless all this fails.

        Gives the name of the copy; ``""`` if there is no file.

        Raises:
            StoreError: there can be no copy.
        """
        try:
            with open(self.path, "rb") as file:
                copy = self._new_file(word, file.read())
        except FileNotFoundError:
            copy = ""
        except OSError as error:
            raise StoreError(f"{self.path} cannot be copied: {error.strerror or error}") from None
        try:
            yield copy
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(copy)
            raise

    def prepare(self, document: Mapping[str, object]) -> Prepared:
        """Write a state to the disk, beside the one in force.

        Raises:
            StoreError: it cannot be written.
        """
        # With an indent the encoder is one in Python, which lets other threads run.
        text = json.dumps({FORMAT_KEY: FORMAT, **document}, indent=1)
        temporary = f"{self._new}{secrets.token_hex(UNIQUE)}"
        try:
            _write(temporary, f"{text}\n".encode())
        except OSError as error:
            raise _not_saved(self.path, error) from None
        return Prepared(temporary, self.path)

    def close(self) -> None:
        """Let another process have the file."""
        os.close(self._lock)

    def _new_file(self, word: str, data: bytes = b"") -> str:
        """The name of a new file with this in it; an empty one keeps the name from others."""
        for number in itertools.count(1):
            name = f"{self.path}.{word}-{number}"
            try:
                _write(name, data)
            except FileExistsError:
                continue
            return name
        raise AssertionError("there is no last number")

    def _remove_leftovers(self, folder: str) -> None:
        """Remove the temporary files of a process that was killed: nobody else's look so."""
        leftover = re.compile(f"{re.escape(self._new)}[0-9a-f]{{{2 * UNIQUE}}}")
        with os.scandir(folder) as entries:
            for entry in entries:
                if (
                    leftover.fullmatch(entry.path)
                    and entry.is_file(follow_symlinks=False)
                    and entry.stat(follow_symlinks=False).st_uid == os.geteuid()
                ):
                    os.unlink(entry.path)


def _locked(path: str) -> int:
    """The descriptor of the lock that belongs to a state file; closing it unlocks."""
    lock = f"{path}.lock"
    try:
        descriptor = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, MODE)
    except OSError as error:
        reason = error.strerror or error
        raise StoreError(f"{path} cannot keep the state: {lock}: {reason}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            raise StoreError(f"{path} keeps the state of another process that runs") from None
        raise StoreError(f"{lock} cannot be locked: {error.strerror or error}") from None
    return descriptor


def _write(path: str, data: bytes) -> None:
    """Write a new file, and wait until the disk has it; if that fails there is none."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, MODE)
    try:
        with os.fdopen(descriptor, "wb", buffering=0):
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise


def _settle_folder(path: str) -> None:
    """Wait until the disk knows that a file was renamed.

    It is already, so what fails here is no reason to take it back: it may be lost if
    the machine stops now, and not otherwise.
    """
    try:
        descriptor = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in NO_SYNCING:
            LOG.warning("%s is saved, unless the machine stops now: %s", path, error.strerror)


def _not_saved(path: str, error: OSError) -> StoreError:
    reason = error.strerror or error
    return StoreError(f"{path} cannot be written: {reason}; it still holds the state before")
