"""``vaurien faults``: what there is, in words for people."""

from __future__ import annotations

import pytest

from lines import Lines
from vaurien import plugins, registry
from vaurien.cli import main
from vaurien.cli.faults import details

PROTOCOLS = sorted(plugins.PROTOCOLS.keys() - {"tcp"})


def told(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as caught:
        main(["faults", *words])
    said = capsys.readouterr()
    assert (caught.value.code, said.err) == (0, "")
    return said.out


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as caught:
        main(["faults", *words])
    said = capsys.readouterr()
    assert (caught.value.code, said.out, said.err.count("\n")) == (2, "", 1)
    return said.err


def test_an_overview_names_the_faults_of_each_protocol(capsys: pytest.CaptureFixture[str]) -> None:
    out = told(capsys)
    for name in PROTOCOLS:
        assert f"{name}: " in out
    assert "READONLY" in out
    assert "tcp" not in out


def test_a_fault_is_told_with_all_there_is_to_it() -> None:
    assert "\n".join(details(Lines)).startswith(
        "BUSY, 17\n"
        "    means      busy\n"
        "    wire       BUSY <reason>\n"
        "    exercises  waiting\n"
        "    takes      reason\n"
        "\n"
        "BYE\n"
    )
    locked = "\n".join(details(Lines, "locked"))
    assert "    where      command=PUT\n" in locked
    assert "    takes      reason: what it says (default: no)\n" in locked


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_fault_says_what_it_is_in_full(protocol: str) -> None:
    for fault in registry.protocols.get(protocol).faults:
        for text in (fault.meaning, fault.exercises, fault.wire):
            assert text.strip(), fault.name
            assert "\n" not in text, fault.name
            assert text.isprintable(), fault.name


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_has_typical_faults(protocol: str) -> None:
    plugin = registry.protocols.get(protocol)
    typical = [fault for fault in plugin.faults if fault.typical]
    assert len(typical) >= 2
    known = {**plugin.labels, **plugin.response_labels}
    for fault in plugin.faults:
        assert set(fault.applies_to) <= set(known), fault.name


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_names_of_faults_are_unique(protocol: str) -> None:
    names = [fault.name.lower() for fault in registry.protocols.get(protocol).faults]
    assert len(names) == len(set(names))


def test_one_fault(capsys: pytest.CaptureFixture[str]) -> None:
    out = told(capsys, "redis", "readonly")
    assert out.startswith("READONLY")
    assert "-READONLY You can't write against a read only replica." in out


def test_codes_that_are_not_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "mysql").endswith("Also any other error number from 1 to 65534.\n")
    out = told(capsys, "mysql", "4711")
    assert out.startswith("4711\n")
    assert "Also" not in out


def test_mistakes_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert "'ftp' is an unknown protocol. Did you mean 'tcp'? Pick one of: " in refused(
        capsys, "ftp"
    )
    assert "the protocol 'tcp' has no faults" in refused(capsys, "tcp")
    assert "fault='READNLY' is unknown (did you mean READONLY?)" in refused(
        capsys, "redis", "READNLY"
    )
