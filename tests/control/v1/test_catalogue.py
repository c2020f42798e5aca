"""What there is to choose from."""

from __future__ import annotations

import pytest

from live import live
from native import Native
from vaurien import plugins, registry
from vaurien.behaviors.delay import Delay
from vaurien.control.v1.catalogue import description_of, get_behavior
from vaurien.control.v1.routes import Answer, Call
from vaurien.control.v1.table import TABLE
from vaurien.protocols.http.parser import Http
from vaurien.values.options import Configured


def test_behaviors_have_schemas_of_their_options(ask: Native) -> None:
    found = {each["name"]: each for each in ask("GET", "/v1/behaviors").body["behaviors"]}
    assert set(found) == set(registry.behaviors.names())
    assert all(each["description"] for each in found.values())
    assert found["delay"] == ask("GET", "/v1/behaviors/delay").body
    sleep = found["delay"]["options"]["properties"]["sleep"]
    assert (sleep["type"], sleep["default"], sleep["minimum"]) == ("number", 1.0, 0)
    keys = ask("GET", "/v1/behaviors").body["rule_keys"]["properties"]
    assert keys["direction"]["enum"] == ["both", "to_backend", "to_client"]


def test_behaviors_tell_whose_faults_they_play(ask: Native) -> None:
    found = {each["name"]: each["plays"] for each in ask("GET", "/v1/behaviors").body["behaviors"]}
    plays = {name: protocol for name, protocol in found.items() if protocol is not None}
    assert plays == {"error": "", "transient": "", "handshake": "tls"}


def test_schemas_tell_what_may_be_a_ramp(ask: Native) -> None:
    body = ask("GET", "/v1/behaviors").body
    keys, delay = body["rule_keys"]["properties"], body["behaviors"][5]["options"]["properties"]
    assert [name for name, schema in keys.items() if "ramp" in schema] == ["percent"]
    assert [name for name, schema in delay.items() if "ramp" in schema] == ["sleep"]


def test_keys_of_proxies_have_schemas(ask: Native) -> None:
    body = ask("GET", "/v1/protocols").body
    keys, tls = body["proxy_keys"]["properties"], body["tls_keys"]["properties"]
    assert list(keys) == [
        *("listen", "backend", "seed", "enabled"),
        *("timeout", "connect_timeout", "max_connections", "backlog"),
    ]
    assert all(schema["description"] for schema in (*keys.values(), *tls.values()))
    assert "terminate" in tls["mode"]["enum"]


def test_defaults_are_those_of_the_configuration() -> None:
    plugins.install()
    with live(find_behavior=lambda _: Configured(Delay, {"sleep": "5"})) as running:
        answer = get_behavior(Call(running.control, TABLE, {"behavior": "delay"}, {}, {}))
    assert isinstance(answer, Answer)
    assert isinstance(answer.body, dict)
    assert answer.body["options"]["properties"]["sleep"]["default"] == 5.0


def test_protocols_have_labels(ask: Native) -> None:
    redis = ask("GET", "/v1/protocols/redis").body
    assert set(redis["labels"]) > {"command", "key"}
    assert redis in ask("GET", "/v1/protocols").body["protocols"]


def test_proxies_with_tls_have_more_labels(ask: Native) -> None:
    labels = {"sni", "alpn", "tls_version", "accepted"}
    assert set(ask("GET", "/v1/protocols").body["tls_labels"]) == labels


def test_faults(ask: Native) -> None:
    faults = ask("GET", "/v1/faults").body["faults"]
    of_redis = ask("GET", "/v1/faults/redis").body["faults"]
    assert [each["name"] for each in of_redis] == faults["redis"]
    assert ask("GET", "/v1/faults/redis/readonly").body["name"] == "READONLY"
    other = ask("GET", "/v1/faults/redis/MYCODE").body  # one with a message
    assert "message" in other["parameters"]["properties"]


def test_presets(ask: Native) -> None:
    for kind in ("profiles", "recipes"):
        for each in ask("GET", f"/v1/{kind}").body[kind]:
            assert each["rules"]
            assert ask("GET", f"/v1/{kind}/{each['name']}").body == each


@pytest.mark.parametrize(
    "path",
    ["behaviors/x", "protocols/x", "faults/x", "faults/redis/x", "profiles/x", "recipes/x"],
)
def test_what_is_not_there(ask: Native, path: str) -> None:
    answer = ask("GET", f"/v1/{path}")
    assert (answer.status, answer.body["detail"].endswith("'x'")) == (404, True)


def test_a_description_may_be_that_of_the_module() -> None:
    assert description_of(Http).startswith("HTTP")
