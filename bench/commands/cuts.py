"""``cuts``: is there a whole image and a whole store after each power cut?"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from bench import firmware
from bench.commands.common import CORES, EXIT_FAILED, REPORT, Boards, chosen_boards, complain, out, say
from bench.powercuts import SPANS
from bench.powercuts.walk import Cut, walk
from bench.rig import RigError

VARIANT = "secure"


def cuts(
    what: Annotated[
        list[str] | None, typer.Argument(help="update, rollback, certificates, replacement; all.")
    ] = None,
    *,
    board: Boards = None,
    points: Annotated[int, typer.Option("--points", min=1, help="Cuts of each.")] = 100,
    follow: Annotated[
        int, typer.Option("--follow", min=0, help="Stay with every so many-th station to its end; 0: none.")
    ] = 10,
    seed: Annotated[int, typer.Option("--seed", help="Of points and torn flash.")] = 1,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Stations at once.")] = CORES,
    report: Annotated[Path, typer.Option("--report", help="Folder for the reports.")] = REPORT,
) -> None:
    """Cut the supply over an update and an install: is there a whole image and a whole store after each?

    On Unicorn, with the variant secure. Writes cuts-BOARD-WHAT.json.
    """
    if unknown := set(what or ()) - SPANS.keys():
        raise RigError(f"no power cuts over {min(unknown)!r}; there are {', '.join(SPANS)}")
    failed = False
    report.mkdir(parents=True, exist_ok=True)
    for name in chosen_boards(board):
        firmware.build(name, variant=VARIANT)
        for span in what or SPANS:
            began = time.monotonic()

            def judged(cut: Cut, name: str = name, span: str = span) -> None:
                say(f"{name} {span} {cut.number}: {cut.phase}, {cut.hit}: {cut.verdict.outcome}")

            result = walk(
                name,
                SPANS[span](name, seed),
                count=points,
                seed=seed,
                jobs=jobs,
                follow=lambda n: follow > 0 and n % follow == follow - 1,
                on_cut=judged,
            )
            (report / f"cuts-{name}-{span}.json").write_text(json.dumps(result.to_json(), indent=1) + "\n")
            out.print(result.table())
            say(f"{name} {span}: {time.monotonic() - began:.0f} s of host time")
            for line in result.problems():
                complain(f"{name}: {line}")
            failed = failed or bool(result.problems())
    if failed:
        raise typer.Exit(EXIT_FAILED)
