"""A leak of 2 kB in the station: two runs side by side tell of it, and whose it is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bench import firmware as firmware_build
from bench.memory.compare import HELD, Change, changes, load, totals
from bench.scenarios import Job, discover, run_job, select
from tests.images import Firmware

BOARD, TEST = "stm32f4_discovery", "TC_B_01_CS"
FILE = "station/health.py"
PATCHES = {
    "_due = [_NEVER]": "_kept = []\n_due = [_NEVER]",
    "    _due[task] =": "    while len(_kept) < 32:\n        _kept.append(bytearray(64))\n    _due[task] =",
}


def leaky(whole: Path, folder: Path) -> Path:
    """The image of a station that keeps 32 buffers of 64 bytes for ever."""
    shutil.copytree(firmware_build.FIRMWARE_DIR, folder / "firmware")
    shutil.copytree(whole.parent, folder / "build")
    text = (folder / "firmware" / FILE).read_text()
    for old, new in PATCHES.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    (folder / "firmware" / FILE).write_text(text)
    source = firmware_build.ensure_source(firmware_build.BUILD_DIR / "micropython")
    firmware_build.make(folder / "firmware", BOARD, source, folder / "build", jobs=1)
    return folder / "build" / "firmware.elf"


def measured(elf: Path, folder: Path) -> str:
    """results.json of one scenario, which passes."""
    (scenario,) = select(discover(), tests=[TEST])
    result = run_job(Job(scenario, BOARD, BOARD, elf, "unicorn", 0, folder))
    assert result.verdict == "PASS"
    (folder / "results.json").write_text(json.dumps([result.to_json()]))
    return str(folder / "results.json")


@pytest.fixture(scope="module")
def grown(firmware: Firmware, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Change], list[Change]]:
    folder = tmp_path_factory.mktemp("leak")
    whole = firmware(BOARD)
    old = load(measured(whole, folder / "old"), [BOARD])
    new = load(measured(leaky(whole, folder), folder / "new"), [BOARD])
    return changes(old, new, "source"), totals(old, new)


def test_leak_is_seen(grown: tuple[list[Change], list[Change]]) -> None:
    live = {change.kind: change for change in grown[1]}["heap_live"]
    assert 1_800 <= live.growth <= 3_000


def test_leak_is_named(grown: tuple[list[Change], list[Change]]) -> None:
    first = next(change for change in grown[0] if change.kind == HELD)
    assert first.name == "station.health._kept"
    assert first.new >= 32 * 64
    assert first.growth >= 1_800  # it held at most the smallest that is named of the old run
