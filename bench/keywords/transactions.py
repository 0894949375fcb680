"""Charging sessions: what TransactionEventRequests Part 6 expects after what has happened so far.

Part 6 says of many steps that they happen only if TxStartPoint or TxStopPoint contains a value or "the
transaction already started". A `ChargingSession` keeps what is needed to decide that; the reusable states in
robot/resources tell it what they have done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from robot.api.deco import keyword

from bench.keywords.base import STEP_TIMEOUT_S, told
from bench.keywords.csms import CsmsKeywords
from bench.keywords.fields import mismatches
from bench.rig import Rig
from csms_stub.messages import Message, Payload

TX_START_POINT = "EVConnected,Authorized"
TX_STOP_POINT = "EVConnected,Authorized"
SAMPLING = ("MeterValuePeriodic", "MeterValueClock")


@dataclass(slots=True)
class ChargingSession:
    """One EVSE, from its first driver action until it is free again.

    connected, authorized, charging, stopping    what the reusable states have reached
    remote                                       authorized, or stopped, by request of the CSMS
    owes_evse, owes_token, owes_remote_start     what the next TransactionEventRequest must have (chapter 2.1)
    """

    evse: int
    connected: bool = False
    authorized: bool = False
    charging: bool = False
    stopping: bool = False
    remote: bool = False
    token: str = ""
    token_type: str = ""
    transaction_id: str = ""
    charging_state: str = ""
    started: bool = False
    ended: bool = False
    owes_evse: bool = False
    owes_token: bool = False
    owes_remote_start: int | None = None

    @property
    def running(self) -> bool:
        return self.started and not self.ended


class TransactionKeywords(CsmsKeywords):
    def __init__(self) -> None:
        super().__init__()
        self._sessions: dict[int, ChargingSession] = {}
        self._gaps_allowed = False

    def _begin(self, rig: Rig) -> None:
        super()._begin(rig)
        self._sessions.clear()

    # what has happened

    @keyword
    def charging_session(self, evse: int = 1) -> ChargingSession:
        """What the reusable states know of this EVSE: ``${session.running}``, ``${session.token}``."""
        return self._sessions.setdefault(evse, ChargingSession(evse))

    @keyword
    def note_that_ev_is_connected(self, evse: int = 1, reported: bool = True) -> None:
        """The next TransactionEventRequest must have the EVSE, unless not `reported`: others come first."""
        session = self.charging_session(evse)
        session.connected = True
        session.owes_evse = reported

    @keyword
    def charging_session_is_over(self, evse: int = 1) -> None:
        """The EVSE is free again: what comes next is a new session."""
        self._sessions[evse] = ChargingSession(evse)

    @keyword
    def note_authorization(
        self, evse: int, token: str, type: str, remote_start_id: int | None = None
    ) -> None:
        session = self.charging_session(evse)
        session.authorized = session.owes_token = True
        session.stopping = False
        session.token, session.token_type = token, type
        session.remote = remote_start_id is not None
        session.owes_remote_start = remote_start_id

    @keyword
    def note_that_energy_is_transferred(self, evse: int = 1) -> None:
        self.charging_session(evse).charging = True

    @keyword
    def note_that_stop_is_authorized(self, evse: int = 1, remote: bool = False) -> None:
        session = self.charging_session(evse)
        session.stopping, session.authorized, session.charging = True, False, False
        session.remote = remote

    @keyword
    def forget_charging_sessions(self) -> None:
        """After a reboot or an offline period whose messages no step looked at: no EVSE has a session, and
        TransactionEventRequests so far answer no later step.
        """
        self._sessions.clear()
        for message in self._requests(0, "TransactionEvent"):
            self._take(message)

    # what is to be expected

    @keyword
    def tx_start_point_has(self, *points: str) -> bool:
        """Whether the station is configured to start transactions at one of these points."""
        return self._configured("TxCtrlr.TxStartPoint", TX_START_POINT, points)

    @keyword
    def tx_stop_point_has(self, *points: str) -> bool:
        """Whether the station is configured to end transactions at one of these points."""
        return self._configured("TxCtrlr.TxStopPoint", TX_STOP_POINT, points)

    @keyword
    def transaction_event_is_due(self, evse: int, *points: str) -> bool:
        """Whether one is to be expected now: the transaction runs, or has not begun and TxStartPoint has one
        of these points.
        """
        session = self.charging_session(evse)
        return session.running or (not session.started and self.tx_start_point_has(*points))

    # what the station sends

    @keyword("Station Sends TransactionEvent")
    def station_sends_transaction_event(
        self,
        evse: int = 1,
        within: float = STEP_TIMEOUT_S,
        pass_over: str = "",
        **fields: Any,
    ) -> Message:
        """Wait for the next TransactionEventRequest of this EVSE's transaction; it must have these fields.

        None is skipped but those that do not fit and whose triggerReason is in `pass_over` (comma list), or
        that are samples (MeterValuePeriodic, MeterValueClock).
        The general validations of Part 6, 2.1 come with it: Started is the first of a transaction and none
        else; the first one after connecting has the EVSE, the first one after authorization the idToken, the
        first one after RequestStartTransaction ``triggerReason=RemoteStart`` (whatever the step says) and the
        remoteStartId.
        """
        session = self.charging_session(evse)
        expected = self._expected(session, fields)
        passing = {*SAMPLING, *(reason.strip() for reason in pass_over.split(","))}

        def fitting() -> Message | None:
            while message := self._next_event(session):
                fits = not mismatches(message.payload, expected)
                if fits or message.payload["triggerReason"] not in passing:
                    return message
                self._note_event(session, message)
            return None

        wanted = ", ".join(f"{path.rpartition('.')[2]} {value}" for path, value in fields.items())
        message = self._wait(f"TransactionEventRequest of EVSE {evse} ({wanted})", fitting, within)
        self._check(message, expected)
        self._note_event(session, message)
        return message

    @keyword("Station May Send TransactionEvent")
    def station_may_send_transaction_event(
        self, evse: int = 1, within: float = 2.0, **fields: Any
    ) -> Message | None:
        """For a step that is optional: the next TransactionEventRequest if it has these fields, else None."""
        session = self.charging_session(evse)
        expected = self._expected(session, fields)

        def fitting() -> Message | None:
            message = self._next_event(session)
            return message if message and not mismatches(message.payload, expected) else None

        message = self._wait_briefly("TransactionEventRequest", fitting, within)
        if message:
            self._note_event(session, message)
        return message

    @keyword("Station Sends No TransactionEvent")
    def station_sends_no_transaction_event(self, seconds: float, evse: int = 1, **fields: Any) -> None:
        """Let `seconds` pass; fail on any TransactionEventRequest of this EVSE with these fields that no step
        has had, be it of another transaction than the one that runs. Samples (MeterValuePeriodic,
        MeterValueClock) are none, unless `fields` say so.
        """
        session = self.charging_session(evse)
        expected = fields or {"triggerReason": [f"not {' or '.join(SAMPLING)}"]}

        def intruder() -> Message | None:
            begun = (m for m in self._unclaimed_events(session) if m.payload["eventType"] == "Started")
            events = (m for m in (*self._events(session), *begun) if id(m) not in self._taken)
            return next((m for m in events if not mismatches(m.payload, expected)), None)

        self._stays_out("TransactionEventRequest", intruder, seconds)

    @keyword
    def transaction_should_run(self, evse: int = 1) -> None:
        session = self.charging_session(evse)
        if not session.running:
            raise AssertionError(f"No transaction runs on EVSE {evse}{self._story()}")

    @keyword
    def transaction_should_have_ended(self, evse: int = 1) -> None:
        session = self.charging_session(evse)
        if not session.ended:
            raise AssertionError(f"No transaction of EVSE {evse} has ended{self._story()}")

    @keyword
    def transaction_id(self, evse: int = 1) -> str:
        """Of the transaction that runs on this EVSE, or ran last."""
        session = self.charging_session(evse)
        if not session.transaction_id:
            raise AssertionError(f"No transaction of EVSE {evse} was seen{self._story()}")
        return session.transaction_id

    @keyword
    def transaction_events(self, transaction_id: str) -> list[Message]:
        """All TransactionEventRequests of this transaction so far, in the order received."""
        return [
            message
            for message in self._requests(0, "TransactionEvent")
            if message.payload["transactionInfo"]["transactionId"] == transaction_id
        ]

    @keyword
    def gaps_in_transactions_are_allowed(self) -> None:
        """The scenario makes the station lose TransactionEventRequests before they are sent."""
        self._gaps_allowed = True

    @keyword
    def transaction_is_complete(self, transaction_id: str, ended: bool = True) -> None:
        """Fail unless the transaction's events are numbered from 0 without gaps, Started is the first and
        only the last one is Ended.
        """
        messages = self.transaction_events(transaction_id)
        wrong = sequence_errors([message.payload for message in messages])
        if ended and not any(m.payload["eventType"] == "Ended" for m in messages):
            wrong.append("no event is Ended")
        if wrong:
            lines = "".join(f"\n  {told(message)}" for message in messages)
            raise AssertionError(f"Transaction {transaction_id}: {'; '.join(wrong)}{lines}")

    def _transaction_problems(self) -> list[str]:
        """At the end of a scenario: what no transaction may look like (E01.FR.07, Part 6 chapter 2.1)."""
        if self._gaps_allowed:
            return []
        numbers: dict[str, list[Payload]] = {}
        for message in self._requests(0, "TransactionEvent"):
            if not message.violations:
                identifier = message.payload["transactionInfo"]["transactionId"]
                numbers.setdefault(identifier, []).append(message.payload)
        return [
            f"transaction {identifier}: {text}"
            for identifier, events in numbers.items()
            for text in sequence_errors(events)
        ]

    # inside

    def _configured(self, name: str, default: str, points: tuple[str, ...]) -> bool:
        members = {member.strip() for member in self.configured.get(name, default).split(",")}
        return bool(members & set(points))

    def _expected(self, session: ChargingSession, fields: Mapping[str, Any]) -> dict[str, Any]:
        expected = dict(fields)
        expected.setdefault("eventType", "not Started" if session.running else "Started")
        if session.running:
            expected["transactionInfo.transactionId"] = session.transaction_id
        if session.owes_evse:
            expected |= {"evse.id": session.evse, "evse.connectorId": "present"}
        if session.owes_token:
            expected |= {"idToken.idToken": session.token, "idToken.type": session.token_type}
        if session.owes_remote_start is not None:
            expected["triggerReason"] = "RemoteStart"
            expected["transactionInfo.remoteStartId"] = session.owes_remote_start
        return expected

    def _events(self, session: ChargingSession) -> list[Message]:
        """All of the session's transaction; while there is none, those of transactions that nobody has."""
        if session.running:
            return self.transaction_events(session.transaction_id)
        return self._unclaimed_events(session)

    def _unclaimed_events(self, session: ChargingSession) -> list[Message]:
        """Those of its EVSE, or of none, whose transaction no other session has."""
        known = {s.transaction_id for s in self._sessions.values() if s is not session}
        return [
            message
            for message in self._requests(0, "TransactionEvent")
            if message.payload["transactionInfo"]["transactionId"] not in known
            and message.payload.get("evse", {}).get("id", session.evse) == session.evse
        ]

    def _next_event(self, session: ChargingSession) -> Message | None:
        return next((m for m in self._events(session) if id(m) not in self._taken), None)

    def _note_event(self, session: ChargingSession, message: Message) -> None:
        self._take(message)
        payload = message.payload
        if payload["eventType"] == "Started" or not session.transaction_id:
            session.transaction_id = payload["transactionInfo"]["transactionId"]
            session.started, session.ended = True, False
        session.ended = session.ended or payload["eventType"] == "Ended"
        session.charging_state = payload["transactionInfo"].get("chargingState", session.charging_state)
        if "evse" in payload:
            session.owes_evse = False
        if "idToken" in payload:
            session.owes_token = False
        if "remoteStartId" in payload["transactionInfo"]:
            session.owes_remote_start = None


def sequence_errors(events: list[Payload]) -> list[str]:
    """What is wrong with the numbers and types of a transaction's events, in any order and with repetitions.

    The same event may come again (E13); its seqNo must then carry the same event.
    """
    by_number: dict[int, Payload] = {}
    wrong: list[str] = []
    for event in events:
        earlier = by_number.setdefault(event["seqNo"], event)
        if (earlier["eventType"], earlier["timestamp"]) != (event["eventType"], event["timestamp"]):
            wrong.append(f"seqNo {event['seqNo']} stands for two events")
    numbers = sorted(by_number)
    missing = [n for n in range(max(numbers, default=-1)) if n not in by_number]
    if missing:
        wrong.append(
            f"seqNo {', '.join(map(str, missing[:5]))} never came, but {numbers[-1]} did (E01.FR.07)"
        )
    types = [by_number[n]["eventType"] for n in numbers]
    if not missing and types and types[0] != "Started":
        wrong.append(f"the first event is {types[0]}, not Started")
    if types.count("Started") > 1:
        wrong.append("more than one event is Started")
    if "Ended" in types[:-1]:
        wrong.append("an event follows the one that is Ended")
    return wrong
