"""The `board` module and the virtual machine, on every board."""

import hashlib
import json
import random
import re
import struct
from typing import Any, cast

import pytest

from bench.emulators.base import NS_PER_S
from bench.firmware import FIRMWARE_DIR

from .target import Target

POWER_ON, PIN, SOFTWARE, WATCHDOG, LOCKUP = range(5)
EIO, EINVAL, ENOSPC = 5, 22, 28


# From reset to the application


def test_boots_to_frozen_asyncio_code(any_target: Target, board: str) -> None:
    name, version, cause, fault, unique = any_target.boot_facts()
    assert name == board
    assert version == (FIRMWARE_DIR / "VERSION").read_text().strip()
    assert cause == POWER_ON
    assert fault is None
    assert len(bytes.fromhex(unique)) == {"stm32f4_discovery": 12, "nrf52840dk": 8}[board]
    assert any_target.read_log() == "ready\n"


def test_reset_pin_and_software_reset_are_told_apart(any_target: Target) -> None:
    any_target.emulator.reset()
    assert any_target.ready().boot_facts()[2] == PIN
    any_target.send("reset")
    any_target.run_until(lambda: any_target.emulator.resets[-1].cause == "software")
    assert any_target.ready().boot_facts()[2] == SOFTWARE
    any_target.power_cycle()
    assert any_target.boot_facts()[2] == POWER_ON


def test_watchdog_resets_unless_fed(any_target: Target) -> None:
    assert any_target.ask("watchdog", 2000) is None
    for _ in range(4):
        any_target.run(1.2)
        any_target.ask("feed")
    assert len(any_target.emulator.resets) == 1
    fed_at = any_target.seconds
    any_target.run_until(lambda: len(any_target.emulator.resets) == 2, 5)
    assert any_target.emulator.resets[-1].cause == "watchdog"
    assert 1.5 < any_target.emulator.resets[-1].at_ns / NS_PER_S - fed_at < 2.5
    assert any_target.ready().boot_facts()[2] == WATCHDOG
    any_target.run(6)
    assert len(any_target.emulator.resets) == 2  # it does not run on by itself


def test_uncaught_exception_is_logged_and_resets(any_target: Target) -> None:
    any_target.send("raise", "told")
    any_target.run_until(any_target.interrupted_by_reset())
    assert any_target.ready().boot_facts()[2:4] == (SOFTWARE, None)
    # The log of before the reset is still there to be read after it.
    log = any_target.read_log()
    assert re.search(r'File "main\.py", line \d+, in serve\nValueError: told\nready\n$', log), log


# Faults


def patch(target: Target, symbol: str, code: bytes) -> int:
    """Machine code in the place of a C function; its address."""
    address = target.symbols[symbol] & ~1
    target.emulator.write_memory(address, code)
    return address


def test_undefined_instruction_is_recorded(target: Target) -> None:
    address = patch(target, "board_feed", struct.pack("<H", 0xDE00))  # UDF
    target.send("feed")
    target.run_until(target.interrupted_by_reset())
    _, _, cause, fault, _ = target.ready().boot_facts()
    assert cause == SOFTWARE
    assert fault is not None
    pc, lr, psr, cfsr, hfsr, _, _ = fault
    assert pc == address
    assert lr & 1
    assert psr & 0x1FF == 0
    assert cfsr == 1 << 16  # UNDEFINSTR
    assert hfsr == 1 << 30  # FORCED
    assert target.boot_facts()[3] is None  # told once


def test_bad_access_is_recorded_with_its_address(target: Target) -> None:
    # movs r0, #0xD0; lsls r0, r0, #24; ldr r0, [r0]
    address = patch(target, "board_feed", struct.pack("<HHH", 0x20D0, 0x0600, 0x6800))
    target.send("feed")
    target.run_until(target.interrupted_by_reset())
    fault = target.ready().boot_facts()[3]
    assert fault is not None
    pc, _, _, cfsr, _, _, bfar = fault
    assert pc == address + 4
    assert cfsr == 1 << 9 | 1 << 15  # PRECISERR, BFARVALID
    assert bfar == 0xD0000000


def test_stack_overflow_in_c_ends_in_a_reset(target: Target) -> None:
    """The stack leaves the RAM: a fault, and where the processor locks up on it, the watchdog."""
    target.ask("watchdog", 1000)
    patch(target, "board_feed", struct.pack("<HH", 0xB5FF, 0xE7FD))  # push {r0-r7, lr}; b .-2
    target.send("feed")
    target.run_until(target.interrupted_by_reset())
    assert target.ready().boot_facts()[2] in (SOFTWARE, WATCHDOG, LOCKUP)


def test_exception_without_a_handler_is_recorded(target: Target) -> None:
    """What the virtual machine calls where no nlr_push() is left to jump to."""
    handler = target.symbols["nlr_jump_fail"] | 1
    code = b"".join(
        struct.pack(
            "<HH",
            opcode | (half >> 11 & 1) << 10 | half >> 12,
            (half >> 8 & 7) << 12 | 3 << 8 | half & 0xFF,
        )
        for opcode, half in ((0xF240, handler & 0xFFFF), (0xF2C0, handler >> 16))  # movw r3, movt r3
    )
    patch(target, "board_feed", code + struct.pack("<H", 0x4718))  # bx r3
    target.send("feed")
    target.run_until(target.interrupted_by_reset())
    fault = target.ready().boot_facts()[3]
    assert fault is not None
    pc, _, psr, cfsr, hfsr, reason, _ = fault
    assert handler - 1 < pc < handler + 16
    assert (psr, cfsr, hfsr, reason) == (0, 0, 0, 2)


def test_recursion_in_python_is_an_exception(target: Target) -> None:
    assert "RuntimeError" in target.ask("recurse")["raised"]
    assert len(target.emulator.resets) == 1


def test_exhausted_heap_is_an_exception(target: Target) -> None:
    blocks = target.ask("exhaust")
    assert 50 < blocks < 40 * 4
    assert target.ask("heap") > 14_000
    assert len(target.emulator.resets) == 1


def test_full_log_skips_and_says_how_much(target: Target) -> None:
    assert target.read_log() == "ready\n"
    target.ask("print", "a" * 700)
    target.ask("print", "b" * 700)  # does not fit: nobody reads the log. Its newline does
    target.ask("print", "c")
    lost = "\n[0000000700 bytes of log lost]\n"
    assert target.read_log() == "ready\n" + "a" * 700 + "\n" + lost + "\nc\n"


# Lines


def test_evse_line_echoes_whole_lines(any_target: Target) -> None:
    uart = any_target.platform.evse_uart
    any_target.emulator.uart_write(uart, b"$GS 1^31\r")
    echoed = b""

    def done() -> bool:
        nonlocal echoed
        echoed += any_target.emulator.uart_read(uart)
        return echoed == b"$GS 1^31\r"

    any_target.run_until(done, 0.05)


def test_line_without_an_end_is_readable_after_20_ms(any_target: Target) -> None:
    uart = any_target.platform.evse_uart
    sent_at = any_target.seconds
    any_target.emulator.uart_write(uart, b"no end")
    any_target.run_until(lambda: any_target.emulator.uart_read(uart) != b"", 0.1)
    assert 0.020 < any_target.seconds - sent_at < 0.035


def test_both_lines_at_full_speed_lose_nothing(any_target: Target) -> None:
    """1 kB to the modem line in one piece, both ways, while the other line is busy too."""
    evse = any_target.platform.evse_uart
    message = "".join(chr(33 + n % 90) for n in range(900)).replace('"', "'").replace("\\", "/")
    any_target.emulator.uart_write(evse, (b"x" * 39 + b"\r") * 5)
    any_target.send("sha1", message.encode().hex()[:1000])
    digest = json.loads(any_target.line())
    assert digest == hashlib.sha1(bytes.fromhex(message.encode().hex()[:1000])).hexdigest()
    echoed = b""

    def done() -> bool:
        nonlocal echoed
        echoed += any_target.emulator.uart_read(evse)
        return len(echoed) == 200

    any_target.run_until(done)
    assert echoed == (b"x" * 39 + b"\r") * 5
    assert any_target.ask("overruns") == [0, 0]


def test_answer_longer_than_the_transmit_ring(target: Target) -> None:
    """2 kB leave through a ring of 1 kB, in order."""
    target.ask("put", "long", bytes(range(225)).hex() * 4)
    for _ in range(2):
        assert target.ask("get", "long") == bytes(range(225)).hex() * 4
    answers = target.ask("evse_wait", 1)
    assert answers is None


def test_modem_enable_pin(target: Target) -> None:
    assert target.platform.modem_enable is not None
    assert target.emulator.gpio_get(*target.platform.modem_enable) is False
    target.ask("modem_enable", True)
    assert target.emulator.gpio_get(*target.platform.modem_enable) is True
    target.ask("modem_enable", False)
    assert target.emulator.gpio_get(*target.platform.modem_enable) is False


# Numbers


class Stuck(random.Random):
    """Gives good numbers, then the same one again and again."""

    def __init__(self, good: int) -> None:
        super().__init__(1)
        self.good = good

    def getrandbits(self, k: int) -> int:
        self.good -= 1
        return super().getrandbits(k) if self.good >= 0 else 0x5A5A5A5A & (1 << k) - 1


@pytest.mark.parametrize("good", [0, 10])
def test_generator_that_is_stuck_is_an_error(target: Target, good: int) -> None:
    assert len(target.ask("random", 32)) == 64
    cast(Any, target.emulator).random = Stuck(good)
    assert target.ask("random", 64) == {"errno": EIO}
    cast(Any, target.emulator).random = random.Random(2)
    assert len(target.ask("random", 32)) == 64


def test_random_bytes_come_from_the_generator(any_target: Target) -> None:
    drawn = [any_target.ask("random", size) for size in (1, 16, 33, 256, 256)]
    assert [len(text) // 2 for text in drawn] == [1, 16, 33, 256, 256]
    assert drawn[3] != drawn[4]
    assert len(set(bytes.fromhex(drawn[3]))) > 100
    any_target.power_cycle()
    assert any_target.ask("random", 16) != drawn[1]


def test_sha1(target: Target) -> None:
    for size in (0, 1, 55, 56, 63, 64, 65, 119, 120, 300):
        data = bytes(n * 7 % 256 for n in range(size))
        assert target.ask("sha1", data.hex()) == hashlib.sha1(data).hexdigest(), size


def test_websocket_mask(target: Target) -> None:
    data, key = bytes(range(40)), bytes([0x37, 0xFA, 0x21, 0x3D])
    masked = bytearray(data)
    for i in range(3, 30):
        masked[i] ^= key[(i - 3) % 4]
    assert target.ask("mask", data.hex(), 3, 30, key.hex()) == masked.hex()


def test_integers_have_64_bits(target: Target) -> None:
    assert target.ask("int", "9223372036854775807") == 2**63 - 1
    assert target.ask("int", "-9000000000000000001") == -9000000000000000001
    assert target.ask("int", "-2000000000") == -2_000_000_000
    assert "ValueError" in target.ask("int", "9223372036854775808")["raised"]


def test_a_number_with_a_fraction_is_kept_as_text_and_is_no_integer(target: Target) -> None:
    assert target.ask("int_types", 1, 1.0, -2.5e-7, 10) == [True, False, False, True]
    assert target.ask("same", [1.25, {"a": -2.5e-07}]) == [1.25, {"a": -2.5e-07}]


# Time


def test_idle_costs_nothing_and_survives_the_wrap_of_the_timer(any_target: Target) -> None:
    """The 32-bit microsecond timer wraps at 71.6 min; 80 minutes pass in one sleep."""

    def cost(seconds: int) -> int:
        before = any_target.emulator.counters()
        began = any_target.seconds
        any_target.send("sleep", seconds)
        assert any_target.line(seconds + 1) == "null"
        assert seconds <= any_target.seconds - began < seconds + 0.1
        after = any_target.emulator.counters()
        assert after.sleep_ns - before.sleep_ns > (seconds - 0.1) * NS_PER_S
        return after.instructions - before.instructions

    assert cost(4800) - cost(1111) < 5_000
    seconds, ms = any_target.ask("uptime")
    assert abs(seconds + ms / 1000 - any_target.seconds) < 0.2


def test_wake_up_is_on_the_millisecond(target: Target) -> None:
    began = target.seconds
    target.send("sleep", 1)
    target.line()
    assert 1.0 <= target.seconds - began < 1.02


# Store


def test_store_survives_reset_and_power_off(any_target: Target) -> None:
    assert any_target.ask("get", "net:1") is None
    assert any_target.ask("put", "net:1", b'{"a":1}'.hex()) is None
    assert any_target.ask("put", "wifi", b"ssid\npsk".hex()) is None
    any_target.emulator.reset()
    any_target.ready()
    assert any_target.ask("keys") == ["net:1", "wifi"]
    any_target.ask("delete", "wifi")
    any_target.ask("delete", "wifi")
    any_target.power_cycle()
    assert any_target.ask("keys") == ["net:1"]
    assert any_target.ask("get", "net:1") == b'{"a":1}'.hex()


def test_store_errors(target: Target) -> None:
    assert target.ask("put", "k" * 65, "00") == {"errno": EINVAL}
    assert target.ask("put", "k", "00" * 300) is None


def test_store_compacts_many_times(target: Target) -> None:
    """More writes than a bank holds, several times over; the last of each key stays."""
    expected = {}
    for n in range(120):
        key = f"v:Component.Variable{n % 5}"
        value = (b"%05d" % n) * 60
        assert target.ask("put", key, value.hex()) is None
        expected[key] = value.hex()
    target.power_cycle()
    assert target.ask("keys") == sorted(expected)
    for key, value in expected.items():
        assert target.ask("get", key) == value


def test_journal_survives_reset_and_power_off(any_target: Target) -> None:
    assert any_target.ask("journal_next", 0) is None
    for number, text in ((1, b"one"), (0x1234567, b"big"), (70000, b""), (2, b"x" * 300)):
        assert any_target.ask("journal_put", number, text.hex()) is None
    assert any_target.ask("put", "1", "00") is None
    any_target.send("reset")
    any_target.run_until(any_target.interrupted_by_reset())
    any_target.ready()
    numbers = [0]
    while (number := any_target.ask("journal_next", numbers[-1])) is not None:
        numbers.append(number)
    assert numbers[1:] == [1, 2, 70000, 0x1234567]
    assert any_target.ask("journal_read", 2, 290, 64) == (b"x" * 10).hex()
    assert any_target.ask("journal_read", 2, 300, 64) == ""
    assert any_target.ask("journal_read", 2, 999, 64) == ""
    assert any_target.ask("journal_read", 70000, 0, 8) == ""
    assert any_target.ask("journal_read", 3, 0, 8) is None
    assert any_target.ask("journal_delete", 3) is None
    assert any_target.ask("journal_delete", 1) is None
    any_target.power_cycle()
    assert any_target.ask("journal_next", 0) == 2
    assert any_target.ask("keys") == ["1"]
    assert "raised" in any_target.ask("journal_put", -1, "00")
    assert "raised" in any_target.ask("journal_next", 1 << 30)


def test_journal_item_in_pieces(target: Target) -> None:
    """It is there once it has ended; one that is not ended is lost, and takes nothing with it."""
    assert target.ask("journal_append", "00") == {"errno": EINVAL}
    assert target.ask("journal_end") == {"errno": EINVAL}
    text = bytes(range(256)) * 15
    assert target.ask("journal_begin", 5) is None
    at = 0
    for size in (1, 2, 3, 5, 8, 13, 256, 256, 1, 4):
        assert target.ask("journal_append", text[at : at + size].hex()) is None
        at += size
        assert target.ask("journal_next", 0) is None
    assert target.ask("journal_end") is None
    assert target.ask("journal_read", 5, at - 9, 64) == text[at - 9 : at].hex()
    assert target.ask("journal_read", 5, -9, 64) == text[at - 9 : at].hex()
    assert target.ask("journal_read", 5, -at - 9, 4) == text[:4].hex()
    assert target.ask("journal_find", 5, text[100:110].hex()) == 100
    assert target.ask("journal_find", 5, text[at - 3 : at].hex()) == (at - 3) % 256
    assert target.ask("journal_find", 5, b"no such".hex()) == -1
    assert target.ask("journal_find", 6, "00") == -1
    assert target.ask("journal_begin", 6) is None
    assert target.ask("journal_append", text[:100].hex()) is None
    target.power_cycle()
    assert target.ask("journal_begin", 7) is None
    assert target.ask("journal_append", text[:100].hex()) is None
    assert target.ask("journal_put", 8, "08", seconds=10) is None
    assert target.ask("journal_next", 5) == 8
    assert target.ask("journal_read", 5, 0, 4) == text[:4].hex()
    assert target.ask("journal_begin", 9) is None
    for _ in range(15):
        assert target.ask("journal_append", text[:256].hex()) is None
    assert target.ask("journal_append", text[:255].hex()) is None
    assert target.ask("journal_append", "00") == {"errno": EINVAL}
    assert target.ask("journal_end") is None
    assert target.ask("journal_read", 9, 4090, 9) == text[250:255].hex()


def test_journal_uses_both_banks_again_and_again(any_target: Target) -> None:
    """Each bank is erased, the spare one by `tidy`; what is live is copied; full is said."""
    start, end = any_target.symbols["_journal_start"], any_target.symbols["_journal_end"]
    half = (end - start) // 2
    room = half // 4012
    any_target.ask("watchdog", 20000)

    def is_blank(address: int) -> bool:
        return set(any_target.emulator.read_memory(address, half)) == {0xFF}

    assert is_blank(start + half)
    for turn in range(3):
        first = 1 + turn * 100
        assert any_target.ask("journal_fill", first, room - 1, 4000, seconds=10) is None
        assert any_target.ask("journal_fill", first + room - 1, 3, 4000, seconds=10) == {"errno": ENOSPC}
        assert any_target.ask("journal_read", first + 3, 3999, 9) == f"{first + 3 & 255:02x}"
        assert any_target.ask("journal_empty", seconds=60) in (room - 1, room)
        any_target.ask("tidy", seconds=10)
        assert is_blank(start) != is_blank(start + half)
        any_target.ask("feed")
    any_target.power_cycle()
    assert any_target.ask("journal_next", 0) is None
    assert len(any_target.emulator.resets) == 2


CUTS = 48


def test_power_cut_in_a_put_leaves_old_or_new(target: Target) -> None:
    """The supply is cut at moments spread over the time in which a put changes the flash."""
    old, new = (b"old value " * 8).hex(), (b"new value " * 9).hex()
    start, size = (
        target.symbols["_store_start"],
        target.symbols["_store_end"] - target.symbols["_store_start"],
    )
    target.ask("put", "other", b"stays".hex())

    def put_new_from_old() -> int:
        target.ask("put", "k", old)
        target.send("put", "k", new)
        return target.emulator.now_ns

    began = put_new_from_old()
    images = [target.emulator.read_memory(start, size)]
    while not target.emulator.uart_read(target.platform.modem_uart):
        target.run(20e-6)
        images.append(target.emulator.read_memory(start, size))
    target.line()
    changes = [n for n in range(1, len(images)) if images[n] != images[n - 1]]
    first, last = changes[0] * 20_000, (changes[-1] + 1) * 20_000
    assert target.emulator.now_ns - began > last

    seen = []
    for cut in range(CUTS):
        began = put_new_from_old()
        target.run((first - 50_000 + (last - first + 100_000) * cut // (CUTS - 1)) / NS_PER_S)
        target.power_cycle()
        value = target.ask("get", "k")
        assert value in (old, new), f"cut {cut}"
        seen.append(value)
        assert target.ask("keys") == ["k", "other"]
        assert target.ask("get", "other") == b"stays".hex()
    assert 10 < seen.count(old) < CUTS  # the new value counts once the last word is written
