"""Programs a firmware image into the board's flash, and looks whether it is for this board at all."""

from __future__ import annotations

from pathlib import Path

from ..base import ImageError
from ..image import segments
from .core import BusError
from .memory import ERASED, Memories


def program(elf: Path, memories: Memories) -> None:
    """Erase the flash and program an image into it. Raises ImageError, and then leaves the flash erased."""
    parts = segments(elf)
    for memory in memories.all:
        if memory.kind == "flash" and memory.name == "flash":
            memories.poke(memory.addresses[0], bytes([ERASED]) * memory.size)
    for address, data in parts:
        try:
            memory, _ = memories.find(address, len(data))
        except BusError:
            raise ImageError(
                f"{elf}: 0x{address:08X} to 0x{address + len(data):08X} is in no memory of this board"
            ) from None
        if memory.kind != "flash":
            raise ImageError(
                f"{elf}: 0x{address:08X} is in {memory.name!r}; an image is loaded into flash only"
            )
        if not memory.addresses[0] <= address < memory.addresses[0] + memory.size:
            raise ImageError(
                f"{elf}: is linked to 0x{address:08X}, but the flash of this board is at "
                f"0x{memory.addresses[0]:08X}"
            )
    for address, data in parts:
        memories.poke(address, data)
    _check_vectors(elf, memories)


def _check_vectors(elf: Path, memories: Memories) -> None:
    stack, entry = memories.read_word(0), memories.read_word(4)
    try:
        memory, _ = memories.find(stack - 4, 4)
        stack_is_ram = memory.kind == "ram" and not stack & 3
    except BusError:
        stack_is_ram = False
    if not stack_is_ram:
        raise ImageError(
            f"{elf}: no vector table where the core starts: initial stack 0x{stack:08X} is not in RAM"
        )
    try:
        memories.find(entry & ~1, 2)
        entry_is_code = bool(entry & 1)
    except BusError:
        entry_is_code = False
    if not entry_is_code:
        raise ImageError(
            f"{elf}: no vector table where the core starts: reset vector 0x{entry:08X} is no Thumb code"
        )
