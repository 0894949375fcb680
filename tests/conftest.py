"""Fixtures that need a compiler. Images are built on demand, once a session."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from bench import firmware as firmware_build
from tests.images import small_image  # noqa: F401 a fixture


@pytest.fixture(scope="session")
def firmware() -> Callable[[str], Path]:
    """``firmware(board)`` is the ELF of the release image."""
    return cache(firmware_build.build)


@pytest.fixture(scope="session")
def application() -> Callable[[str, Path], Path]:
    """``application(board, manifest)`` is the ELF of the port with another application frozen in."""

    @cache
    def build(board: str, manifest: Path) -> Path:
        return firmware_build.build(board, manifest=manifest)

    return build


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(f"skipped: {len(terminalreporter.stats.get('skipped', []))}")
