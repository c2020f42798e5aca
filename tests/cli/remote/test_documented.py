"""The page on these commands: every command is in it.  Tests of all pages run it."""

from __future__ import annotations

import re
from pathlib import Path

from vaurien.cli import COMMANDS

PAGE = Path(__file__).parents[3] / "docs" / "cli.md"
LINES = re.findall(r"^vaurien (.*)$", PAGE.read_text("utf-8"), re.MULTILINE)


def test_the_page_shows_every_command() -> None:
    known = [name for name, (module, _) in COMMANDS.items() if "remote" in module]
    assert [name for name in known if not any(line.startswith(name) for line in LINES)] == []
