"""What a proxy shows and trusts in handshakes: made of the files that ``Tls`` names.

Law: files are read in ``load``, and the authority in ``prepare``, which are not for the
reactor's thread.  Later only a leaf is made for a name that no client has asked for before:
about a millisecond.  Whoever shakes hands sets the ALPN on these contexts, just before.
"""

from __future__ import annotations

import re
import ssl
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from ipaddress import ip_address
from typing import TYPE_CHECKING

from ...errors import OptionError
from . import pem
from .spec import Tls

if TYPE_CHECKING:
    from ...authority.certificates import Identity, Key

NAMES = ("localhost", "127.0.0.1", "::1")
"""What a leaf is for, besides where the proxy listens, if a client does not say a name."""
NAME = re.compile(r"[\w.-]+")
"""What the name of a server may be, in any language."""
CONTEXTS_LIMIT = 256
VERSIONS = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}
FILES = ("cert", "key", "client_cert", "client_key", "ca", "client_ca")
"""The fields of ``Tls`` that are names of files ..."""
AUTHORITIES = ("ca", "client_ca")
"""... and those of authorities."""
OUTDATED = ("1.0", "1.1")
ANY_STRENGTH = "DEFAULT:@SECLEVEL=0"
"""OpenSSL's ciphers, with keys and versions that it refuses by default."""
DEFAULT = Tls(mode="terminate")


class Certificates:
    """What clients are shown: a given certificate, or one for each name that they ask for."""

    def __init__(
        self,
        tls: Tls = DEFAULT,
        given: bytes = b"",
        client_ca: str = "",
        names: Sequence[str] = NAMES,
    ) -> None:
        """``given``, ``client_ca``: what is in the files; ``names``: of a leaf without SNI."""
        self._tls = tls
        self._given = given
        self._client_ca = client_ca
        self.names = tuple(name.lower() for name in names)
        self._made: dict[tuple[str, str, bool], ssl.SSLContext] = {}
        self.needs_authority = tls.with_clients and not given

    def prepare(self) -> None:
        """Read the authority, or make it, which takes a tenth of a second; in any thread.

        Raises:
            AuthorityError: that failed.
        """
        _ = self._authority, self._key

    def for_name(self, sni: str | None, flaw: str = "", *, demand: bool = False) -> ssl.SSLContext:
        """Return the context for a client that asks for a name, or for none.

        ``flaw``: of ``FLAWED``, which its certificate is to have.  ``demand``: the client must
        show a certificate.

        Raises:
            AuthorityError: there is no authority.
        """
        name = "" if self._given and not flaw else self._name(sni)
        asked = name, flaw, demand
        context = self._made.pop(asked, None) or self._new(name, flaw, demand=demand)
        self._made[asked] = context  # the last one used is the last one
        if len(self._made) > CONTEXTS_LIMIT:
            del self._made[next(iter(self._made))]
        return context

    def are_for(self, name: str) -> bool:
        """Whether clients reach the proxy by this name, so that it says nothing of the backend."""
        return name.lower() in self.names or is_address(name)

    def _name(self, sni: str | None) -> str:
        from ...authority.certificates import is_name

        return sni if sni and is_name(sni) else ""

    def _new(self, name: str, flaw: str, *, demand: bool) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.options |= ssl.OP_NO_RENEGOTIATION
        restrict(context, self._tls)
        if flaw:
            context.set_ciphers(ANY_STRENGTH)
        shown = self._given if self._given and not flaw else self._identity(name, flaw).pem
        pem.load(context, shown)
        if self._client_ca or demand:
            context.verify_mode = ssl.CERT_REQUIRED
        if self._client_ca:
            context.load_verify_locations(cadata=self._client_ca)
        return context

    def _identity(self, name: str, flaw: str) -> Identity:
        from ...authority.certificates import FLAWED, make_leaf

        names = (name,) if name else self.names
        now = datetime.now(UTC)
        if flaw:
            return FLAWED[flaw](self._authority, names[0], now)
        return make_leaf(self._authority, names, now, self._key)

    @cached_property
    def _authority(self) -> Identity:
        from ...authority.folder import authority

        return authority()

    @cached_property
    def _key(self) -> Key:
        """That of all leaves, which differ in their names only."""
        from ...authority.certificates import draw_key

        return draw_key()


@dataclass(frozen=True)
class Credentials:
    """What handshakes take on each side; equal if the files were."""

    backend: ssl.SSLContext | None = field(default=None, compare=False)
    """None if the backend is not spoken to in TLS."""
    certificates: Certificates = field(default_factory=Certificates, compare=False, repr=False)
    digest: str = field(default="", repr=False)
    """Of the contents of all files."""

    def prepare(self) -> None:
        """Prepare what will be needed; see ``Certificates.prepare``."""
        if self.certificates.needs_authority:
            self.certificates.prepare()


def load(tls: Tls, names: Sequence[str] = ()) -> Credentials:
    """Return what is in the files of a proxy; ``names`` are those it listens at.

    Raises:
        OptionError: a file cannot be used, or a name; ``key`` is the field of ``Tls``.
    """
    name = tls.server_name
    if name and not (NAME.fullmatch(name) or is_address(name)):
        why, allowed = "is not a name of a server", "the name of a host, or an address"
        raise OptionError(why, key="server_name", given=name, allowed=allowed)
    paths = {key: getattr(tls, key) for key in FILES}
    files = {key: pem.read(key, path) for key, path in paths.items() if path}
    own = _pair(paths, files, "cert", "key")
    mine = _pair(paths, files, "client_cert", "client_key")
    authorities = {
        key: pem.certificates(key, paths[key], files[key]) for key in AUTHORITIES if key in files
    }
    certificates = Certificates(
        tls, own, authorities.get("client_ca", ""), tuple(dict.fromkeys((*names, *NAMES)))
    )
    backend = _towards_backend(tls, authorities.get("ca", ""), mine) if tls.with_backend else None
    digest = sha256(repr(sorted(files.items())).encode()).hexdigest()
    return Credentials(backend, certificates, digest)


def is_address(name: str) -> bool:
    """Whether it is numeric, and so no name that a server can be asked for (RFC 6066)."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _pair(paths: Mapping[str, str], files: Mapping[str, bytes], cert: str, key: str) -> bytes:
    return pem.pair((cert, paths[cert]), (key, paths[key]), files) if cert in files else b""


def _towards_backend(tls: Tls, authorities: str, mine: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    restrict(context, tls)
    if tls.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif authorities:
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # any of these is trusted
        context.load_verify_locations(cadata=authorities)
    else:
        context.load_default_certs()
    if mine:
        pem.load(context, mine)
    return context


def restrict(context: ssl.SSLContext, tls: Tls) -> None:
    """Let a context speak no version lower than the lowest one."""
    if tls.minimum in OUTDATED:
        context.set_ciphers(ANY_STRENGTH)
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # old ones
        context.minimum_version = VERSIONS[tls.minimum]
