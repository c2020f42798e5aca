"""``vaurien ca``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vaurien.authority.folder import authority
from vaurien.cli.ca import ca


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as ended:
        ca.main(list(words), "vaurien ca")
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_it_is_made_and_described(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAURIEN_CA_FOLDER", "")
    folder = str(tmp_path / "ca")
    text = said(capsys, "--folder", folder)
    assert f"Certificate  {folder}/ca.pem\nPrivate key  {folder}/authority.pem\n" in text
    assert authority(folder).fingerprint in text
    assert f"\nNode:\n  export NODE_EXTRA_CA_CERTS={folder}/ca.pem\n" in text
    assert "PRIVATE" not in text
    assert said(capsys, "--folder", folder) == text


def test_only_the_path(ca_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "--path") == f"{ca_folder}/ca.pem\n"
    assert (ca_folder / "ca.pem").exists()


def test_variables_for_a_shell(ca_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = said(capsys, "--env") + 'test -r "$SSL_CERT_FILE" && echo "$CURL_CA_BUNDLE"'
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"{ca_folder}/bundle-")


def test_without_cryptography(tmp_path: Path) -> None:
    code = "import sys; sys.modules['cryptography'] = None; from vaurien.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "ca"],
        env={**os.environ, "VAURIEN_CA_FOLDER": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    why = "making certificates takes the package cryptography: pip install 'vaurien[tls]'"
    assert (done.returncode, done.stderr) == (2, f"vaurien: {why}\n")
