"""What the keywords about transactions demand, and what they do not let pass."""

from __future__ import annotations

from typing import Any

import pytest

from bench.keywords import Bench
from bench.keywords.transactions import sequence_errors
from tests.keywords.conftest import FakeRig, S

TOKEN = {"idToken": "AA", "type": "ISO14443"}


def event(kind: str, trigger: str, state: str, number: int, **more: Any) -> dict[str, Any]:
    info = {"transactionId": more.pop("transaction", "t1"), "chargingState": state} | more.pop("info", {})
    return {
        "eventType": kind,
        "timestamp": f"2026-01-01T00:00:{number:02d}Z",
        "triggerReason": trigger,
        "seqNo": number,
        "transactionInfo": info,
    } | more


def evse(number: int) -> dict[str, Any]:
    return {"evse": {"id": number, "connectorId": 1}}


def test_a_session_from_cable_to_end(rig: FakeRig, bench: Bench) -> None:
    rig.say(1, "TransactionEvent", event("Started", "CablePluggedIn", "EVConnected", 0, **evse(1)))
    rig.say(2, "TransactionEvent", event("Updated", "Authorized", "EVConnected", 1, idToken=TOKEN))
    rig.say(3, "TransactionEvent", event("Updated", "ChargingStateChanged", "SuspendedEV", 2))
    rig.say(4, "TransactionEvent", event("Updated", "MeterValuePeriodic", "SuspendedEV", 3))
    rig.say(5, "TransactionEvent", event("Updated", "ChargingStateChanged", "Charging", 4))
    rig.say(6, "TransactionEvent", event("Ended", "StopAuthorized", "EVConnected", 5))
    bench.note_that_ev_is_connected(1)
    assert bench.transaction_event_is_due(1, "EVConnected")
    bench.station_sends_transaction_event(1, triggerReason="CablePluggedIn")
    bench.note_authorization(1, "AA", "ISO14443")
    assert bench.transaction_event_is_due(1)
    bench.station_sends_transaction_event(1, triggerReason="Authorized")
    message = bench.station_sends_transaction_event(
        1, pass_over="ChargingStateChanged", **{"transactionInfo.chargingState": "Charging"}
    )
    assert message.at_ns == 5 * S
    with pytest.raises(AssertionError, match="No transaction of EVSE 1 has ended"):
        bench.transaction_should_have_ended(1)
    bench.station_sends_transaction_event(1, eventType="Ended")
    bench.transaction_should_have_ended(1)
    bench.transaction_is_complete("t1")
    assert not bench.transaction_event_is_due(1, "Authorized")


def test_an_event_that_does_not_fit_is_not_skipped(rig: FakeRig, bench: Bench) -> None:
    rig.say(1, "TransactionEvent", event("Started", "Authorized", "Idle", 0))
    rig.say(2, "TransactionEvent", event("Updated", "CablePluggedIn", "EVConnected", 1))
    with pytest.raises(AssertionError) as failure:
        bench.station_sends_transaction_event(1, triggerReason="CablePluggedIn")
    text = str(failure.value)
    assert "TransactionEventRequest at 1.000 s: triggerReason is Authorized, expected CablePluggedIn" in text
    assert (
        "=>     1.000 s station > TransactionEventRequest eventType=Started triggerReason=Authorized" in text
    )


@pytest.mark.parametrize(
    ("first", "complaint"),
    [
        (
            event("Updated", "CablePluggedIn", "EVConnected", 0, **evse(1)),
            "eventType is Updated, expected Started",
        ),
        (event("Started", "CablePluggedIn", "EVConnected", 0), "evse.id is omitted, expected 1"),
        (
            event("Started", "CablePluggedIn", "EVConnected", 0, evse={"id": 1}),
            "evse.connectorId is omitted, expected present",
        ),
    ],
)
def test_what_the_first_event_after_connecting_needs(
    rig: FakeRig, bench: Bench, first: dict[str, Any], complaint: str
) -> None:
    bench.note_that_ev_is_connected(1)
    rig.say(1, "TransactionEvent", first)
    with pytest.raises(AssertionError, match=complaint):
        bench.station_sends_transaction_event(1, triggerReason="CablePluggedIn")


def test_first_event_after_authorization_has_the_token(rig: FakeRig, bench: Bench) -> None:
    bench.note_authorization(1, "AA", "ISO14443")
    rig.say(
        1, "TransactionEvent", event("Started", "Authorized", "Idle", 0, idToken=TOKEN | {"idToken": "BB"})
    )
    with pytest.raises(AssertionError, match=r"idToken.idToken is BB, expected AA"):
        bench.station_sends_transaction_event(1, triggerReason="Authorized")


def test_remote_start_overrules_the_step(rig: FakeRig, bench: Bench) -> None:
    started = event("Started", "RemoteStart", "Idle", 0, idToken=TOKEN, info={"remoteStartId": 7})
    rig.say(1, "TransactionEvent", started)
    bench.note_authorization(1, "AA", "ISO14443", 7)
    bench.station_sends_transaction_event(1, triggerReason="Authorized")
    bench.charging_session_is_over(1)
    rig.say(
        2, "TransactionEvent", event("Started", "RemoteStart", "Idle", 0, idToken=TOKEN, transaction="t2")
    )
    bench.note_authorization(1, "AA", "ISO14443", 8)
    with pytest.raises(AssertionError, match="remoteStartId is omitted, expected 8"):
        bench.station_sends_transaction_event(1, triggerReason="Authorized")


def test_two_evses_do_not_mix(rig: FakeRig, bench: Bench) -> None:
    rig.say(
        1,
        "TransactionEvent",
        event("Started", "CablePluggedIn", "EVConnected", 0, **evse(2), transaction="b"),
    )
    rig.say(
        2,
        "TransactionEvent",
        event("Started", "CablePluggedIn", "EVConnected", 0, **evse(1), transaction="a"),
    )
    rig.say(3, "TransactionEvent", event("Ended", "EVCommunicationLost", "Idle", 1, transaction="b"))
    rig.say(4, "TransactionEvent", event("Updated", "Authorized", "EVConnected", 1, transaction="a"))
    bench.station_sends_transaction_event(1, triggerReason="CablePluggedIn")
    assert bench.station_sends_transaction_event(1).at_ns == 4 * S
    bench.station_sends_transaction_event(2, triggerReason="CablePluggedIn")
    assert bench.station_sends_transaction_event(2, eventType="Ended").at_ns == 3 * S
    assert (bench.transaction_id(1), bench.transaction_id(2)) == ("a", "b")


def test_no_event_and_optional_event(rig: FakeRig, bench: Bench) -> None:
    rig.say(5, "TransactionEvent", event("Started", "CablePluggedIn", "EVConnected", 0))
    bench.station_sends_no_transaction_event(4)
    assert rig.now_ns == 4 * S
    assert bench.station_may_send_transaction_event(triggerReason="Authorized") is None
    with pytest.raises(AssertionError, match=r"must not send .*CablePluggedIn"):
        bench.station_sends_no_transaction_event(1)
    assert bench.station_may_send_transaction_event(triggerReason="CablePluggedIn")
    bench.station_sends_no_transaction_event(10)


def test_no_event_of_a_second_transaction_either(rig: FakeRig, bench: Bench) -> None:
    rig.say(1, "TransactionEvent", event("Started", "CablePluggedIn", "EVConnected", 0, **evse(1)))
    bench.station_sends_transaction_event(1, triggerReason="CablePluggedIn")
    second = event("Started", "Authorized", "EVConnected", 0, transaction="t2", idToken=TOKEN, **evse(1))
    rig.say(2, "TransactionEvent", second)
    with pytest.raises(AssertionError, match=r"must not send .*Authorized"):
        bench.station_sends_no_transaction_event(5)


def test_none_in_time_tells_the_story(rig: FakeRig, bench: Bench) -> None:
    rig.say(1, "Heartbeat", {})
    with pytest.raises(AssertionError) as failure:
        bench.station_sends_transaction_event(1, within=3, triggerReason="Authorized")
    text = str(failure.value)
    assert "no TransactionEventRequest of EVSE 1 (triggerReason Authorized) within 3 s" in text
    assert "1.000 s station > HeartbeatRequest" in text


def test_start_and_stop_points_follow_what_was_set(rig: FakeRig, bench: Bench) -> None:
    assert bench.tx_start_point_has("Authorized")
    result = {
        "attributeStatus": "Accepted",
        "component": {"name": "TxCtrlr"},
        "variable": {"name": "TxStartPoint"},
    }
    rig.answer(1, lambda identifier: [3, identifier, {"setVariableResult": [result]}])
    bench.configuration_state(**{"TxCtrlr.TxStartPoint": "PowerPathClosed"})
    assert not bench.tx_start_point_has("Authorized", "EVConnected")
    assert bench.tx_start_point_has("PowerPathClosed")
    assert bench.tx_stop_point_has("EVConnected")
    rejected = result | {"attributeStatus": "Rejected"}
    rig.answer(2, lambda identifier: [3, identifier, {"setVariableResult": [rejected]}])
    with pytest.raises(AssertionError, match=r"TxCtrlr.TxStartPoint was not set but Rejected"):
        bench.configuration_state(**{"TxCtrlr.TxStartPoint": "Authorized"})
    assert bench.tx_start_point_has("PowerPathClosed")


def test_reset_of_the_station_is_expected_when_accepted(rig: FakeRig, bench: Bench) -> None:
    rig.answer(1, lambda identifier: [3, identifier, {"status": "Rejected"}])
    with pytest.raises(AssertionError, match="status is Rejected, expected Accepted"):
        bench.csms_sends_and_gets("Reset", type="Immediate")
    assert rig.expected_resets == 0
    rig.answer(2, lambda identifier: [3, identifier, {"status": "Accepted"}])
    bench.csms_sends_and_gets("Reset", type="Immediate")
    rig.answer(3, lambda identifier: [3, identifier, {"status": "Accepted"}])
    bench.csms_sends_and_gets("Reset", type="Immediate", evseId=1)
    assert rig.expected_resets == 1


def numbered(*events: tuple[str, int]) -> list[dict[str, Any]]:
    return [event(kind, "Trigger", "Idle", number) for kind, number in events]


@pytest.mark.parametrize(
    ("events", "complaint"),
    [
        ([("Started", 0), ("Updated", 1), ("Ended", 2)], ""),
        ([("Ended", 2), ("Started", 0), ("Updated", 1)], ""),
        ([("Started", 0), ("Started", 0), ("Updated", 1)], ""),
        ([("Started", 0), ("Ended", 2)], "seqNo 1 never came, but 2 did"),
        ([("Started", 1)], "seqNo 0 never came"),
        ([("Started", 0), ("Started", 1)], "more than one event is Started"),
        ([("Updated", 0)], "the first event is Updated, not Started"),
        ([("Started", 0), ("Ended", 1), ("Updated", 2)], "an event follows the one that is Ended"),
        ([("Started", 0), ("Ended", 0)], "seqNo 0 stands for two events"),
    ],
)
def test_sequence(events: list[tuple[str, int]], complaint: str) -> None:
    found = sequence_errors(numbered(*events))
    assert complaint in "; ".join(found) if complaint else found == []
