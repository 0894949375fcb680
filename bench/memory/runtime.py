"""What a running firmware uses of its RAM, without anything in it that would help: symbols and debug
information say where to look, and the emulator lets the bench look while nothing moves.

The stack's unused words are painted before the board starts, and so are those below the stack pointer while
an interrupt is served. A collection is seen from its first instruction to the one behind it. What can be
reached is walked as MicroPython's collector does, but not oftener than it could show a new maximum: garbage
only grows between two collections, so what is in use less the garbage of the last walk is never below what
can be reached; and not oftener than every WALKS_APART_NS. What all that costs, bench.memory.cost tells.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from bench.emulators.base import NS_PER_MS, NS_PER_S, Emulator, Visit
from bench.memory.buffers import READERS, Buffers, Fill
from bench.memory.calls import return_addresses
from bench.memory.elf import StaticMemory, measure
from bench.memory.heap import HeapProbe, Snapshot, in_use, largest_free
from bench.memory.image import Area, Image, read_image
from bench.memory.layout import Layout, read_layout
from bench.memory.objects import Held, Objects, Program, program_of
from bench.memory.series import Series
from bench.memory.stack import StackProbe, TouchProbe

OWNERS_KEPT = 40
OTHERS = "(others)"
WALKS_APART_NS = 80 * NS_PER_MS
"""A board at work collects more often than that, too."""
COLLECT, SET_UP_HEAP = "gc_collect", "gc_init"

_BOOTED_NS = NS_PER_S
_REGISTERS = (*(f"r{n}" for n in range(13)), "lr")


class HeapError(Exception):
    """A heap that cannot be given to a firmware. The message is one clear line."""


@dataclass(slots=True)
class MemoryUse:
    """RAM of one run, in bytes where nothing else is said; None where this firmware or this emulator does not
    let it be known.

    fixed                  static data without heap area and stack (linker map)
    heap                   size of MicroPython's heap area
    heap_peak              most of it that was in use, garbage included: seen at every stop of the board and
                           at the beginning of every collection
    heap_live              most of it that could be reached, at a stop or after a collection
    heap_after_collection  most of it that was in use right after a collection
    largest_free           the smallest that the longest run of free blocks was right after a collection
    collections            how many there were
    pause_max, pause_sum   instructions of the longest one and of all, interrupts in between included
    stack                  size of the stack area
    stack_peak             most of it that was used, by interrupts too
    stack_interrupts       most of it that interrupts alone took, nested ones and stacked registers included
    ram_touched            words of all RAM that do not hold any more what they held at power-on, times 4
    wfe_s                  virtual seconds asleep (WFE, WFI)
    buffers                name in the source -> size, fullest and unit, see bench.memory.buffers
    heap_owners            owner (see bench.memory.objects) -> bytes, the largest, at the stop at which most
                           could be reached

    Over several power-ons and resets each is that of the worst. The two emulators stop the board at different
    times, and take interrupts some instructions apart: what depends on either (heap_peak, heap_live, pauses,
    wfe_s, ...) is near, the rest equal. tests/memory/test_runtime_parity.py says which and how near.
    """

    fixed: int
    heap: int | None = None
    heap_peak: int | None = None
    heap_live: int | None = None
    heap_after_collection: int | None = None
    largest_free: int | None = None
    collections: int | None = None
    pause_max: int | None = None
    pause_sum: int | None = None
    stack: int | None = None
    stack_peak: int | None = None
    stack_interrupts: int | None = None
    ram_touched: int | None = None
    wfe_s: float | None = None
    buffers: dict[str, Fill] = field(default_factory=dict)
    heap_owners: dict[str, int] | None = None

    def to_json(self) -> dict[str, Any]:
        plain = {each.name: getattr(self, each.name) for each in fields(self)}
        return plain | {"buffers": {name: fill.to_json() for name, fill in sorted(self.buffers.items())}}


@dataclass(frozen=True, slots=True)
class Content:
    """What an image tells of itself. `collected`: where gc_collect returns to."""

    static: StaticMemory
    image: Image
    layout: Layout
    collected: frozenset[int]
    program: Program | None


def content_of(elf: Path) -> Content:
    """Reading takes longer than many a scenario, so the last ones are kept. Raises ImageFileError."""
    state = elf.stat()
    return _read_content(elf, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=4)
def _read_content(elf: Path, changed_ns: int, size: int) -> Content:
    image = read_image(elf)
    layout = read_layout(elf)
    collected = frozenset(return_addresses(image, COLLECT))
    program = program_of(image, layout.objects) if layout.objects else None
    return Content(measure(elf), image, layout, collected, program)


class RuntimeProbes:
    """All that is measured of one board's RAM; says in `notes` what this firmware does not let be known.

    `journal` is the flash of the journal of transaction events. `in_use`, `reached` and `collected` are the
    heap over virtual time.
    """

    def __init__(self, emulator: Emulator, content: Content, journal: Area | None = None) -> None:
        self._emulator = emulator
        self._content = content
        self.notes: list[str] = []
        self.in_use, self.reached, self.collected = Series(), Series(), Series()
        static, layout = content.static, content.layout
        self._use = MemoryUse(
            fixed=static.fixed_ram,
            heap=static.heap.size if static.heap else None,
            stack=static.stack.size if static.stack else None,
        )
        memories = [region for region in static.regions if region.kind == "RAM"]
        self._touch = TouchProbe(
            emulator, [Area(r.origin, r.origin + (r.length or r.used) // 4 * 4) for r in memories]
        )
        self._stack = StackProbe(emulator, static.stack) if static.stack else None
        if static.stack:
            emulator.follow_interrupts(static.stack.start, static.stack.end)
        else:
            self.notes.append("firmware has no stack symbols: its stack is not measured")
        place = layout.gc.roots_start if layout.gc else 0
        home = next((r for r in memories if r.origin <= place < r.origin + r.used), None)
        self._heap: HeapProbe | None = None
        if layout.gc and home and static.heap:
            ram = Area(home.origin, home.origin + home.used)
            self._heap = HeapProbe(emulator, layout.gc, ram, static.heap)
        else:
            self.notes.append("firmware does not tell where MicroPython's heap is: its heap is not measured")
        self._buffers = Buffers(emulator, layout.rings, content.image.symbols, static.heap, journal)
        self._visited: dict[int, Callable[[Visit], None]] = {}
        self._trace()
        self._powered = False
        self._began_ns = 0
        self._resets = 0
        self._looked_for_queues = False
        self._collecting: int | None = None
        self._garbage = 0
        self._used = 0
        self._walked_ns = -WALKS_APART_NS
        self._walked_most = 0
        self._most: Snapshot | None = None
        """Of this life of the firmware, and none before."""

    def limit_heap(self, size: int) -> None:
        """Let the firmware have only the first `size` bytes of its heap area, as if it was linked with those.

        Before power-on. Raises HeapError where that cannot be done.
        """
        area, entry = self._content.static.heap, self._content.image.symbols.get(SET_UP_HEAP)
        if area is None or entry is None:
            raise HeapError(f"the firmware has no heap area, or no {SET_UP_HEAP}: its heap cannot be limited")
        if not 0 < size <= area.size:
            raise HeapError(f"no heap of {size} bytes: the firmware has {area.size}")
        self._emulator.trace(entry.value & ~1, registers={"r1": area.start + size})
        self._use.heap = size

    def follow(self, address: int, ranges: list[tuple[int, int]], noted: Callable[[Visit], None]) -> None:
        """Have `noted` called for each visit of the instruction at `address` (Emulator.trace)."""
        self._emulator.trace(address, ranges)
        self._visited[address] = noted

    # what the rig tells

    def power_on(self, now_ns: int) -> None:
        """The board has been switched on, and has not executed anything."""
        if self._stack:
            self._stack.paint()
        self._touch.begin()
        self._powered = True
        self._begin(now_ns)

    def power_off(self) -> None:
        """The supply is about to be cut."""
        self._finish()
        self._powered = False

    def look(self, now_ns: int) -> None:
        """The board has stopped: note what has changed."""
        visits = self._emulator.visits()
        for visit in visits:
            if noted := self._visited.get(visit.address):
                noted(visit)
        if len(self._emulator.resets) != self._resets:
            self._end_life()  # RAM is still as the reset found it
            self._begin(now_ns)
        used = self._heap.in_use() if self._heap else None
        if used is None or (used == self._used and not visits):
            return  # nothing happens without an allocation or a byte to or from a peer
        self._used = used
        self.in_use.add(now_ns, used)
        self._note_peak(used)
        may_be_most = used - self._garbage > (self._use.heap_live or 0)
        if may_be_most and now_ns >= self._walked_ns + WALKS_APART_NS and (live := self.live()) is not None:
            self.reached.add(now_ns, live)
        if not self._looked_for_queues and now_ns - self._began_ns >= _BOOTED_NS and (held := self._held()):
            self._looked_for_queues = True
            self._buffers.find_queues(held)
        self._buffers.look()

    # what it asks

    def live(self) -> int | None:
        """Bytes of the heap that can be reached now; None where that cannot be known."""
        found = self._heap.live(self._stacked()) if self._heap and self._powered else None
        if found is None:
            return None
        live, seen = found
        self._walked_ns = self._emulator.now_ns
        self._garbage = in_use(seen.table) - live
        self._note_live(live, seen)
        return live

    def use(self) -> MemoryUse:
        """Of the run so far."""
        if self._powered:
            self._finish()
        counters = self._emulator.counters()
        self._use.stack_interrupts = counters.interrupt_stack
        self._use.wfe_s = counters.sleep_ns / NS_PER_S
        self._use.buffers = self._buffers.fills
        return self._use

    # inside

    def _trace(self) -> None:
        layout, symbols, heap = self._content.layout, self._content.image.symbols, self._content.static.heap
        if layout.gc and heap and COLLECT in symbols and self._content.collected:
            self._use.collections = self._use.pause_max = self._use.pause_sum = 0
            # The table lies at the beginning of the area, and takes a 65th of it (py/gc.c, gc_setup_area).
            table = (heap.start, heap.size // 65 + 1)
            ranges = [(layout.gc.table_start, 4), (layout.gc.table_length, 4), table]
            self.follow(symbols[COLLECT].value & ~1, ranges, self._note_collection)
            for address in self._content.collected:
                self.follow(address, ranges, self._note_collected)
        area = self._buffers.ring_area
        for name in READERS:
            if area and name in symbols:
                self.follow(symbols[name].value & ~1, [(area.start, area.size)], self._note_rings)

    def _table(self, visit: Visit) -> bytes:
        start, length = struct.unpack_from("<II", visit.memory)
        heap = self._content.static.heap
        assert heap and start == heap.start, "the collector's table is not at the beginning of the heap area"
        return visit.memory[8 : 8 + length]

    def _note_collection(self, visit: Visit) -> None:
        self._collecting = visit.instructions
        used = in_use(self._table(visit))
        self._note_peak(used)
        self.in_use.add(visit.at_ns, used)

    def _note_collected(self, visit: Visit) -> None:
        if self._collecting is None:
            return  # the code behind a call is also reached past it
        use, table = self._use, self._table(visit)
        pause = visit.instructions - self._collecting
        self._collecting = None
        left, free = in_use(table), largest_free(table)
        use.collections = (use.collections or 0) + 1
        use.pause_max = max(use.pause_max or 0, pause)
        use.pause_sum = (use.pause_sum or 0) + pause
        use.heap_after_collection = max(use.heap_after_collection or 0, left)
        use.heap_live = max(use.heap_live or 0, left)
        use.largest_free = free if use.largest_free is None else min(use.largest_free, free)
        self._garbage = 0
        self.collected.add(visit.at_ns, left)

    def _note_rings(self, visit: Visit) -> None:
        self._buffers.note_rings(visit.memory)

    def _note_peak(self, used: int) -> None:
        self._use.heap_peak = max(self._use.heap_peak or 0, used)

    def _note_live(self, live: int, seen: Snapshot) -> None:
        self._use.heap_live = max(self._use.heap_live or 0, live)
        if live > self._walked_most:
            self._walked_most = live
            self._most = seen

    def _begin(self, now_ns: int) -> None:
        self._began_ns = now_ns
        self._resets = len(self._emulator.resets)
        self._looked_for_queues = False
        self._collecting = None
        self._garbage = 0
        self._most = None
        self._buffers.forget()
        if self._heap:
            self._heap.forget()

    def _finish(self) -> None:
        """Before RAM is lost, or the run is over."""
        self.look(self._emulator.now_ns)
        self._end_life()
        use = self._use
        if self._stack:
            use.stack_peak = max(use.stack_peak or 0, self._stack.used())
        use.ram_touched = max(use.ram_touched or 0, self._touch.touched())

    def _end_life(self) -> None:
        """The firmware comes to its end: its objects are still there."""
        if held := self._held(self._most):
            self._buffers.note_bytearrays(held)
            if self._most:
                self._use.heap_owners = largest(held.owners)

    def _held(self, seen: Snapshot | None = None) -> Held | None:
        program = self._content.program
        if seen is None and self._heap:
            seen = self._heap.snapshot(b"")
        return Objects(seen, program).held() if seen and program else None

    def _stacked(self) -> bytes:
        """The stack in use, and the registers."""
        area = self._content.static.stack
        read = self._emulator.read_register
        registers = struct.pack("<14I", *map(read, _REGISTERS))
        sp = read("sp")
        inside = area is not None and area.start <= sp < area.end
        return (self._emulator.read_memory(sp, area.end - sp) if area and inside else b"") + registers


def largest(owners: dict[str, int]) -> dict[str, int]:
    """The OWNERS_KEPT largest, largest first, and the sum of the others."""
    ranked = sorted(owners.items(), key=lambda item: (-item[1], item[0]))
    kept = dict(ranked[:OWNERS_KEPT])
    if rest := sum(size for _, size in ranked[OWNERS_KEPT:]):
        kept[OTHERS] = rest
    return kept
