"""OCPP-J messages, and the ways to answer one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from csms_stub.session import Session

MessageType = Literal["CALL", "CALLRESULT", "CALLERROR", "INVALID"]
Payload = dict[str, Any]

NS_PER_S = 1_000_000_000


class CsmsError(Exception):
    """A scenario asked the CSMS for what it cannot do. The message is one clear line."""


@dataclass(slots=True)
class Message:
    """One OCPP-J message as it went over the wire.

    `at_ns` is virtual time. `direction` is seen from the CSMS: "in" came from the station. `action` is also
    set for responses (that of the CALL they answer), "" where unknown. `type` is INVALID for what is no
    OCPP-J message at all; `text` is what was on the wire. `violations` says what is wrong with it, each with
    field, value and rule.
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

    def as_json(self) -> dict[str, Any]:
        """All fields, for a JSON-lines transcript."""
        return asdict(self)

    def __str__(self) -> str:
        what = f"{self.type} {self.action}".rstrip()
        if self.type == "CALLERROR":
            what += f" {self.error_code}"
        return f"{self.at_ns / NS_PER_S:.3f} s {self.direction} {what} [{self.message_id}]"


@dataclass(frozen=True, slots=True)
class Result:
    """Answer a CALL with a CALLRESULT of this payload, valid or not."""

    payload: Payload


@dataclass(frozen=True, slots=True)
class Error:
    """Answer a CALL with a CALLERROR (Part 4, 4.2.3)."""

    code: str = "InternalError"
    description: str = ""
    details: Payload = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Withhold:
    """Do not answer the CALL; `Session.reply` can later."""


@dataclass(frozen=True, slots=True)
class Raw:
    """Answer with this text, whatever it is; ``{id}`` in it becomes the message id of the CALL."""

    text: str


Answer = Result | Error | Withhold | Raw
Handler = Callable[["Session", Message], Answer | Payload]
"""Called with the session and the CALL; its `at_ns` is the time."""
Scripted = Answer | Payload | Handler


def date_time(epoch: datetime, now_ns: int) -> str:
    """RFC 3339 in UTC with milliseconds, `now_ns` after `epoch`."""
    moment = epoch + timedelta(milliseconds=now_ns // 1_000_000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def dumps(value: Any) -> str:
    """JSON as it goes over the wire: compact, not escaped where UTF-8 can say it."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        # A lone surrogate that came escaped can only go back escaped.
        return json.dumps(value, separators=(",", ":"))
    return text
