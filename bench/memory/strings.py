"""Strings in ROM, interned ones and constants, and who needs them.

An interned string is its characters and its words in the arrays of a pool (qstr_pool_t of py/qstr.h,
MicroPython 1.25). It belongs to the frozen module that alone refers to it; where several do, or C, its source
says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from bench.memory.frozen import Frozen, shown
from bench.memory.image import Image, Placed

SHARED = "strings of several modules"
OF_C = "strings of C"
POOLS = "string pools"
_FROZEN_POOL, _POOL_OF_C = "mp_qstr_frozen_const_pool", "mp_qstr_const_pool"
_HEADS = (20, 24)
"""Bytes of a qstr_pool_t before its pointers, without and with hashes."""


@dataclass(frozen=True, slots=True)
class _Interned:
    """`cells`: what it has of the pool's arrays."""

    number: int
    address: int
    length: int
    cells: tuple[tuple[int, int], ...]
    of_c: bool


def string_parts(image: Image, frozen: Frozen) -> Iterator[tuple[Placed, str]]:
    """All characters, and the cells of the pools, each named by its text, with the source it belongs to."""
    users: dict[tuple[int, int], set[str]] = defaultdict(set)
    texts: dict[tuple[int, int], str] = {}
    pools = list(_pools(image))
    interned = {each.number: each for _, strings in pools for each in strings}
    for each in interned.values():
        place = each.address, each.length + 1
        texts[place] = shown(image.content(each.address, each.length))
        users[place].update([OF_C] if each.of_c else [])
    for source, number in frozen.interned():
        if number in interned:
            users[interned[number].address, interned[number].length + 1].add(source)
    for source, address, length, text in frozen.strings():
        users[address, length + 1].add(source)
        texts[address, length + 1] = text
    owners = {place: _owner(sources) for place, sources in users.items()}
    end = 0
    for place in sorted(users, key=lambda p: (p[0], -p[1])):
        if place[0] >= end:  # the linker stores equal strings, and the ends of longer ones, once
            yield Placed(*place, texts[place]), owners[place]
            end = sum(place)
    for each in interned.values():
        place = each.address, each.length + 1
        for address, size in each.cells:
            yield Placed(address, size, texts[place]), owners[place]
    for head, _ in pools:
        yield head, POOLS


def _owner(sources: set[str]) -> str:
    if OF_C in sources:
        return OF_C
    return next(iter(sources)) if len(sources) == 1 else SHARED


def _pools(image: Image) -> Iterator[tuple[Placed, list[_Interned]]]:
    """The head of each pool, the last first, and its strings."""
    named = {symbol.name: symbol for symbol in image.placed if symbol.name in (_FROZEN_POOL, _POOL_OF_C)}
    pool = named.get(_FROZEN_POOL) or named.get(_POOL_OF_C)
    while pool:
        words = image.words(pool.address, pool.size // 4)
        count = words[3] if len(words) > 3 else 0
        head = pool.size - 4 * count
        if head not in _HEADS or len(words) != pool.size // 4:
            return
        first = words[1] & 0x7FFFFFFF
        arrays = [(a, a.size // count) for word in words[4 : head // 4] if (a := image.placed_at(word))]
        arrays.append((Placed(pool.address + head, 4 * count, ""), 4))
        lengths = image.numbers(words[head // 4 - 1], count, arrays[-2][1]) if len(arrays) > 1 else ()
        yield (
            Placed(pool.address, head, pool.name),
            [
                _Interned(
                    first + index,
                    words[head // 4 + index],
                    length,
                    tuple((array.address + width * index, width) for array, width in arrays),
                    pool.name != _FROZEN_POOL,
                )
                for index, length in enumerate(lengths)
            ],
        )
        pool = image.placed_at(words[0])
