"""What a connection with TLS costs is measured: the figures fit each other."""

from __future__ import annotations

from bench.memory.handshake import VARIANT, measure
from bench.memory.image import symbols_of
from csms_stub.tls import SUITES
from tests.images import Firmware

BOARD = "stm32f4_discovery"
MIPS = 100


def test_cost_of_a_handshake(firmware: Firmware) -> None:
    elf = firmware(BOARD, VARIANT)
    cost = measure(BOARD, SUITES[-1], elf)
    assert cost == measure(BOARD, SUITES[-1], elf)
    assert 1_000_000 < cost.step < cost.instructions
    # the line to the module takes its time, too
    assert cost.instructions * 1000 // MIPS < cost.took_ns
    assert 4096 < cost.arena_open < cost.arena_peak <= symbols_of(elf)["tls_arena"].size
