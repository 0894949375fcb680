"""What all peripherals of the nRF52 have in common: tasks, events, shortcuts, interrupt enables.

nRF52840 Product Specification, "Peripheral interface".
"""

from __future__ import annotations

from .base import Peripheral

EVENTS, EVENTS_END = 0x100, 0x180
SHORTS = 0x200
INTEN, INTENSET, INTENCLR = 0x300, 0x304, 0x308


def event_bit(offset: int) -> int:
    """Bit of an event in INTEN: its place in the event registers."""
    return 1 << ((offset - EVENTS) >> 2)


class NrfPeripheral(Peripheral):
    """Subclasses name their event registers in `EVENT_OFFSETS` and do `task`, `get` and `put`."""

    EVENT_OFFSETS: tuple[int, ...] = ()

    events = 0
    """By their bits in INTEN."""
    enabled = 0
    shorts = 0

    def reset(self, cause: str) -> None:
        self.events = self.enabled = self.shorts = 0
        self.irq(False)

    def event(self, offset: int) -> None:
        self.events |= event_bit(offset)
        self.irq(bool(self.events & self.enabled))

    def task(self, offset: int) -> bool:
        """Do a task; False where there is none at this offset."""
        return False

    def get(self, offset: int) -> int | None:
        """Read a register of its own; None where there is none."""
        return None

    def put(self, offset: int, value: int) -> bool:
        """Write a register of its own; False where there is none."""
        return False

    def read(self, offset: int) -> int:
        if EVENTS <= offset < EVENTS_END and offset in self.EVENT_OFFSETS:
            return int(bool(self.events & event_bit(offset)))
        if offset in {INTEN, INTENSET, INTENCLR}:
            return self.enabled
        if offset == SHORTS:
            return self.shorts
        value = self.get(offset)
        if value is not None:
            return value
        return 0 if offset < EVENTS else self.unknown(offset)

    def write(self, offset: int, value: int) -> None:
        if offset < EVENTS:
            if value & 1 and not self.task(offset):
                self.unknown(offset, value)
        elif offset < EVENTS_END and offset in self.EVENT_OFFSETS:
            self.events &= ~event_bit(offset)
            if value & 1:
                self.events |= event_bit(offset)
        elif offset == INTEN:
            self.enabled = value
        elif offset == INTENSET:
            self.enabled |= value
        elif offset == INTENCLR:
            self.enabled &= ~value
        elif offset == SHORTS:
            self.shorts = value
        elif not self.put(offset, value):
            self.unknown(offset, value)
        self.irq(bool(self.events & self.enabled))
