"""How fast the Unicorn boards run on this host: ``python -m bench.emulators.speed``.

Every figure is the best of several runs of a small program, in host time. The ratios are to plain Unicorn
(the same engine with nothing attached but its instruction limit), measured in the same minute, so that they
can be compared between hosts.
"""

from __future__ import annotations

import ctypes
import json
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ..arguments import Parser
from ..platforms import load_platform
from .base import EmulatorError
from .unicorn.core import EXECUTE, READ, REGISTERS, WRITE, Core
from .unicorn.machine import UnicornMachine

_FLASH, _RAM = 0x0800_0000, 0x2000_0000
_REPEATS = 5
_BUSY = 5_000_000
_NS = 1_000_000_000

# A loop of 16 instructions: arithmetic, a load, a store, a call and a return.
_LOOP = (
    0x3001, 0x1841, 0x6813, 0x3301, 0x6013, 0x0088, 0x4048, 0x1C49,
    0xF000, 0xF804, 0x3101, 0x4048, 0xE7F4, 0xBF00, 0x4770,
)  # fmt: skip
_NOP, _WFI = 0xBF00, 0xBF30


def _image(code: tuple[int, ...], handler: tuple[int, ...]) -> bytes:
    """Vectors, `code` at 0x200, the handler of every interrupt at 0x300."""
    vectors = [_RAM + 0x4000, _FLASH + 0x201, *[_FLASH + 0x301] * 110]
    image = bytearray(struct.pack(f"<{len(vectors)}I", *vectors).ljust(0x400, b"\0"))
    image[0x200 : 0x200 + 2 * len(code)] = struct.pack(f"<{len(code)}H", *code)
    image[0x300 : 0x300 + 2 * len(handler)] = struct.pack(f"<{len(handler)}H", *handler)
    return bytes(image)


def _elf(image: bytes) -> bytes:
    """The least ELF that is an Arm program: one header, one segment."""
    ident = b"\x7fELF\x01\x01\x01".ljust(16, b"\0")
    header = ident + struct.pack(
        "<HHIIIIIHHHHHH", 2, 40, 1, _FLASH + 0x201, 52, 0, 0x05000000, 52, 32, 1, 40, 0, 0
    )
    segment = struct.pack("<8I", 1, 84, _FLASH, _FLASH, len(image), len(image), 5, 4)
    return header + segment + image


def _best(run: Callable[[], int]) -> float:
    """Host seconds for one unit of what `run` counts."""
    best = float("inf")
    for _ in range(_REPEATS):
        start = time.perf_counter()
        count = run()
        best = min(best, (time.perf_counter() - start) / count)
    return best


def _plain() -> float:
    core = Core()
    flash = (ctypes.c_char * 0x1000)()
    flash.raw = _image(_LOOP, ()).ljust(0x1000, b"\0")
    core.map_memory(_FLASH, flash, READ | EXECUTE)
    core.map_memory(_RAM, (ctypes.c_char * 0x4000)(), READ | WRITE | EXECUTE)
    core.write_register("r2", _RAM)
    try:
        return _best(lambda: core.run(_FLASH + 0x200, _BUSY)[1])
    finally:
        core.close()


class _Machine:
    """A board with a program in raw Thumb code; `registers` are set once it is out of reset."""

    def __init__(self, code: tuple[int, ...], handler: tuple[int, ...] = (0x4770,), **registers: int) -> None:
        with tempfile.NamedTemporaryFile(suffix=".elf") as file:
            file.write(_elf(_image(code, handler)))
            file.flush()
            self.machine = UnicornMachine(load_platform("stm32f4_discovery"))
            self.machine.load(Path(file.name))
        self.pass_ns(100_000)
        for name, value in registers.items():
            assert name in REGISTERS
            self.machine._core.write_register(name, value)

    def pass_ns(self, duration: int) -> None:
        end = self.machine.now_ns + duration
        while self.machine.now_ns < end:
            self.machine.advance(end)

    def count(self, duration: int, counted: Callable[[UnicornMachine], int]) -> int:
        before = counted(self.machine)
        self.pass_ns(duration)
        return counted(self.machine) - before


def _instructions(machine: UnicornMachine) -> int:
    return machine.counters().instructions


def _busy() -> float:
    board = _Machine(_LOOP, r2=_RAM)
    return _best(lambda: board.count(_BUSY * 10, _instructions))


def _mmio_reads() -> float:
    """Reads of a running timer's counter: ldr r1, [r0]; b back."""
    board = _Machine((0x6801, 0xE7FD), r0=0x4000_0024)
    board.machine._by_name["timer2"].clocked = True
    board.machine._by_name["timer2"].write(0, 1)
    return _best(lambda: board.count(1_000_000, lambda m: m.counters().mmio["timer2"][0]))


def _exceptions() -> float:
    """Entry and return: a store that pends an interrupt, whose handler only returns."""
    board = _Machine((0x6001, 0xE7FD), r0=0xE000_E200, r1=1)
    board.machine._nvic.enable(16)
    return _best(lambda: board.count(200_000, lambda m: m.counters().exceptions.get(16, 0)))


def _idle_minute() -> float:
    board = _Machine((_WFI, 0xE7FD))

    def minute() -> int:
        board.pass_ns(60 * _NS)
        return 1

    return _best(minute)


def measure() -> dict[str, float]:
    """Host nanoseconds for each thing, and the ratios to an instruction of plain Unicorn."""
    plain = _plain()
    seconds = {
        "plain_instruction": plain,
        "instruction": _busy(),
        "mmio_access": _mmio_reads(),
        "exception": _exceptions(),
        "idle_minute": _idle_minute(),
    }
    figures = {f"{name}_ns": value * _NS for name, value in seconds.items()}
    return figures | {
        f"{name}_ratio": value / plain for name, value in seconds.items() if name != "plain_instruction"
    }


def main() -> int:
    parser = Parser(prog="python -m bench.emulators.speed", description="Measure the emulator.")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args()
    try:
        figures = measure()
    except EmulatorError as error:
        print(error, file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return 0
    plain = figures["plain_instruction_ns"]
    print(f"{'':18}{'host time':>14}{'of a plain instruction':>26}")
    print(f"{'plain Unicorn':18}{plain:11.1f} ns{1000 / plain:20.0f} MIPS")
    print(f"{'instruction':18}{figures['instruction_ns']:11.1f} ns{figures['instruction_ratio']:22.2f} x")
    for name in ("mmio_access", "exception", "idle_minute"):
        print(
            f"{name.replace('_', ' '):18}{figures[f'{name}_ns'] / 1000:11.2f} us"
            f"{figures[f'{name}_ratio']:22.0f} x"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
