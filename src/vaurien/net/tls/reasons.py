"""Why TLS has failed, in words."""

from __future__ import annotations

import ssl

MISMATCHES = (62, 64)
"""OpenSSL's numbers for a certificate that is for another name, or for another address."""


def reason_of(error: OSError) -> str:
    """Return why TLS has failed, without the place in OpenSSL's source."""
    if isinstance(error, ssl.SSLCertVerificationError):
        hint = "; see server-name" if error.verify_code in MISMATCHES else ""
        return f"its certificate is not accepted: {error.verify_message.rstrip('.')}{hint}"
    if isinstance(error, ssl.SSLEOFError):
        return "it closed the connection"
    if isinstance(error, ssl.SSLError) and error.reason:
        words = error.reason.lower().replace("_", " ")
        _, alert, name = words.partition(" alert ")
        return f"it sent the alert {name}" if alert else words
    return error.strerror or str(error)
