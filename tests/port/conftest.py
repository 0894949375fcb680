from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench import emulators
from bench import firmware as firmware_build
from bench.platforms import load_platform

from .target import Target

MANIFEST = Path(__file__).parent / "app" / "manifest.py"


@pytest.fixture(params=firmware_build.boards())
def board(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def target(board: str, application: Callable[[str, Path], Path]) -> Iterator[Target]:
    """A board that has just been switched on, with the application up."""
    platform = load_platform(board)
    emulator = emulators.create("auto", platform)
    try:
        yield Target(emulator, platform, application(board, MANIFEST)).ready()
    finally:
        emulator.close()
