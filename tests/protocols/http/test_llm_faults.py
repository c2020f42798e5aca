"""The catalogue of language models: that each fault is consistent with what it is called."""

from __future__ import annotations

import re

import pytest

from vaurien.fault import Fault, values_of
from vaurien.protocols.http.event_faults import EventFault
from vaurien.protocols.http.llm_faults import LLM_FAULTS
from vaurien.protocols.http.semantics import SEMANTICS


@pytest.mark.parametrize("fault", LLM_FAULTS, ids=lambda fault: str(fault.name))
def test_its_parameters_have_defaults(fault: Fault) -> None:
    assert values_of(fault, {}).keys() == {option.name for option in fault.parameters}
    assert not fault.typical


def test_faults_that_verdicts_know_are_in_it() -> None:
    names = {fault.name for fault in LLM_FAULTS}
    known = {name for name in names if re.search(SEMANTICS.transient, name)}
    assert known == {"rate-limit-requests", "rate-limit-tokens", "overloaded"}
    assert {name for name in names if re.search(SEMANTICS.fatal, name)} == {"insufficient-quota"}
    unfinished = [fault for fault in LLM_FAULTS if re.search(SEMANTICS.unfinished, fault.name)]
    assert {fault.name for fault in unfinished} == {"cut-event", "cut-utf8", "no-terminator"}
    assert all(isinstance(fault, EventFault) for fault in unfinished)
