"""The code blocks of the documentation, and the terminals in which they are run.

A block is enclosed in fences, and what follows its language says what a test does with it:

* ``sh check``: commands of vaurien with one proxy, which are understood, and not run.
* ``sh``: commands for a terminal, of which there is one, or several with ``terminal=NAME``.  Each
  must succeed; ``status=1`` is how the last one ends.  With ``until=TEXT`` it is left running
  once it has said this; a later block in this terminal first presses Ctrl-C.
* ``output``: what the terminal of the block before has shown.  ``...`` stands for anything in a
  line, and on its own for any lines; with ``decimals=any`` a number with a point, such as a time,
  for any other.  A count is what it is.
* any language with ``file=NAME``: the contents of a file.
* ``toml``, ``ini``, ``json``, ``yaml``: a configuration, which is understood, or other data.
* ``python``: a program, which is run.
* ``text``: no code.

These comments, which no reader sees, are about blocks, too::

    <!-- not run: WHY -->

    <!-- hidden sh OPTIONS
    commands that prepare what the page takes for given
    -->

    <!-- needs: PROGRAM ... -->
"""

from __future__ import annotations

import os
import re
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from documents_checked import CHECKS
from peers import wait_until
from servers import free_port, require

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<reason>.+?) -->\n+)?"
    r"(?:^```(?P<shown>.*)\n(?P<text>(?:.*\n)*?)```$"
    r"|^<!-- hidden (?P<hidden>.*)\n(?P<code>(?:.*\n)*?)-->$)",
    re.MULTILINE,
)
NEEDS = re.compile(r"^<!-- needs: (.*) -->$", re.MULTILINE)
PORT = re.compile(r"(?:(?:localhost|127\.0\.0\.1|\[::1\]):|-p |\bport\W{1,2})(\d{2,5})\b")
LIMIT = 50.0
"""Seconds that commands may take."""
REPORT = "trap 'echo \"<failed: $BASH_COMMAND>\"' ERR\n"
PATIENCE_AT_END = 5.0
MARK = "VAURIEN_PAGE"
DEFAULTS = """
vaurien() {
    case "$1 $* " in
        "serve "*) VAURIEN_PORT=$SERVE_PORT command vaurien "$@" ;;
        --*" --http "*) command vaurien "$@" --http-port $HTTP_PORT ;;
        *) command vaurien "$@" ;;
    esac
}
curl() { command curl --no-progress-meter "$@"; }
vaurienctl() { command vaurienctl --host http://localhost:$HTTP_PORT "$@"; }
"""
"""Has ports that nobody names replaced, too; and curl shows no progress, as on a terminal."""
SBIN = "/usr/sbin"
"""Where Debian has servers, which not every PATH has."""
API_PORT, CONTROL_PORT = "8474", "8080"
"""Where ``vaurien serve``, and a single proxy, meet their clients if they are told nothing."""


@dataclass(frozen=True)
class Block:
    page: str
    line: int
    language: str
    options: Mapping[str, str]
    text: str
    not_run: str = ""

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(path: Path) -> list[Block]:
    """The blocks of a page, in order."""
    page = path.read_text("utf-8")
    found = []
    for each in BLOCK.finditer(page):
        language, *words = shlex.split(each["shown"] or each["hidden"] or "") or [""]
        found.append(
            Block(
                str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name,
                page.count("\n", 0, each.start()) + 1,
                language,
                {name: value for name, _, value in (word.partition("=") for word in words)},
                each["text"] or each["code"] or "",
                " ".join((each["reason"] or "").split()),
            )
        )
    return found


class Terminal:
    """A shell, which is given commands as a user types them."""

    def __init__(self, folder: Path, environment: Mapping[str, str], script: Path) -> None:
        self._script = script
        self._shell = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._type("trap : INT\n")  # so that Ctrl-C ends what it runs, and not the shell
        self._type(DEFAULTS)
        self._mark = ""
        self._shown = ""

    def run(self, commands: str, until: str = "", status: int = 0) -> None:
        """Run commands, to their end or until something is said.

        Raises:
            AssertionError: one of them fails, or takes too long.
        """
        self.interrupt()
        self._shown, self._mark = "", f"<{uuid4()}>"
        self._script.write_text(f"{REPORT}{commands}\nended=$?; trap - ERR\n")
        self._type(f". {self._script} < /dev/null; echo '{self._mark}' $ended\n")
        self._wait(lambda: self._ended or (until and until in self._shown), commands)
        if until:
            assert until in self._shown, f"{commands} ended, and said: {self.said}"
        else:
            ended = int(self._shown.rpartition(self._mark)[2])
            failures = self._shown.count("<failed: ")
            assert (ended, failures) == (status, int(status > 0)), f"{commands} said: {self.said}"

    @property
    def said(self) -> str:
        """What was shown since the last commands began."""
        text = self._shown.partition(self._mark)[0]
        return re.sub(r"^<failed: .*>\n|[ \t]+$", "", text, flags=re.MULTILINE).strip() + "\n"

    def expect(self, pattern: str) -> None:
        """Wait until what is said is this.

        Raises:
            AssertionError: it is not.
        """
        expected = re.compile(pattern)
        self._wait(lambda: self._ended or expected.fullmatch(self.said), pattern)
        assert expected.fullmatch(self.said), self.said

    def interrupt(self) -> None:
        """Press Ctrl-C if something runs."""
        if self._mark and not self._ended:
            os.killpg(self._shell.pid, signal.SIGINT)
            self._wait(lambda: self._ended, "Ctrl-C")

    def close(self) -> None:
        """End the shell, and what runs in it."""
        for ending in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._shell.pid, ending)
            with suppress(TimeoutError):
                wait_until(self._is_alone, "its end", PATIENCE_AT_END)
        for pipe in (self._shell.stdin, self._shell.stdout):
            assert pipe is not None
            pipe.close()

    def _is_alone(self) -> bool:
        """Whether nothing is left in the process group of the shell."""
        self._shell.poll()
        try:
            os.killpg(self._shell.pid, 0)
        except ProcessLookupError:
            return True
        return False

    @property
    def _ended(self) -> bool:
        return re.search(rf"{self._mark} \d+\n", self._shown) is not None

    def _type(self, line: str) -> None:
        assert self._shell.stdin is not None
        self._shell.stdin.write(line.encode())
        self._shell.stdin.flush()

    def _wait(self, condition: Callable[[], object], what: str) -> None:
        assert self._shell.stdout is not None
        end = time.monotonic() + LIMIT
        while not condition():
            left = max(0.0, end - time.monotonic())
            ready, _, _ = select.select([self._shell.stdout], [], [], left)
            data = os.read(self._shell.stdout.fileno(), 65536) if ready else b""
            assert data, f"{what}: not within {LIMIT:g} s, or the shell ended; it says: {self.said}"
            self._shown += data.decode("utf-8", errors="replace")


class Session:
    """A user who goes through a page, block by block, in a folder that was empty."""

    def __init__(self, page: str, folder: Path) -> None:
        self.folder = folder / "work"
        self.folder.mkdir()
        self._ports = {
            port: str(free_port()) for port in {API_PORT, CONTROL_PORT, *PORT.findall(page)}
        }
        self._number = re.compile(rf"(?<![\w.])({'|'.join(self._ports)})(?!\w)")
        self.mark = str(uuid4())
        api = f"http://localhost:{self._ports[API_PORT]}"
        self.environment = {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"], SBIN]),
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",  # as on a terminal
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # takes long where there are many
            "PYTEST_ADDOPTS": "-p vaurien.pytest_plugin -p no:cacheprovider",
            "SERVE_PORT": self._ports[API_PORT],
            "HTTP_PORT": self._ports[CONTROL_PORT],
            "VAURIEN_URL": api,
            "TOXIPROXY_URL": api,
            MARK: self.mark,
        }
        self._terminals: dict[str, Terminal] = {}
        self._last: Terminal | None = None

    def go_through(self, block: Block) -> None:
        """Do what a block says.

        Raises:
            AssertionError: what comes of it is not what the page says.
        """
        text = self._number.sub(lambda found: self._ports[found[0]], block.text)
        if block.not_run or block.language == "text":
            return
        if "file" in block.options:
            path = self.folder / block.options["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        elif block.language in CHECKS and (block.language != "sh" or "check" in block.options):
            try:
                CHECKS[block.language](text, self.folder)
            except Exception as error:
                raise AssertionError(f"{text}: {error!r}") from error
        elif block.language == "sh":
            name = block.options.get("terminal", "1")
            if name not in self._terminals:
                script = self.folder.with_name(f"terminal-{name}.sh")
                self._terminals[name] = Terminal(self.folder, self.environment, script)
            self._last = self._terminals[name]
            status = int(block.options.get("status", 0))
            self._last.run(text, block.options.get("until", ""), status)
        else:
            assert block.language == "output", f"nothing is done with {block.language!r}"
            assert self._last is not None
            self._last.expect(pattern_of(text, block.options.get("decimals") == "any"))

    def close(self) -> None:
        """End whatever runs, also what has left its terminal."""
        for terminal in self._terminals.values():
            terminal.close()
        wait_until(lambda: not kill_marked(self.mark), "their end", PATIENCE_AT_END)


def pattern_of(text: str, any_decimal: bool) -> str:
    """A regular expression for an expected output."""
    lines = [
        "(?:.*\n)*?" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*?") + "\n"
        for line in text.strip().splitlines()
    ]
    pattern = "".join(lines)
    return re.sub(r"\d+(?:\\\.\d+)+", r"\\d+(?:\\.\\d+)+", pattern) if any_decimal else pattern


def kill_marked(mark: str) -> bool:
    """Kill what a reader has started, known by its environment; whether there was any."""
    found = False
    for each in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if f"{MARK}={mark}".encode() in each.read_bytes().split(b"\0"):
                found = True
                os.kill(int(each.parent.name), signal.SIGKILL)
    return found


@contextmanager
def session(path: Path, folder: Path) -> Iterator[Session]:
    """Somebody who reads a page; skips the test if programs are missing that it needs."""
    page = path.read_text("utf-8")
    for programs in NEEDS.findall(page):
        for program in programs.split():
            require(program)
    reader = Session(page, folder)
    try:
        yield reader
    finally:
        reader.close()
