"""Where commands that run many proxies find their configuration, and settings of the environment.

A file may name plugins, paths to write and variables of a command: one that is found, and was
written by another user, would be a program of theirs.  The classic command line reads none of
this.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping

from ..errors import ConfigError
from .document import Document, Flag
from .files import PYPROJECT
from .settings import BY_SECTION

CONFIG = "VAURIEN_CONFIG"
"""Names the file, as ``--config`` does."""
ROOT = 0
FOLDER = "vaurien"
NAME = f"{FOLDER}.toml"
VARIABLES = {
    "VAURIEN_HTTP": "http",
    # Not VAURIEN_HTTP_HOST, which `vaurien run` sets for a proxy with the name http.
    "VAURIEN_HOST": "http_host",
    "VAURIEN_PORT": "http_port",
    "VAURIEN_SEED": "seed",
    "VAURIEN_JOURNAL": "journal",
    "VAURIEN_REPLAY": "replay",
    "VAURIEN_OTEL": "otel",
    "VAURIEN_LOG_LEVEL": "log_level",
    "VAURIEN_LOG_OUTPUT": "log_output",
    "VAURIEN_LOG_FORMAT": "log_format",
}
"""The settings that variables of the environment may give, by their names."""
OF_VAURIEN = re.compile(r"^[ \t]*\[+[ \t]*tool[ \t]*\.[ \t]*[\"']?vaurien\b", re.MULTILINE)


def find(environment: Mapping[str, str] = os.environ) -> str:
    """Return the name of the file to read if the command line names none; "" if there is none.

    ``VAURIEN_CONFIG`` wins, even if there is no such file.

    Raises:
        ConfigError: the file belongs to another user, and nobody named it.
    """
    if environment.get(CONFIG):
        return environment[CONFIG]
    found = next((path for path in places(environment) if _is_configuration(path)), "")
    if found and os.stat(found).st_uid not in (os.geteuid(), ROOT):
        raise ConfigError(f"{found} belongs to another user: it takes --config={found} to use it")
    return found


def places(environment: Mapping[str, str] = os.environ) -> Iterator[str]:
    """Yield the paths of the files that are looked for, in this order."""
    yield NAME
    yield PYPROJECT
    own = environment.get("XDG_CONFIG_HOME", "")
    yield os.path.join(own if os.path.isabs(own) else os.path.expanduser("~/.config"), FOLDER, NAME)
    yield os.path.join("/etc", FOLDER, NAME)


def settings(environment: Mapping[str, str] = os.environ) -> Document:
    """Return the settings that the environment gives; an empty variable gives none."""
    found = {
        name: (BY_SECTION["vaurien"][key].path, environment[name])
        for name, key in VARIABLES.items()
        if environment.get(name)
    }
    content = {path[0]: value for path, value in found.values()}
    return Document(content, origins={path: Flag(name) for name, (path, _) in found.items()})


def _is_configuration(path: str) -> bool:
    if os.path.basename(path) != PYPROJECT or not os.path.isfile(path):
        return os.path.isfile(path)
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return OF_VAURIEN.search(file.read()) is not None
    except OSError:
        return False
