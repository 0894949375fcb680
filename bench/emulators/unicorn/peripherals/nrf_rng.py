"""nRF52840 random number generator: Product Specification, "RNG"."""

from __future__ import annotations

from ...base import NS_PER_US
from ...repl import Entry
from ..clock import Event
from .base import Board
from .nrf import NrfPeripheral

START, STOP = 0x000, 0x004
VALRDY = 0x100
CONFIG, VALUE = 0x504, 0x508

_DERCEN = 1 << 0
_VALRDY_STOP = 1 << 0
_PLAIN_NS, _CORRECTED_NS = 30 * NS_PER_US, 120 * NS_PER_US
"""Typical time for a byte without and with bias correction."""


class Rng(NrfPeripheral):
    """Bytes of the machine's seeded generator. While VALRDY stands, no newer byte replaces VALUE."""

    EVENT_OFFSETS = (VALRDY,)

    def __init__(self, board: Board, entry: Entry) -> None:
        super().__init__(board, entry)
        self._event: Event | None = None
        self._config = 0
        self._value = 0
        self._started = False

    def reset(self, cause: str) -> None:
        super().reset(cause)
        self._config = self._value = 0
        self._stop()

    def _stop(self) -> None:
        self._started = False
        if self._event is not None:
            self._event.cancel()
            self._event = None

    def _next(self) -> None:
        if self._started and self._event is None and not self.events:
            period = _CORRECTED_NS if self._config & _DERCEN else _PLAIN_NS
            self._event = self.board.at(self.board.now_ns + period, self._drawn)

    def _drawn(self) -> None:
        self._event = None
        self._value = self.board.random.getrandbits(8)
        if self.shorts & _VALRDY_STOP:
            self._started = False
        self.event(VALRDY)

    def task(self, offset: int) -> bool:
        if offset == START:
            self._started = True
            self._next()
        elif offset == STOP:
            self._stop()
        else:
            return False
        return True

    def get(self, offset: int) -> int | None:
        return {CONFIG: self._config, VALUE: self._value}.get(offset)

    def put(self, offset: int, value: int) -> bool:
        if offset == CONFIG:
            self._config = value & _DERCEN
        return offset in {CONFIG, VALUE}

    def write(self, offset: int, value: int) -> None:
        super().write(offset, value)
        self._next()
