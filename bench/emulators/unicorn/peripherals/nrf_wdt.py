"""nRF52840 watchdog: Product Specification, "WDT"."""

from __future__ import annotations

from ...base import NS_PER_S
from ...repl import Entry
from ..clock import Event
from .base import Board
from .nrf import NrfPeripheral

START = 0x000
TIMEOUT = 0x100
RUNSTATUS, REQSTATUS, CRV, RREN, CONFIG, RR = 0x400, 0x404, 0x504, 0x508, 0x50C, 0x600

_RELOAD = 0x6E52_4635
_HZ = 32_768
_CHANNELS = 8
_RUN_IN_SLEEP = 1 << 0
_LEAST_CRV = 15


class Wdt(NrfPeripheral):
    """Once started, its settings are fixed and only a reset stops it. It runs on while the core sleeps."""

    EVENT_OFFSETS = (TIMEOUT,)

    def __init__(self, board: Board, entry: Entry) -> None:
        super().__init__(board, entry)
        self._event: Event | None = None
        self._clear()

    def _clear(self) -> None:
        self._running = False
        self._crv = 0xFFFF_FFFF
        self._rren = 1
        self._requests = 1
        self._config = _RUN_IN_SLEEP
        self._expired = False
        if self._event is not None:
            self._event.cancel()
            self._event = None

    def reset(self, cause: str) -> None:
        super().reset(cause)
        self._clear()

    def _restart(self) -> None:
        if self._event is not None:
            self._event.cancel()
        self._requests = self._rren
        due = self.board.now_ns + (self._crv + 1) * NS_PER_S // _HZ
        self._event = self.board.at(due, self._timed_out)

    def _timed_out(self) -> None:
        self._expired = True
        self.event(TIMEOUT)
        if self.enabled & 1:
            # The handler has two cycles of the 32 kHz clock, and cannot stop the reset any more.
            due = self.board.now_ns + 2 * NS_PER_S // _HZ
            self._event = self.board.at(due, lambda: self.board.request_reset("watchdog"))
        else:
            self.board.request_reset("watchdog")

    def task(self, offset: int) -> bool:
        if offset == START and not self._running:
            self._running = True
            self._restart()
            if not self._config & _RUN_IN_SLEEP:
                self.report(1, "CONFIG.SLEEP is to pause the watchdog in sleep: it runs on here")
        return offset == START

    def get(self, offset: int) -> int | None:
        registers = {
            RUNSTATUS: int(self._running),
            REQSTATUS: self._requests,
            CRV: self._crv,
            RREN: self._rren,
            CONFIG: self._config,
        }
        return 0 if RR <= offset < RR + 4 * _CHANNELS else registers.get(offset)

    def put(self, offset: int, value: int) -> bool:
        if RR <= offset < RR + 4 * _CHANNELS:
            if value == _RELOAD and self._running and not self._expired:
                self._requests &= ~(1 << ((offset - RR) >> 2))
                if not self._requests:
                    self._restart()
            return True
        if offset not in {CRV, RREN, CONFIG}:
            return offset in {RUNSTATUS, REQSTATUS}
        if self._running:
            self.report(2, "a setting is written while the watchdog runs: ignored")
        elif offset == CRV:
            self._crv = max(value, _LEAST_CRV)
        elif offset == RREN:
            self._rren = value & 0xFF
            self._requests = self._rren
        else:
            self._config = value & 9
        return True
