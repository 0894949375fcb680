"""What grew: two images of which the difference is known, and everything that is no reference."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bench.cli import main
from bench.memory.compare import CompareError, changes, load, to_markdown, totals
from bench.memory.elf import LEVELS, measure
from bench.platforms import names
from tests.images import Firmware

BOARDS = ["stm32f4_discovery"]


def test_growth_is_named_by_every_level(small_image: Path, grown_image: Path) -> None:
    old, new = load(str(small_image), BOARDS), load(str(grown_image), BOARDS)
    sums = {change.kind: change for change in totals(old, new)}
    assert sums["ROM"].growth == measure(grown_image).rom - measure(small_image).rom
    assert sums["RAM"].growth == -20
    for level in LEVELS:
        rows = changes(old, new, level)
        for kind, change in sums.items():
            assert sum(row.growth for row in rows if row.kind == kind) == change.growth, level
    by_symbol = {(row.kind, row.name): row.growth for row in changes(old, new, "symbol")}
    assert by_symbol["ROM", "frozen module table: station"] == 1024
    assert by_symbol["RAM", "py/vm.c: vm_state"] == -20


def test_nothing_changed(small_image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    same = load(str(small_image), BOARDS)
    assert changes(same, same, "symbol") == []
    assert "No symbol changed in size." in to_markdown(totals(same, same), [], "symbol")
    assert main(["compare", str(small_image), str(small_image)]) == 0
    assert "No source changed in size." in capsys.readouterr().out


def test_measurements_that_were_kept_compare_like_their_images(
    small_image: Path, grown_image: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "old.json"
    kept.write_text(json.dumps({"image": measure(small_image).to_json()}))
    old, new = load(str(small_image), BOARDS), load(str(grown_image), BOARDS)
    assert changes(load(str(kept), ["image"]), new, "symbol") == changes(old, new, "symbol")


def test_runs_compare_by_scenario(tmp_path: Path) -> None:
    def results(name: str, live: int) -> str:
        memory = {"heap_live": live, "heap_peak": 9000, "stack_peak": None}
        entry = {"board": BOARDS[0], "id": "TC_B_01_CS", "repeat": 0, "memory": memory}
        without = {"board": BOARDS[0], "id": "TC_B_02_CS", "repeat": 0, "memory": None}
        (tmp_path / name).write_text(json.dumps([entry, without]))
        return str(tmp_path / name)

    old, new = load(results("old.json", 7000), BOARDS), load(results("new.json", 9048), BOARDS)
    (row,) = changes(old, new, "component")
    assert (row.kind, row.name, row.growth) == ("heap_live", "TC_B_01_CS", 2048)
    assert {change.kind for change in totals(old, new)} == {"heap_live", "heap_peak"}


def test_what_is_held_of_the_heap_compares_by_owner(tmp_path: Path) -> None:
    def results(name: str, *runs: dict[str, int]) -> str:
        entries = [
            {"board": BOARDS[0], "id": f"TC_B_0{n}_CS", "repeat": 0, "memory": {"heap_owners": owners}}
            for n, owners in enumerate(runs)
        ]
        (tmp_path / name).write_text(json.dumps(entries))
        return str(tmp_path / name)

    before = {"a": 900, "b": 300, "gone": 208, "c": 200, "(others)": 5000}
    old = load(results("old.json", before, {"b": 320, "(others)": 4000}), BOARDS)
    new = load(results("new.json", {"leak": 2100, "a": 900, "b": 250, "d": 190, "(others)": 5000}), BOARDS)
    found = {change.name: (change.old, change.new) for change in changes(old, new, "symbol")}
    # Of what the old runs do not name, each held at most 320, of what the new one does not, at most 190.
    assert found == {"leak": (320, 2100), "b": (320, 250), "gone": (208, 190), "c": (200, 190)}
    assert totals(old, new) == []


def test_a_revision_is_built(firmware: Firmware) -> None:
    """The index as it is committed: whatever it weighs, it is this firmware."""
    board = names()[0]
    firmware(board)
    found = load("HEAD", [board])
    assert {each.board for each in found} == {board}
    assert sum(each.size for each in found if each.kind == "ROM") > 100_000


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not what `ocpp-bench size --json`"),
        ('{"stm32f4_discovery": {}}', "KeyError"),
        ('[{"board": "stm32f4_discovery"}]', "KeyError"),
        ("[]", "tells nothing of stm32f4_discovery"),
        ('{"another": {"items": []}}', "tells nothing of stm32f4_discovery"),
    ],
)
def test_files_that_are_no_measurements(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "old.json"
    file.write_text(content)
    with pytest.raises(CompareError, match=message):
        load(str(file), BOARDS)


def test_what_is_wrong_with_a_file_is_said_without_all_of_it(tmp_path: Path) -> None:
    file = tmp_path / "old.json"
    file.write_bytes(bytes(range(256)) * 400)
    with pytest.raises(CompareError, match="UnicodeDecodeError") as error:
        load(str(file), BOARDS)
    assert len(str(error.value)) < 400


def test_only_what_both_sides_hold_is_compared(
    small_image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    board, run = BOARDS[0], tmp_path / "results.json"
    memory = {"heap_live": 5, "stack_peak": 7}
    run.write_text(json.dumps([{"board": board, "id": "TC_B_01_CS", "repeat": 0, "memory": memory}]))
    sizes = tmp_path / "sizes.json"
    sizes.write_text(json.dumps({board: measure(small_image).to_json()}))
    ran, built = load(str(run), BOARDS), load(str(sizes), BOARDS)
    for old, new in ((ran, built), (built, ran)):
        with pytest.raises(CompareError, match=rf"nothing to compare: .*ROM and RAM of {board}"):
            changes(old, new, "symbol")
    assert main(["compare", str(run), str(sizes)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"one holds heap_live, stack_peak of {board}, the other ROM and RAM of {board}" in error
    (peak,) = (each for each in ran if each.kind == "stack_peak")
    assert changes([*built, peak], [*built, *ran], "symbol") == []
    assert [change.kind for change in totals([peak], ran)] == ["stack_peak"]
    other = [replace(each, board="another") for each in built]
    with pytest.raises(CompareError, match=rf"one holds ROM and RAM of {board}, the other .* of another"):
        changes(built, other, "symbol")


def test_references_that_are_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CompareError, match="no-such-thing: neither a file nor a git revision"):
        load("no-such-thing", BOARDS)
    assert main(["compare", "no-such-thing", "HEAD"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert main(["compare", str(tmp_path / "gone.json"), "HEAD"]) == 2
    assert main(["compare", "HEAD", "HEAD", "--variant", "toaster"]) == 2
    assert "no variant 'toaster'" in capsys.readouterr().err
    assert main(["compare", "HEAD", "HEAD", "--by", "colour"]) == 2
    assert "colour" in capsys.readouterr().err


def test_the_tool_of_the_compiler_sees_the_same_growth(small_image: Path, grown_image: Path) -> None:
    def text_of(elf: Path) -> int:
        rows = subprocess.run(["arm-none-eabi-size", str(elf)], check=True, capture_output=True, text=True)
        text, data = rows.stdout.splitlines()[1].split()[:2]
        return int(text) + int(data)

    assert measure(grown_image).rom - measure(small_image).rom == text_of(grown_image) - text_of(small_image)
