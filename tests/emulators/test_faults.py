"""Faults: the exact place, the status registers, escalation, lockup."""

from __future__ import annotations

import pytest

from .conftest import Assemble

CFSR, HFSR, BFAR, MMFAR, SHCSR = 0xE000ED28, 0xE000ED2C, 0xE000ED38, 0xE000ED34, 0xE000ED24

HANDLER = f"""
handler fault
    mrs r0, ipsr
    note r0
    ldr r0, [sp, #24]
    note r0
    ldr r0, ={CFSR}
    ldr r1, [r0]
    note r1
    ldr r1, [r0, #4]
    note r1
    ldr r1, [r0, #{BFAR - CFSR}]
    note r1
    ldr r1, [r0, #{MMFAR - CFSR}]
    note r1
stay: b stay
"""
START = "handler reset\n ldr r11, =0x20000000\n"
ENABLE_ALL = f"ldr r0, ={SHCSR}\n mov r1, #7 << 16\n str r1, [r0]\n"
FAULTS = {3: "fault", 4: "fault", 5: "fault", 6: "fault"}

CASES = [
    # instruction, exception of its own, CFSR, BFAR
    ("ldr r0, =0x60000000\n bad: ldr r1, [r0]", 5, 0x8200, 0x60000000),
    ("ldr r0, =0x60000004\n bad: str r1, [r0]", 5, 0x8200, 0x60000004),
    ("ldr r0, =0x60000008\n bad: ldm r0!, {r1, r2}", 5, 0x8200, 0x60000008),
    ("ldr r0, =0x40007C00\n bad: ldr r1, [r0]", 5, 0x8200, 0x40007C00),  # no peripheral there
    ("bad: udf #1", 6, 1 << 16, 0),
    ("bad: .inst.w 0xF7F0A000", 6, 1 << 16, 0),
    ("ldr r0, =0x20000001\n bad: ldrex r1, [r0]", 6, 1 << 24, 0),
]


@pytest.mark.parametrize(("code", "exception", "cfsr", "bfar"), CASES)
def test_a_fault_goes_to_its_handler_with_the_exact_place(
    assemble: Assemble, code: str, exception: int, cfsr: int, bfar: int
) -> None:
    program = assemble(START + ENABLE_ALL + code + "\nend: b end\n" + HANDLER, FAULTS).run()
    assert program.notes(5) == [exception, program.symbol("bad"), cfsr, 0, bfar]


@pytest.mark.parametrize(("code", "exception", "cfsr", "bfar"), CASES)
def test_without_its_handler_it_escalates_to_hard_fault(
    assemble: Assemble, code: str, exception: int, cfsr: int, bfar: int
) -> None:
    program = assemble(START + code + "\nend: b end\n" + HANDLER, FAULTS).run()
    assert program.notes(5) == [3, program.symbol("bad"), cfsr, 1 << 30, bfar]


def test_a_load_that_faults_leaves_its_register(assemble: Assemble) -> None:
    source = START + "mov r1, #7\n mov r2, #8\n ldr r0, =0x40007C00\n ldm r0!, {r1, r2}\n"
    handler = "handler fault\n note r1\n note r2\n note r0\n b .\n"
    assert assemble(source + handler, FAULTS).run().notes(3) == [7, 8, 0x40007C00]


def test_a_jump_to_nowhere(assemble: Assemble) -> None:
    source = START + ENABLE_ALL + "ldr r0, =0x60000001\n bx r0\n"
    assert assemble(source + HANDLER, FAULTS).run().notes(3) == [5, 0x60000000, 1 << 8]


def test_a_jump_into_a_peripheral(assemble: Assemble) -> None:
    source = START + ENABLE_ALL + "ldr r0, =0x40000001\n bx r0\n"
    assert assemble(source + HANDLER, FAULTS).run().notes(3) == [4, 0x40000000, 1]


def test_a_jump_without_the_thumb_bit(assemble: Assemble) -> None:
    source = START + ENABLE_ALL + "ldr r0, =0x08000200\n bx r0\n"
    assert assemble(source + HANDLER, FAULTS).run().notes(3) == [6, 0x08000200, 1 << 17]


def test_a_breakpoint_without_a_debugger(assemble: Assemble) -> None:
    program = assemble(START + "bad: bkpt #0\n" + HANDLER, FAULTS).run()
    assert program.notes(4) == [3, program.symbol("bad"), 0, 1 << 31]


def test_svc_with_interrupts_masked_escalates(assemble: Assemble) -> None:
    program = assemble(START + "cpsid i\n svc #0\nbehind: b behind\n" + HANDLER, FAULTS).run()
    assert program.notes(4) == [3, program.symbol("behind"), 0, 1 << 30]


def test_an_illegal_exception_return(assemble: Assemble) -> None:
    source = START + ENABLE_ALL + "svc #0\nend: b end\n handler svc\n ldr lr, =0xFFFFFFF1\n bx lr\n"
    notes = assemble(source + HANDLER, {**FAULTS, 11: "svc"}).run().notes(3)
    assert (notes[0], notes[2]) == (6, 1 << 18)


def test_status_bits_are_cleared_by_writing_ones(assemble: Assemble) -> None:
    source = (
        START
        + "udf #0\n"
        + f"handler fault\n ldr r0, ={CFSR}\n ldr r1, =1 << 16\n str r1, [r0]\n ldr r1, [r0]\n note r1\n"
    )
    source += (
        " mov r1, #1 << 30\n str r1, [r0, #4]\n ldr r1, [r0, #4]\n note r1\n mov r1, #1\n note r1\n b .\n"
    )
    assert assemble(source, FAULTS).run().notes(3) == [0, 0, 1]


def test_a_fault_in_hard_fault_locks_up_until_the_watchdog(assemble: Assemble) -> None:
    watchdog = "ldr r0, =0x40003000\n ldr r1, =0xCCCC\n str r1, [r0]\n"
    source = START + watchdog + "udf #0\nhandler fault\n udf #0\n"
    program = assemble(source, FAULTS)
    program.run(500)
    counters = program.machine.counters()
    assert counters.exceptions == {3: 1}
    assert counters.instructions < 100
    program.run(100)  # 4096 periods of 8 kHz are 512 ms
    assert [reset.cause for reset in program.machine.resets] == ["power", "watchdog"]


def test_lockup_resets_the_nrf(assemble: Assemble) -> None:
    source = START + "ldr r0, =0x40000400\n ldr r1, [r0]\n cbnz r1, second\n udf #0\nhandler fault\n udf #0\n"
    source += "second: note r1\nend: b end\n"
    program = assemble(source, FAULTS, board="nrf52840dk").run()
    assert program.notes(1) == [1 << 3]
    assert [reset.cause for reset in program.machine.resets] == ["power", "lockup"]


def test_a_stack_outside_of_memory(assemble: Assemble) -> None:
    # The frame is lost; the handler still runs and sees STKERR.
    source = START + "ldr r0, =0x30000000\n mov sp, r0\n svc #0\nend: b end\n"
    handler = f"handler fault\n ldr r0, ={CFSR}\n ldr r1, [r0]\n note r1\n b .\n"
    assert assemble(source + handler, FAULTS).run().notes(1)[0] == 1 << 12


def test_a_fault_while_stacking_waits_for_the_more_urgent_exception(assemble: Assemble) -> None:
    # SVC at the highest priority, BusFault at the lowest.
    source = START + ENABLE_ALL + "ldr r0, =0xE000ED18\n mov r1, #0xF0\n strb r1, [r0, #1]\n"
    source += "ldr r0, =0x30000000\n mov sp, r0\n svc #0\n"
    handlers = "handler svc\n mrs r0, ipsr\n note r0\n ldr r0, =0x20004000\n mov sp, r0\n"
    handlers += " ldr lr, =0xFFFFFFF9\n bx lr\n"
    handlers += "handler fault\n mrs r0, ipsr\n note r0\n b .\n"
    assert assemble(source + handlers, {**FAULTS, 11: "svc"}).run().notes(2) == [11, 5]
