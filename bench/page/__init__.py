"""The report page: build/report/index.html, one file that holds all it shows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bench.memory.elf import StaticMemory
from bench.page.data import PageError
from bench.page.document import INDEX, render
from bench.page.keep import About, keep

__all__ = ["INDEX", "About", "PageError", "render", "write"]


def write(folder: Path, about: About, images: Mapping[str, StaticMemory]) -> Path:
    """Keep what a run leaves beside its results, and render the page of all of it; returns its path."""
    keep(folder, about, images)
    return render(folder)
