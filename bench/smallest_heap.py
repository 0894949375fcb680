"""The smallest heap with which a scenario still passes.

The image stays as it is: when the firmware sets up its heap (gc_init), the bench puts another end into the
register that holds it. So MicroPython lays its table and its pool into the first bytes of the heap area, as
if the image had been linked with so many. A run is judged as always, problems included.

That a size passes does not say that every larger one does: it moves the collections. So what is found is the
smallest multiple of GRANULE that passes while the next smaller one fails and those of CHECKED above it pass.
"""

from __future__ import annotations

import json
import math
import multiprocessing
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.table import Table

from bench.scenarios import Job, deaf_to_ctrl_c, follow_parent, kill_workers, run_job

GRANULE = 64
CHECKED = (1, 2, 4, 8, 16)
"""Sizes above the one found that have to pass, in granules."""
_TABLE_SHARE = 65 / 64
"""Of a heap area to its pool (py/gc.c, gc_setup_area)."""

Search = Generator[int, bool, int | None]
"""Yields sizes to be tried, is sent whether they passed, and returns what it has found."""


@dataclass(slots=True)
class Found:
    """One scenario on one board, bytes.

    verdict    of the run with all of the heap
    heap       the heap area of the image
    heap_live  most that could be reached of all of it
    heap_min   the smallest heap that passes; None where not even all of it does
    tried      size -> verdict, and what the failing ones failed of
    """

    board: str
    emulator: str
    id: str
    name: str
    verdict: str
    heap: int | None
    heap_live: int | None
    heap_min: int | None = None
    checked: list[int] = field(default_factory=list)
    tried: dict[int, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"tried": {str(size): self.tried[size] for size in sorted(self.tried)}}


def search(live: int, area: int) -> Search:
    """For a scenario that passes with a heap of `area` bytes, of which `live` could be reached."""
    top = area // GRANULE * GRANULE
    known: dict[int, bool] = {0: False, top: True}

    def passes(size: int) -> Generator[int, bool, bool]:
        if size not in known:
            known[size] = yield size
        return known[size]

    size = min(top, math.ceil(live * _TABLE_SHARE / GRANULE) * GRANULE)
    step = GRANULE
    upward = not (yield from passes(size))
    while (yield from passes(size)) != upward and size > 0:
        size = min(top, size + step) if upward else max(0, size - step)
        step *= 2
    while True:
        low = max(tried for tried, passed in known.items() if not passed)
        high = min(tried for tried, passed in known.items() if passed and tried > low)
        while high - low > GRANULE:
            middle = (low + high) // 2 // GRANULE * GRANULE
            if (yield from passes(middle)):
                high = middle
            else:
                low = middle
        for above in _checked(high, top):
            if not (yield from passes(above)):
                break
        else:
            return high


def _checked(size: int, top: int) -> list[int]:
    return [above for granules in CHECKED if (above := size + granules * GRANULE) <= top]


def find(whole: Sequence[Job], workers: int, on_found: Callable[[Found], None]) -> list[Found]:
    """Of the scenario of each job, in the jobs' order; `on_found` hears of each as soon as it is there."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=follow_parent) as pool:
        try:
            with deaf_to_ctrl_c():
                running = [pool.submit(find_one, job) for job in whole]
            for done in as_completed(running):
                on_found(done.result())
        except BaseException:
            kill_workers()  # the pool would wait for all that they still have to do
            raise
        return [each.result() for each in running]


def find_one(whole: Job) -> Found:
    """Runs the job, which has all of the heap, and then with less of it, in folders below that of the job."""
    result = run_job(whole)
    memory = result.measurement.memory if result.measurement else {}
    found = Found(
        board=result.board,
        emulator=whole.emulator,
        id=result.id,
        name=result.name,
        verdict=result.verdict,
        heap=memory.get("heap"),
        heap_live=memory.get("heap_live"),
    )
    if result.verdict != "PASS" or not found.heap or not found.heap_live:
        return found
    going_on = search(found.heap_live, found.heap)
    try:
        size = next(going_on)
        while True:
            limited = replace(
                whole, folder=whole.folder / str(size), variables=(*whole.variables, f"HEAP:{size}")
            )
            result = run_job(limited)
            passed = result.verdict == "PASS"
            found.tried[size] = result.verdict if passed else f"{result.verdict}: {result.message}"[:200]
            size = going_on.send(passed)
    except StopIteration as end:
        found.heap_min = end.value
        found.checked = _checked(end.value, found.heap)
    return found


def write(found: Sequence[Found], path: Path) -> None:
    """heap.json: a list, an entry a scenario and board."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([each.to_json() for each in found], indent=1) + "\n")


def table(found: Sequence[Found]) -> Table:
    """A row a scenario, the largest first; last what the suite needs."""
    boards = list(dict.fromkeys(each.board for each in found))
    shown = Table(title="Smallest heap with which a scenario passes (bytes)", title_justify="left")
    shown.add_column("")
    for board in boards:
        for heading in (board, "live", "heap area"):
            shown.add_column(heading, justify="right")
    by_place = {(each.id, each.board): each for each in found}
    rows = sorted(
        dict.fromkeys(each.id for each in found),
        key=lambda test: -max(by_place[test, b].heap_min or 0 for b in boards if (test, b) in by_place),
    )
    for test in rows:
        cells = []
        for board in boards:
            each = by_place[test, board]
            cells += [_bytes(each.heap_min), _bytes(each.heap_live), _bytes(each.heap)]
        shown.add_row(test, *cells)
    shown.add_section()
    most = [max((e.heap_min or 0 for e in found if e.board == board), default=0) for board in boards]
    shown.add_row("[bold]all of these", *(cell for each in most for cell in (f"[bold]{each:,}", "", "")))
    return shown


def _bytes(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"
