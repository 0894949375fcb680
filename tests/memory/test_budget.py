"""The gate: what is above the budget is named, with what grew."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bench.cli import main
from bench.firmware import FIRMWARE_DIR, RELEASE, build_tree, variants
from bench.memory.budget import (
    BUDGET,
    BudgetError,
    Limit,
    breaches,
    read_budget,
    total_of,
    with_headroom,
    write_shares,
)
from bench.memory.compare import changes, load
from bench.memory.elf import measure
from bench.platforms import names
from tests.images import Firmware

BOARDS = ["stm32f4_discovery"]


def test_budget_names_what_is_in_it_and_what_grew(small_image: Path, grown_image: Path) -> None:
    memory = measure(grown_image)
    limits = [
        Limit("lite", "", "total", "", "ROM", memory.rom - 1),
        Limit("lite", "", "component", "station (frozen)", "ROM", 1000),
        Limit("lite", "other board", "total", "", "ROM", 1),
        Limit("other variant", "", "total", "", "ROM", 1),
        Limit("lite", "", "total", "", "RAM", memory.ram),
    ]
    first, second = breaches("image", "lite", memory, limits)
    assert first.startswith(
        f"ROM on image (lite): {memory.rom:,} bytes, 1 above the budget of {memory.rom - 1:,}; largest: "
    )
    assert second == (
        "ROM of component 'station (frozen)' on image (lite): 1,357 bytes, 357 above the budget of 1,000; "
        "largest: frozen module table 1,357"
    )
    growth = changes(load(str(small_image), BOARDS), load(str(grown_image), BOARDS), "symbol")
    _, second = breaches("image", "lite", memory, limits, growth)
    assert second.endswith("357 above the budget of 1,000; grew: frozen module table +1,024 (station +1,024)")
    _, second = breaches("image", "lite", memory, limits, [])
    assert second.endswith("nothing grew; largest: frozen module table 1,357")


def test_a_kilobyte_more_in_one_module_is_caught_and_named(
    firmware: Firmware, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A copy of the firmware with a method of 1 kB, against shares as they are measured today."""
    (board,) = BOARDS
    before = firmware(board)
    tree, output = tmp_path / "firmware", tmp_path / "build"
    shutil.copytree(FIRMWARE_DIR, tree)
    shutil.copytree(before.parent, output)
    module = tree / "station" / "modem.py"
    ballast = "".join(f"        self.ballast = {n} + self.ballast\n" for n in range(1_000, 1_110))
    # a method of the last class, by a name that is looked up; what nothing asks for would not be in the image
    module.write_text(f"{module.read_text()}\n    def decode(self):\n{ballast}")
    after = build_tree(tree, board, output)
    grown = measure(after).rom - measure(before).rom
    assert 1_024 <= grown < 1_500
    budget = tmp_path / "budget.toml"
    budget.write_text("[variant.lite.total]\nrom = 200_000\nram = 50_000\n")
    write_shares({(RELEASE, board): measure(before)}, budget)
    monkeypatch.setattr("bench.commands.sizes.read_budget", lambda: read_budget(budget))
    capsys.readouterr()
    assert main(["size", str(before), "--board", board, "--check"]) == 0
    assert capsys.readouterr().err == ""
    assert main(["size", str(after), "--board", board, "--check", "--since", str(before)]) == 1
    lines = capsys.readouterr().err.splitlines()
    (line,) = [line for line in lines if "block 'network'" in line]
    assert "ROM of block 'network' on stm32f4_discovery (lite): " in line
    assert "; grew: station/modem.py +1," in line
    assert "(Socket.decode +1," in line


def test_the_firmware_is_within_its_budget(firmware: Firmware) -> None:
    """As a whole, every variant; the release in its shares, too."""
    limits = read_budget()
    for board in names():
        for variant in variants():
            assert total_of(limits, variant, board, "ROM")
            assert breaches(board, variant, measure(firmware(board, variant)), limits) == []
        assert {limit.level for limit in limits if limit.board == board} >= {"component", "block"}


def test_shares_are_written_with_headroom(small_image: Path, tmp_path: Path) -> None:
    file = tmp_path / "budget.toml"
    shutil.copy(BUDGET, file)
    memory = measure(small_image)
    before = read_budget(file)
    write_shares({("debug", "image"): memory}, file)
    share = Limit("debug", "image", "component", "station (frozen)", "ROM", with_headroom(333))
    assert {*before, share} <= set(read_budget(file))
    once = file.read_text()
    write_shares({("debug", "image"): memory}, file)
    assert file.read_text() == once
    assert breaches("image", "debug", memory, read_budget(file)) == []
    assert [with_headroom(size) for size in (0, 10_000, 100_000)] == [64, 10_112, 100_512]


def test_budget_files_that_cannot_be_used(tmp_path: Path) -> None:
    file = tmp_path / "budget.toml"
    with pytest.raises(BudgetError, match="No such file"):
        read_budget(file)
    for text in (
        "[total",
        "total = 3",
        "[total]\nrom = 1",
        "variant = 3",
        "[variant]\nlite = 3",
        '[variant.lite.total]\nrom = "much"',
        "[variant.lite.total]\nrom = true",
        "[variant.lite.block.Names]\nflash = 1",
        "[variant.lite.block]\nrom = 1",
        "[variant.lite.blocks.Names]\nrom = 1",
        "[variant.lite]\nboard = 1",
        "[variant.lite.board.x.totals]\nrom = 1",
    ):
        file.write_text(text)
        with pytest.raises(BudgetError, match=r"budget\.toml"):
            read_budget(file)


def test_size_check_fails_above_the_budget(
    small_image: Path,
    grown_image: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "budget.toml"
    file.write_text("[variant.lite.total]\nrom = 1_000\n")
    monkeypatch.setattr("bench.commands.sizes.read_budget", lambda: read_budget(file))
    assert main(["size", str(grown_image), "--check"]) == 1
    assert "above the budget of 1,000" in capsys.readouterr().err
    kept = tmp_path / "old.json"
    kept.write_text(json.dumps({grown_image.name: measure(small_image).to_json()}))
    for reference in (small_image, kept):
        assert main(["size", str(grown_image), "--check", "--since", str(reference)]) == 1
        assert "grew: frozen module table +1,024 (station +1,024)" in capsys.readouterr().err
    assert main(["size", str(grown_image), "--since", str(kept)]) == 2
    assert "--since goes with --check" in capsys.readouterr().err
    file.write_text("[variant.lite.total]\nrom = 100_000\n")
    assert main(["size", str(grown_image), "--check", "--by", "symbol"]) == 0
