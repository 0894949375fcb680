"""The memories of a board, as host buffers that the emulated core works on directly."""

from __future__ import annotations

import ctypes
import random
from dataclasses import dataclass
from typing import Literal

from .core import EXECUTE, READ, WRITE, BusError, Core

Kind = Literal["ram", "flash", "rom"]

ERASED = 0xFF


@dataclass(slots=True)
class Memory:
    """One memory, visible at one or more addresses. `rom` cannot be written by the firmware at all, `flash`
    through its controller only."""

    name: str
    addresses: tuple[int, ...]
    size: int
    kind: Kind
    buffer: ctypes.Array[ctypes.c_char]
    accesses: list[int]
    """Loads and stores of the firmware, where they are counted."""

    def find_offset(self, address: int) -> int:
        """Offset of an address within the memory."""
        return next(address - start for start in self.addresses if start <= address < start + self.size)

    def content(self, offset: int, size: int) -> bytes:
        return ctypes.string_at(ctypes.addressof(self.buffer) + offset, size)

    def lose_contents(self, noise: random.Random) -> None:
        """What RAM holds after a power cut. Not zeros: firmware that counts on zeros should fail here."""
        if self.kind == "ram":
            self.buffer.raw = noise.randbytes(self.size)


class Memories:
    """All memories of a board by address."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._spans: list[tuple[int, int, Memory]] = []
        self.all: list[Memory] = []

    def add(self, name: str, addresses: tuple[int, ...], size: int, kind: Kind) -> Memory:
        buffer = (ctypes.c_char * size)()
        if kind == "flash":
            ctypes.memset(buffer, ERASED, size)
        memory = Memory(name, addresses, size, kind, buffer, [0, 0])
        access = READ | EXECUTE | (WRITE if kind == "ram" else 0)
        for address in addresses:
            self._core.map_memory(address, buffer, access)
            self._spans.append((address, address + size, memory))
        self.all.append(memory)
        return memory

    def find(self, address: int, size: int = 1) -> tuple[Memory, int]:
        """The memory that holds all of this range, and the offset in it. Raises BusError."""
        for start, end, memory in self._spans:
            if start <= address and address + size <= end:
                return memory, address - start
        raise BusError

    def read(self, address: int, size: int) -> bytes:
        memory, offset = self.find(address, size)
        return ctypes.string_at(ctypes.addressof(memory.buffer) + offset, size)

    def read_word(self, address: int) -> int:
        return int.from_bytes(self.read(address, 4), "little")

    def write(self, address: int, data: bytes) -> None:
        """A write by the bus to RAM. Raises BusError for any other memory."""
        memory, offset = self.find(address, len(data))
        if memory.kind != "ram":
            raise BusError
        ctypes.memmove(ctypes.addressof(memory.buffer) + offset, data, len(data))

    def poke(self, address: int, data: bytes) -> None:
        """A write by a debugger or a flash controller, to any memory. Raises BusError."""
        memory, offset = self.find(address, len(data))
        ctypes.memmove(ctypes.addressof(memory.buffer) + offset, data, len(data))
        if memory.kind != "ram":
            for start in memory.addresses:
                self._core.forget_code(start + offset, len(data))
