"""The state file and the real world: processes that are killed, disks that are full."""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random

import pytest

import vaurien
from live import LIMIT, live
from vaurien.control.store import Store, StoreError

KILLS = 100
LARGEST = 100_000
"""Bytes of a state, about; small ones are written too fast to be killed in the middle."""
SOURCE = str(Path(str(vaurien.__file__)).parent.parent)

WRITING = """
import os, sys
sys.path.insert(0, sys.argv[1])
from vaurien.control.store import Store
store = Store(sys.argv[2])
number = (store.load() or {"number": 0})["number"]
while True:
    number += 1
    size = number * 7919 % int(sys.argv[3])
    store.prepare({"number": number, "filler": "x" * size}).commit()
    os.write(1, b"%d\\n" % number)
"""
"""A process that saves one state after the other, and says which are saved."""


def running(script: str, *arguments: object) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-S", "-c", script, SOURCE, *map(str, arguments)]
    return subprocess.Popen(words, stdout=subprocess.PIPE)


def said_by_one_that_is_killed(path: Path, words: int, seconds: float) -> list[int]:
    """What a process prints until it is killed: this many numbers, and what comes meanwhile."""
    with running(WRITING, path, LARGEST) as process:
        assert process.stdout is not None
        try:
            told = [process.stdout.readline() for _ in range(words)]
            select.select((), (), (), seconds)
        finally:
            process.kill()
        told += process.stdout.readlines()
    assert process.returncode == -9
    return [int(line) for line in told]


def test_a_killed_process_leaves_what_it_said_last_or_what_it_was_about_to_say(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.json"
    random = Random(7)
    last = 0
    for kill in range(KILLS):
        told = said_by_one_that_is_killed(path, kill % 4, random.uniform(0, 0.01))
        assert told == list(range(last + 1, last + 1 + len(told)))
        last += len(told)
        with closing(Store(str(path))) as store:
            state = store.load()
            if state is None:
                assert not last
                continue
            number, filler = state["number"], state["filler"]
            assert isinstance(number, int)
            assert number in (last, last + 1), f"after kill {kill}"
            assert filler == "x" * (number * 7919 % LARGEST)
            assert {entry.name for entry in tmp_path.iterdir()} == {path.name, f"{path.name}.lock"}
            last = number
    assert last > KILLS


def test_a_second_process_is_refused_until_the_first_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    with running(WRITING, path, 1) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(StoreError, match="another process"):
            Store(str(path))
        process.kill()
    with closing(Store(str(path))) as store:
        assert store.load() is not None


# Disks and folders.


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[None]:
    """A disk of this size in a folder; the test is left out where one can't be had."""
    options = f"size={kilobytes}k,mode=0700"
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("nothing can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    with (
        small_disk(tmp_path, 64),
        closing(Store(str(path))) as store,
        live(store=store) as running,
    ):
        running.control.set_behavior("hang")
        state, saved = running.control.state, path.read_bytes()
        (tmp_path / "filler").write_bytes(bytes(48 * 1024))
        many = [{"behavior": "abort", "percent": 0, "name": f"rule-{n}"} for n in range(900)]
        with pytest.raises(StoreError, match=re.escape(f"{path} cannot be written: No space left")):
            running.control.set_plan(many)
        assert running.control.state is state
        assert running.proxy.plan == state.proxies[0].plan
        assert path.read_bytes() == saved
        (tmp_path / "filler").unlink()
        running.control.set_behavior("dummy")
        assert running.ask() == b"hello"


LIMITED = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from vaurien.control.store import Store, StoreError
store = Store(sys.argv[2])
store.prepare({"small": "x"}).commit()
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
try:
    store.prepare({"large": "x" * 10000})
except StoreError as error:
    print(error)
print(store.load())
"""


def test_a_file_that_may_not_be_that_long(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    with running(LIMITED, path) as process:
        told, _ = process.communicate(timeout=LIMIT)
    assert told.decode().splitlines() == [
        f"{path} cannot be written: File too large; it still holds the previous state",
        "{'small': 'x'}",
    ]


FORBIDDEN = """
import os, sys
sys.path.insert(0, sys.argv[1])
from vaurien.control.store import Store, StoreError
path = sys.argv[2]
folder = os.path.dirname(path)
if os.geteuid() == 0:
    os.chown(folder, 65534, 65534)
    os.setuid(65534)
store = Store(path)
store.prepare({"before": True}).commit()
prepared = store.prepare({"after": True})
os.chmod(folder, 0o500)
for attempt in (lambda: store.prepare({"after": True}), prepared.commit, lambda: Store(path + "2")):
    try:
        attempt()
    except StoreError as error:
        print(error)
print(store.load())
"""


def test_a_folder_that_may_not_be_written() -> None:
    """Root may write anywhere, so the process is somebody else's, and so is the folder."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(os.path.realpath(folder), "state.json")
        with running(FORBIDDEN, path) as process:
            told, _ = process.communicate(timeout=LIMIT)
        os.chmod(folder, 0o700)
    assert told.decode().splitlines() == [
        f"{path} cannot be written: Permission denied; it still holds the previous state",
        f"{path} cannot be written: Permission denied; it still holds the previous state",
        f"{path}2 cannot be used as the state file: {path}2.lock: Permission denied",
        "{'before': True}",
    ]


def test_a_restart_brings_back_what_was_saved(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    with closing(Store(str(path))) as store, live(store=store) as running:
        running.control.set_plan([{"behavior": "delay", "sleep": 0.5, "percent": 3}])
        running.control.set_backend("example.com:81")
        state = running.control.state
    assert path.stat().st_mode & 0o777 == 0o600
    with closing(Store(str(path))) as store:
        document = store.load()
    assert document is not None
    assert document["generation"] == state.generation == 2
    (saved,) = json.loads(path.read_bytes())["proxies"].values()
    assert saved["backend"] == "example.com:81"
    assert [rule["percent"] for rule in saved["rules"]] == [3.0]
