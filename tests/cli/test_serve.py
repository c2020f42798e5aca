"""Whole runs of ``vaurien serve``, each a process of its own."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from peers import PATIENCE, Scripted, connect, echo, receive, receive_until_fin, wait_until
from servers import stop
from serving import command, proxy_table, refused, served
from vaurien.cli.serve import OWN_FLAGS, PORT
from vaurien.client import Client
from vaurien.net.address import Address


@pytest.fixture(scope="module")
def echoing() -> Iterator[Address]:
    with Scripted(echo) as backend:
        yield backend.address


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def config(tmp_path: Path, echoing: Address) -> Path:
    """Three proxies, one of which is disabled."""
    path = tmp_path / "vaurien.toml"
    path.write_text(
        "seed = 7\n"
        + proxy_table("cache", echoing)
        + proxy_table("web", echoing, 'profile = "fiber"')
        + proxy_table("mail", echoing, "enabled = false"),
    )
    return path


def test_a_line_for_each_proxy(config: Path, echoing: Address, log: Path) -> None:
    with served("--config", str(config), log=log) as serving:
        assert serving.ask("cache") == serving.ask("web") == b"hello"
        assert serving.end() == 0
        cache, web = serving.address("cache"), serving.address("web")
    assert serving.messages == [
        f"Configuration: {config}",
        f"cache: {cache} forwards to {echoing}",
        f"web: {web} forwards to {echoing}",
        "mail: disabled",
        f'listening: {{"api": [], "proxies": {{"cache": "{cache}", "web": "{web}"}}}}',
        "ready: 3 proxies, seed 7",
        "SIGTERM: connections get 5 seconds to finish",
        "Bye!",
    ]


def test_all_proxies_drain_together(config: Path, log: Path) -> None:
    with (
        served("--config", str(config), log=log) as serving,
        connect(serving.address("cache")) as one,
        connect(serving.address("web")) as other,
    ):
        for client in (one, other):
            client.sendall(b"hello")
            assert receive(client, 5) == b"hello"
        serving.process.send_signal(signal.SIGINT)
        assert receive_until_fin(one) == receive_until_fin(other) == b""
        assert serving.process.wait(PATIENCE) == 0


def test_a_second_signal_ends_it_at_once(tmp_path: Path, echoing: Address, log: Path) -> None:
    config = tmp_path / "v.toml"
    rules = 'rules = [{behavior = "hang"}]'
    config.write_text('drain = 600\njournal = "j"\n' + proxy_table("a", echoing, rules))
    words = ["--config", str(config), "--journal", str(tmp_path / "journal")]
    with served(*words, log=log) as serving, connect(serving.address("a")) as client:
        client.sendall(b"question")
        wait_until((tmp_path / "journal").read_bytes, "the hang")
        serving.process.terminate()
        wait_until(lambda: "connections get 600 seconds" in serving.log, "the drain")
        assert serving.end() == 0
        assert "stopped at once" in serving.messages
    assert json.loads((tmp_path / "journal").read_text())["proxy"] == "a"


def test_a_reload_amid_a_drain_changes_nothing(tmp_path: Path, echoing: Address, log: Path) -> None:
    config = tmp_path / "v.toml"
    rules = 'rules = [{behavior = "hang"}]'
    config.write_text('drain = 600\nlog-level = "debug"\n' + proxy_table("a", echoing, rules))
    with served("--config", str(config), log=log) as serving, connect(serving.address("a")) as held:
        held.sendall(b"question")
        wait_until(lambda: "hang fired" in serving.log, "the hang")
        serving.process.terminate()
        wait_until(lambda: "connections get 600 seconds" in serving.log, "the drain")
        config.write_text(config.read_text().replace("hang", "delay"))
        serving.process.send_signal(signal.SIGHUP)
        why = "the process is ending and takes no more changes; this one was refused"
        wait_until(
            lambda: f"The configuration was not applied: {why}" in serving.messages, "the refusal"
        )
        assert serving.end() == 0
        assert "stopped at once" in serving.messages


@pytest.mark.parametrize(
    "signals",
    [
        [signal.SIGHUP, signal.SIGTERM],
        [signal.SIGTERM, signal.SIGHUP],
        [signal.SIGHUP, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1],
    ],
)
def test_signals_that_come_together_end_it(
    signals: list[signal.Signals], config: Path, log: Path
) -> None:
    with served("--config", str(config), log=log) as serving:
        config.write_text(config.read_text().replace("[proxies.web]", "[proxies.site]"))
        for number in signals:
            serving.process.send_signal(number)
        assert serving.process.wait(PATIENCE) == 0
        assert serving.messages[-1] == "Bye!"
        assert "Traceback" not in serving.log
        assert "ERROR" not in serving.log


def test_one_port_in_use_and_none_is_opened(tmp_path: Path, echoing: Address) -> None:
    config = tmp_path / "v.toml"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config.write_text(
            proxy_table("a", echoing) + proxy_table("b", echoing, listen=f"127.0.0.1:{port}")
        )
        reason = f"cannot listen on 127.0.0.1:{port}: Address already in use"
        assert refused("serve", "--config", str(config)) == [f"proxy 'b': {reason}"]


def test_every_problem_of_a_file_is_told(tmp_path: Path) -> None:
    config = tmp_path / "v.toml"
    config.write_text('http-port = 99999\n[proxies.a]\nlisten = "x"\nbackend = "h:1"\n')
    lines = refused("serve", "--config", str(config))
    assert len(lines) == 3
    assert lines[0].startswith(f"{config}: http-port = 99999 is not allowed")
    assert lines[1].startswith(f"{config}: proxies.a.listen = 'x' is not an address")
    assert lines[2] == "2 problems"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--config", "", "--state", "{folder}/s"], "--config='' is not allowed"),
        (["--config", "{config}", "--state", ""], "--state='' is not allowed"),
        (["--config", "/nowhere.toml"], "/nowhere.toml: the file cannot be read"),
        (["--port", "x"], "--port='x' is not allowed"),
        (["--state", "{folder}/no/where"], "{folder}/no/where cannot be used as the state file"),
        (["--config", "{config}", "--http-port", "x"], "--http-port='x' is not allowed"),
        (["--config", "{config}", "--seed", "x"], "--seed='x' is not allowed"),
        (["--config", "{config}", "--proxy", "h:1"], "No such option"),
        (["--config", "{config}", "more"], "Got unexpected extra argument (more)"),
    ],
)
def test_mistakes(words: list[str], line: str, config: Path, tmp_path: Path) -> None:
    names = {"folder": tmp_path, "config": config}
    told = refused("serve", *(word.format(**names) for word in words))
    assert told[0].startswith(line.format(**names))


def ask_api(address: Address, method: str, path: str, body: object = None) -> object:
    connection = http.client.HTTPConnection(address.host, address.port, timeout=PATIENCE)
    connection.request(method, path, None if body is None else json.dumps(body))
    answer = connection.getresponse().read()
    connection.close()
    return json.loads(answer or b"null")


def test_without_a_configuration_it_waits_for_clients(
    echoing: Address, tmp_path: Path, log: Path
) -> None:
    words = ["--port", "0", "--state", str(tmp_path / "state")]
    body = {"name": "cache", "listen": "127.0.0.1:0", "upstream": str(echoing)}
    with served(*words, log=log) as serving:
        assert serving.messages[2].startswith("ready: 0 proxies, seed ")
        assert ask_api(serving.http, "GET", "/proxies") == {}
        made = ask_api(serving.http, "POST", "/proxies", body)
        assert isinstance(made, dict)
        with connect(Address.parse(made["listen"])) as client:
            client.sendall(b"hello")
            assert receive(client, 5) == b"hello"
        ask_api(serving.http, "POST", "/proxies/cache/toxics", {"type": "noop"})
        assert serving.end() == 0
    with served(*words, log=log) as serving:  # what was made is there again
        toxics = ask_api(serving.http, "GET", "/proxies/cache/toxics")
        assert isinstance(toxics, list)
        assert toxics[0]["name"] == "noop_downstream"
        assert serving.ask("cache") == b"hello"


def test_the_api_is_where_toxiproxys_is() -> None:
    """Not tried in earnest: that port may be taken."""
    (host, port) = OWN_FLAGS
    assert (host.opts, port.opts) == (["--host"], ["--port"])
    assert PORT.content == {"http_port": 8474}


@pytest.mark.parametrize("words", [["--port", "0"], ["--host", "127.0.0.1", "--http-port", "0"]])
def test_toxiproxys_flags_serve_the_api_of_a_configuration_too(
    words: list[str], config: Path, log: Path
) -> None:
    with served("--config", str(config), *words, log=log) as serving:
        proxies = ask_api(serving.http, "GET", "/proxies")
        assert isinstance(proxies, dict)
        assert list(proxies) == ["cache", "mail", "web"]


FORMS = {
    "list": '[{"name": "cache", "listen": "127.0.0.1:0", "upstream": "%s"}]\n# ours',
    "answer": '{"cache": {"name": "cache", "listen": "127.0.0.1:0", "upstream": "%s"}}',
    "empty": "[]",
}


@pytest.mark.parametrize("form", FORMS)
def test_toxiproxys_file_and_flags(form: str, tmp_path: Path, echoing: Address, log: Path) -> None:
    file = tmp_path / "toxiproxy"
    file.write_text(FORMS[form].replace("%s", str(echoing)))
    words = ["-config", str(file), "-host=127.0.0.1", "-port", "0", "-seed", "7"]
    with served(*words, "-runtime-metrics", log=log) as serving:
        proxies = ask_api(serving.http, "GET", "/proxies")
        assert isinstance(proxies, dict)
        assert list(proxies) == ([] if form == "empty" else ["cache"])
        if proxies:
            assert serving.ask("cache") == b"hello"
        assert ("from where the proxies end" in serving.log) is (form == "list")
        assert "-runtime-metrics has no effect" in serving.log
        assert "seed 7" in serving.log


def test_the_api_of_toxiproxys_file_can_be_turned_off(
    tmp_path: Path, echoing: Address, log: Path
) -> None:
    file = tmp_path / "toxiproxy.json"
    file.write_text(FORMS["list"].replace("%s", str(echoing)))
    with served("--config", str(file), "--no-http", log=log) as serving:
        assert serving.ask("cache") == b"hello"
        assert "HTTP" not in serving.log
        assert "no effect" not in serving.log


def test_without_a_configuration_the_api_can_be_turned_off(log: Path) -> None:
    with served("--no-http", log=log) as serving:
        assert serving.messages[1].startswith("ready: 0 proxies")


def test_a_seed_that_a_flag_gives_wins(config: Path, log: Path) -> None:
    with served("--config", str(config), "--seed", "8", log=log) as serving:
        assert "ready: 3 proxies, seed 8" in serving.messages


# SIGHUP.


def test_what_has_not_changed_goes_on(config: Path, echoing: Address, log: Path) -> None:
    with (
        served("--config", str(config), log=log) as serving,
        connect(serving.address("cache")) as kept,
    ):
        kept.sendall(b"hello")
        assert receive(kept, 5) == b"hello"
        text = config.read_text()
        config.write_text(
            text.replace("enabled = false", "")
            .replace("[proxies.web]", "[proxies.site]")
            .replace('profile = "fiber"', 'rules = [{behavior = "blackout"}]')
        )
        serving.reload()
        kept.sendall(b"again")
        assert receive(kept, 5) == b"again"
        assert serving.ask("mail") == b"hello"
        with connect(serving.address("site")) as client:
            client.sendall(b"hello")
            assert receive_until_fin(client) == b""
        wait_until(lambda: "web: removed" in serving.messages, "the line for the last proxy")
        told = serving.messages[serving.messages.index(f"SIGHUP: reloading {config}") :]
        assert told == [
            f"SIGHUP: reloading {config}",
            "State replaced: 3 proxies",
            f"site: {serving.address('site')} forwards to {echoing}",
            f"mail: {serving.address('mail')} forwards to {echoing}",
            "web: removed",
        ]


def test_a_file_with_mistakes_changes_nothing(config: Path, log: Path) -> None:
    with served("--config", str(config), log=log) as serving:
        right = config.read_text()
        config.write_text(right.replace("[proxies.web]", "[proxies.site]") + "x = 1\ny = 2\n")
        serving.reload()
        assert [line for line in serving.messages if f"{config}: proxies.mail" in line] == [
            line for line in serving.messages if " is an unknown key" in line
        ]
        assert serving.messages[-1] == "The configuration was not applied; problems: 2"
        assert serving.ask("web") == b"hello"
        config.write_text(right.replace("[proxies.web]", "[proxies.site]"))
        serving.reload()
        assert serving.ask("site") == b"hello"


def test_a_port_in_use_changes_nothing(config: Path, echoing: Address, log: Path) -> None:
    with (
        served("--config", str(config), log=log) as serving,
        socket.create_server(("127.0.0.1", 0)) as taken,
    ):
        port = taken.getsockname()[1]
        more = proxy_table("more", echoing, listen=f"127.0.0.1:{port}")
        config.write_text(config.read_text().replace("[proxies.web]", "[proxies.site]") + more)
        serving.reload()
        reason = f"proxy 'more': cannot listen on 127.0.0.1:{port}: Address already in use"
        assert serving.messages[-1] == f"The configuration was not applied: {reason}"
        assert serving.ask("web") == b"hello"


def test_a_signal_has_files_that_were_moved_opened_anew(
    config: Path, log: Path, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    words = ["--config", str(config), "--journal", str(journal), "--log-output", str(log)]
    with served(*words, log=log) as serving:
        for file in (journal, log):
            file.rename(file.with_suffix(".moved"))
        serving.process.send_signal(signal.SIGHUP)
        wait_until(lambda: log.exists() and "has not changed" in serving.log, "the new log")
        wait_until(journal.exists, "the new journal")
        serving.process.send_signal(signal.SIGUSR1)
        wait_until(lambda: "SIGUSR1" in serving.log, "what the signal did")
        assert serving.end() == 0


def test_two_signals_in_a_row(config: Path, log: Path) -> None:
    with served("--config", str(config), log=log) as serving:
        for _ in range(5):
            serving.process.send_signal(signal.SIGHUP)
        serving.reload()
        assert serving.ask("cache") == b"hello"
        assert serving.end() == 0


def test_settings_that_take_effect_later_are_told(config: Path, log: Path) -> None:
    with served("--config", str(config), log=log) as serving:
        config.write_text("drain = 1\nhttp = true\n" + config.read_text())
        serving.reload()
        wait_until(
            lambda: "Takes effect at the next start: http, drain" in serving.messages, "the line"
        )


def test_a_signal_while_it_starts_has_the_file_read_again(
    tmp_path: Path, echoing: Address, log: Path
) -> None:
    config = tmp_path / "v.toml"
    os.mkfifo(config)
    with log.open("wb") as output:
        process = subprocess.Popen(command("serve", "--config", str(config)), stderr=output)
    try:
        with config.open("w") as first:  # it waits for what is said here
            process.send_signal(signal.SIGHUP)
            first.write(proxy_table("a", echoing))
        wait_until(lambda: b"ready: " in log.read_bytes(), "it is ready")
        with config.open("w") as second:
            second.write(proxy_table("b", echoing))
        wait_until(lambda: b"a: removed" in log.read_bytes(), "it has what was said then")
    finally:
        stop(process)


# The state file.


def test_a_seed_that_was_drawn_outlasts_a_restart(
    config: Path, log: Path, echoing: Address, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    config.write_text(proxy_table("a", echoing))
    words = ["--config", str(config), "--state", str(state), "--http", "--http-port", "0"]
    with served(*words, log=log) as serving:
        Client(serving.http.host, serving.http.port).set_behavior("delay")
        serving.process.kill()
        serving.process.wait(PATIENCE)
    seed = json.loads(state.read_bytes())["seed"]
    with served(*words, log=log) as serving:
        serving.reload()
        assert json.loads(state.read_bytes())["seed"] == seed
        assert serving.end() == 0


def test_changes_outlast_a_restart(config: Path, log: Path, tmp_path: Path) -> None:
    config.write_text(
        "seed = 7\n" + proxy_table("cache", Address("127.0.0.1", 9), 'behavior = "100:delay"')
    )
    words = ["--config", str(config), "--state", str(tmp_path / "state"), "--http"]
    words += ["--http-port", "0"]
    with served(*words, log=log) as serving:
        Client(serving.http.host, serving.http.port).set_behavior("blackout")
        serving.process.kill()
        serving.process.wait(PATIENCE)
    with served(*words, log=log) as serving:
        assert Client(serving.http.host, serving.http.port).get_behavior() == "blackout"
        assert f"Resuming from the state in {tmp_path}/state" in serving.messages
        assert serving.end() == 0
    with served(*words[2:], log=log) as serving:  # the state alone
        assert Client(serving.http.host, serving.http.port).get_behavior() == "blackout"
        assert "ready: 1 proxy, seed 7" in serving.messages
        serving.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "no configuration file to reload" in serving.log, "the answer")
        assert serving.end() == 0
    config.write_text(config.read_text().replace("100:delay", "100:hang"))
    with served(*words, log=log) as serving:
        assert Client(serving.http.host, serving.http.port).get_behavior() == "hang"
        (line,) = [line for line in serving.messages if "replaced-1" in line]
        assert line == (
            f"{tmp_path}/state was saved under another configuration; it was moved to "
            f"{tmp_path}/state.replaced-1; starting from the configuration"
        )
        assert serving.end() == 0


def test_changes_outlast_a_signal_until_the_configuration_has_changed(
    config: Path, log: Path, tmp_path: Path
) -> None:
    """Those of a process before it, too."""
    state = tmp_path / "state"
    config.write_text(proxy_table("cache", Address("127.0.0.1", 9), 'behavior = "5:delay"'))
    words = ["--config", str(config), "--state", str(state), "--http", "--http-port", "0"]
    with served(*words, log=log) as serving:
        Client(serving.http.host, serving.http.port).set_behavior("blackout")
        assert serving.end() == 0
    with served(*words, log=log) as serving:
        client = Client(serving.http.host, serving.http.port)
        serving.reload()
        assert serving.messages[-1] == "The configuration has not changed; live changes are kept"
        assert client.get_behavior() == "blackout"
        saved = state.read_bytes()
        config.write_text(config.read_text().replace("5:delay", "100:hang"))
        serving.reload()
        assert client.get_behavior() == "hang"
        gone = f"Live changes are discarded; the state with them is kept as {state}.replaced-1"
        wait_until(lambda: gone in serving.messages, "the line")
        assert (tmp_path / "state.replaced-1").read_bytes() == saved
        config.write_text(f"drain = 5\n{config.read_text()}")
        serving.reload()
        assert serving.end() == 0
        assert serving.log.count("Live changes") == 1
    with served(*words, log=log) as serving:  # nothing was changed live
        config.write_text(f"timeout = 5\n{config.read_text()}")
        serving.reload()
        assert serving.end() == 0
        assert "Live changes" not in serving.log
    assert not (tmp_path / "state.replaced-2").exists()


def test_a_damaged_state_is_set_aside(config: Path, log: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.write_text("{")
    with served("--config", str(config), "--state", str(state), log=log) as serving:
        assert serving.ask("cache") == b"hello"
        assert any(f"it was moved to {state}.damaged-1" in line for line in serving.messages)
        assert serving.end() == 0
    assert (tmp_path / "state.damaged-1").read_text() == "{"
    state.write_text("[")
    (line,) = refused("serve", "--state", str(state))
    assert line.endswith(f"it was moved to {state}.damaged-2")


def test_a_state_that_cannot_be_understood(config: Path, log: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    words = ["--config", str(config), "--state", str(state)]
    with served(*words, "--http", "--http-port", "0", log=log) as serving:
        text = config.read_text()
        config.write_text(text.replace("seed = 7", "seed = 8"))
        serving.reload()  # saves it
        assert serving.end() == 0
    saved = state.read_text().replace('"tcp"', '"gopher"')
    state.write_text(saved)
    assert "'gopher' is an unknown protocol" in refused("serve", "--state", str(state))[0]
    assert state.read_text() == saved
    with served(*words, log=log) as serving:
        assert "ready: 3 proxies, seed 8" in serving.messages
        assert any("cannot be understood" in line for line in serving.messages)
    assert (tmp_path / "state.damaged-1").read_text() == saved
