"""System Control Space of a Cortex-M4F: SysTick, NVIC registers, SCB, FPU control; DWT's cycle counter.

Architecture Reference Manual (DDI 0403E) B3.2 to B3.4, Cortex-M4 Technical Reference Manual (DDI 0439D).
Not there: MPU (MPU_TYPE reads 0), debug, trace, FPB.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from enum import IntFlag
from typing import Protocol

from ..base import NS_PER_S
from . import nvic as exc
from .clock import Event, Ticks
from .nvic import FIRST_IRQ, Nvic

log = logging.getLogger(__name__)

SCS = 0xE000_E000
DWT = 0xE000_1000

CPUID_CORTEX_M4 = 0x410F_C241  # r0p1
IRQ_WORDS = 8

ICTR = 0x004
ACTLR = 0x008
SYST_CSR, SYST_RVR, SYST_CVR, SYST_CALIB = 0x010, 0x014, 0x018, 0x01C
ISER, ICER, ISPR, ICPR, IABR, IPR = 0x100, 0x180, 0x200, 0x280, 0x300, 0x400
IPR_END = IPR + 240
CPUID, ICSR, VTOR, AIRCR, SCR, CCR = 0xD00, 0xD04, 0xD08, 0xD0C, 0xD10, 0xD14
SHPR, SHCSR, CFSR, HFSR, DFSR, MMFAR, BFAR, AFSR = 0xD18, 0xD24, 0xD28, 0xD2C, 0xD30, 0xD34, 0xD38, 0xD3C
ID_FIRST, ID_END = 0xD40, 0xD78
CPACR = 0xD88
MPU_TYPE = 0xD90
DEMCR = 0xDFC
STIR = 0xF00
FPCCR, FPCAR, FPDSCR, MVFR0, MVFR1 = 0xF34, 0xF38, 0xF3C, 0xF40, 0xF44

_ID_REGISTERS = {
    0xD40: 0x0000_0030, 0xD44: 0x0000_0200, 0xD48: 0x0010_0000, 0xD50: 0x0010_0030,
    0xD58: 0x0100_0000, 0xD60: 0x0114_1110, 0xD64: 0x0211_1000, 0xD68: 0x2111_2231,
    0xD6C: 0x0111_1110, 0xD70: 0x0131_0132,
}  # fmt: skip

_SYST_ENABLE, _SYST_TICKINT, _SYST_CLKSOURCE, _SYST_COUNTFLAG = 1, 2, 4, 1 << 16
_SYST_MAX = 0xFF_FFFF

_ICSR_NMIPENDSET, _ICSR_PENDSVSET, _ICSR_PENDSVCLR = 1 << 31, 1 << 28, 1 << 27
_ICSR_PENDSTSET, _ICSR_PENDSTCLR, _ICSR_ISRPENDING, _ICSR_RETTOBASE = 1 << 26, 1 << 25, 1 << 22, 1 << 11
_AIRCR_KEY, _AIRCR_KEY_READ = 0x05FA, 0xFA05
_AIRCR_SYSRESETREQ = 1 << 2
_SCR_SLEEPONEXIT, _SCR_SEVONPEND = 1 << 1, 1 << 4
_CCR_NONBASETHRDENA, _CCR_UNALIGN_TRP, _CCR_DIV_0_TRP = 1 << 0, 1 << 3, 1 << 4
_CCR_BFHFNMIGN, _CCR_STKALIGN = 1 << 8, 1 << 9
_CCR_MASK = 0x31B
_CPACR_FPU = 0xF << 20
_FPCCR_ASPEN, _FPCCR_LSPEN = 1 << 31, 1 << 30
_DEMCR_TRCENA = 1 << 24

_SHCSR_ACTIVE = {
    exc.MEM_MANAGE: 0, exc.BUS_FAULT: 1, exc.USAGE_FAULT: 3, exc.SVCALL: 7,
    exc.DEBUG_MONITOR: 8, exc.PENDSV: 10, exc.SYSTICK: 11,
}  # fmt: skip
_SHCSR_PENDED = {exc.USAGE_FAULT: 12, exc.MEM_MANAGE: 13, exc.BUS_FAULT: 14, exc.SVCALL: 15}
_SHCSR_ENABLE = {exc.MEM_MANAGE: 16, exc.BUS_FAULT: 17, exc.USAGE_FAULT: 18}


class Cfsr(IntFlag):
    """Configurable Fault Status Register (B3.2.15)."""

    IACCVIOL = 1 << 0
    DACCVIOL = 1 << 1
    MUNSTKERR = 1 << 3
    MSTKERR = 1 << 4
    MMARVALID = 1 << 7
    IBUSERR = 1 << 8
    PRECISERR = 1 << 9
    IMPRECISERR = 1 << 10
    UNSTKERR = 1 << 11
    STKERR = 1 << 12
    BFARVALID = 1 << 15
    UNDEFINSTR = 1 << 16
    INVSTATE = 1 << 17
    INVPC = 1 << 18
    NOCP = 1 << 19
    UNALIGNED = 1 << 24
    DIVBYZERO = 1 << 25
    USAGE = 0xFFFF_0000


class Hfsr(IntFlag):
    """HardFault Status Register (B3.2.16)."""

    VECTTBL = 1 << 1
    FORCED = 1 << 30
    DEBUGEVT = 1 << 31


class Host(Protocol):
    """What the system control space needs of the machine."""

    @property
    def now_ns(self) -> int: ...

    def at(self, at_ns: int, action: Callable[[], None]) -> Event: ...

    def request_reset(self, cause: str) -> None: ...

    @property
    def core_hz(self) -> int: ...

    @property
    def systick_reference_hz(self) -> int: ...

    def awake_ns(self) -> int: ...


class SysTick:
    """B3.3: a 24-bit down-counter."""

    def __init__(self, host: Host, nvic: Nvic) -> None:
        self._host = host
        self._nvic = nvic
        self._event: Event | None = None
        self._ticks = Ticks(1)
        self.reset()

    def reset(self) -> None:
        self._control = 0
        self._reload = 0
        self._flag = False
        self._ticks = Ticks(1)
        self._cancel()

    def _cancel(self) -> None:
        if self._event is not None:
            self._event.cancel()
            self._event = None

    def _hz(self) -> int:
        return self._host.core_hz if self._control & _SYST_CLKSOURCE else self._host.systick_reference_hz

    def _current(self) -> int:
        # An up-counter from 0 stands for the value: 0, then the reload value and down from there.
        ticks = self._ticks.value(self._host.now_ns)
        return (self._reload + 1 - ticks) % (self._reload + 1) if self._reload else 0

    def _start(self, ticks: int) -> None:
        now = self._host.now_ns
        self._cancel()
        self._ticks = Ticks(self._hz(), modulus=self._reload + 1)
        self._ticks.load(ticks, now)
        self._ticks.run(bool(self._control & _SYST_ENABLE), now)
        self._arm()

    def _arm(self) -> None:
        if self._reload and self._control & _SYST_ENABLE:
            due = self._ticks.next_match(0, self._host.now_ns)
            if due is not None:
                self._event = self._host.at(due, self._wrapped)

    def _wrapped(self) -> None:
        self._flag = True
        if self._control & _SYST_TICKINT:
            self._nvic.pend(exc.SYSTICK)
        self._arm()

    def retime(self) -> None:
        """The core's clock has changed."""
        if self._control & _SYST_ENABLE:
            self._start(self._ticks.value(self._host.now_ns))

    def read(self, offset: int) -> int:
        if offset == SYST_CSR:
            value = self._control | (_SYST_COUNTFLAG if self._flag else 0)
            self._flag = False
            return value
        if offset == SYST_RVR:
            return self._reload
        if offset == SYST_CVR:
            return self._current()
        return 1 << 31  # SYST_CALIB: NOREF, no calibration value

    def write(self, offset: int, value: int) -> None:
        if offset == SYST_CSR:
            ticks = self._ticks.value(self._host.now_ns)
            self._control = value & 7
            self._start(ticks)
        elif offset == SYST_RVR:
            current = self._current()
            self._reload = value & _SYST_MAX
            # The new value counts from the next reload on; with the counter at 0 that is at once.
            self._start((self._reload + 1 - min(current, self._reload)) % (self._reload + 1))
        elif offset == SYST_CVR:
            self._flag = False
            self._start(0)


class SystemControl:
    """Registers at 0xE000E000, and what the exception model asks of them."""

    def __init__(self, host: Host, nvic: Nvic) -> None:
        self._host = host
        self._nvic = nvic
        self.systick = SysTick(host, nvic)
        self._reported: set[str] = set()
        self.exception_number: Callable[[], int] = lambda: 0
        """IPSR of the core."""
        self.set_event: Callable[[], None] = lambda: None
        nvic.pended = self._pended
        self.reset()

    def reset(self) -> None:
        self.systick.reset()
        self.vtor = 0
        self.prigroup = 0
        self.scr = 0
        self.ccr = _CCR_STKALIGN
        self.cfsr = Cfsr(0)
        self.hfsr = Hfsr(0)
        self.dfsr = 0
        self.mmfar = 0
        self.bfar = 0
        self.actlr = 0
        self.cpacr = 0
        self.fpccr = _FPCCR_ASPEN | _FPCCR_LSPEN
        self.fpcar = 0
        self.fpdscr = 0
        self.demcr = 0

    # What the exception model asks

    @property
    def stack_align(self) -> bool:
        return bool(self.ccr & _CCR_STKALIGN)

    @property
    def nonbase_thread(self) -> bool:
        return bool(self.ccr & _CCR_NONBASETHRDENA)

    @property
    def sleep_on_exit(self) -> bool:
        return bool(self.scr & _SCR_SLEEPONEXIT)

    @property
    def automatic_fp_state(self) -> bool:
        return bool(self.fpccr & _FPCCR_ASPEN)

    def bus_faults_ignored(self, execution_priority: int) -> bool:
        return bool(self.ccr & _CCR_BFHFNMIGN) and execution_priority < 0

    def note_fpu_use(self, pc: int) -> None:
        if self.cpacr & _CPACR_FPU != _CPACR_FPU:
            self._report(
                f"the firmware has used the FPU before 0x{pc:08x}, but CPACR does not enable it: "
                "on the chip that is a UsageFault (NOCP)"
            )

    def classify(
        self, exception: int, cause: Cfsr, address: int | None, masks: Sequence[int] = (0, 0, 0)
    ) -> int | None:
        """Note a fault in CFSR, HFSR, BFAR and MMFAR; the exception to enter, None for lockup (B1.5.14)."""
        nvic = self._nvic
        self.cfsr |= cause
        if address is not None:
            if exception == exc.BUS_FAULT:
                self.bfar = address
                self.cfsr |= Cfsr.BFARVALID
            else:
                self.mmfar = address
                self.cfsr |= Cfsr.MMARVALID
        priority = nvic.execution_priority(*masks)
        if exception in nvic.enabled and nvic.preempts(exception, priority):
            return exception
        if priority <= -1:
            return None
        self.hfsr |= Hfsr.FORCED
        return exc.HARD_FAULT

    def _pended(self) -> None:
        if self.scr & _SCR_SEVONPEND:
            self.set_event()

    # Registers

    def read(self, address: int, size: int) -> int:
        offset = address - SCS
        if IPR <= offset < IPR_END:
            first = FIRST_IRQ + offset - IPR
            return int.from_bytes(bytes(self._nvic.priority[first : first + size]), "little")
        if SHPR <= offset < SHPR + 12:
            first = 4 + offset - SHPR
            return int.from_bytes(bytes(self._nvic.priority[first : first + size]), "little")
        word = self._read_word(offset & ~3)
        return word >> 8 * (offset & 3) & (1 << 8 * size) - 1

    def write(self, address: int, size: int, value: int) -> None:
        offset = address - SCS
        if IPR <= offset < IPR_END or SHPR <= offset < SHPR + 12:
            first = FIRST_IRQ + offset - IPR if offset < IPR_END else 4 + offset - SHPR
            for i, priority in enumerate(value.to_bytes(size, "little")):
                self._nvic.set_priority(first + i, priority)
            return
        if CFSR <= offset < CFSR + 4:
            self.cfsr &= ~(value << 8 * (offset & 3))
            return
        self._write_word(offset & ~3, value << 8 * (offset & 3))

    def _read_word(self, offset: int) -> int:  # noqa: PLR0911
        nvic = self._nvic
        if SYST_CSR <= offset <= SYST_CALIB:
            return self.systick.read(offset)
        if ISER <= offset < IPR:
            first = FIRST_IRQ + (offset & 0x1F) * 8
            banks = {
                ISER: nvic.enabled,
                ICER: nvic.enabled,
                ISPR: nvic.pending,
                ICPR: nvic.pending,
                IABR: nvic.active,
            }
            members = banks.get(offset & ~0x1F, ())
            return sum(1 << i for i in range(32) if first + i in members)
        if offset == ICSR:
            return self._read_icsr()
        if offset == AIRCR:
            return _AIRCR_KEY_READ << 16 | self.prigroup << 8
        if offset == SHCSR:
            return self._read_shcsr()
        if ID_FIRST <= offset < ID_END:
            return _ID_REGISTERS.get(offset, 0)
        plain = {
            ICTR: IRQ_WORDS - 1, ACTLR: self.actlr, CPUID: CPUID_CORTEX_M4, VTOR: self.vtor, SCR: self.scr,
            CCR: self.ccr, CFSR: int(self.cfsr), HFSR: int(self.hfsr), DFSR: self.dfsr, MMFAR: self.mmfar,
            BFAR: self.bfar, AFSR: 0, CPACR: self.cpacr, MPU_TYPE: 0, DEMCR: self.demcr, FPCCR: self.fpccr,
            FPCAR: self.fpcar, FPDSCR: self.fpdscr, MVFR0: 0x1011_0021, MVFR1: 0x1100_0011,
        }  # fmt: skip
        value = plain.get(offset)
        if value is None:
            self._report(f"read of the unmodelled system register 0x{SCS + offset:08x}, answered with 0")
            return 0
        return value

    def _write_word(self, offset: int, value: int) -> None:  # noqa: PLR0912
        nvic = self._nvic
        if SYST_CSR <= offset <= SYST_CALIB:
            self.systick.write(offset, value)
        elif ISER <= offset < IABR:
            actions = {ISER: nvic.enable, ICER: nvic.disable, ISPR: nvic.pend, ICPR: nvic.unpend}
            action = actions.get(offset & ~0x1F)
            first = FIRST_IRQ + (offset & 0x1F) * 8
            if action is not None:
                for i in range(32):
                    if value >> i & 1 and first + i < exc.COUNT:
                        action(first + i)
        elif offset == ICSR:
            self._write_icsr(value)
        elif offset == VTOR:
            self.vtor = value & 0x3FFF_FF80
        elif offset == AIRCR:
            if value >> 16 == _AIRCR_KEY:
                self.prigroup = value >> 8 & 7
                nvic.set_group(self.prigroup)
                if value & _AIRCR_SYSRESETREQ:
                    self._host.request_reset("software")
        elif offset == SCR:
            self.scr = value & 0x16
        elif offset == CCR:
            self._write_ccr(value)
        elif offset == SHCSR:
            for exception, bit in _SHCSR_ENABLE.items():
                (nvic.enable if value >> bit & 1 else nvic.disable)(exception)
        elif offset == HFSR:
            self.hfsr &= ~value
        elif offset == DFSR:
            self.dfsr &= ~value
        elif offset == MMFAR:
            self.mmfar = value
        elif offset == BFAR:
            self.bfar = value
        elif offset == ACTLR:
            self.actlr = value
        elif offset == CPACR:
            self.cpacr = value & _CPACR_FPU
        elif offset == DEMCR:
            self.demcr = value & 0x010F_07F1
        elif offset == STIR:
            nvic.pend(FIRST_IRQ + (value & 0x1FF) % 240)
        elif offset == FPCCR:
            self.fpccr = value & (_FPCCR_ASPEN | _FPCCR_LSPEN)
        elif offset == FPCAR:
            self.fpcar = value & ~7
        elif offset == FPDSCR:
            self.fpdscr = value & 0x07C0_0000
        elif offset not in {CPUID, ICTR, AFSR, MVFR0, MVFR1}:
            self._report(
                f"write of 0x{value:08x} to the unmodelled system register 0x{SCS + offset:08x}, ignored"
            )

    def _read_icsr(self) -> int:
        nvic = self._nvic
        value = self.exception_number()
        first = nvic.first()
        if first is not None:
            value |= first << 12
        value |= _ICSR_RETTOBASE if len(nvic.active) <= 1 else 0
        value |= _ICSR_ISRPENDING if any(exception >= FIRST_IRQ for exception in nvic.pending) else 0
        value |= _ICSR_PENDSTSET if exc.SYSTICK in nvic.pending else 0
        value |= _ICSR_PENDSVSET if exc.PENDSV in nvic.pending else 0
        value |= _ICSR_NMIPENDSET if exc.NMI in nvic.pending else 0
        return value

    def _write_icsr(self, value: int) -> None:
        nvic = self._nvic
        if value & _ICSR_NMIPENDSET:
            nvic.pend(exc.NMI)
        if value & _ICSR_PENDSVSET:
            nvic.pend(exc.PENDSV)
        elif value & _ICSR_PENDSVCLR:
            nvic.unpend(exc.PENDSV)
        if value & _ICSR_PENDSTSET:
            nvic.pend(exc.SYSTICK)
        elif value & _ICSR_PENDSTCLR:
            nvic.unpend(exc.SYSTICK)

    def _write_ccr(self, value: int) -> None:
        self.ccr = value & _CCR_MASK
        for bit, name in ((_CCR_DIV_0_TRP, "DIV_0_TRP"), (_CCR_UNALIGN_TRP, "UNALIGN_TRP")):
            if value & bit:
                self._report(
                    f"the firmware has set CCR.{name}: this emulator does not trap there, the chip does"
                )

    def _read_shcsr(self) -> int:
        nvic = self._nvic
        value = sum(1 << bit for exception, bit in _SHCSR_ACTIVE.items() if exception in nvic.active)
        value |= sum(1 << bit for exception, bit in _SHCSR_PENDED.items() if exception in nvic.pending)
        return value | sum(1 << bit for exception, bit in _SHCSR_ENABLE.items() if exception in nvic.enabled)

    def _report(self, text: str) -> None:
        if text not in self._reported:
            self._reported.add(text)
            log.warning("%s", text)


class CycleCounter:
    """DWT_CTRL and DWT_CYCCNT (C1.8): cycles of the core while it is awake."""

    def __init__(self, host: Host, system: SystemControl) -> None:
        self._host = host
        self._system = system
        self.reset()

    def reset(self) -> None:
        self._enabled = False
        self._base = 0

    def _cycles(self) -> int:
        return self._host.awake_ns() * self._host.core_hz // NS_PER_S

    def read(self, address: int, _size: int) -> int:
        if address == DWT:
            return 0x4000_0000 | int(self._enabled)  # 4 comparators
        if address == DWT + 4:
            return ((self._cycles() if self._enabled else 0) + self._base) & 0xFFFF_FFFF
        return 0

    def write(self, address: int, _size: int, value: int) -> None:
        if address == DWT:
            current = self.read(DWT + 4, 4)
            self._enabled = bool(value & 1) and bool(self._system.demcr & _DEMCR_TRCENA)
            self._base = current - (self._cycles() if self._enabled else 0)
        elif address == DWT + 4:
            self._base = value - (self._cycles() if self._enabled else 0)
