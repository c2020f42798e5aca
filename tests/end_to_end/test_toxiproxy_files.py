"""The table of differences of configurations in docs/toxiproxy.md, beside ``toxiproxy-server``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from end_to_end.toxiproxies import SERVER, Program, rows_of, toxiproxy
from servers import free_port
from serving import refused, served

PAGE = Path(__file__).parents[2] / "docs" / "toxiproxy.md"
DEAD = "127.0.0.1:1"
ROWS = rows_of(PAGE.read_text("utf-8"), "The configuration")
Proxies = Mapping[str, Mapping[str, object]]

pytestmark = pytest.mark.skipif(SERVER is None, reason="toxiproxy-server is not installed")


class Files:
    """Files that both programs are started with."""

    def __init__(self, folder: Path) -> None:
        self._file, self._log = folder / "toxiproxy", folder / "log"

    def write(self, *proxies: Mapping[str, object], behind: str = "") -> None:
        self._file.write_text(json.dumps(proxies) + behind)

    def theirs(self) -> Proxies:
        """What Toxiproxy makes of the file."""
        with toxiproxy("-config", str(self._file)) as program:
            return shown(program)

    def ours(self, *warnings: str) -> Proxies:
        """What vaurien makes of the file, with these warnings."""
        with served("-config", str(self._file), "-port", "0", log=self._log) as serving:
            found = shown(Program(serving.http))
            assert serving.log.count("WARNING") == len(warnings)
            for warning in warnings:
                assert warning in serving.log
        return found

    def refused(self) -> str:
        """What vaurien says of a file that it does not take."""
        problem, count = refused("serve", "--config", str(self._file), "--port", "0")
        assert count == "1 problem"
        return problem.removeprefix(f"{self._file}: ")


Check = Callable[[Files], None]
CHECKS: dict[str, Check] = {}


def row(name: str) -> Callable[[Check], Check]:
    def note(check: Check) -> Check:
        CHECKS[name] = check
        return check

    return note


@pytest.mark.parametrize("name", ROWS)
def test_a_row(name: str, tmp_path: Path) -> None:
    CHECKS[name](Files(tmp_path))


def test_there_is_no_other_check() -> None:
    assert set(CHECKS) == set(ROWS)


def shown(program: Program) -> Proxies:
    status, proxies = program("GET", "/proxies")
    program.close()
    assert status == 200
    assert isinstance(proxies, dict)
    return proxies


def proxy(name: str | None = "a", **table: object) -> dict[str, object]:
    return {"name": name, "listen": f"127.0.0.1:{free_port()}", "upstream": DEAD, **table}


def toxics_of(found: Proxies) -> list[str]:
    toxics = found["a"]["toxics"]
    assert isinstance(toxics, list)
    return [toxic["name"] for toxic in toxics]


@row("toxics in the file")
def check_toxics(files: Files) -> None:
    files.write(proxy(toxics=[{"type": "latency", "attributes": {"latency": 5}}]))
    assert toxics_of(files.theirs()) == []
    assert toxics_of(files.ours()) == ["latency_downstream"]


@row("two toxics of one name, one in each stream")
def check_names_of_toxics(files: Files) -> None:
    toxic = {"type": "noop", "name": "t"}
    files.write(proxy(toxics=[{**toxic, "stream": "downstream"}, {**toxic, "stream": "upstream"}]))
    assert toxics_of(files.theirs()) == []
    assert toxics_of(files.ours()) == ["t_upstream", "t"]


@row("unknown keys and attributes, and text behind the list")
def check_what_is_unknown(files: Files) -> None:
    toxic = {"type": "latency", "attributes": {"latencey": 5}}
    files.write(proxy(_comment="ours", toxics=[toxic]), behind="\n# more\n")
    assert list(files.theirs()) == ["a"]
    warnings = (
        "[0]._comment = 'ours' is ignored",
        "[0].toxics[0].attributes.latencey = 5 is ignored: it is an unknown key "
        "(did you mean 'latency'?)",
        "line 2 is ignored from where the proxies end",
    )
    assert list(files.ours(*warnings)) == ["a"]


@row("a toxic that is not allowed: a toxicity of 50, a negative latency, an unknown type")
def check_toxics_that_are_wrong(files: Files) -> None:
    for toxic, problem in (
        ({"type": "noop", "toxicity": 50}, "toxicity = 50 is not allowed"),
        ({"type": "latency", "attributes": {"latency": -5}}, "attributes.latency = -5 is not"),
        ({"type": "latncy"}, "type = 'latncy' is an unknown toxic"),
    ):
        files.write(proxy(toxics=[toxic]))
        assert list(files.theirs()) == ["a"]
        assert files.refused().startswith(f"[0].toxics[0].{problem}")


@row("a proxy without a name or an upstream, or of which the `listen` is no address or in use")
def check_proxies_that_are_wrong(files: Files) -> None:
    first = proxy()
    for second, left, problem in (
        (proxy(name=None), [], "[1].name is missing"),
        (proxy("b", upstream=""), [], "[1].upstream is missing"),
        (proxy("b", listen="x"), ["a"], "[1].listen = 'x' is not an address"),
        (proxy("b", listen=first["listen"]), ["a"], "[1].listen = "),
    ):
        files.write(first, second)
        assert list(files.theirs()) == left
        assert files.refused().startswith(problem)


@row("two proxies of one name")
def check_names_of_proxies(files: Files) -> None:
    files.write(proxy(), proxy(upstream="b:2"))
    assert files.theirs()["a"]["upstream"] == "b:2"
    assert files.refused() == "[1].name = 'a' is given to two proxies"


@row("toxics of the first version, in `upstream_toxics` or `downstream_toxics`")
def check_the_first_version(files: Files) -> None:
    files.write(proxy(upstream_toxics={}, downstream_toxics={"latency": {"latency": 5}}))
    assert list(files.theirs()) == ["a"]
    assert files.refused().startswith("[0].downstream_toxics")


def test_what_both_take(tmp_path: Path) -> None:
    """Addresses as people write them, keys in any case, and no proxies."""
    files = Files(tmp_path)
    port = free_port()
    files.write(
        proxy(enabled=False, listen="nonsense"),
        proxy("b", listen=f":{port}", upstream="foo"),
        proxy("c", listen=None, upstream="http://localhost:80/", Logger={}, upstream_toxics={}),
    )
    theirs, ours = files.theirs(), files.ours()
    for each in theirs, ours:
        assert [proxy["upstream"] for proxy in each.values()] == [
            DEAD,
            "foo",
            "http://localhost:80/",
        ]
        assert each["a"]["listen"] == "nonsense"
        assert each["b"]["listen"] == f"[::]:{port}"
        assert str(each["c"]["listen"]).startswith("[::]:")
    files.write()
    assert files.theirs() == files.ours() == {}
