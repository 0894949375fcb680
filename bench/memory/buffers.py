"""Buffers and queues of a firmware, at their fullest.

rings       of the port (see bench.memory.layout): bytes waiting whenever one is read or was written to
bytearrays  that an attribute or a global of the station leads to: MicroPython fills new ones with zeros,
            and what is written into one stays, so the last byte that is not zero tells
queues      lists in attributes of these names: entries, at every look
journal     of transaction events, on flash: bytes of keys and values of its live items
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bench.memory.heap import BLOCK, Memory
from bench.memory.image import Area, Symbol
from bench.memory.layout import Ring
from bench.memory.objects import Held
from bench.provision import StoreError, read_journal

READERS = ("uart_read", "chip_uart_kick")
"""Functions of the port at whose beginning a ring is full: before it is read, after it was written to."""
QUEUES = ("_queue", "_tokens")
JOURNAL = "store_journal"
_LIST = "mp_type_list"
_BANK_HEAD = 16


@dataclass(slots=True)
class Fill:
    """`size` and `fullest` in `unit` (bytes or entries); `size` is None where nothing but the code knows."""

    size: int | None
    fullest: int
    unit: str = "bytes"

    def note(self, fill: int) -> None:
        self.fullest = max(self.fullest, fill)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Buffers:
    """`fills` by the name in the source. Of the image `symbols` and `heap`; `journal`: the flash of it."""

    def __init__(
        self,
        memory: Memory,
        rings: tuple[Ring, ...],
        symbols: Mapping[str, Symbol],
        heap: Area | None,
        journal: Area | None,
    ) -> None:
        self._memory = memory
        self._heap = heap
        self._rings = rings
        self.fills: dict[str, Fill] = {ring.name: Fill(ring.size, 0) for ring in rings}
        indexes = [at for ring in rings for at in (ring.written, ring.read)]
        self.ring_area = Area(min(indexes), max(indexes) + 2) if indexes else None
        self._journal = journal
        self._store = symbols.get(JOURNAL) if journal else None
        self._store_seen = b""
        self._queues: dict[str, int] = {}
        self._list = symbols[_LIST].value.to_bytes(4, "little") if _LIST in symbols else b""

    def note_rings(self, content: bytes) -> None:
        """What `ring_area` held."""
        assert self.ring_area
        start = self.ring_area.start
        for ring in self._rings:
            written, read = (
                int.from_bytes(content[at - start : at - start + 2], "little")
                for at in (ring.written, ring.read)
            )
            self.fills[ring.name].note(min(written - read & 0xFFFF, ring.size))

    def find_queues(self, held: Held) -> None:
        self._queues = {path: slot for path, slot in held.lists.items() if path.rpartition(".")[2] in QUEUES}

    def look(self) -> None:
        """At queues and the journal, whenever something may have changed."""
        for path, slot in self._queues.items():
            pointer = int.from_bytes(self._memory.read_memory(slot, 4), "little")
            if self._heap and self._heap.start <= pointer <= self._heap.end - BLOCK:
                found = self._memory.read_memory(pointer, BLOCK)
                if found.startswith(self._list):
                    length = int.from_bytes(found[8:12], "little")
                    self.fills.setdefault(path, Fill(None, 0, "entries")).note(length)
        if self._journal and self._store:
            state = self._memory.read_memory(self._store.value, self._store.size)
            if state != self._store_seen:
                self._store_seen = state
                self._look_at_journal(self._journal)

    def note_bytearrays(self, held: Held) -> None:
        for address, (path, size) in held.buffers.items():
            if path.startswith("station."):
                content = self._memory.read_memory(address, size)
                self.fills.setdefault(path, Fill(size, 0)).note(len(content.rstrip(b"\0")))

    def forget(self) -> None:
        """The firmware begins anew: its objects are elsewhere."""
        self._queues = {}

    def _look_at_journal(self, area: Area) -> None:
        try:
            items = read_journal(self._memory.read_memory(area.start, area.size))
        except StoreError:
            return
        fill = self.fills.setdefault(JOURNAL, Fill(area.size // 2 - _BANK_HEAD, 0))
        fill.note(sum(4 + len(value) for value in items.values()))
