"""``history``: ROM, RAM and runs, commit by commit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from bench import firmware
from bench.commands.common import Board, Boards, check_variant, chosen_boards, out
from bench.memory import history as past
from bench.memory.budget import read_budget
from bench.memory.compare import image_of
from bench.memory.elf import measure
from bench.memory.historyplot import plot as draw

VariantName = Annotated[str, typer.Option("--variant", help="Of firmware/variants.toml.")]
File = Annotated[Path, typer.Option("--file", help="The history.")]

history = typer.Typer(no_args_is_help=True, help="ROM, RAM and run of all scenarios, commit by commit.")


@history.command()
def add(
    revisions: Annotated[list[str] | None, typer.Argument(help="Git revisions; HEAD.")] = None,
    *,
    board: Boards = None,
    variant: VariantName = firmware.RELEASE,
    run: Annotated[
        Path | None, typer.Option("--run", help="Folder with the results of a run of all scenarios on it.")
    ] = None,
    file: File = past.HISTORY,
) -> None:
    """Build revisions, and append what they cost. What is there already stays; other figures are an error."""
    for revision in revisions or ["HEAD"]:
        figures = past.run_figures(run, revision, variant) if run else {}
        entries = [
            past.entry_of(
                revision, name, variant, measure(image_of(revision, name, variant)), figures.get(name)
            )
            for name in board or firmware.boards()
        ]
        added = past.add(entries, file)
        for entry in entries:
            what = "added" if entry in added else "was there"
            print(f"{what}: {' '.join(entry.key)}  ROM {entry.rom:,}  RAM {entry.ram:,} bytes")


@history.command()
def show(
    *,
    board: Boards = None,
    variant: VariantName = firmware.RELEASE,
    by: Annotated[str, typer.Option("--by", help="total, component or block.")] = "total",
    last: Annotated[int, typer.Option("--last", min=1, help="So many commits.")] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    file: File = past.HISTORY,
) -> None:
    """The history as a table: each commit, or components or blocks over commits (ROM)."""
    if by not in ("total", "component", "block"):
        raise past.HistoryError(f"--by {by}: there are total, component and block")
    chosen = {name: _entries(file, name, variant)[-last:] for name in board or firmware.boards()}
    if as_json:
        print(json.dumps([asdict(entry) for entries in chosen.values() for entry in entries], indent=1))
        return
    for name, entries in chosen.items():
        out.print(_totals(name, entries) if by == "total" else _shares(name, entries, by))


@history.command("plot")
def plot_command(
    path: Annotated[Path, typer.Argument(help="File to write: .svg, .png or .pdf.")],
    *,
    board: Board = "stm32f4_discovery",
    variant: VariantName = firmware.RELEASE,
    file: File = past.HISTORY,
) -> None:
    """Draw the history of one board (needs matplotlib: the extra plot)."""
    draw(_entries(file, board, variant), read_budget(), path)
    print(f"{path}")


def _entries(file: Path, board: str, variant: str) -> list[past.Entry]:
    found = [entry for entry in past.read(file) if (entry.board, entry.variant) == (board, variant)]
    if not found:
        chosen_boards([board])
        check_variant(variant)
        raise past.HistoryError(f"{file}: nothing of {board} ({variant}); ocpp-bench history add")
    return found


def _totals(board: str, entries: Sequence[past.Entry]) -> Table:
    table = Table(title=f"{board}, bytes by commit", title_justify="left")
    table.add_column("commit")
    table.add_column("of")
    heads = ("ROM", "change", "RAM", "change", "live heap", "stack", "10⁶ instructions", "passed")
    for heading in heads:
        table.add_column(heading, justify="right")
    for before, entry in zip([None, *entries], entries, strict=False):
        run = entry.run or {}
        table.add_row(
            entry.revision[:7],
            entry.date[:16].replace("T", " "),
            f"{entry.rom:,}",
            f"{entry.rom - before.rom:+,}" if before else "",
            f"{entry.ram:,}",
            f"{entry.ram - before.ram:+,}" if before else "",
            *(f"{run[name]:,}" if run.get(name) is not None else "" for name in ("heap_live", "stack_peak")),
            f"{run['instructions'] / 1e6:,.0f}" if run else "",
            f"{run['passed']} of {run['scenarios']}" if run else "",
        )
    return table


def _shares(board: str, entries: Sequence[past.Entry], by: str) -> Table:
    table = Table(title=f"{board}, ROM in bytes by {by} and commit", title_justify="left")
    table.add_column(by)
    for entry in entries:
        table.add_column(entry.revision[:7], justify="right")
    parts = [entry.components if by == "component" else entry.blocks for entry in entries]
    for name in dict.fromkeys(name for sizes in reversed(parts) for name in sizes):
        row = [sizes.get(name, {"rom": 0})["rom"] for sizes in parts]
        if any(row):
            table.add_row(name, *(f"{size:,}" for size in row))
    table.add_section()
    table.add_row("total", *(f"{entry.rom:,}" for entry in entries))
    return table
