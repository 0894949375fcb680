"""OCPP-J of one charging station as the CSMS sees it: text in, text out, no I/O, no clock of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Payload = dict[str, Any]
MessageType = Literal["CALL", "CALLRESULT", "CALLERROR", "INVALID"]


class CsmsError(Exception):
    """A scenario asked the CSMS for what it cannot do. The message is one clear line."""


@dataclass(slots=True)
class Message:
    """One OCPP-J message as it went over the wire.

    `at_ns` is virtual time. `direction` is seen from the CSMS: "in" came from the station. `action` is also
    set for responses (that of the CALL they answer), "" where unknown. `type` is INVALID for what is no
    OCPP-J message at all; `text` always holds what was on the wire. `violations` names what is wrong with it.
    """

    at_ns: int
    direction: Literal["in", "out"]
    type: MessageType
    message_id: str
    action: str
    payload: Payload
    error_code: str = ""
    error_description: str = ""
    text: str = ""
    violations: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Result:
    """Answer a CALL with this payload."""

    payload: Payload


@dataclass(frozen=True, slots=True)
class Error:
    """Answer a CALL with a CALLERROR (Part 4, 4.2.3)."""

    code: str = "InternalError"
    description: str = ""
    details: Payload = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Withhold:
    """Do not answer the CALL (Session.reply can, later)."""


@dataclass(frozen=True, slots=True)
class Raw:
    """Answer with this text, whatever it is; ``{id}`` in it stands for the message id of the CALL."""

    text: str


Answer = Result | Error | Withhold | Raw
Handler = Callable[["Session", Message], Answer | Payload]


class Session:
    """One station, over all its connections. Made by Csms; a scenario gets it from `Csms.session()`.

    identity      of the station
    connected     is a WebSocket open now
    transcript    list[Message], all messages both ways since the station was first seen
    violations    list[str], of all messages, each prefixed with time, direction, action
    boot          payload of the last BootNotification, or None
    device_model  DeviceModel, from all NotifyReport so far: .value("OCPPCommCtrlr.HeartbeatInterval")
    connectors    dict[(evse, connector), status] from StatusNotification / NotifyEvent
    transactions  dict[transaction id, Transaction] from TransactionEvent
    """

    identity: str
    connected: bool
    transcript: list[Message]

    def requests(self, action: str | None = None, *, since: int = 0) -> list[Message]:
        """CALLs the station sent, of `action` or all, from transcript index `since` on."""
        raise NotImplementedError

    def call(self, action: str, payload: Payload, now_ns: int, *, timeout_s: float = 30) -> str:
        """Send a CALL to the station and return its message id. While another CALL is unanswered it waits in
        a queue (Part 4, 4.1.1). Raises CsmsError where the station is not connected, or for a payload that
        violates the schema (use `send_raw` to send rubbish)."""
        raise NotImplementedError

    def response(self, message_id: str) -> Message | None:
        """The CALLRESULT or CALLERROR to a CALL of ours, None while there is none."""
        raise NotImplementedError

    def timed_out(self, message_id: str) -> bool:
        """Our CALL was given up: no answer within its timeout, or the connection was lost."""
        raise NotImplementedError

    def reply(self, message_id: str, answer: Answer | Payload, now_ns: int) -> None:
        """Answer a CALL of the station whose answer was withheld."""
        raise NotImplementedError

    def send_raw(self, text: str, now_ns: int) -> None:
        """Put any text into a WebSocket text message."""
        raise NotImplementedError


class Script:
    """What the CSMS answers; shared by all its sessions. Reached through the methods of Csms."""

    def answer(self, action: str, answer: Answer | Payload | Handler, *, times: int | None = None) -> None:
        """Answer the next `times` CALLs of `action` (None: all from now on) with this. Later wins; when its
        times are used up, what stood before counts again."""
        raise NotImplementedError

    def restore(self, action: str | None = None) -> None:
        """Back to the default answers."""
        raise NotImplementedError


_unused: Mapping[str, str] = {}
