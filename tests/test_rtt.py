"""The log reader against a block of memory laid out as SEGGER's control block."""

import struct

from bench.rtt import ID, RttReader

BLOCK, RING, SIZE = 0x100, 0x200, 16


class Memory:
    def __init__(self) -> None:
        self.bytes = bytearray(0x300)
        self.log_write = 0
        self.bytes[BLOCK : BLOCK + 24] = ID + struct.pack("<II", 1, 0)
        self.bytes[BLOCK + 24 : BLOCK + 48] = struct.pack("<IIIIII", 0x40, RING, SIZE, 0, 0, 0)

    def read_memory(self, address: int, size: int) -> bytes:
        return bytes(self.bytes[address : address + size])

    def write_memory(self, address: int, data: bytes) -> None:
        self.bytes[address : address + len(data)] = data

    def log(self, text: bytes) -> None:
        for byte in text:
            self.bytes[RING + self.log_write] = byte
            self.log_write = (self.log_write + 1) % SIZE
        struct.pack_into("<I", self.bytes, BLOCK + 36, self.log_write)


def test_drains_once_and_moves_the_read_offset() -> None:
    memory = Memory()
    reader = RttReader(memory, BLOCK)
    assert reader.drain() == b""
    memory.log(b"hello\n")
    assert reader.drain() == b"hello\n"
    assert struct.unpack_from("<I", memory.bytes, BLOCK + 40)[0] == 6
    assert reader.drain() == b""


def test_wraps() -> None:
    memory = Memory()
    reader = RttReader(memory, BLOCK)
    out = b""
    for _ in range(7):
        memory.log(b"0123456789\n")
        out += reader.drain()
    assert out == b"0123456789\n" * 7


def test_wraps_exactly_at_the_end() -> None:
    memory = Memory()
    reader = RttReader(memory, BLOCK)
    memory.log(b"0123456789abcde")
    assert reader.drain() == b"0123456789abcde"
    memory.log(b"x")
    assert reader.drain() == b"x"


def test_silent_before_set_up_and_after_corruption() -> None:
    memory = Memory()
    reader = RttReader(memory, BLOCK)
    memory.log(b"x")
    memory.bytes[BLOCK] = 0
    assert reader.drain() == b""
    memory.bytes[BLOCK] = ID[0]
    struct.pack_into("<I", memory.bytes, BLOCK + 32, 0xFFFFFFFF)
    assert reader.drain() == b""
