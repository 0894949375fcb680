"""Firmware images: what of an ELF goes where."""

from __future__ import annotations

from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from .base import ImageError


def segments(elf: Path) -> list[tuple[int, bytes]]:
    """Load address and contents of every part of an image.

    Raises ImageError where it is no linked image for a little-endian 32-bit Arm core.
    """
    try:
        with elf.open("rb") as stream:
            file = ELFFile(stream)
            header = file.header
            machine = str(header["e_machine"]).removeprefix("EM_")
            if machine != "ARM" or file.elfclass != 32 or not file.little_endian:
                raise ImageError(
                    f"{elf}: is for {file.elfclass}-bit {machine}, not for a little-endian Arm core"
                )
            if header["e_type"] != "ET_EXEC":
                kind = str(header["e_type"]).removeprefix("ET_").lower()
                raise ImageError(f"{elf}: is not linked ({kind}), so nothing can run")
            loads = (each for each in file.iter_segments("PT_LOAD") if each["p_filesz"])
            found = [(int(each["p_paddr"]), bytes(each.data()), int(each["p_filesz"])) for each in loads]
    except OSError as error:
        raise ImageError(f"{elf}: {error.strerror}") from None
    except (ELFError, ValueError, KeyError, AssertionError, MemoryError, OverflowError) as error:
        raise ImageError(f"{elf}: not a readable ELF file ({error or type(error).__name__})") from None
    if not found:
        raise ImageError(f"{elf}: has nothing to load")
    for address, data, size in found:
        if len(data) != size:
            raise ImageError(f"{elf}: ends in the middle of what belongs to 0x{address:08X}")
    return [(address, data) for address, data, _ in found]
