"""The page of results."""

from __future__ import annotations

from html.parser import HTMLParser

from vaurien.explore.exploration import Exploration
from vaurien.explore.html import to_html


class Page(HTMLParser):
    """The tags, references and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        given = dict(attrs)
        self.ids += [str(given["id"])] if "id" in given else []
        self.links += [str(given["href"])] if "href" in given else []
        assert not [name for name in given if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_nothing_of_traffic_is_html(exploration: Exploration, expected: dict[str, str]) -> None:
    page = Page(to_html(exploration, expected, ["--", "pytest", "<script>"]))
    assert not {"img", "script", "b"} & set(page.tags)
    assert "<img src=x onerror=alert(1)>" in page.text
    assert "Expected: known <b>" in page.text
    assert "vaurien explore --scenario" in page.text
    assert page.text.replace("\n", "").isprintable()


def test_each_finding_can_be_reached(exploration: Exploration, expected: dict[str, str]) -> None:
    page = Page(to_html(exploration, expected, []))
    assert page.ids == [result.id for result in exploration.broken]
    assert set(page.links) == {f"#{each}" for each in page.ids}
    assert page.tags.count("section") == 3
