"""nRF52840 non-volatile memory controller: Product Specification, "NVMC"."""

from __future__ import annotations

from ...base import NS_PER_MS, NS_PER_US
from ...repl import Entry
from ..core import BusError
from ..memory import Memory
from .base import Board
from .flash import FlashController

READY, READYNEXT, CONFIG = 0x400, 0x408, 0x504
ERASEPAGE, ERASEALL, ERASEPCR0, ERASEUICR, ICACHECNF = 0x508, 0x50C, 0x510, 0x514, 0x540

_REN, _WEN, _EEN = 0, 1, 2
_PAGE = 0x1000
_WRITE_NS = 41 * NS_PER_US
_ERASE_PAGE_NS = 85 * NS_PER_MS
_ERASE_ALL_NS = 169 * NS_PER_MS


class Nvmc(FlashController):
    """Programs whole words, erases pages. Not modelled: partial erase, the limit of two writes a word."""

    def __init__(self, board: Board, entry: Entry) -> None:
        super().__init__(board, entry)
        self._config = _REN
        self._icache = 0

    def reset(self, cause: str) -> None:
        self._interrupt()
        self._config = _REN
        self._icache = 0

    def power_off(self) -> None:
        self._interrupt()

    def _interrupt(self) -> None:
        if self._operation is not None:
            name = "uicr" if self._operation.address >= 0x1000_0000 else "flash"
            memory = self.board.memory(name)
            start = self._operation.address - memory.addresses[0]
            self.interrupt(memory.content(start, len(self._operation.result)))

    def owns(self, memory: Memory) -> bool:
        return memory.name in {"flash", "uicr"}

    def store(self, memory: Memory, address: int, data: bytes) -> None:
        if self._config != _WEN or len(data) != 4 or address % 4:
            raise BusError
        offset = memory.find_offset(address)
        old = memory.content(offset, 4)
        result = bytes(a & b for a, b in zip(old, data, strict=True))
        self.begin(address, result, _WRITE_NS, lambda: None)

    def read(self, offset: int) -> int:
        if offset in {READY, READYNEXT}:
            return int(not self.busy)
        registers = {
            CONFIG: self._config,
            ICACHECNF: self._icache,
            ERASEPAGE: 0,
            ERASEALL: 0,
            ERASEPCR0: 0,
            ERASEUICR: 0,
        }
        value = registers.get(offset)
        return self.unknown(offset) if value is None else value

    def write(self, offset: int, value: int) -> None:
        if offset == CONFIG:
            self._config = value & 3
        elif offset == ICACHECNF:
            self._icache = value & 0x101
        elif offset in {ERASEPAGE, ERASEPCR0, ERASEALL, ERASEUICR}:
            if self._config != _EEN:
                self.report(1, "an erase is asked for while CONFIG does not allow it: ignored")
            elif self.busy:
                self.report(2, "an erase is asked for while the controller is busy: ignored")
            else:
                self._erase(offset, value)
        elif offset not in {READY, READYNEXT}:
            self.unknown(offset, value)

    def _erase(self, offset: int, value: int) -> None:
        flash = self.board.memory("flash")
        if offset in {ERASEPAGE, ERASEPCR0}:
            page = value & ~(_PAGE - 1)
            if page >= flash.size:
                self.report(3, "0x%08x is no page of the flash", value)
                return
            self.erase(flash.addresses[0] + page, _PAGE, _ERASE_PAGE_NS, lambda: None)
        elif value & 1:
            memory = flash if offset == ERASEALL else self.board.memory("uicr")
            self.erase(memory.addresses[0], memory.size, _ERASE_ALL_NS, lambda: None)
