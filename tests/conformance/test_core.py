"""The list of Core test cases, and the station's statement, as they are in the repository."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from bench.conformance.condition import AnyBetween, Feature
from bench.conformance.core import Case, ListError, load_core
from bench.conformance.pics import PICS, PicsError, load_pics

CASES = load_core()
ADDED_BY_ERRATA = {"TC_B_14_CS"}
EXCLUDED = {
    "TC_A_20_CS": "AQ-1",
    "TC_B_15_CS": "NOT C-56",
    "TC_B_28_CS": "NOT C-13",
    "TC_B_29_CS": "NOT C-13",
    "TC_B_47_CS": "AS-2",
    "TC_C_05_CS": "AQ-2",
    "TC_C_47_CS": "C-07",
    "TC_C_48_CS": "C-07",
    "TC_E_12_CS": "C-09.6",
    "TC_E_19_CS": "C-10.5",
    "TC_E_27_CS": "HFS-2",
    "TC_E_38_CS": "NOT C-09.5",
    "TC_E_54_CS": "HFS-4 or ISO 15118 support",
    "TC_J_08_CS": "NOT AQ-8",
    "TC_L_10_CS": "C-60",
    "TC_L_12_CS": "C-20",
    "TC_L_14_CS": "C-20 and AQ-7",
    "TC_L_15_CS": "AQ-7",
    "TC_L_16_CS": "C-43",
    "TC_M_09_CS": "AS-2",
    "TC_M_30_CS": "AS-2",
    "TC_M_31_CS": "AS-2",
    "TC_N_36_CS": "C-57",
    "TC_N_62_CS": "C-14",
}
"""What does not apply to the station, and what of its condition is not met."""


def test_list_is_complete() -> None:
    by_block = Counter(case.block for case in CASES if case.id not in ADDED_BY_ERRATA)
    assert by_block == {
        **{"A": 9, "B": 39, "C": 33, "E": 46, "F": 24, "G": 20},
        **{"J": 10, "K": 1, "L": 15, "M": 13, "N": 10, "P": 2},
    }
    assert sum(by_block.values()) == 222


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_every_row(case: Case) -> None:
    assert re.fullmatch(r"TC_[A-P]_\d\d_CS", case.id)
    assert case.group and case.scenario
    assert all(re.fullmatch(r"[A-P]\d\d|Part4", name) for name in case.use_cases)
    assert all(re.fullmatch(r"[A-P]\d\d\.FR\.\d+|Part4-[\d.]+", name) for name in case.requirements)
    assert bool(case.condition) or case.conformance == "M" or case.id in ADDED_BY_ERRATA
    assert bool(case.erratum) == bool(case.erratum_condition)
    applicability = case.applicability(load_pics())
    assert " and ".join(applicability.excluded_by) == EXCLUDED.get(case.id, "")
    assert applicability.applies is (case.id not in EXCLUDED)
    assert bool(applicability.reasons) is not applicability.applies


def test_errata_do_not_change_what_applies_to_this_station() -> None:
    """But for the case that they add, whose condition holds."""
    pics = load_pics()
    for case in CASES:
        if not case.erratum or case.id in ADDED_BY_ERRATA or case.conformance == "M":
            continue
        before = Case(
            **{name: getattr(case, name) for name in Case.__dataclass_fields__}
            | {"erratum": "", "erratum_condition": "", "normalised": ""}
        )
        assert before.applicability(pics).applies is case.applicability(pics).applies, case.id


def test_pics_are_consistent() -> None:
    """Part 5: at least one of the suboptions, and what C-01 and C-54 rest on."""
    pics = load_pics()
    for option in ("C-06", "C-09", "C-10", "C-12", "C-29", "C-40", "C-48"):
        assert pics.feature(option)
    assert AnyBetween("C-36", "C-39").holds(pics)
    assert pics.feature("C-01") == (pics.feature("C-02") or pics.feature("C-49"))
    assert pics.feature("HFS-1") != pics.feature("HFS-2")
    assert bool(pics.feature("C-54")) == pics.feature("C-49")
    assert Feature("HFS-8").holds(pics)
    assert "Heartbeat" in str(pics.feature("C-23"))


def test_every_optional_feature_of_part_5_is_declared() -> None:
    declared = load_pics().features
    numbers = {int(name[2:4]) for name in declared if name.startswith("C-")}
    not_of_a_station = {5, 11, 15, 16, 17, 18, 19, 22, 24, 27, 44, 45, 46, 50, 55}
    assert numbers - not_of_a_station == set(range(1, 62)) - not_of_a_station
    assert {f"HFS-{number}" for number in range(1, 11)} <= declared.keys()
    assert {f"AQ-{number}" for number in range(1, 12)} <= declared.keys()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[features\n", "pics.toml"),
        ('[features]\n"C-01" = true\n', "C-01 in .features. must be"),
        ('[features]\n"C-01" = { value = true, reason = "" }\n', "C-01 in .features. must be"),
        ('[features]\n"Core" = { value = true, reason = "x" }\n', "'Core' in .features. is no id"),
        ('[features]\n"C-1" = { value = true, reason = "x" }\n[csms]\n"C-1" = { value = 1, reason = "x" }\n',
         "C-1 is declared twice"),
        ("features = 1\n", "features = 1 must be a table"),
        ("waits_for = 1\n", "waits_for = 1 must be a table"),
        ('[features]\n"C-1" = { value = "no", reason = "x" }\n', "cannot have the value 'no'"),
        ('[profiles]\nCore = { value = 1.5, reason = "x" }\n', "cannot have the value 1.5"),
    ],
)  # fmt: skip
def test_statement_that_is_none(text: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "pics.toml"
    path.write_text(text)
    with pytest.raises(PicsError, match=complaint):
        load_pics(path)


def test_statement_that_lacks_a_feature_names_case_and_feature(tmp_path: Path) -> None:
    path = tmp_path / "pics.toml"
    path.write_text(
        "\n".join(line for line in PICS.read_text().splitlines() if not line.startswith('"C-13"'))
    )
    pics = load_pics(path)
    case = next(case for case in CASES if case.id == "TC_B_25_CS")
    with pytest.raises(ListError, match="TC_B_25_CS: C-13"):
        case.applicability(pics)


def test_list_with_a_case_twice(tmp_path: Path) -> None:
    path = tmp_path / "core.csv"
    header = ",".join(Case.__dataclass_fields__)
    path.write_text(f"{header}\nTC_B_01_CS,g,s,M,,,,,B01,\nTC_B_01_CS,g,s,M,,,,,B01,\n")
    with pytest.raises(ListError, match="TC_B_01_CS is there twice"):
        load_core(path)
    path.write_text("id,title\nTC_B_01_CS,x\n")
    with pytest.raises(ListError, match="other columns"):
        load_core(path)
    path.write_text(f"{header}\nB1,g,s,M,,,,,B01,\n")
    with pytest.raises(ListError, match="'B1' is no id of a test case"):
        load_core(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ListError, match=r"core\.csv"):
        load_core(path)
