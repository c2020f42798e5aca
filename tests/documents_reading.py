"""A table of a document on its own, for tests of what is wrong with it."""

from __future__ import annotations

from vaurien.config.document import Document, FileKey
from vaurien.config.problems import Problems
from vaurien.config.tables import Table
from vaurien.errors import ListenError, OptionError, UnknownNameError
from vaurien.values.options import Option

SLEEP = Option("sleep", float, 1.0, "seconds", minimum=0)
HTTP_PORT = Option("http_port", int, 8080, "a port")


class Reading:
    """A table on its own."""

    def __init__(self, content: object) -> None:
        self.problems = Problems(Document({}, FileKey("f")))
        self.table = Table(content, ("t",), self.problems)

    @property
    def said(self) -> list[str]:
        return [str(problem).removeprefix("f: ") for problem in self.problems.found]

    def error(self, given: object, error: Exception) -> str:
        assert isinstance(error, OptionError | UnknownNameError | ListenError)
        self.problems.add_error(("t", "key"), given, error)
        return self.said[-1]
