"""What the CSMS of a scenario says, and what the keywords make of the station's requests."""

from __future__ import annotations

import pytest

from bench.keywords import Bench
from tests.keywords.conftest import FakeRig, S
from tests.keywords.test_station import status


def authorize(token: str) -> dict[str, dict[str, str]]:
    return {"idToken": {"idToken": token, "type": "ISO14443"}}


def test_answers_by_token_and_action(rig: FakeRig, bench: Bench) -> None:
    bench.csms_knows_id_token("BB", "Blocked", groupIdToken={"idToken": "G", "type": "Central"})
    bench.csms_answers_id_token("Authorize", "aa", "Expired")
    for at_s, token in enumerate(("AA", "BB", "CC"), 1):
        rig.say(at_s, "Authorize", authorize(token))
    infos = [bench.answer_to(bench.station_sends("Authorize")).payload["idTokenInfo"] for _ in range(3)]
    assert [info["status"] for info in infos] == ["Expired", "Blocked", "Unknown"]
    assert infos[1]["groupIdToken"]["idToken"] == "G"
    bench.csms_answers_as_usual("Authorize")
    rig.say(5, "Authorize", authorize("AA"))
    answer = bench.answer_to(bench.station_sends("Authorize"))
    assert answer.payload == {"idTokenInfo": {"status": "Accepted"}}


def test_withheld_answer_comes_at_last(rig: FakeRig, bench: Bench) -> None:
    bench.csms_withholds_answers("Authorize", times=1)
    rig.say(1, "Authorize", authorize("AA"))
    request = bench.station_sends("Authorize")
    rig.run_for(5)
    assert rig.session.unanswered == [request]
    bench.csms_answers_at_last(request)
    answer = bench.answer_to(request)
    assert answer.at_ns == 6 * S
    with pytest.raises(AssertionError, match="no unanswered CALL"):
        bench.csms_answers_at_last(request)


def test_fields_of_a_request(rig: FakeRig, bench: Bench) -> None:
    rig.say(1, "Authorize", authorize("BB"))
    with pytest.raises(AssertionError, match=r"idToken.idToken is BB, expected AA") as failure:
        bench.station_sends("Authorize", **{"idToken.idToken": "AA"})
    assert "AuthorizeRequest at 1.000 s" in str(failure.value)


def test_request_that_must_not_come(rig: FakeRig, bench: Bench) -> None:
    rig.say(1, "StatusNotification", status(1, 1))
    rig.say(3, "StatusNotification", status(2, 1))
    bench.station_sends_no("StatusNotification", 2, evseId=2)
    with pytest.raises(AssertionError, match=r"must not send 3.000 s station > StatusNotificationRequest"):
        bench.station_sends_no("StatusNotification", 2, evseId=2)


def test_one_connector_among_others(rig: FakeRig, bench: Bench) -> None:
    rig.say(1, "StatusNotification", status(2, 1, "Occupied"))
    rig.say(2, "StatusNotification", status(1, 1, "Occupied"))
    rig.say(3, "StatusNotification", status(1, 1, "Available"))
    bench.connector_is_reported_as("Occupied", 1)
    bench.connector_is_reported_as("Occupied", 2)
    with pytest.raises(AssertionError, match=r"EVSE 1 .* is reported as Available at 3.000 s, not Faulted"):
        bench.connector_is_reported_as("Faulted", 1)
    with pytest.raises(AssertionError, match="no report of EVSE 2 connector 1 as Available within 5 s"):
        bench.connector_is_reported_as("Available", 2, within=5)


def test_request_that_may_come(rig: FakeRig, bench: Bench) -> None:
    rig.say(1, "StatusNotification", status(1, 1))
    assert bench.station_may_send("StatusNotification", evseId=2) is None
    assert bench.station_may_send("StatusNotification", evseId=1)
    assert bench.station_may_send("StatusNotification") is None


@pytest.mark.parametrize("name", ["TxCtrlr", ".TxStartPoint", "TxCtrlr."])
def test_no_variable(bench: Bench, name: str) -> None:
    with pytest.raises(AssertionError, match=r"is no variable, as TxCtrlr.TxStartPoint is"):
        bench.configuration_state(**{name: "1"})


def test_payload_that_no_schema_allows(bench: Bench) -> None:
    with pytest.raises(AssertionError, match="ResetRequest is not valid"):
        bench.csms_sends("Reset", type="Later")


def test_story_shows_what_is_near_the_message(rig: FakeRig, bench: Bench) -> None:
    for at_s in range(1, 13):
        rig.say(at_s, "StatusNotification", status(1, 1))
    rig.run_for(20)
    with pytest.raises(AssertionError) as failure:
        bench.station_sends("StatusNotification", evseId=2)
    text = str(failure.value)
    assert "StatusNotificationRequest at 1.000 s: evseId is 1, expected 2" in text
    assert "What happened about then:" in text
    assert "=>     1.000 s station > StatusNotificationRequest evseId=1 connectorId=1" in text
    assert "12.000 s" not in text


def test_set_variables_are_told_by_name_and_value(rig: FakeRig, bench: Bench) -> None:
    rig.answer(1, lambda identifier: [4, identifier, "InternalError", "no", {}])
    variables = {"TxCtrlr.TxStartPoint": "Authorized", "TxCtrlr.TxStopPoint": "EVConnected"}
    with pytest.raises(AssertionError, match="InternalError: no"):
        bench.configuration_state(**variables)
    story = bench.sequence_of_messages()
    assert (
        "SetVariablesRequest variable=TxStartPoint,TxStopPoint attributeValue=Authorized,EVConnected" in story
    )
    assert "CALLERROR InternalError to SetVariables" in story
