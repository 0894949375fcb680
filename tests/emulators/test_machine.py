"""The board as base.Emulator describes it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.emulators import create
from bench.emulators.base import OUTPUT_WINDOW_NS, Emulator, EmulatorError, ImageError
from bench.emulators.unicorn.machine import UnicornMachine
from bench.platforms import load_platform

from .conftest import RESULT, Assemble, build

MS = 1_000_000

# USART2 at 16 MHz: echoes every byte from its interrupt; TIM2 counts sleeps between.
ECHO = """
handler reset
    ldr r11, =0x20000000
    ldr r0, =0x40023840
    ldr r1, =0x20001
    str r1, [r0]            // USART2EN, TIM2EN
    ldr r4, =0x40004400
    mov r1, #139            // 115108 baud
    str r1, [r4, #8]
    ldr r1, =0x202C         // UE, RXNEIE, TE, RE
    str r1, [r4, #12]
    ldr r5, =0x40000000
    ldr r1, =1599
    str r1, [r5, #0x2C]     // ARR: 10 kHz
    mov r1, #1
    str r1, [r5, #0x0C]     // UIE
    str r1, [r5]            // CEN
    ldr r0, =0xE000E100
    mov r1, #1 << 28
    str r1, [r0]
    mov r1, #1 << 6
    str r1, [r0, #4]
    mov r7, #0
work:
    add r7, #1
    cpsid i
    eor r8, r7, r8, ror #3
    cpsie i
    tst r7, #63
    it eq
    wfieq
    b work
handler received
    ldr r0, [r4, #4]
    str r0, [r4, #4]
    ldr r1, [r11, #4]
    add r1, #1
    str r1, [r11, #4]
    bx lr
handler tick
    mov r0, #0
    str r0, [r5, #0x10]
    ldr r1, [r11]
    add r1, #1
    str r1, [r11]
    str r7, [r11, #8]
    bx lr
"""
VECTORS = {16 + 38: "received", 16 + 28: "tick"}


def fingerprint(machine: UnicornMachine) -> tuple[object, ...]:
    registers = [
        machine.read_register(name) for name in ("r0", "r1", "r4", "r7", "r8", "sp", "lr", "pc", "xpsr")
    ]
    memory = hashlib.sha256(machine.read_memory(0x2000_0000, 0x20000)).hexdigest()
    counters = machine.counters()
    return registers, memory, counters.instructions, counters.exceptions, counters.mmio, counters.sleep_ns


@pytest.mark.parametrize("slice_ns", [1_000, 7_777, 100_000, 1_000_000])
def test_slicing_changes_nothing(assemble: Assemble, slice_ns: int) -> None:
    results = []
    for step in (10**9, slice_ns):
        machine = assemble(ECHO, VECTORS).run(0.3).machine
        machine.uart_write("usart2", bytes(range(20)))
        while machine.now_ns < 5 * MS:
            machine.advance(min(machine.now_ns + step, 5 * MS))
        results.append((fingerprint(machine), machine.uart_read("usart2")))
    assert results[0] == results[1]
    assert results[0][1] == bytes(range(20))


def test_two_runs_are_alike_and_the_seed_matters(assemble: Assemble) -> None:
    prints = []
    for seed in (1, 1, 2):
        program = assemble(ECHO, VECTORS, seed=seed)
        program.run(3)
        prints.append(fingerprint(program.machine))
    assert prints[0] == prints[1]
    assert prints[0][1] != prints[2][1]  # the noise in RAM


def test_advance_returns_soon_behind_the_first_output(assemble: Assemble) -> None:
    machine = assemble(ECHO, VECTORS).run(1).machine
    machine.uart_write("usart2", b"ab")
    before = machine.now_ns
    machine.advance(before + 100 * MS)
    first = before + 2 * 86_875  # a frame in, a frame out
    assert first <= machine.now_ns <= first + OUTPUT_WINDOW_NS + 10_000
    assert machine.uart_read("usart2") == b"ab"
    assert machine.uart_read("usart2") == b""


def test_advance_returns_right_behind_a_reset(assemble: Assemble) -> None:
    machine = assemble(ECHO, VECTORS).run(2).machine
    now = machine.now_ns
    machine.reset()
    assert machine.resets[-1].cause == "pin"
    assert machine.now_ns == now
    machine.advance(now + MS)
    assert machine.read_memory(RESULT, 4) != bytes(4)  # RAM is kept


def test_a_power_cut(assemble: Assemble) -> None:
    machine = assemble(ECHO, VECTORS).run(2).machine
    flash = machine.read_memory(0x0800_0000, 0x400)
    ram = machine.read_memory(0x2000_0000, 0x400)
    machine.power_off()
    machine.uart_write("usart2", b"lost")
    now = machine.now_ns
    machine.advance(now + 10 * MS)
    assert machine.now_ns == now + 10 * MS
    assert machine.read_memory(0x0800_0000, 0x400) == flash
    assert machine.read_memory(0x2000_0000, 0x400) != ram
    machine.power_on()
    assert [reset.cause for reset in machine.resets] == ["power", "power"]
    while machine.now_ns < now + 15 * MS:
        machine.advance(now + 15 * MS)
    assert machine.uart_read("usart2") == b""


def test_flash_is_programmed_through_its_controller(assemble: Assemble) -> None:
    program = assemble(
        """
handler reset
    ldr r11, =0x20000000
    ldr r4, =0x40023C00
    ldr r5, =0x08004000
    mov r1, #0
    str r1, [r5]            // not allowed: PGSERR
    ldr r1, [r4, #12]
    note r1
    str r1, [r4, #12]
    ldr r1, =0x45670123
    str r1, [r4, #4]
    ldr r1, =0xCDEF89AB
    str r1, [r4, #4]
    ldr r1, =0x201
    str r1, [r4, #16]
    ldr r1, =0x12345678
    str r1, [r5]
    ldr r1, [r4, #12]
    note r1                 // the core has waited for the end
    ldr r1, [r5]
    note r1
    ldr r1, =0x0A
    str r1, [r4, #16]
    ldr r1, =0x1020A
    str r1, [r4, #16]       // erase sector 1
    ldr r1, [r5]
    note r1
end: b end
"""
    )
    machine = program.machine
    while machine.now_ns < 100 * MS:
        machine.advance(100 * MS)
    assert program.notes(4) == [1 << 7, 0, 0x12345678, 0]
    assert machine.read_memory(0x4000, 4) == machine.read_memory(0x0800_4000, 4)  # the alias at 0
    while machine.now_ns < 300 * MS:
        machine.advance(300 * MS)
    assert program.notes(4)[3] == 0xFFFFFFFF
    assert machine.counters().instructions < 10_000_000


def test_a_store_to_flash_without_the_controller_faults_on_the_nrf(assemble: Assemble) -> None:
    source = "handler reset\n ldr r11, =0x20000000\n ldr r0, =0xFE000\n str r0, [r0]\nend: b end\n"
    source += "handler fault\n ldr r0, =0xE000ED38\n ldr r1, [r0]\n note r1\n b .\n"
    assert assemble(source, {3: "fault"}, board="nrf52840dk").run().notes(1) == [0xFE000]


# Programs code into the page at 0x4000, runs it with PendSV pending and held back, erases it, and does so
# once more with other code.
REPROGRAM = """
handler reset
    ldr r11, =0x20000000
    ldr r10, =0x4001E504    // NVMC.CONFIG
    ldr r9, =0xE000ED04     // ICSR
    adr r7, first
    bl program
    bl try
    ldr r0, =0x4000
    mov r1, #2
    str r1, [r10]           // EEN
    str r0, [r10, #4]       // ERASEPAGE
    bl ready
    adr r7, second
    bl program
    bl try
    b .
program:
    mov r5, lr
    mov r1, #1
    str r1, [r10]           // WEN
    ldr r6, =0x4000
    mov r4, #5
1:  ldr r1, [r7], #4
    str r1, [r6], #4
    bl ready
    subs r4, #1
    bne 1b
    mov r1, #0
    str r1, [r10]
    bx r5
ready:
    ldr r3, =0x4001E400
1:  ldr r2, [r3]
    cmp r2, #1
    bne 1b
    bx lr
try:
    mov r5, lr
    cpsid i
    mov r1, #1 << 28
    str r1, [r9]            // PENDSVSET
    ldr r3, =0x4001
    blx r3
    cpsie i
    bx r5
    .balign 4
first:
    .rept 9
    adds r0, r0, #1
    .endr
    bx lr
second:
    movs r0, #1
    cpsie i
    .rept 7
    adds r0, r0, #1
    .endr
    bx lr
handler pended
    note r0
    bx lr
"""


def test_code_that_the_firmware_has_put_into_flash_is_read_anew(assemble: Assemble) -> None:
    """How far code runs straight on is remembered, for exceptions that are held back."""
    program = assemble(REPROGRAM, {14: "pended"}, board="nrf52840dk").run(200)
    assert program.notes(2)[1] == 1


def test_registers_of_a_peripheral_without_clock(assemble: Assemble) -> None:
    source = "handler reset\n ldr r11, =0x20000000\n ldr r0, =0x40000000\n mov r1, #1\n str r1, [r0]\n"
    source += " ldr r1, [r0]\n note r1\n"
    source += " ldr r1, [r0, #0x2C]\n note r1\nend: b end\n"
    assert assemble(source).run().notes(2) == [0, 0]


def test_gpio(assemble: Assemble) -> None:
    source = """
handler reset
    ldr r0, =0x40023830
    mov r1, #1
    str r1, [r0]
    ldr r0, =0x40020000
    ldr r1, =0xA8000100
    str r1, [r0]
    mov r1, #16
    str r1, [r0, #0x18]
loop:
    ldr r1, [r0, #0x10]
    ldr r2, =0x20000000
    str r1, [r2]
    b loop
"""
    program = assemble(source).run()
    machine = program.machine
    assert machine.gpio_get("gpioPortA", 4) is True
    machine.gpio_set("gpioPortA", 7, True)
    program.run()
    assert program.notes(1)[0] & 0x90 == 0x90
    with pytest.raises(EmulatorError, match="has pins 0 to 15"):
        machine.gpio_get("gpioPortA", 16)
    with pytest.raises(EmulatorError, match="no GPIO port 'x'; it has gpioPortA"):
        machine.gpio_get("x", 0)


def test_counters(assemble: Assemble) -> None:
    source = "handler reset\n ldr r0, =0x20000000\n mov r3, #10\nloop: ldr r1, [r0]\n str r1, [r0, #4]\n"
    source += " ldr r2, =0x40023800\n"
    source += " ldr r1, [r2]\n subs r3, #1\n bne loop\nend: wfi\n b end\n"
    counters = assemble(source, count_memory=True).run().machine.counters()
    assert counters.instructions == 2 + 6 * 10 + 1
    assert counters.mmio["rcc"] == (10, 0)
    assert counters.memory is not None
    assert counters.memory["sram"] == (10, 10)
    assert counters.memory["flash"][1] == 0
    assert assemble(source).machine.counters().memory is None


def test_cycle_counter(assemble: Assemble) -> None:
    source = """
handler reset
    ldr r11, =0x20000000
    ldr r0, =0xE000EDFC
    mov r1, #1 << 24
    str r1, [r0]
    ldr r0, =0xE0001000
    mov r1, #1
    str r1, [r0]
    ldr r2, [r0, #4]
    mov r3, #1000
loop: subs r3, #1
    bne loop
    ldr r1, [r0, #4]
    sub r1, r2
    note r1
end: b end
"""
    cycles = assemble(source).run().notes(1)[0]
    assert abs(cycles - 2003 * 16 / 100) <= 1  # 16 MHz, 100 MIPS


def test_memory_and_registers_from_outside(assemble: Assemble) -> None:
    machine = assemble(ECHO, VECTORS).run().machine
    machine.write_memory(0x0800_9000, b"abc")
    assert machine.read_memory(0x0800_9000, 4) == b"abc\xff"
    assert machine.read_memory(0x1FFF_7A10, 4) != bytes(4)
    with pytest.raises(EmulatorError, match="0x40000000 to 0x40000004 is in no memory"):
        machine.read_memory(0x4000_0000, 4)
    with pytest.raises(EmulatorError, match="no register 'r99'"):
        machine.read_register("r99")
    with pytest.raises(EmulatorError, match="no UART 'uart9'; it has usart2, usart3"):
        machine.uart_read("uart9")


class TestImages:
    @pytest.fixture
    def machine(self) -> Iterator[Emulator]:
        machine = create("unicorn", load_platform("nrf52840dk"))
        yield machine
        machine.close()

    def refused(self, machine: Emulator, path: Path) -> str:
        with pytest.raises(ImageError) as caught:
            machine.load(path)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    def test_nothing_loaded(self, machine: Emulator) -> None:
        with pytest.raises(EmulatorError, match="no image was loaded"):
            machine.advance(MS)

    def test_not_an_elf(self, machine: Emulator, tmp_path: Path) -> None:
        path = tmp_path / "x.elf"
        assert "No such file" in self.refused(machine, path)
        path.write_bytes(b"hello")
        assert "not a readable ELF" in self.refused(machine, path)

    def test_truncated(self, machine: Emulator, tmp_path: Path) -> None:
        elf = build("handler reset\n b .\n", "nrf52840dk", tmp_path)
        whole = elf.read_bytes()
        for size in range(0, 200, 7):
            elf.write_bytes(whole[:size])
            self.refused(machine, elf)

    def test_another_architecture(self, machine: Emulator, tmp_path: Path) -> None:
        path = tmp_path / "x.elf"
        path.write_bytes(Path("/bin/true").read_bytes())
        assert "not for a little-endian Arm core" in self.refused(machine, path)

    def test_another_chip(self, machine: Emulator, tmp_path: Path) -> None:
        elf = build("handler reset\n b .\n", "stm32f4_discovery", tmp_path)
        assert "is in no memory of this board" in self.refused(machine, elf)
        elf = build("handler reset\n b .\n", "nrf52840dk", tmp_path)
        other = create("unicorn", load_platform("stm32f4_discovery"))
        with pytest.raises(ImageError, match="the flash of this board is at 0x08000000"):
            other.load(elf)
        other.close()

    def test_no_vectors(self, machine: Emulator, tmp_path: Path) -> None:
        elf = build("handler reset\n b .\n", "nrf52840dk", tmp_path, {1: "0"})
        assert "reset vector 0x00000000 is no Thumb code" in self.refused(machine, elf)
