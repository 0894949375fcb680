"""Each validation of the keywords about the station against messages that break it."""

from __future__ import annotations

from typing import Any

import pytest

from bench.keywords import Bench, complete_report, connector_reports
from tests.keywords.conftest import FakeRig, S

BOOT = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}


def status(evse: int, connector: int, state: str = "Available") -> dict[str, Any]:
    return {
        "timestamp": "2026-01-01T00:00:00Z",
        "evseId": evse,
        "connectorId": connector,
        "connectorStatus": state,
    }


def event(evse: int, connector: int, value: str = "Available", trigger: str = "Delta") -> dict[str, Any]:
    return {
        "generatedAt": "2026-01-01T00:00:00Z",
        "seqNo": 0,
        "eventData": [
            {
                "eventId": 1,
                "timestamp": "2026-01-01T00:00:00Z",
                "trigger": trigger,
                "actualValue": value,
                "eventNotificationType": "HardWiredNotification",
                "component": {"name": "Connector", "evse": {"id": evse, "connectorId": connector}},
                "variable": {"name": "AvailabilityState"},
            }
        ],
    }


def test_all_connectors_by_either_message(rig: FakeRig, bench: Bench) -> None:
    rig.say(1, "StatusNotification", status(1, 1))
    rig.say(2, "NotifyEvent", event(2, 1))
    bench.station_reports_all_connectors_as("Available")
    assert rig.now_ns == 2 * S


@pytest.mark.parametrize(
    ("action", "payload", "complaint"),
    [
        ("StatusNotification", status(2, 1, "Occupied"), "EVSE 2 connector 1 is reported as Occupied"),
        ("StatusNotification", status(2, 0), "EVSE 2 connector 0; neither may be 0"),
        ("StatusNotification", status(0, 1), "EVSE 0 connector 1; neither may be 0"),
        ("StatusNotification", status(3, 1), "EVSE 3 connector 1, which it does not have"),
        ("NotifyEvent", event(2, 1, trigger="Periodic"), "has trigger Periodic, not Delta"),
        ("NotifyEvent", event(2, 1, value="Faulted"), "EVSE 2 connector 1 is reported as Faulted"),
        ("Heartbeat", {}, "no report of all connectors as Available"),
    ],
)
def test_wrong_connector_report(
    rig: FakeRig, bench: Bench, action: str, payload: dict[str, Any], complaint: str
) -> None:
    rig.say(1, "StatusNotification", status(1, 1))
    rig.say(2, action, payload)
    with pytest.raises(AssertionError, match=complaint):
        bench.station_reports_all_connectors_as("Available")


def test_missing_second_evse(rig: FakeRig, bench: Bench) -> None:
    rig.say(1, "StatusNotification", status(1, 1))
    rig.say(2, "StatusNotification", status(1, 1))
    with pytest.raises(AssertionError, match="no report of all connectors as Available within 60 s"):
        bench.station_reports_all_connectors_as("Available")


def test_reports_that_may_have_come_answer_no_later_step(rig: FakeRig, bench: Bench) -> None:
    rig.say(1, "StatusNotification", status(1, 1, "Unavailable"))
    rig.say(2, "NotifyEvent", event(2, 1, "Unavailable"))
    rig.run_for(5)
    bench.connectors_were_at_most_reported_as("Unavailable")
    bench.connectors_were_at_most_reported_as("Unavailable")
    rig.say(6, "StatusNotification", status(1, 1))
    assert bench.connector_is_reported_as("Available", 1).at_ns == 6 * S


def test_other_reports_than_those_that_may_have_come(rig: FakeRig, bench: Bench) -> None:
    rig.say(1, "StatusNotification", status(1, 1, "Unavailable"))
    rig.say(2, "NotifyEvent", event(2, 1, "Faulted"))
    rig.run_for(5)
    with pytest.raises(AssertionError, match="EVSE 2 connector 1 is reported as Faulted at"):
        bench.connectors_were_at_most_reported_as("Unavailable")


def test_every_connector_at_any_time(rig: FakeRig, bench: Bench) -> None:
    rig.say(1, "StatusNotification", status(1, 1))
    rig.run_for(5)
    with pytest.raises(AssertionError, match="The station has never reported EVSE 2 connector 1"):
        bench.every_connector_has_been_reported()
    rig.say(6, "NotifyEvent", event(2, 1, value="Faulted"))
    rig.run_for(5)
    bench.every_connector_has_been_reported()


def test_events_of_other_variables_are_no_connector_reports() -> None:
    other = event(1, 1)
    other["eventData"][0]["variable"]["name"] = "Problem"
    assert connector_reports("NotifyEvent", other) == []


@pytest.mark.parametrize("intruder", ["Heartbeat", "StatusNotification", "BootNotification"])
def test_silence_is_broken_by_any_message(rig: FakeRig, bench: Bench, intruder: str) -> None:
    rig.say(1, "BootNotification", BOOT)
    rig.say(20, intruder, {"Heartbeat": {}, "StatusNotification": status(1, 1)}.get(intruder, BOOT))
    rig.say(61, "BootNotification", BOOT)
    first = bench.station_sends("BootNotification")
    rig.run_for(100)
    last = rig.session.requests("BootNotification")[-1]
    with pytest.raises(AssertionError, match=f"{intruder}.* in an interval in which it must be silent"):
        bench.station_sent_nothing_between(first, last)


def test_silence_is_broken_by_an_answer_too(rig: FakeRig, bench: Bench) -> None:
    rig.say(1, "BootNotification", BOOT)
    rig.plan(2, lambda: [3, "unknown", {}])
    rig.say(61, "BootNotification", BOOT)
    first = bench.station_sends("BootNotification")
    last = bench.station_sends("BootNotification", within=100)
    with pytest.raises(AssertionError, match="must be silent"):
        bench.station_sent_nothing_between(first, last)


def test_silence_that_was_kept(rig: FakeRig, bench: Bench) -> None:
    rig.say(1, "BootNotification", BOOT)
    rig.say(61, "BootNotification", BOOT)
    first = bench.station_sends("BootNotification")
    last = bench.station_sends("BootNotification", within=100)
    bench.station_sent_nothing_between(first, last)
    assert bench.seconds_from(first, last) == 60


def test_step_takes_each_request_once_and_only_new_ones(rig: FakeRig, bench: Bench) -> None:
    rig.say(1, "Heartbeat", {})
    rig.say(2, "Heartbeat", {})
    assert bench.station_sends("Heartbeat").at_ns == S
    assert bench.station_sends("Heartbeat").at_ns == 2 * S
    with pytest.raises(AssertionError, match="no HeartbeatRequest within 5 s"):
        bench.station_sends("Heartbeat", within=5)


def test_heartbeat_before_the_response_breaks_the_order(rig: FakeRig, bench: Bench) -> None:
    rig.say(1, "Heartbeat", {})
    rig.answer(2, lambda identifier: [3, identifier, {"status": "Accepted"}])
    response = bench.csms_sends("TriggerMessage", requestedMessage="Heartbeat")
    heartbeat = bench.station_sends("Heartbeat")
    with pytest.raises(AssertionError, match="was sent before"):
        bench.comes_before(response, heartbeat)
    bench.comes_before(heartbeat, response)


def test_result_instead_of_an_error_and_the_other_way(rig: FakeRig, bench: Bench) -> None:
    base = {"requestId": 1, "reportBase": "FullInventory"}
    rig.answer(1, lambda identifier: [3, identifier, {"status": "Accepted"}])
    with pytest.raises(AssertionError, match="not a CALLERROR"):
        bench.csms_sends_and_gets_an_error("GetBaseReport", **base)
    rig.answer(2, lambda identifier: [4, identifier, "SecurityError", "rejected", {}])
    with pytest.raises(AssertionError, match="SecurityError: rejected"):
        bench.csms_sends("GetBaseReport", **base)


def test_no_answer_at_all(bench: Bench) -> None:
    with pytest.raises(AssertionError, match="no answer to TriggerMessage"):
        bench.csms_sends("TriggerMessage", requestedMessage="Heartbeat")


def test_other_actions_are_named(rig: FakeRig, bench: Bench) -> None:
    rig.say(1, "BootNotification", BOOT)
    rig.say(2, "Heartbeat", {})
    rig.run_for(3)
    bench.station_sent_only("BootNotification", "Heartbeat")
    with pytest.raises(
        AssertionError, match=r"sent .*Heartbeat.*, allowed were BootNotification, NotifyReport"
    ):
        bench.station_sent_only("BootNotification", "NotifyReport")


def part(number: int, tbc: bool | None) -> dict[str, Any]:
    last = {} if tbc is None else {"tbc": tbc}
    return {
        "requestId": 7,
        "generatedAt": "2026-01-01T00:00:00Z",
        "seqNo": number,
        "reportData": [number],
    } | last


def test_report_parts() -> None:
    assert complete_report([part(0, True), part(1, True), part(2, None)]) == [0, 1, 2]
    assert complete_report([part(0, True)]) == []
    with pytest.raises(AssertionError, match=r"numbered \[0, 2\]"):
        complete_report([part(0, True), part(2, False)])
    with pytest.raises(AssertionError, match=r"numbered \[1\]"):
        complete_report([part(1, False)])
    with pytest.raises(AssertionError, match="1 says it is the last one, but 3"):
        complete_report([part(0, True), part(1, False), part(2, False)])


def test_scenario_without_a_station_says_what_to_do() -> None:
    with pytest.raises(AssertionError, match="`Prepare The Station` comes first"):
        Bench().power_up_the_station()
