"""Paths and expectations, each met and missed."""

from __future__ import annotations

from typing import Any

import pytest

from bench.keywords.fields import MISSING, mismatches, value_at

EVENT = {
    "eventType": "Updated",
    "seqNo": 3,
    "offline": False,
    "transactionInfo": {"transactionId": "t1", "chargingState": "Charging", "stoppedReason": ""},
    "meterValue": [
        {
            "sampledValue": [
                {"context": "Transaction.Begin", "value": 1.5},
                {"context": "Sample.Periodic", "value": 2},
            ]
        },
        {"sampledValue": [{"context": "Transaction.Begin", "value": 3}]},
    ],
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("eventType", "Updated"),
        ("eventType", "Started or Updated"),
        ("eventType", "not Started"),
        ("eventType", "not Started or Ended"),
        ("eventType", ["Started", "Updated"]),
        ("seqNo", "3"),
        ("seqNo", 3),
        ("seqNo", "present"),
        ("offline", "false"),
        ("offline", False),
        ("transactionInfo.chargingState", "Charging"),
        ("transactionInfo.stoppedReason", "present"),
        ("idToken.idToken", "omitted"),
        ("idToken", None),
        ("idToken.idToken", "omitted or AA"),
        ("evse.id", "not 0"),
        ("meterValue[0].sampledValue[1].value", "2"),
        ("meterValue[*].sampledValue[?].context", "Transaction.Begin"),
        ("meterValue[*].sampledValue[*].value", "present"),
        ("meterValue[2]", "omitted"),
    ],
)
def test_met(path: str, expected: Any) -> None:
    assert mismatches(EVENT, {path: expected}) == []


@pytest.mark.parametrize(
    ("path", "expected", "complaint"),
    [
        ("eventType", "Ended", "eventType is Updated, expected Ended"),
        ("eventType", "not Updated", "eventType is Updated, expected not Updated"),
        ("eventType", None, "eventType is Updated, expected omitted"),
        ("seqNo", "4", "seqNo is 3, expected 4"),
        ("seqNo", "true", "seqNo is 3, expected true"),
        ("offline", "0", "offline is false, expected 0"),
        ("offline", 0, "offline is false, expected 0"),
        ("transactionInfo.stoppedReason", "Local or omitted", 'is "", expected Local or omitted'),
        ("idToken.idToken", "AA", "idToken.idToken is omitted, expected AA"),
        ("seqNo.deeper", "1", "seqNo.deeper is omitted, expected 1"),
        (
            "meterValue[*].sampledValue[*].context",
            "Transaction.Begin",
            "meterValue[0].sampledValue[1].context is Sample.Periodic, expected Transaction.Begin",
        ),
        (
            "meterValue[1].sampledValue[?].context",
            "Sample.Periodic",
            "[0].context is Transaction",
        ),
        ("meterValue[0].sampledValue[?].context", "Transaction.End", "none of 2: "),
        ("customData[*].vendorId", "V", "customData is omitted, expected at least one element"),
    ],
)
def test_missed(path: str, expected: Any, complaint: str) -> None:
    (text,) = mismatches(EVENT, {path: expected})
    assert complaint in text


def test_value_at() -> None:
    assert value_at(EVENT, "transactionInfo.transactionId") == "t1"
    assert value_at(EVENT, "meterValue[*].sampledValue[0].value") == [1.5, 3]
    assert value_at(EVENT, "evse.id") is MISSING


@pytest.mark.parametrize("path", ["", "a[x]", "a[", "[]"])
def test_no_path(path: str) -> None:
    with pytest.raises(AssertionError, match="is no path of a field"):
        mismatches(EVENT, {path: "1"})
