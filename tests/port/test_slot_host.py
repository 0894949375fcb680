"""slot.c on the host, under the sanitizers: update files, whole ones and wrong ones, in any pieces."""

from __future__ import annotations

import random
import struct
import subprocess
from itertools import pairwise
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.firmware import BUILD_DIR, FIRMWARE_DIR, ensure_mbedtls
from bench.updates import TAIL_SIZE, images, tail
from tests.loading import load

HOST = Path(__file__).parent / "host"
BOARD, DISTANCE, SLOT_SIZE = "nrf52840dk", 8192, 8192
SIZE_MAX = SLOT_SIZE - TAIL_SIZE
HEAD = struct.Struct("<4sIIII20s20sI")
FIELDS = ("magic", "size", "first_crc", "second_crc", "distance", "board", "version")
update = load(FIRMWARE_DIR / "port" / "boot" / "update.py").update


@pytest.fixture(scope="session", params=["_slot_first", "_slot_second"])
def station(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """The program of host/slot.c, and the number of the slot that it takes updates into."""
    port, mbedtls = FIRMWARE_DIR / "port", ensure_mbedtls(BUILD_DIR / "mbedtls")
    program = tmp_path_factory.mktemp("slot") / "slot"
    subprocess.run(
        [
            *("gcc", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-ffunction-sections"),
            *("-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
            # addresses of 32 bits, as the chip has
            *("-no-pie", "-fno-pie"),
            '-DMBEDTLS_CONFIG_FILE="port/tls/mbedtls_config.h"',
            *(f"-I{path}" for path in (FIRMWARE_DIR, port, port / "boards" / BOARD, mbedtls / "include")),
            *("-Wl,--gc-sections", f"-Wl,--defsym=core_vectors={request.param}"),
            *("-o", program, HOST / "slot.c", port / "slot.c"),
            *(mbedtls / "library" / name for name in ("sha256.c", "platform_util.c")),
        ],
        check=True,
    )
    return program, 1 if request.param == "_slot_first" else 0


def take(program: Path, file: bytes, cuts: list[int]) -> tuple[str, bool, bytes]:
    """What is wrong with a file that comes in pieces, was it committed, and what is in the slot then."""
    at = sorted({0, len(file), *(cut for cut in cuts if cut < len(file))})
    pieces = [file[start:end] for start, end in pairwise(at)]
    given = b"".join(struct.pack("<I", len(piece)) + piece for piece in pieces)
    done = subprocess.run([program], input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    fault, committed, slot = done.stdout.split(b"\n", 2)
    return fault.decode(), committed == b"committed", slot


def image_pair(words: int, seed: int) -> tuple[bytes, bytes]:
    """The same image in both slots; a third of its words are addresses."""
    source = random.Random(seed)
    first = [source.getrandbits(32) for _ in range(words)]
    second = [(word + DISTANCE) % 2**32 if source.random() < 0.3 and word < 2**31 else word for word in first]
    return struct.pack(f"<{words}I", *first), struct.pack(f"<{words}I", *second)


def whole(file: bytes, slot: int) -> bool:
    """Is it an update file that this board may take? By what update.py says of the layout."""
    if len(file) < HEAD.size:
        return False
    magic, size, *crcs, distance, board, _, head_crc = HEAD.unpack_from(file)
    if magic != b"OLFW" or head_crc != crc32(file[:60]) or board.split(b"\0")[0] != BOARD.encode():
        return False
    if not 0 < size <= SIZE_MAX or size % 4 or distance != DISTANCE:
        return False
    if len(file) != HEAD.size + -(-size // 1024) * 32 + size:
        return False
    try:
        return crc32(images(file)[slot]) == crcs[slot]
    except struct.error:
        return False  # an address that leads out of 32 bits


CUTS = st.lists(st.integers(1, 9000), max_size=12)


@settings(max_examples=60, deadline=None)
@given(words=st.integers(1, SIZE_MAX // 4), seed=st.integers(0, 2**32), cuts=CUTS)
def test_a_whole_file_in_any_pieces_becomes_the_image(
    station: tuple[Path, int], words: int, seed: int, cuts: list[int]
) -> None:
    program, slot = station
    pair = image_pair(words, seed)
    fault, committed, found = take(program, update(*pair, BOARD, "1.2.3", DISTANCE), cuts)
    assert (fault, committed) == ("", True)
    image = pair[slot]
    assert found == image.ljust(SIZE_MAX, b"\xff") + tail(image, 1)


def forged(file: bytes, field: str, value: int) -> bytes:
    """The head with another value in it, and its CRC right."""
    head = list(HEAD.unpack_from(file))
    old = head[FIELDS.index(field)]
    head[FIELDS.index(field)] = value if isinstance(old, int) else struct.pack("<I", value) + old[4:]
    packed = HEAD.pack(*head)[:60]
    return packed + struct.pack("<I", crc32(packed)) + file[HEAD.size :]


def of_size(pair: tuple[bytes, bytes], size: int) -> bytes:
    """The file of the first bytes of an image, right but for what a slot can hold."""
    file = update(*pair, BOARD, "1.2.3", DISTANCE)[: HEAD.size + -(-size // 1024) * 32 + size]
    for field, value in zip(FIELDS[1:4], (size, *(crc32(image[:size]) for image in pair)), strict=True):
        file = forged(file, field, value)
    return file


SIZES = st.sampled_from([0, 1, 3, 4, 1020, 1024, 1028, SIZE_MAX, SIZE_MAX + 4, SLOT_SIZE, 2**31, 2**32 - 4])


@settings(max_examples=250, deadline=None)
@given(data=st.data(), words=st.integers(1, 700), cuts=CUTS)
def test_what_is_wrong_with_a_file_is_told_and_nothing_starts(
    station: tuple[Path, int], data: st.DataObject, words: int, cuts: list[int]
) -> None:
    program, slot = station
    file = update(*image_pair(words, words), BOARD, "1.2.3", DISTANCE)
    match data.draw(st.sampled_from(["forge", "size", "flip", "cut", "more", "noise"])):
        case "forge":
            field = data.draw(st.sampled_from(FIELDS))
            file = forged(file, field, data.draw(SIZES | st.integers(0, 2**32 - 1)))
        case "size":
            file = of_size(image_pair(2500, words), data.draw(SIZES.filter(lambda n: n <= 10000)))
        case "flip":
            at = data.draw(st.integers(0, len(file) - 1))
            file = file[:at] + bytes((file[at] ^ data.draw(st.integers(1, 255)),)) + file[at + 1 :]
        case "cut":
            file = file[: data.draw(st.integers(0, len(file) - 1))]
        case "more":
            file += data.draw(st.binary(min_size=1, max_size=20)) * data.draw(st.sampled_from([1, 1000]))
        case "noise":
            file = data.draw(st.binary(max_size=300))
    fault, committed, found = take(program, file, cuts)
    assert committed == (fault == "") == whole(file, slot)
    if not committed:
        assert found[:4] == found[SIZE_MAX:][:4] == b"\xff" * 4
