"""What redis says as a server; its words are compared with a real one's elsewhere."""

from __future__ import annotations

from vaurien.protocols.redis.server_faults import SERVER_FAULTS


def test_variants_have_names_of_their_own() -> None:
    rows = SERVER_FAULTS
    assert len({row.name for row in rows}) == len(rows)
    assert {row.name for row in rows if row.closes} == {
        "max-clients",
        "DENIED",
        "protocol-error",
        "UNBLOCKED",
    }
