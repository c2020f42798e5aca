"""What verbs make of what they are given; what they do is compared in tests/end_to_end/."""

from __future__ import annotations

import pytest

from vaurien.cli.toxiproxy.api import Api
from vaurien.cli.toxiproxy.arguments import Given
from vaurien.cli.toxiproxy.forms import Forms
from vaurien.cli.toxiproxy.verbs import FailedError, Verbs, attributes_of


def test_attributes() -> None:
    given = Given(
        {"attribute": ["latency=1000,jitter=0.5", "x=y=z", "none", "big=1e22", "inf=1e999"]}, []
    )
    assert attributes_of(given) == {
        "latency": 1000,
        "jitter": 0.5,
        "x": "y=z",
        "big": 1e22,
        "inf": "1e999",
    }


@pytest.fixture
def verbs() -> Verbs:
    return Verbs(Api("127.0.0.1:1"), Forms(lambda text: None, on_terminal=False))


@pytest.mark.parametrize("toxicity", ["x", "-0.1", "1.1", "nan", "1_0"])
def test_a_wrong_toxicity(toxicity: str, verbs: Verbs) -> None:
    given = Given({"type": ["latency"], "toxicity": [toxicity]}, ["p"])
    for verb in (verbs.add_toxic, verbs.update_toxic):
        with pytest.raises(FailedError, match="a float between 0 and 1"):
            verb(given)


def test_what_is_missing_shows_help(verbs: Verbs) -> None:
    nothing = Given({}, [])
    for verb in (
        verbs.inspect,
        verbs.toggle,
        verbs.create,
        verbs.delete,
        verbs.add_toxic,
        verbs.update_toxic,
        verbs.remove_toxic,
    ):
        with pytest.raises(FailedError) as caught:
            verb(nothing)
        assert caught.value.shows_help


def test_why_a_verb_has_failed(verbs: Verbs) -> None:
    with pytest.raises(FailedError, match=r"^Failed to retrieve proxies: fail to request"):
        verbs.list(Given({}, []))
    with pytest.raises(FailedError, match=r"^Failed to remove toxic: failed to retrieve proxy"):
        verbs.remove_toxic(Given({}, ["p"]))
