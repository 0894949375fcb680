"""log.c on the host: lines and events in one flash, whose supply is cut at every word."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest

from bench.firmware import FIRMWARE_DIR

AREA_SIZE = 2048
BANK = AREA_SIZE // 2
HOST = Path(__file__).parent / "host"
DIAGNOSTICS, SECURITY = ord("D"), ord("S")


class Log:
    """The journal of one board, over its power cycles."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.library = library
        self.load(b"\xff" * AREA_SIZE)

    def load(self, area: bytes) -> None:
        self.library.journal_load(area)
        self.boot()

    def boot(self) -> None:
        self.library.flash_cut_after(ctypes.c_long(-1), 0)
        assert self.library.journal_boot() == 0

    @property
    def area(self) -> bytes:
        buffer = ctypes.create_string_buffer(AREA_SIZE)
        self.library.journal_save(buffer)
        return buffer.raw

    def add(self, kind: int, text: str) -> int:
        return int(self.library.log_add(kind, text.encode(), len(text)))

    def print(self, text: str) -> None:
        self.library.log_print(text.encode(), len(text))

    def lines(self, kind: int) -> list[tuple[int, str]]:
        """Time and text of each line."""
        time, size = ctypes.c_int32(), ctypes.c_size_t()
        text = ctypes.create_string_buffer(256)
        found, number = [], 0
        while True:
            number = self.library.line_after(kind, number, ctypes.byref(time), text, ctypes.byref(size))
            if number < 0:
                return found
            found.append((time.value, text.raw[: size.value].decode()))

    def texts(self, kind: int) -> list[str]:
        return [text for _, text in self.lines(kind)]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("log") / "log.so"
    port = FIRMWARE_DIR / "port"
    subprocess.run(
        [
            *("gcc", "-O1", "-g", "-Wall", "-Werror", "-shared", "-fPIC", "-DFEATURE_DIAGNOSTICS=1"),
            *(f"-I{HOST}", f"-I{port}", "-o", path),
            *(port / "store.c", port / "log.c", HOST / "flash.c", HOST / "log.c"),
        ],
        check=True,
    )
    return path


@pytest.fixture
def log(built: Path, tmp_path: Path) -> Log:
    # another file is another library, with variables of its own
    library = ctypes.CDLL(shutil.copy(built, tmp_path))
    library.line_after.restype = ctypes.c_long
    return Log(library)


def test_lines_survive_and_keep_their_kind_and_order(log: Log) -> None:
    log.print("I 0 first\nI 1 sec")
    log.print("ond\n\n")
    log.add(SECURITY, "StartupOfTheDevice")
    log.print("third\r\n")
    log.boot()
    assert log.texts(DIAGNOSTICS) == ["I 0 first", "I 1 second", "third"]
    assert log.texts(SECURITY) == ["StartupOfTheDevice"]
    log.print("fourth\n")
    assert log.texts(DIAGNOSTICS)[-1] == "fourth"


def test_times_are_known_once_the_clock_is_but_of_an_earlier_boot(log: Log) -> None:
    log.library.pass_seconds(7)
    log.print("without a clock\n")
    log.boot()
    log.library.pass_seconds(2)
    log.print("early\n")
    assert [time for time, _ in log.lines(DIAGNOSTICS)] == [-8, -10]
    log.library.pass_seconds(3)
    log.library.log_clock(189_302_400)
    log.library.pass_seconds(5)
    log.print("late\n")
    assert [time for time, _ in log.lines(DIAGNOSTICS)] == [-8, 189_302_397, 189_302_405]


def test_a_long_line_is_cut(log: Log) -> None:
    log.print("x" * 500 + "\n")
    assert log.texts(DIAGNOSTICS) == ["x" * 200]


def test_lines_leave_room_for_events_and_tell_of_what_is_lost(log: Log) -> None:
    for number in range(100):
        log.print(f"line {number}\n")
    kept = log.texts(DIAGNOSTICS)
    assert 10 < len(kept) < 40
    assert log.add(SECURITY, "InvalidTLSVersion")
    assert log.library.event_put(1, b"e" * 60, 60) == 0
    assert log.library.journal_tidy() == 0
    log.print("after\n")
    texts = log.texts(DIAGNOSTICS)
    assert texts[-2].endswith(f" {100 - len(kept)} lines lost")
    assert texts[-1] == "after"
    # the newest of them, a quarter of the bank at most
    assert texts[:-2] == kept[-(len(texts) - 2) :]
    assert 5 < len(texts) < BANK // 4 // 16
    assert log.texts(SECURITY) == ["InvalidTLSVersion"]
    assert log.library.event_size(1) == 60


def test_chatter_does_not_push_security_events_out(log: Log) -> None:
    log.add(SECURITY, "InvalidFirmwareSignature")
    for number in range(200):
        log.print(f"line {number}\n")
        assert log.library.journal_tidy() == 0
    assert log.texts(SECURITY) == ["InvalidFirmwareSignature"]
    assert log.texts(DIAGNOSTICS)[-1] == "line 199"


def test_old_security_events_go_first(log: Log) -> None:
    for number in range(60):
        assert log.add(SECURITY, f"Event{number:03}")
        assert log.library.journal_tidy() == 0
    texts = log.texts(SECURITY)
    assert texts == [f"Event{number:03}" for number in range(60 - len(texts), 60)]


def test_events_find_room_though_the_log_is_full(log: Log) -> None:
    for number in range(100):
        log.print(f"line {number}\n")
    # as many as fit beside the lines that a compaction keeps
    for number in range(1, 6):
        assert log.library.event_put(number, b"e" * 90, 90) == 0
    assert [log.library.event_size(number) for number in range(1, 6)] == [90] * 5


def test_an_event_in_the_making_is_not_torn_by_a_line(log: Log) -> None:
    assert log.library.event_begin(3) == 0
    log.print("in between\n")
    assert log.library.event_end() == 0
    assert log.library.event_size(3) == 0
    log.print("behind\n")
    assert [text.split(" ", 2)[-1] for text in log.texts(DIAGNOSTICS)] == ["1 lines lost", "behind"]


def test_power_cut_at_any_word_leaves_whole_lines(log: Log) -> None:
    for number in range(30):
        log.print(f"line {number}\n")
    log.library.event_put(1, b"e" * 40, 40)
    full, before = log.area, log.texts(DIAGNOSTICS)
    operations = ctypes.c_long.in_dll(log.library, "operations")
    start = operations.value
    log.print("new\n")
    assert log.library.journal_tidy() == 0
    last = operations.value - start
    assert last > 100
    for words in range(0, last, 3):
        log.load(full)
        log.library.flash_cut_after(ctypes.c_long(words), words)
        log.print("new\n")
        log.library.journal_tidy()
        log.boot()
        # the variables outlive this power cut, and with them the count of lines lost
        texts = [text for text in log.texts(DIAGNOSTICS) if text != "new" and "lost" not in text]
        assert texts == before[len(before) - len(texts) :], words
        assert len(texts) > 5
        assert log.library.event_size(1) == 40
        assert ctypes.c_long.in_dll(log.library, "faults").value == 0
