"""The comparison of two emulators: what it lets pass, and what it does not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from bench.cli import main
from bench.commands import scenarios
from bench.parity import (
    Evidence,
    compare,
    differing_lines,
    load,
    normalised_transcript,
    side_by_side,
    table,
    write,
)
from bench.results import Measurement, Result
from bench.scenarios import Job

NAMES = ("renode", "unicorn")
EVIDENCE = Evidence(transcript=["a", "b"], log=["I boot"], resets=["power"], flash=["program 12", "v:X = 1"])


def result(verdict: str = "PASS", host_s: float | None = 1.0) -> Result:
    measured = None if host_s is None else Measurement("b", "renode", "n", 1.0, host_s, 1, "", {})
    return Result("board", "TC_X", "TC_X name", verdict, "", 0, measured)


def transcript(*messages: object, start_ns: int = 5) -> list[str]:
    return [f"{start_ns + n} OLB-1 in {json.dumps(message)}" for n, message in enumerate(messages)]


UUIDS = ("b3ce6829-fde8-4847-8775-eb1153f38f57", "f57b001d-da36-4170-b8c3-845e1d06e735")


def test_ids_and_times_do_not_matter() -> None:
    def run(first: str, second: str, hour: int, start_ns: int) -> list[str]:
        payload = {
            "timestamp": f"2026-01-01T{hour:02}:00:00.123Z",
            "transactionInfo": {"transactionId": second},
        }
        messages = ([2, first, "TransactionEvent", payload], [3, first, {}], [2, second, "Heartbeat", {}])
        return normalised_transcript(transcript(*messages, start_ns=start_ns))

    assert run("aa", UUIDS[0], 1, 5) == run("xy", UUIDS[1], 13, 70)


def test_which_answer_belongs_to_which_request_matters() -> None:
    def run(order: str) -> list[str]:
        return normalised_transcript(
            transcript([2, "a", "X", {}], [2, "b", "X", {}], *([3, i, {}] for i in order))
        )

    assert run("ab") != run("ba")


@pytest.mark.parametrize(
    "message",
    [
        [2, "a", "StatusNotification", {"connectorStatus": "Occupied", "evseId": 1}],
        [2, "a", "StatusNotification", {"connectorStatus": "Available", "evseId": 2}],
        [2, "a", "Heartbeat", {}],
        [4, "a", "InternalError", "", {}],
    ],
)
def test_content_matters(message: list[object]) -> None:
    one = [2, "a", "StatusNotification", {"connectorStatus": "Available", "evseId": 1}]
    assert normalised_transcript(transcript(one)) != normalised_transcript(transcript(message))


def test_handshakes_and_what_is_no_json_stand_as_they_are() -> None:
    lines = ["17 OLB-1 GET /ocpp/OLB-1 101", "18 OLB-1 in {]"]
    assert normalised_transcript(lines) == ["OLB-1 GET /ocpp/OLB-1 101", "OLB-1 in {]"]


def test_lines_that_differ_are_paired() -> None:
    assert differing_lines(["a", "b", "c"], ["a", "x", "c", "d"]) == [("b", "x"), ("", "d")]
    assert differing_lines(["a"], ["a"]) == []


@pytest.mark.parametrize("field", ["transcript", "log", "resets", "flash"])
def test_a_difference_in_any_field_is_found(field: str) -> None:
    other = replace(EVIDENCE, **{field: [*getattr(EVIDENCE, field), "more"]})
    comparison = compare((result(), result()), (EVIDENCE, other))
    assert not comparison.equal
    assert comparison.differing == {field: [("", "more")]}


def test_equal_runs_are_equal_and_a_missing_one_is_not() -> None:
    assert compare((result(), result()), (EVIDENCE, EVIDENCE)).equal
    assert not compare((result(), result("FAIL")), (EVIDENCE, EVIDENCE)).equal
    assert not compare((result(), result("FAIL", None)), (EVIDENCE, None)).equal


def test_reports(tmp_path: Path) -> None:
    comparisons = [
        compare((result(host_s=3.0), result(host_s=2.0)), (EVIDENCE, replace(EVIDENCE, log=["I bang"]))),
        compare((result(), result("FAIL", None)), (EVIDENCE, None)),
    ]
    console = Console(width=160, record=True, file=(tmp_path / "out").open("w"))
    console.print(table(comparisons, NAMES), side_by_side(comparisons[0], NAMES))
    text = console.export_text()
    assert "host time 1.50 : 1" in text
    assert "I boot" in text
    assert "I bang" in text
    write(comparisons, NAMES, tmp_path / "parity.json")
    first, second = json.loads((tmp_path / "parity.json").read_text())
    assert first["differing"] == {"log": [["I boot", "I bang"]]}
    assert first["host_s"] == {"renode": 3.0, "unicorn": 2.0}
    assert second["verdict"] == {"renode": "PASS", "unicorn": "FAIL"}


def test_no_evidence_is_none(tmp_path: Path) -> None:
    assert load(tmp_path) is None


def test_energy_and_signatures_do_not_matter_but_other_values_do() -> None:
    def event(energy: float, voltage: float, signed: str) -> list[str]:
        register = {"value": energy, "measurand": "Energy.Active.Import.Register"}
        register["signedMeterValue"] = {"signedMeterData": signed, "signingMethod": "ECDSA"}
        samples = [register, {"value": voltage, "measurand": "Voltage"}]
        payload = {"meterValue": [{"sampledValue": samples}]}
        return normalised_transcript(transcript([2, "a", "TransactionEvent", payload], start_ns=1))

    assert event(7, 230.0, "x") == event(8, 230.0, "y")
    assert event(7, 230.0, "x") != event(7, 231.0, "x")


@pytest.mark.parametrize(
    ("options", "among", "not_among"),
    [
        (["--variant", "secure"], {"TC_A_04_CS", "TC_L_01_CS", "TC_M_01_CS", "TC_N_25_CS"}, {"TC_B_01_CS"}),
        (["--variant", "secure", "--test", "TC_B_01_CS"], {"TC_B_01_CS"}, {"TC_A_04_CS"}),
        ([], {"TC_B_01_CS", "TC_A_09_CS"}, {"TC_A_04_CS", "TC_L_01_CS"}),
    ],
)
def test_scenarios_that_are_compared(
    options: list[str],
    among: set[str],
    not_among: set[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of another variant those that it adds, or those that are asked for; each on both emulators."""
    queued: list[tuple[str, str]] = []

    def queue_only(jobs: list[Job], *_: object) -> list[Result]:
        queued.extend((job.emulator, job.scenario.id) for job in jobs)
        return [result() for _ in jobs]

    monkeypatch.setattr(scenarios, "choose_emulator", lambda *_: "renode")
    monkeypatch.setattr(scenarios, "images_on", lambda *_: {"stm32f4_discovery": tmp_path})
    monkeypatch.setattr(scenarios, "run_all", queue_only)
    main(["parity", "--report", str(tmp_path), *options])
    by_emulator = {each: [name for emulator, name in queued if emulator == each] for each in NAMES}
    assert by_emulator["renode"] == by_emulator["unicorn"]
    assert among <= set(by_emulator["renode"])
    assert not not_among & set(by_emulator["renode"])
