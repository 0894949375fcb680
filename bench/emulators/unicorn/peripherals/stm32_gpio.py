"""STM32F4 GPIO port: RM0090, chapter 8."""

from __future__ import annotations

from typing import ClassVar

from ...repl import Entry
from .base import Board, GpioPort

MODER, OTYPER, OSPEEDR, PUPDR, IDR, ODR, BSRR, LCKR, AFRL, AFRH = range(0x00, 0x28, 4)

_OUTPUT, _PULL_UP = 1, 1


class Gpio(GpioPort):
    """Alternate functions and analog mode drive nothing here; the lock is kept, not enforced."""

    PINS: ClassVar[int] = 16

    def __init__(self, board: Board, entry: Entry) -> None:
        super().__init__(board, entry)
        self._registers = self._initial()

    def _initial(self) -> dict[int, int]:
        registers = dict.fromkeys((OTYPER, ODR, LCKR, AFRL, AFRH), 0)
        names = {MODER: "modeResetValue", OSPEEDR: "outputSpeedResetValue", PUPDR: "pullUpPullDownResetValue"}
        for offset, name in names.items():
            value = self.entry.attributes.get(name, 0)
            registers[offset] = value if isinstance(value, int) else 0
        return registers

    def reset(self, cause: str) -> None:
        self._registers = self._initial()
        self.changed()

    def _pins(self, offset: int, value: int) -> int:
        bits = self._registers[offset]
        return sum(1 << pin for pin in range(16) if bits >> 2 * pin & 3 == value)

    def output(self) -> tuple[int, int]:
        odr = self._registers[ODR]
        # An open drain drives low only.
        return self._pins(MODER, _OUTPUT) & ~(self._registers[OTYPER] & odr), odr

    def pulled_up(self) -> int:
        return self._pins(PUPDR, _PULL_UP)

    def read(self, offset: int) -> int:
        if offset == IDR:
            return self.levels()
        if offset == BSRR:
            return 0
        value = self._registers.get(offset)
        return self.unknown(offset) if value is None else value

    def write(self, offset: int, value: int) -> None:
        registers = self._registers
        if offset == BSRR:
            registers[ODR] = registers[ODR] & ~(value >> 16) | value & 0xFFFF
        elif offset in {ODR, OTYPER}:
            registers[offset] = value & 0xFFFF
        elif offset in registers:
            registers[offset] = value
        elif offset != IDR:
            self.unknown(offset, value)
        self.changed()
