"""WFI, WFE and the event register."""

from __future__ import annotations

from .conftest import Assemble

# TIM2 at 16 MHz / 16: one-shot compare in r6 microseconds, interrupt 28.
TIMER = """
handler reset
    ldr r11, =0x20000000
    ldr r0, =0x40023840
    mov r1, #1
    str r1, [r0]            // TIM2EN
    ldr r4, =0x40000000
    mov r1, #15
    str r1, [r4, #0x28]     // PSC
    mov r1, #1
    str r1, [r4, #0x14]     // EGR.UG
    mov r1, #0
    str r1, [r4, #0x10]     // SR
    mov r1, #1000
    str r1, [r4, #0x34]     // CCR1
    mov r1, #2
    str r1, [r4, #0x0C]     // DIER.CC1IE
    mov r1, #1
    str r1, [r4]            // CEN
"""
ENABLE = "ldr r0, =0xE000E100\n mov r1, #1 << 28\n str r1, [r0]\n"
NOW = "ldr r1, [r4, #0x24]\n note r1\n"
HANDLER = "handler timer\n mov r2, #0\n str r2, [r4, #0x10]\n mov r2, #77\n note r2\n bx lr\n"
VECTORS = {16 + 28: "timer"}
END = "end: b end\n"


def test_wfi_sleeps_until_the_interrupt(assemble: Assemble) -> None:
    program = assemble(TIMER + ENABLE + "wfi\n" + NOW + END + HANDLER, VECTORS).run(2)
    assert program.notes(2) == [77, 1000]
    assert 900_000 < program.machine.counters().sleep_ns < 1_000_000


def test_wfi_wakes_with_primask_set_and_the_handler_waits(assemble: Assemble) -> None:
    program = assemble(TIMER + ENABLE + "cpsid i\n wfi\n" + NOW + "cpsie i\n" + END + HANDLER, VECTORS).run(2)
    assert program.notes(2) == [1000, 77]


def test_wfi_ignores_an_interrupt_that_is_not_enabled(assemble: Assemble) -> None:
    program = assemble(TIMER + "wfi\n" + NOW + END + HANDLER, VECTORS).run(2)
    assert program.machine.counters().exceptions == {}
    assert program.machine.counters().sleep_ns > 1_890_000


def test_wfe_wakes_by_an_interrupt(assemble: Assemble) -> None:
    program = assemble(TIMER + ENABLE + "wfe\n" + NOW + END + HANDLER, VECTORS).run(2)
    assert program.notes(2) == [77, 1000]


def test_wfe_with_primask_wakes_by_sevonpend_only(assemble: Assemble) -> None:
    sevonpend = "ldr r0, =0xE000ED10\n mov r1, #16\n str r1, [r0]\n"
    program = assemble(TIMER + sevonpend + "cpsid i\n wfe\n" + NOW + END + HANDLER, VECTORS).run(2)
    assert program.notes(1) == [1000]
    program = assemble(TIMER + ENABLE + "cpsid i\n wfe\n" + NOW + END + HANDLER, VECTORS).run(2)
    assert program.machine.counters().sleep_ns > 1_890_000


def test_an_exception_before_wfe_is_not_lost(assemble: Assemble) -> None:
    # The return of the handler sets the event register: the first WFE falls through, the second sleeps.
    pend = "ldr r0, =0xE000E200\n mov r1, #1 << 28\n str r1, [r0]\n"
    program = assemble(TIMER + ENABLE + pend + "wfe\n" + NOW + "wfe\n" + NOW + END + HANDLER, VECTORS).run(2)
    notes = program.notes(4)
    assert notes[0] == 77
    assert notes[1] < 10
    assert notes[2:] == [77, 1000]


def test_sev_then_wfe_clears_the_event_register(assemble: Assemble) -> None:
    program = assemble(TIMER + ENABLE + "sev\n wfe\n" + NOW + "wfe\n" + NOW + END + HANDLER, VECTORS).run(2)
    notes = program.notes(3)
    assert notes[0] < 10
    assert notes[1:] == [77, 1000]


def test_an_idle_minute_costs_next_to_nothing(assemble: Assemble) -> None:
    program = assemble(TIMER + "cpsid i\nsleep: wfi\n b sleep\n").run(1)
    before = program.machine.counters().instructions
    program.machine.advance(program.machine.now_ns + 60_000_000_000)
    assert program.machine.counters().instructions - before < 10


def test_yield_is_no_wait(assemble: Assemble) -> None:
    program = assemble(TIMER + "ldr r0, [r4]\n yield\n" + NOW + END).run(1)
    assert program.notes(1)[0] < 10
    assert program.machine.counters().sleep_ns == 0
