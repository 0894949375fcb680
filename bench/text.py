"""Lines of text that several reports are made of."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Sequence


def shorten(text: str, length: int) -> str:
    """The first `length` characters, and a sign that there were more."""
    return text if len(text) <= length else text[:length] + " ..."


def instead_of(name: str, known: Collection[str]) -> str:
    """What is known and looks like `name`; where nothing does, all that is known."""
    close = difflib.get_close_matches(name, known, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(sorted(known))}"


def markdown_row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def markdown_table(heads: Sequence[str], rows: Iterable[Iterable[str]], numbers: int = 0) -> list[str]:
    """Lines of a table whose last `numbers` columns hold numbers."""
    words = len(heads) - numbers
    return [markdown_row(heads), markdown_row(["---"] * words + ["---:"] * numbers), *map(markdown_row, rows)]
