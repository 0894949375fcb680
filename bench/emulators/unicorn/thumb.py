"""How far Thumb code runs straight on: the little decoding that the machine needs."""

from __future__ import annotations

from collections.abc import Callable

MAX_STRAIGHT = 64


def straight_run(halfword: Callable[[int], int], pc: int) -> int:
    """Instructions from `pc` up to and with the first that may branch or change an interrupt mask.

    `halfword` reads code. At least 1. Armv7-M Architecture Reference Manual, A5.
    """
    for count in range(1, MAX_STRAIGHT):
        first = halfword(pc)
        if first >> 11 in {0x1D, 0x1E, 0x1F}:
            if _ends_run_32(first, halfword(pc + 2)):
                return count
            pc += 4
        else:
            if _ends_run_16(first):
                return count
            pc += 2
    return MAX_STRAIGHT


def _ends_run_16(code: int) -> bool:
    top = code >> 8
    return (
        0xD0 <= top <= 0xDF  # B<c>, UDF, SVC
        or code >> 11 == 0x1C  # B
        or top == 0x47  # BX, BLX
        or (top in {0x44, 0x46} and code & 0x87 == 0x87)  # ADD, MOV to PC
        or top == 0xBD  # POP with PC
        or top in {0xB1, 0xB3, 0xB9, 0xBB}  # CBZ, CBNZ
        or top in {0xB6, 0xBE, 0xBF}  # CPS, BKPT, IT and hints
    )


def _ends_run_32(first: int, second: int) -> bool:
    if first >> 11 == 0x1E and second & 0x8000:
        return True  # branches, MSR and other control
    if first & 0xFE40 == 0xE800:
        return bool(second & 0x8000)  # LDM, POP with PC
    if first & 0xFFF0 == 0xE8D0:
        return True  # TBB, TBH and exclusive loads
    return first & 0xFE70 == 0xF850 and second >> 12 == 0xF  # LDR to PC
