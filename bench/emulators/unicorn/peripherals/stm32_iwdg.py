"""STM32F4 independent watchdog: RM0090, chapter 21."""

from __future__ import annotations

from ...base import NS_PER_S
from ...repl import Entry
from ..clock import Event
from .base import Board, Peripheral

KR, PR, RLR, SR = 0x00, 0x04, 0x08, 0x0C

_UNLOCK, _RELOAD, _START = 0x5555, 0xAAAA, 0xCCCC
_PVU, _RVU = 1, 2
_UPDATE_CYCLES = 5
"""LSI cycles until a new prescaler or reload value has arrived (21.4.4)."""


class Iwdg(Peripheral):
    """Counts from the LSI, whose nominal frequency is the `frequency` of the .repl. Only a reset stops it."""

    def __init__(self, board: Board, entry: Entry) -> None:
        super().__init__(board, entry)
        frequency = entry.attributes["frequency"]
        assert isinstance(frequency, int)
        self._hz = frequency
        self._event: Event | None = None
        self._clear()

    def _clear(self) -> None:
        self._unlocked = False
        self._running = False
        self._pr = 0
        self._rlr = 0xFFF
        self._updated_ns = {_PVU: 0, _RVU: 0}
        if self._event is not None:
            self._event.cancel()
            self._event = None

    def reset(self, cause: str) -> None:
        if cause != "rcc":
            self._clear()

    def _reload(self) -> None:
        if not self._running:
            return
        if self._event is not None:
            self._event.cancel()
        period_ns = (self._rlr + 1) * (4 << min(self._pr, 6)) * NS_PER_S // self._hz
        self._event = self.board.at(
            self.board.now_ns + period_ns, lambda: self.board.request_reset("watchdog")
        )

    def _updating(self, flag: int) -> bool:
        return self.board.now_ns < self._updated_ns[flag]

    def read(self, offset: int) -> int:
        if offset == SR:
            return sum(flag for flag in (_PVU, _RVU) if self._updating(flag))
        registers = {KR: 0, PR: self._pr, RLR: self._rlr}
        value = registers.get(offset)
        return self.unknown(offset) if value is None else value

    def write(self, offset: int, value: int) -> None:
        if offset == KR:
            key = value & 0xFFFF
            self._unlocked = key == _UNLOCK
            if key == _START:
                self._running = True
            if key in {_START, _RELOAD}:
                self._reload()
        elif offset in {PR, RLR}:
            self._write_setting(offset, value)
        elif offset != SR:
            self.unknown(offset, value)

    def _write_setting(self, offset: int, value: int) -> None:
        flag = _PVU if offset == PR else _RVU
        if not self._unlocked:
            self.report(1, "a setting is written without the key 0x5555 and ignored")
            return
        if self._updating(flag):
            self.report(2, "a setting is written while the last one is on its way, and lost")
            return
        if offset == PR:
            self._pr = value & 7
        else:
            self._rlr = value & 0xFFF
        self._updated_ns[flag] = self.board.now_ns + _UPDATE_CYCLES * NS_PER_S // self._hz
