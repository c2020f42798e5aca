"""Rules are found by what they match, and never missed."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from vaurien.rules.index import MatchIndex
from vaurien.rules.plan import Match

texts = st.sampled_from(["a", "b", "c"])
matches = st.builds(Match, st.sampled_from(["x", "y"]), texts, regex=st.booleans())
tables = st.lists(st.lists(matches, max_size=2), max_size=8)
label_sets = st.dictionaries(st.sampled_from(["x", "y", "z"]), texts)


@given(tables, label_sets)
def test_no_rule_that_matches_is_missed_and_the_order_stays(
    table: list[list[Match]], labels: Mapping[str, str]
) -> None:
    found = MatchIndex(table).find(labels)
    matching = [
        place
        for place, of_rule in enumerate(table)
        if all(match.accepts(labels) for match in of_rule)
    ]
    assert set(matching) <= set(found)
    assert found == sorted(set(found))


def test_those_that_wait_for_another_text_are_ruled_out() -> None:
    index = MatchIndex([[Match("command", f"C{number}")] for number in range(1000)])
    assert index.rules_out
    assert index.find({"command": "C7"}) == [7]
    assert index.find({}) == []


def test_an_index_without_a_text_rules_out_nothing() -> None:
    assert not MatchIndex([[], [Match("command", "^G", regex=True)]]).rules_out
