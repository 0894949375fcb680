"""Exception entry, return and faults of a Cortex-M4F, which Unicorn leaves to its user.

Architecture Reference Manual (DDI 0403E), B1.5.6 to B1.5.18. Two simplifications: the floating-point
registers are stacked at once where the hardware may do so lazily (FPCCR.LSPEN), and entry and return take
no time. Late arrival needs no model: an exception is taken between two instructions, the most urgent first.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from enum import Enum, auto

from unicorn import arm_const as arm

from . import nvic as exc
from .core import REGISTERS, Batch, BusError, Core
from .handler_stack import HandlerStack
from .memory import Memories
from .nvic import Nvic
from .system import Cfsr, Hfsr, SystemControl

_THUMB = 1 << 24
_PADDED = 1 << 9
"""Bit of the stacked xPSR: the stack pointer was aligned by 4 more bytes."""
_FLAGS = 0xF80F_0000
"""N, Z, C, V, Q and GE of the xPSR: what entry leaves as it is."""
_NPRIV, _SPSEL, _FPCA = 1, 2, 4

_EXTENDED_FRAME = 1 << 4
"""Bit of EXC_RETURN, clear for a frame with floating-point registers."""
_RETURN_TO_HANDLER, _RETURN_TO_MSP, _RETURN_TO_PSP = 0x1, 0x9, 0xD

_BASIC = struct.Struct("<8I")
_EXTENDED = struct.Struct("<18I")


class Taken(Enum):
    """What became of the first pending exception. MASKED: it waits for PRIMASK, BASEPRI or FAULTMASK only."""

    NONE = auto()
    ENTERED = auto()
    MASKED = auto()


class Exceptions:
    """The exception state of one core.

    `pc` is where execution goes on. `event` is the event register (WFE). `locked_up` ends with a reset.
    """

    def __init__(self, core: Core, nvic: Nvic, system: SystemControl, memories: Memories) -> None:
        self._core = core
        self._nvic = nvic
        self._system = system
        self._memories = memories
        self.pc = 0
        self.event = False
        self.locked_up = False
        self.sleep_on_exit = False
        """Set by a return to thread mode with SCR.SLEEPONEXIT."""
        self.counts: dict[int, int] = {}
        self.on_lockup: Callable[[], None] = lambda: None
        self.handler_stack: HandlerStack | None = None

        def batch(names: str) -> Batch:
            return core.batch([REGISTERS[name] for name in names.split()])

        self._context = batch("r0 r1 r2 r3 r12 lr xpsr sp control primask basepri faultmask")
        self._entered = batch("sp control xpsr lr")
        self._handler = batch("xpsr control sp psp primask basepri faultmask")
        self._left = batch("control xpsr control sp r0 r1 r2 r3 r12 lr")
        self._masks = batch("primask basepri faultmask")
        self._floats = core.batch([REGISTERS[f"s{i}"] for i in range(16)] + [arm.UC_ARM_REG_FPSCR])

    def reset(self, stack: int, entry: int) -> None:
        """B1.5.5. Sets the registers to their reset values and execution to `entry`."""
        core = self._core
        core.write_register("xpsr", _THUMB | exc.HARD_FAULT)  # privileged, whatever was before
        for name in ("primask", "basepri", "faultmask", "control"):
            core.write_register(name, 0)
        core.write_register("xpsr", _THUMB)
        core.write_register("control", 0)
        core.write_register("psp", 0)
        core.write_register("msp", stack & ~3)
        core.write_register("lr", 0xFFFF_FFFF)
        for i in range(13):
            core.write_register(f"r{i}", 0)
        self._floats.write(*[0] * 17)
        if self.handler_stack:
            self.handler_stack.end()
        self.pc = entry & ~1
        self.event = False
        self.locked_up = False
        self.sleep_on_exit = False
        if not entry & 1:
            self.fault(exc.USAGE_FAULT, Cfsr.INVSTATE)

    def masks(self) -> list[int]:
        """PRIMASK, BASEPRI, FAULTMASK."""
        return self._masks.read()

    def take(self) -> Taken:
        """Enter the first pending exception, unless it is held back."""
        nvic = self._nvic
        exception = nvic.first()
        if exception is None:
            return Taken.NONE
        context = self._context.read()
        if nvic.preempts(exception, nvic.execution_priority(*context[9:])):
            self._enter(exception, context)
            return Taken.ENTERED
        return Taken.MASKED if nvic.preempts(exception, nvic.execution_priority()) else Taken.NONE

    def would_wake(self) -> bool:
        """B1.5.19: an exception that would preempt if PRIMASK were clear ends WFI."""
        exception = self._nvic.first()
        if exception is None:
            return False
        _, basepri, faultmask = self._masks.read()
        return self._nvic.preempts(exception, self._nvic.execution_priority(0, basepri, faultmask))

    def _enter(self, exception: int, context: list[int]) -> None:
        r0, r1, r2, r3, r12, lr, xpsr, sp, control = context[:9]
        system = self._system
        handler_mode = xpsr & 0x1FF
        extended = bool(control & _FPCA) and system.automatic_fp_state
        size = _BASIC.size + (_EXTENDED.size if extended else 0)
        padded = bool(sp & 4) and (system.stack_align or extended)
        frame = (sp - size - (4 if padded else 0)) & 0xFFFF_FFFF
        stacked = _BASIC.pack(r0, r1, r2, r3, r12, lr, self.pc, xpsr & ~_PADDED | (_PADDED if padded else 0))
        if extended:
            system.note_fpu_use(self.pc)
            stacked += _EXTENDED.pack(*self._floats.read(), 0)
        if handler_mode:
            exc_return = 0xFFFF_FFE0 | _RETURN_TO_HANDLER
        else:
            exc_return = 0xFFFF_FFE0 | (_RETURN_TO_PSP if control & _SPSEL else _RETURN_TO_MSP)
        if not extended:
            exc_return |= _EXTENDED_FRAME
        if self.handler_stack and not handler_mode and not control & _SPSEL:
            self.handler_stack.begin(sp)
        try:
            self._memories.write(frame, stacked)
        except BusError:
            entered = self._fault_while_stacking(exception)
            if entered is None:
                self._lock_up()
                return
            exception = entered
        self._entered.write(frame, control & _NPRIV, xpsr & _FLAGS | _THUMB | exception, exc_return)
        self._vector(exception)

    def _fault_while_stacking(self, exception: int) -> int | None:
        """A derived exception (B1.5.10): the frame is lost, and the more urgent of both is entered, the other
        one stays pending. None for lockup."""
        system, nvic = self._system, self._nvic
        if system.bus_faults_ignored(nvic.execution_priority()):
            return exception
        system.cfsr |= Cfsr.STKERR
        if exception == exc.HARD_FAULT or nvic.execution_priority() <= -1:
            return None
        derived = exc.BUS_FAULT
        if exc.BUS_FAULT not in nvic.enabled:
            system.hfsr |= Hfsr.FORCED
            derived = exc.HARD_FAULT
        first, second = sorted((derived, exception), key=lambda each: (nvic.priority[each], each))
        if second != first:
            nvic.pending.add(second)
        return first

    def _vector(self, exception: int) -> None:
        """Go to the handler. The core is in handler mode with its link register set already."""
        self._nvic.activate(exception)
        self.counts[exception] = self.counts.get(exception, 0) + 1
        self.event = True
        try:
            vector = self._memories.read_word(self._system.vtor + 4 * exception)
        except BusError:
            self._system.hfsr |= Hfsr.VECTTBL
            if exception == exc.HARD_FAULT:
                self._lock_up()
                return
            self._nvic.pend(exc.HARD_FAULT)
            self.pc = 0
            self.take()
            return
        self.pc = vector & ~1
        if not vector & 1:
            self.fault(exc.USAGE_FAULT, Cfsr.INVSTATE)

    def leave(self, exc_return: int) -> None:
        """Return from an exception (B1.5.8): tail-chain, or unstack and go on where it was interrupted."""
        nvic, system = self._nvic, self._system
        xpsr, control, msp, psp, primask, basepri, faultmask = self._handler.read()
        current = xpsr & 0x1FF
        if not current:
            # In thread mode the value is an address like any other, in a region that is never executable.
            self.fault(exc.MEM_MANAGE, Cfsr.IACCVIOL)
            return
        target = exc_return & 0xF
        legal = (exc_return | _EXTENDED_FRAME) >> 4 == 0xFFF_FFFF and current in nvic.active
        if legal and target == _RETURN_TO_HANDLER:
            legal = len(nvic.active) > 1
        elif legal and target in {_RETURN_TO_MSP, _RETURN_TO_PSP}:
            legal = len(nvic.active) == 1 or system.nonbase_thread
        else:
            legal = False
        if current in nvic.active:
            nvic.deactivate(current)
        if faultmask and current != exc.NMI:
            self._core.write_register("faultmask", 0)
            faultmask = 0
        self.event = True
        if not legal:
            self._chain_fault(exc_return, Cfsr.INVPC)
            return
        following = nvic.first()
        if following is not None and nvic.preempts(
            following, nvic.execution_priority(primask, basepri, faultmask)
        ):
            self._chain(following, exc_return)
            return
        self._unstack(exc_return, target, control, psp if target == _RETURN_TO_PSP else msp)

    def _chain(self, exception: int, exc_return: int) -> None:
        """Enter a handler straight from another one: the frame stays where it is."""
        xpsr, *_ = self._handler.read()
        self._core.write_register("xpsr", xpsr & _FLAGS | _THUMB | exception)
        self._core.write_register("lr", exc_return)
        self._vector(exception)

    def _chain_fault(self, exc_return: int, cause: Cfsr) -> None:
        """A fault of the return itself, taken with the old frame still stacked."""
        exception = self._system.classify(
            exc.USAGE_FAULT if cause & Cfsr.USAGE else exc.BUS_FAULT, cause, None
        )
        if exception is None:
            self._lock_up()
            return
        self._chain(exception, exc_return)

    def _unstack(self, exc_return: int, target: int, control: int, frame: int) -> None:
        extended = not exc_return & _EXTENDED_FRAME
        size = _BASIC.size + (_EXTENDED.size if extended else 0)
        try:
            stacked = self._memories.read(frame, size)
        except BusError:
            if self._system.bus_faults_ignored(self._nvic.execution_priority()):
                stacked = bytes(size)
            else:
                self._chain_fault(exc_return, Cfsr.UNSTKERR)
                return
        r0, r1, r2, r3, r12, lr, pc, xpsr = _BASIC.unpack_from(stacked)
        returns_to_handler = target == _RETURN_TO_HANDLER
        if bool(xpsr & 0x1FF) != returns_to_handler:
            self._chain_fault(exc_return, Cfsr.INVPC)
            return
        if extended:
            self._floats.write(*_EXTENDED.unpack_from(stacked, _BASIC.size)[:17])
        sp = (frame + size + (4 if xpsr & _PADDED else 0)) & 0xFFFF_FFFF
        control &= _NPRIV
        if target == _RETURN_TO_PSP:
            control |= _SPSEL
        if extended:
            control |= _FPCA
        # CONTROL first without nPRIV: an unprivileged thread could not take the rest.
        self._left.write(0, xpsr & ~_PADDED, control, sp, r0, r1, r2, r3, r12, lr)
        self.pc = pc & ~1
        if not returns_to_handler:
            if self.handler_stack:
                self.handler_stack.end()
            self.sleep_on_exit = self._system.sleep_on_exit
        if not xpsr & _THUMB:
            self.fault(exc.USAGE_FAULT, Cfsr.INVSTATE)

    def supervisor_call(self) -> None:
        """SVC: taken at once, or escalated (B1.5.14). `pc` is already behind the instruction."""
        nvic = self._nvic
        context = self._context.read()
        priority = nvic.execution_priority(*context[9:])
        if nvic.preempts(exc.SVCALL, priority):
            nvic.pend(exc.SVCALL)
            self.take()
            return
        self._hard_fault(Hfsr.FORCED)

    def breakpoint(self) -> None:
        """BKPT with no debugger attached (C1.5)."""
        self._hard_fault(Hfsr.DEBUGEVT)

    def _hard_fault(self, cause: Hfsr) -> None:
        self._system.hfsr |= cause
        context = self._context.read()
        if self._nvic.execution_priority(*context[9:]) <= -1:
            self._lock_up()
            return
        self._enter(exc.HARD_FAULT, context)

    def fault(self, exception: int, cause: Cfsr, address: int | None = None) -> None:
        """A fault at `pc`, to its own handler or to HardFault; lockup from within HardFault or NMI.

        `address` is put into BFAR or MMFAR.
        """
        context = self._context.read()
        masks = context[9:]
        taken = self._system.classify(exception, cause, address, masks)
        if taken is None:
            self._lock_up()
            return
        self._enter(taken, context)

    def asynchronous_bus_fault(self) -> None:
        """An imprecise error of another bus master; pends, as there is no instruction to blame."""
        system, nvic = self._system, self._nvic
        system.cfsr |= Cfsr.IMPRECISERR
        if exc.BUS_FAULT in nvic.enabled:
            nvic.pend(exc.BUS_FAULT)
        else:
            system.hfsr |= Hfsr.FORCED
            nvic.pend(exc.HARD_FAULT)

    def _lock_up(self) -> None:
        self.locked_up = True
        self.on_lockup()
