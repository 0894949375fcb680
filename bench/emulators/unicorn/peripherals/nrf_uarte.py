"""nRF52840 UART with EasyDMA: Product Specification, "UARTE"."""

from __future__ import annotations

from ...base import NS_PER_S
from ...repl import Entry
from ..clock import Event
from ..core import BusError
from .base import Board, Uart
from .nrf import NrfPeripheral

STARTRX, STOPRX, STARTTX, STOPTX, FLUSHRX = 0x000, 0x004, 0x008, 0x00C, 0x02C
RXDRDY, ENDRX, TXDRDY, ENDTX, ERROR, RXTO = 0x108, 0x110, 0x11C, 0x120, 0x124, 0x144
RXSTARTED, TXSTARTED, TXSTOPPED = 0x14C, 0x150, 0x158
ERRORSRC, ENABLE = 0x480, 0x500
PSEL_RTS, PSEL_TXD, PSEL_CTS, PSEL_RXD, BAUDRATE = 0x508, 0x50C, 0x510, 0x514, 0x524
RXD_PTR, RXD_MAXCNT, RXD_AMOUNT = 0x534, 0x538, 0x53C
TXD_PTR, TXD_MAXCNT, TXD_AMOUNT = 0x544, 0x548, 0x54C
CONFIG = 0x56C

_ENABLED, _ENABLED_WITHOUT_DMA = 8, 4
_ENDRX_STARTRX, _ENDRX_STOPRX = 1 << 5, 1 << 6
_OVERRUN = 1 << 0
_HWFC = 1 << 0
_DISCONNECTED = 1 << 31
_CLOCK_HZ = 16_000_000
_FIFO_SIZE = 6
_TIMEOUT_FRAMES = 5
_SETTINGS = {
    PSEL_RTS: 0xFFFF_FFFF, PSEL_TXD: 0xFFFF_FFFF, PSEL_CTS: 0xFFFF_FFFF, PSEL_RXD: 0xFFFF_FFFF,
    BAUDRATE: 0x0400_0000, RXD_PTR: 0, RXD_MAXCNT: 0, TXD_PTR: 0, TXD_MAXCNT: 0, CONFIG: 0,
}  # fmt: skip


class Uarte(NrfPeripheral, Uart):
    """Not modelled: the UART without EasyDMA (ENABLE=4), hardware flow control, parity errors, PPI."""

    EVENT_OFFSETS = (
        0x100, 0x104, RXDRDY, ENDRX, TXDRDY, ENDTX, ERROR, RXTO, RXSTARTED, TXSTARTED, TXSTOPPED,
    )  # fmt: skip

    def __init__(self, board: Board, entry: Entry) -> None:
        super().__init__(board, entry)
        self._sending: Event | None = None
        self._timeout: Event | None = None
        self._clear()

    def _clear(self) -> None:
        self._settings = dict(_SETTINGS)
        self._enable = 0
        self._error_source = 0
        self._tx_amount = 0
        self._rx_amount = 0
        self._stop_all()

    def _stop_all(self) -> None:
        for event in (self._sending, self._timeout):
            if event is not None:
                event.cancel()
        self._sending = self._timeout = None
        self._tx_ptr = self._tx_count = self._tx_done = 0
        self._tx_stopping = False
        self._receiving = False
        self._rx_buffer: tuple[int, int] | None = None
        """Address and size of the buffer that is being filled."""
        self._rx_done = 0
        self._fifo = bytearray()

    def reset(self, cause: str) -> None:
        super().reset(cause)
        self._clear()

    def frame_ns(self) -> int:
        rate = self._settings[BAUDRATE]
        if self._enable != _ENABLED or not rate:
            return 10 * NS_PER_S // self.LINE_HZ_UNSET
        config = self._settings[CONFIG]
        bits = 10 + (1 if config & 0xE else 0) + (config >> 4 & 1)
        # The rates are 16 MHz through a whole divider; the table gives 115108 baud for 115200.
        return bits * ((1 << 32) // rate) * NS_PER_S // _CLOCK_HZ

    # Transmitter

    def _start_tx(self) -> None:
        if self._sending is not None:
            self.report(1, "STARTTX while a transfer is under way: ignored")
            return
        self._tx_ptr = self._settings[TXD_PTR]
        self._tx_count = self._settings[TXD_MAXCNT]
        self._tx_done = 0
        self._tx_stopping = False
        self.event(TXSTARTED)
        self._send_next()

    def _send_next(self) -> None:
        if self._tx_stopping or self._tx_done == self._tx_count:
            self._end_tx()
            return
        address = self._tx_ptr + self._tx_done
        try:
            byte = self.board.dma_read(address, 1)[0]
        except BusError:
            self.report(2, "EasyDMA cannot read 0x%08x: TXD.PTR is to be in RAM", address)
            self._end_tx()
            self.board.asynchronous_bus_fault()
            return
        self._sending = self.board.at(self.board.now_ns + self.frame_ns(), lambda: self._byte_sent(byte))

    def _byte_sent(self, byte: int) -> None:
        self._sending = None
        self._tx_done += 1
        if self._settings[PSEL_TXD] & _DISCONNECTED:
            self.report(3, "bytes are sent with no pin in PSEL.TXD: they go nowhere")
        else:
            self.transmitted(byte)
        self.event(TXDRDY)
        self._send_next()

    def _end_tx(self) -> None:
        self._tx_amount = self._tx_done
        self.event(ENDTX)
        if self._tx_stopping:
            self._tx_stopping = False
            self.event(TXSTOPPED)

    def _stop_tx(self) -> None:
        if self._sending is None:
            self.event(TXSTOPPED)
        else:
            self._tx_stopping = True

    # Receiver

    def _start_rx(self) -> None:
        if self._timeout is not None:
            self._timeout.cancel()
            self._timeout = None
        self._receiving = True
        self._rx_buffer = (self._settings[RXD_PTR], self._settings[RXD_MAXCNT])
        self._rx_done = 0
        self.event(RXSTARTED)
        self._drain_fifo()

    def _stop_rx(self) -> None:
        if not self._receiving:
            return
        if self._rx_buffer is not None:
            self._end_rx()
        if self._timeout is None:
            due = self.board.now_ns + _TIMEOUT_FRAMES * self.frame_ns()
            self._timeout = self.board.at(due, self._timed_out)

    def _timed_out(self) -> None:
        self._timeout = None
        self._receiving = False
        self.event(RXTO)

    def received(self, byte: int) -> None:
        if not self._receiving or self._settings[PSEL_RXD] & _DISCONNECTED:
            return
        if len(self._fifo) == _FIFO_SIZE:
            self._error_source |= _OVERRUN
            self.event(ERROR)
            return
        self._fifo.append(byte)
        self.event(RXDRDY)
        self._drain_fifo()

    def _drain_fifo(self) -> None:
        while self._rx_buffer is not None:
            address, size = self._rx_buffer
            if self._rx_done == size:
                self._end_rx()
                if self.shorts & _ENDRX_STARTRX:
                    self._start_rx()
                elif self.shorts & _ENDRX_STOPRX:
                    self._stop_rx()
                return
            if not self._fifo:
                return
            try:
                self.board.dma_write(address + self._rx_done, bytes([self._fifo.pop(0)]))
            except BusError:
                self.report(
                    4, "EasyDMA cannot write to 0x%08x: RXD.PTR is to be in RAM", address + self._rx_done
                )
                self._end_rx()
                self.board.asynchronous_bus_fault()
                return
            self._rx_done += 1

    def _end_rx(self) -> None:
        self._rx_amount = self._rx_done
        self._rx_buffer = None
        self.event(ENDRX)

    def _flush_rx(self) -> None:
        address, size = self._settings[RXD_PTR], self._settings[RXD_MAXCNT]
        data = bytes(self._fifo[:size])
        del self._fifo[:size]
        try:
            self.board.dma_write(address, data)
        except BusError:
            self.board.asynchronous_bus_fault()
            return
        self._rx_amount = len(data)
        self.event(ENDRX)

    # Registers

    def task(self, offset: int) -> bool:
        tasks = {
            STARTRX: self._start_rx,
            STOPRX: self._stop_rx,
            STARTTX: self._start_tx,
            STOPTX: self._stop_tx,
            FLUSHRX: self._flush_rx,
        }
        action = tasks.get(offset)
        if action is None:
            return False
        if self._enable != _ENABLED:
            self.report(5, "a task is triggered while ENABLE is %d, not 8: nothing happens", self._enable)
        else:
            action()
        return True

    def get(self, offset: int) -> int | None:
        registers = {
            ENABLE: self._enable,
            ERRORSRC: self._error_source,
            RXD_AMOUNT: self._rx_amount,
            TXD_AMOUNT: self._tx_amount,
        }
        return registers.get(offset, self._settings.get(offset))

    def put(self, offset: int, value: int) -> bool:
        if offset == ENABLE:
            self._enable = value & 0xF
            if self._enable == _ENABLED_WITHOUT_DMA:
                self.report(6, "the UART without EasyDMA (ENABLE=4) is not modelled")
            if self._enable != _ENABLED:
                self._stop_all()
        elif offset == ERRORSRC:
            self._error_source &= ~value
        elif offset in {PSEL_RTS, PSEL_TXD, PSEL_CTS, PSEL_RXD} and self._enable:
            self.report(7, "PSEL is written while the UARTE is enabled: ignored")
        elif offset in self._settings:
            self._settings[offset] = value & 0xFFFF if offset in {RXD_MAXCNT, TXD_MAXCNT} else value
            if offset == CONFIG and value & _HWFC:
                self.report(8, "hardware flow control is not modelled")
        else:
            return offset in {RXD_AMOUNT, TXD_AMOUNT}
        return True
