"""Reports: Robot's log and report over all boards, results.json, and the tables of the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.table import Table
from robot.api import ExecutionResult, ResultWriter
from robot.result import Result as RobotResult
from robot.result import TestSuite

from bench.memory.elf import StaticMemory
from bench.results import Result
from bench.scenarios import Job

ROM_BUDGET = 150_000
RAM_BUDGET = 40 * 1024
"""Bytes that the finished firmware may take: 150 kB of ROM, 40 kB (40,960 bytes) of RAM."""

_VERDICT_STYLE = {"PASS": "green", "FAIL": "bold red", "SKIP": "yellow"}


def write_robot_report(jobs: Iterable[Job], folder: Path) -> None:
    """log.html, report.html, output.xml and xunit.xml in `folder`: a suite a board, below it the suites."""
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
    ResultWriter(RobotResult(suite=root)).write_results(
        output=str(folder / "output.xml"),
        log=str(folder / "log.html"),
        report=str(folder / "report.html"),
        xunit=str(folder / "xunit.xml"),
        stdout=_Silent(),
    )


def write_results(results: Sequence[Result], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([result.to_json() for result in results], indent=1) + "\n")


def scenario_table(results: Sequence[Result]) -> Table:
    """A row a scenario, a column group a board; with repetitions, the first one's figures."""
    boards = list(dict.fromkeys(result.board for result in results))
    table = Table(title="Scenarios", title_justify="left")
    table.add_column("scenario", no_wrap=True)
    for board in boards:
        table.add_column(board)
        table.add_column("virtual s", justify="right")
        table.add_column("M instr", justify="right")
        table.add_column("host s", justify="right")
    for name in dict.fromkeys(result.name for result in results):
        row = [name]
        for board in boards:
            repeated = [r for r in results if r.name == name and r.board == board]
            row += _cells(repeated)
        table.add_row(*row)
    return table


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


def ram_table(results: Sequence[Result]) -> Table:
    """What the scenarios needed of the RAM, at most, by board."""
    table = Table(title="RAM in use, most of all scenarios (bytes)", title_justify="left")
    for column in ("board", "static data", "heap in use", "of", "stack used", "of", "total", "of 40 kB"):
        table.add_column(column, justify="left" if column == "board" else "right")
    for board in dict.fromkeys(result.board for result in results):
        uses = [r.measurement.memory for r in results if r.board == board and r.measurement]
        peaks = {
            key: max((value for use in uses if (value := use[key]) is not None), default=None)
            for key in ("fixed", "heap_peak", "heap", "stack_peak", "stack")
        }
        parts = [peaks["fixed"], peaks["heap_peak"], peaks["stack_peak"]]
        known = [part for part in parts if part is not None]
        complete = len(known) == len(parts)
        total = f"{sum(known):,}" if complete else "not known"
        share = f"{100 * sum(known) / RAM_BUDGET:.0f} %" if complete else ""
        table.add_row(board, *(_bytes(value) for value in peaks.values()), total, share)
    return table


def size_table(images: dict[str, StaticMemory]) -> Table:
    """ROM and RAM by component, a column pair a board, and by region."""
    table = Table(title="Static memory (bytes)", title_justify="left")
    table.add_column("component")
    for board in images:
        table.add_column(f"{board} ROM", justify="right")
        table.add_column("RAM", justify="right")
    by_board = {board: memory.by_component() for board, memory in images.items()}
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


class _Silent:
    """Robot's writer names its files on a stream; the caller does that itself."""

    def write(self, text: str) -> None: ...

    def flush(self) -> None: ...
