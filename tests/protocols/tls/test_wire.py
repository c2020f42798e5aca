"""Records, alerts, and what can be read of a ServerHello."""

from __future__ import annotations

import pytest

from tls_talk import Talk, records_of
from vaurien.protocols.tls.wire import alert, alert_name, chosen_version, record, server_hello
from vaurien.values.messages import TO_CLIENT


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_the_version_that_a_server_chooses(version: str) -> None:
    first, *_ = records_of(Talk(version).shake_hands().of(TO_CLIENT))
    assert chosen_version(first) == version


@pytest.mark.parametrize(
    ("version", "name"),
    [(0x0301, "TLSv1"), (0x0303, "TLSv1.2"), (0x0304, "TLSv1.3"), (0x0305, "")],
)
def test_a_server_hello_chooses_a_version(version: int, name: str) -> None:
    for in_extension in (False, True):
        data = server_hello(version, b"session", 0x1301, in_extension=in_extension)
        assert chosen_version(data) == name


@pytest.mark.parametrize(
    "data",
    [b"", record(22, b"\2\0\0\1\3"), record(22, b"\2\0\0\0"), record(23, b"\2\0\0\0"), alert(40)],
)
def test_what_chooses_no_version(data: bytes) -> None:
    assert chosen_version(data) == ""


def test_alerts() -> None:
    assert alert(40).hex() == "15030300020228"
    assert alert_name(alert(40)) == "handshake_failure"
    assert alert_name(alert(200)) == "200"
    assert alert_name(record(21, bytes(26))) == ""
    assert alert_name(record(23, bytes(2))) == ""
