from __future__ import annotations

import struct

import pytest

from bench.emulators.unicorn.thumb import MAX_STRAIGHT, straight_run


def run_of(*halfwords: int) -> int:
    data = struct.pack(f"<{len(halfwords)}H", *halfwords).ljust(4 * MAX_STRAIGHT + 8, b"\0")
    return straight_run(lambda address: int.from_bytes(data[address : address + 2], "little"), 0)


@pytest.mark.parametrize(
    "last",
    [
        (0xD0FE,), (0xE7FE,), (0x4770,), (0x4798,), (0xBD10,), (0xB108,), (0xB662,), (0xBF30,), (0xDF00,),
        (0x46BF,), (0x4497,), (0xF380, 0x8810), (0xF000, 0xF800), (0xE8BD, 0x8010), (0xF8DD, 0xF000),
        (0xE8D0, 0xF001), (0xBF08,), (0xF7FF, 0xBFFE),
    ],
)  # fmt: skip
def test_it_ends_with_what_may_branch_or_unmask(last: tuple[int, ...]) -> None:
    assert run_of(0x2000, 0x2001, *last) == 3


@pytest.mark.parametrize(
    "plain", [(0x2000,), (0x4608,), (0xB510,), (0xF44F, 0x7080), (0xE92D, 0x41F0), (0xF8D0, 0x1004)]
)
def test_it_goes_on_over_what_does_not(plain: tuple[int, ...]) -> None:
    assert run_of(*plain, 0x4770) == 2


def test_it_has_an_end() -> None:
    assert run_of() == MAX_STRAIGHT
