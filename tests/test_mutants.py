"""Every scenario fails when the station, seen at the wire, breaks the rule that the scenario is about."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from robot.api import ExecutionResult
from robot.run import run as run_robot

from bench.scenarios import discover, select
from csms_stub.csms import Csms
from csms_stub.messages import Message
from csms_stub.session import Session
from tests.images import Firmware

Frame = list[Any]
Mutation = Callable[[Frame, Session], list[Frame]]
BOARD = "stm32f4_discovery"


def is_call(frame: Frame, action: str) -> bool:
    return frame[0] == 2 and frame[2] == action


def without_second_evse(frame: Frame, _: Session) -> list[Frame]:
    lost = is_call(frame, "StatusNotification") and frame[3]["evseId"] == 2
    return [] if lost else [frame]


def with_wrong_reason(frame: Frame, _: Session) -> list[Frame]:
    if is_call(frame, "BootNotification"):
        frame[3]["reason"] = "Watchdog"
    return [frame]


def without_security_event(frame: Frame, _: Session) -> list[Frame]:
    return [] if is_call(frame, "SecurityEventNotification") else [frame]


def with_unknown_member(frame: Frame, _: Session) -> list[Frame]:
    if is_call(frame, "BootNotification"):
        frame[3]["colour"] = "green"
    return [frame]


def with_message_id_used_twice(frame: Frame, _: Session) -> list[Frame]:
    if is_call(frame, "StatusNotification"):
        frame[1] = "always the same"
    return [frame]


def starts_while_pending(frame: Frame, session: Session) -> list[Frame]:
    if frame[0] == 3 and called(session, frame) == "RequestStartTransaction":
        frame[2]["status"] = "Accepted"
    return [frame]


def forgets_what_was_set(frame: Frame, session: Session) -> list[Frame]:
    if frame[0] == 3 and called(session, frame) == "GetVariables":
        frame[2]["getVariableResult"][0]["attributeValue"] = "60"
    return [frame]


def report_with_a_gap(frame: Frame, _: Session) -> list[Frame]:
    if is_call(frame, "NotifyReport") and frame[3]["seqNo"] == 1:
        frame[3]["seqNo"] = 2
    return [frame]


def boots_untriggered(frame: Frame, session: Session) -> list[Frame]:
    if is_call(frame, "BootNotification") and session.boot is not None:
        frame[3]["reason"] = "PowerUp"
    return [frame]


def talks_after_rejection(frame: Frame, session: Session) -> list[Frame]:
    if is_call(frame, "BootNotification") and session.registration == "Rejected":
        return [[2, "chatty", "Heartbeat", {}], frame]
    return [frame]


def hides_the_reason_for_refusal(frame: Frame, _: Session) -> list[Frame]:
    if frame[0] == 4:
        frame[2] = "GenericError"
    return [frame]


def heartbeat_never_comes(frame: Frame, _: Session) -> list[Frame]:
    return [] if is_call(frame, "Heartbeat") else [frame]


def trigger_is_refused(frame: Frame, session: Session) -> list[Frame]:
    if frame[0] == 3 and called(session, frame) == "TriggerMessage":
        frame[2]["status"] = "Rejected"
    return [frame]


def called(session: Session, frame: Frame) -> str:
    sent = (m for m in session.transcript if m.direction == "out" and m.message_id == frame[1])
    return next((message.action for message in sent), "")


@pytest.mark.parametrize(
    ("scenario", "mutation", "complaint"),
    [
        ("TC_A_01_CS", without_security_event, "no SecurityEventNotificationRequest with type="),
        ("TC_B_01_CS", without_second_evse, "no report of all connectors as Available within"),
        ("TC_B_01_CS", with_wrong_reason, "Watchdog != PowerUp"),
        ("TC_B_01_CS", with_unknown_member, "colour"),
        ("TC_B_01_CS", with_message_id_used_twice, "message id was used before"),
        ("TC_B_02_CS", starts_while_pending, "Accepted != Rejected"),
        ("TC_B_02_CS", forgets_what_was_set, "60 != 300"),
        ("TC_B_02_CS", report_with_a_gap, "NotifyReport is numbered"),
        ("TC_B_02_CS", boots_untriggered, "PowerUp != Triggered"),
        ("TC_B_03_CS", talks_after_rejection, "an interval in which it must be silent"),
        ("TC_B_03_CS", without_second_evse, "no report of all connectors as Available within"),
        ("TC_B_30_CS", hides_the_reason_for_refusal, "GenericError != SecurityError"),
        ("TC_F_20_CS", heartbeat_never_comes, "no HeartbeatRequest within"),
        ("TC_F_20_CS", trigger_is_refused, "status is Rejected, expected Accepted"),
    ],
)
def test_station_that_breaks_the_rule(  # noqa: PLR0917 three of them are fixtures
    scenario: str,
    mutation: Mutation,
    complaint: str,
    firmware: Firmware,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    receive = Session.receive_text

    def receive_mutated(self: Session, text: str, now_ns: int) -> None:
        for frame in mutation(json.loads(text), self):
            receive(self, json.dumps(frame), now_ns)

    monkeypatch.setattr(Session, "receive_text", receive_mutated)
    fails_with(scenario, complaint, firmware, tmp_path)


def test_back_off_that_is_too_short(
    firmware: Firmware, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = Session.call

    def shortened(self: Session, action: str, payload: dict[str, Any], now_ns: int, **options: Any) -> str:
        if action == "SetVariables":
            for item in payload["setVariableData"]:
                if item["variable"]["name"] == "RetryBackOffWaitMinimum":
                    item["attributeValue"] = "4"
        return call(self, action, payload, now_ns, **options)

    monkeypatch.setattr(Session, "call", shortened)
    fails_with("TC_B_57_CS", "must take at least 10 s", firmware, tmp_path)


def test_password_that_is_too_short(firmware: Firmware, tmp_path: Path) -> None:
    fails_with("TC_A_01_CS", "has 12 characters, allowed are 16", firmware, tmp_path, "PASSWORD:twelve-chars")


def test_retry_that_comes_too_early(
    firmware: Firmware, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The station is told a shorter interval than the scenario holds it to."""
    answer = Csms.answer

    def halved(self: Csms, action: str, handler: Any, *, times: int | None = None) -> None:
        def with_half_the_interval(session: Session, request: Message) -> Any:
            payload = handler(session, request)
            return payload | {"interval": payload["interval"] // 2}

        answer(self, action, with_half_the_interval, times=times)

    monkeypatch.setattr(Csms, "answer", halved)
    fails_with("TC_B_03_CS", "must take at least 120 s", firmware, tmp_path)


def fails_with(scenario: str, complaint: str, firmware: Firmware, folder: Path, *variables: str) -> None:
    (chosen,) = select(discover(), tests=[scenario])
    run_robot(
        str(chosen.source),
        include=scenario,
        variable=[f"BOARD:{BOARD}", f"FIRMWARE:{firmware(BOARD)}", *variables],
        outputdir=str(folder),
        log=None,
        report=None,
        console="none",
        stderr=io.StringIO(),
    )
    (test,) = ExecutionResult(str(folder / "output.xml")).suite.all_tests
    assert test.status == "FAIL"
    assert complaint in test.message
