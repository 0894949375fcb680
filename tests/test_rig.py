"""The rig on a board that is scripted: what it moves, when, what it notices, and what it says."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench.emulators.base import Counters, Emulator, Reset, Visit
from bench.memory.elf import symbols_of
from bench.memory.image import read_image
from bench.platforms import Platform, load_platform
from bench.provision import Provisioning, read
from bench.rig import BoardLost, NotInTime, Rig, RigError
from bench.rtt import ID

MS = 1_000_000
S = 1_000 * MS


class ScriptedBoard(Emulator):
    """A board without a CPU: memory that can be read and written, and things that happen at given times."""

    name = "scripted"

    def __init__(self) -> None:
        self._now = 0
        self._resets: list[Reset] = []
        self._memory: dict[int, int] = {}
        self._pins: dict[tuple[str, int], bool] = {}
        self.script: list[tuple[int, Callable[[], None]]] = []
        self.out: dict[str, bytes] = {}
        self.received: list[tuple[int, str, bytes]] = []
        self.advances = 0

    def load(self, elf: Path) -> None:
        self.rtt = symbols_of(elf)["_SEGGER_RTT"].value

    @property
    def now_ns(self) -> int:
        return self._now

    def advance(self, until_ns: int) -> None:
        self.advances += 1
        self.script.sort(key=lambda event: event[0])
        if self.script and self.script[0][0] <= until_ns:
            at_ns, event = self.script.pop(0)
            self._now = max(self._now, at_ns)
            event()
        else:
            self._now = until_ns

    def uart_write(self, uart: str, data: bytes) -> None:
        self.received.append((self._now, uart, data))

    def uart_read(self, uart: str) -> bytes:
        return self.out.pop(uart, b"")

    def gpio_set(self, port: str, pin: int, level: bool) -> None:
        self._pins[port, pin] = level

    def gpio_get(self, port: str, pin: int) -> bool:
        return self._pins.get((port, pin), False)

    def read_memory(self, address: int, size: int) -> bytes:
        return bytes(self._memory.get(address + n, 0) for n in range(size))

    def write_memory(self, address: int, data: bytes) -> None:
        self._memory |= {address + n: byte for n, byte in enumerate(data)}

    def read_register(self, register: str) -> int:
        return 0

    def trace(self, address: int, ranges: object = (), registers: object = None) -> None: ...

    def visits(self) -> list[Visit]:
        return []

    def follow_interrupts(self, start: int, end: int) -> None: ...

    def reset(self) -> None:
        self._resets.append(Reset(self._now, "pin"))

    def crash(self, cause: str) -> None:
        self._resets.append(Reset(self._now, cause))

    def power_off(self) -> None: ...

    def power_on(self) -> None:
        self._resets.append(Reset(self._now, "power"))

    @property
    def resets(self) -> list[Reset]:
        return self._resets

    def counters(self) -> Counters:
        return Counters()

    def close(self) -> None: ...

    def log(self, text: str) -> None:
        ring, data = self.rtt + 0x100, text.encode()
        self.write_memory(ring, data)
        head = ID + struct.pack("<II", 1, 0)
        self.write_memory(self.rtt, head + struct.pack("<IIIIII", 0, ring, 1024, len(data), 0, 0))


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> ScriptedBoard:
    scripted = ScriptedBoard()
    monkeypatch.setattr("bench.rig.create", lambda kind, platform, **options: scripted)
    return scripted


@pytest.fixture
def platform() -> Platform:
    return load_platform("stm32f4_discovery")


def test_store_is_written_before_the_first_boot(
    board: ScriptedBoard, platform: Platform, small_image: Path
) -> None:
    provisioning = Provisioning(identity="CS-7")
    rig = Rig(platform, small_image, provisioning=provisioning)
    symbols = symbols_of(small_image)
    start, end = symbols["_store_start"].value, symbols["_store_end"].value
    assert read(board.read_memory(start, end - start)) == provisioning.entries()
    assert not any("store" in note for note in rig.notes)
    assert board.resets == []


def test_missing_symbols_are_said_and_tolerated(
    board: ScriptedBoard,
    platform: Platform,
    small_image: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bench.memory.runtime.read_image", lambda elf: replace(read_image(elf), symbols={}))
    another = Path(shutil.copy(small_image, tmp_path))
    rig = Rig(platform, another, provisioning=Provisioning())
    notes = "\n".join(rig.notes)
    assert "no symbols _store_start and _store_end: its store is not provisioned" in notes
    assert "no symbol _SEGGER_RTT: its log is not read" in notes
    rig.power_on()
    rig.run_for(1)
    assert rig.log == []


def test_time_passes_in_few_steps_when_nothing_happens(
    board: ScriptedBoard, platform: Platform, small_image: Path
) -> None:
    rig = Rig(platform, small_image)
    rig.power_on()
    rig.run_for(3600)
    assert rig.now_s == 3600
    assert board.advances < 2 * 3600


def test_waiting_ends_when_it_happens_or_says_what_was_missing(
    board: ScriptedBoard, platform: Platform, small_image: Path
) -> None:
    rig = Rig(platform, small_image)
    rig.power_on()
    board.script.append((5 * S, lambda: board.log("ready\n")))
    assert rig.run_until("log line", lambda: rig.log, 10)[0].text == "ready"
    assert rig.now_s == pytest.approx(5)
    with pytest.raises(NotInTime, match=r"no second log line within 10 s \(now 15.000 s\)"):
        rig.run_until("second log line", lambda: rig.log[1:], 10)


def test_log_lines_are_put_together(board: ScriptedBoard, platform: Platform, small_image: Path) -> None:
    rig = Rig(platform, small_image)
    rig.power_on()
    for at_ns, text in ((1 * S, "first\nsec"), (2 * S, "ond\r\n"), (3 * S, "open")):
        board.script.append((at_ns, lambda text=text: board.log(text)))  # type: ignore[misc]
    rig.run_for(4)
    assert [line.text for line in rig.log] == ["first", "second"]


def test_exception_in_the_log_is_a_problem(
    board: ScriptedBoard, platform: Platform, small_image: Path
) -> None:
    rig = Rig(platform, small_image)
    rig.power_on()
    rig.run_for(1)
    assert rig.problems() == []
    trace = 'Traceback (most recent call last):\n  File "station/rpc.py", line 3, in run\nKeyError: x\n'
    board.script.append((2 * S, lambda: board.log(trace)))
    rig.run_for(2)
    (problem,) = rig.problems()
    assert "exception in the firmware at 2." in problem
    assert problem.endswith("KeyError: x")


@pytest.mark.parametrize("cause", ["watchdog", "lockup", "software"])
def test_reset_that_nobody_asked_for_is_a_problem(
    board: ScriptedBoard, platform: Platform, small_image: Path, cause: str
) -> None:
    rig = Rig(platform, small_image)
    rig.power_on()
    rig.press_reset()
    rig.run_for(1)
    assert rig.problems() == []
    board.script.append((2 * S, lambda: board.crash(cause)))
    rig.run_for(2)
    assert rig.problems() == [f"unexpected reset by {cause} at 2.000 s"]
    rig.expect_reset()
    assert rig.problems() == []


def test_board_that_resets_again_and_again_is_given_up(
    board: ScriptedBoard, platform: Platform, small_image: Path
) -> None:
    rig = Rig(platform, small_image)
    rig.power_on()
    board.script += [(n * S, lambda: board.crash("lockup")) for n in range(1, 100)]
    with pytest.raises(BoardLost, match=r"again and again: 21 times, last by lockup at 21.000 s"):
        rig.run_for(3600)


def test_modem_follows_its_enable_pin(board: ScriptedBoard, platform: Platform, small_image: Path) -> None:
    rig = Rig(platform, small_image)
    switched: list[tuple[bool, int]] = []
    power = rig.modem.power
    rig.modem.power = lambda on, now: (switched.append((on, now)), power(on, now))  # type: ignore
    assert platform.modem_enable is not None
    rig.power_on()
    board.script.append((1 * S, lambda: board.gpio_set(*platform.modem_enable, True)))  # type: ignore[misc]
    board.script.append((2 * S, lambda: board.gpio_set(*platform.modem_enable, False)))  # type: ignore[misc]
    rig.run_for(3)
    assert switched == [(True, 1 * S), (False, 2 * S)]
    board.gpio_set(*platform.modem_enable, True)
    rig.run_for(1)
    rig.power_off()
    assert switched[-1][0] is False


def test_stack_is_painted_at_power_on_and_its_use_found(
    board: ScriptedBoard, platform: Platform, small_image: Path
) -> None:
    rig = Rig(platform, small_image)
    rig.power_on()
    rig.run_for(0.1)
    assert rig.memory_use().stack_peak == 0
    stack = rig.static.stack
    assert stack is not None
    board.write_memory(stack.end - 100, b"\0" * 4)
    assert rig.memory_use().stack_peak == 100
    assert rig.memory_use().stack == 512
    assert rig.memory_use().fixed == rig.static.ram - 1024 - 512


def test_switched_on_twice_is_refused(board: ScriptedBoard, platform: Platform, small_image: Path) -> None:
    rig = Rig(platform, small_image)
    rig.power_on()
    with pytest.raises(RigError, match="switched on already"):
        rig.power_on()
