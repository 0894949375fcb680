"""STM32F40x flash interface: RM0090, chapter 3."""

from __future__ import annotations

from ...base import NS_PER_MS, NS_PER_US
from ...repl import Entry, Reference
from ..core import BusError
from ..memory import Memory
from .base import Board
from .flash import FlashController

ACR, KEYR, OPTKEYR, SR, CR, OPTCR = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14

_KEYS = (0x4567_0123, 0xCDEF_89AB)
_OPTION_KEYS = (0x0819_2A3B, 0x4C5D_6E7F)
_EOP, _OPERR, _PGAERR, _PGPERR, _PGSERR, _BSY = 1 << 0, 1 << 1, 1 << 5, 1 << 6, 1 << 7, 1 << 16
_SR_CLEARABLE = 0xF3
_PROGRAM_ERRORS = _PGAERR | _PGPERR | _PGSERR
_PG, _SER, _MER, _STRT, _EOPIE, _ERRIE, _LOCK = 1 << 0, 1 << 1, 1 << 2, 1 << 16, 1 << 24, 1 << 25, 1 << 31
_CR_WRITABLE = _PG | _SER | _MER | 0xF << 3 | 3 << 8 | _EOPIE | _ERRIE

_KB = 1024
_SECTORS = [16 * _KB] * 4 + [64 * _KB] + [128 * _KB] * 7
_ERASE_MS = {
    16 * _KB: (400, 300, 250, 250),
    64 * _KB: (1200, 700, 550, 550),
    128 * _KB: (2000, 1300, 1000, 1000),
}
"""Typical sector erase time by PSIZE: DS8626, table 40."""
_MASS_ERASE_MS = (16_000, 11_000, 8_000, 8_000)
_PROGRAM_NS = 16 * NS_PER_US


class FlashInterface(FlashController):
    """Sector and mass erase, programming by PSIZE. Option bytes can be read only."""

    def __init__(self, board: Board, entry: Entry) -> None:
        super().__init__(board, entry)
        flash = entry.attributes["flash"]
        assert isinstance(flash, Reference)
        self._flash = flash.name
        self._clear()

    def _clear(self) -> None:
        self._acr = 0
        self._sr = 0
        self._cr = _LOCK
        self._keys = 0
        self._dead = False
        """A wrong key sequence locks CR until the next reset (3.6.1)."""

    def reset(self, cause: str) -> None:
        self._interrupt()
        self._clear()
        self.irq(False)

    def power_off(self) -> None:
        self._interrupt()

    def _interrupt(self) -> None:
        if self._operation is not None:
            memory = self.board.memory(self._flash)
            start = self._operation.address - memory.addresses[0]
            self.interrupt(memory.content(start, len(self._operation.result)))

    def owns(self, memory: Memory) -> bool:
        return memory.name == self._flash

    # Programming (3.6.5)

    def store(self, memory: Memory, address: int, data: bytes) -> None:
        if not self._cr & _PG or self._sr & _PROGRAM_ERRORS or self.busy:
            self._error(_PGSERR)
        elif len(data) != min(1 << (self._cr >> 8 & 3), 4):
            self._error(_PGPERR)
        elif address % len(data):
            self._error(_PGAERR)
        else:
            offset = memory.find_offset(address)
            old = memory.content(offset, len(data))
            result = bytes(a & b for a, b in zip(old, data, strict=True))
            self.begin(memory.addresses[0] + offset, result, _PROGRAM_NS, self._done)

    def _error(self, flag: int) -> None:
        self._sr |= flag | (_OPERR if self._cr & _ERRIE else 0)

    def _done(self) -> None:
        if self._cr & _EOPIE:
            self._sr |= _EOP
        self._update_irq()

    def _start_erase(self) -> None:
        memory = self.board.memory(self._flash)
        speed = self._cr >> 8 & 3
        if self._cr & _MER:
            self.erase(memory.addresses[0], memory.size, _MASS_ERASE_MS[speed] * NS_PER_MS, self._done)
        elif self._cr & _SER:
            sector = self._cr >> 3 & 0xF
            start = sum(_SECTORS[:sector])
            if sector >= len(_SECTORS) or start + _SECTORS[sector] > memory.size:
                self._error(_PGSERR)
                return
            size = _SECTORS[sector]
            self.erase(memory.addresses[0] + start, size, _ERASE_MS[size][speed] * NS_PER_MS, self._done)
        else:
            self._error(_PGSERR)

    def _update_irq(self) -> None:
        self.irq(bool((self._sr & _EOP and self._cr & _EOPIE) or (self._sr & _OPERR and self._cr & _ERRIE)))

    # Registers

    def read(self, offset: int) -> int:
        if offset == SR:
            return self._sr | (_BSY if self.busy else 0)
        registers = {
            ACR: self._acr,
            KEYR: 0,
            OPTKEYR: 0,
            CR: self._cr | (_STRT if self.busy else 0),
            OPTCR: 0x0FFF_AAED,
        }
        value = registers.get(offset)
        return self.unknown(offset) if value is None else value

    def write(self, offset: int, value: int) -> None:
        if offset == ACR:
            self._acr = value & 0x1F07
        elif offset == KEYR:
            self._write_key(value)
        elif offset == SR:
            self._sr &= ~(value & _SR_CLEARABLE)
            self._update_irq()
        elif offset == CR:
            self._write_cr(value)
        elif offset in {OPTKEYR, OPTCR}:
            self.report(1, "option bytes cannot be changed here")
        else:
            self.unknown(offset, value)

    def _write_key(self, value: int) -> None:
        if not self._dead and self._cr & _LOCK and value == _KEYS[self._keys]:
            self._keys += 1
            if self._keys == len(_KEYS):
                self._keys = 0
                self._cr &= ~_LOCK
            return
        self._dead = True
        self._cr |= _LOCK
        raise BusError

    def _write_cr(self, value: int) -> None:
        if self._cr & _LOCK:
            self.report(2, "FLASH_CR is written while it is locked: ignored")
            return
        if self.busy:
            self.report(3, "FLASH_CR is written while the flash is busy: ignored")
            return
        self._cr = value & (_CR_WRITABLE | _LOCK)
        if value & _STRT:
            self._start_erase()
        self._update_irq()
