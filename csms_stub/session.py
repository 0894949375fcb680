"""OCPP-J of one charging station as the CSMS sees it: text in, text out, no I/O, no clock of its own."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from csms_stub import answers, schemas
from csms_stub.device_model import DeviceModel, Transaction
from csms_stub.messages import (
    NS_PER_S,
    Answer,
    CsmsError,
    Error,
    Message,
    MessageType,
    Payload,
    Raw,
    Result,
    Withhold,
    date_time,
    dumps,
)
from csms_stub.secrets import hide, passwords_in, without_secrets

if TYPE_CHECKING:
    from csms_stub.csms import Csms

MESSAGE_ID_LENGTH = 36
ERROR_DESCRIPTION_LENGTH = 255
CALL_QUEUE = 64
"""How many CALLs may wait for the one before them."""
KEPT_TRANSACTIONS = 1000

_TYPES: dict[int, MessageType] = {2: "CALL", 3: "CALLRESULT", 4: "CALLERROR"}
_REPORTING = {"GetBaseReport": "NotifyReport", "GetReport": "NotifyReport"}


@dataclass(slots=True)
class _Outstanding:
    """A CALL of ours: waiting in the queue (`sent_ns` None), sent, answered or given up. `wire` is what goes
    to the station, `message` what may be shown."""

    message: Message
    wire: str
    timeout_ns: int
    sent_ns: int | None = None
    response: Message | None = None
    given_up: bool = False


class Session:
    """One station, over all its connections. Made by Csms; a scenario gets it from `Csms.session()`.

    identity        of the station, as in the URL
    connected       is its WebSocket open now
    transcript      all messages both ways since the station was first seen (the last `Csms.keep_messages`)
    boot            payload of the last BootNotificationRequest, or None
    registration    RegistrationStatus last sent to the station, or None
    device_model    DeviceModel filled by NotifyReport: .value("OCPPCommCtrlr.HeartbeatInterval")
    connectors      (evse, connector) -> ConnectorStatus of the last StatusNotification or NotifyEvent
    transactions    transactionId -> Transaction, from TransactionEvent
    """

    def __init__(self, identity: str, csms: Csms) -> None:
        self.identity = identity
        self.connected = False
        self.transcript: list[Message] = []
        self.boot: Payload | None = None
        self.registration: str | None = None
        self.device_model = DeviceModel()
        self.connectors: dict[tuple[int, int], str] = {}
        self.transactions: dict[str, Transaction] = {}
        self.csms = csms
        self._outbox: deque[str] = deque()
        self._calls: dict[str, _Outstanding] = {}
        self._waiting: deque[str] = deque()
        self._current: str | None = None
        self._next_id = 1
        self._seen_ids: dict[str, None] = {}
        self._unanswered: dict[str, Message] = {}
        self._triggered: set[str] = set()

    # what a scenario asks

    @property
    def violations(self) -> list[str]:
        """Of all messages: when, which message, what is wrong."""
        return [f"{message}: {text}" for message in self.transcript for text in message.violations]

    def requests(self, action: str | None = None, *, since: int = 0) -> list[Message]:
        """CALLs that the station sent, of `action` or all, from index `since` of the transcript on."""
        return [
            message
            for message in self.transcript[since:]
            if message.direction == "in" and message.type == "CALL" and action in (None, message.action)
        ]

    def response(self, message_id: str) -> Message | None:
        """The CALLRESULT or CALLERROR to a CALL of ours; None while there is none."""
        return self._call(message_id).response

    def timed_out(self, message_id: str) -> bool:
        """Our CALL was given up: no answer within its timeout, or the connection was lost."""
        return self._call(message_id).given_up

    @property
    def unanswered(self) -> list[Message]:
        """CALLs of the station that were not answered (withheld), oldest first."""
        return list(self._unanswered.values())

    def time(self, now_ns: int) -> str:
        """Wall-clock time of virtual time `now_ns` as OCPP writes it."""
        return date_time(self.csms.epoch, now_ns)

    # what a scenario does

    def call(
        self,
        action: str,
        payload: Payload,
        now_ns: int,
        *,
        timeout_s: float | None = None,
        check: bool = True,
    ) -> str:
        """Send a CALL to the station; returns its message id.

        While another CALL is unanswered it waits (Part 4, 4.1.1). `timeout_s` counts from when it is sent;
        the default is `Csms.message_timeout_s`. With `check` false the payload need not fit the schema.
        Raises CsmsError where the station is not connected, too many CALLs wait, or the payload is invalid.
        """
        if not self.connected:
            raise CsmsError(f"cannot send {action}: station {self.identity!r} is not connected")
        violations = schemas.validate(action, "Request", payload)
        if check and violations:
            raise CsmsError(f"{action}Request is not valid: {'; '.join(violations)}")
        if len(self._waiting) >= CALL_QUEUE:
            raise CsmsError(f"cannot send {action}: {CALL_QUEUE} CALLs already wait for an answer before it")
        message_id = f"{self.csms.id_prefix}{self._next_id}"
        self._next_id += 1
        seconds = self.csms.message_timeout_s if timeout_s is None else timeout_s
        wire = dumps([2, message_id, action, payload])
        self.csms.secrets += passwords_in(action, payload)
        shown = without_secrets(action, payload)
        text = wire if shown is payload else dumps([2, message_id, action, shown])
        message = Message(now_ns, "out", "CALL", message_id, action, shown, text=text, violations=violations)
        self._calls[message_id] = _Outstanding(message, wire, int(seconds * NS_PER_S))
        self._waiting.append(message_id)
        self._send_waiting(now_ns)
        return message_id

    def reply(self, message_id: str, answer: Answer | Payload, now_ns: int) -> None:
        """Answer a CALL of the station whose answer was withheld. Raises CsmsError where there is none."""
        if not self.connected:
            raise CsmsError(f"cannot answer {message_id!r}: station {self.identity!r} is not connected")
        request = self._unanswered.get(message_id)
        if request is None:
            raise CsmsError(f"no unanswered CALL has the message id {message_id!r}")
        self._answer(request, answer, now_ns)

    def send_raw(self, text: str, now_ns: int) -> None:
        """Send any text as a WebSocket text message. Raises CsmsError where the station is not connected."""
        if not self.connected:
            raise CsmsError(f"cannot send: station {self.identity!r} is not connected")
        shown = hide(text, self.csms.secrets)
        self._record(Message(now_ns, "out", "INVALID", "", "", {}, text=shown))
        self._outbox.append(text)

    # what the connection does

    def connect(self, now_ns: int) -> None:
        self.connected = True
        self._outbox.clear()

    def disconnect(self, now_ns: int) -> None:
        """The connection is gone: what was not answered never will be (Part 4, 5.3)."""
        self.connected = False
        self._outbox.clear()
        self._unanswered.clear()
        for message_id in (self._current, *self._waiting):
            if message_id is not None:
                self._calls[message_id].given_up = True
        self._current = None
        self._waiting.clear()

    def receive_text(self, text: str, now_ns: int) -> None:
        """A WebSocket text message of the station. Never raises, whatever it is."""
        problems: list[str] = []
        if (shown := hide(text, self.csms.secrets)) != text:
            problems.append("a password of the station stands in it (A01.FR.11, B06.FR.09)")
            text = shown
        try:
            frame = _loads(text, problems)
        except (ValueError, RecursionError) as error:
            reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
            self._invalid(text, f"not JSON: {reason}", "RpcFrameworkError", now_ns)
            return
        if not isinstance(frame, list) or not frame:
            self._invalid(text, f"not a JSON array but {schemas.shorten(frame)}", "RpcFrameworkError", now_ns)
            return
        message_id = frame[1] if len(frame) > 1 and isinstance(frame[1], str) else "-1"
        kind = frame[0]
        if isinstance(kind, bool) or not isinstance(kind, int) or kind not in _TYPES:
            reason = f"$[0] = {schemas.shorten(kind)}: is no message type (2 CALL, 3 CALLRESULT, 4 CALLERROR)"
            self._invalid(text, reason, "MessageTypeNotSupported", now_ns, message_id)
            return
        shape = {2: 4, 3: 3, 4: 5}[kind]
        if len(frame) != shape:
            reason = f"{_TYPES[kind]} has {len(frame)} elements, must have {shape}"
            self._invalid(text, reason, "RpcFrameworkError", now_ns, message_id, reply=kind == 2)
            return
        if not isinstance(frame[1], str):
            reason = f"$[1] = {schemas.shorten(frame[1])}: the message id is no string"
            self._invalid(text, reason, "RpcFrameworkError", now_ns, reply=kind == 2)
            return
        if len(message_id) > MESSAGE_ID_LENGTH:
            reason = (
                f"$[1] = {schemas.shorten(message_id)}: the message id has {len(message_id)} characters, "
                f"at most {MESSAGE_ID_LENGTH} are allowed"
            )
            self._invalid(text, reason, "RpcFrameworkError", now_ns, message_id, reply=kind == 2)
            return
        message = Message(now_ns, "in", _TYPES[kind], message_id, "", {}, text=text, violations=problems)
        if kind == 2:
            self._receive_call(message, frame[2], frame[3], now_ns)
        else:
            self._receive_response(message, frame[2:], now_ns)

    def receive_binary(self, data: bytes, now_ns: int) -> None:
        """A WebSocket binary message: OCPP-J has none (Part 4, 4.1.2)."""
        message = Message(now_ns, "in", "INVALID", "", "", {}, text=data[:64].hex())
        message.violations.append(f"binary WebSocket message of {len(data)} bytes; OCPP-J sends text")
        self._record(message)

    @property
    def sending(self) -> bool:
        """`take` has something to give."""
        return bool(self._outbox)

    def take(self) -> list[str]:
        """Texts to send, in order; each is given once."""
        texts = list(self._outbox)
        self._outbox.clear()
        return texts

    def advance(self, now_ns: int) -> None:
        """Give up CALLs that timed out by now, and send what waited for them."""
        due = self.next_event_ns()
        while due is not None and due <= now_ns and self._current is not None:
            self._calls[self._current].given_up = True
            self._current = None
            self._send_waiting(now_ns)
            due = self.next_event_ns()

    def next_event_ns(self) -> int | None:
        """When the CALL under way times out."""
        if self._current is None:
            return None
        call = self._calls[self._current]
        return None if call.sent_ns is None else call.sent_ns + call.timeout_ns

    # inside

    def _call(self, message_id: str) -> _Outstanding:
        try:
            return self._calls[message_id]
        except KeyError:
            raise CsmsError(f"no CALL to {self.identity!r} has the message id {message_id!r}") from None

    def _record(self, message: Message) -> None:
        self.transcript.append(message)
        if len(self.transcript) > self.csms.keep_messages:
            del self.transcript[0]
        if self.csms.on_message is not None:
            self.csms.on_message(self, message)

    def _send_waiting(self, now_ns: int) -> None:
        if self._current is not None or not self._waiting:
            return
        self._current = self._waiting.popleft()
        call = self._calls[self._current]
        call.sent_ns = call.message.at_ns = now_ns
        self._record(call.message)
        self._outbox.append(call.wire)
        _trim(self._calls, self.csms.keep_messages)

    def _invalid(
        self, text: str, reason: str, code: str, now_ns: int, message_id: str = "-1", *, reply: bool = True
    ) -> None:
        self._record(Message(now_ns, "in", "INVALID", message_id, "", {}, text=text, violations=[reason]))
        if reply:
            self._send_error(message_id, "", Error(code, reason), now_ns)

    def _receive_call(self, message: Message, action: Any, payload: Any, now_ns: int) -> None:
        error: Error | None = None
        message.action = action if isinstance(action, str) else ""
        message.payload = payload if isinstance(payload, dict) else {}
        if message.message_id in self._seen_ids:
            reason = (
                f"$[1] = {schemas.shorten(message.message_id)}: message id was used before (Part 4, 4.1.4)"
            )
            message.violations.append(reason)
            error = Error("RpcFrameworkError", reason)
        self._seen_ids[message.message_id] = None
        _trim(self._seen_ids, self.csms.keep_messages)
        message.violations += self._second_call(now_ns)
        if message.action not in schemas.ACTIONS:
            reason = f"$[2] = {schemas.shorten(action)}: unknown action"
            error = error or Error("NotImplemented", reason)
            message.violations.append(reason)
        elif message.action not in schemas.STATION_ACTIONS:
            reason = f"$[2] = {schemas.shorten(action)}: only a CSMS sends this action"
            error = error or Error("NotSupported", reason)
            message.violations.append(reason)
        else:
            found = schemas.check(message.action, "Request", payload)
            message.violations += map(str, found)
            if found:
                error = error or Error(found[0].code, str(found[0]))
        if error is None and (reason := self._out_of_turn(message.action)):
            message.violations.append(reason)
            if self.registration in ("Pending", "Rejected"):
                error = Error("SecurityError", reason)
        self._unanswered[message.message_id] = message
        self._record(message)
        if error is None:
            self._take_in(message)
        scripted = self.csms.script.next(message.action)
        if scripted is None:
            self._answer(message, error or answers.default(self, message), now_ns)
        else:
            self._answer(message, scripted(self, message) if callable(scripted) else scripted, now_ns)

    def _second_call(self, now_ns: int) -> Iterator[str]:
        """Part 4, 4.1.1: one CALL at a time, unless the earlier one timed out at the station."""
        limit = int(self.csms.message_timeout_s * NS_PER_S)
        for earlier in self._unanswered.values():
            if now_ns - earlier.at_ns < limit:
                yield (
                    f"CALL while {earlier.action} [{earlier.message_id}] is unanswered since "
                    f"{(now_ns - earlier.at_ns) / NS_PER_S:.3f} s (Part 4, 4.1.1)"
                )

    def _out_of_turn(self, action: str) -> str:
        if action == "BootNotification" or self.registration == "Accepted" or action in self._triggered:
            return ""
        if self.registration is None:
            return f"{action} before any BootNotification (B01.FR.08)" if self.csms.expect_boot else ""
        return f"{action} while the registration is {self.registration} (B01.FR.10, B02.FR.09, B03.FR.07)"

    def _take_in(self, message: Message) -> None:
        payload = message.payload
        match message.action:
            case "BootNotification":
                self.boot = payload
            case "StatusNotification":
                self.connectors[payload["evseId"], payload["connectorId"]] = payload["connectorStatus"]
            case "NotifyReport":
                self.device_model.add(payload)
            case "NotifyEvent":
                for event in payload["eventData"]:
                    evse = event["component"].get("evse", {})
                    named = (event["component"]["name"].casefold(), event["variable"]["name"].casefold())
                    if named == ("connector", "availabilitystate"):
                        place = (evse.get("id", 0), evse.get("connectorId", 0))
                        self.connectors[place] = event["actualValue"]
            case "TransactionEvent":
                identifier = payload["transactionInfo"]["transactionId"]
                transaction = self.transactions.setdefault(identifier, Transaction(identifier))
                transaction.events.append(payload)
                _trim(self.transactions, KEPT_TRANSACTIONS)

    def _answer(self, request: Message, answer: Answer | Payload, now_ns: int) -> None:
        message_id, action = request.message_id, request.action
        match answer:
            case Withhold():
                return
            case Raw(text):
                text = text.replace("{id}", message_id)
                self._record(Message(now_ns, "out", "INVALID", message_id, action, {}, text=text))
                self._outbox.append(text)
            case Error():
                self._send_error(message_id, action, answer, now_ns)
            case _:
                self._send_result(message_id, action, answer, now_ns)
        self._unanswered.pop(message_id, None)

    def _send_result(self, message_id: str, action: str, answer: Result | Payload, now_ns: int) -> None:
        payload = answer.payload if isinstance(answer, Result) else answer
        text = dumps([3, message_id, payload])
        message = Message(now_ns, "out", "CALLRESULT", message_id, action, payload, text=text)
        message.violations += schemas.validate(action, "Response", payload)
        if action == "BootNotification":
            self.registration = payload.get("status")
            self._triggered.clear()
        self._record(message)
        self._outbox.append(text)

    def _send_error(self, message_id: str, action: str, error: Error, now_ns: int) -> None:
        description = error.description[:ERROR_DESCRIPTION_LENGTH]
        text = dumps([4, message_id, error.code, description, error.details])
        self._record(
            Message(
                now_ns, "out", "CALLERROR", message_id, action, error.details, error.code, description, text
            )
        )
        self._outbox.append(text)

    def _receive_response(self, message: Message, rest: list[Any], now_ns: int) -> None:
        call = self._calls.get(message.message_id)
        if call is not None:
            message.action = call.message.action
        if message.type == "CALLRESULT":
            message.payload = rest[0] if isinstance(rest[0], dict) else {}
            if call is not None:
                message.violations += schemas.validate(message.action, "Response", rest[0])
        else:
            message.violations += _check_error(*rest)
            message.error_code, message.error_description = str(rest[0]), str(rest[1])
            message.payload = rest[2] if isinstance(rest[2], dict) else {}
        # "-1" answers what the station could not read (Part 4, 4.2.3): there is no CALL to match.
        unreadable = message.type == "CALLERROR" and message.message_id == "-1"
        if call is None or call.sent_ns is None:
            if not unreadable:
                message.violations.append(f"{message.type} to no CALL of the CSMS: id {message.message_id!r}")
        elif call.response is not None:
            message.violations.append(f"second answer to {message.action} [{message.message_id}]")
        else:
            call.response = message
            if message.type == "CALLRESULT":
                self._allow_triggered(call.message, message)
                self._change_password(call, message)
        self._record(message)
        if self._current == message.message_id:
            self._current = None
            self._send_waiting(now_ns)

    def _change_password(self, call: _Outstanding, response: Message) -> None:
        """A01.FR.03: what the station has accepted is its password from now on."""
        if response.action != "SetVariables" or self.csms.passwords is None:
            return
        asked = json.loads(call.wire)[3]["setVariableData"]
        results = response.payload.get("setVariableResult", [])
        for item, result in zip(asked, results, strict=False):
            new = passwords_in("SetVariables", {"setVariableData": [item]})
            if new and result.get("attributeStatus") in ("Accepted", "RebootRequired"):
                self.csms.passwords[self.identity] = new[0]

    def _allow_triggered(self, request: Message, response: Message) -> None:
        """B02.FR.02: what the station was told to send it may send before it is accepted."""
        if response.payload.get("status") != "Accepted":
            return
        if request.action in _REPORTING:
            self._triggered.add(_REPORTING[request.action])
        elif request.action == "TriggerMessage":
            wanted = str(request.payload.get("requestedMessage", ""))
            self._triggered.add("SignCertificate" if wanted.startswith("Sign") else wanted)


def _loads(text: str, problems: list[str]) -> Any:
    """Strict JSON (no NaN); names of doubled members go into `problems`."""

    def pairs(members: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(members)
        if len(result) < len(members):
            names = [name for name, _ in members]
            doubled = sorted({name for name in names if names.count(name) > 1})
            problems.append(f"member {', '.join(map(repr, doubled))} appears more than once in an object")
        return result

    def constant(name: str) -> Any:
        raise ValueError(f"{name} is no JSON number")

    return json.loads(text, object_pairs_hook=pairs, parse_constant=constant)


def _check_error(code: Any, description: Any, details: Any) -> Iterator[str]:
    if code not in schemas.ERROR_CODES if isinstance(code, str) else True:
        yield f"$[2] = {schemas.shorten(code)}: is no error code of Part 4, 4.3"
    if not isinstance(description, str):
        yield f"$[3] = {schemas.shorten(description)}: the error description is no string"
    elif len(description) > ERROR_DESCRIPTION_LENGTH:
        yield f"$[3] has {len(description)} characters, at most {ERROR_DESCRIPTION_LENGTH} are allowed"
    if not isinstance(details, dict):
        yield f"$[4] = {schemas.shorten(details)}: the error details are no object"


def _trim(mapping: dict[str, Any], limit: int) -> None:
    while len(mapping) > limit:
        del mapping[next(iter(mapping))]
