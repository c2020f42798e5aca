"""The command ``toxiproxy-cli``: finds the verb, and turns what fails into an exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace

from ...values.texts import printable
from .api import VERSION, Api
from .arguments import HELP, Command, Flag, IncorrectUsageError, read
from .forms import Forms
from .verbs import FailedError, Verbs

PROGRAM = "toxiproxy-cli"
DEFAULT_URL = "http://localhost:8474"
URL = "TOXIPROXY_URL"
FAILED = 1
UNKNOWN = 3
"""The exit status for a verb that does not exist."""
INTERRUPTED = 130
HELPING = (HELP, "h")
GLOBAL = (
    Flag(("host", "h"), f"address of the server (default: {DEFAULT_URL!r}) [${URL}]"),
    Flag(("version", "v"), "print the version", is_switch=True),
)
TOXICS = """TOXICS:
   latency      delay data: latency, jitter (milliseconds)
   bandwidth    limit the rate: rate (KB/s)
   slow_close   delay the end of a connection: delay (milliseconds)
   timeout      stop all data, then close: timeout (milliseconds)
   reset_peer   reset connections: timeout (milliseconds)
   slicer       cut data into pieces: average_size, size_variation (bytes), delay (microseconds)
   limit_data   close after an amount of data: bytes

EXAMPLES:
   toxiproxy-cli toxic add -t latency -n slow -a latency=100 -a jitter=50 redis
   toxiproxy-cli toxic update -n slow -a jitter=25 redis
   toxiproxy-cli toxic remove -n slow redis"""
TOXIC_NAME = Flag(("toxicName", "n"), "name of the toxic")
TOXICITY = Flag(("toxicity", "tox"), "probability of the toxic, from 0 to 1 (default: 1)")
ATTRIBUTE = Flag(("attribute", "a"), "attribute of the toxic, KEY=VALUE; repeatable")
TARGET = "[options] <proxyName>"


def toxic_commands(verbs: Verbs) -> Sequence[Command]:
    """Return the commands of ``toxic``."""
    return [
        Command(
            ("add", "a"),
            "add a toxic",
            TARGET,
            [
                TOXIC_NAME,
                Flag(("type", "t"), "type of the toxic"),
                TOXICITY,
                ATTRIBUTE,
                Flag(("upstream", "u"), "act on what clients send", is_switch=True),
                Flag(("downstream", "d"), "act on what the server sends", is_switch=True),
            ],
            act=verbs.add_toxic,
        ),
        Command(
            ("update", "u"),
            "change a toxic",
            TARGET,
            [TOXIC_NAME, TOXICITY, ATTRIBUTE],
            act=verbs.update_toxic,
        ),
        Command(
            ("remove", "r", "delete", "d"),
            "remove a toxic",
            TARGET,
            [TOXIC_NAME],
            act=verbs.remove_toxic,
        ),
    ]


def commands(verbs: Verbs) -> Command:
    """Return all commands, within that of the program."""
    toxics = toxic_commands(verbs)
    addresses = [
        Flag(("listen", "l"), "address to listen on"),
        Flag(("upstream", "u"), "address of the server to forward to"),
    ]
    name = "<proxyName>"
    verb = [
        Command(("list", "l", "li", "ls"), "list all proxies", act=verbs.list),
        Command(("inspect", "i", "ins"), "show the toxics of a proxy", name, act=verbs.inspect),
        Command(("create", "c", "new"), "create a proxy", TARGET, addresses, act=verbs.create),
        Command(("toggle", "tog"), "enable or disable a proxy", name, act=verbs.toggle),
        Command(("delete", "d"), "delete a proxy", name, act=verbs.delete),
        Command(
            ("toxic", "t"),
            "add, change or remove a toxic",
            "command [options]",
            commands=[replace(each, path=f"{PROGRAM} toxic {each.names[0]}") for each in toxics],
            notes=TOXICS,
        ),
    ]
    return Command(
        (PROGRAM,),
        "control the proxies of a server with Toxiproxy's API",
        "[options] command [options]",
        GLOBAL,
        [replace(each, path=f"{PROGRAM} {each.names[0]}") for each in verb],
        path=PROGRAM,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit status, which for wrong flags is 0, as it was."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        status = _run(words)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return INTERRUPTED
    except (OSError, UnicodeEncodeError) as error:  # standard output
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            sys.stderr.write(f"standard output cannot be written: {error}\n")
        return FAILED


def _run(words: Sequence[str]) -> int:
    write = sys.stdout.write
    api = Api(os.environ.get(URL) or DEFAULT_URL)
    at = commands(Verbs(api, Forms(write, on_terminal=sys.stdout.isatty())))
    try:
        given = read(words, at.flags, among_words=False)
        if given.has("host"):
            api.url = given.text("host")
        if given.has("version"):
            write(f"{PROGRAM} version {VERSION}\n")
            return 0
        while not given.has(HELP) and given.name not in HELPING:
            if at.act is not None:
                at.act(given)
                return 0
            if not given.name:
                break
            at = at.at([given.name])
            given = read(given.words[1:], at.flags, among_words=True)
        write(at.at([word for word in given.words if word not in HELPING]).help_text())
    except IncorrectUsageError as error:
        write(f"Incorrect Usage: {printable(str(error))}\n\n{at.help_text()}")
    except LookupError as error:
        sys.stderr.write(f"No help topic for '{printable(str(error.args[0]))}'\n")
        return UNKNOWN
    except FailedError as error:
        if error.shows_help:
            write(at.help_text())
        lines = "\n".join(map(printable, str(error).split("\n")))
        sys.stderr.write(f"{lines}\n")
        return FAILED
    return 0
