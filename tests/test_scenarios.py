"""Which scenarios there are, and how they are chosen."""

import re

import pytest

from bench.scenarios import ScenarioError, discover, select

EXPECTED = {
    *("TC_A_01_CS", "TC_B_01_CS", "TC_B_02_CS", "TC_B_03_CS", "TC_B_30_CS", "TC_B_57_CS", "TC_F_20_CS"),
}


def test_every_scenario_has_its_id_as_name_prefix_and_tag_and_names_requirements() -> None:
    scenarios = discover()
    assert {scenario.id for scenario in scenarios} >= EXPECTED
    assert len({scenario.id for scenario in scenarios}) == len(scenarios)
    for scenario in scenarios:
        assert scenario.name.startswith(scenario.id)
        assert scenario.id in scenario.tags
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
