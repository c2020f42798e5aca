"""Proxies: listed, made, shown, toggled and removed."""

from __future__ import annotations

import json

import pytest

from cli.remote.conftest import Run
from live import Http, Live


def test_a_proxy_from_its_beginning_to_its_end(http: Http, running: Live, run: Run) -> None:
    words = f"create web --backend {running.backend} --listen 127.0.0.1:0 timeout=30 seed=9"
    said = run(words, "--rule", "delay sleep=0 percent=50", "--rule", "dummy name=none")
    address = running.control.address("web")
    assert (said.status, said.out, said.message) == (0, "", f"Created proxy web: {address}")
    assert running.ask(proxy="web") == b"hello"
    assert run("list -o name").lines == ["cache", "web"]
    fired = f"web\t{address}\t{running.backend}\ttcp\tenabled\t2\t0\t"
    assert run("list -o tsv").lines[1].startswith(fired)
    (_, web) = json.loads(run("list -o json").out)
    assert (web["timeout"], web["seed"], len(web["rules"])) == (30.0, 9, 2)
    said = run("toggle web -o json")
    assert (json.loads(said.out)["enabled"], said.err) == (False, "")
    assert run("list -o tsv").lines[1].split("\t")[4] == "disabled"
    assert run("toggle web").message == "Proxy web is now enabled"
    assert run("delete web").message == "Deleted proxy web"
    said = run("delete web")
    assert (said.status, said.out) == (3, "")
    assert "'web'" in said.message


def test_the_table_of_proxies(http: Http, running: Live, run: Run) -> None:
    heading, line = run("list").lines
    assert heading.split() == [
        "NAME",
        "LISTEN",
        "BACKEND",
        "PROTOCOL",
        "STATE",
        "RULES",
        "OPEN",
        "FIRED",
    ]
    address = running.control.address("cache")
    assert line.split() == ["cache", str(address), str(running.backend), "tcp", "enabled", *"000"]


def test_the_details_of_a_proxy(http: Http, running: Live, run: Run) -> None:
    assert "RULE" not in run("inspect cache").out
    words = "create web --backend localhost:1 --listen 127.0.0.1:0 tls=pass"
    run(words, "--rule", "delay sleep=2")
    details, _, rules = run("inspect web").out.partition("\n\n")
    assert "Backend:    localhost:1\n" in details
    assert "TLS:        pass\n" in details
    assert "Bytes:      0 to backend, 0 to client\n" in details
    assert rules.split("\n")[0].split()[:3] == ["RULE", "BEHAVIOR", "STATE"]
    assert rules.split("\n")[1].split()[:5] == ["delay", "delay", "on", "0", "0"]
    assert run("inspect web -o name").lines == ["delay"]
    assert run("inspect web -o yaml").lines[0] == "name: web"
    assert run("inspect nope").status == 3


def test_a_disabled_proxy(http: Http, run: Run) -> None:
    said = run("create off --backend localhost:1 --listen localhost:0 --disabled")
    assert said.message == "Created proxy off: disabled"


@pytest.mark.parametrize(
    ("words", "status", "part"),
    [
        ("create cache --backend localhost:1", 4, "cache"),
        ("create web", 2, "--backend is missing"),
        ("create web --backend nope:", 4, "backend"),
        ("create web --backend h:1 timeout=x", 4, "timeout"),
        ("create web --backend h:1 nope=x", 4, "nope"),
        ("create web --backend h:1 nope", 2, "KEY=VALUE"),
        ("create web --backend h:1 --rule nope", 4, "nope"),
        ("create web --backend h:1 --rule sleep=1", 2, "is not a rule"),
        ("create web --backend h:1 --recipe nope", 4, "nope"),
    ],
)
def test_what_cannot_be_made(words: str, status: int, part: str, http: Http, run: Run) -> None:
    said = run(words)
    assert (said.status, said.out) == (status, "")
    assert part in said.message
    assert run("list -o name").lines == ["cache"]
