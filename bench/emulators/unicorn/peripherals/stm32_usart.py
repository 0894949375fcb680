"""STM32F4 USART, asynchronous mode: RM0090, chapter 30."""

from __future__ import annotations

from ...base import NS_PER_S
from ...repl import Entry
from ..clock import Event
from .base import Board, Uart
from .stm32_rcc import Rcc

SR, DR, BRR, CR1, CR2, CR3, GTPR = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x18

_ORE, _IDLE, _RXNE, _TC, _TXE = 1 << 3, 1 << 4, 1 << 5, 1 << 6, 1 << 7
_RECEIVE_FLAGS = 0x1F  # PE, FE, NF, ORE, IDLE: cleared by reading SR, then DR
_CLEARED_BY_ZERO = _RXNE | _TC | 1 << 8 | 1 << 9  # LBD, CTS
_SBK, _RE, _TE, _IDLEIE, _RXNEIE, _TCIE, _TXEIE = 1 << 0, 1 << 2, 1 << 3, 1 << 4, 1 << 5, 1 << 6, 1 << 7
_PCE, _M, _UE, _OVER8 = 1 << 10, 1 << 12, 1 << 13, 1 << 15
_EIE, _DMAR, _DMAT = 1 << 0, 1 << 6, 1 << 7


class Usart(Uart):
    """Not modelled: DMA, parity errors, smartcard, LIN, hardware flow control."""

    def __init__(self, board: Board, entry: Entry) -> None:
        super().__init__(board, entry)
        self._shift: Event | None = None
        self._idle: Event | None = None
        self._clear()

    def _clear(self) -> None:
        self._sr = _TC | _TXE
        self._sr_was_read = 0
        self._rdr = 0
        self._tdr: int | None = None
        self._shifting = 0
        self._brr = self._cr1 = self._cr2 = self._cr3 = self._gtpr = 0
        for event in (self._shift, self._idle):
            if event is not None:
                event.cancel()
        self._shift = self._idle = None

    def connect(self) -> None:
        found = [p for p in self.board.peripherals() if isinstance(p, Rcc)]
        self._rcc = found[0] if found else None

    def reset(self, cause: str) -> None:
        self._clear()
        self.irq(False)

    def _clock_hz(self) -> int:
        if self._rcc is not None:
            return self._rcc.pclk_hz(self.base)
        frequency = self.entry.attributes.get("frequency", 8_000_000)
        return frequency if isinstance(frequency, int) else 8_000_000

    def frame_ns(self) -> int:
        clock_hz, brr = self._clock_hz(), self._brr
        if not self._cr1 & _UE or not brr or not clock_hz:
            return 10 * NS_PER_S // self.LINE_HZ_UNSET
        # Oversampling by 8 has three fraction bits in four (30.3.4).
        bit_clocks = (brr >> 4) * 8 + (brr & 7) if self._cr1 & _OVER8 else brr
        half_bits = 2 * (11 if self._cr1 & _M else 10) + (0, -1, 2, 1)[self._cr2 >> 12 & 3]
        return half_bits * bit_clocks * NS_PER_S // (2 * clock_hz)

    # Receiver

    def received(self, byte: int) -> None:
        if not self.clocked or not self._cr1 & _UE or not self._cr1 & _RE:
            return
        if self._sr & _RXNE:
            self._sr |= _ORE  # the character that has just come is lost (30.3.3)
        else:
            self._rdr = byte
            self._sr |= _RXNE
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        if self._arrival is None:
            self._idle = self.board.at(self.board.now_ns + self.frame_ns(), self._line_idle)
        self._update()

    def _line_idle(self) -> None:
        self._idle = None
        if self._arrival is None:
            self._sr |= _IDLE
            self._update()

    # Transmitter

    def _load_shift_register(self) -> None:
        if self._tdr is None or not self._cr1 & _UE or not self._cr1 & _TE:
            return
        self._shifting, self._tdr = self._tdr, None
        self._sr = (self._sr | _TXE) & ~_TC
        self._shift = self.board.at(self.board.now_ns + self.frame_ns(), self._shifted)

    def _shifted(self) -> None:
        self._shift = None
        self.transmitted(self._shifting & 0xFF)
        self._load_shift_register()
        if self._shift is None:
            self._sr |= _TC
        self._update()

    def _update(self) -> None:
        sr, cr1 = self._sr, self._cr1
        self.irq(
            bool(
                (sr & (_RXNE | _ORE) and cr1 & _RXNEIE)
                or (sr & _TXE and cr1 & _TXEIE)
                or (sr & _TC and cr1 & _TCIE)
                or (sr & _IDLE and cr1 & _IDLEIE)
                or (sr & _ORE and self._cr3 & _EIE and self._cr3 & _DMAR)
            )
            and bool(cr1 & _UE)
        )

    # Registers

    def read(self, offset: int) -> int:
        if offset == SR:
            self._sr_was_read = self._sr
            return self._sr
        if offset == DR:
            self._sr &= ~(_RXNE | self._sr_was_read & _RECEIVE_FLAGS)
            self._sr_was_read = 0
            self._update()
            return self._rdr
        registers = {BRR: self._brr, CR1: self._cr1, CR2: self._cr2, CR3: self._cr3, GTPR: self._gtpr}
        value = registers.get(offset)
        return self.unknown(offset) if value is None else value

    def write(self, offset: int, value: int) -> None:
        value &= 0xFFFF
        if offset == SR:
            self._sr &= value | ~_CLEARED_BY_ZERO
        elif offset == DR:
            self._write_dr(value & 0x1FF)
        elif offset == BRR:
            self._brr = value
        elif offset == CR1:
            self._write_cr1(value)
        elif offset == CR2:
            self._cr2 = value
        elif offset == CR3:
            self._cr3 = value
            if value & (_DMAR | _DMAT):
                self.report(2, "DMA is not modelled: nothing will move by it")
        elif offset == GTPR:
            self._gtpr = value
        else:
            self.unknown(offset, value)
        self._update()

    def _write_cr1(self, value: int) -> None:
        self._cr1 = value
        if not value & _UE:
            self._sr |= _TXE | _TC
            self._tdr = None
            if self._shift is not None:
                self._shift.cancel()
                self._shift = None
        elif self._shift is None:
            self._load_shift_register()
        if value & _SBK:
            self.report(1, "break characters are not modelled")

    def _write_dr(self, value: int) -> None:
        if not self._cr1 & _UE or not self._cr1 & _TE:
            self.report(3, "a byte written to DR with UE or TE off is lost")
            return
        self._tdr = value
        self._sr &= ~(_TXE | _TC)
        if self._shift is None:
            self._load_shift_register()
