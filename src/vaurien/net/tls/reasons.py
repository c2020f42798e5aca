"""Why TLS has failed, in words."""

from __future__ import annotations

import ssl

NOT_TLS = ("WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG")
"""OpenSSL's names for records that are none, as the text of another protocol."""
DISTRUST = ("ALERT_UNKNOWN_CA", "ALERT_BAD_CERTIFICATE", "ALERT_CERTIFICATE_UNKNOWN")
"""The ends of OpenSSL's names for the alerts of those who do not trust an authority."""
MISMATCHES = (62, 64)
"""OpenSSL's numbers for a certificate that is for another name, or for another address."""


ALERT = "_ALERT_"
"""What OpenSSL's names have for alerts that were received, before those of the alerts."""


def is_alert(error: OSError) -> bool:
    """Whether the peer has sent an alert."""
    return isinstance(error, ssl.SSLError) and ALERT in (error.reason or "")


def distrusts(error: OSError) -> bool:
    """Whether the peer says that it does not accept the certificate that it was shown."""
    return isinstance(error, ssl.SSLError) and (error.reason or "").endswith(DISTRUST)


def reason_of(error: OSError) -> str:
    """Return why TLS has failed, without the place in OpenSSL's source."""
    if isinstance(error, ssl.SSLCertVerificationError):
        hint = "; see server-name" if error.verify_code in MISMATCHES else ""
        return f"its certificate is not accepted: {error.verify_message.rstrip('.')}{hint}"
    if isinstance(error, ssl.SSLEOFError):
        return "it closed the connection"
    if isinstance(error, ssl.SSLError) and error.reason in NOT_TLS:
        return "what it sends is not TLS"
    if isinstance(error, ssl.SSLError) and error.reason:
        name = error.reason.partition(ALERT)[2] or error.reason
        words = name.lower().replace("_", " ")
        return f"it sent the alert {words}" if is_alert(error) else words
    return error.strerror or str(error)
