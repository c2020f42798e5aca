"""The folder of an authority: made once, for its owner, also by many processes at once."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from vaurien.authority import folder
from vaurien.authority.certificates import make_authority, make_leaf, read_identity
from vaurien.errors import AuthorityError


def test_where_it_is() -> None:
    home = os.path.expanduser("~/.local/state/vaurien/ca")
    assert folder.folder({}) == folder.folder({"XDG_STATE_HOME": "relative"}) == home
    assert folder.folder({"XDG_STATE_HOME": "/state"}) == "/state/vaurien/ca"
    assert folder.folder({"VAURIEN_CA_FOLDER": "here", "XDG_STATE_HOME": "/state"}) == "here"


def test_it_is_made_for_its_owner_and_kept(tmp_path: Path) -> None:
    where = tmp_path / "state" / "ca"
    made = folder.authority(str(where))
    secret, public = where / "authority.pem", where / "ca.pem"
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (where, secret, public)]
    assert modes == [0o700, 0o600, 0o644]
    assert sorted(path.name for path in where.iterdir()) == ["authority.pem", "ca.pem"]
    assert public.read_bytes() == made.public_pem
    assert folder.public_file(str(where)) == str(public)
    folder.opened.cache_clear()
    assert folder.authority(str(where)).public_pem == made.public_pem


def test_a_lost_certificate_is_written_again(tmp_path: Path) -> None:
    made = folder.authority(str(tmp_path))
    (tmp_path / "ca.pem").unlink()
    folder.opened.cache_clear()
    folder.authority(str(tmp_path))
    assert (tmp_path / "ca.pem").read_bytes() == made.public_pem


def test_a_certificate_of_an_authority_of_before_is_replaced(tmp_path: Path) -> None:
    folder.authority(str(tmp_path))
    (tmp_path / "authority.pem").unlink()
    folder.opened.cache_clear()
    made = folder.authority(str(tmp_path))
    assert (tmp_path / "ca.pem").read_bytes() == made.public_pem
    assert len(list(tmp_path.iterdir())) == 2


def test_processes_that_begin_at_once_have_one_authority(tmp_path: Path) -> None:
    code = "import sys; from vaurien.authority.folder import authority; sys.stdin.read(); "
    code += f"print(authority({str(tmp_path)!r}).certificate.serial_number)"
    several = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(4)
    ]
    for each in several:
        assert each.stdin is not None
        each.stdin.close()
        each.stdin = None
    serials = {each.communicate()[0] for each in several}
    assert serials == {f"{folder.authority(str(tmp_path)).certificate.serial_number}\n".encode()}
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("content", [b"mine", make_leaf(None, ["mine"], datetime.now(UTC)).pem])
def test_a_file_that_is_no_authority_is_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "authority.pem").write_bytes(content)
    with pytest.raises(AuthorityError, match=r"authority\.pem holds no authority: remove it"):
        folder.authority(str(tmp_path))
    assert (tmp_path / "authority.pem").read_bytes() == content


def test_an_authority_that_has_expired(tmp_path: Path) -> None:
    old = make_authority("old", datetime.now(UTC) - timedelta(days=4000))
    (tmp_path / "authority.pem").write_bytes(old.pem)
    with pytest.raises(AuthorityError, match="has expired: remove it"):
        folder.authority(str(tmp_path))


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AuthorityError, match=r"file/ca: Not a directory"):
        folder.authority(str(tmp_path / "file" / "ca"))


def test_without_cryptography(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vaurien.authority.certificates", None)
    with pytest.raises(AuthorityError, match=r"pip install 'vaurien\[tls\]'"):
        folder.authority(str(tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def test_what_is_read_back_signs(tmp_path: Path) -> None:
    folder.authority(str(tmp_path))
    identity = read_identity((tmp_path / "authority.pem").read_bytes())
    assert identity.key.public_key() == identity.certificate.public_key()
