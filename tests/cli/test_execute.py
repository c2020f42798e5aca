"""Commands with proxies around them."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from peers import PATIENCE, Listening, receive_until_fin, wait_until
from serving import command, proxy_table, refused
from vaurien import plugins
from vaurien.cli.execute import PASSED_ON, environment_of
from vaurien.config.configuration import Configuration
from vaurien.config.source import Source
from vaurien.errors import OptionError
from vaurien.net.address import Address

NOBODY = Address("127.0.0.1", 9)
TELLS_SIGNALS = """
import signal, sys
def tell(number, frame):
    print(signal.Signals(number).name, flush=True)
    if number in LAST:
        sys.exit(7)
for number in (
    signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2
):
    signal.signal(number, tell)
print("ready", flush=True)
while True:
    signal.pause()
"""
LAST = "LAST = set(signal.Signals)"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "v.toml"
    path.write_text(
        '[environment]\nURL = "tcp://{my-cache}/0"\nPLACE = "{web.host} {web.port}"\n'
        + proxy_table("my-cache", NOBODY)
        + proxy_table("web", NOBODY)
    )
    return path


def run(config: Path, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command("run", "--config", str(config), *words),
        input=given,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["true"], 0),
        (["--", "sh", "-c", "exit 3"], 3),
        (["sh", "-c", "exit 255"], 255),
        (["sh", "-c", "kill -9 $$"], 137),
    ],
)
def test_it_exits_as_the_command_does(words: list[str], status: int, config: Path) -> None:
    done = run(config, *words)
    assert (done.returncode, done.stdout, done.stderr) == (status, "", "")


@pytest.mark.parametrize(
    ("word", "status", "reason"),
    [
        ("no-such-command", 127, "No such file or directory"),
        ("/etc/passwd", 126, "Permission denied"),
        ("/", 126, "Permission denied"),
    ],
)
def test_a_command_that_cannot_be_run(word: str, status: int, reason: str, config: Path) -> None:
    done = run(config, "--", word)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr == f"vaurien: {word!r} cannot be run: {reason}\n"


def test_its_streams_are_its_own(config: Path) -> None:
    done = run(config, "sh", "-c", "cat; echo trouble >&2", given="hello")
    assert (done.stdout, done.stderr) == ("hello", "trouble\n")


def signal_sets(status: str) -> list[int]:
    """The sets in lines of a process's status, without signals that the C library has."""
    return [int(line.split()[1], 16) & 0x7FFFFFFF for line in status.splitlines()]


def test_it_has_the_signals_of_a_shells_child(config: Path) -> None:
    """Nothing is blocked or ignored that was not before."""
    words = ["grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"]
    plain = subprocess.run(words, capture_output=True, text=True, check=True)
    assert signal_sets(run(config, "--", *words).stdout) == signal_sets(plain.stdout)


def test_its_environment(config: Path) -> None:
    lines = run(config, "env").stdout.splitlines()
    found = dict(line.split("=", 1) for line in lines)
    port = found["VAURIEN_MY_CACHE_PORT"]
    assert int(port)
    assert found["VAURIEN_MY_CACHE_HOST"] == "127.0.0.1"
    assert found["VAURIEN_MY_CACHE_ADDRESS"] == f"127.0.0.1:{port}"
    assert found["URL"] == f"tcp://127.0.0.1:{port}/0"
    assert found["PLACE"] == f"127.0.0.1 {found['VAURIEN_WEB_PORT']}"


def understood(config: Path, text: str) -> Configuration:
    config.write_text(text)
    source = Source(str(config), plugins.load_named)
    return source.understand(source.read())


def test_the_address_of_a_unix_socket(config: Path, tmp_path: Path) -> None:
    socket = f"unix:{tmp_path}/socket"
    told = understood(config, proxy_table("a", NOBODY, listen=socket))
    assert environment_of(told, lambda _: None) == {"VAURIEN_A_ADDRESS": socket}


def test_a_command_trusts_certificates_that_are_made(config: Path, ca_folder: Path) -> None:
    config.write_text(proxy_table("a", NOBODY, 'tls = "terminate"'))
    lines = run(config, "env").stdout.splitlines()
    found = dict(line.split("=", 1) for line in lines)
    assert found["SSL_CERT_FILE"].startswith(f"{ca_folder}/bundle-")
    assert found["SSL_CERT_FILE"] == found["CURL_CA_BUNDLE"] == found["REQUESTS_CA_BUNDLE"]
    assert "NODE_EXTRA_CA_CERTS" in found
    told = understood(config, proxy_table("a", NOBODY, 'tls = "originate"'))
    assert "SSL_CERT_FILE" not in environment_of(told, lambda _: None)


def test_names_that_are_not_plain_have_variables_of_their_own(config: Path) -> None:
    names = ("a_b", "a:b", "a b", "c:d")
    told = understood(config, "".join(proxy_table(f'"{name}"', NOBODY) for name in names))
    found = [key for key in environment_of(told, lambda _: None) if key.endswith("_HOST")]
    assert len(found) == len(names)
    assert {"VAURIEN_A_B_HOST", "VAURIEN_C_D_HOST"} < set(found)
    assert all(re.fullmatch("VAURIEN_[A-Z0-9_]+_HOST", key) for key in found)


def test_two_proxies_with_the_same_variables(config: Path) -> None:
    told = understood(config, proxy_table("a-b", NOBODY) + proxy_table("A_b", NOBODY))
    with pytest.raises(OptionError) as caught:
        environment_of(told, lambda _: None)
    same = "have the same variable: VAURIEN_A_B_ADDRESS"
    assert str(caught.value) == f"the proxies 'a-b' and 'A_b' {same}"


# Signals.

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(config: Path) -> Iterator[Start]:
    """Starts a command that tells of each signal; it is over after the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start_one(last: str = LAST, **streams: object) -> subprocess.Popen[bytes]:
        code = TELLS_SIGNALS.replace("import signal, sys", f"import signal, sys; {last}")
        words = command("run", "--config", str(config), "--", sys.executable, "-S", "-c", code)
        process = subprocess.Popen(words, **{"stdout": subprocess.PIPE, **streams})  # type: ignore[call-overload]  # whatever streams
        started.append(process)
        return process  # type: ignore[no-any-return]

    yield start_one
    for process in started:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@pytest.mark.parametrize(
    "number", sorted(PASSED_ON), ids=lambda number: signal.Signals(number).name
)
def test_signals_are_passed_on(number: signal.Signals, start: Start) -> None:
    process = start()
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(number)
    assert process.stdout.read() == f"{number.name}\n".encode()
    assert process.wait(PATIENCE) == 7


def test_it_does_not_end_before_the_command(start: Start) -> None:
    process = start("LAST = {signal.SIGQUIT}")
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
        process.send_signal(number)
        assert process.stdout.readline() == f"{number.name}\n".encode()
    assert process.wait(PATIENCE) == 7


def test_what_a_terminal_sends_reaches_the_command_once(start: Start) -> None:
    ours, theirs = pty.openpty()

    def take_terminal() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = start(
        "LAST = {signal.SIGTERM}",
        stdin=theirs,
        stdout=theirs,
        start_new_session=True,
        preexec_fn=take_terminal,
    )
    os.close(theirs)
    said = bytearray()

    def has_said(word: bytes) -> bool:
        said.extend(os.read(ours, 1024))
        return word in said

    try:
        wait_until(lambda: has_said(b"ready"), "the command runs")
        os.write(ours, b"\x03")
        wait_until(lambda: has_said(b"SIGINT"), "the signal")
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: has_said(b"SIGTERM"), "the end")
        assert process.wait(PATIENCE) == 7
    finally:
        os.close(ours)
    assert said.count(b"SIGINT") == 1


def test_connections_are_closed_when_the_command_ends(tmp_path: Path) -> None:
    client = (
        "import os, socket\n"
        "sock = socket.create_connection(('127.0.0.1', int(os.environ['VAURIEN_A_PORT'])))\n"
        "os.set_inheritable(sock.fileno(), True)\n"
        "sock.sendall(b'hello'); sock.recv(1)\n"
        "os.posix_spawn('/bin/sh', ['sh', '-c', 'read it'], os.environ)\n"  # which outlives us
    )
    config = tmp_path / "v.toml"
    with Listening() as backend:
        config.write_text(proxy_table("a", backend.address))
        words = command("run", "--config", str(config), "--", sys.executable, "-c", client)
        with subprocess.Popen(words, stdin=subprocess.PIPE) as process:
            with backend.accept() as serving:
                assert serving.recv(5) == b"hello"
                serving.sendall(b"!")
                assert receive_until_fin(serving) == b""
            assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--config", "", "true"], "--config='' is not allowed"),
        (["--config", "{config}"], "Missing argument 'COMMAND [ARG]...'."),
        (["--config", "/nowhere.toml", "true"], "/nowhere.toml: the file cannot be read: No such"),
        (["--config", "{config}", "--nope", "true"], "No such option"),
    ],
)
def test_mistakes(words: list[str], line: str, config: Path) -> None:
    assert refused("run", *(word.format(config=config) for word in words))[0].startswith(line)


# The API.

DRIVES = """
from vaurien import Client
with Client.from_environment() as client:
    with client.proxy("web").rule("hang") as rule:
        print([proxy.name for proxy in client.proxies()], rule.name)
"""


def test_the_command_can_change_the_proxies(config: Path) -> None:
    done = run(config, sys.executable, "-c", DRIVES)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "['my-cache', 'web'] hang\n"


def test_each_run_has_a_token_of_its_own(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VAURIEN_TOKEN", raising=False)
    show = ["sh", "-c", "echo $VAURIEN_URL $VAURIEN_TOKEN"]
    (url, token), (other_url, other) = (run(config, *show).stdout.split() for _ in range(2))
    assert re.fullmatch(r"http://localhost:\d+", url)
    assert re.fullmatch(r"http://localhost:\d+", other_url)
    assert len({token, other}) == 2
    assert min(len(token), len(other)) >= 32


def test_the_api_asks_for_the_token(config: Path) -> None:
    program = "import os, vaurien; vaurien.Client(url=os.environ['VAURIEN_URL']).proxies()"
    done = run(config, sys.executable, "-c", program)
    assert done.returncode == 1
    assert "Authorization" in done.stderr


def test_a_token_may_be_chosen(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAURIEN_TOKEN", "chosen-" * 4)
    done = run(config, "sh", "-c", "echo $VAURIEN_TOKEN")
    assert done.stdout == "chosen-" * 4 + "\n"
    assert run(config, sys.executable, "-c", DRIVES).returncode == 0


def test_a_run_may_do_without_a_token(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VAURIEN_TOKEN", raising=False)
    program = DRIVES + "import os; assert 'VAURIEN_TOKEN' not in os.environ"
    done = run(config, "--insecure", sys.executable, "-c", program)
    assert (done.returncode, done.stderr) == (0, "")


def test_without_the_api_nothing_is_told_of_it(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VAURIEN_TOKEN", raising=False)
    monkeypatch.delenv("VAURIEN_URL", raising=False)
    done = run(config, "--no-http", "sh", "-c", "echo ${VAURIEN_URL-none} ${VAURIEN_TOKEN-none}")
    assert done.stdout == "none none\n"


def test_the_api_may_be_on_a_unix_socket(config: Path, tmp_path: Path) -> None:
    path = str(tmp_path / "v.sock")
    done = run(config, "--no-http", "--http-socket", path, sys.executable, "-c", DRIVES)
    assert done.stdout == "['my-cache', 'web'] hang\n", done.stderr


def test_the_command_has_a_token_of_its_own_beside_those_of_a_file(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("a-token-of-the-team-0123456789\n")
    tokens.chmod(0o600)
    config = tmp_path / "vaurien.toml"
    config.write_text(f'token-file = "{tokens}"\n' + proxy_table("cache", Address("h", 1)))
    environment = {key: value for key, value in os.environ.items() if key != "VAURIEN_TOKEN"}
    vaurien = [sys.executable, "-m", "vaurien"]
    done = subprocess.run(
        [*vaurien, "run", "--config", str(config), "--", *vaurien, "list", "-o", "name"],
        capture_output=True,
        text=True,
        timeout=50,
        env=environment,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("cache\n", 0), done.stderr


PAYS_TWICE = """
import os, redis
from redis.backoff import NoBackoff
from redis.retry import Retry

client = redis.Redis(
    host=os.environ["VAURIEN_CACHE_HOST"],
    port=int(os.environ["VAURIEN_CACHE_PORT"]),
    retry=Retry(NoBackoff(), 1),
)
client.incr("paid")
"""


@pytest.mark.parametrize(("rule", "status"), [("reply-lost", 1), ("request-lost", 0)])
def test_the_verdict_on_a_command(
    tmp_path: Path, redis_address: Address, rule: str, status: int
) -> None:
    config = tmp_path / "vaurien.toml"
    config.write_text(
        f'[proxies.cache]\nbackend = "{redis_address}"\nprotocol = "redis"\n'
        f'rules = [{{ behavior = "{rule}", command = "INCRBY", times = 1 }}]\n'
    )
    command = [sys.executable, "-m", "vaurien", "run", "--verdict", "--config", str(config), "--"]
    done = subprocess.run(
        [*command, sys.executable, "-c", PAYS_TWICE],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == status
    found = "FAIL repeated-effect: cache: INCRBY paid was carried out by the backend 2 times"
    assert (found in done.stderr) is bool(status)
    assert ("OK: nothing was found" in done.stderr) is not bool(status)
