"""With which values a rule acts; what actors do is in test_player and test_updates."""

from __future__ import annotations

from dataclasses import replace

from vaurien.net.actor import values_of
from vaurien.rules.active import Decision
from vaurien.testing import at_work


def test_what_has_begun_to_last_is_completed_under_the_values_it_began_with() -> None:
    active_rule, decision = at_work(), Decision(1)
    assert values_of(active_rule, decision) is active_rule.rule
    begun = replace(active_rule.rule, times=1)
    decision.lasting = {active_rule: begun}
    assert values_of(active_rule, decision) is begun
