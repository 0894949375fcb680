"""Reports: Robot's log and report over all boards, results.json, and the tables of the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from robot.api import ExecutionResult, ResultWriter
from robot.output import LOGGER
from robot.result import Result as RobotResult
from robot.result import TestSuite

from bench.conformance.matrix import VERDICTS, Matrix
from bench.memory.budget import Limit, total_of
from bench.memory.compare import Change
from bench.memory.elf import Level, StaticMemory
from bench.results import Result
from bench.scenarios import Job

NAME_WIDTH = 24
"""Of scenarios of the project's own, which have names and no ids."""

_VERDICT_STYLE = {"PASS": "green", "FAIL": "bold red", "SKIP": "yellow"}


def write_robot_report(jobs: Iterable[Job], folder: Path) -> dict[tuple[str, str], str]:
    """log.html, report.html, output.xml and xunit.xml in `folder`: a suite a board, below it the suites.

    Returns where in the log each test is, by board and name.
    """
    root = TestSuite(name="OCPP Lite Bench")
    boards: dict[str, TestSuite] = {}
    suites: dict[tuple[str, str], TestSuite] = {}
    for job in jobs:
        if not job.output.is_file():
            continue
        leaf = ExecutionResult(str(job.output)).suite
        if job.board not in boards:
            metadata = {"Firmware": str(job.firmware), "Emulator": job.emulator}
            boards[job.board] = root.suites.create(name=job.board, metadata=metadata)
        key = job.board, leaf.name
        if key not in suites:
            suites[key] = boards[job.board].suites.create(name=leaf.name, doc=leaf.doc, source=leaf.source)
        for test in leaf.all_tests:
            suites[key].tests.append(test)
    folder.mkdir(parents=True, exist_ok=True)
    LOGGER.unregister_console_logger()  # it would name the files on the terminal
    ResultWriter(RobotResult(suite=root)).write_results(
        output=str(folder / "output.xml"),
        log=str(folder / "log.html"),
        report=str(folder / "report.html"),
        xunit=str(folder / "xunit.xml"),
    )
    return {
        (board, test.name): f"log.html#{test.id}"
        for board, suite in boards.items()
        for test in suite.all_tests
    }


def write_results(results: Sequence[Result], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([result.to_json() for result in results], indent=1) + "\n")


def scenario_table(results: Sequence[Result]) -> Table:
    """A row a scenario, columns by board: verdict, virtual seconds, instructions, host seconds.

    With repetitions the figures are those of the first run.
    """
    boards = list(dict.fromkeys(result.board for result in results))
    table = Table(title="Scenarios", title_justify="left")
    table.add_column("", no_wrap=True, max_width=NAME_WIDTH)
    for board in boards:
        for heading in (board, "virtual s", "M instr", "host s"):
            table.add_column(heading, justify="left" if heading == board else "right", no_wrap=True)
    for scenario in dict.fromkeys(result.id for result in results):
        row = [scenario]
        for board in boards:
            row += _cells([r for r in results if (r.id, r.board) == (scenario, board)])
        table.add_row(*row)
    return table


def conformance_table(matrix: Matrix) -> Table:
    """Test cases of Part 6 by verdict, a row a board and emulator."""
    table = Table(title="Conformance: test cases of the Core profile", title_justify="left")
    table.add_column("")
    table.add_column("listed", justify="right")
    for verdict in VERDICTS:
        table.add_column(verdict, justify="right")
    for column in matrix.columns:
        count = matrix.count(column.name)
        table.add_row(column.name, str(sum(count.values())), *(str(count[verdict]) for verdict in VERDICTS))
    return table


def time_line(results: Sequence[Result], took_s: float, jobs: int) -> str:
    """Host time of all, and what took longest."""
    measured = sorted(
        ((result.measurement.host_s, result) for result in results if result.measurement),
        key=lambda pair: -pair[0],
    )
    longest = ", ".join(f"{result.id} {result.board} {host_s:.1f} s" for host_s, result in measured[:3])
    return f"{len(results)} runs in {took_s:.1f} s with {jobs} at once; longest: {longest}"


def _cells(repeated: list[Result]) -> list[str]:
    if not repeated:
        return ["", "", "", ""]
    passed = sum(result.verdict == "PASS" for result in repeated)
    worst = min(repeated, key=lambda result: ("FAIL", "SKIP", "PASS").index(result.verdict))
    verdict = f"[{_VERDICT_STYLE[worst.verdict]}]{worst.verdict}[/]"
    if len(repeated) > 1:
        verdict += f" {passed}/{len(repeated)}"
    measured = repeated[0].measurement
    if measured is None:
        return [verdict, "", "", ""]
    millions = f"{measured.instructions / 1e6:.1f}"
    return [verdict, f"{measured.virtual_s:.1f}", millions, f"{measured.host_s:.1f}"]


def ram_table(
    results: Sequence[Result], images: dict[str, StaticMemory], limits: Sequence[Limit], variant: str
) -> Table:
    """What the scenarios needed of the RAM, the most of all of them, and what the image reserves."""
    boards = list(dict.fromkeys(result.board for result in results))
    table = Table(
        title="RAM (bytes): most that a scenario used, of what the image reserves", title_justify="left"
    )
    table.add_column("")
    for board in boards:
        table.add_column(board, justify="right")
        table.add_column("of", justify="right")
    uses = {b: [r.measurement.memory for r in results if r.board == b and r.measurement] for b in boards}

    def most(board: str, key: str) -> int | None:
        return max((value for use in uses[board] if (value := use[key]) is not None), default=None)

    def row(title: str, used: str, reserved: str) -> None:
        cells = [cell for b in boards for cell in (_bytes(most(b, used)), _bytes(most(b, reserved)))]
        table.add_row(title, *cells)

    row("static data", "fixed", "fixed")
    row("heap that can be reached", "heap_live", "heap")
    row("stack", "stack_peak", "stack")
    table.add_section()
    totals = []
    for board in boards:
        parts = [most(board, key) for key in ("fixed", "heap_live", "stack_peak")]
        used = None if None in parts else sum(part for part in parts if part is not None)
        totals += [_bytes(used), _bytes(images[board].ram)]
    table.add_row("[bold]total", *(f"[bold]{total}" for total in totals))
    budgets = {board: total_of(limits, variant, board, "RAM") for board in boards}
    shares = [
        cell
        for board, limit in budgets.items()
        for cell in (
            ("of " + _bytes(limit), f"{100 * images[board].ram / limit:.1f} %") if limit else ("", "")
        )
    ]
    table.add_row("budget", *shares)
    return table


_FIGURES = {
    "heap_peak": "heap in use, garbage included",
    "heap_live": "heap that can be reached",
    "heap_after_collection": "heap in use after a collection",
    "largest_free": "longest free run after a collection",
    "collections": "collections",
    "pause_max": "instructions of a collection",
    "stack_peak": "stack",
    "stack_interrupts": "stack of interrupts alone",
    "ram_touched": "RAM touched",
}
_THE_LEAST = ("largest_free",)


def use_table(results: Sequence[Result]) -> Table:
    """The worst of all scenarios, and in which one it was; then buffers and queues at their fullest."""
    table = Table(title="At run time: the worst of all scenarios (bytes)", title_justify="left")
    table.add_column("")
    boards = list(dict.fromkeys(result.board for result in results))
    for board in boards:
        table.add_column(board, justify="right")
        table.add_column("in", no_wrap=True, max_width=NAME_WIDTH)
    measured = [result for result in results if result.measurement]
    figures = [(r.board, r.id, _figures(r.measurement.memory)) for r in measured if r.measurement]
    for key in dict.fromkeys(key for _, _, each in figures for key in each):
        cells = []
        for board in boards:
            found = [(each[key], test) for name, test, each in figures if name == board and key in each]
            worst = (min if key in _THE_LEAST else max)(found, key=lambda pair: pair[0], default=(None, ""))
            cells += [_bytes(worst[0]), worst[1]]
        table.add_row(_FIGURES.get(key, key), *cells, end_section=key == list(_FIGURES)[-1])
    return table


def _figures(memory: dict[str, Any]) -> dict[str, int]:
    """Those that are known, by name; buffers by theirs, with their size."""
    known = {key: memory[key] for key in _FIGURES if memory.get(key) is not None}
    for name, fill in memory.get("buffers", {}).items():
        size = f"of {fill['size']:,}" if fill["size"] else fill["unit"]
        known[f"{name} ({size})"] = fill["fullest"]
    return known


def size_table(images: dict[str, StaticMemory], level: Level = "component") -> Table:
    """ROM and RAM by what `level` names, a column pair a board, and by region."""
    table = Table(title="Static memory (bytes)", title_justify="left")
    table.add_column(level)
    for board in images:
        table.add_column(f"{board} ROM", justify="right")
        table.add_column("RAM", justify="right")
    by_board = {
        board: {": ".join(key): sizes for key, sizes in memory.by(*_keys(level)).items()}
        for board, memory in images.items()
    }
    for component in dict.fromkeys(name for components in by_board.values() for name in components):
        shares = [by_board[board].get(component, {"ROM": 0, "RAM": 0}) for board in images]
        table.add_row(component, *(f"{share[kind]:,}" for share in shares for kind in ("ROM", "RAM")))
    table.add_section()
    totals = [value for memory in images.values() for value in (memory.rom, memory.ram)]
    table.add_row("[bold]total", *(f"[bold]{value:,}" for value in totals))
    table.add_section()
    for board, memory in images.items():
        for region in memory.regions:
            length = f" of {region.length:,}" if region.length else ""
            cells = ["", ""] * len(images)
            place = 2 * list(images).index(board) + (region.kind == "RAM")
            cells[place] = f"{region.used:,}{length}"
            table.add_row(f"{region.name} at 0x{region.origin:08x}", *cells)
    return table


def _bytes(value: int | None) -> str:
    return "not known" if value is None else f"{value:,}"


def _keys(level: Level) -> tuple[Level, ...]:
    """A symbol is named with its source, for static ones may share a name."""
    return ("source", "symbol") if level == "symbol" else (level,)


def change_table(totals: Sequence[Change], rows: Sequence[Change], level: Level) -> list[Table]:
    """Old and new sizes: as a whole, and of everything that differs, the largest growth first."""
    tables = []
    for title, changes in (("As a whole (bytes)", totals), (f"By {level} (bytes)", rows)):
        if not changes:
            continue
        table = Table(title=title, title_justify="left")
        for heading in ("board", "", level if changes is rows else ""):
            table.add_column(heading)
        for heading in ("old", "new", "change"):
            table.add_column(heading, justify="right")
        for change in changes:
            style = "red" if change.growth > 0 else "green" if change.growth < 0 else ""
            cells = (f"{change.old:,}", f"{change.new:,}", f"{change.growth:+,}")
            table.add_row(change.board, change.kind, change.name, *cells, style=style)
        tables.append(table)
    return tables
