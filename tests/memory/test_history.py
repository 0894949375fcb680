"""The history: appended to, never contradicted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.cli import main
from bench.memory.budget import read_budget
from bench.memory.compare import CompareError, commit_of
from bench.memory.elf import measure
from bench.memory.history import HISTORY, Entry, HistoryError, add, entry_of, read, run_figures
from bench.memory.historyplot import plot

RUN = {"emulator": "unicorn", "scenarios": 2, "passed": 2, "instructions": 99, "heap_live": 7}


@pytest.fixture
def entry(small_image: Path) -> Entry:
    return entry_of("HEAD", "image", "lite", measure(small_image))


def test_same_commit_twice_changes_nothing(entry: Entry, tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    later = replace(entry, revision="0123456789ab", date="2999-01-01T00:00:00+00:00")
    assert add([later], file) == [later]
    assert add([entry], file) == [entry]
    once = file.read_text()
    assert once.count("\n") == 2
    assert add([entry, later], file) == []
    assert file.read_text() == once
    assert read(file) == [entry, later]
    assert entry.components["station (frozen)"] == {"rom": 333, "ram": 0}


def test_other_figures_of_a_commit_are_named(entry: Entry, tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    add([entry], file)
    once = file.read_text()
    components = {**entry.components, "port": {"rom": 1, "ram": entry.components["port"]["ram"]}}
    with pytest.raises(HistoryError) as error:
        add([replace(entry, rom=entry.rom + 5, components=components)], file)
    assert f"rom {entry.rom} -> {entry.rom + 5}" in str(error.value)
    assert f"components.port.rom {entry.components['port']['rom']} -> 1" in str(error.value)
    assert "ram" not in str(error.value).partition("figures: ")[2].replace("components.port.rom", "")
    assert file.read_text() == once


def test_a_run_can_come_later(entry: Entry, tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    add([entry], file)
    ran = replace(entry, run=RUN)
    assert add([ran], file) == [ran]
    assert add([entry], file) == []
    assert read(file) == [ran]
    with pytest.raises(HistoryError, match=r"run\.instructions 99 -> 98"):
        add([replace(entry, run=RUN | {"instructions": 98})], file)


def test_figures_are_of_a_whole_run_of_that_revision(tmp_path: Path) -> None:
    def leave(about: dict[str, Any]) -> Path:
        (tmp_path / "run.json").write_text(
            json.dumps({"revision": commit_of("HEAD"), "variant": "lite", "whole": True} | about)
        )
        memory = {"heap_live": 5, "heap_peak": 6, "stack_peak": None}
        result = {"board": "b", "emulator": "unicorn", "verdict": "PASS", "instructions": 7, "repeat": 0}
        results = [result | {"memory": memory | {"heap_live": size}} for size in (5, 9)]
        failed = result | {"verdict": "FAIL", "instructions": None, "memory": None}
        (tmp_path / "results.json").write_text(json.dumps([*results, failed, result | {"repeat": 1}]))
        return tmp_path

    assert run_figures(leave({}), "HEAD", "lite") == {
        "b": {
            "emulator": "unicorn",
            "scenarios": 3,
            "passed": 2,
            "instructions": 14,
            "heap_live": 9,
            "heap_peak": 6,
            "stack_peak": None,
        }
    }
    for about in ({"whole": False}, {"variant": "debug"}, {"revision": "1234567+"}, {"revision": None}):
        with pytest.raises(HistoryError, match="not a run of all scenarios on HEAD"):
            run_figures(leave(about), "HEAD", "lite")
    with pytest.raises(HistoryError, match="no results of a run"):
        run_figures(tmp_path / "nowhere", "HEAD", "lite")
    (tmp_path / "results.json").write_bytes(bytes(range(256)) * 400)
    with pytest.raises(HistoryError, match="no results of a run") as error:
        run_figures(tmp_path, "HEAD", "lite")
    assert len(str(error.value)) < 400


@pytest.mark.parametrize("line", ["{", "[]", '{"revision": "1"}', "3"])
def test_files_that_are_no_history(entry: Entry, tmp_path: Path, line: str) -> None:
    file = tmp_path / "history.jsonl"
    add([entry], file)
    good = file.read_text()
    file.write_text(good + line + "\n")
    with pytest.raises(HistoryError, match="line 2 is no entry"):
        read(file)
    file.write_text(good + good)
    with pytest.raises(HistoryError, match=r"line 2: .* is there twice"):
        read(file)


def test_our_own_history_is_one() -> None:
    entries = read(HISTORY)
    assert {entry.board for entry in entries} == {"nrf52840dk", "stm32f4_discovery"}
    for entry in entries:
        assert sum(sizes["rom"] for sizes in entry.components.values()) == entry.rom
        assert sum(sizes["ram"] for sizes in entry.blocks.values()) == entry.ram


def test_plot_is_the_same_each_time(entry: Entry, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    later = replace(entry, revision="0123456789ab", run=RUN)
    for name in ("one.svg", "two.svg"):
        plot([entry, later], read_budget(), tmp_path / name)
    assert (tmp_path / "one.svg").read_text() == (tmp_path / "two.svg").read_text()
    with pytest.raises(HistoryError, match="one board"):
        plot([entry, replace(entry, board="other")], read_budget(), tmp_path / "three.svg")


@pytest.mark.parametrize("name", ["x.foo", "noext", "."])
def test_plots_whose_name_says_no_kind(
    name: str, entry: Entry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    with pytest.raises(HistoryError, match=r"a plot goes to a file that ends in \.svg"):
        plot([entry], read_budget(), path)
    assert main(["history", "plot", str(path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert str(path) in error
    assert not list(tmp_path.parent.glob(f"{tmp_path.name}*/*.png"))


def test_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "show", "--board", "nrf52840dk"]) == 0
    assert "bytes by commit" in capsys.readouterr().out
    assert main(["history", "show", "--by", "block", "--last", "2"]) == 0
    assert "E Transactions" in capsys.readouterr().out
    assert main(["history", "show", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)
    for arguments, message in (
        (["show", "--file", str(tmp_path / "none")], "nothing of nrf52840dk"),
        (["show", "--by", "colour"], "--by colour: there are"),
        (["add", "no-such-revision"], "no-such-revision: neither a file nor a git revision"),
        (["plot", str(tmp_path / "x.svg"), "--board", "toaster"], "no board 'toaster'; there are"),
        (["show", "--variant", "secur"], "no variant 'secur'; there are"),
        (["show", "--variant", "debug", "--file", str(tmp_path / "none")], "nothing of nrf52840dk (debug)"),
    ):
        assert main(["history", *arguments]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1


def test_a_revision_that_is_none(small_image: Path) -> None:
    with pytest.raises(CompareError, match="no git revision"):
        entry_of("no-such-revision", "image", "lite", measure(small_image))
