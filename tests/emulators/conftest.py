from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.emulators.unicorn.machine import UnicornMachine
from bench.platforms import load_platform

COMPILER = "arm-none-eabi-gcc"
FLASH = {"stm32f4_discovery": 0x0800_0000, "nrf52840dk": 0}
STACK = 0x2000_8000
RESULT = 0x2000_0000
"""Where the test programs put what they have seen, word by word."""

LINKER_SCRIPT = """
ENTRY(reset)
SECTIONS {{
    . = {flash};
    .text : {{ KEEP(*(.vectors)) *(.text*) *(.rodata*) }}
    .data : {{ *(.data*) }}
    /DISCARD/ : {{ *(.ARM.*) *(.comment) }}
}}
"""

PRELUDE = """
.syntax unified
.cpu cortex-m4
.fpu fpv4-sp-d16
.thumb
.macro handler name
.global \\name
.type \\name, %function
.thumb_func
\\name:
.endm
// Put a register behind what was noted before; r11 points to the end of the notes.
.macro note register
str \\register, [r11], #4
.endm
.text
handler unexpected
    b .
"""


def build(source: str, board: str, folder: Path, vectors: dict[int, str] | None = None) -> Path:
    """An ELF from assembly: `reset` is where it starts, `vectors` maps exception numbers to its handlers."""
    if shutil.which(COMPILER) is None:
        pytest.skip(f"{COMPILER} is not installed (Debian: gcc-arm-none-eabi)")
    table = {1: "reset", **(vectors or {})}
    words = "\n".join(f".word {table.get(i, 'unexpected')}" for i in range(1, 16 + 96))
    text = f'{PRELUDE}\n.section .vectors,"a"\n.word {STACK}\n{words}\n.text\n{source}\n'
    (folder / "program.s").write_text(text)
    (folder / "program.ld").write_text(LINKER_SCRIPT.format(flash=FLASH[board]))
    elf = folder / "program.elf"
    command = [COMPILER, "-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16", "-nostdlib"]
    command += [
        "-T",
        str(folder / "program.ld"),
        "-Wl,--build-id=none",
        "-o",
        str(elf),
        str(folder / "program.s"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return elf


class Program:
    """A test program on a board."""

    def __init__(self, machine: UnicornMachine, elf: Path) -> None:
        self.machine = machine
        self.elf = elf
        machine.load(elf)
        machine.write_memory(RESULT, bytes(0x400))  # RAM is noise after power-on

    def run(self, milliseconds: float = 1.0) -> Program:
        """Let that much time pass from now on, whatever interrupts it."""
        end = self.machine.now_ns + int(milliseconds * 1e6)
        while self.machine.now_ns < end:
            self.machine.advance(end)
        return self

    def notes(self, count: int) -> list[int]:
        data = self.machine.read_memory(RESULT, 4 * count)
        return [int.from_bytes(data[i : i + 4], "little") for i in range(0, len(data), 4)]

    def symbol(self, name: str) -> int:
        """Address of a label, without the Thumb bit."""
        from elftools.elf.elffile import ELFFile

        with self.elf.open("rb") as stream:
            table = ELFFile(stream).get_section_by_name(".symtab")
            return table.get_symbol_by_name(name)[0]["st_value"] & ~1


Assemble = Callable[..., Program]


@pytest.fixture
def assemble(tmp_path: Path) -> Iterator[Assemble]:
    """assemble(source, vectors={...}, board=..., **machine options) -> Program"""
    machines: list[UnicornMachine] = []

    def make(
        source: str,
        vectors: dict[int, str] | None = None,
        board: str = "stm32f4_discovery",
        **options: object,
    ) -> Program:
        folder = tmp_path / str(len(machines))
        folder.mkdir()
        elf = build(source, board, folder, vectors)
        machines.append(UnicornMachine(load_platform(board), **options))  # type: ignore[arg-type]
        return Program(machines[-1], elf)

    yield make
    for machine in machines:
        machine.close()
