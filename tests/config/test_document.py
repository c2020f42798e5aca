"""Documents know where each value was written, and so do two of them merged."""

from __future__ import annotations

from vaurien.config.document import Document, FileKey, FilePart, Flag, Origin, Problem, merged
from vaurien.config.formatting import Path

F, G = FileKey("f"), FileKey("g")


def place(document: Document, *path: str | int) -> str:
    return str(document.origin(path))


def test_places() -> None:
    origins: list[tuple[Origin, str, str]] = [
        (Flag("--rule 'x'"), "--rule 'x'", "--rule 'x': a[0]"),
        (FilePart("f", "[a] b"), "f: [a] b", "f: [a] b: a[0]"),
        (FileKey("f"), "f", "f: a[0]"),
        (FileKey("f", ("b",)), "f: b", "f: b.a[0]"),
    ]
    for origin, whole, part in origins:
        assert str(origin.within(())) == whole
        assert str(origin.within(("a", 0))) == part
    assert [origin.typed for origin, _, _ in origins] == [False, False, True, True]


def test_a_document_knows_where_things_were_written() -> None:
    origins: dict[Path, Origin] = {
        ("a",): FileKey("g", ("x", 0)),
        ("a", "b"): FileKey("h", ("y",)),
    }
    document = Document({}, FileKey("f"), origins)
    assert place(document, "a", "c", 1) == "g: x[0].c[1]"
    assert place(document, "a", "b", "c") == "h: y.c"
    assert place(document, "b") == "f: b"


def test_keys_are_found_as_they_were_written() -> None:
    document = Document({"a-b": {"c_d": 1}, "e": 2})
    assert document.find("a_b", "c_d") == (("a-b", "c_d"), 1)
    assert document.find("a_b", "d") is None
    assert document.find("e", "f") is None
    assert document.find("e") == (("e",), 2)


def test_the_second_wins() -> None:
    first = Document({"a": 1, "b": 1, "t": {"x": 1, "y": 1}}, F)
    second = Document({"b": 2, "t": {"y": 2, "z": 2}, "c": 2}, G)
    both = merged(first, second)
    assert both.content == {"a": 1, "b": 2, "t": {"x": 1, "y": 2, "z": 2}, "c": 2}
    assert place(both, "a") == "f: a"
    assert place(both, "b") == "g: b"
    assert place(both, "t", "x") == "f: t.x"
    assert place(both, "t", "y") == "g: t.y"
    assert place(both, "new") == "g: new"
    assert first.content == {"a": 1, "b": 1, "t": {"x": 1, "y": 1}}


def test_the_place_of_what_is_replaced_is_forgotten() -> None:
    first = Document({"rules": [1, 2], "t": {"x": 1}}, F, {("rules", 0): FileKey("old")})
    both = merged(first, Document({"rules": [3], "t": 5}, G))
    assert place(both, "rules", 0) == "g: rules[0]"
    assert place(both, "t", "x") == "g: t.x"


def test_what_has_no_place_of_its_own_is_of_the_other() -> None:
    flags = Document({"b": 2}, None, {("b",): Flag("--b")})
    both = merged(Document({"a": 1, "b": 1}, F), flags)
    assert [place(both, key) for key in ("a", "b", "c")] == ["f: a", "--b", "f: c"]


def test_with_nothing() -> None:
    problem = Problem(F)
    for one in (Document({"a": 1}, F, problems=(problem,)), Document({}, F, problems=(problem,))):
        for both in (merged(one, Document()), merged(Document(), one)):
            assert (both.content, both.root, both.problems) == (one.content, F, (problem,))
    assert merged(Document(), Document()).content == {}
    assert place(merged(Document({}, F), Document({"a": 1})), "a") == "f: a"


def test_keys_of_values_match_with_either_line() -> None:
    first = Document({"a-b": 1, "t-u": {"x": 1}}, F)
    both = merged(first, Document({"a_b": 2, "t_u": {"y": 2}}, G))
    assert both.content == {"a_b": 2, "t-u": {"x": 1}, "t_u": {"y": 2}}


def test_problems_of_both_are_kept() -> None:
    one, other = Problem(F), Problem(G)
    both = merged(Document({"a": 1}, F, {}, (one,)), Document({"a": 2}, G, {}, (other,)))
    assert both.problems == (one, other)
