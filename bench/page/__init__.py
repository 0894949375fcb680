"""The report page: build/report/index.html, one file that holds all it shows."""

from __future__ import annotations

from bench.page.data import PageError
from bench.page.document import INDEX, write
from bench.page.keep import keep

__all__ = ["INDEX", "PageError", "keep", "write"]
