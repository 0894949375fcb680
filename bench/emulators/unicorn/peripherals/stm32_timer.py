"""STM32F4 general-purpose timer, up-counting with output compare: RM0090, chapter 18."""

from __future__ import annotations

from ...repl import Entry
from ..clock import Event, Ticks
from .base import Board, Peripheral
from .stm32_rcc import Rcc

CR1, CR2, SMCR, DIER, SR, EGR, CCMR1, CCMR2, CCER = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x18, 0x1C, 0x20
CNT, PSC, ARR, CCR1, CCR4, DCR, DMAR, OR = 0x24, 0x28, 0x2C, 0x34, 0x40, 0x48, 0x4C, 0x50

_CEN, _UDIS, _URS, _OPM, _DIR, _CMS, _ARPE = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 4, 3 << 5, 1 << 7
_UIF = 1 << 0
_INTERRUPTS = 0x5F
_CHANNELS = 4
_UNMODELLED = {SMCR: 7, CCMR1: 0x303, CCMR2: 0x303}


class Timer(Peripheral):
    """Not modelled: counting down and centre-aligned, input capture, slave modes, outputs, DMA."""

    def __init__(self, board: Board, entry: Entry) -> None:
        super().__init__(board, entry)
        limit = entry.attributes.get("initialLimit")
        self._limit = limit if isinstance(limit, int) else 0xFFFF_FFFF
        self._event: Event | None = None
        self._ticks = Ticks(1)
        self._clear()

    def _clear(self) -> None:
        self._registers = dict.fromkeys((CR1, CR2, SMCR, DIER, SR, CCMR1, CCMR2, CCER, PSC, DCR, OR), 0)
        self._registers |= dict.fromkeys(range(CCR1, CCR4 + 4, 4), 0)
        self._arr = self._arr_shadow = self._limit
        self._ticks = Ticks(1)
        self._cancel()

    def connect(self) -> None:
        found = [p for p in self.board.peripherals() if isinstance(p, Rcc)]
        self._rcc = found[0] if found else None

    def reset(self, cause: str) -> None:
        self._clear()
        self._retime()
        self.irq(False)

    def _clock_hz(self) -> int:
        if self._rcc is not None:
            return self._rcc.timer_hz(self.base)
        frequency = self.entry.attributes.get("frequency", 0)
        return frequency if isinstance(frequency, int) else 0

    def clock_changed(self) -> None:
        hz = self._clock_hz()
        if hz != self._ticks.hz:
            self._ticks.retime(self.board.now_ns, hz=hz)
            self._arm()

    def _retime(self, divider: int | None = None) -> None:
        self._ticks.retime(
            self.board.now_ns, hz=self._clock_hz(), divider=divider, modulus=self._arr_shadow + 1
        )
        self._arm()

    # Events

    def _cancel(self) -> None:
        if self._event is not None:
            self._event.cancel()
            self._event = None

    def _arm(self) -> None:
        self._cancel()
        now = self.board.now_ns
        due = [self._ticks.next_match(value, now) for value in (0, *self._compares())]
        times = [time for time in due if time is not None]
        if times and self._registers[CR1] & _CEN:
            self._event = self.board.at(min(times), self._matched)

    def _compares(self) -> list[int]:
        return [self._registers[CCR1 + 4 * channel] for channel in range(_CHANNELS)]

    def _matched(self) -> None:
        count = self._ticks.value(self.board.now_ns)
        if count == 0:
            self._update_event(overflow=True)
        for channel, compare in enumerate(self._compares()):
            if compare == count:
                self._registers[SR] |= 2 << channel
        self._arm()
        self._update_irq()

    def _update_event(self, *, overflow: bool) -> None:
        cr1 = self._registers[CR1]
        if not overflow:
            self._ticks.load(0, self.board.now_ns)
        if cr1 & _UDIS:
            return
        if overflow or not cr1 & _URS:
            self._registers[SR] |= _UIF
        if overflow and cr1 & _OPM:
            self._registers[CR1] &= ~_CEN
            self._ticks.run(False, self.board.now_ns)
        self._arr_shadow = self._arr
        self._retime(self._registers[PSC] + 1)

    def _generate(self, events: int) -> None:
        if events & 1:
            self._update_event(overflow=False)
        self._registers[SR] |= events & 0x5E

    def _update_irq(self) -> None:
        self.irq(bool(self._registers[SR] & self._registers[DIER] & _INTERRUPTS))

    # Registers

    def read(self, offset: int) -> int:
        if offset == CNT:
            return self._ticks.value(self.board.now_ns)
        if offset == ARR:
            return self._arr
        if offset == EGR:
            return 0
        value = self._registers.get(offset)
        return self.unknown(offset) if value is None else value

    def write(self, offset: int, value: int) -> None:
        registers = self._registers
        now = self.board.now_ns
        if offset == SR:
            registers[SR] &= value
        elif offset == EGR:
            self._generate(value)
        elif offset == CNT:
            self._ticks.load(value % (self._arr_shadow + 1), now)
            self._arm()
        elif offset == ARR:
            self._arr = value & self._limit
            if not registers[CR1] & _ARPE:
                self._arr_shadow = self._arr
                self._retime()
        elif offset == CR1:
            registers[CR1] = value & 0x3FF
            if value & (_DIR | _CMS):
                self.report(CR1 + 1, "counting down is not modelled: CR1 0x%x counts up", value)
            self._ticks.run(bool(value & _CEN), now)
            self._retime()
        elif CCR1 <= offset <= CCR4:
            registers[offset] = value & self._limit
            self._arm()
        elif offset in registers:
            registers[offset] = value & 0xFFFF
            if offset in _UNMODELLED and value & _UNMODELLED[offset]:
                self.report(
                    offset, "slave modes and input capture are not modelled: 0x%x has no effect", value
                )
        else:
            self.unknown(offset, value)
        self._update_irq()
