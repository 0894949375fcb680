"""A short soak: a few hours with faults, and that the soak would tell what it looks for."""

from __future__ import annotations

import struct

import pytest

from bench.orders import arena_in_use
from bench.soak import Day, Soak, growth
from csms_stub.messages import Message
from tests.images import Firmware


@pytest.mark.parametrize("board", ["stm32f4_discovery", "nrf52840dk"])
def test_hours_with_faults(board: str, firmware: Firmware) -> None:
    report = Soak(board, firmware(board), days=0.15, seed=3, emulator="unicorn").run()
    assert report.problems == []
    (day,) = report.days
    assert day.sessions == 3
    assert day.transactions >= 3
    assert day.faults > 2
    assert day.events > 20


def test_lost_and_doubled_events_are_found(firmware: Firmware) -> None:
    board = "stm32f4_discovery"
    soak = Soak(board, firmware(board), days=0.05, seed=3, emulator="unicorn", faults=False)
    told: list[Message] = []
    note = soak._note_event

    def forget_one_and_double_another(message: Message) -> None:
        told.append(message)
        if len(told) == 2:
            return
        note(message)
        if len(told) == 4:
            session = soak._csms.session()
            soak._events[soak._asked[message.message_id]].answered_ns = message.at_ns - 60 * 10**9
            soak._note(session, message)

    soak._note_event = forget_one_and_double_another  # type: ignore[method-assign]
    problems = soak.run().problems
    assert any("not numbered without a gap" in problem for problem in problems)
    assert any("came again though its answer" in problem for problem in problems)


def test_hours_with_orders(firmware: Firmware) -> None:
    board = "stm32f4_discovery"
    soak = Soak(board, firmware(board, "secure"), days=0.15, seed=7, emulator="unicorn", secure=True)
    report = soak.run()
    assert report.problems == []
    (day,) = report.days
    assert day.transactions >= 3
    assert day.arena > 4096


def test_lost_security_events_and_certificates_are_found(firmware: Firmware) -> None:
    board = "stm32f4_discovery"
    soak = Soak(
        board, firmware(board, "secure"), days=0.05, seed=3, emulator="unicorn", faults=False, secure=True
    )
    orders = soak._orders
    assert orders
    orders._installed["new csms"] = True
    note = orders.note

    def all_but_security_events(message: Message) -> None:
        if message.action != "SecurityEventNotification":
            note(message)

    orders.note = all_but_security_events  # type: ignore[method-assign]
    problems = soak.run().problems
    assert "1 times StartupOfTheDevice, of which the CSMS has heard 0" in problems
    assert "the root new csms is not in the store" in problems
    assert len(problems) == 2


def test_arena_that_fills_is_found() -> None:
    def block(size: int, used: int) -> bytes:
        return struct.pack("<I", size | used).ljust(size, b"\xff")

    arena = bytes(4) + block(16, 1) + block(32, 0) + block(64, 1) + block(136, 0) + bytes(4)
    assert arena_in_use(arena) == 80
    assert arena_in_use(bytes(256)) == 0


def test_cable_that_stays_locked_ends_the_soak(firmware: Firmware) -> None:
    board = "stm32f4_discovery"
    soak = Soak(board, firmware(board), days=0.05, seed=3, emulator="unicorn", faults=False)
    soak._rig.evse.locked = lambda evse, now_ns: True  # type: ignore[method-assign]
    report = soak.run()
    assert len(report.problems) == 1
    assert "the cable stays locked in EVSE 1" in report.problems[0]
    assert report.days[0].transactions > 0


def test_a_heap_that_grows_is_found() -> None:
    steady = [Day(1, heap_live=26_016), Day(2, heap_live=26_300), Day(3, heap_live=25_984)]
    assert growth(steady) == []
    (line,) = growth([*steady, Day(4, heap_live=28_016)])
    assert line == "live heap has grown from 26,016 bytes on day 1 to 28,016 on day 4"
