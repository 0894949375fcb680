from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench import emulators
from bench import firmware as firmware_build
from bench.emulators.renode.locate import RenodeMissing
from bench.platforms import load_platform

from .target import Target

MANIFEST = Path(__file__).parent / "app" / "manifest.py"


def running(emulator: str, board: str, elf: Path) -> Iterator[Target]:
    platform = load_platform(board)
    try:
        machine = emulators.create(emulator, platform)
    except RenodeMissing as error:
        pytest.skip(str(error))
    try:
        yield Target(machine, platform, elf).ready()
    finally:
        machine.close()


@pytest.fixture(params=firmware_build.boards())
def board(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def target(board: str, application: Callable[[str, Path], Path]) -> Iterator[Target]:
    """A board on Unicorn that has just been switched on, with the application up."""
    yield from running("unicorn", board, application(board, MANIFEST))


@pytest.fixture(params=["unicorn", pytest.param("renode", marks=pytest.mark.renode)])
def any_target(
    request: pytest.FixtureRequest, board: str, application: Callable[[str, Path], Path]
) -> Iterator[Target]:
    """The same on both emulators: for what Renode models too."""
    yield from running(request.param, board, application(board, MANIFEST))
