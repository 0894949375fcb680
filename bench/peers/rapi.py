"""Frames of the serial line to the EVSE controller, in the manner of OpenEVSE's RAPI.

``$text^XX\\r``, XX the XOR of all bytes before ``^`` in hex; the text may end in `` :SS``, a sequence id that
the answer repeats (RAPI 3.0+).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

FRAME_LENGTH = 32
"""Bytes of a frame up to its CR that the controller can hold (ESRAPI_BUFLEN)."""


@dataclass(frozen=True, slots=True)
class Command:
    """What a frame said. `problem` is "" or what is wrong with it; then the words are not to be trusted."""

    words: tuple[str, ...]
    sequence: str = ""
    problem: str = ""


def checksum(data: bytes) -> int:
    """XOR of all bytes."""
    value = 0
    for byte in data:
        value ^= byte
    return value


def encode(text: str) -> bytes:
    """The frame with this text (the ``$`` is not part of it)."""
    data = b"$" + text.encode("latin-1")
    return data + b"^%02X\r" % checksum(data)


class Decoder:
    """Commands out of a stream of bytes. Holds at most one frame of `FRAME_LENGTH` bytes."""

    def __init__(self) -> None:
        self._frame = bytearray()

    def feed(self, data: bytes) -> list[Command]:
        """The commands that these bytes complete. Never raises; what is outside of frames is skipped."""
        commands = []
        for byte in data:
            if byte == 0x24:
                self._frame[:] = b"$"
            elif not self._frame:
                continue
            elif byte == 0x0D:
                commands.append(_decode(bytes(self._frame)))
                self._frame.clear()
            elif len(self._frame) < FRAME_LENGTH - 1:
                self._frame.append(byte)
            else:
                commands.append(Command((), problem=f"frame of more than {FRAME_LENGTH} bytes"))
                self._frame.clear()
        return commands


def _decode(frame: bytes) -> Command:
    body, caret, digits = frame.partition(b"^")
    problem = ""
    if not caret:
        problem = "no checksum"
    elif not re.fullmatch(rb"[0-9A-Fa-f]{2}", digits) or int(digits, 16) != checksum(body):
        problem = f"wrong checksum {digits.decode('latin-1')!r}, must be '{checksum(body):02X}'"
    text = body[1:].decode("latin-1")
    sequence = ""
    match = re.fullmatch(r"(.*) :([0-9A-Fa-f]{2})", text, re.DOTALL)
    if match is not None and match[2] != "00":
        text, sequence = match[1], match[2]
    return Command(tuple(text.split(" ")), sequence, problem)
