"""What a peripheral is to the machine, and the machine to a peripheral."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import ClassVar, Protocol, TypeVar

from ...base import EmulatorError
from ...repl import Entry
from ..clock import Event
from ..memory import Memory

log = logging.getLogger("bench.emulators.unicorn")


class Board(Protocol):
    """The machine, as its peripherals see it."""

    hse_hz: int | None
    random: random.Random

    @property
    def now_ns(self) -> int: ...

    def at(self, at_ns: int, action: Callable[[], None]) -> Event: ...

    def set_irq(self, line: int, level: bool) -> None: ...

    def set_event(self) -> None: ...

    def request_reset(self, cause: str) -> None: ...

    def stall_until(self, at_ns: int) -> None:
        """The core waits for the flash, if that is where it executes from."""

    def notice_output(self) -> None:
        """The outside is to have a look soon."""

    def clocks_changed(self) -> None: ...

    def peripheral_at(self, address: int) -> Peripheral | None: ...

    def peripherals(self) -> list[Peripheral]: ...

    def memory(self, name: str) -> Memory: ...

    def dma_read(self, address: int, size: int) -> bytes: ...

    def dma_write(self, address: int, data: bytes) -> None: ...

    def poke(self, address: int, data: bytes) -> None: ...

    def asynchronous_bus_fault(self) -> None: ...


P = TypeVar("P", bound="Peripheral")


class Peripheral:
    """A block of registers.

    `clocked` False: registers read 0 and writes are lost (its clock is off).
    """

    lockup_resets: ClassVar[bool] = False

    def __init__(self, board: Board, entry: Entry) -> None:
        self.board = board
        self.entry = entry
        self.name = entry.name
        self.clocked = True
        self.base = entry.registrations[0].address or 0
        irqs = [irq.line for irq in entry.irqs]
        self._irq_line = irqs[0] if irqs else None
        self._irq_level = False
        self._reported: set[tuple[int, bool]] = set()

    def connect(self) -> None:
        """All peripherals are there now."""

    def power_on(self) -> None:
        """What a reset does not touch gets its first value. A reset follows."""

    def power_off(self) -> None:
        """The supply is gone."""

    def reset(self, cause: str) -> None:
        """`cause` as in base.Reset."""

    def read(self, offset: int) -> int:
        """A word. Raises BusError."""
        return self.unknown(offset)

    def write(self, offset: int, value: int) -> None:
        """A word; a narrower store comes shifted to its place with zeros around it. Raises BusError."""
        self.unknown(offset, value)

    def unknown(self, offset: int, value: int | None = None) -> int:
        """A register that is not modelled: reads 0, reported once."""
        key = (offset, value is not None)
        if key not in self._reported:
            self._reported.add(key)
            what = "read, answered with 0" if value is None else f"write of 0x{value:08x}, ignored"
            log.warning("%s: register at 0x%03x is not modelled: %s", self.name, offset, what)
        return 0

    def report(self, key: int, text: str, *values: object) -> None:
        """Say once what the firmware does that the chip or this model does not."""
        if (-key, False) not in self._reported:
            self._reported.add((-key, False))
            log.warning("%s: " + text, self.name, *values)

    def irq(self, level: bool) -> None:
        if level != self._irq_level and self._irq_line is not None:
            self._irq_level = level
            self.board.set_irq(self._irq_line, level)


class Uart(Peripheral):
    """A UART with a wire on it.

    `sent` has the bytes that have left completely. Bytes towards the board wait in `_incoming` and take
    their line time one after the other.
    """

    LINE_HZ_UNSET = 115_200
    """What the other end sends at as long as the firmware has not said."""

    def __init__(self, board: Board, entry: Entry) -> None:
        super().__init__(board, entry)
        self.sent = bytearray()
        self._incoming = bytearray()
        self._arrival: Event | None = None
        self._arrival_ns = 0

    def frame_ns(self) -> int:
        """Line time of one character as configured, start and stop bits included."""
        raise NotImplementedError

    def received(self, byte: int) -> None:
        """A character has arrived completely."""
        raise NotImplementedError

    def feed(self, data: bytes) -> None:
        """Put bytes on the wire towards the board."""
        self._incoming += data
        if self._arrival is None and self._incoming:
            self._arrival_ns = self.board.now_ns
            self._next_arrival()

    def _next_arrival(self) -> None:
        self._arrival_ns += self.frame_ns()
        self._arrival = self.board.at(self._arrival_ns, self._arrived)

    def _arrived(self) -> None:
        byte = self._incoming.pop(0)
        if self._incoming:
            self._next_arrival()
        else:
            self._arrival = None
        self.received(byte)

    def power_off(self) -> None:
        self._incoming.clear()
        self._arrival = None

    def transmitted(self, byte: int) -> None:
        self.sent.append(byte)
        self.board.notice_output()


class GpioPort(Peripheral):
    """Pins. `outside` has the levels that something else drives, `drives` the pins that it does drive."""

    PINS: ClassVar[int]

    def __init__(self, board: Board, entry: Entry) -> None:
        super().__init__(board, entry)
        self.outside = 0
        self.driven_outside = 0
        self._output = (0, 0)

    def output(self) -> tuple[int, int]:
        """Masks: the pins that the chip drives, and their levels."""
        raise NotImplementedError

    def pulled_up(self) -> int:
        raise NotImplementedError

    def levels(self) -> int:
        """Level of every pin; an open one reads as its pull resistor says, without one low."""
        driven, level = self.output()
        floating = self.pulled_up() & ~self.driven_outside
        return level & driven | (self.outside & self.driven_outside | floating) & ~driven

    def set_outside(self, pin: int, level: bool) -> None:
        self._check(pin)
        self.driven_outside |= 1 << pin
        self.outside = self.outside & ~(1 << pin) | int(level) << pin

    def level(self, pin: int) -> bool:
        self._check(pin)
        return bool(self.levels() >> pin & 1)

    def _check(self, pin: int) -> None:
        if not 0 <= pin < self.PINS:
            raise EmulatorError(f"{self.name} has pins 0 to {self.PINS - 1}, not {pin}")

    def changed(self) -> None:
        """The firmware has written a register."""
        driven, level = self.output()
        if (driven, level & driven) != self._output:
            self._output = (driven, level & driven)
            self.board.notice_output()
