"""STM32F4 random number generator: RM0090, chapter 24."""

from __future__ import annotations

from ...base import NS_PER_S
from ...repl import Entry
from ..clock import Event
from .base import Board, Peripheral

CR, SR, DR = 0x00, 0x04, 0x08

_RNGEN, _IE, _DRDY = 1 << 2, 1 << 3, 1 << 0
_PERIOD_NS = 40 * NS_PER_S // 48_000_000
"""40 cycles of the 48 MHz clock for a word (24.3.1)."""


class Rng(Peripheral):
    """Words of the machine's seeded generator. No clock or seed errors."""

    def __init__(self, board: Board, entry: Entry) -> None:
        super().__init__(board, entry)
        self._event: Event | None = None
        self._clear()

    def _clear(self) -> None:
        self._cr = 0
        self._data = 0
        self._ready = False
        self._stop()

    def _stop(self) -> None:
        if self._event is not None:
            self._event.cancel()
            self._event = None

    def reset(self, cause: str) -> None:
        self._clear()
        self.irq(False)

    def _next(self) -> None:
        if self._event is None and self._cr & _RNGEN and not self._ready:
            self._event = self.board.at(self.board.now_ns + _PERIOD_NS, self._drawn)

    def _drawn(self) -> None:
        self._event = None
        self._data = self.board.random.getrandbits(32)
        self._ready = True
        self.irq(bool(self._cr & _IE))

    def read(self, offset: int) -> int:
        if offset == CR:
            return self._cr
        if offset == SR:
            return _DRDY if self._ready else 0
        if offset == DR:
            value = self._data if self._ready else 0
            self._ready = False
            self.irq(False)
            self._next()
            return value
        return self.unknown(offset)

    def write(self, offset: int, value: int) -> None:
        if offset == CR:
            self._cr = value & (_RNGEN | _IE)
            if not self._cr & _RNGEN:
                self._stop()
            self._next()
            self.irq(self._ready and bool(self._cr & _IE))
        elif offset != SR:
            self.unknown(offset, value)
