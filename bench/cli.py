"""``ocpp-bench``: build the firmware, run the scenarios, measure, and watch one board live.

Exit codes: 0 all well; 1 a scenario failed, repetitions or emulators differed, a mutation was not caught, the
soak found something, or a size is above the budget; 2 it could not be done as asked; 130 interrupted. Errors
are one line on stderr.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
import textwrap
import time
import webbrowser
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import typer
from rich.console import Console

from bench import firmware as firmware_build
from bench import page
from bench.conformance.core import Case, ListError, load_core
from bench.conformance.pics import Pics, PicsError, load_pics, statements
from bench.emulators import Kind, choose, close_idle, create
from bench.emulators.base import EmulatorError
from bench.emulators.renode.locate import PATH_VARIABLE, locate
from bench.firmware import RELEASE, FirmwareError
from bench.memory.budget import BudgetError, breaches, read_budget, write_shares
from bench.memory.commands import history, peers
from bench.memory.compare import Bytes, CompareError, changes, load, to_json, to_markdown, totals
from bench.memory.elf import LEVELS, ImageFileError, Level, StaticMemory, measure
from bench.memory.history import HistoryError
from bench.memory.linkmap import MapError
from bench.memory.peers import PeersError
from bench.mutations import MutationError
from bench.platforms import load_platform, names
from bench.price import PriceError
from bench.provision import StoreError
from bench.results import Result, all_passed, differences, durations
from bench.rig import RigError
from bench.scenarios import Job, Scenario, ScenarioError, discover, run_all, select

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130
REPORT = Path("build") / "report"

ClickException: Any = typer.BadParameter.__mro__[2]
"""Of the click that typer brings or needs, whichever this version does."""

CLEAR_ERRORS = (
    BudgetError,
    CompareError,
    EmulatorError,
    FirmwareError,
    HistoryError,
    ImageFileError,
    ListError,
    MapError,
    MutationError,
    PeersError,
    page.PageError,
    PicsError,
    PriceError,
    RigError,
    ScenarioError,
    StoreError,
)

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="OCPP 2.0.1 on a microcontroller: build it, run it on emulated boards, measure it.",
)
app.add_typer(history, name="history")
app.command()(peers)

Boards = Annotated[list[str] | None, typer.Option("--board", "-b", help="Board (may be repeated); all.")]
VariantName = Annotated[str, typer.Option("--variant", help="What is built (firmware/variants.toml).")]
FirmwareFile = Annotated[Path | None, typer.Option("--firmware", help="Your own ELF image.")]
PlatformFile = Annotated[
    Path | None, typer.Option("--platform", help="Your own .repl, with .toml beside it.")
]
EmulatorKind = Annotated[
    str, typer.Option("--emulator", help="auto (Renode where it is found, else Unicorn), unicorn or renode.")
]

out = Console(width=None if sys.stdout.isatty() else 120)

RenodePath = Annotated[
    Path | None, typer.Option("--renode", help="Renode to use, else RENODE_PATH, PATH, renode-run's.")
]


class UsageError(RigError):
    """Asked for something that does not go together. The message is one clear line."""


@app.command()
def build(board: Boards = None, variant: VariantName = RELEASE) -> None:
    """Build the firmware (source and cross compiler are fetched or named where missing)."""
    for name in _boards(board):
        elf = firmware_build.build(name, variant=variant)
        memory = measure(elf)
        out.print(
            f"{name}: {elf}  ROM {memory.rom:,}  RAM {memory.ram:,} bytes", highlight=False, soft_wrap=True
        )


@app.command()
def run(
    *,
    board: Boards = None,
    variant: VariantName = RELEASE,
    emulator: EmulatorKind = "auto",
    renode: RenodePath = None,
    include: Annotated[list[str] | None, typer.Option("--include", help="Tag pattern (Robot).")] = None,
    test: Annotated[list[str] | None, typer.Option("--test", help="Scenario id, as TC_B_01_CS.")] = None,
    firmware: FirmwareFile = None,
    platform: PlatformFile = None,
    variable: Annotated[
        list[str] | None, typer.Option("--variable", help="NAME:VALUE for the scenarios, as CONNECTORS.")
    ] = None,
    metrics: Annotated[
        bool, typer.Option("--metrics", help="Watch the board: counts over virtual time, and plots. Slow.")
    ] = False,
    repeat: Annotated[int, typer.Option("--repeat", min=1, help="Run each scenario so often.")] = 1,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Scenarios at once.")] = os.cpu_count()
    or 1,
    report: Annotated[
        Path | None,
        typer.Option("--report", help="Folder for the reports, else build/report or build/report/VARIANT."),
    ] = None,
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

    kind = _choose(emulator, renode)
    report = report or (REPORT if variant == RELEASE else REPORT / variant)
    cases, found, (declared, ours) = load_core(), discover(), _declared(variant, pics)
    conformance.check(found, cases, ours)
    scenarios = _applicable(select(found, include or (), test or ()), cases, declared)
    targets = _targets(board, firmware, platform, variant)
    for name, elf in targets.items():
        _check_image(name, elf, emulator)
    report.mkdir(parents=True, exist_ok=True)
    work = report / "runs"
    shutil.rmtree(work, ignore_errors=True)
    queue = [
        Job(
            scenario=scenario,
            board=Path(name).stem,
            platform=name,
            firmware=elf.resolve(),
            emulator=emulator,
            repeat=number,
            folder=work.resolve() / Path(name).stem / scenario.id / str(number),
            variables=(*(variable or ()), *(["METRICS:1"] if metrics else [])),
        )
        for number in range(repeat)
        for scenario in scenarios
        for name, elf in targets.items()
    ]
    done, widest = 0, max(len(job.board) for job in queue)

    def progress(result: Result) -> None:
        nonlocal done
        done += 1
        count = f"[{done:>{len(str(len(queue)))}}/{len(queue)}]"
        _say(f"{count} {result.verdict} {result.board:{widest}} {result.name}")
        if result.verdict != "PASS":
            _say(textwrap.indent(result.message, " " * 6))

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
    _say(time_line(results, took_s, jobs))
    written = {
        "report": page.INDEX,
        "log": "log.html",
        "matrix": "conformance.html",
        "results": "results.json",
    }
    _say("   ".join(f"{what} {report / name}" for what, name in written.items()))
    different = differences(results)
    for line in different:
        _complain(f"not deterministic: {line}")
    failed = sum(result.verdict == "FAIL" for result in results)
    if failed:
        _complain(f"{failed} of {len(results)} scenarios failed")
    if different or not all_passed(results):
        raise typer.Exit(EXIT_FAILED)


@app.command("report")
def report_page(
    *,
    report: Annotated[Path, typer.Option("--report", help="Folder that a run has left.")] = REPORT,
    open_it: Annotated[bool, typer.Option("--open", help="Show it in the browser.")] = False,
) -> None:
    """Make build/report/index.html of what the last run left there; runs nothing."""
    path = page.render(report)
    _say(f"{path} ({path.stat().st_size:,} bytes)")
    if open_it:
        webbrowser.open(path.resolve().as_uri())


@app.command()
def heap(
    test: Annotated[list[str] | None, typer.Argument(help="Scenario ids, as TC_B_01_CS; all.")] = None,
    *,
    board: Boards = None,
    variant: VariantName = RELEASE,
    emulator: Annotated[str, typer.Option("--emulator", help="unicorn or renode.")] = "unicorn",
    renode: RenodePath = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Scenarios at once.")] = os.cpu_count()
    or 1,
    report: Annotated[
        Path | None,
        typer.Option("--report", help="Folder for the reports, else build/report or build/report/VARIANT."),
    ] = None,
) -> None:
    """Find the smallest heap with which each scenario still passes: some 15 runs of it. Writes heap.json."""
    from bench import smallest_heap

    _choose(emulator, renode)
    report = report or (REPORT if variant == RELEASE else REPORT / variant)
    declared, _ = _declared(variant, None)
    scenarios = _applicable(select(discover(), (), test or ()), load_core(), declared)
    work = report.resolve() / "heap"
    shutil.rmtree(work, ignore_errors=True)
    queue = [
        Job(
            scenario=scenario,
            board=name,
            platform=name,
            firmware=elf.resolve(),
            emulator=emulator,
            repeat=0,
            folder=work / name / scenario.id,
        )
        for scenario in scenarios
        for name, elf in _targets(board, None, None, variant).items()
    ]

    def progress(each: smallest_heap.Found) -> None:
        if each.heap_min is None:
            _complain(f"{each.board} {each.id}: {each.verdict} with all of its heap")
        else:
            _say(f"{each.board} {each.id}: {each.heap_min:,} bytes, {len(each.tried)} sizes tried")

    found = smallest_heap.find(queue, jobs, progress)
    smallest_heap.write(found, report / "heap.json")
    out.print(smallest_heap.table(found))
    _say(f"heap {report / 'heap.json'}")
    if any(each.heap_min is None for each in found):
        raise typer.Exit(EXIT_FAILED)


@app.command()
def soak(
    *,
    board: Boards = None,
    days: Annotated[float, typer.Option("--days", min=0.05, max=3650, help="Virtual days.")] = 7,
    seed: Annotated[int, typer.Option("--seed", help="Of drivers and faults.")] = 1,
    emulator: Annotated[str, typer.Option("--emulator", help="unicorn or renode.")] = "unicorn",
    faults: Annotated[bool, typer.Option("--faults/--no-faults", help="Let things go wrong.")] = True,
    report: Annotated[Path, typer.Option("--report", help="Folder for the reports.")] = REPORT,
) -> None:
    """Live through days of charging, outages, resets and power cuts, and look for lost or doubled events.

    A driver an hour. Writes soak-BOARD.json. Seven days of a board take about 10 minutes.
    """
    from bench.soak import Report, Soak

    kind = _choose(emulator, None)
    failed = False
    report.mkdir(parents=True, exist_ok=True)
    for name, elf in _targets(board, None, None).items():
        began = time.monotonic()

        def say(day: Any, name: str = name, began: float = began) -> None:
            _say(f"{name}: day {day.day} is over after {time.monotonic() - began:.0f} s of host time")

        result: Report = Soak(name, elf, days=days, seed=seed, emulator=cast(Kind, kind), faults=faults).run(
            say
        )
        (report / f"soak-{name}.json").write_text(json.dumps(result.to_json(), indent=1) + "\n")
        out.print(result.table())
        for line in result.problems:
            _complain(f"{name}: {line}")
        failed = failed or bool(result.problems)
    if failed:
        raise typer.Exit(EXIT_FAILED)


@app.command()
def parity(
    *,
    board: Boards = None,
    renode: RenodePath = None,
    include: Annotated[list[str] | None, typer.Option("--include", help="Tag pattern (Robot).")] = None,
    test: Annotated[list[str] | None, typer.Option("--test", help="Scenario id, as TC_B_01_CS.")] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Scenarios at once.")] = 1,
    report: Annotated[Path, typer.Option("--report", help="Folder for the reports.")] = REPORT,
) -> None:
    """Run the scenarios on Renode and on Unicorn, and show in what the two do not agree."""
    from bench.parity import compare, load, side_by_side, write
    from bench.parity import table as parity_table

    emulators = ("renode", "unicorn")
    _choose("renode", renode)
    declared, _ = _declared(RELEASE, None)
    scenarios = _applicable(select(discover(), include or (), test or ()), load_core(), declared)
    targets = _targets(board, None, None)
    folder = report.resolve() / "parity"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    queue = [
        Job(
            scenario=scenario,
            board=name,
            platform=name,
            firmware=elf.resolve(),
            emulator=emulator,
            repeat=0,
            folder=folder / emulator / name / scenario.id,
        )
        for emulator in emulators
        for name, elf in targets.items()
        for scenario in scenarios
    ]
    results = run_all(queue, jobs, lambda result: _say(f"{result.verdict} {result.board} {result.name}"))
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
        _complain(f"{different} of {len(comparisons)} scenarios differ between the emulators")
        raise typer.Exit(EXIT_FAILED)


@app.command()
def price(
    feature: Annotated[list[str] | None, typer.Argument(help="Names of features; all.")] = None,
    *,
    board: Boards = None,
    variant: VariantName = RELEASE,
    form: Annotated[str, typer.Option("--format", help="table, markdown or json.")] = "table",
    report: Annotated[Path, typer.Option("--report", help="Folder for price.json.")] = REPORT,
) -> None:
    """What each feature costs: switch it off, build, boot, subtract. Some minutes, and then seconds."""
    from bench import price as prices

    if form not in ("table", "markdown", "json"):
        raise UsageError(f"--format {form}: there are table, markdown and json")
    if variant not in firmware_build.variants():
        raise UsageError(f"no variant {variant!r}; there are {', '.join(firmware_build.variants())}")
    bills = [prices.price(name, variant, _to_stderr, feature or ()) for name in _boards(board)]
    content = prices.to_json(bills)
    if not feature:
        report.mkdir(parents=True, exist_ok=True)
        (report / "price.json").write_text(json.dumps(content, indent=1) + "\n")
    if form == "markdown":
        print(prices.markdown(bills), end="")
    elif form == "json":
        print(json.dumps(content, indent=1))
    else:
        out.print(prices.table(bills))


@app.command()
def mutate(
    *,
    board: Annotated[str, typer.Option("--board", "-b", help="Board.")] = "stm32f4_discovery",
    only: Annotated[list[str] | None, typer.Option("--only", help="Name of a mutation.")] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Builds and scenarios at once.")] = (
        os.cpu_count() or 1
    ),
    report: Annotated[Path, typer.Option("--report", help="Folder for the reports.")] = REPORT,
) -> None:
    """Break the station's rules one by one, and show that the scenarios notice (on Unicorn)."""
    from bench import mutations

    (name,) = _boards([board])
    scenarios = discover()
    chosen = mutations.choose(mutations.load(), scenarios, only or ())
    folder = report.resolve() / "mutations"
    began = time.perf_counter()
    outcomes = mutations.run(chosen, scenarios, board=name, folder=folder, workers=jobs, say=_say)
    mutations.write(outcomes, name, report)
    out.print(mutations.table(outcomes))
    caught = sum(outcome.caught for outcome in outcomes)
    took_s = time.perf_counter() - began
    _say(f"{caught} of {len(outcomes)} mutations caught in {took_s:.0f} s   {report / 'mutations.md'}")
    if caught < len(outcomes):
        _complain(f"{len(outcomes) - caught} of {len(outcomes)} mutations were not caught")
        raise typer.Exit(EXIT_FAILED)


@app.command()
def size(
    *,
    elf: Annotated[
        Path | None, typer.Argument(help="ELF image; its linker map is taken from beside it.")
    ] = None,
    board: Boards = None,
    variant: VariantName = RELEASE,
    level: Annotated[
        str, typer.Option("--by", help="region, section, component, block, source or symbol.")
    ] = "component",
    write_budget: Annotated[
        bool, typer.Option("--write-budget", help="Make the shares in the budget what is measured now.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Exit with 1 above the budget (bench/memory/budget.toml).")
    ] = False,
    since: Annotated[
        str | None, typer.Option("--since", help="With --check: say what grew since this image or revision.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """ROM and RAM of an image (or of the project's own firmware), down to the symbol."""
    from bench.report import size_table

    if elf and len(board or ()) > 1:
        raise UsageError(f"{elf} is an image of one board")
    if elf and write_budget:
        raise UsageError("--write-budget is about the project's own firmware")
    if since and not check:
        raise UsageError("--since goes with --check; to see what grew: ocpp-bench compare")
    by = _level(level)
    images: dict[str, StaticMemory]
    if elf:
        images = {_boards(board)[0] if board else elf.name: measure(elf)}
    else:
        images = {name: measure(firmware_build.build(name, variant=variant)) for name in _boards(board)}
    if as_json:
        print(json.dumps({name: memory.to_json() for name, memory in images.items()}, indent=1))
    else:
        out.print(size_table(images, by))
    if write_budget:
        write_shares({(variant, name): memory for name, memory in images.items()})
    if check and not _in_budget(images, variant, since):
        raise typer.Exit(EXIT_FAILED)


@app.command()
def compare(
    old: Annotated[str, typer.Argument(help="ELF image, JSON file of size or run, or git revision.")],
    new: Annotated[str, typer.Argument(help="The same.")],
    *,
    level: Annotated[
        str, typer.Option("--by", help="region, section, component, block, source or symbol.")
    ] = "source",
    board: Boards = None,
    variant: VariantName = RELEASE,
    form: Annotated[str, typer.Option("--format", help="table, markdown or json.")] = "table",
) -> None:
    """What grew and what shrank: ROM and RAM of two images or revisions, heap and stack of two runs."""
    from bench.report import change_table

    if form not in ("table", "markdown", "json"):
        raise UsageError(f"--format {form}: there are table, markdown and json")
    by, wanted = _level(level), _boards(board)
    before, after = load(old, wanted, variant), load(new, wanted, variant)
    rows, sums = changes(before, after, by), totals(before, after)
    if form == "markdown":
        print(to_markdown(sums, rows, by))
    elif form == "json":
        print(json.dumps(to_json(sums, rows, by), indent=1))
    else:
        for table in change_table(sums, rows, by):
            out.print(table)
        if not rows:
            _say(f"No {by} changed in size.")


@app.command()
def boot(
    *,
    board: Annotated[str, typer.Option("--board", "-b", help="Board.")] = "stm32f4_discovery",
    variant: VariantName = RELEASE,
    csms: Annotated[
        str | None, typer.Option("--csms", help="ws://host:port/path of your own CSMS; else one in here.")
    ] = None,
    identity: Annotated[str | None, typer.Option(help="Identity of the station.")] = None,
    password: Annotated[str | None, typer.Option(help="Its password for HTTP Basic authentication.")] = None,
    duration: Annotated[float | None, typer.Option(min=0, help="Stop after so many virtual seconds.")] = None,
    pace: Annotated[
        bool | None,
        typer.Option("--pace/--no-pace", help="Keep to host time (always with --csms, and on a terminal)."),
    ] = None,
    repl: Annotated[
        bool, typer.Option("--repl", help="Type Python into the firmware (the variant debug has it).")
    ] = False,
    emulator: EmulatorKind = "auto",
    renode: RenodePath = None,
    firmware: FirmwareFile = None,
    platform: PlatformFile = None,
) -> None:
    """One board, live: its log and its OCPP messages. Ctrl-C ends it."""
    from bench.live import Live

    if repl and firmware is None and variant == RELEASE:
        variant = "debug"

    _choose(emulator, renode)
    ((name, elf),) = _targets([board], firmware, platform, variant).items()
    Live(
        load_platform(name),
        elf,
        emulator=_kind(emulator),
        csms_url=csms,
        identity=identity,
        password=password,
        console=out,
        typed=sys.stdin.fileno() if repl else None,
    ).run(duration, paced=bool(csms) or (out.is_terminal or repl if pace is None else pace))


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point. Returns the exit code; only what is a defect of the bench itself leaves a traceback."""
    try:
        code = app(args=arguments, standalone_mode=False)
    except ClickException as error:
        if text := error.format_message():  # empty where the help was shown instead
            _complain(text)
        return EXIT_USAGE
    except CLEAR_ERRORS as error:
        _complain(str(error))
        return EXIT_USAGE
    except OSError as error:
        _complain(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        return EXIT_USAGE
    except (KeyboardInterrupt, typer.Abort):
        _complain("interrupted")
        return EXIT_INTERRUPTED
    except typer.Exit as leave:
        return leave.exit_code
    return code if isinstance(code, int) else 0


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
            _complain(str(error))
            return
    _say(f"plots {folder}")


def _say(text: str) -> None:
    out.print(text, markup=False, highlight=False, soft_wrap=True)


def _to_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _complain(text: str) -> None:
    print(f"ocpp-bench: {text}", file=sys.stderr)


def _in_budget(images: dict[str, StaticMemory], variant: str, since: str | None) -> bool:
    """Else say what is above it, and what grew since a reference."""
    limits = read_budget()
    lines = []
    for name, memory in images.items():
        growth = None
        if since:
            growth = changes(_of(name, since, variant), _of(name, memory.elf, variant), "symbol")
        lines += breaches(name, variant, memory, limits, growth)
    for line in lines:
        _complain(line)
    return not lines


def _of(board: str, reference: str, variant: str) -> list[Bytes]:
    """What `load` tells, all of it as of `board`: an image does not say whose it is."""
    return [replace(item, board=board) for item in load(reference, [board], variant)]


def _level(name: str) -> Level:
    for level in LEVELS:
        if level == name:
            return level
    raise UsageError(f"--by {name}: there are {', '.join(LEVELS)}")


def _boards(asked: Sequence[str] | None) -> list[str]:
    known = names()
    for name in asked or ():
        if name not in known:
            raise UsageError(
                f"no board {name!r}; there are {', '.join(known)} (your own: --platform FILE.repl)"
            )
    return list(dict.fromkeys(asked or known))


def _targets(
    boards: Sequence[str] | None, elf: Path | None, platform: Path | None, variant: str = RELEASE
) -> dict[str, Path]:
    """Board or path of a .repl -> ELF image to run on it."""
    if platform is not None:
        if elf is None:
            raise UsageError(f"--platform {platform} needs --firmware: there is nothing to build for it")
        return {str(platform.resolve()): elf}
    chosen = _boards(boards)
    if elf is None:
        return {name: firmware_build.build(name, variant=variant) for name in chosen}
    if len(chosen) != 1:
        raise UsageError("--firmware needs one --board (or --platform FILE.repl)")
    return {chosen[0]: elf}


def _kind(emulator: str) -> Kind:
    for kind in get_args(Kind):
        if emulator == kind:
            return cast(Kind, kind)
    raise UsageError(f"no emulator {emulator!r}; there are {', '.join(get_args(Kind))}")


def _choose(emulator: str, renode: Path | None) -> str:
    """Say which emulator it will be; `renode` goes before any other, also for processes started here."""
    if renode is not None:
        os.environ[PATH_VARIABLE] = str(renode.resolve())
    kind = choose(_kind(emulator))
    _say(f"emulator: Renode at {locate()}" if kind == "renode" else "emulator: Unicorn")
    return kind


def _declared(variant: str, own: Path | None) -> tuple[Pics, list[Pics]]:
    """What the station declares, and the statements of all of ours; none for a station of your own."""
    if own:
        return load_pics(own), []
    ours = statements(firmware_build.table())
    if variant not in ours:
        raise UsageError(f"no variant {variant!r}; there are {', '.join(ours)}")
    return ours[variant], list(ours.values())


def _applicable(scenarios: Sequence[Scenario], cases: Sequence[Case], declared: Pics) -> list[Scenario]:
    """Those that are for the station that `declared` describes; the others are named."""
    from bench.conformance import matrix as conformance

    known = {case.id: case for case in cases}
    answers = {each.id: conformance.of_scenario(each, known, declared) for each in scenarios}
    chosen = []
    for scenario in scenarios:
        answer = answers[scenario.id]
        if answer.applies:
            chosen.append(scenario)
        else:
            why = " and ".join(answer.excluded_by) + ("" if answer.left_out else " is not met")
            _say(f"{conformance.excluded(answer)}: {scenario.name} ({why})")
    if not chosen:
        raise UsageError("none of these scenarios applies to this station")
    return chosen


def _check_image(name: str, elf: Path, emulator: str) -> None:
    """Raises what is wrong with a platform or an image once, before every scenario would."""
    board = create(_kind(emulator), load_platform(name))
    try:
        measure(elf)
        board.load(elf)
    finally:
        board.close()
        close_idle()


if __name__ == "__main__":
    sys.exit(main())
