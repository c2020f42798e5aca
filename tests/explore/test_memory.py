"""What is remembered, after any end of the process."""

from __future__ import annotations

import os
import stat
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaurien.errors import OptionError
from vaurien.explore.memory import Memory, key_of
from vaurien.explore.results import Result


def result(number: int) -> Result:
    return Result(
        id=f"db/GET/{number}/hang/once",
        text="a hang\n\x1b",
        point=f"db/GET/{number}",
        fault="hang",
        mode="once",
        result="hung",
        findings=("it hung",),
        timeline=("first", "second"),
    )


def test_git_leaves_out_only_a_folder_of_ours(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "new"):
        Memory(str(folder), "key").close()
    assert [path.parent.name for path in tmp_path.rglob(".gitignore")] == ["new"]


def test_results_are_found_again(tmp_path: Path) -> None:
    folder = str(tmp_path / "new" / "folder")
    memory = Memory(folder, "key")
    memory.add(result(1))
    memory.add(result(2))
    memory.close()
    again = Memory(folder, "key")
    again.close()
    assert again.results == {each.id: each for each in (result(1), result(2))}
    assert stat.S_IMODE(Path(again.path).stat().st_mode) == 0o600
    other = Memory(folder, "other")
    other.close()
    assert other.results == {}


def remembered(folder: Path) -> set[str]:
    memory = Memory(str(folder), "key")
    memory.close()
    return set(memory.results)


def test_what_another_version_of_the_program_has_shown_is_forgotten(tmp_path: Path) -> None:
    sizes = []
    for program in ("first", "second", "second", "first"):
        memory = Memory(str(tmp_path), "key", program)
        sizes.append(len(memory.results))
        memory.add(result(1))
        memory.add(result(2))
        memory.close()
    assert sizes == [0, 0, 2, 0]
    assert Path(memory.path).read_bytes().count(b"\n") == 3


def test_what_broke_is_run_again_after_the_end(tmp_path: Path) -> None:
    passed = replace(result(3), findings=())
    memory = Memory(str(tmp_path), "key")
    for each in (result(1), result(2), passed):
        memory.add(each)
    memory.close()
    assert remembered(tmp_path) == {result(1).id, result(2).id, passed.id}
    memory = Memory(str(tmp_path), "key")
    memory.finish()
    memory.close()
    assert remembered(tmp_path) == {passed.id}
    memory = Memory(str(tmp_path), "key")
    memory.add(result(2))
    memory.close()
    assert remembered(tmp_path) == {passed.id, result(2).id}, "the next one was interrupted"


def test_one_at_a_time(tmp_path: Path) -> None:
    memory = Memory(str(tmp_path), "key")
    with pytest.raises(OptionError, match="is in use: this command is being explored"):
        Memory(str(tmp_path), "key")
    Memory(str(tmp_path), "other").close()
    memory.close()
    Memory(str(tmp_path), "key").close()


@pytest.mark.parametrize("name", ["file", "file/inside"])
def test_no_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OptionError, match=r"--folder=.* cannot be used: "):
        Memory(str(tmp_path / name), "key")


def test_a_full_disk(tmp_path: Path) -> None:
    memory = Memory(str(tmp_path), "key")
    memory.add(result(1))
    file, full = memory._file, os.open("/dev/full", os.O_WRONLY)
    memory._file = full
    memory.add(result(2))
    memory._file = file
    os.close(full)
    assert memory.trouble.endswith("so not all is remembered: No space left on device")
    assert result(2).id in memory.results
    memory.add(result(3))
    memory.close()
    assert remembered(tmp_path) == {result(1).id, result(3).id}


@given(cut=st.integers(0, 2000))
def test_a_line_that_was_cut_off_is_lost_alone(tmp_path_factory: object, cut: int) -> None:

    del tmp_path_factory
    with tempfile.TemporaryDirectory() as folder:
        memory = Memory(folder, "key")
        memory.add(result(1))
        memory.add(result(2))
        memory.close()
        path = Path(memory.path)
        data = path.read_bytes()
        path.write_bytes(data[:cut])
        lines = max(1, data[:cut].count(b"\n")) - 1  # but for the one that tells of the program
        again = Memory(folder, "key")
        assert len(again.results) in (lines, lines + 1)  # the end of a line may be all that lacks
        again.add(result(3))
        again.close()
        last = Memory(folder, "key")
        last.close()
        assert last.results.keys() == again.results.keys()


def test_other_things_in_the_file_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "key.jsonl"
    path.write_bytes(b'null\n[1]\n{"id": 1}\n\xff\n')
    memory = Memory(str(tmp_path), "key")
    memory.close()
    assert memory.results == {}


def test_keys_tell_programs_apart() -> None:
    keys = {key_of(["a", "b"], ["c"]), key_of(["a"], ["b", "c"]), key_of(["a b"], ["c"])}
    assert len(keys) == 3
    assert key_of(["\udc80"], []) == key_of(["\udc80"], [])
