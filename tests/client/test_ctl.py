"""``vaurienctl``, with the HTTP API of a real proxy."""

from __future__ import annotations

import pytest

from live import Http, Live
from vaurien.client import main


@pytest.fixture
def host(api: Http) -> str:
    return f"http://{api.host}:{api.port}"


def test_ctl_lists(host: str, running: Live, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list-behaviors", "--host", host]) == 0
    assert capsys.readouterr().out == ", ".join(running.control.behaviors()) + "\n"


def test_ctl_sets_and_gets(host: str, running: Live, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["set-behavior", "delay", "--host", host, "sleep=2", "before=no"]) == 0
    assert capsys.readouterr().out == 'Behavior changed to "delay"\n'
    entry = running.control.plan()[0]
    assert (entry["sleep"], entry["before"]) == (2.0, False)
    assert main(["get-behavior", "--host", host.removeprefix("http://")]) == 0
    assert capsys.readouterr().out == "delay\n"


def test_ctl_by_the_words_before_version_04(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["set-handler", "delay", "--host", host]) == 0
    assert main(["get-handler", "--host", host]) == 0
    assert main(["list-handlers", "--host", host]) == 0
    assert capsys.readouterr().out.startswith('Behavior changed to "delay"\ndelay\nabort, ')


def test_ctl_says_what_there_is_instead(
    host: str, running: Live, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--host", host, "set-behavior", "nope"]) == 1
    names = ", ".join(running.control.behaviors())
    assert capsys.readouterr().out == f"The request failed. Please use one of {names}\n"


def test_ctl_says_what_is_wrong_with_an_option(
    host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--host", host, "set-behavior", "delay", "sleep=soon"]) == 1
    out = capsys.readouterr().out
    assert out == (
        "The request failed. sleep='soon' is not allowed: it takes a number of at least 0\n"
    )


def test_ctl_without_a_server(nobody: int, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["get-behavior"], ["list-behaviors"], ["set-behavior", "hang"]):
        assert main([*words, "--host", f"http://127.0.0.1:{nobody}"]) == 1
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith(f"vaurien does not respond at http://127.0.0.1:{nobody}: ")
        assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "required: action\n"),
        (["break"], "invalid choice: 'break'"),
        (["get-behavor"], "invalid choice: 'get-behavor' (did you mean 'get-behavior'?)"),
        (["set-behavior"], "set-behavior needs the name of a behavior"),
        (["get-behavior", "delay"], "get-behavior takes no behavior"),
        (["set-behavior", "delay", "2"], "'2' is not an option of a behavior: it takes key=value"),
        (["get-behavior", "--host", "ftp://x:1"], "--host 'ftp://x:1' is not allowed"),
        (["get-behavior", "--host", "http://x:y"], "--host 'http://x:y' is not allowed"),
        (["get-behavior", "--host", "http://x:99999"], "--host 'http://x:99999' is not allowed"),
        (["get-behavior", "--host", ""], "--host '' is not allowed: it takes http://HOST:PORT"),
        (["get-behavior", "--host", "http://[x:1"], "--host 'http://[x:1' is not allowed"),
    ],
)
def test_ctl_misused(words: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert text in capsys.readouterr().err


def test_vaurienctl_is_told_which_proxy(several: Http, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--host", f"http://{several.host}:{several.port}"]
    assert main(["set-behavior", "hang", *where, "--proxy", "db"]) == 0
    assert main(["get-behavior", *where, "--proxy", "db"]) == 0
    assert main(["get-behavior", *where, "--proxy", "cache"]) == 0
    assert main(["get-behavior", *where]) == 1
    told = capsys.readouterr()
    assert told.out == 'Behavior changed to "hang"\nhang\n10:delay\n'
    assert told.err == "there are 2 proxies: name one of cache, db\n"
