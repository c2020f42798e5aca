"""What is remembered, after any end of the process."""

from __future__ import annotations

import stat
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

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


def test_whether_it_was_interrupted(tmp_path: Path) -> None:
    def finished() -> bool:
        memory = Memory(str(tmp_path), "key")
        memory.close()
        return memory.finished

    memory = Memory(str(tmp_path), "key")
    memory.add(result(1))
    assert not finished()
    memory.finish()
    assert finished()
    memory.add(result(2))
    assert not finished()
    memory.close()


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
        lines = data[:cut].count(b"\n")
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
