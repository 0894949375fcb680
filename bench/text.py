"""Lines of text that several reports are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def shorten(text: str, length: int) -> str:
    """The first `length` characters, and a sign that there were more."""
    return text if len(text) <= length else text[:length] + " ..."


def markdown_row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def markdown_table(heads: Sequence[str], rows: Iterable[Iterable[str]], numbers: int = 0) -> list[str]:
    """Lines of a table whose last `numbers` columns hold numbers."""
    words = len(heads) - numbers
    return [markdown_row(heads), markdown_row(["---"] * words + ["---:"] * numbers), *map(markdown_row, rows)]
