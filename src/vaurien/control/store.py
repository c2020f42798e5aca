"""The state file: it keeps live changes across restarts.

Law: the file is only ever replaced by a complete one, by renaming.  So it always holds the
last committed state, no matter when the process is killed.  A file that cannot be read is
moved to an unused name, never overwritten, and never ignored silently.

``FILE.lock``, beside it, is locked while the process runs, and is never removed: a lock on
the file itself would be lost with each rename, and one on the folder would lock out
processes that use other files there.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping

from ..errors import VaurienError

with contextlib.suppress(ImportError):  # absent on Windows, where everything else still works
    import fcntl

Document = dict[str, object]

FORMAT = 1
"""The version of the file's format; a change that older versions cannot read increments it."""
FORMAT_KEY = "format"
MODE = 0o600
"""Readable by the owner only: addresses and replies may be confidential."""
UNREADABLE = frozenset({errno.EIO, errno.EBADMSG})
"""The contents are lost.  Other errors have causes outside of the file, such as permissions."""
NO_FSYNC = frozenset({errno.EACCES, errno.EINVAL})
"""The folder cannot be opened for reading, or its file system has no fsync for folders."""
RANDOM_BYTES = 8
"""Random bytes in the name of a temporary file."""
LOG = logging.getLogger("vaurien")


class StoreError(VaurienError):
    """The state file cannot be used, or a state cannot be saved in it."""


class DamagedError(StoreError):
    """The file did not hold a state, and has been moved aside; one can start without it."""


class Prepared:
    """A state that is complete on disk but not yet saved: commit it or discard it."""

    def __init__(self, temporary: str, path: str) -> None:
        self._temporary = temporary
        self._path = path

    def commit(self) -> None:
        """Make it the saved state.

        Raises:
            StoreError: that failed; the previous state is still saved.
        """
        try:
            os.replace(self._temporary, self._path)
        except OSError as error:
            self.discard()
            raise _not_saved(self._path, error) from None
        _sync_folder(self._path)

    def discard(self) -> None:
        """Delete it."""
        with contextlib.suppress(OSError):  # the next start removes leftovers
            os.unlink(self._temporary)


class Store:
    """The state file of one process.

    If its path is a symbolic link, its target is the state file, and copies are put beside
    the link: the target is somebody else's to move.

    A state is a JSON object; its key ``format`` is reserved for the store.
    """

    def __init__(self, path: str) -> None:
        """Lock the file, and remove temporary files left by a process that was killed.

        Raises:
            StoreError: another process uses the file, or its folder is not writable.
        """
        self.path = os.path.realpath(path)
        self._beside = os.path.abspath(path) if os.path.islink(path) else self.path
        self._lock = _lock(self.path)
        folder, name = os.path.split(self.path)
        self._new = os.path.join(folder, f".{name}.vaurien-")
        with contextlib.suppress(OSError):  # the folder may not be readable
            self._remove_leftovers(folder)

    def load(self) -> Document | None:
        """Return the last committed state, or None if there is no file.

        Raises:
            DamagedError: the file holds no state, or its contents are lost; it has been moved
                aside.
            StoreError: the file may not be read, or a newer vaurien wrote it, or it is damaged
                and cannot be moved; it is still in its place.
        """
        try:
            if not stat.S_ISREG(os.stat(self.path).st_mode):
                raise StoreError(f"{self.path} is not a regular file")
            with open(self.path, "rb") as file:
                saved = json.loads(file.read(), object_pairs_hook=unique)
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
            raise self.set_aside("was not saved by vaurien")
        if number > FORMAT:
            raise StoreError(
                f"{self.path} was saved by a newer vaurien: "
                f"its format is {number}, this version reads formats up to {FORMAT}"
            )
        document: Document = saved
        return document

    def set_aside(self, why: str, word: str = "damaged") -> DamagedError:
        """Move the file to ``FILE.WORD-N``, with the first unused number N; copy a link's target.

        ``why`` is the predicate of a sentence about the file.  Return the error to raise.

        Raises:
            StoreError: it cannot be moved, and is still in its place.
        """
        if self._beside != self.path:
            return DamagedError(f"{self.path} {why}; it was copied to {self._copy(word)}")
        try:
            aside = self._new_file(word)
            try:
                os.replace(self.path, aside)
            except BaseException:
                os.unlink(aside)
                raise
        except OSError as error:
            raise StoreError(
                f"{self.path} {why}; moving it aside failed, too: {error.strerror or error}"
            ) from None
        _sync_folder(self.path)
        return DamagedError(f"{self.path} {why}; it was moved to {aside}")

    @contextlib.contextmanager
    def copied(self, word: str) -> Iterator[str]:
        """Copy the file to ``FILE.WORD-N``, with the first unused number N.

        Yields the name of the copy, ``""`` if there is no file.  The copy is deleted if the
        block raises.

        Raises:
            StoreError: the file cannot be copied.
        """
        try:
            copy = self._copy(word)
        except FileNotFoundError:
            copy = ""
        try:
            yield copy
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(copy)
            raise

    def prepare(self, document: Mapping[str, object]) -> Prepared:
        """Write a state to a temporary file, beside the saved one.

        Raises:
            StoreError: it cannot be written.
        """
        # With an indent, json uses its encoder in Python, which lets other threads run.
        text = json.dumps({FORMAT_KEY: FORMAT, **document}, indent=1)
        temporary = f"{self._new}{os.urandom(RANDOM_BYTES).hex()}"
        try:
            _write(temporary, f"{text}\n".encode())
        except OSError as error:
            raise _not_saved(self.path, error) from None
        return Prepared(temporary, self.path)

    def close(self) -> None:
        """Unlock the file."""
        os.close(self._lock)

    def _copy(self, word: str) -> str:
        """Copy the file to ``FILE.WORD-N``, and return the name of the copy.

        Raises:
            FileNotFoundError: there is no file.
            StoreError: it cannot be copied.
        """
        try:
            with open(self.path, "rb") as file:
                return self._new_file(word, file.read())
        except FileNotFoundError:
            raise
        except OSError as error:
            raise StoreError(f"{self.path} cannot be copied: {error.strerror or error}") from None

    def _new_file(self, word: str, data: bytes = b"") -> str:
        """Create ``FILE.WORD-N`` with this data, and return its name."""
        number = 1
        while True:
            name = f"{self._beside}.{word}-{number}"
            try:
                _write(name, data)
            except FileExistsError:
                number += 1
            else:
                return name

    def _remove_leftovers(self, folder: str) -> None:
        """Remove temporary files of a process that was killed, recognized by their names."""
        leftover = re.compile(f"{re.escape(self._new)}[0-9a-f]{{{2 * RANDOM_BYTES}}}")
        with os.scandir(folder) as entries:
            for entry in entries:
                if (
                    leftover.fullmatch(entry.path)
                    and entry.is_file(follow_symlinks=False)
                    and entry.stat(follow_symlinks=False).st_uid == os.geteuid()
                ):
                    os.unlink(entry.path)


class RepeatedKeyError(ValueError):
    """A key is given twice in a JSON object."""


def unique(pairs: Iterable[tuple[str, object]]) -> Document:
    """Return a JSON object.

    Raises:
        RepeatedKeyError: a key is given twice.
    """
    table: Document = {}
    for key, value in pairs:
        if key in table:
            raise RepeatedKeyError(f"the key {key!r} is given twice")
        table[key] = value
    return table


def _lock(path: str) -> int:
    """Lock a state file; return the descriptor of the lock, which unlocks when closed."""
    lock = f"{path}.lock"
    try:
        descriptor = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, MODE)
    except OSError as error:
        reason = error.strerror or error
        raise StoreError(f"{path} cannot be used as the state file: {lock}: {reason}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            raise StoreError(f"{path} is in use by another process") from None
        raise StoreError(f"{lock} cannot be locked: {error.strerror or error}") from None
    return descriptor


def _write(path: str, data: bytes) -> None:
    """Create a file and sync it to disk; if that fails, leave no file behind."""
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


def _sync_folder(path: str) -> None:
    """Sync the rename of a file to disk.

    The rename has been done, so a failure here only logs a warning: the rename is lost if
    the machine crashes now, and not otherwise.
    """
    try:
        descriptor = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in NO_FSYNC:
            LOG.warning("%s is saved, but a crash now may lose it: %s", path, error.strerror)


def _not_saved(path: str, error: OSError) -> StoreError:
    reason = error.strerror or error
    return StoreError(f"{path} cannot be written: {reason}; it still holds the previous state")
