"""Bearer tokens (RFC 6750): who may change what runs, and who may only look.

A file of tokens has one a line; ``read TOKEN`` is one that may only look.  Empty lines and
those that begin with ``#`` are ignored.

Law: a token is never logged, and messages do not show it.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256

from ..errors import VaurienError

VARIABLE = "VAURIEN_TOKEN"
"""The environment variable with a token that may change everything."""
READ = "read"
"""Stands before a token that may only look."""
TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{16,256}={0,2}")
ALLOWED = "16 to 256 letters, digits and -._~+/"
FILE_LIMIT = 64 * 1024
"""Bytes of a file of tokens."""
OTHERS = stat.S_IWGRP | stat.S_IXGRP | stat.S_IRWXO
"""A group that may read it is on purpose: secrets of systemd and Kubernetes have one."""
SCHEME = re.compile(r"bearer +(\S+)", re.IGNORECASE)


class TokenError(VaurienError):
    """Tokens that cannot be used."""


class Right(IntEnum):
    """What a request may do."""

    NONE = 0
    READ = 1
    WRITE = 2


@dataclass(frozen=True)
class Tokens:
    """The tokens that a server knows; without any, it asks for none."""

    digests: tuple[tuple[bytes, Right], ...] = ()
    """SHA-256 of each, so that a comparison does not even tell its length."""

    @classmethod
    def of(cls, write: Iterable[str] = (), read: Iterable[str] = ()) -> Tokens:
        """Make them of texts."""
        return cls(
            tuple(
                (sha256(token.encode()).digest(), right)
                for tokens, right in ((write, Right.WRITE), (read, Right.READ))
                for token in tokens
            )
        )

    def with_token(self, token: str) -> Tokens:
        """Return these, and one more that may change everything."""
        return Tokens(self.digests + Tokens.of([token]).digests)

    def __bool__(self) -> bool:
        return bool(self.digests)

    def right_of(self, authorization: str) -> Right:
        """Return what the value of an ``Authorization`` header permits.

        The time it takes does not depend on the tokens.
        """
        given = SCHEME.fullmatch(authorization)
        digest = sha256(given[1].encode() if given else b"").digest()
        rights = [
            right if hmac.compare_digest(known, digest) else Right.NONE
            for known, right in self.digests
        ]
        return max(rights, default=Right.NONE)


def generate() -> str:
    """Return a new token."""
    return secrets.token_urlsafe(32)


def configured(file: str, environment: Mapping[str, str] = os.environ) -> Tokens:
    """Return the tokens of a file, or else the one in the environment.

    Raises:
        TokenError: they cannot be used.
    """
    if file:
        return _read(file)
    token = environment.get(VARIABLE, "")
    if not token:
        return Tokens()
    if not TOKEN.fullmatch(token):
        raise TokenError(f"{VARIABLE} is not a token: it takes {ALLOWED}")
    return Tokens.of([token])


def needed(tokens: Tokens, *, is_public: bool, insecure: bool) -> tuple[Tokens, str]:
    """Return the tokens to ask for, and the one that was made for lack of any, or ``""``.

    ``is_public``: others than programs of this machine may reach the server.
    """
    if tokens or insecure or not is_public:
        return tokens, ""
    token = generate()
    return Tokens.of([token]), token


def _read(file: str) -> Tokens:
    try:
        with open(file, "rb") as stream:
            status = os.fstat(stream.fileno())
            if stat.S_ISREG(status.st_mode) and status.st_mode & OTHERS:
                mode = stat.S_IMODE(status.st_mode)
                raise TokenError(f"{file} is open to others (mode {mode:04o}): chmod 600 {file}")
            data = stream.read(FILE_LIMIT + 1)
    except OSError as error:
        raise TokenError(f"{file} cannot be read: {error.strerror or error}") from None
    if len(data) > FILE_LIMIT:
        raise TokenError(f"{file} is longer than {FILE_LIMIT} bytes")
    found: dict[str, list[str]] = {"": [], READ: []}
    for number, line in enumerate(data.decode("latin-1").split("\n"), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        *kind, token = words
        if kind not in ([], [READ]) or not TOKEN.fullmatch(token):
            raise TokenError(f"{file}: line {number} is not [{READ}] TOKEN: it takes {ALLOWED}")
        found["".join(kind)].append(token)
    if not found[""] and not found[READ]:
        raise TokenError(f"{file} has no token")
    return Tokens.of(found[""], found[READ])
