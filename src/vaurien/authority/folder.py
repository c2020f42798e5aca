"""The folder of a user's authority, which is made once.

``authority.pem`` holds the private key and the certificate, for its owner only; ``ca.pem`` the
certificate alone, for clients.  Two processes may make one folder at the same time: the first
file that is complete is the authority, for both.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from ..errors import AuthorityError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .certificates import Identity

VARIABLE = "VAURIEN_CA_FOLDER"
"""Names another folder."""
SECRET, PUBLIC = "authority.pem", "ca.pem"
REMOVE = "remove it, and a new one is made"
WITHOUT = "making certificates takes the package cryptography: pip install 'vaurien[tls]'"


def folder(environment: Mapping[str, str] = os.environ) -> str:
    """Return the path of the folder, which need not be there."""
    if environment.get(VARIABLE):
        return environment[VARIABLE]
    own = environment.get("XDG_STATE_HOME", "")
    state = own if os.path.isabs(own) else os.path.expanduser("~/.local/state")
    return os.path.join(state, "vaurien", "ca")


def public_file(where: str = "") -> str:
    """Return the path of the certificate that clients are to trust."""
    return os.path.join(os.path.abspath(where or folder()), PUBLIC)


def secret_file(where: str = "") -> str:
    """Return the path of the file with the private key."""
    return os.path.join(os.path.abspath(where or folder()), SECRET)


def authority(where: str = "") -> Identity:
    """Return the authority of a folder, by default the user's; the first time, make it.

    Raises:
        AuthorityError: it cannot be made, or read.
    """
    return opened(os.path.abspath(where or folder()))


@cache
def opened(where: str) -> Identity:
    """Return the authority of a folder, which is read once in a process."""
    try:
        from .certificates import make_authority, read_identity
    except ImportError:
        raise AuthorityError(WITHOUT) from None
    path = secret_file(where)
    now = datetime.now(UTC)
    try:
        if not os.path.exists(path):
            os.makedirs(where, 0o700, exist_ok=True)
            name = f"vaurien authority {secrets.token_hex(3)}"
            _write(path, make_authority(name, now).pem, 0o600, os.link)
        with open(path, "rb") as file:
            found = read_identity(file.read())
        if not found.is_authority:
            raise ValueError("its certificate may not sign others")
        _publish(public_file(where), found.public_pem)
    except OSError as error:
        raise AuthorityError(f"{error.filename or where}: {error.strerror}") from None
    except ValueError:
        raise AuthorityError(f"{path} holds no authority: {REMOVE}") from None
    if found.certificate.not_valid_after_utc <= now:
        raise AuthorityError(f"{path} has expired: {REMOVE}")
    return found


def _publish(path: str, content: bytes) -> None:
    """Have a file hold this, for everybody; another one may be of an authority of before."""
    with suppress(FileNotFoundError), open(path, "rb") as file:
        if file.read() == content:
            return
    _write(path, content, 0o644, os.replace)


def _write(path: str, content: bytes, mode: int, move: Callable[[str, str], None]) -> None:
    """Let a complete file appear at a path: ``os.replace``, or ``os.link`` unless there is one."""
    temporary = f"{path}.{secrets.token_hex(8)}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        with suppress(FileExistsError):  # another process was faster
            move(temporary, path)
    finally:
        with suppress(FileNotFoundError):  # it was moved
            os.unlink(temporary)
