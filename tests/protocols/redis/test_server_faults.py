"""What redis says as a server; its words are compared with a real one's elsewhere."""

from __future__ import annotations

from vaurien.protocols.redis.server_faults import ACCESS, REPLICATION, SERVER, error


def test_an_error_is_named_after_its_code() -> None:
    row = error("CODE", "text", "meaning", "exercises")
    assert (row.name, row.code, row.applies_to) == ("CODE", "CODE", {})
    assert [option.name for option in row.parameters] == ["message", "blob"]
    assert row.parameters[0].default == "text"
    assert row.wire == "-CODE text"


def test_an_error_may_have_another_name() -> None:
    row = error("CODE", "text", "meaning", "exercises", name="other", closes=True)
    assert row.name == "other"
    assert row.wire == "-CODE text, then the end of the connection"


def test_variants_have_names_of_their_own() -> None:
    rows = [*SERVER, *REPLICATION, *ACCESS]
    assert len({row.name for row in rows}) == len(rows)
    assert {row.name for row in rows if row.closes} == {
        "max-clients",
        "DENIED",
        "protocol-error",
        "UNBLOCKED",
    }
