"""Scenarios measured on Unicorn and on Renode: what both can know is the same.

Interrupts are taken some instructions apart, and Renode stops the board up to half a millisecond later. So
a collection begins with a few objects more or less, a look at the heap finds another piece of work on the
stack, and a ring another byte: such figures are near. What depends on none of it is equal.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.emulators.renode.locate import RenodeMissing, locate
from bench.platforms import names
from bench.scenarios import Job, discover, run_job, select
from tests.images import Firmware

TESTS = {"lite": "TC_G_18_CS", "secure": "TC_A_22_CS"}
"""With a power cycle: two lives; with TLS: two handshakes."""
EQUAL = ("fixed", "heap", "stack")
NEAR = {
    "heap_peak": 4096,  # what is allocated between two collections: one may have come just before, or not yet
    "heap_live": 512,
    "heap_after_collection": 512,
    "largest_free": 1024,  # one object more or less divides it
    "collections": 1,
    "stack_peak": 120,
    "stack_interrupts": 8,  # whether the interrupted stack had to be aligned
    "ram_touched": 1024,
}
SHARE = {"pause_max": 0.03, "pause_sum": 0.08, "wfe_s": 0.02}
BUFFER = 40
"""Bytes: what a line brings in 3 ms, in which the tasks that read it take turns with a handshake's steps."""

try:
    locate()
except RenodeMissing as missing:
    pytestmark = [pytest.mark.renode, pytest.mark.skip(str(missing))]
else:
    pytestmark = pytest.mark.renode


def memory(test: str, board: str, elf: Path, emulator: str, folder: Path) -> dict[str, Any]:
    (scenario,) = select(discover(), tests=[test])
    result = run_job(Job(scenario, board, board, elf, emulator, 0, folder / emulator))
    assert result.verdict == "PASS", result.message
    assert result.measurement is not None
    return result.measurement.memory


@pytest.mark.parametrize("variant", TESTS)
@pytest.mark.parametrize("board", names())
def test_both_emulators_measure_the_same(
    board: str, variant: str, firmware: Firmware, tmp_path: Path
) -> None:
    elf = firmware(board, variant)
    unicorn, renode = (memory(TESTS[variant], board, elf, each, tmp_path) for each in ("unicorn", "renode"))
    assert {name for name, value in unicorn.items() if value is None} == set()
    assert {name for name, value in renode.items() if value is None} == set()
    for name in EQUAL:
        assert unicorn[name] == renode[name], name
    for name, most in NEAR.items():
        assert unicorn[name] == pytest.approx(renode[name], abs=most), name
    for name, share in SHARE.items():
        assert unicorn[name] == pytest.approx(renode[name], rel=share), name
    assert unicorn["buffers"].keys() == renode["buffers"].keys()
    for name, fill in unicorn["buffers"].items():
        other = renode["buffers"][name]
        assert (fill["size"], fill["unit"]) == (other["size"], other["unit"]), name
        assert fill["fullest"] == pytest.approx(other["fullest"], abs=BUFFER), name
    held, also = (
        {owner: size for owner, size in each["heap_owners"].items() if not owner.startswith("(")}
        for each in (unicorn, renode)
    )
    assert len(held.keys() & also.keys()) >= 30
    for owner in held.keys() & also.keys():
        assert held[owner] == pytest.approx(also[owner], abs=320), owner
