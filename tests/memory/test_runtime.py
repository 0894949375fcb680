"""Stack and heap probes on memory whose content is known, and where the real firmware keeps its heap."""

from __future__ import annotations

import shutil
import struct
from dataclasses import astuple
from pathlib import Path

import pytest

from bench.memory.calls import return_addresses
from bench.memory.elf import Area, measure
from bench.memory.heap import HeapProbe, in_use, largest_free
from bench.memory.image import read_image
from bench.memory.layout import GcLayout, read_layout
from bench.memory.runtime import OTHERS, OWNERS_KEPT, content_of, largest
from bench.memory.stack import StackProbe, TouchProbe
from bench.platforms import names
from tests.images import Firmware

TABLE, VARIABLES, ROOTS = 0x400, 0x40, 0x60
HEAP = Area(TABLE, 0x900)
LAYOUT = GcLayout(VARIABLES, VARIABLES + 4, VARIABLES + 8, VARIABLES + 12, ROOTS, ROOTS + 8)


class Memory:
    def __init__(self) -> None:
        self.content = bytearray(0x1000)

    def read_memory(self, address: int, size: int) -> bytes:
        return bytes(self.content[address : address + size])

    def write_memory(self, address: int, data: bytes) -> None:
        self.content[address : address + len(data)] = data


def test_stack_use_reaches_from_the_lowest_overwritten_word_to_the_top() -> None:
    memory = Memory()
    probe = StackProbe(memory, Area(0x100, 0x300))
    assert probe.used() == 0x200
    probe.paint()
    assert probe.used() == 0
    memory.write_memory(0x2F0, b"\x01")
    assert probe.used() == 0x10
    memory.write_memory(0x202, b"\x01")
    assert probe.used() == 0x100
    memory.write_memory(0x100, b"\x01")
    assert probe.used() == 0x200


def test_ram_is_touched_where_it_differs_from_the_noise_of_power_on() -> None:
    memory = Memory()
    probe = TouchProbe(memory, [Area(0x100, 0x200), Area(0x400, 0x500)])
    memory.write_memory(0x100, bytes(range(256)))
    probe.begin()
    assert probe.touched() == 0
    memory.write_memory(0x104, b"\xff")
    memory.write_memory(0x4FE, b"\xff\xff")
    memory.write_memory(0x300, b"\xff")  # in neither
    assert probe.touched() == 8


def test_heap_use_counts_every_block_that_is_not_free() -> None:
    assert in_use(bytes(4)) == 0
    assert in_use(bytes([0b01, 0b10_01_00_00, 0, 0b11_10_10_01])) == 16 * 7  # head, tail; all kinds


def test_largest_free_run_may_cross_bytes_and_reach_to_the_end() -> None:
    assert largest_free(bytes(2)) == 16 * 8
    assert largest_free(bytes([0b01, 0b10_00_00_00, 0b01_01_01_01])) == 16 * 6
    assert largest_free(bytes([0b01_01_00_01, 0b00_00_00_01, 0])) == 16 * 7
    assert largest_free(bytes([0b11_10_10_01])) == 0


def test_heap_that_is_not_set_up_is_not_read() -> None:
    memory = Memory()
    probe = HeapProbe(memory, LAYOUT, Area(0, 0x1000), HEAP)
    assert probe.in_use() is None
    assert probe.live(b"") is None
    for wrong in ((0x40, 4, 0x800, 0x900), (TABLE, 4, 0x800, 0x8F0), (TABLE, 0x400, 0x800, 0x1_0800)):
        memory.write_memory(VARIABLES, struct.pack("<IIII", *wrong))  # noise, as after power-on
        assert probe.in_use() is None
    memory.write_memory(VARIABLES, struct.pack("<IIII", TABLE, 4, 0x800, 0x900))
    assert probe.in_use() == 0


def test_live_heap_is_what_a_collection_would_leave() -> None:
    memory = Memory()
    probe = HeapProbe(memory, LAYOUT, Area(0, 0x1000), HEAP)
    memory.write_memory(VARIABLES, struct.pack("<IIII", TABLE, 4, 0x800, 0x900))

    def live(stack: bytes = b"") -> int:
        found = probe.live(stack)
        assert found is not None
        return found[0]

    # blocks 0 and 1 one object, 2 and 3 one each, 4 to 6 one, 7 free
    memory.write_memory(TABLE, bytes([0b01_01_10_01, 0b00_10_10_01, 0, 0]))
    assert probe.in_use() == 16 * 7
    assert live() == 0
    memory.write_memory(ROOTS, struct.pack("<II", 0x800, 0x804))  # the second points into an object
    assert live() == 16 * 2
    memory.write_memory(0x81C, struct.pack("<I", 0x840))  # from its second block to the long one
    assert live() == 16 * 5
    assert live(struct.pack("<I", 0x830)) == 16 * 6
    memory.write_memory(0x860, struct.pack("<I", 0x800))  # a circle
    assert live() == 16 * 5
    memory.write_memory(TABLE, bytes([0b01_01_10_11]))  # a collection is under way
    assert probe.live(b"") is None


def test_owners_beyond_the_largest_are_summed_up() -> None:
    owners = {f"owner {n:02}": 16 + n for n in range(OWNERS_KEPT + 3)}
    kept = largest(owners)
    assert next(iter(kept)) == f"owner {OWNERS_KEPT + 2}"
    assert len(kept) == OWNERS_KEPT + 1
    assert kept[OTHERS] == 16 + 17 + 18
    assert sum(kept.values()) == sum(owners.values())


@pytest.mark.parametrize("board", names())
def test_firmware_tells_where_heap_objects_and_rings_are(board: str, firmware: Firmware) -> None:
    elf = firmware(board)
    layout, image = read_layout(elf), read_image(elf)
    ram = next(region for region in measure(elf).regions if region.kind == "RAM")
    assert layout.gc is not None
    assert layout.objects is not None
    rings = [(ring.written, ring.read) for ring in layout.rings]
    for address in (*astuple(layout.gc), layout.objects.modules, layout.objects.last_pool, *sum(rings, ())):
        assert ram.origin <= address < ram.origin + ram.used
    sizes = {ring.name: ring.size for ring in layout.rings}
    assert sizes == {
        name: image.symbols[name].size for name in ("modem_rx", "modem_tx", "evse_rx", "evse_tx")
    }
    collected = return_addresses(image, "gc_collect")
    callers = {p.name for p in image.placed for at in collected if p.address < at <= p.address + p.size}
    assert "gc_alloc" in callers
    assert len(collected) >= 2


def test_image_without_micropython_has_no_heap_to_read(small_image: Path) -> None:
    layout = read_layout(small_image)
    assert layout.gc is None
    assert layout.objects is None
    assert layout.rings == ()
    assert return_addresses(read_image(small_image), "gc_collect") == set()


def test_an_image_brings_the_names_that_were_taken_out_of_it(firmware: Firmware, tmp_path: Path) -> None:
    alone = shutil.copy(firmware(names()[0]), tmp_path / "own.elf")
    program = content_of(alone).program
    assert program is not None
    assert "_queue" in program.names.values()
    assert "station.rpc.Rpc._call()" in program.functions.values()
    assert read_image(alone).frozen["functions"]["station_rpc_Rpc__call"][0] == "station/rpc.py"
