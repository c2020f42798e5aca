"""Events, and how they read in a log."""

from __future__ import annotations

from vaurien.values.events import Changed, Event, Fired, PluginFailed, Trouble
from vaurien.values.messages import NO_LABELS, Direction


def test_a_firing_reads_as_a_line() -> None:
    event = Fired("p", "rule", "delay", 1, 2, 50.0, 3, Direction.TO_BACKEND, NO_LABELS)
    assert event.text() == "rule fired: connection 1, exchange 2, draw 50.0000"
    assert event.level == "debug"


def test_trouble_reads_with_its_detail_if_there_is_one() -> None:
    assert Trouble("vaurien", "no backend").text() == "no backend"
    assert Trouble("vaurien", "no backend", "timed out").text() == "no backend: timed out"
    assert Trouble.level == "warning"


def test_a_failure_of_a_plugin_shows_where_it_failed() -> None:
    event = PluginFailed("vaurien", "a parser gave up", "Traceback: …")
    assert event.text() == "a parser gave up\nTraceback: …"
    assert event.level == "error"


def test_events_are_values_with_the_name_of_their_proxy() -> None:
    assert Event("one") == Event("one") != Event("two")
    assert Event("one").text() == "Event(proxy='one')"
    assert Trouble("one", "what").proxy == "one"


def test_a_change_names_its_proxies() -> None:
    assert Changed("", 5, (), (), ()).text() == "generation 5"
    changed = Changed("", 5, ("a", "b"), (), ("c",))
    assert changed.text() == "generation 5; added a, b; removed c"
