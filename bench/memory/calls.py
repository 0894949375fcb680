"""Where a function goes back to: the addresses behind its calls, found in the code of an image.

Armv7-M Architecture Reference Manual (DDI 0403E), A7.7.12 and A7.7.18: B.W (T4) and BL (T1).
"""

from __future__ import annotations

from bench.memory.image import Image

_TAIL_CALLS_DEEP = 8


def return_addresses(image: Image, function: str) -> set[int]:
    """Addresses to which `function` returns: behind each BL to it, and where a function that ends in a B.W to
    it returns itself. Empty where there is no such function, or it is not called by these.
    """
    symbol = image.symbols.get(function)
    return _returns(image, symbol.value & ~1, _TAIL_CALLS_DEEP) if symbol else set()


def _returns(image: Image, entry: int, deep: int) -> set[int]:
    found: set[int] = set()
    for section in image.sections:
        for at, linked in _branches(section.content, entry - section.address):
            site = section.address + at
            if linked:
                found.add(site + 4)
            elif deep:
                caller = next((p for p in image.placed if p.address <= site < p.address + p.size), None)
                if caller and caller.address != entry:
                    found |= _returns(image, caller.address, deep - 1)
    return found


def _branches(code: bytes, target: int) -> list[tuple[int, bool]]:
    """Offset of each B.W or BL to an offset, and whether it is a BL."""
    halves = memoryview(code[: len(code) // 2 * 2]).cast("H")
    found = []
    for place, first in enumerate(halves[:-1]):
        if first & 0xF800 == 0xF000:
            second = halves[place + 1]
            if second & 0x9000 == 0x9000 and 2 * place + 4 + _offset(first, second) == target:
                found.append((2 * place, bool(second & 0x4000)))
    return found


def _offset(first: int, second: int) -> int:
    sign = first >> 10 & 1
    i1 = 1 - (second >> 13 & 1 ^ sign)
    i2 = 1 - (second >> 11 & 1 ^ sign)
    value = i1 << 23 | i2 << 22 | (first & 0x3FF) << 12 | (second & 0x7FF) << 1
    return value - (sign << 24)
