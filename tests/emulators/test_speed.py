"""The measuring programs run, and measure what they say."""

from __future__ import annotations

import pytest

from bench.emulators import speed


def test_the_programs_do_what_is_counted() -> None:
    busy = speed._Machine(speed._LOOP, r2=0x2000_0000)
    assert busy.count(1_000_000, speed._instructions) == 100_000
    assert busy.machine.counters().exceptions == {}
    taken = speed._Machine((0x6001, 0xE7FD), r0=0xE000_E200, r1=1)
    taken.machine._nvic.enable(16)
    before = taken.machine.counters()
    taken.pass_ns(100_000)
    after = taken.machine.counters()
    exceptions = after.exceptions[16] - before.exceptions.get(16, 0)
    assert set(after.exceptions) == {16}
    assert after.instructions - before.instructions == pytest.approx(3 * exceptions, abs=3)  # str, bx, b


def test_an_idle_minute_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "_REPEATS", 3)
    assert speed._idle_minute() < 0.001
