"""nRF52840 TIMER: Product Specification, "TIMER"."""

from __future__ import annotations

from ...repl import Entry
from ..clock import Event, Ticks
from .base import Board
from .nrf import NrfPeripheral

START, STOP, COUNT, CLEAR, SHUTDOWN, CAPTURE = 0x000, 0x004, 0x008, 0x00C, 0x010, 0x040
COMPARE = 0x140
MODE, BITMODE, PRESCALER, CC = 0x504, 0x508, 0x510, 0x540

_CLOCK_HZ = 16_000_000
_BITS = (16, 8, 24, 32)


class Timer(NrfPeripheral):
    """Timer and counter mode; the counter steps by TASKS_COUNT only, as there is no PPI."""

    def __init__(self, board: Board, entry: Entry) -> None:
        super().__init__(board, entry)
        channels = entry.attributes["numberOfEvents"]
        assert isinstance(channels, int)
        self._channels = min(channels, 6)
        self.EVENT_OFFSETS = tuple(COMPARE + 4 * i for i in range(self._channels))
        self._event: Event | None = None
        self._clear()

    def _clear(self) -> None:
        self._ticks = Ticks(_CLOCK_HZ, 1 << 4, 1 << 16)
        self._mode = 0
        self._bitmode = 0
        self._prescaler = 4
        self._started = False
        self._cc = [0] * self._channels
        self._due: list[int | None] = [None] * self._channels
        self._cancel()

    def reset(self, cause: str) -> None:
        super().reset(cause)
        self._clear()

    def _cancel(self) -> None:
        if self._event is not None:
            self._event.cancel()
            self._event = None

    def _arm(self, channel: int | None = None) -> None:
        """Schedule the next match, after a change of one channel's CC or of what all depend on."""
        now = self.board.now_ns
        if channel is None:
            self._due = [self._ticks.next_match(value, now) for value in self._cc]
        else:
            self._due[channel] = self._ticks.next_match(self._cc[channel], now)
        first = min((due for due in self._due if due is not None), default=None)
        if self._event is None or self._event.at_ns != first:
            self._cancel()
            if first is not None:
                self._event = self.board.at(first, self._matched)

    def _matched(self) -> None:
        self._event = None
        self._compare(self._ticks.value(self.board.now_ns))
        self._arm()

    def _compare(self, count: int) -> None:
        for channel, compare in enumerate(self._cc):
            if compare == count:
                self.event(COMPARE + 4 * channel)
                if self.shorts >> channel & 1:
                    self._ticks.load(0, self.board.now_ns)
                if self.shorts >> 8 + channel & 1:
                    self._run(False)

    def _run(self, running: bool) -> None:
        self._started = running
        self._ticks.run(running and self._mode == 0, self.board.now_ns)

    def task(self, offset: int) -> bool:
        now = self.board.now_ns
        if offset == START:
            self._run(True)
        elif offset in {STOP, SHUTDOWN}:
            self._run(False)
        elif offset == COUNT:
            if self._started and self._mode:
                count = (self._ticks.value(now) + 1) % self._ticks.modulus
                self._ticks.load(count, now)
                self._compare(count)
        elif offset == CLEAR:
            self._ticks.load(0, now)
        elif CAPTURE <= offset < CAPTURE + 4 * self._channels:
            channel = (offset - CAPTURE) >> 2
            self._cc[channel] = self._ticks.value(now)
            self._arm(channel)
            return True
        else:
            return False
        self._arm()
        return True

    def get(self, offset: int) -> int | None:
        if CC <= offset < CC + 4 * self._channels:
            return self._cc[(offset - CC) >> 2]
        return {MODE: self._mode, BITMODE: self._bitmode, PRESCALER: self._prescaler}.get(offset)

    def put(self, offset: int, value: int) -> bool:
        if CC <= offset < CC + 4 * self._channels:
            self._cc[(offset - CC) >> 2] = value
        elif offset == MODE:
            self._mode = value & 3
            self._run(self._started)
        elif offset == BITMODE:
            self._bitmode = value & 3
        elif offset == PRESCALER:
            self._prescaler = value & 0xF
        else:
            return False
        self._ticks.retime(
            self.board.now_ns, divider=1 << min(self._prescaler, 9), modulus=1 << _BITS[self._bitmode]
        )
        self._arm()
        return True
