"""What a board did over virtual time: instructions, memory and peripheral accesses, exceptions.

Two sources, the same fields: the file of Renode's execution profiler (`machine EnableProfiler`), and samples
of the other emulator's counters.

Renode's file: a header (int32 number of CPUs, each int32 slot, int32 length, name; int32 number of
peripherals, each int32 length, name, uint64 first and last address), then packed entries of int64 host time
in 100 ns, float64 virtual time in ms, uint8 kind, and by kind: 0 instructions (int32 CPU slot, uint64 number
since reset), 1 memory (uint8 operation), 2 peripheral (uint8 operation, uint64 address), 3 exception (uint64
index). Operations: 0 and 1 read and write a peripheral, 2 and 3 a memory.
"""

from __future__ import annotations

import struct
import tempfile
from bisect import bisect_right
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from bench.emulators.base import NS_PER_MS, NS_PER_S, Counters, Emulator

BUCKETS_MAX = 200
_FINEST_NS = 10 * NS_PER_MS
_ENTRY = struct.Struct("<qdB")
_INSTRUCTIONS, _MEMORY, _PERIPHERAL, _EXCEPTION = range(4)
_BODIES = {
    _INSTRUCTIONS: struct.Struct("<iQ"),
    _MEMORY: struct.Struct("<B"),
    _PERIPHERAL: struct.Struct("<BQ"),
    _EXCEPTION: struct.Struct("<Q"),
}
_MEMORY_SIZE = _ENTRY.size + _BODIES[_MEMORY].size
_CHUNK = 1 << 22
_RUN_MAX = 400
SERIES = ("instructions", "memory_reads", "memory_writes", "peripheral_accesses", "exceptions")


class MetricsError(Exception):
    """Metrics that cannot be read or drawn. The message is one clear line."""


@dataclass(slots=True)
class Metrics:
    """Counts per bucket of `bucket_s` virtual seconds from the first power-on, and sums by peripheral.

    `memory_reads` and `memory_writes` are those of the CPU, without instruction fetches, and empty where they
    were not counted; `peripherals` maps the name in the .repl to [reads, writes].
    """

    bucket_s: float
    instructions: list[int] = field(default_factory=list)
    memory_reads: list[int] = field(default_factory=list)
    memory_writes: list[int] = field(default_factory=list)
    peripheral_accesses: list[int] = field(default_factory=list)
    exceptions: list[int] = field(default_factory=list)
    peripherals: dict[str, list[int]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Recorder:
    """Collects counts by virtual time, in buckets that are as fine as BUCKETS_MAX of them allow."""

    def __init__(self) -> None:
        self._width_ns = _FINEST_NS
        self._series: dict[str, dict[int, int]] = {name: defaultdict(int) for name in SERIES}
        self._peripherals: dict[str, list[int]] = {}
        self._last = Counters(memory={})
        self._end = 0

    def add(self, name: str, at_ns: int, count: int) -> None:
        bucket = max(at_ns, 0) // self._width_ns
        while bucket >= BUCKETS_MAX:
            self._coarsen()
            bucket = max(at_ns, 0) // self._width_ns
        self._series[name][bucket] += count
        self._end = max(self._end, bucket + 1)

    def add_access(self, peripheral: str, at_ns: int, reads: int, writes: int) -> None:
        sums = self._peripherals.setdefault(peripheral, [0, 0])
        sums[0] += reads
        sums[1] += writes
        self.add("peripheral_accesses", at_ns, reads + writes)

    def sample(self, at_ns: int, now: Counters) -> None:
        """Book what the counters have gained since the last sample to the time of this one."""
        last, self._last = self._last, now
        self.add("instructions", at_ns, now.instructions - last.instructions)
        self.add("exceptions", at_ns, sum(now.exceptions.values()) - sum(last.exceptions.values()))
        for name, (reads, writes) in now.mmio.items():
            before = last.mmio.get(name, (0, 0))
            if (reads, writes) != before:
                self.add_access(name, at_ns, reads - before[0], writes - before[1])
        for place, name in enumerate(("memory_reads", "memory_writes") if now.memory is not None else ()):
            self.add(name, at_ns, _accesses(now, place) - _accesses(last, place))

    def metrics(self) -> Metrics:
        series = {
            name: [counts[bucket] for bucket in range(self._end)] if counts else []
            for name, counts in self._series.items()
        }
        return Metrics(
            self._width_ns / NS_PER_S, **series, peripherals=dict(sorted(self._peripherals.items()))
        )

    def _coarsen(self) -> None:
        self._width_ns *= 2
        self._end = -(-self._end // 2)
        for name, counts in self._series.items():
            halves: dict[int, int] = defaultdict(int)
            for bucket, count in counts.items():
                halves[bucket // 2] += count
            self._series[name] = halves


class Watch:
    """Metrics of one board: by Renode's profiler into `profile`, of another emulator by looking at it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="ocpp-bench-")
        self.profile = Path(self._folder.name) / "profile"
        self._recorder = Recorder()

    def look(self, emulator: Emulator) -> None:
        """Between steps; Renode's profiler looks by itself."""
        if emulator.name != "renode":
            self._recorder.sample(emulator.now_ns, emulator.counters())

    def finish(self, emulator: Emulator) -> Metrics:
        """Closes the board. Raises MetricsError."""
        origin_ns = emulator.origin_ns if isinstance(emulator, Profiled) else None
        emulator.close()
        return self._recorder.metrics() if origin_ns is None else read_profile(self.profile, origin_ns)

    def close(self) -> None:
        self._folder.cleanup()


@runtime_checkable
class Profiled(Protocol):
    """An emulator that writes a profile, in its own time: `origin_ns` there is 0 here."""

    origin_ns: int


def read_profile(path: Path, origin_ns: int) -> Metrics:
    """Metrics from a file of Renode's execution profiler; `origin_ns` is the virtual time of the power-on.

    Raises MetricsError where it is cut off or none.
    """
    recorder = Recorder()
    try:
        with path.open("rb") as stream:
            data = stream.read(_CHUNK)
            offset, starts, spans = _header(data)
            executed = 0
            while True:
                if len(data) - offset < _MEMORY_SIZE + 16:
                    data = data[offset:] + stream.read(_CHUNK)
                    offset = 0
                    if not data:
                        break
                _, at_ms, kind = _ENTRY.unpack_from(data, offset)
                at_ns = round(at_ms * NS_PER_MS) - origin_ns
                if kind == _MEMORY:
                    run = _run_of_memory(data, offset)
                    operations = data[offset + _ENTRY.size : offset + run * _MEMORY_SIZE : _MEMORY_SIZE]
                    recorder.add("memory_reads", at_ns, operations.count(2))
                    recorder.add("memory_writes", at_ns, operations.count(3))
                    offset += run * _MEMORY_SIZE
                    continue
                body = _BODIES[kind].unpack_from(data, offset + _ENTRY.size)
                offset += _ENTRY.size + _BODIES[kind].size
                if kind == _INSTRUCTIONS:
                    # counts from 0 again after a reset
                    recorder.add(
                        "instructions", at_ns, body[1] - executed if body[1] >= executed else body[1]
                    )
                    executed = body[1]
                elif kind == _EXCEPTION:
                    recorder.add("exceptions", at_ns, 1)
                else:
                    write, address = body
                    recorder.add_access(_name_at(address, starts, spans), at_ns, 1 - write, write)
    except OSError as error:
        raise MetricsError(f"{path}: {error.strerror}") from None
    except (struct.error, KeyError, IndexError, UnicodeDecodeError) as error:
        raise MetricsError(f"{path}: not a whole file of Renode's execution profiler ({error})") from None
    return recorder.metrics()


def draw(title: str, metrics: Metrics, path: Path) -> None:
    """Draw the series over virtual time into a file, of the kind that its name says (.svg, .png, .pdf).

    Raises MetricsError where matplotlib is missing.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MetricsError(
            "no matplotlib for the plot; get it with: pip install 'ocpp-lite-bench[plot]'"
        ) from None
    figure = Figure(figsize=(9, 8), layout="constrained")
    shown = [name for name in SERIES if getattr(metrics, name)]
    axes = figure.subplots(len(shown), 1, sharex=True)
    seconds = [bucket * metrics.bucket_s for bucket in range(len(metrics.instructions))]
    for axis, name in zip(axes, shown, strict=True):
        axis.fill_between(seconds, getattr(metrics, name), step="post", linewidth=0)
        axis.set_ylabel(name.replace("_", "\n"), rotation=0, ha="right", va="center")
        axis.set_ylim(bottom=0)
        axis.grid(visible=True, alpha=0.3)
    axes[-1].set_xlabel(f"virtual time in s, counts per {metrics.bucket_s:g} s")
    figure.suptitle(title)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def sums(metrics: Metrics) -> dict[str, int]:
    """All of each series."""
    return {name: sum(getattr(metrics, name)) for name in SERIES}


def _accesses(counters: Counters, place: int) -> int:
    return sum(each[place] for each in (counters.memory or {}).values())


def _header(data: bytes) -> tuple[int, list[int], list[tuple[int, int, str]]]:
    offset = 0

    def number() -> int:
        nonlocal offset
        offset += 4
        return int.from_bytes(data[offset - 4 : offset], "little")

    def text() -> str:
        nonlocal offset
        length = number()
        offset += length
        return data[offset - length : offset].decode()

    for _ in range(number()):
        number()
        text()
    spans = []
    for _ in range(number()):
        name = text()
        first, last = struct.unpack_from("<QQ", data, offset)
        offset += 16
        spans.append((first, last, name))
    spans.sort()
    return offset, [first for first, _, _ in spans], spans


def _name_at(address: int, starts: list[int], spans: list[tuple[int, int, str]]) -> str:
    place = bisect_right(starts, address) - 1
    if place >= 0 and address <= spans[place][1]:
        return spans[place][2]
    return "(nothing there)"


def _run_of_memory(data: bytes, offset: int) -> int:
    """How many entries from `offset` on are memory entries, looking at some hundred."""
    end = min(offset + _RUN_MAX * _MEMORY_SIZE, len(data))
    kinds = data[offset + _ENTRY.size - 1 : end : _MEMORY_SIZE]
    run = len(kinds) - len(kinds.lstrip(bytes([_MEMORY])))
    return max(1, min(run, (end - offset) // _MEMORY_SIZE))
