"""Fixtures that need a compiler. Images are built on demand, once a session."""

import signal
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from bench import firmware as firmware_build
from tests.images import grown_image, small_image  # noqa: F401 fixtures


@pytest.fixture(scope="session")
def firmware() -> Callable[..., Path]:
    """``firmware(board)`` is the ELF of the release image, ``firmware(board, variant)`` that of a variant."""

    @cache
    def build(board: str, variant: str = firmware_build.RELEASE) -> Path:
        return firmware_build.build(board, variant=variant)

    return build


@pytest.fixture(scope="session")
def application() -> Callable[..., Path]:
    """``application(board, manifest[, variant])`` is the ELF of the port with another application."""

    @cache
    def build(board: str, manifest: Path, variant: str = firmware_build.RELEASE) -> Path:
        return firmware_build.build(board, variant=variant, manifest=manifest)

    return build


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C as at a terminal, here and in programs started here: in a shell's background it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(f"skipped: {len(terminalreporter.stats.get('skipped', []))}")
