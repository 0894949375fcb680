"""The store image that the bench writes: layout to the byte, limits, and reading back."""

import struct
from zlib import crc32

import pytest

from bench.provision import Provisioning, StoreError, image, read, read_journal, read_log

SIZE = 8192


def test_first_bytes_are_those_of_the_layout() -> None:
    store = image({"ab": b"xyz"}, SIZE)
    magic, sequence, crc, rest = struct.unpack_from("<IIII", store)
    assert store[:4] == b"OLS1"
    assert (magic, sequence, rest) == (0x31534C4F, 1, 0xFFFFFFFF)
    assert crc == crc32(store[:8])
    assert store[16:20] == bytes([2, 3, 0, 0xA5])
    assert struct.unpack_from("<I", store, 20)[0] == crc32(store[16:20] + b"abxyz")
    assert store[24:32] == b"abxyz\xff\xff\xff"
    assert set(store[32:]) == {0xFF}
    assert len(store) == SIZE


def test_default_provisioning_reads_back() -> None:
    provisioning = Provisioning(variables={"OCPPCommCtrlr.OfflineThreshold": "60"})
    entries = read(image(provisioning.entries(), SIZE))
    assert entries == provisioning.entries()
    assert entries["v:SecurityCtrlr.Identity"] == b"OLB-0001"
    assert entries["v:OCPPCommCtrlr.OfflineThreshold"] == b"60"
    assert 16 <= len(entries["v:SecurityCtrlr.BasicAuthPassword"]) <= 40
    assert b'"ocppCsmsUrl":"ws://csms.local:9000/ocpp"' in entries["net:1"]


def test_later_record_wins_and_tombstone_removes() -> None:
    first = image({"a": b"1", "b": b"2"}, SIZE)
    log_end = 16 + 2 * 12
    later = image({"a": b"3"}, SIZE)[16:28]
    word = struct.pack("<I", 1 | 0xA4 << 24)
    gone = word + struct.pack("<I", crc32(word + b"b")) + b"b\xff\xff\xff"
    store = first[:log_end] + later + gone + first[log_end + len(later) + len(gone) :]
    assert read(store) == {"a": b"3"}


def test_bank_with_the_higher_sequence_is_live() -> None:
    old = image({"a": b"old"}, SIZE)[: SIZE // 2]
    header = struct.pack("<II", 0x31534C4F, 7)
    new = header + struct.pack("<II", crc32(header), 0xFFFFFFFF) + image({"a": b"new"}, SIZE)[16 : SIZE // 2]
    assert read(old + new) == {"a": b"new"}
    assert read(new + old) == {"a": b"new"}
    assert read(b"\xff" * (SIZE // 2) + old) == {"a": b"old"}


def test_record_with_a_wrong_crc_ends_the_log() -> None:
    store = bytearray(image({"a": b"1", "b": b"2"}, SIZE))
    store[16 + 12 + 9] ^= 1
    assert read(bytes(store)) == {"a": b"1"}


@pytest.mark.parametrize(
    ("entries", "size", "message"),
    [
        ({"k" * 65: b""}, SIZE, "65 bytes, allowed are 1 to 64"),
        ({"": b""}, SIZE, "0 bytes, allowed are 1 to 64"),
        ({"k": b"x" * 4096}, 65536, "4096 bytes, allowed are 4095"),
        ({"k": b"x" * 4000}, 4096, "a bank of the store holds 2048"),
        ({}, 12, "12 bytes cannot be split"),
    ],
)
def test_what_does_not_fit_is_said(entries: dict[str, bytes], size: int, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        image(entries, size)


def test_lines_of_the_logs_stand_beside_the_events() -> None:
    area = image(
        {
            "\0\0\0\x07": b"an event",
            "S\0\0\0\x02": bytes(4) + b"StartupOfTheDevice",
            "D\0\0\0\x03": bytes(4) + b"I 3 link",
            "S\0\0\0\x01": bytes(4) + b"the one before",
        },
        1024,
    )
    assert read_journal(area) == {7: b"an event"}
    assert read_log(area, security=True) == ["the one before", "StartupOfTheDevice"]
    assert read_log(area, security=False) == ["I 3 link"]


def test_area_without_a_valid_bank() -> None:
    with pytest.raises(StoreError, match="no valid bank"):
        read(b"\xff" * SIZE)
