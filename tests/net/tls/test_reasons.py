"""Why TLS has failed, in words."""

from __future__ import annotations

import errno
import ssl

import pytest

from vaurien.net.tls.reasons import distrusts, reason_of


def failure(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}] some words (_ssl.c:1006)")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (failure("TLSV1_ALERT_UNKNOWN_CA"), "it sent the alert unknown ca"),
        (failure("SSLV3_ALERT_HANDSHAKE_FAILURE"), "it sent the alert handshake failure"),
        (failure("WRONG_VERSION_NUMBER"), "what it sends is not TLS"),
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), "it closed the connection"),
        (ConnectionResetError(errno.ECONNRESET, "reset by peer"), "reset by peer"),
        (OSError("it has no name"), "it has no name"),
    ],
)
def test_a_reason_is_short(error: OSError, text: str) -> None:
    assert reason_of(error) == text


@pytest.mark.parametrize(
    ("code", "message", "text"),
    [
        (10, "certificate has expired", "certificate has expired"),
        (62, "not valid for 'a'.", "not valid for 'a'; see server-name"),
    ],
)
def test_a_certificate_is_said_to_be_at_fault(code: int, message: str, text: str) -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, message
    assert reason_of(error) == f"its certificate is not accepted: {text}"


def test_who_does_not_trust_an_authority() -> None:
    assert distrusts(failure("TLSV1_ALERT_UNKNOWN_CA"))
    assert distrusts(failure("SSLV3_ALERT_BAD_CERTIFICATE"))
    assert not distrusts(failure("SSLV3_ALERT_BAD_CERTIFICATE_STATUS"))
    assert not distrusts(ConnectionResetError())
