"""The state file, on a real file system."""

from __future__ import annotations

import errno
import json
import logging
import os
import re
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from vaurien.control.store import DamagedError, Store, StoreError

OLD: dict[str, object] = {"proxies": {"cache": {"backend": "localhost:6379"}}, "seed": 7}
NEW: dict[str, object] = {"proxies": {}, "seed": 7}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with closing(Store(str(path))) as opened:
        yield opened


def names_in(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


# Saving.


def test_nothing_was_ever_saved(store: Store) -> None:
    assert store.load() is None


def test_what_is_committed_is_loaded(store: Store, path: Path) -> None:
    store.prepare(OLD).commit()
    assert store.load() == OLD
    store.prepare(NEW).commit()
    assert store.load() == NEW
    assert names_in(path.parent) == {"state.json", "state.json.lock"}


def test_the_file_says_its_format(store: Store, path: Path) -> None:
    store.prepare(OLD).commit()
    assert json.loads(path.read_bytes()) == {"format": 1, **OLD}


def test_any_text_comes_back(store: Store) -> None:
    document: dict[str, object] = {"text": '\0 \ud800 é 🌍 " \\ \n', "number": 0.1, "flag": True}
    store.prepare(document).commit()
    assert store.load() == document


def test_what_is_prepared_is_not_in_force(store: Store) -> None:
    store.prepare(OLD).commit()
    prepared = store.prepare(NEW)
    assert store.load() == OLD
    prepared.commit()
    assert store.load() == NEW


def test_what_is_discarded_leaves_nothing(store: Store, path: Path) -> None:
    store.prepare(OLD).commit()
    store.prepare(NEW).discard()
    assert store.load() == OLD
    assert names_in(path.parent) == {"state.json", "state.json.lock"}


def test_nobody_else_can_read_it(store: Store, path: Path) -> None:
    path.write_text("{}")
    path.chmod(0o644)
    prepared = store.prepare(OLD)
    (temporary,) = names_in(path.parent) - {"state.json", "state.json.lock"}
    assert stat.S_IMODE((path.parent / temporary).stat().st_mode) == 0o600
    prepared.commit()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_symbolic_link_stands_for_its_target(tmp_path: Path) -> None:
    target = tmp_path / "kept" / "real.json"
    target.parent.mkdir()
    link = tmp_path / "state.json"
    link.symlink_to(target)  # which does not exist yet
    with closing(Store(str(link))) as store:
        store.prepare(OLD).commit()
        assert store.load() == OLD
        with pytest.raises(StoreError, match="another process"):
            Store(str(target))
    assert link.is_symlink()
    assert json.loads(target.read_bytes()) == {"format": 1, **OLD}
    assert names_in(tmp_path) == {"state.json", "kept"}


def test_the_target_of_a_link_is_copied_and_not_moved(tmp_path: Path) -> None:
    target = tmp_path / "kept" / "real.json"
    target.parent.mkdir()
    target.write_text("damaged")
    link = tmp_path / "state.json"
    link.symlink_to(target)
    with closing(Store(str(link))) as store:
        with pytest.raises(
            DamagedError, match=f"; it was copied to {re.escape(str(link))}.damaged-1$"
        ):
            store.load()
        assert target.read_text() == "damaged"
        store.prepare(OLD).commit()
        with store.copied("replaced") as copy:
            assert copy == f"{link}.replaced-1"
    assert names_in(tmp_path) == {
        "state.json",
        "state.json.damaged-1",
        "state.json.replaced-1",
        "kept",
    }
    assert names_in(target.parent) == {"real.json", "real.json.lock"}
    assert (tmp_path / "state.json.damaged-1").read_text() == "damaged"


def test_a_relative_path_is_of_the_folder_it_began_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with closing(Store("state.json")) as store:
        monkeypatch.chdir("elsewhere")
        store.prepare(OLD).commit()
    assert (tmp_path / "state.json").exists()


# Errors while saving.


def fail_with(number: int, after: int = 0) -> object:
    """Stands in for a function of ``os`` that fails after a number of bytes."""
    room = after
    write = os.write

    def fail(descriptor: int, data: object = b"", *rest: object) -> int:
        nonlocal room
        if not room:
            raise OSError(number, os.strerror(number))
        assert isinstance(data, memoryview)
        taken = write(descriptor, data[: min(room, 7)])
        room -= taken
        return taken

    return fail


@pytest.mark.parametrize(
    ("function", "number", "after"),
    [
        ("write", errno.ENOSPC, 0),
        ("write", errno.ENOSPC, 21),
        ("write", errno.EDQUOT, 0),
        ("fsync", errno.EIO, 0),
        ("open", errno.EROFS, 0),
    ],
)
def test_what_cannot_be_written_leaves_the_state_before(
    store: Store,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    number: int,
    after: int,
) -> None:
    store.prepare(OLD).commit()
    with monkeypatch.context() as patched:
        patched.setattr(os, function, fail_with(number, after))
        with pytest.raises(StoreError) as raised:
            store.prepare(NEW)
    reason = os.strerror(number)
    assert (
        str(raised.value)
        == f"{path} cannot be written: {reason}; it still holds the previous state"
    )
    assert store.load() == OLD
    assert names_in(path.parent) == {"state.json", "state.json.lock"}
    store.prepare(NEW).commit()
    assert store.load() == NEW


def test_a_device_that_takes_only_part_of_it_is_asked_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "write", fail_with(0, 1_000_000))
    store.prepare(OLD).commit()
    assert store.load() == OLD


def test_what_cannot_be_renamed_leaves_the_state_before(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.prepare(OLD).commit()
    prepared = store.prepare(NEW)
    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", fail_with(errno.EBUSY))
        with pytest.raises(StoreError, match="Device or resource busy"):
            prepared.commit()
    assert store.load() == OLD
    assert names_in(path.parent) == {"state.json", "state.json.lock"}


@pytest.mark.parametrize(
    ("number", "warnings"), [(errno.EINVAL, 0), (errno.EACCES, 0), (errno.EIO, 1)]
)
def test_a_folder_that_does_not_sync_takes_nothing_back(
    store: Store,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    number: int,
    warnings: int,
) -> None:
    prepared = store.prepare(OLD)
    monkeypatch.setattr(os, "fsync", fail_with(number))
    prepared.commit()
    assert store.load() == OLD
    assert len(caplog.records) == warnings
    assert all(str(path) in record.getMessage() for record in caplog.records)


# What cannot be read.

STATE = json.dumps({"format": 1, **OLD}).encode()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is not JSON"),
        (STATE[:-1], "is not JSON"),
        (STATE[: len(STATE) // 2], "is not JSON"),
        (b"\0" * 4096, "is not JSON"),
        (b"\xff\xfe\xfd", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"1" * 10_000, "is not JSON"),
        (STATE + STATE, "is not JSON"),
        (b"null", "was not saved by vaurien"),
        (b"[]", "was not saved by vaurien"),
        (b"{}", "was not saved by vaurien"),
        (b'{"proxies": {}}', "was not saved by vaurien"),
        (b'{"format": "1"}', "was not saved by vaurien"),
        (b'{"format": true}', "was not saved by vaurien"),
        (b'{"format": 1.0}', "was not saved by vaurien"),
        (b'{"format": 0}', "was not saved by vaurien"),
        (b'{"format": -2}', "was not saved by vaurien"),
    ],
)
def test_a_damaged_file_is_moved_aside(store: Store, path: Path, data: bytes, why: str) -> None:
    path.write_bytes(data)
    with pytest.raises(DamagedError) as raised:
        store.load()
    aside = path.with_name("state.json.damaged-1")
    assert str(raised.value).startswith(f"{path} {why}")
    assert str(raised.value).endswith(f"; it was moved to {aside}")
    assert aside.read_bytes() == data
    assert store.load() is None


def test_a_damaged_file_overwrites_nothing(store: Store, path: Path) -> None:
    taken = [path.with_name(f"state.json.damaged-{number}") for number in (1, 2, 4)]
    for each in taken:
        each.write_text(each.name)
    path.write_text("{")
    with pytest.raises(DamagedError, match=r"damaged-3$"):
        store.load()
    path.write_text("{{")
    with pytest.raises(DamagedError, match=r"damaged-5$"):
        store.load()
    assert [each.read_text() for each in taken] == [each.name for each in taken]
    assert path.with_name("state.json.damaged-3").read_text() == "{"
    assert path.with_name("state.json.damaged-5").read_text() == "{{"


def test_a_file_that_the_disk_cannot_give_back_is_moved_aside(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(STATE)
    with monkeypatch.context() as patched:
        patched.setattr("builtins.open", fail_with(errno.EIO))
        with pytest.raises(
            DamagedError, match="cannot be read: Input/output error; it was moved to"
        ):
            store.load()
    assert path.with_name("state.json.damaged-1").read_bytes() == STATE


@pytest.mark.parametrize("number", [errno.EACCES, errno.EMFILE, errno.ENOMEM, errno.ESTALE])
def test_a_file_that_may_not_be_read_is_left(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    path.write_bytes(STATE)
    with monkeypatch.context() as patched:
        patched.setattr("builtins.open", fail_with(number))
        with pytest.raises(StoreError) as raised:
            store.load()
    assert not isinstance(raised.value, DamagedError)
    assert str(raised.value) == f"{path} cannot be read: {os.strerror(number)}"
    assert path.read_bytes() == STATE
    assert names_in(path.parent) == {"state.json", "state.json.lock"}


def test_a_damaged_file_that_cannot_be_moved_stays(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text("{")
    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", fail_with(errno.EROFS))
        with pytest.raises(StoreError, match="moving it aside failed, too: Read-only") as raised:
            store.load()
    assert not isinstance(raised.value, DamagedError)
    assert path.read_text() == "{"
    assert names_in(path.parent) == {"state.json", "state.json.lock"}


def test_what_makes_no_sense_to_its_reader_can_be_set_aside(store: Store, path: Path) -> None:
    path.write_bytes(STATE)
    error = store.set_aside("names a behavior that is gone")
    assert str(error) == f"{path} names a behavior that is gone; it was moved to {path}.damaged-1"
    assert Path(f"{path}.damaged-1").read_bytes() == STATE


# Copies.


def test_a_copy_is_kept_under_a_name_that_is_free(store: Store, path: Path) -> None:
    path.with_name("state.json.replaced-1").write_text("older")
    store.prepare(OLD).commit()
    before = path.read_bytes()
    with store.copied("replaced") as copy:
        store.prepare(NEW).commit()
    assert copy == f"{path}.replaced-2"
    assert Path(copy).read_bytes() == before
    assert stat.S_IMODE(os.stat(copy).st_mode) == 0o600
    assert store.load() == NEW
    assert path.with_name("state.json.replaced-1").read_text() == "older"


def test_no_copy_is_kept_of_what_stays(store: Store, path: Path) -> None:
    store.prepare(OLD).commit()
    with pytest.raises(ZeroDivisionError), store.copied("replaced"):
        raise ZeroDivisionError
    assert store.load() == OLD
    assert names_in(path.parent) == {"state.json", "state.json.lock"}


def test_of_nothing_there_is_no_copy(store: Store, path: Path) -> None:
    with store.copied("replaced") as copy:
        assert copy == ""
    assert names_in(path.parent) == {"state.json.lock"}


@pytest.mark.parametrize("fault", ["write", "fsync"])
def test_what_cannot_be_copied_leaves_no_part_of_it(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    store.prepare(OLD).commit()
    monkeypatch.setattr(os, fault, fail_with(errno.ENOSPC, after=7 * (fault == "write")))
    with (
        pytest.raises(StoreError, match=r"state\.json cannot be copied: No space left on device"),
        store.copied("replaced"),
    ):
        raise AssertionError("it goes on")
    assert store.load() == OLD
    assert names_in(path.parent) == {"state.json", "state.json.lock"}


def test_a_newer_file_is_refused_and_left(store: Store, path: Path) -> None:
    path.write_text('{"format": 2, "proxies": {}}')
    with pytest.raises(StoreError, match="newer vaurien: its format is 2, this") as raised:
        store.load()
    assert not isinstance(raised.value, DamagedError)
    assert path.read_text() == '{"format": 2, "proxies": {}}'
    assert names_in(path.parent) == {"state.json", "state.json.lock"}


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_what_is_no_file_is_refused_and_left(store: Store, path: Path, make: object) -> None:
    assert callable(make)
    make(path)
    with pytest.raises(StoreError, match="is not a regular file") as raised:
        store.load()
    assert not isinstance(raised.value, DamagedError)
    assert path.exists()


# One process at a time.


def test_a_second_user_is_refused(store: Store, path: Path) -> None:
    store.prepare(OLD).commit()  # which must not take the lock away
    with pytest.raises(StoreError) as raised:
        Store(str(path))
    assert str(raised.value) == f"{path} is in use by another process"


def test_whoever_comes_after_is_let_in(path: Path) -> None:
    for document in (OLD, NEW):
        with closing(Store(str(path))) as store:
            store.prepare(document).commit()
    with closing(Store(str(path))) as store:
        assert store.load() == NEW


def test_neighbours_do_not_mind_each_other(store: Store, path: Path) -> None:
    with closing(Store(str(path.with_name("other.json")))) as other:
        store.prepare(OLD).commit()
        other.prepare(NEW).commit()
        assert (store.load(), other.load()) == (OLD, NEW)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("nowhere/state.json", "No such file or directory"), ("file/state.json", "Not a directory")],
)
def test_a_folder_that_is_none(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / name
    with pytest.raises(StoreError) as raised:
        Store(str(path))
    assert str(raised.value) == f"{path} cannot be used as the state file: {path}.lock: {reason}"


def test_a_file_system_without_locks(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fcntl.flock", fail_with(errno.ENOLCK))
    with pytest.raises(StoreError, match="cannot be locked: No locks available"):
        Store(str(path))


# What a process leaves that is killed.


def test_leftovers_are_removed_and_nothing_else(path: Path) -> None:
    with closing(Store(str(path))) as killed:
        killed.prepare(OLD).commit()
        killed.prepare(NEW)
    foreign = {
        ".state.json.vaurien-0123",
        ".state.json.vaurien-0123456789abcdeg",
        ".state.json.vaurien-0123456789abcdef.bak",
        ".stateXjson.vaurien-0123456789abcdef",
        ".other.json.vaurien-0123456789abcdef",
        "state.json.vaurien-0123456789abcdef",
    }
    for name in foreign:
        (path.parent / name).touch()
    folder = path.parent / ".state.json.vaurien-0000000000000000"
    folder.mkdir()
    link = path.parent / ".state.json.vaurien-1111111111111111"
    link.symlink_to(path)
    assert len(names_in(path.parent)) == len(foreign) + 5
    with closing(Store(str(path))) as store:
        assert names_in(path.parent) == {
            *foreign,
            folder.name,
            link.name,
            "state.json",
            "state.json.lock",
        }
        assert store.load() == OLD


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_leftovers_of_another_user_are_left(path: Path) -> None:
    theirs = path.with_name(".state.json.vaurien-0123456789abcdef")
    theirs.touch()
    os.chown(theirs, 65534, 65534)
    with closing(Store(str(path))):
        assert theirs.exists()


def test_leftovers_that_cannot_be_removed_do_not_matter(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path.with_name(".state.json.vaurien-0123456789abcdef").touch()
    monkeypatch.setattr(os, "unlink", fail_with(errno.EROFS))
    with caplog.at_level(logging.DEBUG), closing(Store(str(path))) as store:
        assert store.load() is None
