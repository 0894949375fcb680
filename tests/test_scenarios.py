"""Which scenarios there are, and how they are chosen."""

import re
from pathlib import Path

import pytest

from bench.conformance.core import load_core
from bench.conformance.matrix import check
from bench.conformance.pics import statements
from bench.results import Result
from bench.scenarios import Job, ScenarioError, discover, run_all, select
from firmware.variants import load


def test_every_scenario_has_its_id_as_name_prefix_and_tag_and_names_requirements() -> None:
    scenarios = discover()
    check(scenarios, load_core(), list(statements(load()).values()))
    for scenario in scenarios:
        assert scenario.name.startswith(scenario.id)
        assert scenario.id in scenario.tags or not scenario.id.startswith("TC_")
        assert any(re.fullmatch(r"[A-P]\d\d\.FR\.\d+|Part4-[\d.]+", tag) for tag in scenario.tags), (
            scenario.name
        )


def test_selection_by_id_and_by_tag() -> None:
    scenarios = discover()
    assert [s.id for s in select(scenarios, tests=["tc_b_03_cs"])] == ["TC_B_03_CS"]
    assert {s.id for s in select(scenarios, include=["B03"])} == {"TC_B_03_CS", "TC_B_30_CS"}
    assert {s.id for s in select(scenarios, include=["B01.FR.*"])} >= {"TC_A_01_CS", "TC_B_01_CS"}
    assert [s.id for s in select(scenarios, include=["B03"], tests=["TC_B_30_CS"])] == ["TC_B_30_CS"]


def test_unknown_id_suggests_close_ones() -> None:
    with pytest.raises(ScenarioError, match=r"no scenario 'TC_B_3_CS'; did you mean .*TC_B_03_CS"):
        select(discover(), tests=["TC_B_3_CS"])


def test_unknown_tag_is_named() -> None:
    with pytest.raises(ScenarioError, match="no scenario has a tag smoke"):
        select(discover(), include=["smoke"])


DYING = """
*** Test Cases ***
TC_B_01_CS Passes
    No Operation

TC_B_02_CS Takes its process along
    Evaluate    __import__("os")._exit(7)

TC_B_03_CS Passes, too
    No Operation

TC_B_30_CS Fails
    Fail    on purpose
"""


def test_process_that_dies_fails_its_scenario_alone(tmp_path: Path) -> None:
    (tmp_path / "B_dying.robot").write_text(DYING)
    jobs = [
        Job(
            scenario, "board", "board", Path("no.elf"), "unicorn", number, tmp_path / f"{number}{scenario.id}"
        )
        for number in range(3)
        for scenario in discover(tmp_path)
    ]
    told: list[Result] = []
    results = run_all(jobs, 2, told.append)
    assert [result.id for result in results] == [job.scenario.id for job in jobs]
    assert [result.verdict for result in results] == ["PASS", "FAIL", "PASS", "FAIL"] * 3
    assert {result.message for result in results if result.id == "TC_B_02_CS"} == {
        "a process of the bench died (memory, or an emulator)"
    }
    assert {result.message for result in results if result.id == "TC_B_30_CS"} == {"on purpose"}
    assert sorted(told, key=lambda result: (result.repeat, result.id)) == results


def test_longest_scenario_begins_first(tmp_path: Path) -> None:
    (tmp_path / "B_quick.robot").write_text(DYING)
    jobs = [
        Job(scenario, "board", "board", Path("no.elf"), "unicorn", 0, tmp_path / scenario.id)
        for scenario in discover(tmp_path)
    ]
    told: list[Result] = []
    expected_s = {"TC_B_01_CS": 1.0, "TC_B_02_CS": 4.0, "TC_B_03_CS": 3.0, "TC_B_30_CS": 2.0}
    run_all(jobs, 1, told.append, lambda job: expected_s[job.scenario.id])
    assert [result.id for result in told] == ["TC_B_02_CS", "TC_B_03_CS", "TC_B_30_CS", "TC_B_01_CS"]
