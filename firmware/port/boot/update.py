"""The update file of an image, from what was linked for each of the two slots.

    python update.py FIRST.bin SECOND.bin OUT --board NAME --version TEXT --distance BYTES

Layout, little endian (read by port/slot.c): a head of 64 bytes: magic "OLFW", size of the image, CRC-32 of
the image in the first slot and in the second one, distance of the slots, name of the board (20 bytes),
version (20 bytes), CRC-32 of the 60 bytes before. Then for each 1024 bytes of the image 32 bytes, whose bits
say which of the 256 words are addresses within the image, and the 1024 bytes as they are in the first slot.
"""

from __future__ import annotations

import argparse
import struct
import sys
from pathlib import Path
from zlib import crc32

MAGIC = b"OLFW"
BLOCK = 1024
_HEAD = struct.Struct("<4sIIII20s20s")
_ERASED = b"\xff\xff\xff\xff"


def update(first: bytes, second: bytes, board: str, version: str, distance: int) -> bytes:
    """The file. Raises ValueError where the images differ in more than addresses."""
    padding = _ERASED[: -len(first) % 4]
    first, second = first + padding, second + padding
    if len(first) != len(second):
        raise ValueError(f"the images of the slots have {len(first)} and {len(second)} bytes")
    bits = bytearray(-(-len(first) // BLOCK) * BLOCK // 32)
    pairs = zip(struct.iter_unpack("<I", first), struct.iter_unpack("<I", second), strict=True)
    for index, ((a,), (b,)) in enumerate(pairs):
        if a != b:
            if b - a != distance:
                raise ValueError(f"at {4 * index:#x} the images differ by {b - a:#x}, not by {distance:#x}")
            bits[index // 8] |= 1 << index % 8
    head = _HEAD.pack(
        MAGIC, len(first), crc32(first), crc32(second), distance, board.encode(), version.encode()
    )
    blocks = (
        bytes(bits[at // 32 : (at + BLOCK) // 32]) + first[at : at + BLOCK]
        for at in range(0, len(first), BLOCK)
    )
    return head + struct.pack("<I", crc32(head)) + b"".join(blocks)


def main() -> int:
    parser = argparse.ArgumentParser(prog="update.py", description="The update file of an image.")
    for name in ("first", "second", "out"):
        parser.add_argument(name, type=Path)
    for name in ("board", "version"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--distance", required=True, type=lambda text: int(text, 0))
    options = parser.parse_args()
    try:
        file = update(
            options.first.read_bytes(),
            options.second.read_bytes(),
            options.board,
            options.version,
            options.distance,
        )
    except (OSError, ValueError) as error:
        print(f"update.py: {error}", file=sys.stderr)
        return 1
    options.out.write_bytes(file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
