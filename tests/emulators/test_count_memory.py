"""Counting memory accesses changes nothing but the host's time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.platforms import load_platform
from bench.provision import Provisioning
from bench.rig import Rig
from csms_stub.csms import Csms

from .conftest import Assemble

BOARDS = ("nrf52840dk", "stm32f4_discovery")
COUNTED = pytest.mark.parametrize("counted", [False, True])
REGISTERS = (*(f"r{n}" for n in range(13)), "sp", "lr", "pc", "xpsr")

# An access within an IT block, EQ true. Then EQ is false: what stayed of the block would skip code.
IT_BLOCK = """
handler reset
    ldr r11, =0x20000000
    {setup}
    mov r2, #1
    cmp r2, #1
    itt eq
    {access}
    moveq r3, #3
    cmp r2, #2
    b next
    mov r2, #9
    note r2
next:
    mov r2, #5
    note r2
    note r3
end: b end
"""


@COUNTED
@pytest.mark.parametrize("access", ["ldreq r1, [r11, #64]", "streq r2, [r11, #64]", "ldreq r1, =0x12345678"])
def test_an_access_in_an_it_block(assemble: Assemble, access: str, counted: bool) -> None:
    source = IT_BLOCK.format(setup="", access=access)
    assert assemble(source, count_memory=counted).run().notes(2) == [5, 3]


@COUNTED
def test_a_store_that_the_flash_controller_takes_in_an_it_block(assemble: Assemble, counted: bool) -> None:
    source = IT_BLOCK.format(setup="ldr r5, =0x08004000", access="streq r2, [r5]")
    program = assemble(source, count_memory=counted).run()
    assert program.notes(2) == [5, 3]
    memory = program.machine.counters().memory
    assert memory == ({"flash": (1, 1), "sram": (0, 2), "ccm": (0, 0), "otp": (0, 0)} if counted else None)


def test_a_fault_in_an_it_block(assemble: Assemble) -> None:
    source = IT_BLOCK.format(setup="ldr r5, =0xFE000\n mov r3, #0", access="streq r2, [r5]")
    source += "handler fault\n ldr r0, [sp, #24]\n note r0\n ldr r1, [sp, #28]\n note r1\n note r3\n b .\n"
    stacked = [
        assemble(source, {3: "fault"}, board="nrf52840dk", count_memory=counted).run().notes(3)
        for counted in (False, True)
    ]
    assert stacked[0] == stacked[1]
    assert stacked[0][0] > 0


def test_what_is_one_access(assemble: Assemble) -> None:
    source = """
handler reset
    movw r0, #0x0100
    movt r0, #0x2000
    ldm r0, {r4-r7}
    stm r0, {r4-r7}
    ldr r1, [r0, #1]
    ldr r1, [r0, #0x2FF]    // across two pages
    str r1, [r0, #0x2FF]
    strd r4, r5, [r0, #8]
    ldrex r1, [r0]
    strex r2, r1, [r0]
    push {r4-r7}
    pop {r4-r7}
    svc #0
end: b end
handler called
    bx lr
"""
    memory = assemble(source, {11: "called"}, count_memory=True).run().machine.counters().memory
    assert memory is not None
    assert memory["sram"] == (4 + 1 + 1 + 1 + 1 + 4, 4 + 1 + 2 + 1 + 4)


@pytest.mark.parametrize("board", BOARDS)
def test_the_station_runs_the_same(firmware: Callable[[str], Path], board: str) -> None:
    runs = []
    for metrics in (False, True):
        provisioning = Provisioning()
        csms = Csms(passwords={provisioning.identity: provisioning.password})
        rig = Rig(
            load_platform(board),
            firmware(board),
            emulator="unicorn",
            provisioning=provisioning,
            csms=csms,
            metrics=metrics,
        )
        try:
            rig.power_on()
            rig.run_for(8)
            assert len(rig.transcript()) >= 3
            machine = rig.emulator
            registers = [machine.read_register(name) for name in REGISTERS]
            assert [reset.cause for reset in rig.resets] == ["power"]
            counters = machine.counters()
            runs.append(
                (counters.instructions, counters.exceptions, counters.mmio, registers, rig.transcript())
            )
            if metrics:
                measured = rig.metrics()
                assert sum(measured.memory_reads) > sum(measured.memory_writes) > 100_000
        finally:
            rig.close()
    assert runs[0] == runs[1]
