"""The key ``tls`` of a proxy: what it comes to, and all that can be wrong with it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path

import pytest

from knowing import known, problems_of, understood, with_rules
from vaurien.authority.certificates import make_leaf
from vaurien.config.document import Document
from vaurien.config.state import State, to_document
from vaurien.config.tls import TLS_OPTIONS, described_tls
from vaurien.config.understand import understand_state
from vaurien.net.spec import ProxySpec
from vaurien.net.tls.spec import MODES, Tls


def of(tls: object, **keys: object) -> ProxySpec:
    return understood(with_rules(tls=tls, **keys)).state.proxies[0]


def wrong(tls: object) -> list[str]:
    lines = problems_of(with_rules(tls=tls))
    assert all(line.startswith("proxies.a.tls") for line in lines)
    return [line.removeprefix("proxies.a.tls") for line in lines]


@pytest.fixture
def leaf(tmp_path: Path) -> Path:
    path = tmp_path / "leaf.pem"
    path.write_bytes(make_leaf(None, ["localhost"], datetime.now(UTC)).pem)
    return path


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_is_a_text_or_in_a_table(mode: str) -> None:
    assert of(mode).tls == of({"mode": mode}).tls == Tls(mode=mode)  # type: ignore[arg-type]  # one of them


def test_without_the_key_there_is_none() -> None:
    assert (of(None).tls, of(None).credentials) == (None, None)
    assert understood(with_rules()).state.proxies[0].tls is None


def test_all_keys(leaf: Path) -> None:
    given: Mapping[str, object] = {
        "mode": "both",
        "ca": str(leaf),
        "cert": str(leaf),
        "key": str(leaf),
        "server_name": "backend.example",
        "client_cert": str(leaf),
        "client_key": str(leaf),
        "client_ca": str(leaf),
        "minimum": "1.3",
    }
    tls = of({key.replace("_", "-"): value for key, value in given.items()}).tls
    assert tls is not None
    assert described_tls(tls) == {"tls": given}
    assert of({"mode": "originate", "insecure": True}).tls == Tls(mode="originate", insecure=True)
    assert of({"mode": "both", "minimum": 1.3}).tls == Tls(mode="both", minimum="1.3")


def test_it_is_a_document_again(leaf: Path) -> None:
    for tls in ("pass", {"mode": "terminate", "cert": str(leaf)}):
        state = State((of(tls),))
        again = understand_state(Document(to_document(state)), known())
        assert again.proxies == state.proxies


def test_what_it_takes() -> None:
    modes = "it takes one of pass, terminate, originate, both"
    assert wrong("pas") == [f" = 'pas' is not allowed (did you mean 'pass'?): {modes}"]
    assert wrong(True) == [f" = true is not allowed: {modes}"]
    assert wrong({"ca": "x"}) == [f".mode is missing: {modes}"]
    versions = "it takes one of 1.0, 1.1, 1.2, 1.3"
    assert wrong({"mode": "both", "minimum": "ssl3", "cret": 1}) == [
        f".minimum = 'ssl3' is not allowed: {versions}",
        ".cret = 1 is an unknown key (did you mean 'cert'?): it takes one of mode, ca, cert, key, "
        "server-name, insecure, client-cert, client-key, client-ca, minimum",
    ]


def test_keys_that_mean_nothing() -> None:
    with_clients = "which speaks no TLS with clients: it takes the mode terminate or both"
    assert wrong({"mode": "originate", "cert": "x", "key": "x", "client_ca": "x"}) == [
        f".{key} = 'x' means nothing in the mode originate, {with_clients}"
        for key in ("cert", "key", "client_ca")
    ]
    with_backend = "which speaks no TLS with the backend: it takes the mode originate or both"
    assert wrong({"mode": "terminate", "ca": "x", "insecure": True}) == [
        f".ca = 'x' means nothing in the mode terminate, {with_backend}",
        f".insecure = true means nothing in the mode terminate, {with_backend}",
    ]
    assert wrong({"mode": "pass", "minimum": "1.3"}) == [
        ".minimum = '1.3' means nothing in the mode pass, which speaks no TLS on either side: "
        "it takes the mode terminate, originate or both"
    ]
    assert wrong({"mode": "both", "key": "x", "client_key": "y"}) == [
        ".key = 'x' means nothing without cert: it takes cert, too",
        ".client_key = 'y' means nothing without client-cert: it takes client-cert, too",
    ]
    assert wrong({"mode": "both", "ca": "x", "insecure": True}) == [
        ".ca = 'x' means nothing where insecure accepts any certificate: it takes no insecure"
    ]
    assert wrong({"mode": "terminate", "insecure": False, "ca": ""}) == []


@pytest.mark.parametrize("mode", MODES)
def test_any_keys_together_have_a_reason_each_at_most(mode: str) -> None:
    values = dict.fromkeys(TLS_OPTIONS, "x") | {"insecure": True, "minimum": "1.3"}
    names = sorted(TLS_OPTIONS.keys() - {"mode"})
    for count in range(3):
        for keys in combinations(names, count):
            lines = problems_of(with_rules(tls={key: values[key] for key in keys} | {"mode": mode}))
            blamed = [line.split(" ")[0] for line in lines]
            assert len(blamed) == len({*blamed}), keys


@pytest.mark.parametrize("mode", MODES)
def test_the_protocol_tls_reads_what_is_encrypted(mode: str) -> None:
    why = "decrypts the TLS that the protocol tls is to read: it takes pass, or no tls"
    expected = [] if mode == "pass" else [f"proxies.a.tls = {mode!r} {why}"]
    assert problems_of(with_rules(protocol="tls", tls=mode)) == expected


def test_all_files_that_cannot_be_used_are_named(
    tmp_path: Path, leaf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("other.pem").write_bytes(make_leaf(None, ["localhost"], datetime.now(UTC)).pem)
    Path("empty").touch()
    tls = {"cert": leaf.name, "key": "other.pem", "client_cert": "missing", "ca": "empty"}
    assert sorted(wrong({"mode": "both", **tls})) == [
        ".ca = 'empty' holds no certificate: it takes a file in PEM format",
        ".client_cert = 'missing' cannot be read: No such file or directory",
        ".key = 'other.pem' is not the private key of the certificate",
    ]


def test_a_certificate_is_not_blamed_for_its_key(tmp_path: Path, leaf: Path) -> None:
    (tmp_path / "empty").touch()
    tls = {"mode": "terminate", "cert": str(leaf), "key": str(tmp_path / "empty")}
    assert [line.split(" ", 3)[3] for line in wrong(tls)] == [
        "holds no private key: it takes a file in PEM format"
    ]


@pytest.mark.parametrize("name", ["a b", "*.example", "a/b", "[::1]"])
def test_a_name_that_is_none(name: str) -> None:
    assert wrong({"mode": "originate", "server-name": name}) == [
        f".server-name = {name!r} is not a name of a server: it takes the name of a host, or an "
        "address"
    ]


@pytest.mark.parametrize("name", ["a_b.example.", "bücher.example", "::1", "10.0.0.1"])
def test_a_name_of_a_server(name: str) -> None:
    assert wrong({"mode": "originate", "server-name": name}) == []


def test_certificates_are_made_only_with_cryptography(
    monkeypatch: pytest.MonkeyPatch, leaf: Path
) -> None:
    monkeypatch.setattr("vaurien.config.tls.find_spec", lambda _: None)
    why = "without cert, making certificates takes the package cryptography"
    how = "pip install 'vaurien[tls]'"
    assert wrong("both") == [f" = 'both' is refused: {why}: {how}"]
    assert wrong({"mode": "both"}) == [f".mode = 'both' is refused: {why}: {how}"]
    for tls in ("pass", "originate", {"mode": "terminate", "cert": str(leaf)}):
        assert wrong(tls) == []


def test_a_mode_without_handshakes_needs_no_ssl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vaurien.net.tls.credentials", None)
    assert of("pass").credentials is None


def test_no_authority_is_made_by_reading(ca_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAURIEN_CA_FOLDER", str(ca_folder / "none"))
    assert of("both").credentials is not None
    assert not (ca_folder / "none").exists()


def test_a_leaf_is_for_where_the_proxy_listens() -> None:
    import platform
    import ssl

    def names(listen: str) -> list[str]:
        found = of("terminate", listen=listen).credentials
        assert found is not None
        assert isinstance(found.certificates.for_name(None), ssl.SSLContext)
        return list(found.certificates.names)

    own = ["localhost", "127.0.0.1", "::1"]
    assert names("127.0.0.2:0") == ["127.0.0.2", *own]
    assert names("0.0.0.0:0") == [platform.node(), *own]
    assert names("unix:/x") == own


@pytest.mark.parametrize("protocol", ["tcp", "http"])
def test_rules_match_on_the_handshake(protocol: str) -> None:
    rule = {"behavior": "delay", "sni": "~example", "match": {"alpn": "h2"}}
    spec = of("pass", protocol=protocol, rules=[{**rule, "tls_version": "TLSv1.3"}])
    assert [one.label for one in spec.plan.rules[0].match] == ["sni", "alpn", "tls_version"]


def test_rules_of_other_proxies_do_not() -> None:
    for protocol in ("tcp", "http"):
        rules = [{"behavior": "delay", "sni": "x", "match.alpn": "h2"}]
        assert problems_of(with_rules(*rules, protocol=protocol)) == [
            "proxies.a.rules[0].sni = 'x' is known only on a proxy with the key tls",
            "proxies.a.rules[0].\"match.alpn\" = 'h2' is known only on a proxy with the key tls",
        ]


# Protocols in whose midst TLS begins.


@pytest.mark.parametrize("protocol", ["postgresql", "mysql", "smtp"])
def test_what_begins_inside_a_protocol_is_decrypted_too(protocol: str) -> None:
    by_proxy = of("both", protocol=protocol)
    by_protocol = understood(with_rules(protocol=protocol, options={"tls": "both"})).state.proxies[
        0
    ]
    assert by_proxy == by_protocol
    assert by_proxy.protocol.decrypts
    assert by_proxy.tls == Tls(mode="both")
    assert by_protocol.credentials is not None
    again = understand_state(Document(to_document(State((by_proxy,)))), known())
    assert again.proxies == (by_proxy,)
    assert by_proxy.matching.labels["sni"]


def test_other_modes_leave_a_protocol_as_it_is() -> None:
    for mode in ("pass", "terminate", "originate"):
        assert not of(mode, protocol="postgresql").protocol.decrypts
    assert not of("both", protocol="redis").protocol.decrypts


def test_proxy_and_protocol_must_agree() -> None:
    def wrong_both(tls: str, option: str) -> list[str]:
        return problems_of(with_rules(tls=tls, protocol="smtp", options={"tls": option}))

    assert wrong_both("both", "pass") == [
        "proxies.a.options.tls = 'pass' contradicts tls = both of the proxy: it takes 'both'"
    ]
    default = with_rules(tls="both", protocol="smtp") | {"protocols": {"smtp": {"tls": "pass"}}}
    assert problems_of(default) == wrong_both("both", "pass")
    assert wrong_both("terminate", "both") == [
        "proxies.a.options.tls = 'both' needs tls = both of the proxy, which has terminate"
    ]
