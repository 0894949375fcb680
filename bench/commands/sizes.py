"""``size``, ``compare``, ``price`` and ``peers``: what the firmware costs, against what."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from bench import firmware
from bench.commands.common import (
    EXIT_FAILED,
    REPORT,
    Board,
    Boards,
    Format,
    UsageError,
    VariantName,
    check_format,
    check_variant,
    chosen_boards,
    complain,
    out,
    report_folder,
    say,
    to_stderr,
)
from bench.conformance.core import load_core
from bench.conformance.matrix import image_hash
from bench.firmware import RELEASE
from bench.memory import peers as others
from bench.memory.budget import breaches, read_budget, write_shares
from bench.memory.compare import Bytes, changes, load, to_json, to_markdown, totals
from bench.memory.elf import LEVELS, Level, StaticMemory, measure
from bench.text import markdown_table


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
    by = level_of(level)
    images: dict[str, StaticMemory]
    if elf:
        images = {chosen_boards(board)[0] if board else elf.name: measure(elf)}
    else:
        images = {name: measure(firmware.build(name, variant=variant)) for name in chosen_boards(board)}
    if as_json:
        print(json.dumps({name: memory.to_json() for name, memory in images.items()}, indent=1))
    else:
        out.print(size_table(images, by))
    if write_budget:
        write_shares({(variant, name): memory for name, memory in images.items()})
    if check and not _in_budget(images, variant, since):
        raise typer.Exit(EXIT_FAILED)


def compare(
    old: Annotated[str, typer.Argument(help="ELF image, JSON file of size or run, or git revision.")],
    new: Annotated[str, typer.Argument(help="The same.")],
    *,
    level: Annotated[
        str, typer.Option("--by", help="region, section, component, block, source or symbol.")
    ] = "source",
    board: Boards = None,
    variant: VariantName = RELEASE,
    form: Format = "table",
) -> None:
    """What grew and what shrank: ROM and RAM of two images or revisions, heap and stack of two runs."""
    from bench.report import change_table

    check_format(form)
    by, wanted = level_of(level), chosen_boards(board)
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
            say(f"No {by} changed in size.")


def price(
    feature: Annotated[list[str] | None, typer.Argument(help="Names of features; all.")] = None,
    *,
    board: Boards = None,
    variant: VariantName = RELEASE,
    form: Format = "table",
    report: Annotated[
        Path | None,
        typer.Option("--report", help="Folder for price.json, which has all features; else build/report."),
    ] = None,
) -> None:
    """What each feature costs: switch it off, build, boot, subtract. Some minutes, and then seconds."""
    from bench import price as prices

    check_format(form)
    check_variant(variant)
    if feature and report:
        raise UsageError(f"--report {report} is for the prices of all features: name none")
    bills = [prices.price(name, variant, to_stderr, feature or ()) for name in chosen_boards(board)]
    content = prices.to_json(bills)
    if not feature:
        folder = report or REPORT
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "price.json").write_text(json.dumps(content, indent=1) + "\n")
    if form == "markdown":
        print(prices.markdown(bills), end="")
    elif form == "json":
        print(json.dumps(content, indent=1))
    else:
        out.print(prices.table(bills))


def peers(
    *,
    board: Board = "stm32f4_discovery",
    variant: VariantName = RELEASE,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report", help="Folder that a run has left, else build/report, or that of the variant below it."
        ),
    ] = None,
    form: Format = "table",
) -> None:
    """Our image beside other implementations: bytes along the same lines, heap, and test cases passed."""
    check_format(form)
    folder = report_folder(report, variant)
    elf = firmware.build(board, variant=variant)
    measured = others.measurements(folder, board, image_hash(elf))
    items = (asdict(item) for item in measure(elf).items)
    rows = others.ordered([*others.peer_rows(), *others.our_rows(items, board, variant, measured)])
    notes = others.notes()
    mandatory = sum(case.conformance == "M" for case in load_core())
    notes.append(f"Cases: of the {mandatory} mandatory ones of Core for charging stations.")
    if measured[others.PASSED] is None or measured[others.MOST_HEAP] is None:
        notes.append(f"{folder} has no run of all scenarios on this image: ocpp-bench run; ocpp-bench heap")
    if form == "json":
        print(json.dumps({"rows": rows, "notes": notes}, indent=1))
        return
    heads, cells = list(rows[0]), [[_cell(value) for value in row.values()] for row in rows]
    if form == "markdown":
        lines = markdown_table(heads, cells, numbers=len(others.COLUMNS))
        print("\n".join([*lines, "", *(f"- {note}" for note in notes)]))
        return
    out.print(_side_by_side(rows))
    for note in notes:
        out.print(f"- {note}", markup=False, highlight=False)


def _side_by_side(rows: Sequence[others.Row]) -> Table:
    table = Table(title="Side by side (bytes)", title_justify="left")
    table.add_column("", min_width=30)
    for heading in others.COLUMNS:
        table.add_column(heading, justify="right", max_width=8)
    boundary = None
    for row in rows:
        if row["boundary"] != boundary:
            boundary = row["boundary"]
            table.add_section()
            table.add_row(f"[bold]{boundary}")
        name = f"{row['implementation']}: {row['build']}"
        table.add_row(name, *(_cell(row[column]) for column in others.COLUMNS))
    return table


def _cell(value: str | int | None) -> str:
    return "" if value is None else f"{value:,}" if isinstance(value, int) else value


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
        complain(line)
    return not lines


def _of(board: str, reference: str, variant: str) -> list[Bytes]:
    """What `load` tells, all of it as of `board`: an image does not say whose it is."""
    return [replace(item, board=board) for item in load(reference, [board], variant)]


def level_of(name: str) -> Level:
    for level in LEVELS:
        if level == name:
            return level
    raise UsageError(f"--by {name}: there are {', '.join(LEVELS)}")
