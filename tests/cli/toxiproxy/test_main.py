"""The command ``toxiproxy-cli`` on a running server."""

from __future__ import annotations

import pytest

from live import Http, controlled, live
from vaurien.cli.toxiproxy.main import main


def test_it_drives_a_server(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with live(names=()) as running, controlled(running) as http:
        monkeypatch.setenv("TOXIPROXY_URL", f"http://{http.host}:{http.port}")

        def says(words: str) -> list[str]:
            assert main(words.split()) == 0
            return capsys.readouterr().out.splitlines()

        assert says("create shop/redis -l 127.0.0.1:0 -u 127.0.0.1:1") == [
            "Created new proxy shop/redis"
        ]
        added = says("toxic add shop/redis -t latency -a latency=7,jitter=1 -n slow/1")
        assert added == ["Added downstream latency toxic 'slow/1' on proxy 'shop/redis'"]
        assert says("toxic update -n slow/1 -a jitter=0 shop/redis") == [
            "Updated toxic 'slow/1' on proxy 'shop/redis'"
        ]
        assert says("inspect shop/redis") == [
            "slow/1\ttype=latency\tstream=downstream\ttoxicity=1.00\t"
            "attributes=[\tjitter=0\tlatency=7\t]"
        ]
        assert says("toggle shop/redis") == ["Proxy shop/redis is now disabled"]
        assert says("list")[0].endswith("\t127.0.0.1:1\tdisabled\t1")
        assert says("toxic remove -n slow/1 shop/redis") == [
            "Removed toxic 'slow/1' on proxy 'shop/redis'"
        ]
        assert says("delete shop/redis") == ["Deleted proxy shop/redis"]
        assert main(["delete", "shop/redis"]) == 1
        assert capsys.readouterr().err == (
            "Failed to retrieve proxy shop/redis: HTTP 404: proxy not found\n\n"
        )
        assert isinstance(http, Http)


@pytest.mark.parametrize(
    ("words", "status", "out", "err"),
    [
        ("--version", 0, "toxiproxy-cli version 2.12.0", ""),
        ("", 0, "NAME:\n   toxiproxy-cli - ", ""),
        ("--help", 0, "NAME:\n   toxiproxy-cli - ", ""),
        ("--help list", 0, "NAME:\n   toxiproxy-cli list - ", ""),
        ("help toxic add", 0, "NAME:\n   toxiproxy-cli toxic add - ", ""),
        ("toxic", 0, "NAME:\n   toxiproxy-cli toxic - ", ""),
        ("create --help", 0, "NAME:\n   toxiproxy-cli create - ", ""),
        ("create help", 0, "NAME:\n   toxiproxy-cli create - ", ""),
        ("create", 1, "NAME:\n   toxiproxy-cli create - ", "Proxy name is required"),
        ("list --nope", 0, "Incorrect Usage: flag provided but not defined: -nope\n\nNAME:", ""),
        ("nope", 3, "", "No help topic for 'nope'"),
        ("toxic nope", 3, "", "No help topic for 'nope'"),
        ("help nope", 3, "", "No help topic for 'nope'"),
        ("\x1b[2J", 3, "", "No help topic for '\\x1b[2J'"),
        ("-h 127.0.0.1:1 list", 1, "", "Failed to retrieve proxies: fail to request: "),
    ],
)
def test_help_and_mistakes(
    words: str, status: int, out: str, err: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words.split()) == status
    said = capsys.readouterr()
    assert said.out.startswith(out)
    assert said.err.startswith(err)
    assert bool(said.out) == bool(out)
    assert bool(said.err) == bool(err)
