"""Update files of the firmware (layout: firmware/port/boot/update.py), good ones and others."""

from __future__ import annotations

import struct
from zlib import crc32

from bench.firmware import FirmwareError, elf_path

_HEAD = struct.Struct("<4sIIII20s20sI")
_BITS, _BLOCK = 32, 1024
_HANG = 0xE7FE
"""Thumb: a branch to itself."""


def update_file(board: str, variant: str = "secure", *, following: bool = True) -> bytes:
    """The update file of what was built, or `following`: of the same firmware with another version.

    Raises FirmwareError.
    """
    path = elf_path(board, variant).with_name("next.upd" if following else "firmware.upd")
    if not path.is_file():
        raise FirmwareError(f"{path}: {variant} has no firmware updates")
    return path.read_bytes()


def version(file: bytes) -> str:
    """The version of the firmware in an update file."""
    return bytes(_HEAD.unpack_from(file)[6]).rstrip(b"\0").decode()


def hanging(file: bytes, slot: int) -> bytes:
    """An update file of an image that is whole and hangs at its first instruction.

    `slot`: address of the first slot, the linker symbol _slot_first.
    """
    head = list(_HEAD.unpack_from(file))
    blocks = [file[at : at + _BITS + _BLOCK] for at in range(_HEAD.size, len(file), _BITS + _BLOCK)]
    first = bytearray(b"".join(block[_BITS:] for block in blocks))
    bits = b"".join(block[:_BITS] for block in blocks)
    entry = (int.from_bytes(first[4:8], "little") & ~1) - slot
    struct.pack_into("<H", first, entry, _HANG)
    second = bytearray(first)
    for index in range(len(first) // 4):
        if bits[index // 8] >> index % 8 & 1:
            (word,) = struct.unpack_from("<I", first, 4 * index)
            struct.pack_into("<I", second, 4 * index, word + head[4])
    head[2:4] = crc32(first), crc32(second)
    packed = _HEAD.pack(*head[:-1], 0)[:-4]
    out = packed + struct.pack("<I", crc32(packed))
    for number, block in enumerate(blocks):
        out += block[:_BITS] + bytes(first[number * _BLOCK : (number + 1) * _BLOCK])
    return out
