"""A day of an idle station in virtual time, and runs that are the same to the instruction."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import pytest

from bench.platforms import load_platform
from bench.provision import Provisioning
from bench.rig import Rig
from csms_stub.csms import Csms
from tests.images import Firmware

BOARDS = ("stm32f4_discovery", "nrf52840dk")
DAY_S = 24 * 3600


def station(board: str, elf: Path) -> Rig:
    provisioning = Provisioning()
    csms = Csms(passwords={provisioning.identity: provisioning.password}, heartbeat_interval_s=300)
    rig = Rig(load_platform(board), elf, provisioning=provisioning, csms=csms)
    rig.power_on()
    return rig


def test_virtual_day_of_heartbeats(firmware: Firmware) -> None:
    board = BOARDS[0]
    began = time.perf_counter()
    rig = station(board, firmware(board))
    rig.run_for(DAY_S)
    print(f"{board}: a virtual day took {time.perf_counter() - began:.2f} s of host time")
    session = rig.csms.session()
    heartbeats = [message.at_ns / 1e9 for message in session.requests("Heartbeat")]
    assert len(heartbeats) in (DAY_S // 300 - 1, DAY_S // 300)
    gaps = [later - earlier for earlier, later in pairwise(heartbeats)]
    assert all(299 <= gap < 301 for gap in gaps)  # the station counts whole seconds
    assert len(session.requests("BootNotification")) == 1
    assert session.connected
    assert rig.problems() == []
    rig.close()


@pytest.mark.parametrize("board", BOARDS)
def test_two_runs_are_the_same_to_the_instruction(board: str, firmware: Firmware) -> None:
    runs = []
    for _ in range(2):
        rig = station(board, firmware(board))
        rig.run_for(60)
        rig.csms.session().call("TriggerMessage", {"requestedMessage": "Heartbeat"}, rig.now_ns)
        rig.run_for(700)
        log = [(line.at_ns, line.text) for line in rig.log]
        runs.append((rig.transcript(), rig.emulator.counters().instructions, log, rig.memory_use()))
        rig.close()
    assert runs[0] == runs[1]
    assert len(runs[0][0]) > 10
