"""The proxies of a document: their addresses, limits, seeds, mixes and recipes."""

from __future__ import annotations

from knowing import problems_of, understood, with_rules


def test_limits_of_all_proxies_are_those_of_each() -> None:
    content = {**with_rules(timeout=3), "timeout": 2, "connect_timeout": 1}
    limits = understood(content).state.proxies[0].limits
    assert (limits.timeout, limits.dial_timeout) == (3, 1)


def test_a_recipe_has_a_name() -> None:
    for recipe in ({"start": 3}, [{"start": 3}]):
        (found,) = problems_of(with_rules(recipe=recipe))
        assert found.endswith("name is missing: it takes the name of a recipe")


def test_all_that_is_wrong_with_a_mix_is_said() -> None:
    def found(mix: str) -> list[str]:
        prefix = "proxies.a.behavior = "
        lines = problems_of(with_rules(behavior=mix))
        assert all(line.startswith(prefix) for line in lines)
        return [line.removeprefix(prefix).partition(": it takes one of")[0] for line in lines]

    total = "the behavior total needs to be 100 or less"
    unknown = "is an unknown behavior (did you mean 'delay'?)"
    assert found("20:dely,90:error") == [
        f"'20:dely,90:error' is too much: {total}",
        f"'dely' {unknown}",
    ]
    assert found("20:dely,10:delya,10:dely") == [f"'dely' {unknown}", f"'delya' {unknown}"]
    part = "is not a part of a mix: it takes PERCENT:NAME"
    percent = "is not allowed: it takes a number from 0 to 100"
    assert found("::,,") == [f"'::,,' is not a mix: percent='' {percent}"]
    assert found("delay") == [f"'delay' is not a mix: 'delay' {part}"]
    assert found("200:hang,10:dely") == [
        f"'200:hang,10:dely' is not a mix: percent='200' {percent}",
        f"'dely' {unknown}",
    ]
    assert found("20:delay, 80:hang") == []
    assert found("") == ["'' is not allowed: it takes PERCENT:NAME,..."]


def test_two_proxies_do_not_listen_in_one_place() -> None:
    def listening(*places: str) -> list[str]:
        proxies = {
            f"p{number}": {"listen": place, "backend": "b:1"} for number, place in enumerate(places)
        }
        return problems_of({"proxies": proxies})

    assert listening("localhost:0", "localhost:0", "localhost:1", "localhost:2", "h:1") == []
    assert listening("H:1", "h:1", "h:1") == [
        "proxies.p1.listen = 'h:1' is where the proxy 'p0' listens",
        "proxies.p2.listen = 'h:1' is where the proxy 'p0' listens",
    ]
    assert listening("unix:/x", "unix:/X") == []
    assert len(listening("unix:/x", "unix:/x")) == 1


def test_a_host_of_control_characters_is_escaped() -> None:
    (found,) = problems_of({"proxies": {"a": {"backend": "a\nb\x1b:0"}}})
    assert found.startswith(r"proxies.a.backend = 'a\nb\x1b:0' is not a")


def test_the_seed_is_that_of_the_proxy_or_the_document_or_is_drawn() -> None:
    content = with_rules()
    assert understood(content, seed=5).state.proxies[0].plan.seed == 5
    assert understood({**content, "seed": 6}, seed=5).state.proxies[0].plan.seed == 6
    assert understood({**with_rules(seed=7), "seed": 6}).state.proxies[0].plan.seed == 7
