"""Memory a running firmware needs: stack by painting, heap by reading MicroPython's allocation table.

Neither needs anything in the firmware but symbols and debug information. The stack's unused words are
filled with a pattern before the board starts; what is overwritten later has been used. MicroPython's
garbage collector keeps two bits for each 16-byte block (py/gc.c: free, head, tail, marked); where that
table lies is found from the DWARF description of ``mp_state_ctx`` (py/mpstate.h).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from elftools.dwarf.compileunit import CompileUnit
from elftools.dwarf.die import DIE
from elftools.elf.elffile import ELFFile

from bench.memory.elf import Area, symbols_of

PAINT = b"\x5a\xc3\x96\xe1"
GC_BLOCK = 16
_HEAD, _TAIL, _MARKED = 1, b"\2", 3
_KINDS_OF = [bytes(byte >> shift & 3 for shift in (0, 2, 4, 6)) for byte in range(256)]


class Memory(Protocol):
    def read_memory(self, address: int, size: int) -> bytes: ...

    def write_memory(self, address: int, data: bytes) -> None: ...


class StackProbe:
    """High-water mark of a stack that grows down through `area`."""

    def __init__(self, memory: Memory, area: Area) -> None:
        self._memory = memory
        self.area = area

    def paint(self) -> None:
        """Before the board runs: fill the whole area."""
        self._memory.write_memory(self.area.start, PAINT * (self.area.size // 4))

    def used(self) -> int:
        """Bytes from the lowest overwritten word to the top."""
        content = self._memory.read_memory(self.area.start, self.area.size)
        untouched = 0
        while content.startswith(PAINT, untouched):
            untouched += 4
        return self.area.size - untouched


@dataclass(frozen=True, slots=True)
class GcLayout:
    """Addresses of the variables that tell where MicroPython's allocation table and its pool are, and of the
    part of mp_state_ctx that its collector takes for roots (py/gc.c, gc_collect_start).
    """

    table_start: int
    table_length: int
    pool_start: int
    pool_end: int
    roots_start: int
    roots_end: int


class HeapProbe:
    """Heap in use by MicroPython's objects, garbage that was not collected yet included."""

    def __init__(self, memory: Memory, layout: GcLayout) -> None:
        self._memory = memory
        self._layout = layout
        self._table: tuple[int, int] | None = None

    def forget(self) -> None:
        """Before power-on: RAM holds noise until the firmware has set its heap up anew."""
        self._table = None

    def in_use(self) -> int | None:
        """Bytes in blocks that are not free; None before the heap is set up."""
        # Fixed once set up, and read by every look at the heap.
        self._table = self._table or self._find_table()
        if self._table is None:
            return None
        start, length = self._table
        table = int.from_bytes(self._memory.read_memory(start, length), "little")
        return GC_BLOCK * ((table | table >> 1) & int.from_bytes(b"\x55" * length, "little")).bit_count()

    def live(self, roots: bytes) -> int | None:
        """Bytes that a collection would leave now: what can be reached, as the collector itself decides it.

        `roots`: the stack in use, and the registers. None before the heap is set up and during a collection.
        """
        if self._table is None:
            return None
        table = self._memory.read_memory(*self._table)
        kinds = b"".join(map(_KINDS_OF.__getitem__, table))
        if _MARKED in kinds:
            return None
        layout, read = self._layout, self._memory.read_memory
        pool = self._word(layout.pool_start)
        words = memoryview(read(pool, len(kinds) * GC_BLOCK)).cast("I")
        own = memoryview(read(layout.roots_start, layout.roots_end - layout.roots_start)).cast("I")
        end = pool + len(kinds) * GC_BLOCK
        waiting = [word for word in (*own, *memoryview(roots).cast("I")) if pool <= word < end]
        reached: set[int] = set()
        blocks = 0
        while waiting:
            head, inside = divmod(waiting.pop() - pool, GC_BLOCK)
            if inside or kinds[head] != _HEAD or head in reached:
                continue
            reached.add(head)
            behind = head + 1
            while kinds[behind : behind + 1] == _TAIL:
                behind += 1
            blocks += behind - head
            waiting += [word for word in words[head * 4 : behind * 4] if pool <= word < end]
        return GC_BLOCK * blocks

    def _find_table(self) -> tuple[int, int] | None:
        start, length = self._word(self._layout.table_start), self._word(self._layout.table_length)
        pool = self._word(self._layout.pool_end) - self._word(self._layout.pool_start)
        return (start, length) if start and 0 < length * 4 * GC_BLOCK <= pool + 4 * GC_BLOCK else None

    def _word(self, address: int) -> int:
        (value,) = struct.unpack("<I", self._memory.read_memory(address, 4))
        return int(value)


def gc_layout(elf: Path) -> GcLayout | None:
    """Where `elf` keeps MicroPython's collector state; None without MicroPython or debug information."""
    state = symbols_of(elf).get("mp_state_ctx")
    if state is None:
        return None
    with elf.open("rb") as stream:
        image = ELFFile(stream)
        if not image.has_dwarf_info():
            return None
        for unit in image.get_dwarf_info().iter_CUs():
            if _name(unit.get_top_DIE()).endswith("py/mpstate.c"):
                offsets = _area_offsets(unit)
                return GcLayout(*(state.value + offset for offset in offsets)) if offsets else None
    return None


def _area_offsets(unit: CompileUnit) -> tuple[int, ...] | None:
    """Offsets in mp_state_ctx of the variables of GcLayout, in its order."""
    variable = next(
        (d for d in unit.iter_DIEs() if d.tag == "DW_TAG_variable" and _name(d) == "mp_state_ctx"), None
    )
    if variable is None:
        return None
    context = _type(variable)
    area = ("gc_alloc_table_start", "gc_alloc_table_byte_len", "gc_pool_start", "gc_pool_end")
    paths: list[tuple[str, ...]] = [("mem", "area", name) for name in area]
    paths += [("thread", "dict_locals"), ("vm", "qstr_last_chunk")]
    offsets = [_offset(context, path) for path in paths]
    return None if None in offsets else tuple(offset for offset in offsets if offset is not None)


def _offset(structure: DIE, path: Sequence[str]) -> int | None:
    """Offset of a member of a member, ..."""
    offset = 0
    for name in path:
        member = _member(structure, name)
        if member is None:
            return None
        offset, structure = offset + member[0], member[1]
    return offset


def _name(die: DIE) -> str:
    attribute = die.attributes.get("DW_AT_name")
    return attribute.value.decode(errors="replace") if attribute else ""


def _type(die: DIE) -> DIE:
    """The type of a variable or member, behind typedefs and qualifiers."""
    kind = die.get_DIE_from_attribute("DW_AT_type")
    while kind.tag in ("DW_TAG_typedef", "DW_TAG_const_type", "DW_TAG_volatile_type"):
        kind = kind.get_DIE_from_attribute("DW_AT_type")
    return kind


def _member(structure: DIE, name: str) -> tuple[int, DIE] | None:
    for child in structure.iter_children():
        if child.tag == "DW_TAG_member" and _name(child) == name:
            return int(child.attributes["DW_AT_data_member_location"].value), _type(child)
    return None
