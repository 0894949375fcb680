"""``run``, ``report``, ``heap`` and ``parity``: scenarios on boards, and what is made of their results."""

from __future__ import annotations

import math
import shutil
import textwrap
import time
import webbrowser
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Annotated

import typer

from bench import page
from bench.commands.common import (
    CORES,
    EXIT_FAILED,
    REPORT,
    Boards,
    EmulatorKind,
    FirmwareFile,
    Includes,
    Jobs,
    PlatformFile,
    RenodePath,
    ReportFolder,
    Tests,
    UsageError,
    VariantName,
    applicable,
    check_image,
    choose_emulator,
    chosen_boards,
    complain,
    declared_by,
    images_on,
    out,
    report_folder,
    say,
    target_names,
)
from bench.conformance.core import load_core
from bench.firmware import RELEASE
from bench.memory.budget import read_budget
from bench.memory.elf import measure
from bench.results import Result, all_passed, differences, durations
from bench.scenarios import discover, queue_of, run_all, select


def run(
    *,
    board: Boards = None,
    variant: VariantName = RELEASE,
    emulator: EmulatorKind = "auto",
    renode: RenodePath = None,
    include: Includes = None,
    test: Tests = None,
    firmware: FirmwareFile = None,
    platform: PlatformFile = None,
    variable: Annotated[
        list[str] | None, typer.Option("--variable", help="NAME:VALUE for the scenarios, as CONNECTORS.")
    ] = None,
    metrics: Annotated[
        bool, typer.Option("--metrics", help="Watch the board: counts over virtual time, and plots. Slow.")
    ] = False,
    repeat: Annotated[int, typer.Option("--repeat", min=1, help="Run each scenario so often.")] = 1,
    jobs: Jobs = CORES,
    report: ReportFolder = None,
    pics: Annotated[Path | None, typer.Option("--pics", help="What your own station declares.")] = None,
) -> None:
    """Run the scenarios; reports and the conformance matrix go to build/report."""
    from bench.conformance import matrix as conformance
    from bench.report import (  # Robot's report writer is slow to import
        conformance_table,
        ram_table,
        scenario_table,
        size_table,
        time_line,
        use_table,
        write_results,
        write_robot_report,
    )

    kind = choose_emulator(emulator, renode)
    report = report_folder(report, variant)
    target_names(board, firmware, platform)  # ahead of all that `applicable` says
    variables = (*_named(variable or ()), *(["METRICS:1"] if metrics else []))
    cases, found, (declared, ours) = load_core(), discover(), declared_by(variant, pics)
    conformance.check(found, cases, ours)
    scenarios = applicable(select(found, include or (), test or ()), cases, declared)
    targets = images_on(board, firmware, platform, variant)
    for name, elf in targets.items():
        check_image(name, elf, emulator)
    report.mkdir(parents=True, exist_ok=True)
    work = report / "runs"
    shutil.rmtree(work, ignore_errors=True)
    queue = queue_of(scenarios, targets, emulator, work, repeats=repeat, variables=variables)
    number, widest = count(1), max(len(job.board) for job in queue)

    def progress(result: Result) -> None:
        place = f"[{next(number):>{len(str(len(queue)))}}/{len(queue)}]"
        say(f"{place} {result.verdict} {result.board:{widest}} {result.name}")
        if result.verdict != "PASS":
            say(textwrap.indent(result.message, " " * 6))

    expected_s = durations(report / "results.json")
    began = time.perf_counter()
    results = run_all(
        queue, jobs, progress, lambda job: expected_s.get((job.board, job.scenario.id), math.inf)
    )
    took_s = time.perf_counter() - began
    write_results(results, report / "results.json")
    earlier = conformance.read_earlier(report)
    conformance.keep_log(earlier, report)
    links = write_robot_report([job for job in queue if job.repeat == 0], report)
    columns = {
        Path(name).stem: conformance.Column(Path(name).stem, kind, conformance.image_hash(elf))
        for name, elf in targets.items()
    }
    matrix = conformance.build(
        cases,
        declared,
        found,
        columns=list(columns.values()),
        results=[(columns[result.board], result) for result in results],
        links=links,
        earlier=earlier,
    )
    conformance.write(matrix, report)
    conformance.drop_logs(matrix, report)
    if metrics:
        _draw_metrics(results, report / "metrics")
    images = {Path(name).stem: measure(elf) for name, elf in targets.items()}
    about = page.About(None if firmware else variant, kind, took_s, whole=not (include or test))
    page.write(report, about, images)
    for table in (
        scenario_table(results),
        size_table(images),
        ram_table(results, images, read_budget(), variant),
        use_table(results),
        conformance_table(matrix),
    ):
        out.print(table)
    say(time_line(results, took_s, jobs))
    written = {
        "report": page.INDEX,
        "log": "log.html",
        "matrix": "conformance.html",
        "results": "results.json",
    }
    say("   ".join(f"{what} {report / name}" for what, name in written.items()))
    different = differences(results)
    for line in different:
        complain(f"not deterministic: {line}")
    failed = sum(result.verdict == "FAIL" for result in results)
    if failed:
        complain(f"{failed} of {len(results)} scenarios failed")
    if different or not all_passed(results):
        raise typer.Exit(EXIT_FAILED)


def report_page(
    *,
    report: Annotated[Path, typer.Option("--report", help="Folder that a run has left.")] = REPORT,
    open_it: Annotated[bool, typer.Option("--open", help="Show it in the browser.")] = False,
) -> None:
    """Make build/report/index.html of what the last run left there; runs nothing."""
    path = page.render(report)
    say(f"{path} ({path.stat().st_size:,} bytes)")
    if open_it:
        webbrowser.open(path.resolve().as_uri())


def heap(
    test: Annotated[list[str] | None, typer.Argument(help="Scenario ids, as TC_B_01_CS; all.")] = None,
    *,
    board: Boards = None,
    variant: VariantName = RELEASE,
    emulator: Annotated[str, typer.Option("--emulator", help="unicorn or renode.")] = "unicorn",
    renode: RenodePath = None,
    jobs: Jobs = CORES,
    report: ReportFolder = None,
) -> None:
    """Find the smallest heap with which each scenario still passes: some 15 runs of it. Writes heap.json."""
    from bench import smallest_heap

    choose_emulator(emulator, renode)
    report = report_folder(report, variant)
    chosen_boards(board)  # ahead of all that `applicable` says
    declared, _ = declared_by(variant, None)
    scenarios = applicable(select(discover(), (), test or ()), load_core(), declared)
    work = report.resolve() / "heap"
    shutil.rmtree(work, ignore_errors=True)
    queue = queue_of(scenarios, images_on(board, None, None, variant), emulator, work)

    def progress(each: smallest_heap.Found) -> None:
        if each.heap_min is None:
            complain(f"{each.board} {each.id}: {each.verdict} with all of its heap")
        else:
            say(f"{each.board} {each.id}: {each.heap_min:,} bytes, {len(each.tried)} sizes tried")

    found = smallest_heap.find(queue, jobs, progress)
    smallest_heap.write(found, report / "heap.json")
    out.print(smallest_heap.table(found))
    say(f"heap {report / 'heap.json'}")
    if any(each.heap_min is None for each in found):
        raise typer.Exit(EXIT_FAILED)


def parity(
    *,
    board: Boards = None,
    variant: VariantName = RELEASE,
    renode: RenodePath = None,
    include: Includes = None,
    test: Tests = None,
    jobs: Jobs = 1,
    report: ReportFolder = None,
) -> None:
    """Run the scenarios on Renode and on Unicorn, and show in what the two do not agree.

    Of another variant than the release, those that apply to it alone, unless others are asked for.
    """
    from bench.conformance.matrix import added
    from bench.parity import compare, load, side_by_side, write
    from bench.parity import table as parity_table

    emulators = ("renode", "unicorn")
    choose_emulator("renode", renode)
    chosen_boards(board)  # ahead of all that `applicable` says
    declared, _ = declared_by(variant, None)
    scenarios, cases = select(discover(), include or (), test or ()), load_core()
    if variant != RELEASE and not include and not test:
        release, _ = declared_by(RELEASE, None)
        scenarios = added(scenarios, {case.id: case for case in cases}, declared, release)
    scenarios = applicable(scenarios, cases, declared)
    targets = images_on(board, None, None, variant)
    folder = report_folder(report, variant).resolve() / "parity"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    queue = [
        job for emulator in emulators for job in queue_of(scenarios, targets, emulator, folder / emulator)
    ]
    results = run_all(queue, jobs, lambda result: say(f"{result.verdict} {result.board} {result.name}"))
    half = len(queue) // 2
    comparisons = [
        compare((left, right), (load(job.folder), load(other.folder)))
        for job, other, left, right in zip(queue, queue[half:], results, results[half:], strict=False)
    ]
    write(comparisons, emulators, folder / "parity.json")
    out.print(parity_table(comparisons, emulators))
    for comparison in comparisons:
        if not comparison.equal:
            out.print(side_by_side(comparison, emulators))
    if different := sum(not comparison.equal for comparison in comparisons):
        complain(f"{different} of {len(comparisons)} scenarios differ between the emulators")
        raise typer.Exit(EXIT_FAILED)


def _named(variables: Sequence[str]) -> Sequence[str]:
    """As they are. Raises UsageError for one without a name or a value."""
    for each in variables:
        name, colon, _ = each.partition(":")
        if not colon or not name.isidentifier():
            raise UsageError(f"--variable {each!r}: must be NAME:VALUE, as CONNECTORS:2")
    return variables


def _draw_metrics(results: Sequence[Result], folder: Path) -> None:
    from bench.metrics import Metrics, MetricsError, draw

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for result in results:
        measured = result.measurement
        if measured is None or measured.metrics is None or result.repeat:
            continue
        title = f"{result.name}\n{result.board} on {measured.emulator}"
        try:
            draw(title, Metrics(**measured.metrics), folder / f"{result.board}-{result.id}.svg")
        except MetricsError as error:
            complain(str(error))
            return
    say(f"plots {folder}")
