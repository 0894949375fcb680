"""What all keywords share: the rig, waiting in virtual time, and telling what went wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from robot.api import logger
from robot.libraries.BuiltIn import BuiltIn, RobotNotRunningError

from bench.emulators.base import NS_PER_S
from bench.keywords.fields import MISSING, mismatches, shown, value_at
from bench.rig import NotInTime, Rig, RigError
from csms_stub.messages import Message
from csms_stub.session import Session

T = TypeVar("T")

STEP_TIMEOUT_S = 60.0
_TOLD = 16
TELLING = {
    "TransactionEvent": (
        "eventType",
        "triggerReason",
        "transactionInfo.chargingState",
        "transactionInfo.stoppedReason",
        "seqNo",
        "evse.id",
        "idToken.idToken",
        "offline",
        "idTokenInfo.status",
    ),
    "StatusNotification": ("evseId", "connectorId", "connectorStatus"),
    "Authorize": ("idToken.idToken", "idTokenInfo.status"),
    "BootNotification": ("reason", "status"),
    "SecurityEventNotification": ("type",),
    "NotifyEvent": (
        "eventData[*].component.name",
        "eventData[*].variable.name",
        "eventData[*].actualValue",
        "eventData[*].trigger",
    ),
    "SetVariables": (
        "setVariableData[*].variable.name",
        "setVariableData[*].attributeValue",
        "setVariableResult[*].attributeStatus",
    ),
    "GetVariables": (
        "getVariableData[*].variable.name",
        "getVariableResult[*].attributeStatus",
        "getVariableResult[*].attributeValue",
    ),
}
"""What tells a message from others of its action; for those that are not here, see `told`."""
TELLING_MOST = ("status", "type", "requestId", "evseId", "evse.id", "transactionId", "requestedMessage")


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in virtual time."""

    at_ns: int


class Keywords:
    """The station of a scenario, which of its messages a step has had, and what the scenario did to it."""

    def __init__(self) -> None:
        super().__init__()
        self._rig: Rig | None = None
        self._mark = 0
        self._taken: set[int] = set()
        self._connections_seen = 0
        self._acts: list[tuple[int, str, str]] = []

    @property
    def rig(self) -> Rig:
        if self._rig is None:
            raise AssertionError("There is no station: `Prepare The Station` comes first")
        return self._rig

    @property
    def station(self) -> Session:
        sessions = self.rig.csms.sessions
        if not sessions:
            raise AssertionError("The station has not connected yet")
        return next(iter(sessions.values()))

    def _begin(self, rig: Rig) -> None:
        """A new station: what another one did answers no step."""
        self._rig = rig
        self._mark = self._connections_seen = 0
        self._taken.clear()
        self._acts.clear()

    def _from_now_on(self) -> None:
        """A step begins: what the station sent before it answers no later one."""
        self._mark = len(self.station.transcript) if self.rig.csms.sessions else 0

    def _requests(self, since: int, action: str | None = None) -> list[Message]:
        return self.station.requests(action, since=since) if self.rig.csms.sessions else []

    def _inward(self) -> list[Message]:
        return [message for message in self.station.transcript if message.direction == "in"]

    def _untaken(self, action: str, since: int) -> Message | None:
        """The first request of `action` from there on that no step has had."""
        return next((m for m in self._requests(since, action) if id(m) not in self._taken), None)

    def _next_request(self, action: str) -> Message | None:
        message = self._untaken(action, self._mark)
        return self._take(message) if message else None

    def _take(self, message: Message) -> Message:
        self._taken.add(id(message))
        return message

    def _check(self, message: Message, fields: Mapping[str, Any]) -> None:
        wrong = mismatches(message.payload, fields)
        if wrong:
            when = f"{name_of(message)} at {message.at_ns / NS_PER_S:.3f} s"
            raise AssertionError(f"{when}: {'; '.join(wrong)}{self._story(message)}")

    def _wait(self, what: str, condition: Callable[[], T | None], within: float = STEP_TIMEOUT_S) -> T:
        try:
            return self.rig.run_until(what, condition, float(within))
        except RigError as error:
            last = f"\nLast log line of the station: {self.rig.log[-1].text}" if self.rig.log else ""
            raise AssertionError(f"{error}{self._story()}{last}") from None
        except AssertionError as error:
            if "\n" in str(error):
                raise
            raise AssertionError(f"{error}{self._story()}") from None

    def _wait_briefly(self, what: str, condition: Callable[[], T | None], within: float) -> T | None:
        """What `condition` returns, None where it returns nothing in that time."""
        try:
            return self.rig.run_until(what, condition, float(within))
        except NotInTime:
            return None

    def _stays_out(self, what: str, intruder: Callable[[], Message | None], seconds: float) -> None:
        """Let `seconds` pass; fail on a message that `intruder` finds."""
        message = self._wait_briefly(what, intruder, seconds)
        if message:
            raise AssertionError(f"The station must not send {told(message).strip()}{self._story()}")

    def _note(self, who: str, act: str) -> None:
        """Remember what the scenario did, for the story of a failure and for the trace."""
        self._acts.append((self.rig.now_ns, who, act))

    def _story(self, about: Message | None = None) -> str:
        """What happened last, a line each: messages between station and CSMS, and what the scenario did. With
        `about` what is near that message, which is marked.
        """
        transcript = self.station.transcript if self.rig.csms.sessions else []
        lines = [(m.at_ns, told(m), m is about) for m in transcript]
        lines += [(at_ns, _line(at_ns, f"{who:>7} : {act}"), False) for at_ns, who, act in self._acts]
        if not lines:
            return "\nNothing has happened"
        lines.sort(key=lambda line: line[0])
        place = next((n for n, line in enumerate(lines) if line[2]), len(lines))
        end = min(len(lines), max(place + _TOLD // 3, _TOLD))
        near = lines[max(0, end - _TOLD) : end]
        heading = "What happened last:" if end == len(lines) else "What happened about then:"
        return f"\n{heading}" + "".join(f"\n{'=>' if marked else '  '} {text}" for _, text, marked in near)


def told(message: Message) -> str:
    """A message in a line: when, which way, what, and the fields that tell it from others."""
    way = "station >" if message.direction == "in" else "   CSMS >"
    found = ((path, value_at(message.payload, path)) for path in TELLING.get(message.action, TELLING_MOST))
    fields = [_told_field(path, value) for path, value in found if value not in (MISSING, [])]
    return _line(message.at_ns, f"{way} {name_of(message)} {' '.join(fields)}").rstrip()


def _line(at_ns: int, text: str) -> str:
    return f"{at_ns / NS_PER_S:9.3f} s {text}"


def _told_field(path: str, value: Any) -> str:
    owner, _, name = path.replace("[*]", "").rpartition(".")
    if name in ("id", "name"):
        name = owner.rpartition(".")[2]
    values = value if isinstance(value, list) else [value]
    return f"{name}={','.join(map(shown, values))}"


def name_of(message: Message) -> str:
    """As Part 2 calls it: BootNotificationRequest, BootNotificationResponse."""
    if message.type == "CALL":
        return f"{message.action}Request"
    if message.type == "CALLRESULT":
        return f"{message.action}Response"
    return f"{message.type} {message.error_code} to {message.action}".strip()


def variable(name: str, default: Any) -> Any:
    """A Robot variable; `default` where it is not set or empty, and outside Robot."""
    try:
        value = BuiltIn().get_variable_value(f"${{{name}}}")
    except RobotNotRunningError:
        return default
    return default if value in (None, "") else value


def connectors() -> list[tuple[int, int]]:
    """EVSE and connector of each of ``@{CONNECTORS}``."""
    pairs = (str(name).split(".") for name in variable("CONNECTORS", ["1.1", "2.1"]))
    return [(int(evse), int(connector)) for evse, connector in pairs]


def joined(messages: list[Message]) -> str:
    return ", ".join(map(str, messages))


def write_log(title: str, lines: list[str]) -> None:
    logger.info(f"{title} ({len(lines)} lines)\n" + "\n".join(lines))
