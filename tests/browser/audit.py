"""Whether a page can be used by those who do not see it, or use no mouse."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

SCRIPT = Path(__file__).with_suffix(".js").read_text()


def audit(page: Page) -> list[str]:
    """What is wrong with what the page shows now, an open dialog alone if there is one.

    Names of controls and images, references between elements, headings and landmarks, the order
    of the focus, contrast, sizes, and whether the page fits into its window.
    """
    found = page.evaluate(SCRIPT)
    assert isinstance(found, list)
    return [str(each) for each in found]
