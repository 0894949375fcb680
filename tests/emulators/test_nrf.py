"""nRF52840 peripherals, register by register, as the Product Specification has them."""

from __future__ import annotations

import pytest

from bench.emulators.unicorn.core import BusError
from bench.emulators.unicorn.peripherals.base import GpioPort, Uart
from bench.emulators.unicorn.peripherals.flash import FlashController

from .fake_board import MS, RAM, US, FakeBoard

STARTRX, STOPRX, STARTTX, STOPTX, FLUSHRX = 0x000, 0x004, 0x008, 0x00C, 0x02C
RXDRDY, ENDRX, TXDRDY, ENDTX, ERROR, RXTO = 0x108, 0x110, 0x11C, 0x120, 0x124, 0x144
RXSTARTED, TXSTARTED, TXSTOPPED = 0x14C, 0x150, 0x158
SHORTS, INTENSET, ERRORSRC, ENABLE, PSEL_TXD, PSEL_RXD, BAUDRATE = (
    0x200,
    0x304,
    0x480,
    0x500,
    0x50C,
    0x514,
    0x524,
)
RXD_PTR, RXD_MAXCNT, RXD_AMOUNT, TXD_PTR, TXD_MAXCNT, TXD_AMOUNT = 0x534, 0x538, 0x53C, 0x544, 0x548, 0x54C


@pytest.fixture
def board() -> FakeBoard:
    return FakeBoard("nrf52840dk")


class TestUarte:
    @pytest.fixture
    def uart(self, board: FakeBoard) -> Uart:
        uart = board["uart0"]
        assert isinstance(uart, Uart)
        for offset, value in ((PSEL_TXD, 6), (PSEL_RXD, 8), (BAUDRATE, 0x01D60000), (ENABLE, 8)):
            uart.write(offset, value)
        return uart

    def send(self, board: FakeBoard, uart: Uart, data: bytes) -> None:
        board.ram[: len(data)] = data
        uart.write(TXD_PTR, RAM)
        uart.write(TXD_MAXCNT, len(data))
        uart.write(STARTTX, 1)

    def receive(self, uart: Uart, offset: int, size: int) -> None:
        uart.write(RXD_PTR, RAM + offset)
        uart.write(RXD_MAXCNT, size)
        uart.write(STARTRX, 1)

    def test_the_rate_is_that_of_the_table(self, uart: Uart) -> None:
        assert uart.frame_ns() == 10 * 139 * 1_000_000_000 // 16_000_000  # 115108 baud

    def test_transmit(self, board: FakeBoard, uart: Uart) -> None:
        self.send(board, uart, b"abc")
        assert (uart.read(TXSTARTED), uart.read(ENDTX), uart.sent) == (1, 0, b"")
        board.pass_ns(2 * uart.frame_ns())
        assert (uart.sent, uart.read(TXDRDY), uart.read(ENDTX)) == (b"ab", 1, 0)
        board.pass_ns(uart.frame_ns())
        assert (uart.sent, uart.read(ENDTX), uart.read(TXD_AMOUNT)) == (b"abc", 1, 3)

    def test_bytes_are_fetched_when_they_are_sent(self, board: FakeBoard, uart: Uart) -> None:
        self.send(board, uart, b"ab")
        board.ram[1:2] = b"X"
        board.pass_ns(2 * uart.frame_ns())
        assert uart.sent == b"aX"

    def test_stoptx_ends_behind_the_byte_under_way(self, board: FakeBoard, uart: Uart) -> None:
        self.send(board, uart, b"abc")
        uart.write(STOPTX, 1)
        assert uart.read(TXSTOPPED) == 0
        board.pass_ns(5 * uart.frame_ns())
        assert (uart.sent, uart.read(TXSTOPPED), uart.read(TXD_AMOUNT)) == (b"a", 1, 1)

    @pytest.mark.parametrize("enable", [0, 4])
    def test_nothing_happens_while_not_enabled(self, board: FakeBoard, uart: Uart, enable: int) -> None:
        uart.write(ENABLE, enable)
        self.send(board, uart, b"abc")
        board.pass_ns(10 * MS)
        assert (uart.sent, uart.read(TXSTARTED), uart.read(ENDTX)) == (b"", 0, 0)

    def test_easydma_cannot_read_flash(self, board: FakeBoard, uart: Uart) -> None:
        uart.write(TXD_PTR, 0x1000)
        uart.write(TXD_MAXCNT, 4)
        uart.write(STARTTX, 1)
        board.pass_ns(MS)
        assert (uart.sent, board.faults) == (b"", 1)

    def test_without_a_pin_bytes_go_nowhere(self, board: FakeBoard) -> None:
        uart = board["uart0"]
        assert isinstance(uart, Uart)
        uart.write(ENABLE, 8)
        self.send(board, uart, b"abc")
        board.pass_ns(20 * MS)
        assert (uart.sent, uart.read(ENDTX)) == (b"", 1)

    def test_receive_into_a_buffer(self, board: FakeBoard, uart: Uart) -> None:
        self.receive(uart, 0x100, 2)
        assert uart.read(RXSTARTED) == 1
        uart.feed(b"xy")
        board.pass_ns(uart.frame_ns())
        assert (bytes(board.ram[0x100:0x102]), uart.read(RXDRDY), uart.read(ENDRX)) == (b"x\0", 1, 0)
        board.pass_ns(uart.frame_ns())
        assert (bytes(board.ram[0x100:0x102]), uart.read(ENDRX), uart.read(RXD_AMOUNT)) == (b"xy", 1, 2)

    def test_the_buffer_pointer_is_double_buffered(self, board: FakeBoard, uart: Uart) -> None:
        uart.write(SHORTS, 1 << 5)
        self.receive(uart, 0x100, 2)
        uart.write(RXD_PTR, RAM + 0x200)
        uart.feed(b"abcd")
        board.pass_ns(4 * uart.frame_ns())
        assert bytes(board.ram[0x100:0x102]) + bytes(board.ram[0x200:0x202]) == b"abcd"

    def test_six_bytes_wait_for_a_buffer_and_a_seventh_overruns(self, board: FakeBoard, uart: Uart) -> None:
        self.receive(uart, 0x100, 1)
        uart.feed(b"abcdefgh")
        board.pass_ns(7 * uart.frame_ns())
        assert uart.read(ERROR) == 0
        board.pass_ns(uart.frame_ns())
        assert (uart.read(ERROR), uart.read(ERRORSRC)) == (1, 1)
        self.receive(uart, 0x200, 6)
        assert (bytes(board.ram[0x200:0x206]), uart.read(RXD_AMOUNT)) == (b"bcdefg", 6)
        uart.write(ERRORSRC, 1)
        assert uart.read(ERRORSRC) == 0

    def test_stoprx_gives_what_there_is_then_times_out(self, board: FakeBoard, uart: Uart) -> None:
        self.receive(uart, 0x100, 8)
        uart.feed(b"abc")
        board.pass_ns(2 * uart.frame_ns())
        uart.write(STOPRX, 1)
        assert (uart.read(ENDRX), uart.read(RXD_AMOUNT), uart.read(RXTO)) == (1, 2, 0)
        board.pass_ns(5 * uart.frame_ns())
        assert uart.read(RXTO) == 1
        uart.write(RXD_PTR, RAM + 0x300)
        uart.write(FLUSHRX, 1)
        assert (bytes(board.ram[0x300:0x301]), uart.read(RXD_AMOUNT)) == (b"c", 1)

    def test_bytes_pass_by_before_startrx(self, board: FakeBoard, uart: Uart) -> None:
        uart.feed(b"abc")
        board.pass_ns(MS)
        self.receive(uart, 0x100, 1)
        assert uart.read(RXDRDY) == 0

    def test_interrupt(self, board: FakeBoard, uart: Uart) -> None:
        uart.write(INTENSET, 1 << 8)
        self.send(board, uart, b"a")
        board.pass_ns(uart.frame_ns())
        assert board.lines == {2}
        uart.write(ENDTX, 0)
        assert board.lines == set()


class TestTimer:
    def test_it_counts_and_captures(self, board: FakeBoard) -> None:
        timer = board["timer0"]
        for offset, value in ((0x508, 3), (0x510, 4), (0x000, 1)):
            timer.write(offset, value)
        board.pass_ns(5678 * US)
        timer.write(0x044, 1)
        assert timer.read(0x544) == 5678

    def test_compare(self, board: FakeBoard) -> None:
        timer = board["timer0"]
        for offset, value in ((0x508, 3), (0x510, 4), (0x540, 100), (0x304, 1 << 16), (0x000, 1)):
            timer.write(offset, value)
        board.pass_ns(100 * US - 1)
        assert board.lines == set()
        board.pass_ns(1)
        assert (board.lines, timer.read(0x140)) == ({8}, 1)
        timer.write(0x140, 0)
        assert board.lines == set()
        board.pass_ns(10_000 * MS)  # not again before the counter wraps
        assert timer.read(0x140) == 0

    def test_shortcuts(self, board: FakeBoard) -> None:
        timer = board["timer0"]
        for offset, value in ((0x508, 3), (0x510, 4), (0x540, 100), (0x200, 1), (0x000, 1)):
            timer.write(offset, value)
        board.pass_ns(250 * US)
        timer.write(0x044, 1)
        assert timer.read(0x544) == 50
        timer.write(0x200, 1 << 8)
        board.pass_ns(MS)
        timer.write(0x044, 1)
        assert timer.read(0x544) == 100

    def test_width(self, board: FakeBoard) -> None:
        timer = board["timer0"]
        timer.write(0x510, 0)  # 16 MHz, 16 bit
        timer.write(0x000, 1)
        board.pass_ns(5 * MS)
        timer.write(0x040, 1)
        assert timer.read(0x540) == 80_000 % 65_536

    def test_counter_mode(self, board: FakeBoard) -> None:
        timer = board["timer0"]
        timer.write(0x504, 1)
        timer.write(0x000, 1)
        board.pass_ns(MS)
        for _ in range(3):
            timer.write(0x008, 1)
        timer.write(0x040, 1)
        assert timer.read(0x540) == 3


class TestNvmc:
    @pytest.fixture
    def nvmc(self, board: FakeBoard) -> FlashController:
        nvmc = board["nvmc"]
        assert isinstance(nvmc, FlashController)
        return nvmc

    def test_writes_need_wen_and_whole_words(self, board: FakeBoard, nvmc: FlashController) -> None:
        flash = board.memory("flash")
        with pytest.raises(BusError):
            nvmc.store(flash, 0x1000, bytes(4))
        nvmc.write(0x504, 1)
        with pytest.raises(BusError):
            nvmc.store(flash, 0x1000, bytes(2))
        nvmc.store(flash, 0x1000, b"\x0f\xff\xff\xff")
        assert nvmc.read(0x400) == 0
        board.pass_ns(41 * US)
        assert nvmc.read(0x400) == 1
        nvmc.store(flash, 0x1000, b"\xf1\xff\xff\xff")
        board.pass_ns(41 * US)
        assert flash.buffer.raw[0x1000:0x1004] == b"\x01\xff\xff\xff"

    def test_erase(self, board: FakeBoard, nvmc: FlashController) -> None:
        board.poke(0xFE000, bytes(0x2000))
        nvmc.write(0x508, 0xFE000)
        board.pass_ns(MS)
        assert nvmc.read(0x400) == 1  # not enabled: nothing began
        nvmc.write(0x504, 2)
        nvmc.write(0x508, 0xFE000)
        board.pass_ns(84 * MS)
        assert nvmc.read(0x400) == 0
        board.pass_ns(MS)
        raw = board.memory("flash").buffer.raw
        assert raw[0xFE000:0xFF000] == b"\xff" * 0x1000
        assert raw[0xFF000:0xFF004] == bytes(4)

    def test_a_power_cut(self, board: FakeBoard, nvmc: FlashController) -> None:
        board.poke(0xFE000, bytes(0x1000))
        nvmc.write(0x504, 2)
        nvmc.write(0x508, 0xFE000)
        board.pass_ns(8 * MS)
        nvmc.power_off()
        ones = sum(byte.bit_count() for byte in board.memory("flash").buffer.raw[0xFE000:0xFF000])
        assert 0.05 < ones / 0x8000 < 0.15


class TestWdt:
    def test_it_resets_and_cannot_be_changed_while_it_runs(self, board: FakeBoard) -> None:
        wdt = board["wdt"]
        wdt.write(0x504, 32_768 - 1)
        wdt.write(0x000, 1)
        wdt.write(0x504, 0xFFFF_FFFF)
        assert (wdt.read(0x400), wdt.read(0x504)) == (1, 32_767)
        board.pass_ns(900 * MS)
        wdt.write(0x600, 0x6E524635)
        board.pass_ns(999 * MS)
        assert board.resets == []
        board.pass_ns(MS)
        assert board.resets == ["watchdog"]

    def test_all_enabled_channels_have_to_reload(self, board: FakeBoard) -> None:
        wdt = board["wdt"]
        wdt.write(0x504, 32_768 - 1)
        wdt.write(0x508, 0b11)
        wdt.write(0x000, 1)
        board.pass_ns(900 * MS)
        wdt.write(0x600, 0x6E524635)
        assert wdt.read(0x404) == 0b10
        board.pass_ns(100 * MS)
        assert board.resets == ["watchdog"]

    def test_the_interrupt_comes_two_cycles_before_the_reset(self, board: FakeBoard) -> None:
        wdt = board["wdt"]
        wdt.write(0x504, 32_768 - 1)
        wdt.write(0x304, 1)
        wdt.write(0x000, 1)
        board.pass_ns(1000 * MS)
        assert (board.lines, board.resets) == ({16}, [])
        wdt.write(0x600, 0x6E524635)
        board.pass_ns(62 * US)
        assert board.resets == ["watchdog"]


class TestPower:
    def test_reset_reasons_add_up(self, board: FakeBoard) -> None:
        power = board["clock"]
        assert power.read(0x400) == 0
        power.reset("software")
        power.reset("watchdog")
        assert power.read(0x400) == 0b110
        power.write(0x400, 0b010)
        assert power.read(0x400) == 0b100

    def test_oscillators(self, board: FakeBoard) -> None:
        clock = board["clock"]
        clock.write(0x304, 1)
        clock.write(0x000, 1)
        assert (clock.read(0x100), clock.read(0x40C) & 1) == (0, 0)
        board.pass_ns(MS)
        assert (clock.read(0x100), clock.read(0x40C), board.lines) == (1, 0x10001, {0})
        clock.write(0x004, 1)
        assert clock.read(0x40C) & 1 == 0

    def test_retained_registers(self, board: FakeBoard) -> None:
        board["clock"].write(0x51C, 0x5A)
        board["clock"].reset("software")
        assert board["clock"].read(0x51C) == 0x5A


def test_rng(board: FakeBoard) -> None:
    rng = board["rng"]
    rng.write(0x504, 1)
    rng.write(0x000, 1)
    values = []
    for _ in range(4):
        board.pass_ns(119 * US)
        assert rng.read(0x100) == 0
        board.pass_ns(US)
        assert rng.read(0x100) == 1
        values.append(rng.read(0x508))
        rng.write(0x100, 0)
    assert len(set(values)) > 1


def test_gpio(board: FakeBoard) -> None:
    port = board["gpio0"]
    assert isinstance(port, GpioPort)
    port.write(0x08, 1 << 20)  # OUTSET
    assert not port.level(20)
    port.write(0x18, 1 << 20)  # DIRSET
    assert port.level(20)
    assert port.read(0x200 + 4 * 20) & 1
    port.write(0x0C, 1 << 20)  # OUTCLR
    assert not port.level(20)
    port.set_outside(3, True)
    assert port.read(0x10) & 8 == 0  # the input buffer is disconnected after reset
    port.write(0x200 + 4 * 3, 0)
    assert port.read(0x10) & 8
