"""Side by side with the peers: ours is cut of the image, and measured figures are of that image."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from bench.cli import main
from bench.memory.elf import measure
from bench.memory.peers import (
    BOOT_HEAP,
    BOUNDARIES,
    COLUMNS,
    LEAST_HEAP,
    MOST_HEAP,
    PASSED,
    RAM,
    RESERVED,
    ROM,
    PeersError,
    measurements,
    notes,
    ordered,
    our_rows,
    peer_rows,
)
from tests.images import Firmware

BOARD = "stm32f4_discovery"


def test_our_cuts_add_up_to_the_image(firmware: Firmware) -> None:
    memory = measure(firmware(BOARD))
    rows = our_rows([asdict(item) for item in memory.items], BOARD, "lite", {PASSED: 3})
    alone, core, network, whole = rows
    assert (whole[ROM], whole[RESERVED]) == (memory.rom, memory.ram)
    assert whole[RAM] == memory.fixed_ram
    sizes = [row[ROM] for row in rows]
    assert sizes == sorted(sizes, key=int)  # type: ignore[arg-type]
    components = memory.by_component()
    blocks = memory.by("block")
    machine = components["MicroPython"]["ROM"] + components["libraries"]["ROM"]
    assert core[ROM] == int(alone[ROM] or 0) + machine
    assert network[ROM] == int(core[ROM] or 0) + blocks["network",]["ROM"]
    assert [row[PASSED] for row in rows] == [None, 3, 3, 3]


def test_peers_are_cited_and_stand_by_what_they_compare_with(firmware: Firmware) -> None:
    cited = peer_rows()
    assert all(row[ROM] and "(" in str(row["build"]) for row in cited if row["build"] != "goal")
    ours = our_rows([asdict(item) for item in measure(firmware(BOARD)).items], BOARD, "lite", {})
    boundaries = [row["boundary"] for row in ordered([*ours, *cited])]
    assert boundaries == sorted(boundaries, key=list(BOUNDARIES.values()).index)
    assert any("NotImplemented" in note for note in notes())


def test_measured_figures_are_of_the_image(tmp_path: Path) -> None:
    def leave(name: str, content: Any) -> None:
        (tmp_path / f"{name}.json").write_text(json.dumps(content))

    def case(kind: str, verdict: str) -> dict[str, Any]:
        return {"conformance": kind, "verdicts": {f"{BOARD} unicorn": {"verdict": verdict}}}

    def result(name: str, live: int) -> dict[str, Any]:
        return {"id": name, "board": BOARD, "memory": {"heap_live": live, "stack_peak": 1}}

    assert set(measurements(tmp_path, BOARD).values()) == {None}
    leave(
        "conformance",
        {
            "columns": [{"board": BOARD, "emulator": "unicorn", "firmware": "abc"}],
            "cases": [case("M", "pass"), case("M", "fail"), case("C", "pass"), case("M", "pass")],
        },
    )
    leave("results", [result("TC_B_01_CS", 5), result("TC_B_02_CS", 9)])
    leave("run", {"whole": True})
    leave("heap", [{"board": BOARD, "heap_min": size} for size in (30, 20)])
    found = measurements(tmp_path, BOARD, "abc")
    assert (found[PASSED], found[BOOT_HEAP], found[MOST_HEAP], found[LEAST_HEAP]) == (2, 5, 9, 30)
    assert set(measurements(tmp_path, BOARD, "of another image").values()) == {None}
    leave("run", {"whole": False})
    found = measurements(tmp_path, BOARD)
    assert (found[PASSED], found[MOST_HEAP], found[LEAST_HEAP]) == (2, None, None)


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    file = tmp_path / "peers.toml"
    with pytest.raises(PeersError, match="No such file"):
        peer_rows(file)
    for text in ("[", "[[peer]]\nname = 'x'", "peer = 3", "peer = [3]"):
        file.write_text(text)
        with pytest.raises(PeersError, match=r"peers\.toml"):
            peer_rows(file)


def test_command(firmware: Firmware, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    firmware(BOARD)
    capsys.readouterr()
    assert main(["peers", "--format", "json", "--report", str(tmp_path)]) == 0
    content = json.loads(capsys.readouterr().out)
    assert {"MicroOCPP", "ours"} <= {row["implementation"] for row in content["rows"]}
    assert set(COLUMNS) < set(content["rows"][0])
    assert any("no run of all scenarios" in note for note in content["notes"])
    assert main(["peers", "--format", "markdown", "--report", str(tmp_path)]) == 0
    assert "| 204,524 |" in capsys.readouterr().out
    assert main(["peers", "--report", str(tmp_path)]) == 0
    assert main(["peers", "--format", "poem"]) == 2
    assert main(["peers", "--board", "toaster"]) == 2
    assert "no board 'toaster'" in capsys.readouterr().err
