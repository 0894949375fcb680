"""Stack and heap probes on memory whose content is known, and the heap's place in the real firmware."""

from __future__ import annotations

import struct
from dataclasses import astuple
from pathlib import Path

from bench.memory.elf import Area, measure
from bench.memory.runtime import GcLayout, HeapProbe, StackProbe, gc_layout
from bench.platforms import names
from tests.images import Firmware

TABLE, VARIABLES, ROOTS = 0x400, 0x40, 0x60
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


def test_heap_use_counts_every_block_that_is_not_free() -> None:
    memory = Memory()
    probe = HeapProbe(memory, LAYOUT)
    assert probe.in_use() is None
    memory.write_memory(VARIABLES, struct.pack("<IIII", TABLE, 4, 0x800, 0x900))
    assert probe.in_use() == 0
    memory.write_memory(TABLE, bytes([0b01, 0b10_01_00_00, 0, 0b11_10_10_01]))  # head, tail; all kinds
    assert probe.in_use() == 16 * 7


def test_live_heap_is_what_a_collection_would_leave() -> None:
    memory = Memory()
    probe = HeapProbe(memory, LAYOUT)
    memory.write_memory(VARIABLES, struct.pack("<IIII", TABLE, 4, 0x800, 0x900))
    # blocks 0 and 1 one object, 2 and 3 one each, 4 to 6 one, 7 free
    memory.write_memory(TABLE, bytes([0b01_01_10_01, 0b00_10_10_01, 0, 0]))
    assert probe.in_use() == 16 * 7
    assert probe.live(b"") == 0
    memory.write_memory(ROOTS, struct.pack("<II", 0x800, 0x804))  # the second points into an object
    assert probe.live(b"") == 16 * 2
    memory.write_memory(0x81C, struct.pack("<I", 0x840))  # from its second block to the long one
    assert probe.live(b"") == 16 * 5
    assert probe.live(struct.pack("<I", 0x830)) == 16 * 6
    memory.write_memory(0x860, struct.pack("<I", 0x800))  # a circle
    assert probe.live(b"") == 16 * 5
    memory.write_memory(TABLE, bytes([0b01_01_10_11]))  # a collection is under way
    assert probe.live(b"") is None


def test_heap_of_the_firmware_is_found_from_its_debug_information(firmware: Firmware) -> None:
    for board in names():
        elf = firmware(board)
        layout = gc_layout(elf)
        assert layout is not None
        ram = next(region for region in measure(elf).regions if region.kind == "RAM")
        for address in astuple(layout):
            assert ram.origin <= address < ram.origin + ram.used


def test_image_without_micropython_has_no_heap_to_read(small_image: Path) -> None:
    assert gc_layout(small_image) is None
