"""What a run of scenarios leaves behind for programs: build/report/results.json."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

MEASUREMENTS = "measurements.jsonl"
"""File in a scenario's output folder: one Measurement a line."""


class ResultsError(Exception):
    """A file of results has another shape than the command gives it that writes it. One clear line."""


@contextmanager
def written_by(command: str, path: Path) -> Iterator[None]:
    """Within, the content of `path` is taken apart. Raises ResultsError where it has not the shape for it."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError, IndexError):
        raise ResultsError(f"{path}: not what {command} writes; run it again") from None


@dataclass(frozen=True, slots=True)
class Measurement:
    """What the bench measured in one scenario, whatever its verdict.

    virtual_s      virtual time at the end, from the first power-on
    host_s         time the scenario took here
    instructions   executed by the board
    transcript_sha256   of all HTTP upgrades and OCPP-J messages with their virtual times
    memory         bench.memory.runtime.MemoryUse, whose docstring says what each figure is
    metrics        bench.metrics.Metrics, where they were asked for
    """

    board: str
    emulator: str
    name: str
    virtual_s: float
    host_s: float
    instructions: int
    transcript_sha256: str
    memory: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    metrics: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Result:
    """One scenario on one board. `verdict` is PASS, FAIL or SKIP; without `measurement` it did not get as far
    as its end; `repeat` counts from 0."""

    board: str
    id: str
    name: str
    verdict: str
    message: str
    repeat: int
    measurement: Measurement | None

    def to_json(self) -> dict[str, Any]:
        measured = self.measurement
        return {
            "board": self.board,
            "emulator": measured.emulator if measured else None,
            "id": self.id,
            "name": self.name,
            "verdict": self.verdict,
            "message": self.message,
            "repeat": self.repeat,
            "virtual_s": measured.virtual_s if measured else None,
            "host_s": measured.host_s if measured else None,
            "instructions": measured.instructions if measured else None,
            "transcript_sha256": measured.transcript_sha256 if measured else None,
            "memory": measured.memory if measured else None,
            "notes": measured.notes if measured else [],
            "metrics": measured.metrics if measured else None,
        }


def differences(results: Iterable[Result]) -> list[str]:
    """Scenarios whose repetitions were not the same: one line each."""
    runs: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in results:
        runs[result.board, result.name].append(result)
    lines = []
    for (board, name), repeated in runs.items():
        outcomes = {_fingerprint(result): result.repeat for result in reversed(repeated)}
        if len(outcomes) > 1:
            first, *others = sorted(outcomes.values())
            lines.append(
                f"{board}: {name}: {len(outcomes)} different runs of {len(repeated)}"
                f" (run {others[0]} differs from run {first})"
            )
    return lines


def _fingerprint(result: Result) -> tuple[str, str, int]:
    measured = result.measurement
    return (
        result.verdict,
        measured.transcript_sha256 if measured else "",
        measured.instructions if measured else 0,
    )


def durations(path: Path) -> dict[tuple[str, str], float]:
    """Host seconds by board and id that a run left in results.json; empty where there was none."""
    try:
        content = json.loads(path.read_text())
        return {(each["board"], each["id"]): each["host_s"] for each in content if each["host_s"] is not None}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def all_passed(results: Sequence[Result]) -> bool:
    return bool(results) and all(result.verdict == "PASS" for result in results)
