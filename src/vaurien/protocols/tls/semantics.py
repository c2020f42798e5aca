"""What a handshake means to who judges a client: it asks for nothing, so it may be repeated."""

from __future__ import annotations

from ...semantics import Semantics

SEMANTICS = Semantics(
    safe=({},),
    transient="^(internal_error|user_canceled)$",
    fatal="^(bad_certificate|certificate_|unknown_ca|protocol_version|no_application_protocol)",
    error="alert",
    failed=({"alert": "~."},),
    telling=(
        {"fault": "handshake-stalls"},
        {"fault": "handshake-closes"},
        {"fault": "plaintext-http"},
    ),
)
