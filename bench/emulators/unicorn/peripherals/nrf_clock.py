"""nRF52840 CLOCK and POWER, which share an address: Product Specification, "CLOCK", "POWER"."""

from __future__ import annotations

from typing import ClassVar

from ...base import NS_PER_MS, NS_PER_US
from ...repl import Entry
from ..clock import Event
from .base import Board
from .nrf import NrfPeripheral

HFCLKSTART, HFCLKSTOP, LFCLKSTART, LFCLKSTOP, CONSTLAT, LOWPWR = 0x000, 0x004, 0x008, 0x00C, 0x078, 0x07C
HFCLKSTARTED, LFCLKSTARTED = 0x100, 0x104
RESETREAS, HFCLKRUN, HFCLKSTAT, LFCLKRUN, LFCLKSTAT, LFCLKSRCCOPY = 0x400, 0x408, 0x40C, 0x414, 0x418, 0x41C
SYSTEMOFF, POFCON, LFCLKSRC, GPREGRET, GPREGRET2, DCDCEN, DCDCEN0 = (
    0x500,
    0x510,
    0x518,
    0x51C,
    0x520,
    0x578,
    0x580,
)

_HFXO_START_NS = 360 * NS_PER_US
_LF_START_NS = (600 * NS_PER_US, 250 * NS_PER_MS, 0)
"""RC oscillator, crystal, synthesised from HFCLK."""
_REASONS = {"pin": 1 << 0, "watchdog": 1 << 1, "software": 1 << 2, "lockup": 1 << 3}
_RUNNING = 1 << 16
_KEPT = (POFCON, LFCLKSRC, GPREGRET, GPREGRET2, DCDCEN, DCDCEN0)


class ClockPower(NrfPeripheral):
    """The core resets after a lockup on this chip. System off and USB supply are not modelled."""

    lockup_resets: ClassVar[bool] = True
    EVENT_OFFSETS = (HFCLKSTARTED, LFCLKSTARTED)

    def __init__(self, board: Board, entry: Entry) -> None:
        super().__init__(board, entry)
        self._reasons = 0
        self._kept = dict.fromkeys(_KEPT, 0)
        self._starting: dict[int, Event] = {}
        self._running: set[int] = set()

    def power_on(self) -> None:
        self._reasons = 0
        self._kept = dict.fromkeys(_KEPT, 0)

    def reset(self, cause: str) -> None:
        super().reset(cause)
        self._reasons |= _REASONS.get(cause, 0)
        for event in self._starting.values():
            event.cancel()
        self._starting.clear()
        self._running.clear()
        retained = {GPREGRET, GPREGRET2}
        self._kept.update({offset: 0 for offset in _KEPT if offset not in retained})

    def _start(self, started: int, delay_ns: int) -> None:
        def done() -> None:
            del self._starting[started]
            self._running.add(started)
            self.event(started)

        if started in self._running:
            self.event(started)
        elif started not in self._starting:
            self._starting[started] = self.board.at(self.board.now_ns + delay_ns, done)

    def _stop(self, started: int) -> None:
        self._running.discard(started)
        event = self._starting.pop(started, None)
        if event is not None:
            event.cancel()

    def task(self, offset: int) -> bool:
        if offset == HFCLKSTART:
            self._start(HFCLKSTARTED, _HFXO_START_NS)
        elif offset == HFCLKSTOP:
            self._stop(HFCLKSTARTED)
        elif offset == LFCLKSTART:
            self._start(LFCLKSTARTED, _LF_START_NS[min(self._kept[LFCLKSRC] & 3, 2)])
        elif offset == LFCLKSTOP:
            self._stop(LFCLKSTARTED)
        else:
            return offset in {CONSTLAT, LOWPWR}
        return True

    def get(self, offset: int) -> int | None:
        if offset == RESETREAS:
            return self._reasons
        if offset in {HFCLKRUN, LFCLKRUN}:
            started = HFCLKSTARTED if offset == HFCLKRUN else LFCLKSTARTED
            return int(started in self._running or started in self._starting)
        if offset == HFCLKSTAT:
            # The CPU always has a 64 MHz clock; SRC says whether it is the crystal's.
            return _RUNNING | int(HFCLKSTARTED in self._running)
        if offset == LFCLKSTAT:
            return (_RUNNING if LFCLKSTARTED in self._running else 0) | self._kept[LFCLKSRC] & 3
        if offset == LFCLKSRCCOPY:
            return self._kept[LFCLKSRC] & 3
        return self._kept.get(offset)

    def put(self, offset: int, value: int) -> bool:
        if offset == RESETREAS:
            self._reasons &= ~value
        elif offset in self._kept:
            self._kept[offset] = value & 0xFF if offset in {GPREGRET, GPREGRET2} else value
        elif offset == SYSTEMOFF:
            self.report(1, "system off is not modelled: the core goes on")
        else:
            return False
        return True
