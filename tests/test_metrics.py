"""Counts over virtual time, from samples and from a file of Renode's profiler."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from bench.emulators.base import NS_PER_MS, NS_PER_S, Counters
from bench.metrics import BUCKETS_MAX, MetricsError, Recorder, draw, read_profile, sums

READ_IO, WRITE_IO, READ, WRITE = range(4)


def header(peripherals: dict[str, tuple[int, int]]) -> bytes:
    data = struct.pack("<iii3s", 1, 0, 3, b"cpu") + struct.pack("<i", len(peripherals))
    for name, (first, last) in peripherals.items():
        data += struct.pack("<i", len(name)) + name.encode() + struct.pack("<QQ", first, last)
    return data


def entry(at_ms: float, kind: int, body: bytes) -> bytes:
    return struct.pack("<qdB", 0, at_ms, kind) + body


def instructions(at_ms: float, executed: int) -> bytes:
    return entry(at_ms, 0, struct.pack("<iQ", 0, executed))


def memory(at_ms: float, operation: int) -> bytes:
    return entry(at_ms, 1, bytes([operation]))


def access(at_ms: float, operation: int, address: int) -> bytes:
    return entry(at_ms, 2, struct.pack("<BQ", operation, address))


def exception(at_ms: float) -> bytes:
    return entry(at_ms, 3, struct.pack("<Q", 5))


UARTS = {"uart1": (0x4000, 0x4FFF), "uart0": (0x2000, 0x2FFF)}


def test_a_profile_is_read_by_kind_time_and_peripheral(tmp_path: Path) -> None:
    path = tmp_path / "profile"
    path.write_bytes(
        header(UARTS)
        + instructions(100, 10)
        + memory(100, READ) * 3
        + memory(100, WRITE) * 2
        + access(105, READ_IO, 0x2010)
        + access(112, WRITE_IO, 0x4FFF)
        + access(112, READ_IO, 0x5000)
        + exception(131)
        + instructions(131, 25)
    )
    metrics = read_profile(path, 100 * NS_PER_MS)
    assert metrics.bucket_s == 0.01
    assert metrics.instructions == [10, 0, 0, 15]
    assert metrics.memory_reads == [3, 0, 0, 0]
    assert metrics.memory_writes == [2, 0, 0, 0]
    assert metrics.peripheral_accesses == [1, 2, 0, 0]
    assert metrics.exceptions == [0, 0, 0, 1]
    assert metrics.peripherals == {"(nothing there)": [1, 0], "uart0": [1, 0], "uart1": [0, 1]}


def test_instructions_count_from_zero_after_a_reset(tmp_path: Path) -> None:
    path = tmp_path / "profile"
    path.write_bytes(header({}) + instructions(0, 100) + instructions(1, 7) + instructions(2, 9))
    assert sums(read_profile(path, 0))["instructions"] == 109


def test_long_runs_of_memory_entries_are_counted_exactly(tmp_path: Path) -> None:
    runs = [1, 399, 400, 401, 300_000]
    path = tmp_path / "profile"
    path.write_bytes(header({}) + b"".join(memory(1, READ) * run + exception(1) for run in runs))
    totals = sums(read_profile(path, 0))
    assert (totals["memory_reads"], totals["exceptions"]) == (sum(runs), len(runs))


@pytest.mark.parametrize("cut", [3, 20])
def test_a_profile_that_is_cut_off_is_told(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "profile"
    path.write_bytes((header(UARTS) + instructions(1, 1))[:-cut])
    with pytest.raises(MetricsError, match="not a whole file"):
        read_profile(path, 0)


def test_a_missing_profile_is_told(tmp_path: Path) -> None:
    with pytest.raises(MetricsError, match="No such file"):
        read_profile(tmp_path / "profile", 0)


def test_samples_give_the_same_fields() -> None:
    recorder = Recorder()
    recorder.sample(
        5 * NS_PER_MS, Counters(100, 0, {16: 1}, {"uart0": (3, 1)}, {"ram": (20, 10), "flash": (5, 0)})
    )
    recorder.sample(
        25 * NS_PER_MS,
        Counters(150, 0, {16: 1, 15: 2}, {"uart0": (3, 4)}, {"ram": (21, 10), "flash": (5, 0)}),
    )
    metrics = recorder.metrics()
    assert metrics.instructions == [100, 0, 50]
    assert metrics.exceptions == [1, 0, 2]
    assert metrics.memory_reads == [25, 0, 1]
    assert metrics.memory_writes == [10, 0, 0]
    assert metrics.peripherals == {"uart0": [3, 4]}


def test_memory_that_was_not_counted_is_left_out() -> None:
    recorder = Recorder()
    recorder.sample(NS_PER_MS, Counters(1))
    assert recorder.metrics().memory_reads == []


def test_long_runs_get_wider_buckets_and_lose_nothing() -> None:
    recorder = Recorder()
    for second in range(1000):
        recorder.add("instructions", second * NS_PER_S, second)
    metrics = recorder.metrics()
    assert len(metrics.instructions) <= BUCKETS_MAX
    assert sum(metrics.instructions) == sum(range(1000))
    assert metrics.bucket_s * len(metrics.instructions) >= 999


def test_the_plot_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    recorder = Recorder()
    recorder.sample(NS_PER_MS, Counters(100, 0, {16: 1}, {"uart0": (3, 1)}))
    draw("a scenario", recorder.metrics(), tmp_path / "plot.svg")
    text = (tmp_path / "plot.svg").read_text()
    assert text.lstrip().startswith("<?xml")
