"""Violations are found and named: path, value, rule."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms_stub import schemas

STATUS = {
    "timestamp": "2026-01-01T00:00:00.000Z",
    "connectorStatus": "Available",
    "evseId": 1,
    "connectorId": 1,
}
SAMPLED = {"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [{"value": 1.5}]}


def test_all_actions_have_both_schemas() -> None:
    assert len(schemas.ACTIONS) == 64
    assert schemas.STATION_ACTIONS < schemas.ACTIONS
    for action in schemas.ACTIONS:
        schemas.check(action, "Request", {})
        schemas.check(action, "Response", {})


@pytest.mark.parametrize(
    ("path", "value", "expected", "code"),
    [
        ("evseId", "1", '$.evseId = "1": is no integer', "TypeConstraintViolation"),
        ("evseId", 1.0, "$.evseId = 1.0: is no integer", "TypeConstraintViolation"),
        ("evseId", True, "$.evseId = true: is no integer", "TypeConstraintViolation"),
        (
            "evseId",
            2**31,
            "$.evseId = 2147483648: does not fit a 32 bit integer",
            "PropertyConstraintViolation",
        ),
        (
            "connectorStatus",
            "Charging",
            '$.connectorStatus = "Charging": is none of Available, Occupied, Reserved, Unavailable, Faulted',
            "PropertyConstraintViolation",
        ),
        ("foo", 5, "$.foo = 5: is not defined here", "FormatViolation"),
        (
            "timestamp",
            "2026-01-01",
            '$.timestamp = "2026-01-01": is no RFC 3339 date-time with at most 3 decimals of a second',
            "PropertyConstraintViolation",
        ),
        ("customData", {}, "$.customData.vendorId = (missing): is required", "OccurrenceConstraintViolation"),
    ],
)
def test_each_kind_of_violation_is_named(path: str, value: Any, expected: str, code: str) -> None:
    (violation,) = schemas.check("StatusNotification", "Request", STATUS | {path: value})
    assert (str(violation), violation.code) == (expected, code)


def test_missing_members_are_named_one_by_one() -> None:
    assert schemas.validate("StatusNotification", "Request", {"evseId": 1, "connectorId": 1}) == [
        "$.connectorStatus = (missing): is required",
        "$.timestamp = (missing): is required",
    ]


def test_paths_lead_into_arrays() -> None:
    payload = {"evseId": 1, "meterValue": [SAMPLED, {**SAMPLED, "sampledValue": [{"value": "1"}]}]}
    assert schemas.validate("MeterValues", "Request", payload) == [
        '$.meterValue[1].sampledValue[0].value = "1": is no number'
    ]
    payload = {"evseId": 1, "meterValue": []}
    assert schemas.validate("MeterValues", "Request", payload) == [
        "$.meterValue = []: has 0 items, at least 1 are allowed"
    ]


def test_decimals_and_identifiers_are_checked() -> None:
    payload = copy.deepcopy({"evseId": 1, "meterValue": [SAMPLED]})
    payload["meterValue"][0]["sampledValue"][0]["value"] = 0.1234567  # type: ignore[index]
    assert schemas.validate("MeterValues", "Request", payload) == [
        "$.meterValue[0].sampledValue[0].value = 0.1234567: has more than 6 decimal places"
    ]
    token = {"idToken": {"idToken": "a b", "type": "Central"}}
    assert schemas.validate("Authorize", "Request", token) == [
        '$.idToken.idToken = "a b": has a character outside identifierString'
    ]


def test_names_in_the_device_model_are_identifiers() -> None:
    wanted = {"component": {"name": "A B"}, "variable": {"name": "x", "instance": "y/z"}}
    assert schemas.validate("GetVariables", "Request", {"getVariableData": [wanted]}) == [
        '$.getVariableData[0].component.name = "A B": has a character outside identifierString',
        '$.getVariableData[0].variable.instance = "y/z": has a character outside identifierString',
    ]


def test_what_vendors_put_into_data_is_theirs() -> None:
    payload = {
        "vendorId": "v",
        "data": {"n": 2**40, "f": 0.123456789},
        "customData": {"vendorId": "v", "x": 2**40},
    }
    assert schemas.validate("DataTransfer", "Request", payload) == []


@pytest.mark.parametrize("payload", [None, [], "x", 5, True])
def test_a_payload_must_be_an_object(payload: Any) -> None:
    assert "is no object" in schemas.validate("Heartbeat", "Request", payload)[0]


def test_unknown_action_is_a_violation() -> None:
    assert schemas.validate("Nope", "Request", {}) == ["$ = {}: unknown action 'Nope'"]


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("2026-01-01T00:00:00Z", True),
        ("2026-01-01t00:00:00z", True),
        ("2019-12-19T16:39:57+01:00", True),
        ("2019-04-12T23:20:50.52Z", True),
        ("2016-12-31T23:59:60Z", True),
        ("2024-02-29T00:00:00.123-23:59", True),
        ("2026-01-01T00:00:00.1234Z", False),
        ("2026-01-01T00:00:00", False),
        ("2026-01-01", False),
        ("2026-02-29T00:00:00Z", False),
        ("2026-13-01T00:00:00Z", False),
        ("2026-01-01T24:00:00Z", False),
        ("2026-01-01T00:00:61Z", False),
        ("2026-01-01T00:00:00+24:00", False),
        ("2026-01-01T00:00:00+0100", False),
        ("2026-01-01T00:00Z", False),
        ("20260101T000000Z", False),
        ("2026-01-01T00:00:00.Z", False),
        ("２０26-01-01T00:00:00Z", False),  # noqa: RUF001
        ("2026-01-01T00:00:00Z\n", False),
    ],
)
def test_date_time(text: str, valid: bool) -> None:
    assert schemas.is_date_time(text) is valid


_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
)


@given(st.sampled_from(sorted(schemas.ACTIONS)), st.sampled_from(["Request", "Response"]), _json)
def test_checking_never_raises(action: str, kind: schemas.Kind, payload: Any) -> None:
    for line in schemas.validate(action, kind, payload):
        assert line.startswith("$")
