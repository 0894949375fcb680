"""The matrix: what a run puts in, what it keeps of earlier ones, and how it is shown."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench import firmware
from bench.conformance import matrix as conformance
from bench.conformance.core import ListError, load_core
from bench.conformance.matrix import Column, Matrix
from bench.conformance.page import page
from bench.conformance.pics import load_pics, statements
from bench.results import Result
from bench.scenarios import Scenario

CASES, PICS = load_core(), load_pics()
STM, NRF = Column("stm", "unicorn", "1" * 64), Column("nrf", "unicorn", "2" * 64)


def scenario(name: str, source: str = "B_provisioning.robot") -> Scenario:
    return Scenario(name.partition(" ")[0], name, Path(source), ())


SCENARIOS = [scenario("TC_B_01_CS Boots"), scenario("TC_B_02_CS Waits"), scenario("Soak")]


def result(column: Column, name: str, verdict: str = "PASS", message: str = "", repeat: int = 0) -> Result:
    return Result(column.board, name.partition(" ")[0], name, verdict, message, repeat, None)


def run(
    *results: tuple[Column, Result], earlier: Matrix | None = None, columns: tuple[Column, ...] = (STM,)
) -> Matrix:
    return conformance.build(
        CASES,
        PICS,
        SCENARIOS,
        columns=columns,
        results=results,
        links={(each.board, each.name): f"log.html#{number}" for number, (_, each) in enumerate(results)},
        earlier=json.loads(json.dumps(earlier.to_json())) if earlier else None,
    )


def verdict(matrix: Matrix, test: str, column: Column = STM) -> str:
    return next(row.cells[column.name].verdict for row in matrix.rows if row.id == test)


def test_each_verdict_has_its_case() -> None:
    matrix = run((STM, result(STM, "TC_B_01_CS Boots")), (STM, result(STM, "Soak", "FAIL", "too slow")))
    assert verdict(matrix, "TC_B_01_CS") == "pass"
    assert verdict(matrix, "TC_B_02_CS") == "not run"
    assert verdict(matrix, "TC_A_04_CS") == "no scenario yet"
    assert verdict(matrix, "TC_B_28_CS") == "not applicable"
    assert verdict(matrix, "Soak") == "fail"
    count = matrix.count(STM.name)
    assert sum(count.values()) == len(CASES)
    assert (count["pass"], count["fail"], count["not run"]) == (1, 0, 1)
    assert matrix.count(STM.name, "B")["not applicable"] == 4


def test_what_the_image_is_built_without_is_left_out() -> None:
    """And what Part 5 does not ask for is still not applicable: TC_M_09 is for AS-2."""
    release = statements(firmware.table())["lite"]
    matrix = conformance.build(CASES, release, SCENARIOS, columns=(STM,), results=(), links={})
    assert verdict(matrix, "TC_A_04_CS") == "left out"
    assert verdict(matrix, "TC_M_09_CS") == "not applicable"
    assert "left out: feature tls" in conformance.markdown(matrix)
    assert "<b>feature tls</b><br>" in page(matrix)


def test_one_failure_in_repetitions_is_a_failure() -> None:
    runs = [
        (STM, result(STM, "TC_B_01_CS Boots", what, repeat=n))
        for n, what in enumerate(("PASS", "FAIL", "PASS"))
    ]
    assert verdict(run(*runs), "TC_B_01_CS") == "fail"


def test_other_boards_and_scenarios_are_kept_and_what_ran_again_is_replaced() -> None:
    first = run((STM, result(STM, "TC_B_01_CS Boots", "FAIL")), (STM, result(STM, "TC_B_02_CS Waits")))
    second = run((NRF, result(NRF, "TC_B_01_CS Boots")), earlier=first, columns=(NRF,))
    assert [column.name for column in second.columns] == ["nrf unicorn", "stm unicorn"]
    assert verdict(second, "TC_B_01_CS") == "fail"
    third = run((STM, result(STM, "TC_B_01_CS Boots")), earlier=second)
    assert verdict(third, "TC_B_01_CS") == "pass"
    assert verdict(third, "TC_B_02_CS") == "pass"
    assert verdict(third, "TC_B_01_CS", NRF) == "pass"
    assert verdict(third, "TC_B_02_CS", NRF) == "not run"


def test_verdicts_about_another_image_or_other_suites_are_dropped() -> None:
    first = run((STM, result(STM, "TC_B_02_CS Waits")))
    newer = Column(STM.board, STM.emulator, "3" * 64)
    second = run((newer, result(newer, "TC_B_01_CS Boots")), earlier=first, columns=(newer,))
    assert verdict(second, "TC_B_02_CS", newer) == "not run"
    other = Column(STM.board, "renode", "3" * 64)
    assert [column.name for column in run(earlier=first, columns=(other,)).columns] == ["stm renode"]
    first.suites = "others"
    assert verdict(run(earlier=first), "TC_B_02_CS") == "not run"


def test_kept_verdicts_lead_to_the_log_they_are_from(tmp_path: Path) -> None:
    (tmp_path / "log.html").write_text("first")
    conformance.write(run((STM, result(STM, "TC_B_01_CS Boots"))), tmp_path)
    earlier = conformance.read_earlier(tmp_path)
    conformance.keep_log(earlier, tmp_path)
    (tmp_path / "log.html").write_text("second")
    matrix = conformance.build(
        CASES,
        PICS,
        SCENARIOS,
        columns=[NRF],
        results=[(NRF, result(NRF, "TC_B_01_CS Boots"))],
        links={(NRF.board, "TC_B_01_CS Boots"): "log.html#s1-t1"},
        earlier=earlier,
    )
    conformance.drop_logs(matrix, tmp_path)
    row = next(row for row in matrix.rows if row.id == "TC_B_01_CS")
    kept, anchor = row.cells[STM.name].log.split("#")
    assert ((tmp_path / kept).read_text(), anchor) == ("first", "0")
    assert row.cells[NRF.name].log == "log.html#s1-t1"
    conformance.drop_logs(run(), tmp_path)
    assert not (tmp_path / kept).exists()


def test_folder_without_an_earlier_matrix(tmp_path: Path) -> None:
    assert conformance.read_earlier(tmp_path) is None
    for text in (
        "{",
        "[]",
        "{}",
        '{"suites": "x", "columns": [], "cases": [{}]}',
        '{"suites": "x", "columns": [{"board": "stm"}], "cases": []}',
        '{"suites": "x", "columns": [], "cases": [{"id": "a", "verdicts": {"b": {}}}]}',
        '{"columns": [], "cases": []}',
    ):
        (tmp_path / "conformance.json").write_text(text)
        assert conformance.read_earlier(tmp_path) is None, text


@pytest.mark.parametrize(
    ("scenarios", "complaint"),
    [
        ([scenario("TC_B_99_CS x")], "TC_B_99_CS is not in the list"),
        ([scenario("TC_B_28_CS x")], r"TC_B_28_CS does not apply to this station \(NOT C-13 is not met"),
        (
            [scenario("TC_B_01_CS x"), scenario("TC_B_01_CS y", "C_authorization.robot")],
            "C_authorization.robot: TC_B_01_CS is also in B_provisioning.robot",
        ),
        ([scenario("TC_B_03_CS x")], "TC_B_03_CS is there, but firmware/pics.toml says what it waits for"),
    ],
)
def test_scenarios_that_cannot_be(scenarios: list[Scenario], complaint: str) -> None:
    with pytest.raises(ListError, match=complaint):
        conformance.check(scenarios, CASES, [replace(PICS, waits_for={"TC_B_03_CS": "a reason"})])


def test_all_three_files_hold_every_case(tmp_path: Path) -> None:
    matrix = run((STM, result(STM, "TC_B_01_CS Boots", "FAIL", "no <b>oot & no more")))
    conformance.write(matrix, tmp_path)
    page = (tmp_path / "conformance.html").read_text()
    text = (tmp_path / "conformance.md").read_text()
    cases = json.loads((tmp_path / "conformance.json").read_text())["cases"]
    assert [case["id"] for case in cases] == [row.id for row in matrix.rows]
    for case in CASES:
        assert page.count(f"<th>{case.id}") == 1
        assert text.count(f"| {case.id} |") == 1
    assert "no &lt;b&gt;oot &amp; no more" in page
    assert "src=" not in page and "://" not in page
    boots = next(case for case in cases if case["id"] == "TC_B_01_CS")
    assert boots["verdicts"] == {
        "stm unicorn": {"verdict": "fail", "message": "no <b>oot & no more", "log": "log.html#0"}
    }
    assert "| TC_B_01_CS | Cold Boot Charging Station - Accepted | B01 | M | [fail](log.html#0) |" in text
    assert "not applicable: NOT C-13" in text
