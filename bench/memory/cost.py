"""What measuring costs: host time of scenarios with the probes of bench.memory.runtime, and without any.

``python -m bench.memory.cost [BOARD [TEST...]]``. Processor time of this process, on Unicorn; each scenario
is run ROUNDS times each way, by turns, and the least counts, for everything else only adds. Whether it is
measured or not, a scenario has to execute the same instructions.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

from rich.console import Console
from rich.table import Table

from bench import firmware
from bench.arguments import Parser
from bench.memory.runtime import MemoryUse
from bench.memory.series import Series
from bench.scenarios import Job, Scenario, ScenarioError, discover, run_job, select

ROUNDS = 3
TESTS = (
    "TC_B_01_CS", "TC_B_06_CS", "TC_B_09_CS", "TC_B_21_CS", "TC_C_02_CS",
    "TC_E_03_CS", "TC_E_15_CS", "TC_F_01_CS", "TC_G_03_CS", "TC_J_01_CS",
)  # fmt: skip


class Blind:
    """Stands in for RuntimeProbes, and looks at nothing."""

    def __init__(self, *_: object) -> None:
        self.notes: list[str] = []
        self.in_use, self.reached, self.collected = Series(), Series(), Series()

    def power_on(self, now_ns: int) -> None: ...

    def power_off(self) -> None: ...

    def look(self, now_ns: int) -> None: ...

    def live(self) -> None: ...

    def use(self) -> MemoryUse:
        return MemoryUse(fixed=0)


def run(board: str, scenario: Scenario, elf: Path, folder: Path) -> tuple[float, int]:
    """Seconds and instructions of one scenario. Raises SystemExit where it fails."""
    began = time.process_time()
    result = run_job(Job(scenario, board, board, elf, "unicorn", 0, folder))
    took_s = time.process_time() - began
    if result.measurement is None or result.verdict != "PASS":
        sys.exit(f"{scenario.id}: {result.verdict}: {result.message}")
    return took_s, result.measurement.instructions


def main(arguments: Sequence[str] | None = None) -> None:
    parser = Parser(
        prog="python -m bench.memory.cost", description="Measure what measuring costs, on Unicorn."
    )
    parser.add_argument("board", nargs="?", default="stm32f4_discovery", help="%(default)s")
    parser.add_argument("test", nargs="*", help="scenario id, as TC_B_01_CS")
    options = parser.parse_args(arguments)
    board = options.board
    try:
        scenarios = select(discover(), tests=options.test or TESTS)
        elf = firmware.build(board).resolve()
    except (ScenarioError, firmware.FirmwareError) as error:
        parser.error(str(error))
    table = Table(title=f"Host time of a scenario on {board} (s of processor time)", title_justify="left")
    for heading in ("", "without", "with", "ratio", "M instr"):
        table.add_column(heading, justify="right" if heading else "left")
    sums = [0.0, 0.0]
    with tempfile.TemporaryDirectory(prefix="ocpp-bench-") as folder:
        run(board, scenarios[0], elf, Path(folder))  # what is read once a process
        for scenario in scenarios:
            best, executed = [float("inf")] * 2, set()
            for _ in range(ROUNDS):
                with patch("bench.rig.RuntimeProbes", Blind):
                    without_s, instructions = run(board, scenario, elf, Path(folder))
                with_s, measured = run(board, scenario, elf, Path(folder))
                best = [min(best[0], without_s), min(best[1], with_s)]
                executed |= {instructions, measured}
            if len(executed) > 1:
                sys.exit(f"{scenario.id}: measuring changes the run: {executed} instructions")
            sums = [sums[0] + best[0], sums[1] + best[1]]
            cells = (
                f"{best[0]:.3f}",
                f"{best[1]:.3f}",
                f"{best[1] / best[0]:.3f}",
                f"{instructions / 1e6:.1f}",
            )
            table.add_row(scenario.id, *cells)
    table.add_section()
    table.add_row("all", f"{sums[0]:.3f}", f"{sums[1]:.3f}", f"{sums[1] / sums[0]:.3f}", "")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
