"""STM32F4 power control: RM0090, chapter 5."""

from __future__ import annotations

from ...repl import Entry
from .base import Board, Peripheral

CR, CSR = 0x00, 0x04

_DBP, _VOS = 1 << 8, 1 << 14
_VOSRDY = 1 << 14


class Pwr(Peripheral):
    """Backup domain access and voltage scaling. Stop and standby mode are not modelled."""

    def __init__(self, board: Board, entry: Entry) -> None:
        super().__init__(board, entry)
        self._cr = _VOS

    def reset(self, cause: str) -> None:
        self._cr = _VOS

    @property
    def backup_access(self) -> bool:
        return bool(self._cr & _DBP)

    def read(self, offset: int) -> int:
        if offset == CR:
            return self._cr
        return _VOSRDY if offset == CSR else self.unknown(offset)

    def write(self, offset: int, value: int) -> None:
        if offset == CR:
            self._cr = value & 0x43F3 & ~0xC  # CSBF and CWUF read 0
        elif offset != CSR:
            self.unknown(offset, value)
