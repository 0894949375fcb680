"""The search for the smallest heap, on scenarios that pass by a rule, and one real one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.memory.elf import measure
from bench.platforms import load_platform, names
from bench.rig import Rig, RigError
from bench.smallest_heap import CHECKED, GRANULE, search
from tests.images import Firmware

AREA, LIVE = 39_936, 27_000


def found(passes: Callable[[int], bool], live: int = LIVE, area: int = AREA) -> tuple[int, list[int]]:
    tried: list[int] = []
    going_on = search(live, area)
    try:
        size = next(going_on)
        while True:
            assert size not in tried, "tried twice"
            assert size % GRANULE == 0
            tried.append(size)
            size = going_on.send(passes(size))
    except StopIteration as end:
        return end.value, tried


@pytest.mark.parametrize("need", [1, 6_000, 26_990, 27_500, 27_777, 31_000, 39_000, 39_936])
def test_smallest_size_is_found_to_a_granule(need: int) -> None:
    size, tried = found(lambda size: size >= need)
    assert size - GRANULE < need <= size
    assert len(tried) < 25


def test_sizes_above_are_tried_and_a_failing_one_moves_the_search_up() -> None:
    unlucky = 27_648 + 4 * GRANULE
    size, tried = found(lambda size: size >= 27_520 and size not in (27_584, unlucky))
    assert size == unlucky + GRANULE
    assert {size - GRANULE, *(size + granules * GRANULE for granules in CHECKED)} <= set(tried)


def test_a_scenario_that_needs_all_of_its_heap() -> None:
    area = 28_000
    size, _ = found(lambda size: False, area=area)
    assert size == area // GRANULE * GRANULE


@pytest.mark.parametrize("board", names())
def test_firmware_has_the_heap_that_the_bench_leaves_it(board: str, firmware: Firmware) -> None:
    elf = firmware(board)
    area = measure(elf).heap
    assert area is not None
    free = {}
    for size in (area.size, area.size - 6_500):
        rig = Rig(load_platform(board), elf, emulator="unicorn", heap=size)
        rig.power_on()
        rig.run_for(2)
        assert rig.memory_use().heap == size
        (line,) = (line.text for line in rig.log if "bytes of heap free" in line.text)
        free[size] = int(line.split(": ")[1].split()[0])
        rig.close()
    less = free[area.size] - free[area.size - 6_500]
    assert less == pytest.approx(6_500 * 64 / 65, abs=64)


@pytest.mark.parametrize("size", [0, 1_000_000])
def test_heap_that_the_image_does_not_have_is_refused(size: int, firmware: Firmware) -> None:
    with pytest.raises(RigError, match=f"no heap of {size} bytes: the firmware has [0-9]+$"):
        Rig(load_platform("nrf52840dk"), firmware("nrf52840dk"), emulator="unicorn", heap=size)
