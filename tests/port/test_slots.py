"""The boot stage: which of two images starts, whatever the power has left of an update."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench import updates
from bench.firmware import boards
from bench.platforms import load_platform
from bench.rig import Rig

SIZE = 320 * 1024
OLD, NEW = "0.1.0", "0.1.0-next"
BLANK = b"\xff" * 4


class Slots:
    """A board that has not been switched on yet, with the image of the build in its first slot."""

    def __init__(self, board: str, elf: Path) -> None:
        self.rig = Rig(load_platform(board), elf)
        symbols = self.rig._symbols
        self.first, self.second = symbols["_slot_first"].value, symbols["_slot_second"].value
        self.file = updates.update_file(board)

    def write(self, slot: int, image: bytes, tail: bytes = b"") -> None:
        memory = self.rig.emulator
        memory.write_memory(slot, image)
        memory.write_memory(slot + SIZE - updates.TAIL_SIZE, tail)

    def tail(self, slot: int) -> bytes:
        return self.rig.emulator.read_memory(slot + SIZE - updates.TAIL_SIZE, updates.TAIL_SIZE)

    def boot(self) -> str:
        """Version of the image that comes up."""
        self.rig.power_on()
        lines = self.rig.run_until("a start", self._started, 5)
        return lines[-1].split()[3]

    def _started(self) -> list[str]:
        return [line.text for line in self.rig.log if line.text.split()[2] == "station"]


@pytest.fixture(params=boards())
def slots(request: pytest.FixtureRequest, firmware: Callable[..., Path]) -> Iterator[Slots]:
    slots = Slots(request.param, firmware(request.param, "secure"))
    yield slots
    slots.rig.close()


def test_image_of_a_programmer_starts(slots: Slots) -> None:
    assert slots.boot() == OLD
    assert slots.tail(slots.first) == b"\xff" * updates.TAIL_SIZE


def test_newer_image_starts_in_the_second_slot(slots: Slots) -> None:
    image = updates.images(slots.file)[1]
    slots.write(slots.second, image, updates.tail(image, 1, confirmed=True))
    assert slots.boot() == NEW
    assert slots.tail(slots.second) == updates.tail(image, 1, confirmed=True)


def test_each_start_on_trial_is_counted(slots: Slots) -> None:
    image = updates.images(slots.file)[1]
    slots.write(slots.second, image, updates.tail(image, 1))
    assert slots.boot() == NEW
    assert slots.tail(slots.second) == updates.tail(image, 1, attempts=1)


def test_image_without_attempts_left_does_not_start(slots: Slots) -> None:
    image = updates.images(slots.file)[1]
    slots.write(slots.second, image, updates.tail(image, 1, attempts=3))
    assert slots.boot() == OLD


def test_image_that_crashes_gives_way_to_the_other(slots: Slots) -> None:
    image = updates.images(updates.broken(slots.file, slots.first))[1]
    slots.write(slots.second, image, updates.tail(image, 1))
    slots.rig.expect_reset(3)
    assert slots.boot() == OLD
    assert slots.tail(slots.second) == updates.tail(image, 1, attempts=3)
    assert len(slots.rig.resets) == 4


def test_older_image_waits(slots: Slots) -> None:
    image = updates.images(slots.file)[0]
    older = updates.images(updates.update_file(slots.rig.platform.name, following=False))[1]
    slots.write(slots.first, image, updates.tail(image, 2, confirmed=True))
    slots.write(slots.second, older, updates.tail(older, 1, confirmed=True))
    assert slots.boot() == NEW


@pytest.mark.parametrize("word", range(5))
def test_tail_that_is_not_whole_counts_for_nothing(slots: Slots, word: int) -> None:
    image = updates.images(slots.file)[1]
    tail = bytearray(updates.tail(image, 1))
    tail[4 * word : 4 * word + 4] = BLANK
    slots.write(slots.second, image, bytes(tail))
    assert slots.boot() == OLD


@pytest.mark.parametrize("at", [0.0, 0.5, 1.0])
def test_image_that_is_not_whole_does_not_start(slots: Slots, at: float) -> None:
    image = updates.images(slots.file)[1]
    damaged = bytearray(image)
    damaged[int(at * (len(image) - 1))] ^= 0x10
    slots.write(slots.second, bytes(damaged), updates.tail(image, 1))
    assert slots.boot() == OLD
