"""``mutate`` and ``soak``: do the scenarios notice what is wrong, and does the station live for weeks?"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich.console import Console

from bench import firmware as firmware_build
from bench.commands.common import (
    CORES,
    EXIT_FAILED,
    REPORT,
    Board,
    Boards,
    VariantName,
    choose_emulator,
    chosen_boards,
    complain,
    images_on,
    out,
    say,
)
from bench.emulators import Kind
from bench.firmware import RELEASE
from bench.scenarios import discover

# where there is no terminal: no figure is cut off
_AS_WIDE_AS_IT_TAKES = Console(width=240)


def soak(
    *,
    board: Boards = None,
    variant: VariantName = RELEASE,
    days: Annotated[float, typer.Option("--days", min=0.05, max=3650, help="Virtual days.")] = 7,
    seed: Annotated[int, typer.Option("--seed", help="Of drivers and faults.")] = 1,
    emulator: Annotated[str, typer.Option("--emulator", help="unicorn or renode.")] = "unicorn",
    faults: Annotated[bool, typer.Option("--faults/--no-faults", help="Let things go wrong.")] = True,
    report: Annotated[Path, typer.Option("--report", help="Folder for the reports.")] = REPORT,
) -> None:
    """Live through days of charging, outages, resets and power cuts, and look for lost or doubled events.

    A driver an hour. Writes soak-BOARD.json, or soak-BOARD-VARIANT.json. Seven days of a board take about 10
    minutes. With TLS the CSMS asks for logs, certificates and updates besides (the variant secure).
    """
    from bench.soak import Report, Soak

    kind = choose_emulator(emulator, None)
    failed = False
    report.mkdir(parents=True, exist_ok=True)
    images = images_on(board, None, None, variant)
    secure = "firmware_update" in firmware_build.table().variants[variant].features
    for name, elf in images.items():
        began = time.monotonic()

        def day_is_over(day: Any, name: str = name, began: float = began) -> None:
            say(f"{name}: day {day.day} is over after {time.monotonic() - began:.0f} s of host time")

        lived = Soak(name, elf, days=days, seed=seed, emulator=cast(Kind, kind), faults=faults, secure=secure)
        result: Report = lived.run(day_is_over)
        image = firmware_build.image_name(name, variant)
        (report / f"soak-{image}.json").write_text(json.dumps(result.to_json(), indent=1) + "\n")
        table = result.table()
        (out if out.is_terminal else _AS_WIDE_AS_IT_TAKES).print(table)
        for line in result.problems:
            complain(f"{name}: {line}")
        failed = failed or bool(result.problems)
    if failed:
        raise typer.Exit(EXIT_FAILED)


def mutate(
    *,
    board: Board = "stm32f4_discovery",
    only: Annotated[list[str] | None, typer.Option("--only", help="Name of a mutation.")] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Builds and scenarios at once.")] = CORES,
    report: Annotated[Path, typer.Option("--report", help="Folder for the reports.")] = REPORT,
) -> None:
    """Break the station's rules one by one, and show that the scenarios notice (on Unicorn)."""
    from bench import mutations

    (name,) = chosen_boards([board])
    scenarios = discover()
    chosen = mutations.choose(mutations.load(), scenarios, only or ())
    folder = report.resolve() / "mutations"
    began = time.perf_counter()
    outcomes = mutations.run(chosen, scenarios, board=name, folder=folder, workers=jobs, say=say)
    mutations.write(outcomes, name, report)
    out.print(mutations.table(outcomes))
    caught = sum(outcome.caught for outcome in outcomes)
    took_s = time.perf_counter() - began
    say(f"{caught} of {len(outcomes)} mutations caught in {took_s:.0f} s   {report / 'mutations.md'}")
    if caught < len(outcomes):
        complain(f"{len(outcomes) - caught} of {len(outcomes)} mutations were not caught")
        raise typer.Exit(EXIT_FAILED)
