"""MicroPython's heap, read from outside: what is in use, what can be reached, what is free in one piece.

The collector keeps two bits for each 16-byte block (py/gc.c): free, head of an object, its tail, and, during
a collection, marked head.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Protocol

from bench.memory.image import Area
from bench.memory.layout import GcLayout

BLOCK = 16
_HEAD, _TAIL, _MARKED = 1, b"\2", 3
_KINDS_OF = [bytes(byte >> shift & 3 for shift in (0, 2, 4, 6)) for byte in range(256)]
_FREE_OR_NOT = bytes([0, 1, 1, 1]) + bytes([1]) * 252


class Memory(Protocol):
    def read_memory(self, address: int, size: int) -> bytes: ...

    def write_memory(self, address: int, data: bytes) -> None: ...


def in_use(table: bytes) -> int:
    """Bytes in blocks that are not free."""
    bits = int.from_bytes(table, "little")
    return BLOCK * ((bits | bits >> 1) & int.from_bytes(b"\x55" * len(table), "little")).bit_count()


def largest_free(table: bytes) -> int:
    """Bytes in the longest run of free blocks."""
    return BLOCK * max(map(len, _kinds(table).translate(_FREE_OR_NOT).split(b"\1")))


def _kinds(table: bytes) -> bytes:
    return b"".join(map(_KINDS_OF.__getitem__, table))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """RAM at one moment: `content` from `start` on, the stack in use and the registers, and the heap in it.

    `table` is the collector's, and `kinds` has a byte for each block of the pool.
    """

    start: int
    content: bytes
    stack: bytes
    table: bytes
    kinds: bytes
    pool: int
    layout: GcLayout

    @property
    def end(self) -> int:
        return self.start + len(self.content)

    @property
    def pool_end(self) -> int:
        return self.pool + len(self.kinds) * BLOCK

    def words(self, address: int, count: int) -> tuple[int, ...]:
        """Fewer, where that is not in this RAM."""
        offset = address - self.start
        if not 0 <= offset <= len(self.content):
            return ()
        return struct.unpack_from(f"<{min(count, (len(self.content) - offset) // 4)}I", self.content, offset)

    def roots(self) -> tuple[int, ...]:
        """What the collector starts from in mp_state_ctx (py/gc.c, gc_collect_start)."""
        start, end = self.layout.roots_start, self.layout.roots_end
        return self.words(start, (end - start) // 4)

    def stacked(self) -> tuple[int, ...]:
        return struct.unpack(f"<{len(self.stack) // 4}I", self.stack)

    def extent(self, pointer: int) -> tuple[int, int] | None:
        """First block and block behind of the object that starts at `pointer`; None where none does."""
        if not self.pool <= pointer < self.pool_end:
            return None
        head, inside = divmod(pointer - self.pool, BLOCK)
        if inside or self.kinds[head] not in (_HEAD, _MARKED):
            return None
        behind = head + 1
        while self.kinds[behind : behind + 1] == _TAIL:
            behind += 1
        return head, behind

    def live(self) -> int:
        """Bytes that a collection would leave: what can be reached, as the collector itself decides it."""
        pool, end, kinds = self.pool, self.pool_end, self.kinds
        words = self.words(pool, len(kinds) * BLOCK // 4)
        waiting = [word for word in (*self.roots(), *self.stacked()) if pool <= word < end]
        reached: set[int] = set()
        blocks = 0
        while waiting:
            head, inside = divmod(waiting.pop() - pool, BLOCK)
            if inside or kinds[head] != _HEAD or head in reached:
                continue
            reached.add(head)
            behind = head + 1
            while kinds[behind : behind + 1] == _TAIL:
                behind += 1
            blocks += behind - head
            waiting += [word for word in words[head * 4 : behind * 4] if pool <= word < end]
        return BLOCK * blocks


class HeapProbe:
    """Heap in use by MicroPython's objects, garbage that was not collected yet included.

    `ram` holds static data and the heap's `area`.
    """

    def __init__(self, memory: Memory, layout: GcLayout, ram: Area, area: Area) -> None:
        self._memory = memory
        self.layout = layout
        self._ram, self._area = ram, area
        self._table: tuple[int, int] | None = None

    def forget(self) -> None:
        """Before power-on: RAM holds noise until the firmware has set its heap up anew."""
        self._table = None

    def table(self) -> bytes | None:
        """The collector's table; None before the heap is set up."""
        # Fixed once set up, and read by every look at the heap.
        self._table = self._table or self._find_table()
        return self._memory.read_memory(*self._table) if self._table else None

    def in_use(self) -> int | None:
        """Bytes in blocks that are not free; None before the heap is set up."""
        table = self.table()
        return None if table is None else in_use(table)

    def snapshot(self, stack: bytes) -> Snapshot | None:
        """`stack`: what is in use of it, and the registers. None before the heap is set up."""
        found = self._find_table()  # anew: a reset may just have wiped it out
        if found is None:
            return None
        table = self._memory.read_memory(*found)
        content = self._memory.read_memory(self._ram.start, self._ram.size)
        pool = self._word(self.layout.pool_start)
        return Snapshot(self._ram.start, content, stack, table, _kinds(table), pool, self.layout)

    def live(self, stack: bytes) -> tuple[int, Snapshot] | None:
        """Bytes that can be reached now, and where that was seen.

        None before the heap is set up, and while a collection marks.
        """
        seen = self.snapshot(stack)
        if seen is None or _MARKED in seen.kinds:
            return None
        return seen.live(), seen

    def _find_table(self) -> tuple[int, int] | None:
        layout, area = self.layout, self._area
        start, length = self._word(layout.table_start), self._word(layout.table_length)
        pool, end = self._word(layout.pool_start), self._word(layout.pool_end)
        whole = area.start <= start < start + length <= pool and end - pool == 4 * BLOCK * length
        return (start, length) if whole and end <= area.end else None

    def _word(self, address: int) -> int:
        return int.from_bytes(self._memory.read_memory(address, 4), "little")
