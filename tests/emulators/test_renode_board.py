"""A board on Renode: lock step, our models of the chip, and a process that may die."""

from __future__ import annotations

import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from bench.emulators.base import NS_PER_MS, NS_PER_S, OUTPUT_WINDOW_NS, EmulatorError, ImageError
from bench.emulators.renode import monitor
from bench.emulators.renode.locate import RenodeMissing, locate
from bench.emulators.renode.machine import RenodeBoard
from bench.platforms import load_platform

COMPILER = "arm-none-eabi-gcc"
SOURCE = Path(__file__).with_name("renode_board.c")
LINKER_SCRIPT = """
SECTIONS {
    . = 0x08000000;
    .text : { KEEP(*(.vectors)) *(.text*) *(.rodata*) }
    .slot 0x08010000 : { *(.slot) }
    .mailbox 0x20000000 (NOLOAD) : { *(.mailbox) }
    stack_top = 0x20010000;
}
"""
MAILBOX = 0x2000_0000
SEND, RECEIVE, STORE, STORE_UNLOCKED, ERASE, RESET, HANG, SLEEP, LOSE = range(1, 10)
STORE_START, SECTOR_2 = 0x0800_4000, 0x0800_8000
THIS_SLOT, OTHER_SLOT = 0x0801_8000, 0x0806_0000
FRAME_NS = NS_PER_S * 10 // 115200
SOFTWARE, WATCHDOG, PIN, POWER = 1 << 28, 1 << 29, 1 << 26, 1 << 27
PGSERR = 1 << 7

try:
    locate()
except RenodeMissing as missing:
    pytestmark = [pytest.mark.renode, pytest.mark.skip(str(missing))]
else:
    pytestmark = pytest.mark.renode


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which(COMPILER) is None:
        pytest.skip(f"{COMPILER} is not installed (Debian: gcc-arm-none-eabi)")
    folder = tmp_path_factory.mktemp("renode")
    (folder / "link.ld").write_text(LINKER_SCRIPT)
    elf = folder / "board.elf"
    command = [
        COMPILER,
        "-mcpu=cortex-m4",
        "-mthumb",
        "-Os",
        "-nostdlib",
        "-ffreestanding",
        "-Wl,--build-id=none",
    ]
    done = subprocess.run(
        [*command, "-T", str(folder / "link.ld"), "-o", str(elf), str(SOURCE)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return elf


class Board:
    """A board that runs renode_board.c."""

    def __init__(self, elf: Path) -> None:
        self.emulator = RenodeBoard(load_platform("stm32f4_discovery"))
        self.emulator.load(elf)
        self.run(1)

    def run(self, milliseconds: float) -> None:
        end = self.emulator.now_ns + round(milliseconds * NS_PER_MS)
        while self.emulator.now_ns < end:
            self.emulator.advance(end)

    def ask(self, command: int, *arguments: int, milliseconds: float = 1) -> tuple[int, int]:
        words = [command, *arguments, 0, 0][:3]
        self.emulator.write_memory(MAILBOX, struct.pack("<3I", *words))
        self.run(milliseconds)
        first, second = struct.unpack("<2I", self.emulator.read_memory(MAILBOX + 12, 8))
        return first, second

    @property
    def boot_flags(self) -> int:
        return self.word(MAILBOX + 20)

    def word(self, address: int) -> int:
        return int.from_bytes(self.emulator.read_memory(address, 4), "little")


@pytest.fixture
def board(image: Path) -> Iterator[Board]:
    board = Board(image)
    yield board
    board.emulator.close()


# time


def test_time_passes_to_the_nanosecond_asked_for_or_less_than_a_microsecond_beyond(board: Board) -> None:
    for step in (1, 999, 1000, 1_000_001, 77_777_777):
        end = board.emulator.now_ns + step
        board.emulator.advance(end)
        assert 0 <= board.emulator.now_ns - end < 1000


def test_output_ends_a_step_early(board: Board) -> None:
    began = board.emulator.now_ns
    board.emulator.write_memory(MAILBOX, struct.pack("<2I", SEND, 1))
    board.emulator.advance(began + NS_PER_S)
    assert board.emulator.uart_read("usart2") == b"a"
    assert board.emulator.now_ns - began < FRAME_NS + 2 * OUTPUT_WINDOW_NS


def test_an_hour_of_sleep_costs_nothing(board: Board) -> None:
    board.ask(SLEEP)
    before, began = board.emulator.counters(), time.perf_counter()
    board.run(3_600_000)
    after = board.emulator.counters()
    assert after.instructions == before.instructions
    assert after.sleep_ns - before.sleep_ns == 3600 * NS_PER_S
    assert time.perf_counter() - began < 20


def test_two_boards_in_a_row_run_alike(image: Path) -> None:
    def run() -> tuple[object, ...]:
        board = Board(image)
        board.ask(SEND, 50, milliseconds=10)
        board.ask(RESET)
        seen = (
            board.emulator.now_ns,
            board.emulator.counters(),
            board.emulator.resets,
            board.emulator.uart_read("usart2"),
        )
        board.emulator.close()
        return seen

    assert run() == run()


# models


def test_a_byte_takes_ten_bit_times_to_leave(board: Board) -> None:
    board.ask(SEND, 200, milliseconds=5)
    sent = len(board.emulator.uart_read("usart2"))
    assert 5 * NS_PER_MS // FRAME_NS - 1 <= sent <= 5 * NS_PER_MS // FRAME_NS
    board.run(15)
    assert len(board.emulator.uart_read("usart2")) == 200 - sent


def test_a_byte_takes_ten_bit_times_to_come(board: Board) -> None:
    board.emulator.uart_write("usart2", b"x")
    board.run(FRAME_NS / NS_PER_MS - 0.01)
    assert not board.ask(RECEIVE, milliseconds=0.005)[0] & 1 << 5
    board.run(0.01)
    status, data = board.ask(RECEIVE)
    assert status & 1 << 5
    assert data == ord("x")


def test_a_byte_that_nobody_fetched_in_time_is_kept_and_the_next_is_lost(board: Board) -> None:
    board.emulator.uart_write("usart2", b"xyz")
    board.run(1)
    status, data = board.ask(RECEIVE)
    assert (status >> 3 & 1, status >> 5 & 1, data) == (1, 1, ord("x"))  # ORE, RXNE
    status, _ = board.ask(RECEIVE)
    assert (status >> 3 & 1, status >> 5 & 1) == (0, 0)


def test_a_store_to_flash_needs_unlocking(board: Board) -> None:
    status, _ = board.ask(STORE, STORE_START, 0x12345678)
    assert status == PGSERR
    assert board.word(STORE_START) == 0xFFFFFFFF


def test_programming_clears_bits_only_and_takes_its_time(board: Board) -> None:
    assert board.ask(STORE_UNLOCKED, STORE_START, 0xFFFF00FF)[0] == 1  # EOP
    assert board.ask(STORE_UNLOCKED, STORE_START, 0x0000FFFF)[0] == 1
    assert board.word(STORE_START) == 0x000000FF


def test_a_sector_is_erased_alone_and_again(board: Board) -> None:
    for _ in range(2):
        board.ask(STORE_UNLOCKED, STORE_START, 0)
        board.ask(STORE_UNLOCKED, SECTOR_2, 0)
        board.ask(ERASE, 1, milliseconds=300)
        assert (board.word(STORE_START), board.word(SECTOR_2)) == (0xFFFFFFFF, 0)


def test_the_slot_that_does_not_run_is_held_to_the_rules(board: Board) -> None:
    assert board.ask(STORE_UNLOCKED, OTHER_SLOT, 0xFFFF00FF)[0] == 1
    assert board.ask(STORE_UNLOCKED, OTHER_SLOT, 0x0000FFFF)[0] == 1
    assert board.ask(STORE, OTHER_SLOT + 4, 0)[0] == PGSERR
    assert (board.word(OTHER_SLOT), board.word(OTHER_SLOT + 4)) == (0x000000FF, 0xFFFFFFFF)
    board.ask(ERASE, 7, milliseconds=1100)
    assert board.word(OTHER_SLOT) == 0xFFFFFFFF


def test_the_slots_are_as_before_after_a_reset(board: Board) -> None:
    board.ask(STORE_UNLOCKED, OTHER_SLOT, 0)
    board.emulator.reset()
    board.run(1)
    board.ask(STORE, OTHER_SLOT, 0x12345678)
    assert board.word(OTHER_SLOT) == 0x12345678
    board.ask(STORE_UNLOCKED, THIS_SLOT, 0x12345678)
    board.ask(STORE, THIS_SLOT, 0x87654321)
    assert board.word(THIS_SLOT) == 0x87654321


def test_erasing_takes_a_quarter_of_a_second(board: Board) -> None:
    board.ask(ERASE, 1, milliseconds=200)
    assert board.word(MAILBOX) == ERASE
    board.run(60)
    assert board.word(MAILBOX) == 0


# resets and power


def test_the_cause_of_a_reset_is_in_rcc_csr(board: Board) -> None:
    assert board.boot_flags & POWER
    for cause, command, flag, milliseconds in (
        ("software", RESET, SOFTWARE, 2),
        ("watchdog", HANG, WATCHDOG, 600),
    ):
        board.ask(command, milliseconds=milliseconds)
        assert board.emulator.resets[-1].cause == cause
        assert board.boot_flags & (POWER | SOFTWARE | WATCHDOG) == flag
    board.emulator.reset()
    board.run(1)
    assert board.emulator.resets[-1].cause == "pin"
    assert board.boot_flags & (POWER | SOFTWARE | WATCHDOG | PIN) == PIN
    assert [reset.cause for reset in board.emulator.resets] == ["power", "software", "watchdog", "pin"]


def test_the_watchdog_bites_after_its_reset_time(board: Board) -> None:
    began = board.emulator.now_ns
    board.ask(HANG, milliseconds=600)
    # RM0090 table 107: 4096 periods of the 32 kHz clock divided by 4
    assert board.emulator.resets[-1].at_ns - began == pytest.approx(
        0.512 * NS_PER_S, abs=2 * OUTPUT_WINDOW_NS
    )


def test_a_processor_that_is_lost_sleeps_until_the_watchdog(board: Board) -> None:
    board.ask(LOSE, milliseconds=600)
    assert board.emulator.resets[-1].cause == "watchdog"
    assert board.boot_flags & WATCHDOG
    board.ask(SEND, 1)
    assert board.emulator.uart_read("usart2") == b"a"


def test_a_reset_keeps_ram_and_a_power_cut_only_flash(board: Board) -> None:
    board.ask(STORE_UNLOCKED, STORE_START, 0x11223344)
    board.emulator.write_memory(MAILBOX + 0x400, b"kept")
    board.emulator.reset()
    board.run(1)
    assert board.emulator.read_memory(MAILBOX + 0x400, 4) == b"kept"
    board.emulator.power_off()
    board.run(1000)
    board.emulator.uart_write("usart2", b"falls on the floor")
    board.emulator.power_on()
    board.run(1)
    assert board.emulator.read_memory(MAILBOX + 0x400, 4) != b"kept"
    assert board.word(STORE_START) == 0x11223344
    assert not board.ask(RECEIVE)[0] & 1 << 5
    assert board.boot_flags & POWER


# what goes wrong


def test_unknown_names_and_addresses_are_named(board: Board) -> None:
    with pytest.raises(EmulatorError, match=r"no UART 'uart7', only .*usart2"):
        board.emulator.uart_write("uart7", b"")
    with pytest.raises(EmulatorError, match="no GPIO port 'gpio9'"):
        board.emulator.gpio_get("gpio9", 1)
    with pytest.raises(EmulatorError, match="0x60000000"):
        board.emulator.read_memory(0x60000000, 4)
    with pytest.raises(EmulatorError, match="no register 'r99'"):
        board.emulator.read_register("r99")


def test_an_image_for_another_place_is_refused(image: Path) -> None:
    emulator = RenodeBoard(load_platform("nrf52840dk"))
    with pytest.raises(ImageError, match="0x08000000"):
        emulator.load(image)
    emulator.close()


def process_of(board: Board) -> psutil.Process:
    assert board.emulator._renode is not None
    return psutil.Process(board.emulator._renode.pid)


def kill(process: psutil.Process) -> None:
    os.killpg(process.pid, signal.SIGKILL)


def stop(process: psutil.Process) -> None:
    os.killpg(process.pid, signal.SIGSTOP)


@pytest.mark.parametrize(
    ("blow", "complaint"),
    [(kill, r"Renode ended unexpectedly \(signal 9\)"), (stop, "Renode does not answer for 2 s")],
)
def test_a_renode_that_dies_or_hangs_fails_its_board_alone(
    blow: Callable[[psutil.Process], None], complaint: str, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = Board(image)
    assert board.emulator._renode is not None
    link = board.emulator._renode._link
    assert link is not None
    monkeypatch.setattr(monitor, "ANSWER_TIMEOUT_S", 2.0)
    link.settimeout(2.0)
    process = process_of(board)
    blow(process)
    with pytest.raises(EmulatorError, match=complaint) as error:
        board.run(10)
    assert "its log ends" in str(error.value)
    with pytest.raises(EmulatorError, match="was ended"):
        board.emulator.read_memory(MAILBOX, 4)
    board.emulator.close()
    assert not process.is_running()
    monkeypatch.undo()
    another = Board(image)
    assert another.boot_flags & POWER
    another.emulator.close()


def test_no_process_outlives_the_bench(image: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.emulators.test_renode_board import Board, process_of\n"
        "print(process_of(Board(Path(sys.argv[1]))).pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    bench = subprocess.Popen(
        [sys.executable, "-c", program, str(image)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert bench.stdin is not None
    assert bench.stdout is not None
    renode = psutil.Process(int(bench.stdout.readline()))
    bench.kill()
    bench.wait()
    bench.stdin.close()
    bench.stdout.close()
    renode.wait(timeout=10)
    assert not renode.is_running()
