"""What the bench sees of a board without the firmware being able to tell: visits, stack of interrupts."""

from __future__ import annotations

from .conftest import RESULT, STACK, Assemble

CALLS = """
handler reset
    ldr r11, =0x20000000
    ldr r10, =0x20000010
    mov r4, #3
1:  str r4, [r10]
    mov r1, #5
    bl called
back:
    str r1, [r11], #4
    subs r4, #1
    bne 1b
    b .
handler called
    add r1, #1
    bx lr
"""


def test_each_visit_is_noted_with_what_memory_held(assemble: Assemble) -> None:
    plain = assemble(CALLS).run()
    program = assemble(CALLS)
    called = program.symbol("called")
    program.machine.trace(called, [(RESULT + 16, 4), (RESULT + 20, 8)])
    program.run()
    visits = program.machine.visits()
    assert [visit.address for visit in visits] == [called] * 3
    assert [visit.memory[0] for visit in visits] == [3, 2, 1]
    assert [len(visit.memory) for visit in visits] == [12] * 3
    first, second, third = (visit.instructions for visit in visits)
    assert second - first == third - second == 8
    assert program.machine.visits() == []
    assert program.machine.counters() == plain.machine.counters()


def test_registers_can_be_set_at_a_visit(assemble: Assemble) -> None:
    program = assemble(CALLS)
    program.machine.trace(program.symbol("called"), registers={"r1": 76})
    assert program.run().notes(3) == [77, 77, 77]


def test_a_return_address_is_visited_however_the_run_is_sliced(assemble: Assemble) -> None:
    program = assemble(CALLS)
    program.machine.trace(program.symbol("back"))
    for _ in range(2000):
        program.machine.advance(program.machine.now_ns + 100)
    visits = program.machine.visits()
    assert len(visits) == len({visit.instructions for visit in visits}) == 3


# PendSV takes 32 bytes of frame, 20 of registers and 40 of its own; the last time 200 more.
INTERRUPTED = """
handler reset
    ldr r11, =0x20000000
    ldr r9, =0xE000ED04
    ldr r7, =0x0BADCAFE
    sub r5, sp, #600
    sub r4, sp, #64
    str r7, [r5]
    str r7, [r4]
    mov r6, #3
1:  mov r1, #1 << 28
    str r1, [r9]
    isb
    subs r6, #1
    bne 1b
    ldr r0, [r5]
    note r0
    ldr r0, [r4]
    note r0
    b .
handler pended
    push {r4-r8}
    sub sp, #40
    str r0, [sp]
    cmp r6, #1
    bne 2f
    sub r1, sp, #200
    str r0, [r1]
2:  add sp, #40
    pop {r4-r8}
    bx lr
"""


def test_stack_of_interrupts_is_their_deepest_and_what_they_leave_alone_stays(assemble: Assemble) -> None:
    program = assemble(INTERRUPTED, {14: "pended"})
    assert program.machine.counters().interrupt_stack is None
    program.machine.follow_interrupts(STACK - 0x1000, STACK)
    program.run()
    assert program.machine.counters().interrupt_stack == 32 + 20 + 40 + 200
    assert program.notes(2) == [0x0BADCAFE, 0x0BADCAFE]
    assert program.machine.counters().exceptions == {14: 3}
