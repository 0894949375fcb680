"""STM32F4 real-time clock: its backup registers only. RM0090, 26.6.20."""

from __future__ import annotations

from ...repl import Entry
from .base import Board, Peripheral
from .stm32_pwr import Pwr

_BACKUP = range(0x50, 0xA0, 4)


class Rtc(Peripheral):
    """20 words that survive every reset (no battery on the board: not a power cut). No calendar."""

    def __init__(self, board: Board, entry: Entry) -> None:
        super().__init__(board, entry)
        self._words = dict.fromkeys(_BACKUP, 0)
        self._pwr: Pwr | None = None

    def connect(self) -> None:
        self._pwr = next((p for p in self.board.peripherals() if isinstance(p, Pwr)), None)

    def power_on(self) -> None:
        self._words = dict.fromkeys(_BACKUP, 0)

    def read(self, offset: int) -> int:
        value = self._words.get(offset)
        return self.unknown(offset) if value is None else value

    def write(self, offset: int, value: int) -> None:
        if offset not in self._words:
            self.unknown(offset, value)
        elif self._pwr is None or self._pwr.backup_access:
            self._words[offset] = value
