"""Rules as users write them, what is said of what they may not write, and the way back."""

from __future__ import annotations

import json
from typing import ClassVar, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lines import Lines
from vaurien.behavior import Behavior
from vaurien.behaviors.delay import Delay
from vaurien.behaviors.error import Error
from vaurien.behaviors.hang import Hang
from vaurien.behaviors.slow_close import SlowClose
from vaurien.errors import OptionError, PluginError, UnknownNameError
from vaurien.protocol import Protocol
from vaurien.rules.notation import (
    RULE_KEYS,
    Entry,
    check_plugin,
    describe,
    make_rules,
    parse_mix,
    parse_rule,
)
from vaurien.rules.plan import Match, Plan, Rule
from vaurien.values.messages import Direction
from vaurien.values.options import option, options_of
from vaurien.values.ramps import Ramp, is_ramp


class Keyed(Behavior):
    """Has an option with the name of a label of ``Lines``."""

    name: ClassVar[str] = "keyed"
    key: str = option("", "which key")


class Numbered(Behavior):
    """Has numbers of both kinds."""

    name: ClassVar[str] = "numbered"
    whole: int = option(5, "a whole number", minimum=1)
    part: float = option(0.5, "a number", minimum=0, maximum=1)
    flag: bool = option(False, "a switch")
    text: str = option("", "a text")


BEHAVIORS: dict[str, type[Behavior]] = {
    behavior.name: behavior for behavior in (Delay, Error, Hang, Keyed, Numbered, SlowClose)
}


def find(name: str) -> type[Behavior]:
    if name not in BEHAVIORS:
        raise UnknownNameError("behavior", name, BEHAVIORS)
    return BEHAVIORS[name]


def make(*entries: str | Entry, protocol: type[Protocol] = Lines) -> tuple[Rule, ...]:
    """The rules that some lines and entries say."""
    parsed = [parse_rule(entry) if isinstance(entry, str) else entry for entry in entries]
    return make_rules(parsed, find, protocol)


# Mixes.


def test_a_mix_is_percentages_and_names() -> None:
    assert parse_mix("5:error, 12.5:delay") == [
        {"behavior": "error", "percent": 5.0, "mix": "behavior"},
        {"behavior": "delay", "percent": 12.5, "mix": "behavior"},
    ]
    assert parse_mix("20:package.module:Class")[0]["behavior"] == "package.module:Class"


def test_a_mix_is_laid_out_in_bands() -> None:
    rules = make(*parse_mix("0.1:error,0.2:delay,99.7:hang"))
    assert [(rule.low, rule.high) for rule in rules] == [
        (0.0, 0.1),
        (0.1, pytest.approx(0.3)),
        (pytest.approx(0.3), 100.0),
    ]
    assert rules[1].low == rules[0].high
    assert rules[2].low == rules[1].high


def test_bands_never_pass_a_hundred_by_rounding() -> None:
    rules = make(*parse_mix("7.9:delay,23.8:error,34.6:hang,33.7:keyed,0:delay"))
    assert [rule.high for rule in rules[3:]] == [100.0, 100.0]
    assert [describe(rule)["percent"] for rule in rules[3:]] == [33.7, 0.0]
    Plan(rules)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "'' is not a part of a mix: it takes PERCENT:NAME"),
        ("delay", "'delay' is not a part of a mix: it takes PERCENT:NAME"),
        ("10:", "'10:' is not a part of a mix: it takes PERCENT:NAME"),
        ("10:delay,", "'' is not a part of a mix: it takes PERCENT:NAME"),
        (":delay", "percent='' is not allowed: it takes a number from 0 to 100"),
        ("x:delay", "percent='x' is not allowed: it takes a number from 0 to 100"),
        ("-1:delay", "percent='-1' is not allowed: it takes a number from 0 to 100"),
        ("101:delay", "percent='101' is not allowed: it takes a number from 0 to 100"),
        ("nan:delay", "percent='nan' is not allowed: it takes a number from 0 to 100"),
        (
            "60:delay,40.1:error",
            "'60:delay,40.1:error' is too much: the behavior total needs to be 100 or less",
        ),
    ],
)
def test_a_text_that_is_no_mix(text: str, complaint: str) -> None:
    with pytest.raises(OptionError) as caught:
        parse_mix(text)
    assert str(caught.value) == complaint


# Rules.


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("hang", {"behavior": "hang"}),
        (
            "  delay sleep=2   percent=10 ",
            {"behavior": "delay", "sleep": "2", "percent": "10"},
        ),
        ("hang key='a b'", {"behavior": "hang", "key": "a b"}),
        (
            'hang "key=a b" command=~"^G.*T$"',
            {"behavior": "hang", "key": "a b", "command": "~^G.*T$"},
        ),
        ("hang key=", {"behavior": "hang", "key": ""}),
        ("hang key=a=b", {"behavior": "hang", "key": "a=b"}),
        ("hang key=it\\'s", {"behavior": "hang", "key": "it's"}),
    ],
)
def test_a_rule_is_a_behavior_and_keys(text: str, entry: Entry) -> None:
    assert parse_rule(text) == entry


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "'' is not a rule: it takes BEHAVIOR KEY=VALUE ..."),
        ("percent=10", "'percent=10' is not a rule: it takes BEHAVIOR KEY=VALUE ..."),
        ("delay 2", "'delay 2' is not a rule: '2' is not KEY=VALUE"),
        ("delay sleep=1 sleep=2", "'delay sleep=1 sleep=2' is not a rule: it gives 'sleep' twice"),
        ("delay behavior=x", "'delay behavior=x' is not a rule: it gives 'behavior' twice"),
        ("delay key='", "\"delay key='\" is not a rule: no closing '"),
    ],
)
def test_a_text_that_is_no_rule(text: str, complaint: str) -> None:
    with pytest.raises(OptionError) as caught:
        parse_rule(text)
    assert str(caught.value) == complaint


def test_a_rule_has_what_its_keys_say() -> None:
    (rule,) = make(
        "delay sleep=2 before=no name=slow percent=12.5 direction=to_client scope=connection "
        "after=1 every=2 times=3 start=4 stop=5 ttl=6 on=0.25 off=7 mix=m command=GET key=~^user:"
    )
    assert rule == Rule(
        behavior=Delay(sleep=2, before=False),
        name="slow",
        high=12.5,
        mix="m",
        direction=Direction.TO_CLIENT,
        scope="connection",
        match=(Match("command", "GET"), Match("key", "^user:", regex=True)),
        after=1,
        every=2,
        times=3,
        start=4.0,
        stop=5.0,
        on=0.25,
        off=7.0,
        ttl=6.0,
    )


def test_a_pattern_may_be_one_that_must_not_be_found() -> None:
    (rule,) = make("delay command=!~^(GET|HEAD)$")
    assert rule.match == (Match("command", "^(GET|HEAD)$", regex=True, negated=True),)
    assert describe(rule)["match.command"] == "!~^(GET|HEAD)$"


@pytest.mark.parametrize("pattern", ["~", "!~"])
def test_a_pattern_is_not_empty(pattern: str) -> None:
    with pytest.raises(
        OptionError, match=f"command='{pattern}' is an empty pattern: it takes ~. for any text"
    ):
        make(f"delay command={pattern}")


def test_a_rule_that_says_nothing_fires_always() -> None:
    (rule,) = make("delay")
    assert rule == Rule(behavior=Delay(), name="delay")


@pytest.mark.parametrize(
    ("text", "scope", "described"),
    [
        ("hang", "exchange", ""),
        ("hang scope=", "exchange", ""),
        ("hang scope=exchange", "exchange", ""),
        ("hang scope=connection", "connection", "connection"),
        ("slow-close", "connection", ""),
        ("slow-close scope=connection", "connection", ""),
    ],
)
def test_what_a_rule_is_drawn_for_goes_by_its_behavior_if_nothing_is_said(
    text: str, scope: str, described: str
) -> None:
    (rule,) = make(text)
    assert rule.scope == scope
    assert describe(rule).get("scope", "") == described


def test_a_description_of_a_plan_makes_the_same_plan_though_a_mix_changed_scopes() -> None:
    plan = Plan(make("slow-close mix=m percent=20", "hang mix=m percent=20 name=mate"))
    assert [rule.scope for rule in plan.rules] == ["connection"] * 2
    assert Plan(make(*map(describe, plan.rules))) == plan


# Numbers that change.


def test_percentages_and_options_may_be_ramps() -> None:
    (rule,) = make("numbered percent=0..50/60..0/60 whole=1..100/10 part=1..0/3 flag=yes")
    assert rule == Rule(
        behavior=Numbered(whole=1, part=1.0, flag=True),
        name="numbered",
        high=50.0,
        percent_ramp=Ramp.parse("0..50/60..0/60"),
        ramps=(("whole", Ramp.parse("1..100/10")), ("part", Ramp.parse("1..0/3"))),
    )
    assert describe(rule) == {
        "behavior": "numbered",
        "name": "numbered",
        "percent": "0..50/60..0/60",
        "whole": "1..100/10",
        "part": "1..0/3",
        "flag": True,
        "text": "",
    }


def test_a_text_that_looks_like_a_ramp_stays_a_text() -> None:
    (rule,) = make("numbered text=1..2/3")
    assert (rule.behavior, rule.ramps) == (Numbered(text="1..2/3"), ())


def test_in_a_mix_a_ramp_takes_as_much_as_it_ever_gets() -> None:
    rules = make(
        "hang mix=m percent=20..5/9",
        "delay mix=m percent=0..30/1",
        "error mix=m percent=10",
    )
    assert [(rule.low, rule.high) for rule in rules] == [(0, 20), (20, 50), (50, 60)]
    with pytest.raises(OptionError, match="total needs to be 100 or less"):
        make("hang mix=m percent=80..0/9", "delay mix=m percent=0..30/1")


def test_where_an_option_has_the_name_of_a_label_the_label_is_told_apart() -> None:
    (rule,) = make("keyed key=option match.key=label")
    assert rule == Rule(behavior=Keyed(key="option"), name="keyed", match=(Match("key", "label"),))


def test_rules_without_a_name_are_numbered() -> None:
    rules = make("delay", "delay", "hang", "delay name=delay-3", {"behavior": "delay", "name": ""})
    assert [rule.name for rule in rules] == ["delay", "delay-2", "hang", "delay-3", "delay-4"]


LABELS = "command, key, answer"
KEYS = (
    "name, percent, direction, scope, after, every, times, start, stop, on, off, ttl, mix, paused"
)


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        (
            ["delay slep=2"],
            "'slep' is unknown here: it takes the options of 'delay': sleep, before; "
            f"the keys of a rule: {KEYS}; and what the protocol 'lines' matches on: {LABELS}",
        ),
        (
            ["hang path=/"],
            "'path' is unknown here: it takes the options of 'hang': none; "
            f"the keys of a rule: {KEYS}; and what the protocol 'lines' matches on: {LABELS}",
        ),
        (["delay sleep=-1"], "sleep='-1' is not allowed: it takes a number of at least 0"),
        (
            ["hang direction=up"],
            "direction='up' is not allowed: it takes one of both, to_backend, to_client",
        ),
        (
            ["hang scope=all"],
            "scope='all' is not allowed: it takes one of '', exchange, connection",
        ),
        (["hang every=0"], "every='0' is not allowed: it takes a whole number of at least 1"),
        (["hang times=-1"], "times='-1' is not allowed: it takes a whole number of at least 0"),
        (["hang ttl=x"], "ttl='x' is not allowed: it takes a number of at least 0"),
        (
            ["hang name='a\tb'"],
            "name='a\\tb' is not allowed: it takes 1 to 255 printable characters, but not . or ..",
        ),
        (["hang name=a", "delay name=a"], "name='a' is given to two rules"),
        (["hang key=~("], "key='~(' is not a regular expression: "),
        (["hang key=!~("], "key='!~(' is not a regular expression: "),
        (
            ["hang mix=m percent=60", "delay mix=m percent=60"],
            "mix='m' is too much: the behavior total needs to be 100 or less",
        ),
        (
            ["hang percent=0..101/5"],
            "percent='0..101/5' is not allowed: it takes a number from 0 to 100, or a ramp "
            "between such numbers: FROM..TO/SECONDS",
        ),
        (
            ["numbered whole=0..5/5"],
            "whole='0..5/5' is not allowed: it takes a whole number of at least 1, or a ramp",
        ),
        (["numbered whole=1..2.5/5"], "whole='1..2.5/5' is not allowed: it takes a whole number"),
        (["numbered part=0..1"], "part='0..1' is not allowed: it takes a number from 0 to 1, or"),
        (["numbered flag=0..1/5"], "flag='0..1/5' is not allowed: it takes true or false"),
        (["hang start=0..1/5"], "start='0..1/5' is not allowed: it takes a number of at least 0"),
        (["hang times=0..1/5"], "times='0..1/5' is not allowed: it takes a whole number"),
        (["hang on=5"], "'off' is missing: on=5 needs it"),
        (["hang off=5"], "'on' is missing: off=5 needs it"),
        (
            ["hang on=0.0009 off=5"],
            "on=0.0009 is not allowed: it takes at least 0.001 seconds",
        ),
        (
            ["hang on=5 off=0.0009"],
            "off=0.0009 is not allowed: it takes at least 0.001 seconds",
        ),
        (["hang on=-1 off=1"], "on='-1' is not allowed: it takes a number of at least 0"),
        (["hang start=5 stop=5"], "stop=5.0 is not allowed: it takes more than start=5"),
        (
            ["slow-close scope=exchange"],
            "scope='exchange' is not allowed: 'slow-close' acts on whole connections",
        ),
        (
            ["slow-close command=GET"],
            "'command' is not allowed: 'slow-close' acts on whole connections, not on messages",
        ),
        ([{"percent": 10}], 'a rule needs a "behavior"'),
        ([{"behavior": ""}], 'a rule needs a "behavior"'),
        ([{"behavior": 7}], 'a rule needs a "behavior"'),
    ],
)
def test_a_rule_that_may_not_be(entries: list[str | Entry], complaint: str) -> None:
    with pytest.raises(OptionError) as caught:
        make(*entries)
    assert str(caught.value).startswith(complaint)


def test_an_unknown_behavior_is_told_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError) as caught:
        make("dealy sleep=2")
    assert str(caught.value) == (
        "'dealy' is an unknown behavior. Did you mean 'delay'? "
        "Pick one of: 'delay', 'error', 'hang', 'keyed', "
        "'numbered', 'slow-close'."
    )


def test_an_option_may_not_have_the_name_of_a_rules_key() -> None:
    class Odd(Behavior):
        name: ClassVar[str] = "odd"
        percent: float = option(1.0, "of what?")

    check_plugin(Delay)
    with pytest.raises(OptionError, match="the option 'percent' of 'odd' is a key of every rule"):
        check_plugin(Odd)
    with pytest.raises(OptionError, match="the option 'percent' of 'odd' is a key of every rule"):
        make_rules([{"behavior": "odd"}], {"odd": Odd}.__getitem__, Lines)


def test_an_option_may_not_have_the_name_of_what_all_behaviors_have() -> None:
    class Odd(Behavior):
        name: ClassVar[str] = "odd"
        applies_to: str = option("", "to what?")  # type: ignore[assignment]  # that is the point

    with pytest.raises(OptionError, match="the option 'applies_to' of 'odd' has a reserved name"):
        check_plugin(Odd)


def test_a_behavior_that_does_not_fit_as_it_should_is_refused() -> None:
    class Odd(Behavior):
        name: ClassVar[str] = "odd"

        def fit(self, protocol: type[Protocol]) -> Self:
            return {}  # type: ignore[return-value]  # that is the point

    with pytest.raises(PluginError, match="'odd': its method fit must return a behavior"):
        make_rules([{"behavior": "odd"}], {"odd": Odd}.__getitem__, Lines)


def test_names_are_numbered_around_those_that_were_given() -> None:
    rules = make("hang", "hang name=hang-2", "hang", "hang", "hang name=hang-5", "hang")
    names = ["hang", "hang-2", "hang-3", "hang-4", "hang-5", "hang-6"]
    assert [rule.name for rule in rules] == names


# And back.

names = st.text("abcXYZ019._-", min_size=1, max_size=8)
seconds = st.floats(0, 1e6)


@st.composite
def ramps(draw: st.DrawFn, values: st.SearchStrategy[float]) -> str:
    """The text of a ramp between such values."""
    legs = draw(st.lists(st.tuples(values, seconds), min_size=1, max_size=3))
    return f"{draw(values)!r}" + "".join(f"..{to!r}/{over!r}" for to, over in legs)


options = st.one_of(
    st.fixed_dictionaries({"behavior": st.just("hang")}),
    st.fixed_dictionaries(
        {"behavior": st.just("delay")}, optional={"sleep": seconds, "before": st.booleans()}
    ),
    st.fixed_dictionaries({"behavior": st.just("keyed")}, optional={"key": st.text()}),
    st.fixed_dictionaries(
        {"behavior": st.just("numbered")},
        optional={
            "whole": st.integers(1, 10**9) | ramps(st.integers(1, 10**9)),
            "part": st.floats(0, 1) | ramps(st.floats(0, 1)),
            "flag": st.booleans(),
            "text": st.text(),
        },
    ),
)
own = st.fixed_dictionaries(
    {},
    optional={
        "percent": st.floats(0, 25) | ramps(st.floats(0, 25)),
        "direction": st.sampled_from(["both", "to_backend", "to_client"]),
        "scope": st.sampled_from(["exchange", "connection"]),
        "after": st.integers(0, 10**9),
        "every": st.integers(1, 10**9),
        "times": st.integers(0, 10**9),
        "start": seconds,
        "stop": st.just(0.0) | st.floats(1e6, 2e6, exclude_min=True),
        "ttl": seconds,
    },
)
cycles: st.SearchStrategy[dict[str, float]] = st.just({}) | st.fixed_dictionaries(
    {"on": st.floats(0.001, 1e6), "off": st.floats(0.001, 1e6)}
)
whole = st.fixed_dictionaries(
    {"behavior": st.just("slow-close"), "scope": st.sampled_from(["", "connection"])},
    optional={"delay": seconds},
)
matches = st.fixed_dictionaries(
    {}, optional={"command": st.text(), "match.key": st.sampled_from(["~^a|b$", "~.", "x y", ""])}
)


@st.composite
def entries(draw: st.DrawFn) -> list[dict[str, object]]:
    """Entries of some rules, some of them in mixes; a mix may have four."""
    about_messages = st.builds(lambda *parts: {**parts[0], **parts[1]}, matches, options)
    chosen = [
        {**draw(own), **draw(cycles), **draw(about_messages | whole)}
        for _ in range(draw(st.integers(0, 4)))
    ]
    for entry, name in zip(chosen, draw(st.lists(names, unique=True, max_size=4)), strict=False):
        entry["name"] = f"given-{name}"
    for entry in chosen:
        if draw(st.booleans()):
            entry["mix"] = draw(st.sampled_from(["one", "two"]))
            entry.setdefault("percent", 20)
    return chosen


def is_expression(entry: Entry) -> bool:
    return str(entry.get("command", "")).startswith("~")


def is_idle(entry: Entry) -> bool:
    """Whether the behavior does nothing in the direction the entry names."""
    names = {str(declared) for declared in options_of(find(str(entry["behavior"])))}
    plain = {key: entry[key] for key in names & entry.keys() if not is_ramp(entry[key])}
    made = find(str(entry["behavior"])).configured(plain)
    direction = str(entry.get("direction", "both"))
    return direction != "both" and not made.concerns(Direction(direction))


@given(entries().filter(lambda chosen: not any(is_expression(e) or is_idle(e) for e in chosen)))
def test_what_is_described_makes_the_same_rules(chosen: list[dict[str, object]]) -> None:
    rules = make(*chosen)
    described = [describe(rule) for rule in rules]
    assert make(*described) == rules
    assert make(*json.loads(json.dumps(described))) == rules
    texts = [{key: str(value) for key, value in entry.items()} for entry in described]
    assert make(*texts) == rules
    plan = Plan(rules)
    assert Plan(make(*map(describe, plan.rules))) == plan


def test_a_description_leaves_out_what_goes_without_saying() -> None:
    assert [describe(rule) for rule in make("hang", "delay every=2", *parse_mix("0.7:hang"))] == [
        {"behavior": "hang", "name": "hang"},
        {"behavior": "delay", "name": "delay", "every": 2, "sleep": 1.0, "before": True},
        {"behavior": "hang", "name": "hang-2", "percent": 0.7, "mix": "behavior"},
    ]


def test_percentages_are_described_as_they_were_given() -> None:
    given_as = ["0.1", "12.3", "7.7", "33.3", "0.000001", "46.599999"]
    rules = make(*parse_mix(",".join(f"{share}:hang" for share in given_as)))
    assert [describe(rule)["percent"] for rule in rules] == [float(share) for share in given_as]


def test_every_key_of_a_rule_is_explained() -> None:
    assert all(declared.help for declared in RULE_KEYS.values())
    assert ", ".join(RULE_KEYS) == KEYS


def test_a_direction_in_which_a_behavior_does_nothing_is_refused() -> None:
    with pytest.raises(OptionError, match=r"direction='to_client' is not allowed: .*'delay'"):
        make("delay direction=to_client")
    (rule,) = make("delay direction=to_client before=no")
    assert rule.direction is Direction.TO_CLIENT
