"""Placeholders in the texts of faults."""

from __future__ import annotations

import re
from collections.abc import Mapping

PLACEHOLDER = re.compile(r"\{(\w+)\}")


def fill(text: str, words: Mapping[str, object]) -> str:
    """Replace ``{name}`` by the word of that name; names without a word stay as they are."""
    return PLACEHOLDER.sub(lambda found: str(words.get(found[1], found[0])), text)
