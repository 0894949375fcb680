"""A board on Renode: the bench's Emulator over the link into a Renode process."""

from __future__ import annotations

import contextlib
import random
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from bench.emulators.base import NS_PER_S, Counters, Emulator, EmulatorError, ImageError, Reset, Visit
from bench.emulators.image import segments
from bench.platforms import Platform

from .locate import locate
from .monitor import Renode, quoted

_CPU = "cpu"
_ERASED = 0xFF
_KEPT = ("flash", "uicr", "ficr", "otp")
"""Memories that go by these names in a .repl keep their contents without power."""
_SLICE_NS = 10 * NS_PER_S
"""Virtual time in one request, so that a Renode that hangs can be told from one that is at work."""
_WATCHED_MAX = 32
_WATCHED_SIZE_MAX = 4096

# Renode's numbers for the registers of a Cortex-M; `cpu GetRegistersValues` in the Monitor lists them.
_REGISTERS = {f"r{number}": number for number in range(13)} | {
    "sp": 13,
    "lr": 14,
    "pc": 15,
    "control": 18,
    "basepri": 19,
    "xpsr": 25,
    "primask": 28,
}
_CURRENT_SP, _OTHER_SP = 21, 22
_CONTROL_SPSEL = 1 << 1


class RenodeBoard(Emulator):
    """Emulator (see there for what its methods do and raise) on Renode 1.16 or newer.

    `profile` has Renode's execution profiler write what the board does into a file, some 20 bytes for each
    access to memory; it is whole after `close`.

    Renode takes a reset, and lets the bench in, at the end of a quantum only: half a millisecond while the
    CPU is at work, and that is also how far the time of a visit may lag. A traced instruction ends a block of
    translated code, which may move the next interrupt by some instructions. Times are whole microseconds, so
    `advance` may end up to 999 ns after the time asked for.
    """

    name: ClassVar[str] = "renode"

    def __init__(
        self,
        platform: Platform,
        executable: Path | None = None,
        *,
        seed: int = 0,
        profile: Path | None = None,
    ) -> None:
        self._platform = platform
        self._profile = profile
        self._seed = seed
        self._executable = executable or locate()
        self._renode: Renode | None = None
        self.origin_ns = 0
        """Renode's virtual time when this board's began; its process may have served others before."""
        self._now_ns = 0
        self._resets: list[Reset] = []
        self._visits: list[Visit] = []
        self._sent: list[bytearray] = []
        self._levels: list[int] = []
        self._outside: dict[tuple[str, int], bool] = {}
        self._seen: dict[tuple[int, int], bytes] = {}
        self._watched: dict[tuple[int, int], None] = {}
        self._powered = False
        self._powered_ns = 0
        self._uarts: list[str] = []
        self._ports: list[str] = []
        self._memories: list[tuple[str, int, int]] = []

    def load(self, elf: Path) -> None:
        parts = segments(elf)
        if self._renode is None:
            self._renode = _take(self._executable, self._platform, elf, fresh=self._profile is not None)
            if self._profile:
                self._renode.command(f"machine EnableProfiler @{quoted(self._profile)}")
            self._renode.command(f"emulation SetSeed {self._seed + 1}")
            self._bind()
        flash = [(start, size) for name, start, size in self._memories if "flash" in name]
        for address, data in parts:
            if not any(start <= address and address + len(data) <= start + size for start, size in flash):
                raise ImageError(f"{elf}: {len(data)} bytes at 0x{address:08X} are not in the board's flash")
        for start, size in flash[:1]:  # the others are aliases of it
            self._request(b"F", struct.pack("<IIB", start, size, _ERASED))
        for address, data in parts:
            self.write_memory(address, data)
        self.power_off()
        self.power_on()

    @property
    def now_ns(self) -> int:
        return self._now_ns

    def advance(self, until_ns: int) -> None:
        watched = list(self._watched)[:_WATCHED_MAX]
        self._watched.clear()
        ranges = struct.pack("<B", len(watched)) + b"".join(struct.pack("<II", *each) for each in watched)
        resets = len(self._resets)
        while self._now_ns < until_ns:
            step = min(until_ns, self._now_ns + _SLICE_NS)
            before_ns = self._now_ns
            answer = self._request(b"A", struct.pack("<Q", self.origin_ns + step) + ranges)
            offset = self._take_report(answer)
            self._powered_ns += self._now_ns - before_ns if self._powered else 0
            if self._now_ns < step or len(self._resets) > resets or any(self._sent):
                break
        else:
            if not watched:
                return
        self._seen.clear()
        for address, size in watched:
            self._seen[address, size] = answer[offset : offset + size]
            offset += size

    def uart_write(self, uart: str, data: bytes) -> None:
        number = self._uart(uart)
        if self._powered:
            self._request(b"U", struct.pack("<BI", number, len(data)) + data)

    def uart_read(self, uart: str) -> bytes:
        sent = self._sent[self._uart(uart)]
        taken = bytes(sent)
        sent.clear()
        return taken

    def gpio_set(self, port: str, pin: int, level: bool) -> None:
        self._outside[port, pin] = level
        self._take_report(self._request(b"S", struct.pack("<BB?", self._port(port), pin, level)))

    def gpio_get(self, port: str, pin: int) -> bool:
        driven = bool(self._levels[self._port(port)] >> pin & 1)
        return driven or self._outside.get((port, pin), False)

    def read_memory(self, address: int, size: int) -> bytes:
        key = (address, size)
        if size <= _WATCHED_SIZE_MAX:
            self._watched[key] = None
        if key not in self._seen:
            self._check(address, size)
            self._seen[key] = self._request(b"R", struct.pack("<II", address, size))
        return self._seen[key]

    def write_memory(self, address: int, data: bytes) -> None:
        self._check(address, len(data))
        self._request(b"W", struct.pack("<II", address, len(data)) + data)
        self._seen.clear()

    def read_register(self, register: str) -> int:
        if register in ("msp", "psp"):
            in_handler = self.read_register("xpsr") & 0x1FF
            process = bool(self.read_register("control") & _CONTROL_SPSEL) and not in_handler
            return self._register(_CURRENT_SP if process == (register == "psp") else _OTHER_SP)
        if register not in _REGISTERS:
            raise EmulatorError(f"no register {register!r} on a Cortex-M4")
        return self._register(_REGISTERS[register])

    def reset(self) -> None:
        if self._powered:
            self._take_report(self._request(b"X"))
            self._seen.clear()

    def power_off(self) -> None:
        self._take_report(self._request(b"P", b"\0"))
        self._powered = False
        self._seen.clear()

    def power_on(self) -> None:
        if self._powered:
            return
        noise = random.Random(self._seed << 32 | len(self._resets))
        for name, start, size in self._memories:
            if name not in _KEPT:
                self.write_memory(start, noise.randbytes(size))
        self._powered = True
        self._take_report(self._request(b"P", b"\1"))
        self._seen.clear()

    @property
    def resets(self) -> list[Reset]:
        return self._resets

    def trace(
        self,
        address: int,
        ranges: Sequence[tuple[int, int]] = (),
        registers: Mapping[str, int] | None = None,
    ) -> None:
        for each in ranges:
            self._check(*each)
        forced = [(_REGISTERS[name], value) for name, value in (registers or {}).items()]
        parts = [struct.pack("<IB", address, len(ranges)), *(struct.pack("<II", *each) for each in ranges)]
        parts += [struct.pack("<B", len(forced)), *(struct.pack("<iI", *each) for each in forced)]
        self._request(b"T", b"".join(parts))

    def visits(self) -> list[Visit]:
        taken, self._visits = self._visits, []
        return taken

    def follow_interrupts(self, start: int, end: int) -> None:
        self._check(start, end - start)
        self._request(b"I", struct.pack("<II", start, end))

    def counters(self) -> Counters:
        answer = _Reader(self._request(b"C"))
        instructions, mips = answer.number("<Q"), answer.number("<I")
        exceptions = {answer.number("<I"): answer.number("<Q") for _ in range(answer.number("<H"))}
        sleep_ns = max(0, self._powered_ns - instructions * 1000 // mips)
        followed = answer.number("<i")
        return Counters(
            instructions=instructions,
            sleep_ns=sleep_ns,
            exceptions=exceptions,
            interrupt_stack=followed if followed >= 0 else None,
        )

    def close(self) -> None:
        renode, self._renode = self._renode, None
        if renode is None:
            return
        if self._profile:  # once on, the profiler cannot be switched off
            with contextlib.suppress(EmulatorError):
                renode.unload()
            renode.close()
        elif renode.alive:
            _idle.append(renode)

    # inside

    def _bind(self) -> None:
        answer = _Reader(self._request(b"B", _text(_CPU)))
        self._uarts = [answer.text() for _ in range(answer.number("<B"))]
        self._ports = [answer.text() for _ in range(answer.number("<B"))]
        self._memories = [
            (answer.text(), answer.number("<I"), answer.number("<I")) for _ in range(answer.number("<B"))
        ]
        self._sent = [bytearray() for _ in self._uarts]
        self._take_report(self._request(b"A", struct.pack("<QB", 0, 0)))
        self.origin_ns, self._now_ns = self._now_ns, 0

    def _request(self, operation: bytes, payload: bytes = b"") -> bytes:
        if self._renode is None:
            raise EmulatorError(f"{self._platform.name} has no firmware loaded, or was closed")
        return self._renode.request(operation, payload)

    def _take_report(self, answer: bytes) -> int:
        """Note what moved; the offset behind the report. Its layout is `Report` in Link.cs."""
        report = _Reader(answer)
        self._now_ns = report.number("<Q") - self.origin_ns
        for _ in range(report.number("<B")):
            at_ns = report.number("<Q") - self.origin_ns
            self._resets.append(Reset(at_ns, report.text()))
        for sent in self._sent:
            sent.extend(report.data())
        self._levels = [report.number("<Q") for _ in self._ports]
        for _ in range(report.number("<I")):
            address, at_ns, instructions = (report.number(layout) for layout in ("<I", "<Q", "<Q"))
            self._visits.append(Visit(address, at_ns - self.origin_ns, instructions, report.data()))
        return report.offset

    def _check(self, address: int, size: int) -> None:
        if not any(
            start <= address and address + size <= start + length for _, start, length in self._memories
        ):
            raise EmulatorError(f"0x{address:08x} to 0x{address + size:08x} is in no memory of the board")

    def _register(self, number: int) -> int:
        value: int = struct.unpack("<I", self._request(b"G", struct.pack("<I", number)))[0]
        return value

    def _uart(self, uart: str) -> int:
        return _index(self._uarts, uart, "UART", self._platform)

    def _port(self, port: str) -> int:
        return _index(self._ports, port, "GPIO port", self._platform)


class _Reader:
    """Takes an answer of Link.cs apart."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self.offset = 0

    def number(self, layout: str) -> int:
        value: int = struct.unpack_from(layout, self._answer, self.offset)[0]
        self.offset += struct.calcsize(layout)
        return value

    def data(self) -> bytes:
        size = self.number("<I")
        self.offset += size
        return self._answer[self.offset - size : self.offset]

    def text(self) -> str:
        return self.data().decode()


def _text(text: str) -> bytes:
    return struct.pack("<I", len(text.encode())) + text.encode()


def _index(names: list[str], name: str, kind: str, platform: Platform) -> int:
    if name not in names:
        raise EmulatorError(f"{platform.name} has no {kind} {name!r}, only {', '.join(names)}")
    return names.index(name)


# Starting Renode and loading a platform takes two seconds, so a process is kept for the next board.
_idle: list[Renode] = []


def _take(executable: Path, platform: Platform, elf: Path, *, fresh: bool) -> Renode:
    """A Renode with the platform's machine loaded and nobody else on it."""
    fitting = [each for each in _idle if each.alive and each.executable == executable and not fresh]
    renode = next((each for each in fitting if each.platform == platform), fitting[0] if fitting else None)
    if renode is None:
        renode = Renode(executable)
    else:
        _idle.remove(renode)
    try:
        if renode.platform != platform:
            renode.load_platform(platform, elf)
    except EmulatorError:
        renode.close()
        raise
    return renode


def close_idle() -> None:
    """End the processes that no board uses."""
    while _idle:
        _idle.pop().close()
