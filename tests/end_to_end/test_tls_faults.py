"""Every fault of TLS, as real clients see it: what the documentation says of them.

One proxy plays all faults, each for a name of its own that the client asks for.
"""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from end_to_end.proxies import RunningProxy
from peers import PATIENCE, Scripted
from servers import require
from tls_talk import Peer
from vaurien.authority.certificates import make_leaf
from vaurien.authority.folder import authority
from vaurien.net.address import Address
from vaurien.net.tls import pem
from vaurien.net.tls.server import prepare
from vaurien.net.tls.spec import Tls as Encryption
from vaurien.protocols.tls.faults import CATALOGUE
from vaurien.protocols.tls.parser import Tls
from vaurien.protocols.tls.wire import ALERTS

PROGRAMS = Path(__file__).parent / "tls_clients"
FAULTS = Path(__file__).parent.parent.parent / "docs" / "faults.md"
DOMAIN = "faults.test"
NO_ERROR, WAITS, FAILS, ACCEPTS = "no error", "waits", "an error", "accepts it"
VERIFICATION = re.compile("verify (error|failed)|problem|altname|x509|PKIX")
"""What the errors of clients contain that do not accept a certificate."""
OF_OPENSSL = ("CPython", "openssl", "curl", "Node")
OTHERS = {"Node": "node", "Go": "go", "Java": "java"}
VERSIONS = {
    "CPython": ([], "OpenSSL 3.0."),
    "openssl": (["openssl", "version"], "OpenSSL 3.0."),
    "curl": (["curl", "--version"], "OpenSSL/3.0."),
    "Node": (["node", "--version"], "v20."),
    "Go": (["go", "version"], "go1."),
    "Java": (["java", "-version"], '"17.'),
}
"""How each client tells its version, and those of which the documentation tells."""

Outcomes = dict[str, str]
"""What clients say, by fault; NO_ERROR if they have got the page."""


def limit_for(name: str) -> float:
    """Seconds that a client waits: few, if the server is to say nothing."""
    return 0.5 if name.startswith("handshake-stalls") else PATIENCE


def name_for(fault: str) -> str:
    return f"{fault.replace('_', '-')}.{DOMAIN}"


@cache
def documented() -> dict[str, Outcomes]:
    """What the documentation says, by client: for each fault some words of its error."""
    said: dict[str, Outcomes] = {}
    head: list[str] = []
    for line in FAULTS.read_text().partition("## What clients of TLS say")[2].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if not line.startswith("|") or line.startswith("| ---"):
            continue
        if cells[0].strip() == "fault":
            head = cells[1:]
            continue
        fault, *words = (cell.strip("` ") for cell in cells)
        for client, text in zip(head, words, strict=True):
            for each in OF_OPENSSL if client == "OpenSSL" else client.split(", "):
                said.setdefault(each, {})[fault] = text
    return said


def serve(context: ssl.SSLContext, sock: socket.socket) -> None:
    """Answer a request, and end; a fault may withhold it, or have the client end first."""
    peer = Peer(context, server=True)
    with suppress(OSError):
        while not peer.received and (data := sock.recv(65536)):
            peer.take(data)
            sock.sendall(peer.move())
        if peer.received:
            sock.sendall(peer.say(b"HTTP/1.0 200 OK\r\n\r\nhello\r\n") + peer.close())


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The authority that all clients trust; faults show certificates of it, too."""
    folder = tmp_path_factory.mktemp("tls")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VAURIEN_CA_FOLDER", str(folder))
        authority()
        prepare({fault.flaw for fault in CATALOGUE if fault.flaw is not None})
        yield folder / "ca.pem"


@pytest.fixture(scope="module")
def address(ca: Path) -> Iterator[Address]:
    """Where each fault is played for its name, and none for others."""
    del ca
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pem.load(context, make_leaf(authority(), [f"*.{DOMAIN}"], datetime.now(UTC)).pem)
    rules = [f"error fault={fault.name} sni={name_for(fault.name)}" for fault in CATALOGUE]
    with (
        Scripted(lambda sock: serve(context, sock)) as backend,
        RunningProxy(backend.address, *rules, protocol=Tls()) as proxy,
    ):
        yield proxy.address


@pytest.fixture(scope="module")
def own_address(ca: Path) -> Iterator[Address]:
    """The same, where vaurien itself is the server of the handshake."""
    del ca
    rules = [f"handshake fault={fault.name} sni={name_for(fault.name)}" for fault in CATALOGUE]
    with (
        Scripted(answer) as backend,
        RunningProxy(backend.address, *rules, tls=Encryption(mode="terminate")) as proxy,
    ):
        yield proxy.address


def answer(sock: socket.socket) -> None:
    """Answer a request, in the clear."""
    with suppress(OSError):
        if sock.recv(65536):
            sock.sendall(b"HTTP/1.0 200 OK\r\n\r\nhello\r\n")


# Clients.


def python(address: Address, ca: Path, name: str) -> str:
    context = ssl.create_default_context(cafile=str(ca))
    try:
        with socket.create_connection((address.host, address.port), PATIENCE) as sock:
            sock.settimeout(limit_for(name))
            with context.wrap_socket(sock, server_hostname=name) as tls:
                tls.sendall(b"GET / HTTP/1.0\r\n\r\n")
                while tls.recv(4096):
                    pass
    except OSError as error:
        return f"{type(error).__name__}: {error}"
    return NO_ERROR


def run(*command: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        command, input=data, capture_output=True, check=False, timeout=2 * PATIENCE
    )


def openssl(address: Address, ca: Path, name: str) -> str:
    command = ["s_client", "-connect", str(address), "-servername", name, "-CAfile", str(ca)]
    command += ["-verify_return_error", "-verify_hostname", name, "-quiet", "-ign_eof"]
    limit = str(limit_for(name))
    done = run("timeout", limit, "openssl", *command, data=b"GET / HTTP/1.0\r\n\r\n")
    if done.returncode == 124:
        return WAITS
    return done.stderr.decode() if done.returncode else NO_ERROR


def curl(address: Address, ca: Path, name: str) -> str:
    url, place = f"https://{name}:{address.port}/", f"{name}:{address.port}:{address.host}"
    limit = str(limit_for(name))
    done = run("curl", "-sS", "-m", limit, "--cacert", str(ca), "--resolve", place, url)
    return done.stderr.decode() if done.returncode else NO_ERROR


ASK: dict[str, Callable[[Address, Path, str], str]] = {
    "CPython": python,
    "openssl": openssl,
    "curl": curl,
}


def ask_all(client: str, address: Address, ca: Path) -> Outcomes:
    """Have another client ask for all names, in one process."""
    names = {name_for(fault.name): fault.name for fault in CATALOGUE}
    place = [address.host, str(address.port)]
    command = {
        "Node": ["node", str(PROGRAMS / "get.js"), *place],
        "Go": ["go", "run", str(PROGRAMS / "get.go"), str(address)],
        "Java": ["java", "-XX:TieredStopAtLevel=1", str(PROGRAMS / "Get.java"), *place],
    }[client]
    done = subprocess.run([*command, str(ca), *names], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = (line.partition(": ") for line in done.stdout.splitlines() if ": " in line)
    return {names[name]: NO_ERROR if text == "ok" else text for name, _, text in lines}


def is_as_documented(client: str) -> bool:
    """Whether a client has a version of which the documentation tells; skip without the client."""
    command, wanted = VERSIONS[client]
    if not command:
        return wanted in ssl.OPENSSL_VERSION
    require(command[0])
    done = run(*command)
    return wanted in (done.stdout + done.stderr).decode()


def wrong(client: str, said: Outcomes) -> Outcomes:
    """What is not as documented; of another version, only what is an error and what is none."""
    exact = is_as_documented(client)
    return {
        fault: text
        for fault, text in said.items()
        if not (agrees(text, fault, client) if exact else fails_alike(text, fault, client))
    }


def agrees(said: str, fault: str, client: str) -> bool:
    expected = documented()[client][fault]
    if client == "curl" and fault == "certificate_expired":
        expected = "(60)"
    if expected == WAITS:
        return said == WAITS or "time" in said.lower()
    if expected in (NO_ERROR, FAILS):
        return (said == NO_ERROR) is (expected == NO_ERROR)
    if expected == ACCEPTS:  # and then it finds the connection closed
        return VERIFICATION.search(said) is None
    return all(part.lower() in said.lower() for part in expected.split(": ", 1))


def fails_alike(said: str, fault: str, client: str) -> bool:
    return said != NO_ERROR or documented()[client][fault] in (NO_ERROR, ACCEPTS)


def test_all_faults_are_documented() -> None:
    faults = {fault.name for fault in CATALOGUE}
    assert set(documented()) == {*ASK, *OTHERS}
    for said in documented().values():
        assert set(said) == faults


@pytest.mark.parametrize("client", ASK)
def test_what_clients_say(client: str, address: Address, ca: Path) -> None:
    if client != "CPython":
        require(client)
    names = {fault.name: name_for(fault.name) for fault in CATALOGUE}
    said = {fault: ASK[client](address, ca, name) for fault, name in names.items()}
    assert wrong(client, said) == {}
    assert ASK[client](address, ca, f"fine.{DOMAIN}") == NO_ERROR


@pytest.mark.parametrize("client", ASK)
def test_they_say_the_same_of_a_handshake_with_vaurien(
    client: str, own_address: Address, ca: Path
) -> None:
    if client != "CPython":
        require(client)
    names = {fault.name: name_for(fault.name) for fault in CATALOGUE}
    said = {fault: ASK[client](own_address, ca, name) for fault, name in names.items()}
    assert wrong(client, said) == {}
    accepted = {fault for fault in said if documented()[client][fault] == ACCEPTS}
    assert {said[fault] for fault in accepted} <= {NO_ERROR}  # it is served
    assert ASK[client](own_address, ca, f"fine.{DOMAIN}") == NO_ERROR


@pytest.mark.parametrize("client", OTHERS)
def test_what_clients_in_other_languages_say(client: str, address: Address, ca: Path) -> None:
    require(OTHERS[client])
    said = ask_all(client, address, ca)
    assert len(said) == len(CATALOGUE.faults)
    assert wrong(client, said) == {}


def test_alerts_have_their_numbers_in_openssl(address: Address, ca: Path) -> None:
    require("openssl")
    for code in (40, 112, 120):
        said = openssl(address, ca, name_for(ALERTS[code]))
        found = re.search(r"SSL alert number (\d+)", said)
        assert found is not None, said
        assert int(found[1]) == code
