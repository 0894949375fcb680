"""nRF52840 GPIO port: Product Specification, "GPIO". Offsets are from its OUT register group (base 0x500)."""

from __future__ import annotations

from typing import ClassVar

from ...repl import Entry
from .base import Board, GpioPort

OUT, OUTSET, OUTCLR, IN, DIR, DIRSET, DIRCLR, LATCH, DETECTMODE = range(0x04, 0x28, 4)
PIN_CNF = 0x200

_DIR, _INPUT_DISCONNECTED = 1 << 0, 1 << 1
_PULL_UP = 3
_CNF_MASK = 0x0003_070F


class Gpio(GpioPort):
    """Not modelled: sense and detect, drive strengths."""

    PINS: ClassVar[int] = 32

    def __init__(self, board: Board, entry: Entry) -> None:
        super().__init__(board, entry)
        self._clear()

    def _clear(self) -> None:
        self._out = 0
        self._cnf = [_INPUT_DISCONNECTED] * self.PINS

    def reset(self, cause: str) -> None:
        self._clear()
        self.changed()

    def _dir(self) -> int:
        return sum(1 << pin for pin, cnf in enumerate(self._cnf) if cnf & _DIR)

    def _set_dir(self, mask: int, level: int) -> None:
        for pin in range(self.PINS):
            if mask >> pin & 1:
                self._cnf[pin] = self._cnf[pin] & ~_DIR | level >> pin & 1

    def output(self) -> tuple[int, int]:
        return self._dir(), self._out

    def pulled_up(self) -> int:
        return sum(1 << pin for pin, cnf in enumerate(self._cnf) if cnf >> 2 & 3 == _PULL_UP)

    def read(self, offset: int) -> int:
        if offset in {OUT, OUTSET, OUTCLR}:
            return self._out
        if offset == IN:
            connected = sum(1 << pin for pin, cnf in enumerate(self._cnf) if not cnf & _INPUT_DISCONNECTED)
            return self.levels() & connected
        if offset in {DIR, DIRSET, DIRCLR}:
            return self._dir()
        if PIN_CNF <= offset < PIN_CNF + 4 * self.PINS:
            return self._cnf[(offset - PIN_CNF) >> 2]
        return 0 if offset in {LATCH, DETECTMODE} else self.unknown(offset)

    def write(self, offset: int, value: int) -> None:
        if offset == OUT:
            self._out = value
        elif offset == OUTSET:
            self._out |= value
        elif offset == OUTCLR:
            self._out &= ~value
        elif offset == DIR:
            self._set_dir(0xFFFF_FFFF, value)
        elif offset == DIRSET:
            self._set_dir(value, value)
        elif offset == DIRCLR:
            self._set_dir(value, 0)
        elif PIN_CNF <= offset < PIN_CNF + 4 * self.PINS:
            self._cnf[(offset - PIN_CNF) >> 2] = value & _CNF_MASK
            if value >> 16 & 3:
                self.report(1, "SENSE is not modelled")
        elif offset not in {IN, LATCH, DETECTMODE}:
            self.unknown(offset, value)
        self.changed()
