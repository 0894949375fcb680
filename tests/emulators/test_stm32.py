"""STM32F4 peripherals, register by register, as RM0090 has them."""

from __future__ import annotations

import pytest

from bench.emulators.unicorn.core import BusError
from bench.emulators.unicorn.peripherals.base import GpioPort, Uart
from bench.emulators.unicorn.peripherals.flash import FlashController
from bench.emulators.unicorn.peripherals.stm32_rcc import Rcc

from .fake_board import MS, US, FakeBoard

FLASH = 0x0800_0000
FRAME_NS = 10 * 1_000_000_000 // 115_200


@pytest.fixture
def board() -> FakeBoard:
    return FakeBoard("stm32f4_discovery")


def full_speed(board: FakeBoard) -> None:
    """168 MHz from the crystal, APB1 at 42 MHz."""
    rcc = board["rcc"]
    rcc.write(0x00, 1 << 16 | 1)
    board.pass_ns(3 * MS)
    rcc.write(0x04, 8 | 336 << 6 | 0 << 16 | 1 << 22 | 7 << 24)
    rcc.write(0x00, 1 << 24 | 1 << 16 | 1)
    board.pass_ns(MS)
    rcc.write(0x08, 5 << 10 | 4 << 13 | 2)


class TestRcc:
    def test_oscillators_take_their_time(self, board: FakeBoard) -> None:
        rcc = board["rcc"]
        assert rcc.read(0) & 3 == 3
        rcc.write(0, 1 << 16 | 1)
        assert not rcc.read(0) & 1 << 17
        board.pass_ns(3 * MS)
        assert rcc.read(0) & 1 << 17

    def test_without_a_crystal_hse_never_starts(self, board: FakeBoard) -> None:
        board.hse_hz = None
        board["rcc"].write(0, 1 << 16 | 1)
        board.pass_ns(1000 * MS)
        assert not board["rcc"].read(0) & 1 << 17

    def test_the_clock_tree(self, board: FakeBoard) -> None:
        rcc = board["rcc"]
        assert isinstance(rcc, Rcc)
        assert (rcc.hclk_hz, rcc.pclk_hz(0x40004400), rcc.timer_hz(0x40000000)) == (16_000_000,) * 3
        full_speed(board)
        assert rcc.read(8) & 0xC == 8
        assert rcc.hclk_hz == 168_000_000
        assert rcc.pclk_hz(0x40004400) == 42_000_000
        assert rcc.timer_hz(0x40000000) == 84_000_000
        assert rcc.timer_hz(0x40010000) == 168_000_000

    def test_the_switch_waits_for_the_oscillator(self, board: FakeBoard) -> None:
        rcc = board["rcc"]
        rcc.write(8, 1)
        assert rcc.read(8) & 0xF == 1
        rcc.write(0, 1 << 16 | 1)
        board.pass_ns(3 * MS)
        assert rcc.read(8) & 0xF == 5

    def test_the_running_oscillator_cannot_be_switched_off(self, board: FakeBoard) -> None:
        full_speed(board)
        board["rcc"].write(0, 1)
        assert board["rcc"].read(0) & 1 << 25

    def test_clock_gates(self, board: FakeBoard) -> None:
        usart = board["usart2"]
        board["rcc"].write(0x40, 0)
        assert not usart.clocked
        board["rcc"].write(0x40, 1 << 17)
        assert usart.clocked

    def test_peripheral_reset(self, board: FakeBoard) -> None:
        board["usart2"].write(8, 0x123)
        board["rcc"].write(0x20, 1 << 17)
        assert board["usart2"].read(8) == 0

    @pytest.mark.parametrize(
        ("cause", "flags"), [("power", 0b0111), ("pin", 0b0010), ("software", 0b1010), ("watchdog", 0b10010)]
    )
    def test_reset_flags_add_up_until_cleared(self, board: FakeBoard, cause: str, flags: int) -> None:
        rcc = board["rcc"]
        rcc.write(0x74, 1 << 24)
        assert rcc.read(0x74) >> 25 == 0
        rcc.reset(cause)
        assert rcc.read(0x74) >> 25 == flags
        rcc.reset("software")
        assert rcc.read(0x74) >> 25 == flags | 0b1010


class TestUsart:
    @pytest.fixture
    def usart(self, board: FakeBoard) -> Uart:
        full_speed(board)
        usart = board["usart2"]
        assert isinstance(usart, Uart)
        usart.write(0x08, 365)  # 42 MHz / 115068
        usart.write(0x0C, 1 << 13 | 1 << 3 | 1 << 2)
        return usart

    def test_line_time_follows_the_registers(self, usart: Uart) -> None:
        assert usart.frame_ns() == 10 * 365 * 1_000_000_000 // 42_000_000
        usart.write(0x10, 2 << 12)  # 2 stop bits
        assert usart.frame_ns() == 11 * 365 * 1_000_000_000 // 42_000_000
        usart.write(0x0C, 1 << 15 | 1 << 13)  # oversampling by 8: 45.5 clocks, 3 fraction bits
        usart.write(0x08, 45 << 4 | 4)
        assert usart.frame_ns() == 11 * 364 * 1_000_000_000 // 42_000_000

    def test_a_byte_leaves_after_its_line_time(self, board: FakeBoard, usart: Uart) -> None:
        usart.write(4, 0x41)
        assert usart.read(0) & 0xC0 == 0x80  # the shift register took it: TXE, not TC
        usart.write(4, 0x42)
        assert usart.read(0) & 0xC0 == 0
        board.pass_ns(usart.frame_ns())
        assert (usart.sent, usart.read(0) & 0xC0) == (b"A", 0x80)
        board.pass_ns(usart.frame_ns())
        assert (usart.sent, usart.read(0) & 0xC0) == (b"AB", 0xC0)
        assert board.outputs == 2

    def test_a_second_write_without_txe_replaces_the_first(self, board: FakeBoard, usart: Uart) -> None:
        for byte in b"ABC":
            usart.write(4, byte)
        board.pass_ns(5 * usart.frame_ns())
        assert usart.sent == b"AC"

    def test_nothing_is_sent_while_disabled(self, board: FakeBoard) -> None:
        usart = board["usart2"]
        assert isinstance(usart, Uart)
        usart.write(4, 0x41)
        board.pass_ns(10 * MS)
        assert usart.sent == b""

    def test_interrupts(self, board: FakeBoard, usart: Uart) -> None:
        control = usart.read(0x0C)
        assert board.lines == set()
        usart.write(0x0C, control | 1 << 7)
        assert board.lines == {38}
        usart.write(4, 0x41)
        usart.write(4, 0x42)
        assert board.lines == set()
        usart.write(0x0C, control | 1 << 5)
        usart.feed(b"x")
        board.pass_ns(usart.frame_ns())
        assert board.lines == {38}
        assert usart.read(4) == 0x78
        assert board.lines == set()

    def test_received_bytes_come_one_after_the_other(self, board: FakeBoard, usart: Uart) -> None:
        usart.feed(b"ab")
        board.pass_ns(usart.frame_ns() - 1)
        assert not usart.read(0) & 0x20
        board.pass_ns(1)
        assert (usart.read(0) & 0x20, usart.read(4), usart.read(0) & 0x20) == (0x20, 0x61, 0)
        board.pass_ns(usart.frame_ns())
        assert usart.read(4) == 0x62

    def test_overrun_loses_the_new_byte_and_is_cleared_by_sr_then_dr(
        self, board: FakeBoard, usart: Uart
    ) -> None:
        usart.feed(b"abc")
        board.pass_ns(2 * usart.frame_ns())
        assert usart.read(0) & 0x28 == 0x28
        assert usart.read(4) == 0x61
        assert usart.read(0) & 0x28 == 0
        board.pass_ns(usart.frame_ns())
        assert usart.read(4) == 0x63

    def test_idle_line(self, board: FakeBoard, usart: Uart) -> None:
        usart.feed(b"ab")
        board.pass_ns(2 * usart.frame_ns())
        usart.read(4)
        assert not usart.read(0) & 0x10
        board.pass_ns(usart.frame_ns())
        assert usart.read(0) & 0x10

    def test_bytes_pass_by_a_receiver_that_is_off(self, board: FakeBoard, usart: Uart) -> None:
        usart.write(0x0C, 1 << 13)
        usart.feed(b"a")
        board.pass_ns(MS)
        usart.write(0x0C, 1 << 13 | 1 << 2)
        assert not usart.read(0) & 0x20


class TestTimer:
    def test_it_counts_at_its_prescaled_clock(self, board: FakeBoard) -> None:
        full_speed(board)
        timer = board["timer2"]
        timer.write(0x28, 83)
        timer.write(0x14, 1)
        assert timer.read(0x10) & 1
        timer.write(0x10, 0)
        timer.write(0x00, 1)
        board.pass_ns(1234 * US)
        assert timer.read(0x24) == 1234
        timer.write(0x00, 0)
        board.pass_ns(MS)
        assert timer.read(0x24) == 1234

    def test_the_prescaler_waits_for_an_update(self, board: FakeBoard) -> None:
        full_speed(board)
        timer = board["timer2"]
        timer.write(0x00, 1)
        timer.write(0x28, 83)
        board.pass_ns(10 * US)
        assert timer.read(0x24) == 840

    def test_compare_sets_its_flag_and_interrupt_at_the_exact_time(self, board: FakeBoard) -> None:
        full_speed(board)
        timer = board["timer2"]
        timer.write(0x28, 83)
        timer.write(0x14, 1)
        timer.write(0x10, 0)
        timer.write(0x34, 500)
        timer.write(0x0C, 2)
        timer.write(0x00, 1)
        board.pass_ns(500 * US - 1)
        assert board.lines == set()
        board.pass_ns(1)
        assert board.lines == {28}
        assert timer.read(0x10) & 2
        timer.write(0x10, ~2 & 0xFFFF)
        assert board.lines == set()

    def test_update_events_repeat_without_drift(self, board: FakeBoard) -> None:
        full_speed(board)
        timer = board["timer2"]
        timer.write(0x2C, 84_001 - 1)
        timer.write(0x14, 1)
        timer.write(0x00, 1)
        updates = 0
        for _ in range(1000):
            timer.write(0x10, 0)
            board.pass_ns(84_001 * 1000 // 84)
            updates += timer.read(0x10) & 1
        assert updates >= 999
        assert abs(timer.read(0x24) - (board.now_ns - 4 * MS) * 84 // 1000 % 84_001) <= 1

    def test_one_pulse(self, board: FakeBoard) -> None:
        timer = board["timer2"]
        timer.write(0x2C, 159)
        timer.write(0x00, 1 | 1 << 3)
        board.pass_ns(MS)
        assert timer.read(0x00) & 1 == 0

    def test_a_clock_change_keeps_the_count(self, board: FakeBoard) -> None:
        timer = board["timer2"]
        timer.write(0x00, 1)
        board.pass_ns(MS)
        assert timer.read(0x24) == 16_000
        full_speed(board)
        count = timer.read(0x24)
        assert count == 16_000 * 5
        board.pass_ns(US)
        assert timer.read(0x24) == count + 84


class TestFlash:
    KEYS = (0x45670123, 0xCDEF89AB)

    @pytest.fixture
    def flash(self, board: FakeBoard) -> FlashController:
        controller = board["flash_controller"]
        assert isinstance(controller, FlashController)
        return controller

    def unlock(self, flash: FlashController) -> None:
        for key in self.KEYS:
            flash.write(4, key)

    def content(self, board: FakeBoard, offset: int, size: int) -> bytes:
        return board.memory("flash").buffer.raw[offset : offset + size]

    def test_cr_is_locked_until_both_keys(self, flash: FlashController) -> None:
        flash.write(0x10, 1)
        assert flash.read(0x10) == 1 << 31
        self.unlock(flash)
        flash.write(0x10, 1)
        assert flash.read(0x10) == 1

    def test_a_wrong_key_is_a_bus_error_and_locks_until_reset(self, flash: FlashController) -> None:
        with pytest.raises(BusError):
            flash.write(4, 0x12345678)
        with pytest.raises(BusError):
            self.unlock(flash)
        assert flash.read(0x10) == 1 << 31
        flash.reset("software")
        self.unlock(flash)
        assert flash.read(0x10) == 0

    def test_programming_clears_bits_only(self, board: FakeBoard, flash: FlashController) -> None:
        self.unlock(flash)
        flash.write(0x10, 1 | 2 << 8)
        memory = board.memory("flash")
        for word in (0xFFFF00FF, 0x0F0FFFFF):
            flash.store(memory, FLASH + 0x4000, word.to_bytes(4, "little"))
            assert flash.read(0x0C) & 1 << 16
            assert board.stalled_until == board.now_ns + 16 * US
            board.pass_ns(16 * US)
        assert flash.read(0x0C) == 0
        assert self.content(board, 0x4000, 4) == (0x0F0F00FF).to_bytes(4, "little")

    @pytest.mark.parametrize(
        ("control", "store", "flag"),
        [
            (0, (0x4000, 4), 1 << 7),  # PG not set
            (1 | 2 << 8, (0x4000, 2), 1 << 6),  # PSIZE x32, half word
            (1, (0x4000, 4), 1 << 6),  # PSIZE x8, word
            (1 | 2 << 8, (0x4002, 4), 1 << 5),  # not aligned
        ],
    )
    def test_wrong_programming_sets_its_flag_and_changes_nothing(
        self, board: FakeBoard, flash: FlashController, control: int, store: tuple[int, int], flag: int
    ) -> None:
        self.unlock(flash)
        flash.write(0x10, control)
        flash.store(board.memory("flash"), FLASH + store[0], bytes(store[1]))
        board.pass_ns(MS)
        assert flash.read(0x0C) == flag
        assert self.content(board, 0x4000, 8) == b"\xff" * 8
        flash.write(0x0C, flag)
        assert flash.read(0x0C) == 0

    def test_a_sector_is_erased_in_its_time(self, board: FakeBoard, flash: FlashController) -> None:
        board.poke(FLASH, bytes(0x10000))
        self.unlock(flash)
        flash.write(0x10, 1 << 1 | 1 << 3 | 2 << 8)
        flash.write(0x10, 1 << 1 | 1 << 3 | 2 << 8 | 1 << 16)
        board.pass_ns(249 * MS)
        assert flash.read(0x0C) & 1 << 16
        assert self.content(board, 0x4000, 4) == bytes(4)
        board.pass_ns(MS)
        assert flash.read(0x0C) & 1 << 16 == 0
        assert self.content(board, 0x4000, 0x4000) == b"\xff" * 0x4000
        assert self.content(board, 0x3FFF, 1) + self.content(board, 0x8000, 1) == bytes(2)

    def test_a_power_cut_leaves_an_erase_unfinished(self, board: FakeBoard, flash: FlashController) -> None:
        board.poke(FLASH, bytes(0x10000))
        self.unlock(flash)
        flash.write(0x10, 1 << 1 | 1 << 3 | 2 << 8 | 1 << 16)
        board.pass_ns(125 * MS)
        flash.power_off()
        ones = sum(byte.bit_count() for byte in self.content(board, 0x4000, 0x4000))
        assert 0.45 < ones / (0x4000 * 8) < 0.55
        board.pass_ns(1000 * MS)
        assert ones == sum(byte.bit_count() for byte in self.content(board, 0x4000, 0x4000))

    def test_end_of_operation_interrupt(self, board: FakeBoard, flash: FlashController) -> None:
        self.unlock(flash)
        flash.write(0x10, 1 | 2 << 8 | 1 << 24)
        flash.store(board.memory("flash"), FLASH, bytes(4))
        board.pass_ns(16 * US)
        assert flash.read(0x0C) == 1
        flash.write(0x0C, 1)
        assert flash.read(0x0C) == 0


class TestRng:
    def test_a_word_every_40_cycles(self, board: FakeBoard) -> None:
        rng = board["rng"]
        assert (rng.read(4), rng.read(8)) == (0, 0)
        rng.write(0, 1 << 2)
        assert rng.read(4) == 0
        board.pass_ns(US)
        assert rng.read(4) == 1
        first = rng.read(8)
        assert rng.read(4) == 0
        board.pass_ns(US)
        assert rng.read(8) != first

    def test_the_seed_decides(self) -> None:
        words = []
        for _ in range(2):
            board = FakeBoard("stm32f4_discovery")
            board["rng"].write(0, 1 << 2)
            board.pass_ns(US)
            words.append(board["rng"].read(8))
        assert words[0] == words[1] != 0

    def test_interrupt(self, board: FakeBoard) -> None:
        board["rng"].write(0, 1 << 2 | 1 << 3)
        board.pass_ns(US)
        assert board.lines == {80}


class TestIwdg:
    def start(self, board: FakeBoard, prescaler: int, reload: int) -> None:
        for offset, value in ((0, 0xCCCC), (0, 0x5555), (4, prescaler), (8, reload)):
            board["iwdg"].write(offset, value)
        board.pass_ns(MS)
        board["iwdg"].write(0, 0xAAAA)

    def test_it_resets_when_it_is_not_fed(self, board: FakeBoard) -> None:
        self.start(board, 4, 500 - 1)  # 32 kHz / 64
        board.pass_ns(999 * MS)
        assert board.resets == []
        board.pass_ns(MS)
        assert board.resets == ["watchdog"]

    def test_feeding_restarts_it(self, board: FakeBoard) -> None:
        self.start(board, 4, 500 - 1)
        for _ in range(5):
            board.pass_ns(900 * MS)
            board["iwdg"].write(0, 0xAAAA)
        assert board.resets == []

    def test_settings_need_the_key(self, board: FakeBoard) -> None:
        board["iwdg"].write(8, 1)
        assert board["iwdg"].read(8) == 0xFFF

    def test_settings_take_five_cycles(self, board: FakeBoard) -> None:
        iwdg = board["iwdg"]
        iwdg.write(0, 0x5555)
        iwdg.write(8, 100)
        assert iwdg.read(0x0C) == 2
        iwdg.write(8, 200)  # lost
        board.pass_ns(MS)
        assert (iwdg.read(0x0C), iwdg.read(8)) == (0, 100)


class TestGpio:
    @pytest.fixture
    def port(self, board: FakeBoard) -> GpioPort:
        port = board["gpioPortA"]
        assert isinstance(port, GpioPort)
        return port

    def test_reset_values(self, port: GpioPort) -> None:
        assert [port.read(offset) for offset in (0, 8, 12)] == [0xA8000000, 0x0C000000, 0x64000000]

    def test_set_and_reset(self, board: FakeBoard, port: GpioPort) -> None:
        port.write(0x18, 1 << 4)
        assert not port.level(4)  # still an input
        port.write(0x00, 1 << 8)
        assert port.level(4)
        assert board.outputs == 1
        port.write(0x18, 1 << 20)
        assert not port.level(4)
        port.write(0x18, 1 << 20 | 1 << 4)  # set wins
        assert (port.level(4), port.read(0x14), port.read(0x10) & 0x10) == (True, 0x10, 0x10)

    def test_inputs(self, port: GpioPort) -> None:
        port.write(0x0C, 1 << 10)  # pull-up on PA5
        assert port.read(0x10) & 0x30 == 0x20
        port.set_outside(5, False)
        port.set_outside(4, True)
        assert port.read(0x10) & 0x30 == 0x10

    def test_an_open_drain_output_only_pulls_low(self, port: GpioPort) -> None:
        port.write(0x00, 1 << 8)
        port.write(0x04, 1 << 4)
        port.write(0x14, 1 << 4)
        port.set_outside(4, False)
        assert not port.level(4)
        port.set_outside(4, True)
        assert port.level(4)


def test_backup_registers_need_pwr_dbp_and_survive_a_reset(board: FakeBoard) -> None:
    rtc = board["rtc"]
    rtc.write(0x50, 0xAB)
    assert rtc.read(0x50) == 0
    board["pwr"].write(0, 1 << 8)
    rtc.write(0x50, 0xAB)
    rtc.reset("software")
    assert rtc.read(0x50) == 0xAB
    rtc.power_on()
    assert rtc.read(0x50) == 0


def test_an_unknown_register_is_reported_once(board: FakeBoard, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        assert board["usart2"].read(0x3FC) == 0
    assert [record.getMessage() for record in caplog.records] == [
        "usart2: register at 0x3fc is not modelled: read, answered with 0"
    ]
