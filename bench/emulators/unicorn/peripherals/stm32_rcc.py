"""STM32F4 reset and clock control: RM0090, chapter 7."""

from __future__ import annotations

from ...base import NS_PER_US
from ...repl import Entry
from .base import Board, Peripheral

CR, PLLCFGR, CFGR, CIR = 0x00, 0x04, 0x08, 0x0C
AHB1RSTR, AHB2RSTR, AHB3RSTR, APB1RSTR, APB2RSTR = 0x10, 0x14, 0x18, 0x20, 0x24
AHB1ENR, AHB2ENR, AHB3ENR, APB1ENR, APB2ENR = 0x30, 0x34, 0x38, 0x40, 0x44
AHB1LPENR, AHB2LPENR, AHB3LPENR, APB1LPENR, APB2LPENR = 0x50, 0x54, 0x58, 0x60, 0x64
BDCR, CSR, SSCGR, PLLI2SCFGR = 0x70, 0x74, 0x80, 0x84

HSI_HZ = 16_000_000

_HSION, _HSEON, _PLLON, _PLLI2SON = 1 << 0, 1 << 16, 1 << 24, 1 << 26
_OSCILLATORS = (_HSION, _HSEON, _PLLON, _PLLI2SON)
_START_NS = {
    _HSION: 2 * NS_PER_US,
    _HSEON: 2000 * NS_PER_US,
    _PLLON: 100 * NS_PER_US,
    _PLLI2SON: 100 * NS_PER_US,
}
"""Typical start-up times of DS8626, 5.3.8 to 5.3.11. The ready flag is the bit above the enable bit."""
_CR_WRITABLE = 0x050D_00F9
_LSION, _LSIRDY, _RMVF = 1 << 0, 1 << 1, 1 << 24
_LSI_START_NS = 15 * NS_PER_US
_BOR, _PIN, _POR, _SOFTWARE, _WATCHDOG = 1 << 25, 1 << 26, 1 << 27, 1 << 28, 1 << 29
_FLAGS = {
    "power": _BOR | _PIN | _POR,
    "pin": _PIN,
    "software": _PIN | _SOFTWARE,
    "watchdog": _PIN | _WATCHDOG,
}
"""The chip pulls its own reset pin in every reset, hence PINRSTF (7.1.1)."""

_AHB1 = {bit: 0x4002_0000 + 0x400 * bit for bit in range(9)} | {
    12: 0x4002_3000,
    21: 0x4002_6000,
    22: 0x4002_6400,
}
_AHB2 = {6: 0x5006_0800}
_APB1 = {
    0: 0x4000_0000, 1: 0x4000_0400, 2: 0x4000_0800, 3: 0x4000_0C00, 4: 0x4000_1000, 5: 0x4000_1400,
    17: 0x4000_4400, 18: 0x4000_4800, 19: 0x4000_4C00, 20: 0x4000_5000, 28: 0x4000_7000,
}  # fmt: skip
_APB2 = {0: 0x4001_0000, 1: 0x4001_0400, 4: 0x4001_1000, 5: 0x4001_1400, 14: 0x4001_3800}
_GATES = {AHB1ENR: _AHB1, AHB2ENR: _AHB2, AHB3ENR: {}, APB1ENR: _APB1, APB2ENR: _APB2}
_RESETS = {AHB1RSTR: _AHB1, AHB2RSTR: _AHB2, AHB3RSTR: {}, APB1RSTR: _APB1, APB2RSTR: _APB2}
_RESET_VALUES = {
    PLLCFGR: 0x2400_3010, CFGR: 0, CIR: 0,
    AHB1RSTR: 0, AHB2RSTR: 0, AHB3RSTR: 0, APB1RSTR: 0, APB2RSTR: 0,
    AHB1ENR: 0x0010_0000, AHB2ENR: 0, AHB3ENR: 0, APB1ENR: 0, APB2ENR: 0,
    AHB1LPENR: 0x7E67_91FF, AHB2LPENR: 0xF1, AHB3LPENR: 1, APB1LPENR: 0x36FE_C9FF, APB2LPENR: 0x0007_5F33,
    BDCR: 0, SSCGR: 0, PLLI2SCFGR: 0x2000_3000,
}  # fmt: skip


class Rcc(Peripheral):
    """The clock tree. Frequencies are in Hz and follow the registers."""

    def __init__(self, board: Board, entry: Entry) -> None:
        super().__init__(board, entry)
        self._registers = dict(_RESET_VALUES)
        self._cr = _HSION
        self._starting: dict[int, int] = {}
        """When the oscillators that have been switched on will be ready."""
        self._ready = _HSION
        self._csr = 0
        self._lsi_ready_ns = 0
        self._switched = 0

    def power_on(self) -> None:
        self._csr = 0

    def reset(self, cause: str) -> None:
        self._registers = dict(_RESET_VALUES)
        self._cr = _HSION | 0x80
        self._starting.clear()
        self._ready = _HSION
        self._switched = 0
        self._csr = self._csr & ~_LSION | _FLAGS.get(cause, _PIN)
        for offset in _GATES:
            self._gate(offset)
        self.board.clocks_changed()

    # Frequencies

    def _running(self) -> int:
        """The oscillators that are ready, as their bits in CR."""
        if self._starting:
            now = self.board.now_ns
            for oscillator in [bit for bit, ready_ns in self._starting.items() if ready_ns <= now]:
                del self._starting[oscillator]
                self._ready |= oscillator
        return self._ready

    def _source(self) -> int:
        """What drives SYSCLK: SW as soon as that oscillator is ready (SWS)."""
        wanted = self._registers[CFGR] & 3
        if wanted != self._switched and wanted < 3 and self._running() & (_HSION, _HSEON, _PLLON)[wanted]:
            self._switched = wanted
            self.board.clocks_changed()
        return self._switched

    @property
    def hclk_hz(self) -> int:
        source = self._source()
        hse_hz = self.board.hse_hz or 0
        if source == 0:
            sysclk = HSI_HZ
        elif source == 1:
            sysclk = hse_hz
        else:
            pll = self._registers[PLLCFGR]
            m, n, p = pll & 0x3F, pll >> 6 & 0x1FF, 2 * (pll >> 16 & 3) + 2
            sysclk = (hse_hz if pll >> 22 & 1 else HSI_HZ) // max(m, 1) * n // p
        divider = self._registers[CFGR] >> 4 & 0xF
        return sysclk >> (0, 1, 2, 3, 4, 6, 7, 8, 9)[max(divider - 7, 0)]

    def core_hz(self) -> int:
        return self.hclk_hz

    def systick_reference_hz(self) -> int:
        return self.hclk_hz // 8

    def _apb_shift(self, shift: int) -> int:
        return int(max((self._registers[CFGR] >> shift & 7) - 3, 0))

    def pclk_hz(self, address: int) -> int:
        """Bus clock of the peripheral at this address."""
        if address >= 0x4002_0000:
            return self.hclk_hz
        return self.hclk_hz >> self._apb_shift(13 if address >= 0x4001_0000 else 10)

    def timer_hz(self, address: int) -> int:
        """Kernel clock of a timer: twice the bus clock, unless that is HCLK (7.2)."""
        shift = self._apb_shift(13 if address >= 0x4001_0000 else 10)
        return self.hclk_hz >> max(shift - 1, 0)

    # Registers

    def read(self, offset: int) -> int:
        if offset == CR:
            return self._cr | self._running() << 1
        if offset == CFGR:
            return self._registers[CFGR] & ~0xC | self._source() << 2
        if offset == CSR:
            ready = self._csr & _LSION and self.board.now_ns >= self._lsi_ready_ns
            return self._csr | (_LSIRDY if ready else 0)
        value = self._registers.get(offset)
        return self.unknown(offset) if value is None else value

    def write(self, offset: int, value: int) -> None:
        if offset == CR:
            self._write_cr(value)
        elif offset == CSR:
            if value & _LSION and not self._csr & _LSION:
                self._lsi_ready_ns = self.board.now_ns + _LSI_START_NS
            self._csr = self._csr & ~_LSION | value & _LSION
            if value & _RMVF:
                self._csr &= _LSION
        elif offset in _RESETS:
            rising = value & ~self._registers[offset]
            self._registers[offset] = value
            self._reset_peripherals(offset, rising)
        elif offset in self._registers:
            self._registers[offset] = value
            if offset in _GATES:
                self._gate(offset)
            elif offset in {CFGR, PLLCFGR}:
                self.board.clocks_changed()
        else:
            self.unknown(offset, value)

    def _write_cr(self, value: int) -> None:
        now = self.board.now_ns
        source = self._source()
        # The oscillator that SYSCLK runs on cannot be switched off (7.3.1).
        value |= {0: _HSION, 1: _HSEON, 2: _PLLON}[source]
        for bit in _OSCILLATORS:
            if not value & bit:
                self._starting.pop(bit, None)
                self._ready &= ~bit
            elif not self._cr & bit and (bit != _HSEON or self.board.hse_hz):
                self._starting[bit] = now + _START_NS[bit]
        self._cr = value & _CR_WRITABLE

    def _gate(self, offset: int) -> None:
        for bit, address in _GATES[offset].items():
            peripheral = self.board.peripheral_at(address)
            if peripheral is not None:
                peripheral.clocked = bool(self._registers[offset] >> bit & 1)

    def _reset_peripherals(self, offset: int, rising: int) -> None:
        for bit, address in _RESETS[offset].items():
            peripheral = self.board.peripheral_at(address)
            if rising >> bit & 1 and peripheral is not None:
                peripheral.reset("rcc")
