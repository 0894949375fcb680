"""``ocpp-bench``: build the firmware, run the scenarios, measure, and watch one board live.

Exit codes: 0 all well; 1 a scenario failed, repetitions or emulators differed, a mutation was not caught, the
soak or a power cut found something, or a size is above the budget; 2 it could not be done as asked; 130
interrupted. Errors are one line on stderr.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import typer

from bench.commands import board, cuts, proofs, scenarios, sizes
from bench.commands.common import UsageError, complain
from bench.commands.history import history
from bench.conformance.core import ListError
from bench.conformance.pics import PicsError
from bench.emulators.base import EmulatorError
from bench.firmware import FirmwareError
from bench.memory.budget import BudgetError
from bench.memory.compare import CompareError
from bench.memory.elf import ImageFileError
from bench.memory.history import HistoryError
from bench.memory.linkmap import MapError
from bench.memory.peers import PeersError
from bench.mutations import MutationError
from bench.page import PageError
from bench.platforms import PLATFORMS
from bench.price import PriceError
from bench.provision import StoreError
from bench.results import ResultsError
from bench.rig import RigError
from bench.scenarios import ScenarioError

EXIT_USAGE, EXIT_INTERRUPTED = 2, 130

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
    PageError,
    PicsError,
    PriceError,
    ResultsError,
    RigError,
    ScenarioError,
    StoreError,
)

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="OCPP 2.0.1 on a microcontroller: build it, run it on emulated boards, measure it.",
)
app.command()(board.build)
app.command()(scenarios.run)
app.command("report")(scenarios.report_page)
app.command()(scenarios.heap)
app.command()(sizes.size)
app.command()(sizes.compare)
app.command()(sizes.price)
app.command()(sizes.peers)
app.add_typer(history, name="history")
app.command()(proofs.mutate)
app.command()(proofs.soak)
app.command()(cuts.cuts)
app.command()(scenarios.parity)
app.command()(board.boot)


@app.callback()
def _in_its_project() -> None:
    if not PLATFORMS.is_dir():
        raise UsageError("installed without its project: clone the repository, and there: pip install -e .")


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point. Returns the exit code; only what is a defect of the bench itself leaves a traceback."""
    try:
        code = app(args=arguments, standalone_mode=False)
        if code == EXIT_INTERRUPTED:  # what typer makes of it
            raise KeyboardInterrupt
    except ClickException as error:
        if text := error.format_message():  # empty where the help was shown instead
            complain(text)
        return EXIT_USAGE
    except CLEAR_ERRORS as error:
        complain(str(error))
        return EXIT_USAGE
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        return EXIT_USAGE
    except (KeyboardInterrupt, typer.Abort):
        complain("interrupted")
        return EXIT_INTERRUPTED
    except typer.Exit as leave:
        return leave.exit_code
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    sys.exit(main())
