"""X.509 certificates: an authority, leaves that it signs for servers, and leaves with a flaw.

Law: pure, but for the keys that are drawn; the time is an argument.  Needs ``cryptography``,
and so is imported only where a certificate is made.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

AUTHORITY_LIFE = timedelta(days=3650)
LEAF_LIFE = timedelta(days=397)
"""Longer ones are refused by some clients."""
SKEW = timedelta(days=2)
"""How long before it is made a certificate begins to be valid: clocks differ."""
COMMON_NAME_LIMIT = 64
"""RFC 5280, ub-common-name."""
NAME_LIMIT = 253
"""Characters of a name in DNS."""
WEAK_BITS = 1024
KEY_USES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


@dataclass(frozen=True)
class Identity:
    """A certificate, its private key, and what a server sends with it."""

    certificate: x509.Certificate
    key: Key = field(repr=False)
    chain: tuple[x509.Certificate, ...] = ()
    """The certificates of intermediate authorities, from the leaf's on."""

    @property
    def pem(self) -> bytes:
        """All of it as PEM, the private key first."""
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return key + self.public_pem

    @property
    def is_authority(self) -> bool:
        """Its certificate may sign others."""
        try:
            found = self.certificate.extensions.get_extension_for_class(x509.BasicConstraints)
        except x509.ExtensionNotFound:
            return False
        return found.value.ca

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the certificate, as browsers and OpenSSL show it."""
        return self.certificate.fingerprint(SHA256()).hex(":").upper()

    @property
    def public_pem(self) -> bytes:
        """The certificates as PEM."""
        return b"".join(each.public_bytes(Encoding.PEM) for each in (self.certificate, *self.chain))


def read_identity(pem: bytes) -> Identity:
    """Return the identity whose ``pem`` this is.

    Raises:
        ValueError: it is no such thing.
    """
    certificate, *chain = x509.load_pem_x509_certificates(pem)
    key = load_pem_private_key(pem, None)
    if not isinstance(key, Key) or key.public_key() != certificate.public_key():
        raise ValueError("the private key is not that of the certificate")
    return Identity(certificate, key, tuple(chain))


def draw_key() -> ec.EllipticCurvePrivateKey:
    """Return a new key on the curve P-256."""
    return ec.generate_private_key(ec.SECP256R1())


# An authority, and what it signs.


def make_authority(name: str, now: datetime, above: Identity | None = None) -> Identity:
    """Return a new authority; with one ``above`` it, an intermediate."""
    key = draw_key()
    subject = _called(name)
    until = now + AUTHORITY_LIFE
    if above:
        until = min(until, above.certificate.not_valid_after_utc)
    builder = _builder(subject, key, now - SKEW, until)
    builder = builder.add_extension(_usage("key_cert_sign", "crl_sign"), critical=True)
    constraints = x509.BasicConstraints(ca=True, path_length=0 if above else 1)
    builder = builder.add_extension(constraints, critical=True)
    return Identity(_signed(builder, above, subject, key), key)


def make_leaf(
    issuer: Identity | None,
    names: Sequence[str],
    now: datetime,
    key: Key | None = None,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH,
    in_subject_only: bool = False,
) -> Identity:
    """Return a certificate for a server of these names: names of DNS and addresses.

    Without an issuer it is signed with its own key.  ``in_subject_only``: the first name is where
    it was before there was an extension for it, which clients today do not look at.
    """
    key = key or draw_key()
    subject = _called(names[0])
    until = until or now + LEAF_LIFE
    if issuer:
        until = min(until, issuer.certificate.not_valid_after_utc)
    builder = _builder(subject, key, since or now - SKEW, until)
    uses = [
        "digital_signature",
        *(["key_encipherment"] if isinstance(key, rsa.RSAPrivateKey) else []),
    ]
    builder = builder.add_extension(_usage(*uses), critical=True)
    builder = builder.add_extension(x509.BasicConstraints(False, None), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    if not in_subject_only:
        alternatives = x509.SubjectAlternativeName([_general(name) for name in names])
        # RFC 5280, 4.2.1.6: critical where the subject is empty
        builder = builder.add_extension(alternatives, critical=not list(subject))
    return Identity(_signed(builder, issuer, subject, key), key)


def is_name(text: str) -> bool:
    """Whether a certificate can be for this name."""
    labels = text.removesuffix(".").split(".")
    return (
        text.isascii()
        and text.isprintable()
        and " " not in text
        and len(text) <= NAME_LIMIT
        and all(0 < len(label) <= 63 for label in labels)
    )


def _called(name: str) -> x509.Name:
    """Return the name of a subject; an empty one, if the name is too long."""
    if len(name) > COMMON_NAME_LIMIT:
        return x509.Name([])
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(*uses: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{use: use in uses for use in KEY_USES})


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(
    subject: x509.Name, key: Key, since: datetime, until: datetime
) -> x509.CertificateBuilder:
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(since.astimezone(UTC))
        .not_valid_after(until.astimezone(UTC))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _signed(
    builder: x509.CertificateBuilder, issuer: Identity | None, subject: x509.Name, key: Key
) -> x509.Certificate:
    """Return the certificate, signed by its issuer, or with its own key."""
    signer = issuer.key if issuer else key
    name = issuer.certificate.subject if issuer else subject
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    return (
        builder.issuer_name(name).add_extension(identifier, critical=False).sign(signer, SHA256())
    )


# Leaves with a flaw.


def _unknown_authority(issuer: Identity, name: str, now: datetime) -> Identity:
    del issuer
    other = make_authority("unknown authority", now)
    leaf = make_leaf(other, [name], now)
    return Identity(leaf.certificate, leaf.key, (other.certificate,))


def _missing_intermediate(issuer: Identity, name: str, now: datetime) -> Identity:
    return make_leaf(make_authority("intermediate authority", now, issuer), [name], now)


@cache
def _weak_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, WEAK_BITS)


YEAR = timedelta(days=365)
WRONG_HOST = "wrong.host.invalid"
FLAWED: Mapping[str, Callable[[Identity, str, datetime], Identity]] = {
    "expired": lambda issuer, name, now: make_leaf(
        issuer, [name], now, since=now - YEAR, until=now - timedelta(days=1)
    ),
    "not_yet_valid": lambda issuer, name, now: make_leaf(
        issuer, [name], now, since=now + timedelta(days=1), until=now + YEAR
    ),
    "wrong_host": lambda issuer, _, now: make_leaf(issuer, [WRONG_HOST], now),
    "self_signed": lambda _, name, now: make_leaf(None, [name], now),
    "unknown_authority": _unknown_authority,
    "missing_intermediate": _missing_intermediate,
    "wrong_purpose": lambda issuer, name, now: make_leaf(
        issuer, [name], now, purpose=ExtendedKeyUsageOID.CLIENT_AUTH
    ),
    "no_san": lambda issuer, name, now: make_leaf(issuer, [name], now, in_subject_only=True),
    "weak_key": lambda issuer, name, now: make_leaf(issuer, [name], now, _weak_key()),
}
"""Each makes a leaf for a name that a client which trusts the issuer should refuse.

OpenSSL loads ``weak_key`` only at security level 0: ``set_ciphers("DEFAULT:@SECLEVEL=0")``.
"""
