"""The catalogue of TLS's faults.

Alerts are those of RFC 8446 section 6, and of RFC 5246 section 7.2, as a server sends them in
answer to a ClientHello; their numbers are other identifiers of them.  Most real servers send few
of them so early: the others come from proxies, from load balancers and from servers that are
configured to.
"""

from __future__ import annotations

from collections.abc import Container

from ...fault import Catalogue, Fault
from .fault_types import (
    Alert,
    BadRecord,
    BrokenHandshake,
    NoCloseNotify,
    PlaintextAnswer,
    ShownCertificate,
    WrongVersion,
)
from .wire import ALERTS

CONFIGURATION = "telling an error of configuration, which no retry fixes, from an outage"
CERTIFICATE = "telling whose certificate is wrong: here it is the client's that is refused"
BUG = "reporting an error of the protocol as what it is; no endless reconnecting"
RETRY = "reconnecting with a pause, or to another server"

MEANINGS: dict[str, tuple[str, str]] = {
    "close_notify": ("the server ends the connection before the handshake", RETRY),
    "unexpected_message": ("the server did not expect this message", BUG),
    "bad_record_mac": ("a record could not be decrypted: it was changed on its way", RETRY),
    "record_overflow": ("a record is too long", BUG),
    "decompression_failure": ("a record could not be decompressed (before TLS 1.3)", BUG),
    "handshake_failure": (
        "nothing that the client offers is acceptable: cipher suites, curves, or no certificate "
        "for its name",
        CONFIGURATION,
    ),
    "bad_certificate": ("a certificate is corrupt, or its signature is wrong", CERTIFICATE),
    "unsupported_certificate": ("a certificate is of a kind that is not supported", CERTIFICATE),
    "certificate_revoked": ("a certificate was revoked", CERTIFICATE),
    "certificate_expired": ("a certificate has expired, or is not valid yet", CERTIFICATE),
    "certificate_unknown": ("a certificate is not acceptable for another reason", CERTIFICATE),
    "illegal_parameter": ("a field of the handshake is wrong", BUG),
    "unknown_ca": ("a certificate is of an authority that is not trusted", CERTIFICATE),
    "access_denied": ("the certificate is valid, but its owner may not connect", CERTIFICATE),
    "decode_error": ("a message could not be decoded", BUG),
    "decrypt_error": ("a signature or a Finished could not be verified", BUG),
    "protocol_version": ("the versions that the client offers are too low, or too high",
                         CONFIGURATION),
    "insufficient_security": ("the server wants better cipher suites than the client offers",
                              CONFIGURATION),
    "internal_error": ("an error in the server that has nothing to do with the client", RETRY),
    "inappropriate_fallback": ("the client retries with a lower version than it could (RFC 7507)",
                               "clients that fall back to lower versions after an error"),
    "user_canceled": ("the handshake was canceled", RETRY),
    "no_renegotiation": ("the server does not renegotiate (before TLS 1.3)", BUG),
    "missing_extension": ("the client has left out an extension that it must send", BUG),
    "unsupported_extension": ("an extension was not asked for", BUG),
    "unrecognized_name": ("there is no server of the name that the client asks for (RFC 6066)",
                          "wrong or missing SNI: connections by address, aliases, wrong hosts"),
    "bad_certificate_status_response": ("the stapled answer of OCSP is not valid", CERTIFICATE),
    "unknown_psk_identity": ("no key is known for the identity of a pre-shared key",
                             "resuming sessions after all servers were restarted"),
    "certificate_required": ("the server wants a certificate of the client (mTLS)",
                             "deployments that forget the client's certificate"),
    "no_application_protocol": (
        "the server speaks none of the protocols that the client offers (ALPN), as nginx and Go "
        "say it",
        "falling back from HTTP/2, or failing with a clear error",
    ),
}  # fmt: skip
"""Of each alert: what it means, and what it exercises."""

TYPICAL = {"handshake_failure", "protocol_version", "internal_error", "unrecognized_name"}
ALIASES = {"no_application_protocol": ("alpn-refused",)}
BAD_REQUEST = b"""<html>
<head><title>400 Bad Request</title></head>
<body>
<center><h1>400 Bad Request</h1></center>
<hr><center>nginx</center>
</body>
</html>
"""
BAD_REQUEST_PAGE = BAD_REQUEST.replace(b"\n", b"\r\n")
PLAINTEXT = (
    b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nContent-Type: text/html\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(BAD_REQUEST_PAGE)
) + BAD_REQUEST_PAGE

VERIFICATION = "verifying the server's certificate: whoever accepts it can be listened to"
CERTIFICATES = (
    (
        "expired-certificate",
        "expired",
        "a certificate that was valid until yesterday",
        "the server's certificate was not renewed in time",
    ),
    (
        "not-yet-valid-certificate",
        "not_yet_valid",
        "a certificate that is valid from tomorrow on",
        "the server's certificate, or the clock of one of both, is ahead",
    ),
    (
        "wrong-host",
        "wrong_host",
        "a certificate for wrong.host.invalid",
        "the server's certificate is for another name",
    ),
    (
        "self-signed-certificate",
        "self_signed",
        "a certificate that is signed with its own key",
        "nobody vouches for the server",
    ),
    (
        "unknown-authority",
        "unknown_authority",
        "a certificate of an authority that nobody knows",
        "the client does not trust the authority of the server's certificate",
    ),
    (
        "missing-intermediate",
        "missing_intermediate",
        "a certificate of an intermediate authority whose own is left out",
        "the server is configured without its chain",
    ),
    (
        "wrong-purpose",
        "wrong_purpose",
        "a certificate for clients (extended key usage)",
        "the certificate is not one for servers",
    ),
    (
        "no-san",
        "no_san",
        "a certificate with its name as common name only",
        "the certificate has no subject alternative name, as ten years ago",
    ),
    (
        "weak-key",
        "weak_key",
        "a certificate with a key of RSA of 1024 bits",
        "the key of the server is too weak",
    ),
)
"""Of each fault: its name, the flaw of the certificate, that in words, and what it means."""

FAULTS: tuple[Fault, ...] = (
    *(
        Alert(
            name=name,
            code=code,
            aliases=ALIASES.get(name, ()),
            meaning=MEANINGS[name][0],
            exercises=MEANINGS[name][1],
            typical=name in TYPICAL,
        )
        for code, name in ALERTS.items()
    ),
    BrokenHandshake(
        name="handshake-closes",
        how="FIN",
        meaning="the server closes in the middle of the handshake",
        exercises=RETRY,
        typical=True,
    ),
    BrokenHandshake(
        name="handshake-resets",
        how="RST",
        meaning="the connection is reset in the middle of the handshake",
        exercises=RETRY,
        typical=True,
    ),
    BrokenHandshake(
        name="handshake-stalls",
        how="stall",
        meaning="the server falls silent in the middle of the handshake, until the rule is lifted",
        exercises="limits of time that include the handshake, not only the connect",
        typical=True,
    ),
    PlaintextAnswer(
        name="plaintext-http",
        answer=PLAINTEXT,
        meaning="the port does not speak TLS: a web server answers the ClientHello with 400",
        exercises="errors that say so; no fallback to plaintext",
        typical=True,
    ),
    WrongVersion(
        name="version-too-low",
        high=False,
        meaning="an old server, which speaks no version that the client offers",
        exercises="refusing versions that were not offered",
    ),
    WrongVersion(
        name="version-too-high",
        high=True,
        meaning="a server that chooses a version after TLS 1.3",
        exercises="refusing versions that were not offered",
    ),
    *(
        ShownCertificate(name=name, flaw=flaw, shown=shown, meaning=meaning, exercises=VERIFICATION)
        for name, flaw, shown, meaning in CERTIFICATES
    ),
    ShownCertificate(
        name="client-certificate-demanded",
        shown="a good certificate, in which the server demands one of the client",
        demands=True,
        meaning="the server wants a certificate of the client (mTLS)",
        exercises="with TLS 1.3 the handshake succeeds, and the first read or write fails",
    ),
    BadRecord(
        name="bad-record",
        meaning="the first record after the handshake was damaged on its way",
        exercises="errors in a connection that was established: retries where they are safe",
    ),
    NoCloseNotify(
        name="no-close-notify",
        meaning="the connection ends without a close_notify: what came before may be cut short",
        exercises="detecting truncation; responses that end with their connection",
    ),
)


def _any_code(identifier: str, given: Container[str]) -> Fault | None:
    del given
    if not identifier.isdecimal() or not identifier.isascii() or int(identifier) > 255:
        return None
    return Alert(
        name=str(int(identifier)),
        code=int(identifier),
        meaning="an alert without a name",
        exercises="alerts that a client does not know",
    )


CATALOGUE = Catalogue(
    FAULTS, any_code=_any_code, codes="the number of any other alert, from 0 to 255"
)
