"""Entry, return, priorities and nesting, against programs in assembly."""

from __future__ import annotations

import pytest

from .conftest import STACK, Assemble

NVIC_ISER0, NVIC_ISPR0, NVIC_IPR0 = 0xE000E100, 0xE000E200, 0xE000E400
ICSR, AIRCR, SHPR3 = 0xE000ED04, 0xE000ED0C, 0xE000ED20

START = """
handler reset
    ldr r11, =0x20000000
"""


def pend(irq: int) -> str:
    return f"ldr r0, ={NVIC_ISPR0}\n mov r1, #{1 << irq}\n str r1, [r0]\n"


def enable(mask: int) -> str:
    return f"ldr r0, ={NVIC_ISER0}\n mov r1, #{mask}\n str r1, [r0]\n"


def priorities(**irqs: int) -> str:
    return "".join(
        f"ldr r0, ={NVIC_IPR0 + int(name[3:])}\n mov r1, #{value}\n strb r1, [r0]\n"
        for name, value in irqs.items()
    )


END = "end: b end\n"


def test_an_interrupt_is_taken_right_behind_the_store_that_pends_it(assemble: Assemble) -> None:
    program = assemble(
        START
        + enable(1)
        + pend(0)
        + "mov r2, #7\n note r2\n"
        + END
        + "handler irq0\n mov r3, #5\n note r3\n bx lr\n",
        {16: "irq0"},
    )
    assert program.run().notes(3)[:2] == [5, 7]
    assert program.machine.counters().exceptions == {16: 1}


def test_registers_flags_and_stack_are_as_before(assemble: Assemble) -> None:
    source = (
        START
        + enable(1)
        + """
    ldr r0, =0xE000E200
    movs r1, #1
    movs r2, #22
    movs r3, #33
    mov r12, #44
    ldr lr, =0x12345678
    mov r4, sp
    cmp r1, r1          // Z and C set
    str r1, [r0]
    mrs r5, apsr
    note r5
    note r1
    note r2
    note r3
    note r12
    note lr
    mov r5, sp
    sub r4, r5
    note r4
"""
        + END
        + """
handler irq0
    mrs r0, ipsr
    note r0
    note lr
    movs r0, #0
    movs r1, #0
    movs r2, #1
    movs r3, #0
    mov r12, #0
    bx lr
"""
    )
    notes = assemble(source, {16: "irq0"}).run().notes(9)
    assert notes == [16, 0xFFFFFFF9, 0x60000000, 1, 22, 33, 44, 0x12345678, 0]


def test_a_more_urgent_interrupt_nests_and_a_less_urgent_one_waits(assemble: Assemble) -> None:
    handlers = f"""
handler irq0
    push {{lr}}
    movs r2, #10
    note r2
    {pend(1)}
    {pend(2)}
    movs r2, #11
    note r2
    pop {{pc}}
handler irq1
    movs r2, #20
    note r2
    note lr
    bx lr
handler irq2
    movs r2, #30
    note r2
    bx lr
"""
    source = (
        START
        + priorities(irq0=0x40, irq1=0x20, irq2=0x80)
        + enable(7)
        + pend(0)
        + "mov r2, #99\n note r2\n"
        + END
    )
    program = assemble(source + handlers, {16: "irq0", 17: "irq1", 18: "irq2"}).run()
    assert program.notes(6) == [10, 20, 0xFFFFFFF1, 11, 30, 99]


def test_equal_priority_goes_by_number_and_does_not_nest(assemble: Assemble) -> None:
    handlers = "".join(
        f"handler irq{i}\n mov r2, #{i}\n note r2\n {pend(0) if i == 3 else ''}"
        f" mov r2, #{i + 100}\n note r2\n bx lr\n"
        for i in (0, 1, 3)
    )
    source = (
        START
        + "cpsid i\n"
        + enable(0b1011)
        + f"ldr r0, ={NVIC_ISPR0}\n mov r1, #0b1010\n str r1, [r0]\n cpsie i\n"
    )
    program = assemble(source + END + handlers, {16: "irq0", 17: "irq1", 19: "irq3"}).run()
    assert program.notes(6) == [1, 101, 3, 103, 0, 100]


def test_subpriority_decides_the_order_but_not_preemption(assemble: Assemble) -> None:
    # PRIGROUP 5: bits 7 and 6 preempt, 5 and 4 only order.
    handlers = f"handler irq0\n mov r2, #1\n note r2\n{pend(1)} mov r2, #2\n note r2\n bx lr\n"
    handlers += "handler irq1\n mov r2, #3\n note r2\n bx lr\n"
    group = f"ldr r0, ={AIRCR}\n ldr r1, =0x05FA0500\n str r1, [r0]\n"
    source = START + group + priorities(irq0=0x50, irq1=0x40) + enable(3) + pend(0) + END
    assert assemble(source + handlers, {16: "irq0", 17: "irq1"}).run().notes(3) == [1, 2, 3]


def test_tail_chaining_keeps_the_frame(assemble: Assemble) -> None:
    handlers = f"handler irq0\n note sp\n{pend(1)} bx lr\nhandler irq1\n note sp\n note lr\n bx lr\n"
    program = assemble(START + enable(3) + pend(0) + END + handlers, {16: "irq0", 17: "irq1"}).run()
    assert program.notes(3) == [STACK - 32, STACK - 32, 0xFFFFFFF9]


@pytest.mark.parametrize(
    ("mask", "unmask"),
    [
        ("cpsid i", "cpsie i"),
        ("cpsid f", "cpsie f"),
        ("mov r6, #0x40\n msr basepri, r6", "mov r6, #0\n msr basepri, r6"),
        ("mov r6, #1\n msr primask, r6", "mov r6, #0\n msr primask, r6"),
    ],
)
def test_a_masked_interrupt_is_taken_right_behind_the_unmasking(
    assemble: Assemble, mask: str, unmask: str
) -> None:
    handlers = "handler irq0\n mov r2, #5\n note r2\n bx lr\n"
    source = START + priorities(irq0=0x40) + enable(1) + mask + "\n" + pend(0)
    # A loop and a call between, so that nothing is straight about the way to the unmasking.
    source += "mov r7, #50\nloop: subs r7, #1\n bne loop\n bl sub\n mov r2, #1\n note r2\n"
    source += unmask + "\n mov r2, #2\n note r2\n" + END + "sub: bx lr\n"
    assert assemble(source + handlers, {16: "irq0"}).run().notes(3) == [1, 5, 2]


def test_basepri_lets_the_more_urgent_through(assemble: Assemble) -> None:
    handlers = "handler irq0\n mov r2, #1\n note r2\n bx lr\nhandler irq1\n mov r2, #2\n note r2\n bx lr\n"
    source = START + priorities(irq0=0x40, irq1=0x30) + enable(3) + "mov r6, #0x40\n msr basepri, r6\n"
    source += pend(0) + pend(1) + "mov r2, #9\n note r2\n" + END
    assert assemble(source + handlers, {16: "irq0", 17: "irq1"}).run().notes(3) == [2, 9, 0]


def test_svc_and_pendsv(assemble: Assemble) -> None:
    handlers = f"""
handler svc
    ldr r0, [sp, #24]
    ldrb r0, [r0, #-2]  // the number in the instruction
    note r0
    ldr r0, ={ICSR}
    mov r1, #1 << 28
    str r1, [r0]
    mov r2, #2
    note r2
    bx lr
handler pendsv
    mov r2, #3
    note r2
    bx lr
"""
    source = (
        START
        + f"ldr r0, ={SHPR3}\n ldr r1, =0x00F00000\n str r1, [r0]\n svc #77\n mov r2, #4\n note r2\n"
        + END
    )
    assert assemble(source + handlers, {11: "svc", 14: "pendsv"}).run().notes(4) == [77, 2, 3, 4]


def test_an_odd_stack_is_aligned_and_restored(assemble: Assemble) -> None:
    source = (
        START
        + enable(1)
        + "sub sp, #4\n mov r4, sp\n"
        + pend(0)
        + "mov r5, sp\n sub r4, r5\n note r4\n"
        + END
    )
    handlers = "handler irq0\n note sp\n ldr r0, [sp, #28]\n and r0, #0x200\n note r0\n bx lr\n"
    assert assemble(source + handlers, {16: "irq0"}).run().notes(3) == [STACK - 40, 0x200, 0]


def test_the_process_stack_of_an_unprivileged_thread(assemble: Assemble) -> None:
    source = (
        START
        + enable(1)
        + """
    ldr r0, =0x20004000
    msr psp, r0
    mov r0, #3          // process stack, unprivileged
    msr control, r0
    isb
    svc #0
    mrs r0, control
    note r0
    note sp
"""
        + END
    )
    handlers = "handler svc\n note sp\n note lr\n mrs r0, psp\n note r0\n bx lr\n"
    notes = assemble(source + handlers, {11: "svc"}).run().notes(5)
    assert notes == [STACK, 0xFFFFFFFD, 0x20004000 - 32, 3, 0x20004000]


def test_floating_point_registers_survive_a_handler_that_uses_them(assemble: Assemble) -> None:
    source = (
        START
        + enable(1)
        + """
    ldr r0, =0xE000ED88
    mov r1, #0xF << 20
    str r1, [r0]
    vmov.f32 s0, #1.5
    vmov.f32 s15, #2.5
    vmov.f32 s16, #3.5
    mov r4, sp
"""
        + pend(0)
        + """
    vmov r1, s0
    note r1
    vmov r1, s15
    note r1
    vmov r1, s16
    note r1
    mrs r1, control
    and r1, #4
    note r1
    mov r5, sp
    sub r4, r5
    note r4
"""
        + END
    )
    handlers = """
handler irq0
    note lr
    mrs r1, control
    and r1, #4
    note r1
    note sp
    vmov.f32 s0, #9.0
    vmov.f32 s15, #9.0
    bx lr
"""
    notes = assemble(source + handlers, {16: "irq0"}).run().notes(8)
    assert notes == [0xFFFFFFE9, 0, STACK - 104, 0x3FC00000, 0x40200000, 0x40600000, 4, 0]


def test_vtor_moves_the_table(assemble: Assemble) -> None:
    source = (
        START
        + """
    ldr r0, =0x08000000
    ldr r1, =0x20001000
    mov r2, #112
copy: ldr r3, [r0], #4
    str r3, [r1], #4
    subs r2, #1
    bne copy
    ldr r1, =0x20001000
    ldr r0, =other
    str r0, [r1, #64]
    ldr r0, =0xE000ED08
    str r1, [r0]
"""
        + enable(1)
        + pend(0)
        + END
        + "handler other\n mov r2, #66\n note r2\n bx lr\n"
    )
    assert assemble(source).run().notes(1) == [66]


def test_systick_comes_at_its_rate(assemble: Assemble) -> None:
    # 16 MHz after reset; a reload of 1599 makes 10 kHz.
    source = (
        START
        + """
    ldr r0, =0xE000E010
    ldr r1, =1599
    str r1, [r0, #4]
    mov r1, #0
    str r1, [r0, #8]
    mov r1, #7
    str r1, [r0]
sleep: wfi
    b sleep
handler tick
    add r4, #1
    ldr r0, =0x20000000
    str r4, [r0]
    bx lr
"""
    )
    program = assemble(source, {15: "tick"})
    program.run(100.2)
    assert program.notes(1) == [1000]
    counters = program.machine.counters()
    assert counters.exceptions == {15: 1000}
    assert counters.sleep_ns > 99_000_000


def test_sleep_on_exit(assemble: Assemble) -> None:
    source = (
        START
        + enable(1)
        + "ldr r0, =0xE000ED10\n mov r1, #2\n str r1, [r0]\n"
        + pend(0)
        + "mov r2, #9\n note r2\n"
        + END
    )
    program = assemble(source + "handler irq0\n mov r2, #1\n note r2\n bx lr\n", {16: "irq0"}).run()
    assert program.notes(2) == [1, 0]


def test_icsr_and_pending_registers(assemble: Assemble) -> None:
    source = (
        START
        + "cpsid i\n"
        + enable(8)
        + pend(3)
        + f"""
    ldr r0, ={ICSR}
    ldr r1, [r0]
    note r1
    ldr r0, ={NVIC_ISPR0}
    ldr r1, [r0]
    note r1
    mov r1, #8
    str r1, [r0, #0x80]     // ICPR
    ldr r1, [r0]
    note r1
    cpsie i
    mov r1, #1
    note r1
"""
        + END
    )
    notes = assemble(source, {}).run().notes(4)
    assert notes == [1 << 22 | 19 << 12 | 1 << 11, 8, 0, 1]


def test_software_reset_and_its_cause(assemble: Assemble) -> None:
    source = (
        START
        + """
    ldr r0, =0x40023874
    ldr r1, [r0]
    lsr r1, #25
    ldr r2, =0x20000100
    ldr r3, [r2]
    ldr r4, =0xCAFE
    cmp r3, r4
    ittt eq
    streq r1, [r11, #4]
    moveq r5, #1
    beq end
    str r4, [r2]
    str r1, [r11]
    mov r1, #1 << 24
    str r1, [r0]            // RMVF
    ldr r0, =0xE000ED0C
    ldr r1, =0x05FA0004
    str r1, [r0]
    mov r1, #1
    str r1, [r11, #8]
"""
        + END
    )
    program = assemble(source).run()
    assert program.notes(2) == [0b111, 0b1010]  # BOR, pin, power; then pin, software
    assert [reset.cause for reset in program.machine.resets] == ["power", "software"]
    assert program.notes(3)[2] != 1  # nothing is executed behind the request
