"""OCPP-J as the CSMS speaks and checks it (Part 4)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csms_stub import Csms, CsmsError, Error, Message, Raw, Result, Session, Withhold
from csms_stub.device_model import DeviceModel
from tests.csms_stub.conftest import BOOT, S, Station

STATUS = {"timestamp": "2026-01-01T00:00:00Z", "connectorStatus": "Occupied", "evseId": 2, "connectorId": 1}


def event(kind: str, number: int, **more: Any) -> dict[str, Any]:
    return {
        "eventType": kind,
        "timestamp": "2026-01-01T00:00:00Z",
        "triggerReason": "CablePluggedIn",
        "seqNo": number,
        "transactionInfo": {"transactionId": "tx-1", **more.pop("info", {})},
        **more,
    }


def test_default_answers(csms: Csms) -> None:
    station = Station(csms, now=90 * S).open()
    assert station.call("1", "BootNotification", BOOT) == [
        3,
        "1",
        {"currentTime": "2026-01-01T00:01:30.000Z", "interval": 300, "status": "Accepted"},
    ]
    station.now += 1_500_000_000
    assert station.call("2", "Heartbeat", {}) == [3, "2", {"currentTime": "2026-01-01T00:01:31.500Z"}]
    assert station.call("3", "StatusNotification", STATUS) == [3, "3", {}]
    token = {"idToken": "04a1b2c3", "type": "ISO14443"}
    accepted = {"idTokenInfo": {"status": "Accepted"}}
    assert station.call("4", "Authorize", {"idToken": token}) == [3, "4", accepted]
    unknown = {"idToken": {"idToken": "FF", "type": "ISO14443"}}
    assert station.call("5", "Authorize", unknown) == [3, "5", {"idTokenInfo": {"status": "Unknown"}}]
    assert station.call("6", "TransactionEvent", event("Started", 0)) == [3, "6", {}]
    assert station.call("7", "TransactionEvent", event("Updated", 1, idToken=token)) == [3, "7", accepted]
    assert station.call("8", "DataTransfer", {"vendorId": "v"}) == [3, "8", {"status": "UnknownVendorId"}]
    assert station.call("9", "FirmwareStatusNotification", {"status": "Idle"}) == [3, "9", {}]
    assert station.call("10", "ClearedChargingLimit", {"chargingLimitSource": "EMS"})[2] == "NotImplemented"
    session = csms.session()
    assert session.violations == [] and csms.violations == []
    assert session.boot == BOOT and session.registration == "Accepted"
    assert session.connectors == {(2, 1): "Occupied"}
    assert [message.action for message in session.requests()][:2] == ["BootNotification", "Heartbeat"]
    assert len(session.requests("Authorize")) == 2


def test_transactions_are_followed(csms: Csms, station: Station) -> None:
    station.call("1", "TransactionEvent", event("Started", 3, info={"chargingState": "EVConnected"}))
    station.call("2", "TransactionEvent", event("Updated", 4, info={"chargingState": "Charging"}))
    transaction = csms.session().transactions["tx-1"]
    assert transaction.started and not transaction.ended
    assert (transaction.charging_state, transaction.stopped_reason) == ("Charging", None)
    station.call("3", "TransactionEvent", event("Ended", 6))
    assert (transaction.ended, transaction.stopped_reason) == (True, "Local")
    assert transaction.missing_seq_nos == [5]


def test_reports_become_a_device_model(csms: Csms, station: Station) -> None:
    def report(number: int, tbc: bool, *data: dict[str, Any]) -> dict[str, Any]:
        return {
            "requestId": 7,
            "generatedAt": "2026-01-01T00:00:00Z",
            "seqNo": number,
            "tbc": tbc,
            "reportData": list(data),
        }

    interval = {
        "component": {"name": "OCPPCommCtrlr"},
        "variable": {"name": "HeartbeatInterval"},
        "variableAttribute": [{"value": "300"}, {"type": "MaxSet", "value": "900"}],
    }
    power = {
        "component": {"name": "EVSE", "evse": {"id": 2}},
        "variable": {"name": "Power"},
        "variableAttribute": [{"value": "0"}],
    }
    assert station.call("1", "NotifyReport", report(0, True, interval)) == [3, "1", {}]
    model = csms.session().device_model
    assert not model.reports[7].complete
    station.call("2", "NotifyReport", report(1, False, power))
    assert model.reports[7].complete
    assert model.value("OCPPCommCtrlr.HeartbeatInterval") == "300"
    assert model.value("ocppcommctrlr.heartbeatinterval", attribute="MaxSet") == "900"
    assert model.value("EVSE.Power") is None
    assert model.value("EVSE.Power", evse=2) == "0"


def test_a_report_with_a_part_missing_or_out_of_order_is_not_complete() -> None:
    model = DeviceModel()
    for request_id, numbers in ((1, [0, 2]), (2, [1, 0]), (3, [0, 0, 1])):
        for number in numbers:
            last = number == max(numbers)
            model.add({"requestId": request_id, "seqNo": number, "tbc": not last})
    assert [report.complete for report in model.reports.values()] == [False, False, False]


def test_connectors_are_followed_in_events_too(csms: Csms, station: Station) -> None:
    occupied = {
        "eventId": 1,
        "timestamp": "2026-01-01T00:00:00Z",
        "trigger": "Delta",
        "actualValue": "Occupied",
        "eventNotificationType": "HardWiredNotification",
        "component": {"name": "Connector", "evse": {"id": 1, "connectorId": 2}},
        "variable": {"name": "AvailabilityState"},
    }
    payload = {"generatedAt": "2026-01-01T00:00:00Z", "seqNo": 0, "eventData": [occupied]}
    assert station.call("1", "NotifyEvent", payload) == [3, "1", {}]
    assert csms.session().connectors == {(1, 2): "Occupied"}


def test_a_lone_surrogate_goes_back_as_it_came(csms: Csms, station: Station) -> None:
    assert station.say(r'[2,"\ud800","Heartbeat",{}]')[:2] == [3, "\ud800"]


def test_a_call_to_the_station_and_its_answer(csms: Csms, station: Station) -> None:
    session = csms.session()
    reset = session.call("Reset", {"type": "Immediate"}, station.now)
    report = session.call("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"}, station.now)
    station.pump()
    assert station.texts[-1] == [2, reset, "Reset", {"type": "Immediate"}], "one CALL at a time (4.1.1)"
    assert session.response(reset) is None
    assert station.say([3, reset, {"status": "Accepted"}])[1] == report
    answer = session.response(reset)
    assert answer is not None and answer.payload == {"status": "Accepted"} and answer.action == "Reset"
    station.say([4, report, "NotSupported", "", {}])
    answer = session.response(report)
    assert answer is not None and (answer.type, answer.error_code) == ("CALLERROR", "NotSupported")
    assert session.violations == []


def test_a_call_that_is_not_answered_times_out_and_the_next_one_goes(csms: Csms, station: Station) -> None:
    session = csms.session()
    first = session.call("Reset", {"type": "Immediate"}, station.now, timeout_s=5)
    second = session.call("ClearCache", {}, station.now)
    station.pump()
    assert csms.next_event_ns() == station.now + 5 * S == station.connection.next_event_ns()
    station.now += 5 * S
    station.pump()
    assert session.timed_out(first) and not session.timed_out(second)
    assert station.texts[-1][1] == second
    station.connection.receive_eof(station.now)
    assert session.timed_out(second) and not session.connected


def test_time_outs_happen_without_anybody_reading_the_link(csms: Csms, station: Station) -> None:
    session = csms.session()
    message_id = session.call("ClearCache", {}, station.now)
    csms.advance(station.now + 30 * S)
    assert session.timed_out(message_id)


def test_what_a_scenario_cannot_do_is_said(csms: Csms, station: Station) -> None:
    session = csms.session()
    with pytest.raises(CsmsError, match=r"ResetRequest is not valid: \$\.type = \(missing\): is required"):
        session.call("Reset", {}, 0)
    with pytest.raises(CsmsError, match="no unanswered CALL has the message id 'x'"):
        session.reply("x", {}, 0)
    with pytest.raises(CsmsError, match="no CALL to 'CS1' has the message id 'x'"):
        session.response("x")
    with pytest.raises(CsmsError, match="'Reset' is no action that a charging station sends"):
        csms.answer("Reset", {})
    with pytest.raises(CsmsError, match="200 is no HTTP status that refuses"):
        csms.refuse_handshakes(200)
    with pytest.raises(CsmsError, match="station 'CS9' has never connected"):
        csms.session("CS9")
    station.connection.abort(0)
    with pytest.raises(CsmsError, match="cannot send Reset: station 'CS1' is not connected"):
        session.call("Reset", {"type": "Immediate"}, 0)


def test_scripted_answers_for_a_while_and_for_good(csms: Csms, station: Station) -> None:
    csms.answer("Heartbeat", {"currentTime": "2030-01-01T00:00:00Z"})
    csms.answer("Heartbeat", Error("InternalError", "no"), times=1)
    assert station.call("1", "Heartbeat", {}) == [4, "1", "InternalError", "no", {}]
    for number in "23":
        assert station.call(number, "Heartbeat", {})[2] == {"currentTime": "2030-01-01T00:00:00Z"}
    csms.restore("Heartbeat")
    assert station.call("4", "Heartbeat", {})[2] == {"currentTime": "2026-01-01T00:00:00.000Z"}


def test_a_function_can_answer(csms: Csms, station: Station) -> None:
    def by_token(session: Session, message: Message) -> dict[str, Any]:
        assert session.identity == "CS1"
        good = message.payload["idToken"]["idToken"] == "GOOD"
        return {"idTokenInfo": {"status": "Accepted" if good else "Blocked"}}

    csms.answer("Authorize", by_token)
    for token, status in (("GOOD", "Accepted"), ("BAD", "Blocked")):
        payload = {"idToken": {"idToken": token, "type": "Central"}}
        assert station.call(token, "Authorize", payload)[2] == {"idTokenInfo": {"status": status}}


def test_withheld_answers_can_come_later(csms: Csms, station: Station) -> None:
    csms.answer("Heartbeat", Withhold(), times=1)
    assert station.call("1", "Heartbeat", {}) is None
    (waiting,) = csms.session().unanswered
    csms.session().reply(waiting.message_id, {"currentTime": "2026-01-01T00:00:00Z"}, station.now)
    station.pump()
    assert station.texts[-1] == [3, "1", {"currentTime": "2026-01-01T00:00:00Z"}]
    assert csms.session().unanswered == []


def test_raw_answers_go_out_as_they_are(csms: Csms, station: Station) -> None:
    csms.answer("Heartbeat", Raw('[3,"{id}",'), times=1)
    assert station.call("1", "Heartbeat", {}) == '[3,"1",'
    csms.session().send_raw("nonsense", station.now)
    station.pump()
    assert station.texts[-1] == "nonsense"


def test_an_invalid_answer_of_the_scenario_is_recorded(csms: Csms, station: Station) -> None:
    csms.answer("Heartbeat", Result({"time": 1}), times=1)
    station.call("1", "Heartbeat", {})
    assert [text.partition(": ")[2] for text in csms.violations] == [
        "$.currentTime = (missing): is required",
        "$.time = 1: is not defined here",
    ]


@pytest.mark.parametrize(
    ("sent", "code", "violation"),
    [
        ("{nope", "RpcFrameworkError", "not JSON: Expecting property name"),
        ("", "RpcFrameworkError", "not JSON"),
        ("NaN", "RpcFrameworkError", "not JSON: NaN is no JSON number"),
        ("[" * 100_000, "RpcFrameworkError", "not JSON: nested too deeply"),
        ("{}", "RpcFrameworkError", "not a JSON array but {}"),
        ("[]", "RpcFrameworkError", "not a JSON array but []"),
        ([2, "m"], "RpcFrameworkError", "CALL has 2 elements, must have 4"),
        ([2, "m", "Heartbeat", {}, {}], "RpcFrameworkError", "CALL has 5 elements, must have 4"),
        ([2, 5, "Heartbeat", {}], "RpcFrameworkError", "$[1] = 5: the message id is no string"),
        ([9, "m", {}], "MessageTypeNotSupported", "$[0] = 9: is no message type"),
        ([True, "m", {}], "MessageTypeNotSupported", "$[0] = true: is no message type"),
        ([2, "m" * 37, "Heartbeat", {}], "RpcFrameworkError", "has 37 characters, at most 36"),
        ([2, "m", "Nope", {}], "NotImplemented", '$[2] = "Nope": unknown action'),
        ([2, "m", ["x"], {}], "NotImplemented", '$[2] = ["x"]: unknown action'),
        ([2, "m", "Reset", {"type": "Immediate"}], "NotSupported", "only a CSMS sends this action"),
        ([2, "m", "Heartbeat", {"x": 1}], "FormatViolation", "$.x = 1: is not defined here"),
        ([2, "m", "Heartbeat", []], "TypeConstraintViolation", "$ = []: is no object"),
        ([2, "m", "Authorize", {}], "OccurrenceConstraintViolation", "$.idToken = (missing): is required"),
        ([2, "boot", "Heartbeat", {}], "RpcFrameworkError", "message id was used before (Part 4, 4.1.4)"),
    ],
)
def test_wrong_calls_get_a_callerror_and_are_recorded(
    csms: Csms, station: Station, sent: Any, code: str, violation: str
) -> None:
    answer = station.say(sent)
    readable = isinstance(sent, list) and isinstance(sent[1], str)
    assert answer[:3] == [4, sent[1] if readable else "-1", code]
    assert len(answer[3]) <= 255
    (found,) = csms.violations
    assert violation in found
    assert station.call("after", "Heartbeat", {})[0] == 3, "and the session goes on"


@pytest.mark.parametrize(
    ("sent", "violation"),
    [
        ([3, "zz", {}], "CALLRESULT to no CALL of the CSMS: id 'zz'"),
        ([4, "zz", "GenericError", "", {}], "CALLERROR to no CALL of the CSMS: id 'zz'"),
        ([3, "csms-1"], "CALLRESULT has 2 elements, must have 3"),
        ([4, "csms-1", "GenericError", ""], "CALLERROR has 4 elements, must have 5"),
        ([3, "csms-1", {}], "$.status = (missing): is required"),
        ([3, "csms-1", {"status": "Maybe"}], '$.status = "Maybe": is none of Accepted, Rejected'),
        ([4, "csms-1", "Nope", "", {}], '$[2] = "Nope": is no error code of Part 4, 4.3'),
        ([4, "csms-1", "GenericError", 5, {}], "$[3] = 5: the error description is no string"),
        ([4, "csms-1", "GenericError", "x" * 256, {}], "$[3] has 256 characters, at most 255"),
        ([4, "csms-1", "GenericError", "", []], "$[4] = []: the error details are no object"),
    ],
)
def test_wrong_answers_are_recorded_and_not_answered(
    csms: Csms, station: Station, sent: Any, violation: str
) -> None:
    csms.session().call("ClearCache", {}, station.now)
    station.pump()
    assert station.say(sent) is None
    (found,) = csms.violations
    assert violation in found


def test_a_second_answer_is_recorded(csms: Csms, station: Station) -> None:
    message_id = csms.session().call("ClearCache", {}, station.now)
    station.pump()
    station.say([3, message_id, {"status": "Accepted"}])
    station.say([3, message_id, {"status": "Rejected"}])
    assert "second answer to ClearCache [csms-1]" in csms.violations[0]
    answer = csms.session().response(message_id)
    assert answer is not None and answer.payload["status"] == "Accepted"


def test_callerror_to_what_could_not_be_read_is_fine(csms: Csms, station: Station) -> None:
    csms.session().send_raw("rubbish", station.now)
    station.pump()
    station.say([4, "-1", "RpcFrameworkError", "", {}])
    assert csms.violations == []


def test_a_second_call_before_the_answer_is_recorded(csms: Csms, station: Station) -> None:
    csms.answer("Heartbeat", Withhold())
    station.call("1", "Heartbeat", {})
    station.now += 2 * S
    station.call("2", "Heartbeat", {})
    (found,) = csms.violations
    assert "CALL while Heartbeat [1] is unanswered since 2.000 s (Part 4, 4.1.1)" in found


def test_a_call_after_the_message_timeout_is_none(csms: Csms, station: Station) -> None:
    csms.answer("Heartbeat", Withhold())
    station.call("1", "Heartbeat", {})
    station.now += 30 * S
    station.call("2", "Heartbeat", {})
    assert csms.violations == []


def test_doubled_members_are_recorded(csms: Csms, station: Station) -> None:
    assert station.say('[2,"1","DataTransfer",{"vendorId":"a","vendorId":"b"}]')[0] == 3
    assert "member 'vendorId' appears more than once in an object" in csms.violations[0]


def test_binary_messages_are_recorded(csms: Csms, station: Station) -> None:
    assert station.protocol is not None
    station.protocol.send_binary(b"[2]")
    station.pump()
    assert "binary WebSocket message of 3 bytes; OCPP-J sends text" in csms.violations[0]
    assert station.call("1", "Heartbeat", {})[0] == 3


@pytest.mark.parametrize("status", ["Pending", "Rejected"])
def test_calls_before_acceptance_are_security_errors(csms: Csms, status: str) -> None:
    answer = {"currentTime": "2026-01-01T00:00:00Z", "interval": 10, "status": status}
    csms.answer("BootNotification", answer, times=1)
    station = Station(csms).open().boot()
    assert station.call("1", "Heartbeat", {})[:3] == [4, "1", "SecurityError"]
    assert f"Heartbeat while the registration is {status}" in csms.violations[0]
    station.boot("again")
    assert station.call("2", "Heartbeat", {})[0] == 3


def test_what_was_triggered_may_come_before_acceptance(csms: Csms) -> None:
    answer = {"currentTime": "2026-01-01T00:00:00Z", "interval": 10, "status": "Pending"}
    csms.answer("BootNotification", answer)
    station = Station(csms).open().boot()
    trigger = csms.session().call("TriggerMessage", {"requestedMessage": "Heartbeat"}, 0)
    station.pump()
    station.say([3, trigger, {"status": "Accepted"}])
    assert station.call("1", "Heartbeat", {})[0] == 3
    assert station.call("2", "StatusNotification", STATUS)[2] == "SecurityError"


@pytest.mark.parametrize("then", ["rejected", "booted again"])
def test_what_was_not_triggered_or_long_ago_may_not(csms: Csms, then: str) -> None:
    answer = {"currentTime": "2026-01-01T00:00:00Z", "interval": 10, "status": "Pending"}
    csms.answer("BootNotification", answer)
    station = Station(csms).open().boot()
    trigger = csms.session().call("TriggerMessage", {"requestedMessage": "Heartbeat"}, 0)
    station.pump()
    station.say([3, trigger, {"status": "Rejected" if then == "rejected" else "Accepted"}])
    if then == "booted again":
        station.boot("again")
    assert station.call("1", "Heartbeat", {})[2] == "SecurityError"


def test_a_call_before_any_boot_is_recorded_where_boots_are_expected() -> None:
    for expect in (True, False):
        csms = Csms(expect_boot=expect)
        assert Station(csms).open().call("1", "Heartbeat", {})[0] == 3
        assert len(csms.violations) == expect


def test_a_lost_connection_leaves_nothing_unanswered(csms: Csms, station: Station) -> None:
    csms.answer("Heartbeat", Withhold(), times=1)
    station.call("1", "Heartbeat", {})
    station.connection.abort(0)
    assert Station(csms).open().call("2", "Heartbeat", {})[0] == 3
    assert csms.session().unanswered == [] and csms.violations == []


def test_ids_count_over_connections(csms: Csms, station: Station) -> None:
    station.connection.abort(0)
    again = Station(csms).open()
    assert again.call("boot", "Heartbeat", {})[2] == "RpcFrameworkError"
    first = csms.session().call("ClearCache", {}, 0)
    again.connection.abort(0)
    Station(csms).open()
    assert csms.session().call("ClearCache", {}, 0) != first


def test_the_transcript_is_bounded() -> None:
    csms = Csms(keep_messages=10)
    station = Station(csms).open().boot()
    for number in range(50):
        station.call(str(number), "Heartbeat", {})
    assert len(csms.session().transcript) == 10
    assert csms.session().transcript[-1].message_id == "49"


def test_same_bytes_same_transcript() -> None:
    def play() -> list[Any]:
        csms = Csms(tokens={"04": "Accepted"})
        station = Station(csms, now=5).open().boot()
        for number in range(5):
            station.now += S
            station.call(str(number), "Heartbeat", {})
        csms.session().call("ClearCache", {}, station.now)
        station.pump()
        return [
            [message.as_json() for message in csms.session().transcript],
            station.response and sorted(station.response.headers.raw_items()),
        ]

    assert play() == play()


_json: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["Heartbeat", "1", "csms-1"]),
    lambda children: st.lists(children, max_size=6) | st.dictionaries(st.text(), children),
    max_leaves=20,
)
_frames = st.one_of(
    _json.map(json.dumps),
    st.tuples(
        st.sampled_from([2, 3, 4, 5]),
        st.text(max_size=40),
        st.sampled_from(["Heartbeat", "BootNotification", "TransactionEvent", "NotifyReport", "NotifyEvent"])
        | _json,
        _json,
    ).map(json.dumps),
    st.text(),
)


@settings(deadline=None)
@given(st.lists(_frames, max_size=20))
def test_no_text_raises_and_every_answer_can_be_sent(texts: list[str]) -> None:
    csms = Csms()
    session = Session("CS1", csms)
    session.connect(0)
    session.call("ClearCache", {}, 0)
    for text in texts:
        session.receive_text(text, 0)
        for answer in session.take():
            json.loads(answer.encode())
    assert all(isinstance(line, str) for line in session.violations)
