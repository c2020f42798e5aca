"""What the methods about one proxy ask for, and make of the answers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from client.scripted import Script, answer
from vaurien.client import ApiError, ClientError, ConflictError, ProxyHandle

RULE = {"name": "slow", "behavior": "latency", "delay": 0.2, "status": {"fired": 2}}
RULES = [{"behavior": "latency", "delay": 0.2}]


def proxy(*, enabled: bool = True, address: str | None = "127.0.0.1:6380") -> dict[str, object]:
    return {"name": "cache", "enabled": enabled, "status": {"address": address, "generation": 4}}


@pytest.mark.parametrize(
    ("call", "given", "asked", "body", "result"),
    [
        (lambda p: p.read(), proxy(), "GET /v1/proxies/cache", None, proxy()),
        (
            lambda p: p.change(backend="x:1", seed=None),
            proxy(),
            "PATCH /v1/proxies/cache",
            {"backend": "x:1", "seed": None},
            proxy(),
        ),
        (
            lambda p: p.replace({"backend": "x:1", "rules": RULES, "listen": ":0"}),
            proxy(),
            "PUT /v1/proxies/cache",
            {"backend": "x:1", "rules": RULES, "listen": ":0"},
            proxy(),
        ),
        (lambda p: p.delete(), answer(204), "DELETE /v1/proxies/cache", None, None),
        (
            lambda p: p.delete(drain=2.5),
            answer(204),
            "DELETE /v1/proxies/cache?drain=2.5",
            None,
            None,
        ),
        (
            lambda p: p.enable(),
            proxy(),
            "PATCH /v1/proxies/cache",
            {"enabled": True},
            proxy(),
        ),
        (
            lambda p: p.disable(drain=1),
            proxy(),
            "PATCH /v1/proxies/cache?drain=1",
            {"enabled": False},
            proxy(),
        ),
        (lambda p: p.reset(), {}, "POST /v1/reset?proxy=cache", None, {}),
        (lambda p: p.rules(), {"rules": [RULE]}, "GET /v1/proxies/cache/rules", None, [RULE]),
        (
            lambda p: p.get_rule("a/b"),
            RULE,
            "GET /v1/proxies/cache/rules/a%2Fb",
            None,
            RULE,
        ),
        (
            lambda p: p.set_rules(RULES),
            {"rules": [RULE]},
            "PUT /v1/proxies/cache/rules",
            {"rules": RULES},
            [RULE],
        ),
        (
            lambda p: p.add_rule("delay", before=False, **{"match.path": "/x"}),
            answer(201, RULE),
            "POST /v1/proxies/cache/rules",
            {"behavior": "delay", "before": False, "match.path": "/x"},
            RULE,
        ),
        (
            lambda p: p.add_rule("hang", before_rule="slow", name="stuck"),
            answer(201, RULE),
            "POST /v1/proxies/cache/rules?before=slow",
            {"behavior": "hang", "name": "stuck"},
            RULE,
        ),
        (
            lambda p: p.update_rule("slow", delay=0.4, name="slower"),
            RULE,
            "PATCH /v1/proxies/cache/rules/slow",
            {"delay": 0.4, "name": "slower"},
            RULE,
        ),
        (
            lambda p: p.remove_rule("slow"),
            answer(204),
            "DELETE /v1/proxies/cache/rules/slow",
            None,
            None,
        ),
        (
            lambda p: p.pause_rule("slow"),
            RULE,
            "PATCH /v1/proxies/cache/rules/slow",
            {"paused": True},
            RULE,
        ),
        (
            lambda p: p.resume_rule("slow"),
            RULE,
            "PATCH /v1/proxies/cache/rules/slow",
            {"paused": False},
            RULE,
        ),
        (
            lambda p: p.apply_profile("3g"),
            {},
            "POST /v1/proxies/cache/profile",
            {"name": "3g"},
            None,
        ),
        (lambda p: p.remove_profile(), answer(204), "DELETE /v1/proxies/cache/profile", None, None),
        (
            lambda p: p.start_recipe("redis-failover", start=3.0),
            {},
            "POST /v1/proxies/cache/recipes",
            {"name": "redis-failover", "start": 3.0},
            None,
        ),
        (
            lambda p: p.stop_recipe("redis-failover"),
            answer(204),
            "DELETE /v1/proxies/cache/recipes/redis-failover",
            None,
            None,
        ),
        (
            lambda p: p.connections(),
            {"connections": [{"id": 3}], "next": None},
            "GET /v1/proxies/cache/connections?limit=1000",
            None,
            [{"id": 3}],
        ),
        (
            lambda p: p.kill(how="close"),
            {"killed": 2},
            "DELETE /v1/proxies/cache/connections?how=close",
            None,
            2,
        ),
        (
            lambda p: p.kill(3),
            answer(204),
            "DELETE /v1/proxies/cache/connections/3?how=reset",
            None,
            1,
        ),
    ],
)
def test_one_request(
    call: Callable[[ProxyHandle], object], given: object, asked: str, body: object, result: object
) -> None:
    script = Script(given)
    assert call(script.proxy()) == result
    assert (script.asked, script.bodies) == ([asked], [body])


@pytest.mark.parametrize(
    "call",
    [
        lambda p: p.change(if_generation=4, enabled=True),
        lambda p: p.replace({"backend": "x:1"}, if_generation=4),
        lambda p: p.update_rule("slow", if_generation=4, delay=1),
        lambda p: p.add_rule("hang", if_generation=4),
        lambda p: p.set_rules([], if_generation=4),
        lambda p: p.remove_rule("slow", if_generation=4),
        lambda p: p.delete(if_generation=4),
    ],
)
def test_a_change_of_one_generation_only(call: Callable[[ProxyHandle], object]) -> None:
    script = Script(answer(412, {"detail": "it is generation 5"}))
    with pytest.raises(ConflictError, match="it is generation 5"):
        call(script.proxy())
    assert script.headers == [{"If-Match": '"4"'}]


def test_where_it_listens() -> None:
    assert Script(proxy()).proxy().address() == ("127.0.0.1", 6380)
    assert Script(proxy(address="[::1]:80")).proxy().address() == ("::1", 80)


@pytest.mark.parametrize(("address", "why"), [(None, "disabled"), ("unix:/x", "unix:/x")])
def test_where_it_does_not_listen(address: str | None, why: str) -> None:
    with pytest.raises(ClientError, match=f"cache does not listen on a port: {why}"):
        Script(proxy(address=address)).proxy().address()


NO_RULES: dict[str, object] = {"rules": []}
LATE = ClientError("timed out")


@pytest.mark.parametrize(
    ("call", "first", "begin", "end"),
    [
        (
            lambda p: p.rule("latency", delay=0.2),
            [NO_RULES],
            'POST /v1/proxies/cache/rules {"delay": 0.2, "name": "latency", "behavior": "latency"}',
            "DELETE /v1/proxies/cache/rules/latency",
        ),
        (
            lambda p: p.recipe("redis-failover"),
            [],
            'POST /v1/proxies/cache/recipes {"name": "redis-failover", "start": 0.0}',
            "DELETE /v1/proxies/cache/recipes/redis-failover",
        ),
        (
            lambda p: p.down(),
            [proxy()],
            'PATCH /v1/proxies/cache {"enabled": false}',
            'PATCH /v1/proxies/cache {"enabled": true}',
        ),
    ],
)
class TestBlocks:
    @pytest.mark.parametrize("status", [204, 404])
    def test_what_a_block_does(
        self,
        call: Callable[[ProxyHandle], AbstractContextManager[object]],
        first: list[object],
        begin: str,
        end: str,
        status: int,
    ) -> None:
        """Whoever has removed it before, has undone it."""
        script = Script(*first, answer(201, RULE), answer(status, {}))
        with call(script.proxy()):
            assert script.told[len(first) :] == [begin]
        assert script.told[len(first) :] == [begin, end]

    @pytest.mark.parametrize("failure", [LATE, answer(503, {"detail": "the change was made, but"})])
    @pytest.mark.parametrize("undone", [answer(204), answer(404, {}), LATE, answer(503, {})])
    def test_what_may_have_been_done_is_undone(
        self,
        call: Callable[[ProxyHandle], AbstractContextManager[object]],
        first: list[object],
        begin: str,
        end: str,
        failure: object,
        undone: object,
    ) -> None:
        script = Script(*first, failure, undone)
        with (
            pytest.raises((ClientError, ApiError), match=r"timed out|was made"),
            call(script.proxy()),
        ):
            pytest.fail("the block ran")
        assert script.told[len(first) :] == [begin, end]

    def test_what_is_refused_has_nothing_to_undo(
        self,
        call: Callable[[ProxyHandle], AbstractContextManager[object]],
        first: list[object],
        begin: str,
        end: str,
    ) -> None:
        script = Script(*first, answer(422, {"detail": "wrong"}))
        with pytest.raises(ApiError, match="wrong"), call(script.proxy()):
            pytest.fail("the block ran")
        assert script.told[len(first) :] == [begin]


def test_the_block_of_a_rule_has_the_rule() -> None:
    with Script(NO_RULES, answer(201, RULE), answer(204)).proxy().rule("latency") as rule:
        assert rule.name == "slow"


def test_the_block_of_a_rule_whose_name_is_taken() -> None:
    script = Script(with_rules(1, "slow"), LATE)
    with pytest.raises(ClientError, match="timed out"), script.proxy().rule("hang", name="slow"):
        pytest.fail("the block ran")
    assert [line.partition(" ")[0] for line in script.asked] == ["GET", "POST"]


def test_the_block_of_a_rule_chooses_a_name_that_is_free() -> None:
    taken = answer(409, {"detail": "there is a rule 'hang-2' already"})
    script = Script(
        with_rules(1, "hang"),
        taken,
        with_rules(1, "hang", "hang-2"),
        answer(201, {**RULE, "name": "hang-3"}),
        answer(204),
    )
    with script.proxy().rule("hang") as rule:
        assert rule.name == "hang-3"
    assert script.asked[-1] == "DELETE /v1/proxies/cache/rules/hang-3"
    script = Script(with_rules(1, "own"), taken)
    with pytest.raises(ConflictError), script.proxy().rule("hang", name="hang-2"):
        pytest.fail("the block ran")


def with_rules(generation: int, *names: str) -> dict[str, object]:
    rules = [{"name": name, "behavior": "latency", "status": {"fired": 1}} for name in names]
    return {"name": "cache", "rules": rules, "status": {"generation": generation}}


def entries(*names: str) -> dict[str, object]:
    return {"rules": [{"name": name, "behavior": "latency"} for name in names]}


def test_the_block_of_a_profile() -> None:
    script = Script(with_rules(1, "own"), with_rules(2, "own", "3g"), answer(204))
    with script.proxy().profile("3g"):
        pass
    assert script.told == [
        "GET /v1/proxies/cache",
        'POST /v1/proxies/cache/profile {"name": "3g"}',
        "DELETE /v1/proxies/cache/profile",
    ]


def test_a_profile_that_may_have_been_applied_is_removed() -> None:
    script = Script(
        with_rules(1, "own"), LATE, with_rules(2, "own", "3g"), with_rules(2, "own", "3g"), NO_RULES
    )
    with pytest.raises(ClientError, match="timed out"), script.proxy().profile("3g"):
        pytest.fail("the block ran")
    assert script.asked[-1] == "PUT /v1/proxies/cache/rules"
    assert script.bodies[-1] == entries("own")


def test_the_block_of_a_profile_restores_the_one_before() -> None:
    script = Script(
        with_rules(1, "slow-up", "slow-down", "own"),
        with_rules(2, "3g", "own"),
        with_rules(3, "new", "3g", "own"),
        answer(412, {"detail": "it is generation 4"}),
        with_rules(4, "new", "3g"),
        {"rules": []},
    )
    with script.proxy().profile("3g"):
        pass
    assert script.bodies[3] == entries("new", "slow-up", "slow-down", "own")
    assert script.bodies[5] == entries("new", "slow-up", "slow-down")
    assert [script.headers[at]["If-Match"] for at in (3, 5)] == ['"3"', '"4"']


def test_what_is_gone_of_a_profile_meanwhile() -> None:
    script = Script(with_rules(1, "slow"), with_rules(2, "3g"), with_rules(3, "new"), {"rules": []})
    with script.proxy().profile("3g"):
        pass
    assert script.bodies[3] == entries("new", "slow")


@pytest.mark.parametrize("before", [True, False])
def test_down_restores_what_was_before(before: bool) -> None:
    script = Script(proxy(enabled=before), proxy(), proxy())
    with script.proxy().down():
        assert script.bodies == [None, {"enabled": False}]
    assert script.bodies == [None, {"enabled": False}, {"enabled": before}]


def test_what_cannot_be_undone_is_an_error() -> None:
    script = Script(NO_RULES, answer(201, RULE), answer(503, {"detail": "ending"}))
    with pytest.raises(ValueError, match="ending"), script.proxy().rule("latency"):
        pass
