"""What stands in a board's persistent store before its first boot, and what stands there after a run.

The layout is that of firmware/port (store.c): two equal banks, little endian. A bank begins with a
16-byte header: magic ``OLS1``, sequence number, CRC-32 of those 8 bytes, 0xFFFFFFFF. Records follow at
4-byte boundaries: header word (key length | value length << 8 | marker << 24), CRC-32 of header word,
key and value, key, value, padding 0xFF. The header word 0xFFFFFFFF ends the log. The valid bank with the
highest sequence number is live; a later record of a key replaces the earlier one.

The journal of transaction events has the same layout; its keys are numbers, 4 bytes big endian. Beside them
stand the lines of the logs (port/log.h): their kind before the number, and the time before the text.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from zlib import crc32

MAGIC = 0x31534C4F
ERASED = 0xFFFF_FFFF
VALUE, TOMBSTONE = 0xA5, 0xA4
KEY_MAX, VALUE_MAX = 64, 4095
_BANK_HEADER = struct.Struct("<IIII")
_RECORD_HEADER = struct.Struct("<II")
_NUMBER_SIZE = _TIME_SIZE = 4


_IDENTITY = re.compile(r"[a-zA-Z0-9*\-_=+|@.]{1,48}")
_PASSWORD = re.compile(r"[a-zA-Z0-9*\-_=:+|@.]{16,64}")


class StoreError(ValueError):
    """A key or value that the store cannot hold, or a store area that cannot be read."""


@dataclass(frozen=True)
class Provisioning:
    """What an installer enters before the station is first switched on.

    `variables` maps ``Component.Variable`` (``Component#instance.Variable#instance``) to its value. The
    certificates are root certificates in DER, of CSMS and of the manufacturer.
    The default password has the form that A00.FR.205 asks for: 16 to 40 characters of passwordString.
    """

    identity: str = "OLB-0001"
    password: str = "bench-Passw0rd-0001"
    url: str = "ws://csms.local:9000/ocpp"
    security_profile: int = 1
    message_timeout: int = 30
    wifi_ssid: str = "bench"
    wifi_password: str = "bench-psk"
    variables: Mapping[str, str] = field(default_factory=dict)
    csms_roots: Sequence[bytes] = ()
    manufacturer_roots: Sequence[bytes] = ()

    def check(self) -> None:
        """Raises StoreError for an identity or a password that OCPP does not allow (part 4, 3.1.1; A00.FR.205
        with errata: the longest that BasicAuthPassword may take)."""
        if not _IDENTITY.fullmatch(self.identity):
            raise StoreError(
                f"the identity {self.identity!r} must have 1 to 48 characters "
                "out of a-z A-Z 0-9 * - _ = + | @ ."
            )
        if not _PASSWORD.fullmatch(self.password):
            raise StoreError(
                f"the password of {len(self.password)} characters must have 16 to 64 "
                "out of a-z A-Z 0-9 * - _ = : + | @ ."
            )

    def entries(self) -> dict[str, bytes]:
        """Store keys and values, in the order in which they are written."""
        profile = {
            "ocppVersion": "OCPP20",
            "ocppTransport": "JSON",
            "ocppCsmsUrl": self.url,
            "messageTimeout": self.message_timeout,
            "securityProfile": self.security_profile,
            "ocppInterface": "Wireless0",
        }
        entries = {
            "wifi": f"{self.wifi_ssid}\n{self.wifi_password}",
            "net:1": json.dumps(profile, separators=(",", ":")),
            "v:SecurityCtrlr.Identity": self.identity,
            "v:SecurityCtrlr.BasicAuthPassword": self.password,
        }
        entries |= {f"v:{name}": value for name, value in self.variables.items()}
        roots = {f"x:C:{number}": root for number, root in enumerate(self.csms_roots)}
        roots |= {f"x:M:{number}": root for number, root in enumerate(self.manufacturer_roots)}
        return {key: value.encode() for key, value in entries.items()} | roots


def image(entries: Mapping[str, bytes], size: int) -> bytes:
    """The whole store area of `size` bytes: the first bank holds the entries, the second one is erased.

    Raises StoreError where a key or value is too long or the entries do not fit into a bank.
    """
    if size <= 0 or size % 8:
        raise StoreError(f"store area of {size} bytes cannot be split into two banks of whole words")
    bank = _bank_header(1) + b"".join(record(key, value) for key, value in entries.items())
    if len(bank) > size // 2:
        raise StoreError(f"provisioning needs {len(bank)} bytes, a bank of the store holds {size // 2}")
    return bank.ljust(size, b"\xff")


def read(area: bytes) -> dict[str, bytes]:
    """Live keys and values of a store area, in the order in which they were last written.

    Raises StoreError where neither bank is valid.
    """
    return {key.decode(errors="replace"): value for key, value in _records(_live_bank(area)[1]).items()}


def read_journal(area: bytes) -> dict[int, bytes]:
    """Items of a journal area by their numbers, in the order in which they were last written.

    Raises StoreError as `read` does.
    """
    records = _records(_live_bank(area)[1])
    return {int.from_bytes(key): value for key, value in records.items() if len(key) == _NUMBER_SIZE}


def read_log(area: bytes, *, security: bool) -> list[str]:
    """Lines of the security log, or of the diagnostics log, in a journal area; oldest first.

    Raises StoreError as `read` does.
    """
    kind = b"S" if security else b"D"
    lines = {
        key[1:]: value[_TIME_SIZE:].decode(errors="replace")
        for key, value in _records(_live_bank(area)[1]).items()
        if len(key) == 1 + _NUMBER_SIZE and key[:1] == kind
    }
    return [lines[number] for number in sorted(lines)]


def compactions(area: bytes) -> int:
    """How often the live items were copied into the other bank, which was erased for it.

    Raises StoreError as `read` does.
    """
    return _live_bank(area)[0] - 1


def room(area: bytes) -> int:
    """Bytes of the live bank behind its last record. Raises StoreError as `read` does."""
    bank = _live_bank(area)[1]
    return (len(bank) - len(bank.rstrip(b"\xff"))) // 4 * 4


def _live_bank(area: bytes) -> tuple[int, bytes]:
    half = len(area) // 2
    banks = [area[:half], area[half:]]
    valid = [(sequence, bank) for bank in banks if (sequence := _sequence(bank)) is not None]
    if not valid:
        raise StoreError("no valid bank in the store area")
    return max(valid)


def _bank_header(sequence: int) -> bytes:
    head = struct.pack("<II", MAGIC, sequence)
    return head + struct.pack("<II", crc32(head), ERASED)


def _sequence(bank: bytes) -> int | None:
    if len(bank) < _BANK_HEADER.size:
        return None
    magic, sequence, crc, _ = _BANK_HEADER.unpack_from(bank)
    return sequence if magic == MAGIC and crc == crc32(bank[:8]) else None


def record(key: str, value: bytes) -> bytes:
    """As it stands in flash. Raises StoreError."""
    name = key.encode()
    if not 1 <= len(name) <= KEY_MAX:
        raise StoreError(f"store key {key!r} has {len(name)} bytes, allowed are 1 to {KEY_MAX}")
    if len(value) > VALUE_MAX:
        raise StoreError(f"value of store key {key!r} has {len(value)} bytes, allowed are {VALUE_MAX}")
    word = len(name) | len(value) << 8 | VALUE << 24
    crc = crc32(struct.pack("<I", word) + name + value)
    record = _RECORD_HEADER.pack(word, crc) + name + value
    return record + b"\xff" * (-len(record) % 4)


def _records(bank: bytes) -> dict[bytes, bytes]:
    entries: dict[bytes, bytes] = {}
    at = _BANK_HEADER.size
    while at + _RECORD_HEADER.size <= len(bank):
        word, crc = _RECORD_HEADER.unpack_from(bank, at)
        if word == ERASED:
            break
        key_length, value_length, marker = word & 0xFF, word >> 8 & 0xFFFF, word >> 24
        start = at + _RECORD_HEADER.size
        end = start + key_length + value_length
        payload = bank[start:end]
        if (
            marker not in (VALUE, TOMBSTONE)
            or end > len(bank)
            or crc != crc32(struct.pack("<I", word) + payload)
        ):
            break
        key = payload[:key_length]
        entries.pop(key, None)
        if marker == VALUE:
            entries[key] = payload[key_length:]
        at = end + (-end % 4)
    return entries
