"""The target's debug channel: SEGGER's real-time transfer, from memory like a debug probe does it.

Control block (SEGGER UM08001, chapter RTT): ``char id[16]; int up; int down;`` and for each up buffer
``char *name; char *data; unsigned size, write, read; unsigned flags;``. The target moves `write`, the
reader moves `read`; the buffer is empty where both are equal. Down buffers follow the up buffers; there the
target is the reader.
"""

from __future__ import annotations

import struct
from typing import Protocol

ID = b"SEGGER RTT".ljust(16, b"\0")
_HEAD = struct.Struct("<16sII")
_RING = struct.Struct("<IIIIII")
_WRITE_OFFSET, _READ_OFFSET = _HEAD.size + 12, _HEAD.size + 16
_SIZE_MAX = 1 << 20


class Memory(Protocol):
    def read_memory(self, address: int, size: int) -> bytes: ...

    def write_memory(self, address: int, data: bytes) -> None: ...


class RttReader:
    """Buffers 0, up and down, of the control block at `address` of a 32-bit little-endian target."""

    def __init__(self, memory: Memory, address: int) -> None:
        self._memory = memory
        self._address = address

    def drain(self) -> bytes:
        """All bytes the target has logged since the last call; none before its control block is set up."""
        block = self._memory.read_memory(self._address, _HEAD.size + _RING.size)
        identifier, up_buffers, _ = _HEAD.unpack_from(block)
        _, data, size, write, read, _ = _RING.unpack_from(block, _HEAD.size)
        if identifier != ID or not up_buffers or write == read:
            return b""
        if not (data and 0 < size <= _SIZE_MAX and write < size and read < size):
            return b""  # caught half-way through its set-up, or overwritten by a fault
        if write > read:
            text = self._memory.read_memory(data + read, write - read)
        else:
            text = self._memory.read_memory(data + read, size - read)
            if write:
                text += self._memory.read_memory(data, write)
        self._memory.write_memory(self._address + _READ_OFFSET, struct.pack("<I", write))
        return text

    def type(self, text: bytes) -> int | None:
        """Put what fits of `text` into the down buffer; how many bytes, None where the target has no such."""
        identifier, ups, downs = _HEAD.unpack(self._memory.read_memory(self._address, _HEAD.size))
        if identifier != ID or not downs:
            return None
        ring = self._address + ups * _RING.size
        content = self._memory.read_memory(ring + _HEAD.size, _RING.size)
        _, data, size, write, read, _ = _RING.unpack(content)
        if not (data and 0 < size <= _SIZE_MAX and write < size and read < size):
            return None
        room: int = (read - write - 1) % size
        count = min(len(text), room)
        first = min(count, size - write)
        self._memory.write_memory(data + write, text[:first])
        if count > first:
            self._memory.write_memory(data, text[first:count])
        self._memory.write_memory(ring + _WRITE_OFFSET, struct.pack("<I", (write + count) % size))
        return count
