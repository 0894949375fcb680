"""What a report of the device model may not get wrong, and how results are matched to what was asked."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from bench.keywords import Bench
from tests.keywords.conftest import FakeRig

LISTING = str(Path(__file__).parents[2] / "robot" / "resources" / "variables.csv")
GOOD: dict[str, Any] = {
    "component": {"name": "TxCtrlr"},
    "variable": {"name": "TxStopPoint"},
    "variableAttribute": [{"mutability": "ReadWrite", "persistent": True, "value": "Authorized"}],
    "variableCharacteristics": {
        "dataType": "MemberList",
        "supportsMonitoring": False,
        "valuesList": "Authorized,EVConnected",
    },
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """GOOD with another value at a path; None takes the member away."""
    data = copy.deepcopy(GOOD)
    *way, last = path.split(".")
    inner: Any = data
    for name in way:
        inner = inner[0] if name == "0" else inner[name]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return data


def test_faultless_variable(bench: Bench) -> None:
    bench.report_follows_the_standard([GOOD], LISTING)


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("variableCharacteristics", None, "has no variableCharacteristics"),
        ("variableCharacteristics.dataType", "string", "is a string, not a MemberList"),
        ("variableCharacteristics.valuesList", None, "with no valuesList"),
        ("variableCharacteristics.valuesList", "Authorized,Nonsense", "allows Nonsense"),
        ("variableAttribute.0.mutability", "WriteOnly", "is WriteOnly, not ReadOnly or ReadWrite"),
        ("variableAttribute.0.mutability", "WriteOnly", "is WriteOnly and has a value"),
        ("variableAttribute.0.persistent", False, "not persistent"),
        ("variableAttribute.0.value", None, "has no value"),
        ("variableAttribute.0.value", "DataSigned", "DataSigned not in valuesList"),
        ("variableAttribute.0.value", "Authorized,Authorized", "the same more than once"),
    ],
)
def test_faults(bench: Bench, path: str, value: Any, fault: str) -> None:
    with pytest.raises(AssertionError, match=f"TxCtrlr.TxStopPoint .*{fault}"):
        bench.report_follows_the_standard([changed(path, value)], LISTING)


@pytest.mark.parametrize(
    ("kind", "value", "limits", "fault"),
    [
        ("integer", "1.5", {}, "not integer"),
        ("integer", "5", {"minLimit": 6}, "below minLimit 6"),
        ("decimal", "5.5", {"maxLimit": 5.4}, "above maxLimit 5.4"),
        ("boolean", "True", {}, "not boolean"),
        ("dateTime", "noon", {}, "not dateTime"),
        ("string", "abc", {"maxLimit": 2}, "above maxLimit 2"),
        ("OptionList", "a,b", {"valuesList": "a,b"}, "an OptionList has one value"),
    ],
)
def test_values_against_their_type(
    bench: Bench, kind: str, value: str, limits: dict[str, Any], fault: str
) -> None:
    data = {
        "component": {"name": "Other"},
        "variable": {"name": "Own"},
        "variableAttribute": [{"mutability": "ReadOnly", "value": value}],
        "variableCharacteristics": {"dataType": kind, "supportsMonitoring": False, **limits},
    }
    with pytest.raises(AssertionError, match=f"Other.Own has the value '{value}': {fault}"):
        bench.report_follows_the_standard([data], LISTING)


def test_limit_that_the_standard_wants(bench: Bench) -> None:
    data = {
        "component": {"name": "AuthCtrlr"},
        "variable": {"name": "MasterPassGroupId"},
        "variableAttribute": [{"mutability": "ReadWrite", "persistent": True, "value": ""}],
        "variableCharacteristics": {"dataType": "string", "supportsMonitoring": False},
    }
    with pytest.raises(AssertionError, match="has no maxLimit"):
        bench.report_follows_the_standard([data], LISTING)
    data["variableCharacteristics"]["maxLimit"] = 37
    with pytest.raises(AssertionError, match="has maxLimit 37, beyond 36"):
        bench.report_follows_the_standard([data], LISTING)


def test_variable_reported_twice(bench: Bench) -> None:
    with pytest.raises(AssertionError, match=r"TxCtrlr\.TxStopPoint is reported twice"):
        bench.report_follows_the_standard([GOOD, GOOD], LISTING)


def test_missing_variables_are_named(bench: Bench) -> None:
    with pytest.raises(AssertionError) as failure:
        bench.report_holds_the_required_variables([GOOD], LISTING)
    for name in ("TxCtrlr.TxStartPoint", "EVSE 2.Power", "Connector 1 1.ConnectorType"):
        assert name in str(failure.value)
    assert "MessageTimeout[Default]" in str(failure.value)
    assert "TxStopPoint" not in str(failure.value)
    with pytest.raises(AssertionError) as failure:
        bench.report_holds_the_required_variables([GOOD], LISTING, only_settable=True)
    assert "BasicAuthPassword" in str(failure.value)
    assert "ConnectorType" not in str(failure.value)


def test_mutability_of_a_whole_report(bench: Bench) -> None:
    bench.report_holds_only([GOOD], "ReadWrite", "WriteOnly")
    with pytest.raises(AssertionError, match=r"TxCtrlr\.TxStopPoint is ReadWrite"):
        bench.report_holds_only([GOOD], "ReadOnly")


def result(name: str, **more: str) -> dict[str, Any]:
    place = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": name}}
    return {"attributeStatus": "Accepted", "attributeType": "Actual", **place, **more}


def test_results_are_matched_in_any_order(rig: FakeRig, bench: Bench) -> None:
    found = [result("B"), result("A")]
    rig.answer(1, lambda mid: [3, mid, {"getVariableResult": found}])
    results = bench.results_of_get_variables("OCPPCommCtrlr.A", "OCPPCommCtrlr.B", attribute="Actual")
    assert [r["variable"]["name"] for r in results] == ["A", "B"]


@pytest.mark.parametrize(
    "found",
    [
        [result("A")],
        [result("A"), result("A")],
        [result("A"), result("C")],
        [result("A"), result("B", attributeType="Target")],
        [result("A"), result("B"), result("C")],
    ],
)
def test_results_that_do_not_match(rig: FakeRig, bench: Bench, found: list[dict[str, Any]]) -> None:
    rig.answer(1, lambda mid: [3, mid, {"setVariableResult": found}])
    with pytest.raises(AssertionError, match="result"):
        bench.results_of_set_variables("OCPPCommCtrlr.A=1", "OCPPCommCtrlr.B=2")


def test_attribute_type_comes_back_though_it_was_not_asked_for(rig: FakeRig, bench: Bench) -> None:
    silent = result("A")
    del silent["attributeType"]
    rig.answer(1, lambda mid: [3, mid, {"getVariableResult": [silent]}])
    with pytest.raises(AssertionError, match=r"0 results for OCPPCommCtrlr\.A, attributeType Actual"):
        bench.results_of_get_variables("OCPPCommCtrlr.A")
