"""Update files of the firmware (layout: firmware/port/boot/update.py), and what they become in a slot."""

from __future__ import annotations

import struct
from pathlib import Path
from zlib import crc32

from bench.firmware import FirmwareError, elf_path

TAIL_SIZE = 64
"""What the boot stage has to know of an image (firmware/port/slot.h), at the end of its slot."""
_HEAD = struct.Struct("<4sIIII20s20sI")
_BITS, _BLOCK = 32, 1024
_TAIL_MAGIC = 0x49424C4F
_BLANK = 0xFFFF_FFFF
ATTEMPTS = 3
_UNDEFINED = 0xDE00
"""Thumb: an instruction that is none."""


def update_file(board: str, variant: str = "secure", *, following: bool = True) -> bytes:
    """The update file of what was built: `of_image`. Raises FirmwareError."""
    return of_image(elf_path(board, variant), following=following)


def of_image(elf: Path, *, following: bool = True) -> bytes:
    """The update file that lies beside an image, or `following`: of the same firmware with another version.

    Raises FirmwareError.
    """
    path = elf.with_name("next.upd" if following else "firmware.upd")
    if not path.is_file():
        raise FirmwareError(f"{path}: there is no update file beside {elf.name}")
    return path.read_bytes()


def version(file: bytes) -> str:
    """The version of the firmware in an update file."""
    return bytes(_HEAD.unpack_from(file)[6]).rstrip(b"\0").decode()


def images(file: bytes) -> tuple[bytes, bytes]:
    """The image of an update file as it is in the first slot, and in the second one."""
    distance: int = _HEAD.unpack_from(file)[4]
    bits, first = _parts(file)
    second = bytearray(first)
    for index in range(len(first) // 4):
        if bits[index // 8] >> index % 8 & 1:
            (word,) = struct.unpack_from("<I", first, 4 * index)
            struct.pack_into("<I", second, 4 * index, word + distance)
    return bytes(first), bytes(second)


def tail(image: bytes, sequence: int, *, attempts: int = 0, confirmed: bool = False) -> bytes:
    """The tail of a slot with an image that has been started `attempts` times without confirming itself."""
    facts = struct.pack("<III", sequence, len(image), crc32(image))
    marks = [0] * attempts + [_BLANK] * (ATTEMPTS - attempts) + [0 if confirmed else _BLANK]
    packed = struct.pack("<I", _TAIL_MAGIC) + facts + struct.pack(f"<I{len(marks)}I", crc32(facts), *marks)
    return packed.ljust(TAIL_SIZE, b"\xff")


def broken(file: bytes, slot: int) -> bytes:
    """An update file of an image that is whole, and whose first instruction is none.

    `slot`: address of the first slot, the linker symbol _slot_first.
    """
    head = list(_HEAD.unpack_from(file))
    bits, first = _parts(file)
    entry = (int.from_bytes(first[4:8], "little") & ~1) - slot
    struct.pack_into("<H", first, entry, _UNDEFINED)
    body = b"".join(
        bits[at // _BITS : (at + _BLOCK) // _BITS] + first[at : at + _BLOCK]
        for at in range(0, len(first), _BLOCK)
    )
    head[2:4] = (crc32(image) for image in images(file[: _HEAD.size] + body))
    packed = _HEAD.pack(*head)[:-4]
    return packed + struct.pack("<I", crc32(packed)) + body


def _parts(file: bytes) -> tuple[bytes, bytearray]:
    """The bits, and the image as it is in the first slot."""
    blocks = [file[at : at + _BITS + _BLOCK] for at in range(_HEAD.size, len(file), _BITS + _BLOCK)]
    return b"".join(block[:_BITS] for block in blocks), bytearray(b"".join(block[_BITS:] for block in blocks))
